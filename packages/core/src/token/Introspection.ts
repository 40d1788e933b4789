/**
 * The introspection endpoint: the provider says whether a token is active, and what it stands for.
 *
 * **When to use**
 *
 * - To find out whether a token is still valid, or what an opaque access token grants.
 * - `introspect` sends the request and reads the response. The service has both halves, `request` and `process`, for a
 *   response that is inspected in between.
 *
 * **Details**
 *
 * - Of an inactive token nothing else is read.
 * - With `introspectionSignedResponseAlg`, the response has to be a JWT with a signature in that algorithm, and the
 *   right type, issuer and audience; plain JSON is rejected. It may be encrypted to the keys of
 *   `IdTokenDecryption.layer`.
 * - A token that DPoP binds has to be of type `DPoP`, if its type is named.
 *
 * **Example** (The scope of an active token)
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
import { Context, Effect, Layer, type Redacted, Schema } from "effect"
import type { HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { JwsAlgorithm } from "../crypto/JwsAlgorithm.ts"
import { Transport } from "../http/Transport.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import { Texts } from "../internal/ForeignMember.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as SignedResponse from "../provider/SignedResponse.ts"
import * as IntrospectedToken from "./IntrospectedToken.ts"
import { IntrospectionError, InvalidIntrospection, NotSigned, UnexpectedValue } from "./IntrospectionError.ts"
import { fromTransportError, type TokenError } from "./TokenError.ts"
import * as TokenManagement from "./TokenManagement.ts"
import { readSuccess } from "./TokenRequest.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export { ActiveToken, type Confirmation, InactiveToken, type IntrospectedToken } from "./IntrospectedToken.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export { IntrospectionError, InvalidIntrospection, NotSigned, UnexpectedValue } from "./IntrospectionError.ts"

/**
 * What a request may carry besides the token.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Options = TokenManagement.Options

/**
 * Why the state of a token is not known.
 *
 * @since 0.1.0
 * @stability stable
 */
export type IntrospectError = IntrospectionError | TokenError | DiscoveryError

/**
 * The introspection request and response: together, and in two halves.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Service {
  /** Sends the request and gives the raw response. */
  readonly request: TokenManagement.SendRequest
  /** Reads a raw response; fails unless it is verified. */
  readonly process: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError>
  /** Asks the provider for the state of a token. */
  readonly introspect: (
    token: Redacted.Redacted<string>,
    options?: Options
  ) => Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError>
}

/**
 * The introspection endpoint of a provider.
 *
 * @since 0.1.0
 * @stability stable
 */
export class Introspection extends Context.Service<Introspection, Service>()("@effect-ciba/core/Introspection") {}

/**
 * The endpoint of the configured provider, for the configured client.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | ProviderKeys | Transport> =
  Effect.gen(function* () {
    const { introspectionSignedResponseAlg: algorithm, senderConstraint } = yield* ClientRegistration
    const transport = yield* Transport
    const request = yield* TokenManagement.make(
      "introspection_endpoint",
      algorithm === undefined ? "application/json" : `application/${type}`
    )
    const readSigned = algorithm === undefined ? undefined : yield* makeReadSigned(algorithm)

    const readJson = (response: HttpClientResponse.HttpClientResponse) =>
      Effect.map(readSuccess(transport, response), ({ body }) => body)

    const processToken = Effect.fnUntraced(function* (
      response: HttpClientResponse.HttpClientResponse,
      isRefreshToken: boolean
    ) {
      const read = response.status === 200 && readSigned !== undefined ? readSigned : readJson
      const token = yield* Effect.mapError(IntrospectedToken.decode(yield* read(response)), toInvalid)
      if (!token.active) return token
      const { confirmation, tokenType = "DPoP" } = token
      const isBound = confirmation?.jkt !== undefined || (senderConstraint.tokenType === "DPoP" && !isRefreshToken)
      if (!isBound || tokenType === "DPoP") return token
      const reason = new UnexpectedValue({ member: "token_type", expected: "DPoP", actual: sanitize(tokenType) })
      return yield* new IntrospectionError({ reason })
    })

    return Introspection.of({
      request,
      process: (response) => processToken(response, false),
      introspect: (token, options) =>
        Effect.flatMap(request(token, options), (response) =>
          processToken(response, options?.tokenTypeHint === "refresh_token")
        )
    })
  })

/**
 * Provides `Introspection` for the registration, the provider and its keys in the context.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = (): Layer.Layer<Introspection, never, ClientRegistration | Discovery | ProviderKeys | Transport> =>
  Layer.effect(Introspection, make)

/**
 * Asks the provider for the state of a token.
 *
 * @since 0.1.0
 * @stability stable
 */
export const introspect = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError, Introspection> =>
  Introspection.use((introspection) => introspection.introspect(token, options))

const type = "token-introspection+jwt"

/** Reads the token's state from a signed response (RFC 9701). */
const makeReadSigned = Effect.fnUntraced(function* (algorithm: JwsAlgorithm) {
  const claims = Schema.Struct({
    iss: Schema.String,
    aud: Schema.Union([Schema.String, Texts]),
    token_introspection: Schema.Unknown
  })
  const read = yield* SignedResponse.make({ mediaType: `application/${type}`, type, algorithm, claims })
  return (response: HttpClientResponse.HttpClientResponse) =>
    read(response).pipe(
      Effect.map(({ token_introspection }) => token_introspection),
      Effect.mapError(toError)
    )
})

const toInvalid = (error: Schema.SchemaError): IntrospectionError =>
  new IntrospectionError({ reason: new InvalidIntrospection({ issues: truncateIssues(error) }) })

const toError = (error: SignedResponse.ReadError): IntrospectError => {
  if (error._tag === "DiscoveryError") return error
  if (error._tag === "TransportError") return fromTransportError(error)
  if (error._tag === "SchemaError") return toInvalid(error)
  if (error._tag !== "Mismatch") return new IntrospectionError({ reason: error })
  const { actual, expected, member } = error
  const reason = member === "alg" ? new NotSigned({ expected }) : new UnexpectedValue({ member, expected, actual })
  return new IntrospectionError({ reason })
}
