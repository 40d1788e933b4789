/**
 * Asks the provider about a token, whole (`introspect`) or in two halves (`request`, `process`).
 *
 * **Details**
 *
 * - Of a token that is not active, nothing but that is given out.
 * - Where `introspectionSignedResponseAlg` is registered, the answer must be a JWT with that signature, type, issuer and
 *   audience; plain JSON is refused.
 * - A token that DPoP binds must be of type `DPoP`, where its type is named.
 *
 * **Example** (Is it still good?)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Discovery, Introspection } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const provider = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ active: true, scope: "openid email" })))
 * )
 *
 * const program = Introspection.introspect(Redacted.make("an-access-token")).pipe(
 *   Effect.map((token) => (token.active ? token.scope : [])),
 *   Effect.provide(
 *     Ciba.layerNoDiscovery({
 *       clientId: "bank-app",
 *       authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 *     }).pipe(
 *       Layer.provide(Layer.succeed(HttpClient.HttpClient, provider)),
 *       Layer.provide(
 *         Discovery.layerStatic({
 *           issuer: "https://op.example.com",
 *           introspection_endpoint: "https://op.example.com/introspect"
 *         })
 *       )
 *     )
 *   )
 * )
 *
 * await Effect.runPromise(program) // => ["openid", "email"]
 * ```
 *
 * @see RFC 7662, RFC 9701
 */
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import type { HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { Decrypter } from "../client/Decrypter.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import type { JwsAlgorithm } from "../crypto/JwsAlgorithm.ts"
import { Transport } from "../http/Transport.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"
import * as IntrospectedToken from "./IntrospectedToken.ts"
import { IntrospectionError, InvalidIntrospection, NotSigned, UnexpectedValue } from "./IntrospectionError.ts"
import { fromTransportError, type TokenError } from "./TokenError.ts"
import * as TokenManagement from "./TokenManagement.ts"
import { ensureSuccess } from "./TokenRequest.ts"

export { ActiveToken, type Confirmation, InactiveToken, type IntrospectedToken } from "./IntrospectedToken.ts"
export { IntrospectionError } from "./IntrospectionError.ts"

/** What goes with the token. */
export type Options = TokenManagement.Options

/** Why there is no answer that can be believed. */
export type IntrospectError = IntrospectionError | TokenError | DiscoveryError

/** Introspection whole, and in its two halves. */
export interface Service {
  /** Sends the request and gives the raw response. */
  readonly request: TokenManagement.PresentToken
  /** Reads a response: what the provider says, once it is believed. */
  readonly process: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError>
  /** Sends and reads. */
  readonly introspect: (
    token: Redacted.Redacted<string>,
    options?: Options
  ) => Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError>
}

/** The introspection endpoint. */
export class Introspection extends Context.Service<Introspection, Service>()("@effect-ciba/core/Introspection") {}

/** The endpoint of the provider at hand, asked as the client at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | ProviderKeys | Transport> =
  Effect.gen(function* () {
    const { clientId, introspectionSignedResponseAlg: algorithm, senderConstraint } = yield* ClientRegistration
    const discovery = yield* Discovery
    const transport = yield* Transport
    const signature = yield* SignatureVerifier.make
    const opener = yield* Decrypter
    const request = yield* TokenManagement.make(
      "introspection_endpoint",
      algorithm === undefined ? "application/json" : `application/${jwtType}`
    )

    const plain = Effect.fnUntraced(function* (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.fn.Return<unknown, TokenError> {
      const answer = yield* Effect.mapError(transport.json(response), fromTransportError)
      yield* ensureSuccess(answer, response.request)
      return answer.body
    })

    /** The signed token in an encrypted one; what is not encrypted, stays as it is. */
    const opened = (jwt: Redacted.Redacted<string>): Effect.Effect<Redacted.Redacted<string>, IntrospectionError> =>
      opener === undefined
        ? Effect.succeed(jwt)
        : opener.decrypt(jwt).pipe(
            Effect.catchTag("NotEncrypted", () => Effect.succeed(jwt)),
            Effect.mapError((reason) => new IntrospectionError({ reason }))
          )

    const signed = Effect.fnUntraced(function* (
      response: HttpClientResponse.HttpClientResponse,
      algorithm: JwsAlgorithm
    ): Effect.fn.Return<unknown, IntrospectError> {
      const { text } = yield* Effect.mapError(transport.text(response), fromTransportError)
      if (!isJwt(response)) return yield* refused(new NotSigned({ expected: algorithm }))
      const jwt = yield* opened(Redacted.make(text, { label: "introspection response" }))
      const { typ = "" } = yield* Effect.catch(Effect.fromResult(JsonWebToken.readHeader(jwt)), refused)
      if (typ.toLowerCase().replace(/^application\//, "") !== jwtType) yield* unexpected("typ", jwtType, typ)
      const payload = yield* Effect.mapError(signature(jwt, algorithm), (reason) =>
        reason._tag === "DiscoveryError" ? reason : new IntrospectionError({ reason })
      )
      const { aud, iss, token_introspection } = yield* Effect.mapError(decodeClaims(payload), invalid)
      const { issuer } = yield* discovery.metadata
      if (iss !== issuer) yield* unexpected("iss", issuer, iss)
      const audience = typeof aud === "string" ? [aud] : aud
      if (!audience.includes(clientId)) yield* unexpected("aud", clientId, audience.join(" "))
      return token_introspection
    })

    const process: Service["process"] = Effect.fnUntraced(function* (response) {
      const body = yield* algorithm === undefined || response.status !== 200
        ? plain(response)
        : signed(response, algorithm)
      const token = yield* Effect.mapError(IntrospectedToken.decode(body), invalid)
      if (!token.active) return token
      const { confirmation, tokenType = "DPoP" } = token
      const isBound = senderConstraint.tokenType === "DPoP" || confirmation?.jkt !== undefined
      return isBound && tokenType !== "DPoP" ? yield* unexpected("token_type", "DPoP", tokenType) : token
    })

    return Introspection.of({
      request,
      process,
      introspect: (token, options) => Effect.flatMap(request(token, options), process)
    })
  })

/** The endpoint as a layer. */
export const layer = (): Layer.Layer<Introspection, never, ClientRegistration | Discovery | ProviderKeys | Transport> =>
  Layer.effect(Introspection, make)

/** Sends the request and gives the raw response. */
export const request = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError, Introspection> =>
  Introspection.use((introspection) => introspection.request(token, options))

/** Reads a response: what the provider says, once it is believed. */
export const process = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError, Introspection> =>
  Introspection.use((introspection) => introspection.process(response))

/** What the provider says about a token. */
export const introspect = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError, Introspection> =>
  Introspection.use((introspection) => introspection.introspect(token, options))

const jwtType = "token-introspection+jwt"

const isJwt = ({ headers }: HttpClientResponse.HttpClientResponse): boolean =>
  /^application\/token-introspection\+jwt\s*(;|$)/i.test(headers["content-type"] ?? "")

const decodeClaims = Schema.decodeUnknownEffect(
  Schema.Struct({
    iss: Schema.String,
    aud: Schema.Union([Schema.String, Schema.Array(Schema.String)]),
    token_introspection: Schema.Unknown
  }),
  { errors: "all" }
)

const refused = (reason: IntrospectionError["reason"]): Effect.Effect<never, IntrospectionError> =>
  Effect.fail(new IntrospectionError({ reason }))

const invalid = (error: Schema.SchemaError): IntrospectionError =>
  new IntrospectionError({ reason: new InvalidIntrospection({ issues: truncateIssues(error) }) })

const unexpected = (
  member: UnexpectedValue["member"],
  expected: string,
  actual: string
): Effect.Effect<never, IntrospectionError> =>
  refused(new UnexpectedValue({ member, expected, actual: sanitize(actual, 200) }))
