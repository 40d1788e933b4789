/**
 * The introspection endpoint: the provider says whether a token is active, and what it stands for.
 *
 * **When to use**
 *
 * - To find out whether a token is still valid, or what an opaque access token grants.
 * - `introspect` sends the request and reads the response; `request` and `process` are its halves, for a response that is
 *   inspected in between.
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
 *       Layer.provideMerge(
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
import { Effect, type Redacted, Schema } from "effect"
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
 * The services that introspection needs; `Ciba.layer` provides them.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Requirements = ClientRegistration | Discovery | ProviderKeys | Transport

/**
 * Sends the request and gives the raw response.
 *
 * @since 0.1.0
 * @stability stable
 */
export const request = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError, Requirements> =>
  ClientRegistration.use(({ introspectionSignedResponseAlg: algorithm }) =>
    TokenManagement.send(
      "introspection_endpoint",
      algorithm === undefined ? "application/json" : `application/${type}`,
      token,
      options
    )
  )

/**
 * Reads a raw response; fails unless it is verified.
 *
 * @since 0.1.0
 * @stability stable
 */
export const process = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError, Requirements> => processToken(response, false)

/**
 * Asks the provider for the state of a token.
 *
 * @since 0.1.0
 * @stability stable
 */
export const introspect = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<IntrospectedToken.IntrospectedToken, IntrospectError, Requirements> =>
  Effect.flatMap(request(token, options), (response) =>
    processToken(response, options?.tokenTypeHint === "refresh_token")
  )

const processToken = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse,
  isRefreshToken: boolean
): Effect.fn.Return<IntrospectedToken.IntrospectedToken, IntrospectError, Requirements> {
  const { introspectionSignedResponseAlg: algorithm, senderConstraint } = yield* ClientRegistration
  const isSigned = response.status === 200 && algorithm !== undefined
  const members = yield* isSigned ? readSigned(response, algorithm) : readJson(response)
  const token = yield* Effect.mapError(IntrospectedToken.decode(members), toInvalid)
  if (!token.active) return token
  const { confirmation, tokenType = "DPoP" } = token
  const isBound = confirmation?.jkt !== undefined || (senderConstraint.tokenType === "DPoP" && !isRefreshToken)
  if (!isBound || tokenType === "DPoP") return token
  const reason = new UnexpectedValue({ member: "token_type", expected: "DPoP", actual: sanitize(tokenType) })
  return yield* new IntrospectionError({ reason })
})

const readJson = (response: HttpClientResponse.HttpClientResponse) =>
  Transport.use((transport) => Effect.map(readSuccess(transport, response), ({ body }) => body))

const type = "token-introspection+jwt"

/** Reads the token's state from a signed response (RFC 9701). */
const signedClaims = Schema.Struct({
  iss: Schema.String,
  aud: Schema.Union([Schema.String, Texts]),
  token_introspection: Schema.Unknown
})

const readSigned = (response: HttpClientResponse.HttpClientResponse, algorithm: JwsAlgorithm) =>
  SignedResponse.read(response, { mediaType: `application/${type}`, type, algorithm, claims: signedClaims }).pipe(
    Effect.map(({ token_introspection }) => token_introspection),
    Effect.mapError(toError)
  )

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
