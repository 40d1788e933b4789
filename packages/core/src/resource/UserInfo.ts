/**
 * The UserInfo endpoint: claims about the end-user who approved, fetched with their access token.
 *
 * **When to use**
 *
 * - For claims that the ID Token does not have, such as those of the scopes `profile` and `email`.
 * - `claims` sends the request and reads the response; `request` and `process` are its halves, for a response that is
 *   inspected in between.
 *
 * **Details**
 *
 * - `sub` has to be that of the ID Token (OpenID Connect Core 5.3.2).
 * - With `userInfoSignedResponseAlg`, the response has to be a JWT with a signature in that algorithm; its `iss`, `aud`
 *   and `exp` are validated if present. Otherwise it has to be JSON.
 * - With `IdTokenDecryption.layer`, the response may be encrypted to the same keys, with the same algorithms.
 *
 * **Example** (The end-user's name)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Discovery, UserInfo } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const provider = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ sub: "jo", name: "Jo Doe" })))
 * )
 *
 * // The identity is what `Ciba.authenticate` gives.
 * const identity = { subject: "jo", accessToken: Redacted.make("a-token"), tokenType: "Bearer", dpopKey: undefined }
 *
 * const program = UserInfo.claims(identity).pipe(
 *   Effect.map((claims) => claims.name),
 *   Effect.provide(
 *     Ciba.layerNoDiscovery({ clientId: "bank-app", authentication: ClientAuthentication.none }).pipe(
 *       Layer.provide(Layer.succeed(HttpClient.HttpClient, provider)),
 *       Layer.provideMerge(
 *         Discovery.layerStatic({ issuer: "https://op.example.com", userinfo_endpoint: "https://op.example.com/me" })
 *       )
 *     )
 *   )
 * )
 *
 * await Effect.runPromise(program) // => "Jo Doe"
 * ```
 *
 * @see OpenID Connect Core 5.3
 */
import { Clock, DateTime, Duration, Effect, Schema } from "effect"
import type { Headers, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { cancelBody, failStatus, Transport } from "../http/Transport.ts"
import { Expired, InvalidClaims, WrongIssuer } from "../identity/IdTokenError.ts"
import * as StandardClaims from "../identity/StandardClaims.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import { EpochSeconds } from "../internal/EpochSeconds.ts"
import { decisive, Texts } from "../internal/ForeignMember.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as ProviderMetadata from "../provider/ProviderMetadata.ts"
import * as SignedResponse from "../provider/SignedResponse.ts"
import * as ProtectedResource from "./ProtectedResource.ts"
import { fromReason, type ResourceError } from "./ResourceError.ts"
import { NotSigned, UnexpectedJwt, UserInfoError, WrongAudience, WrongSubject } from "./UserInfoError.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export { NotSigned, UnexpectedJwt, UserInfoError, WrongAudience, WrongSubject } from "./UserInfoError.ts"

const members = Schema.Struct({
  ...StandardClaims.members,
  sub: Schema.NonEmptyString,
  iss: decisive(Schema.String),
  aud: decisive(Schema.Union([Schema.String, Texts])),
  /** Seconds since the epoch. */
  exp: decisive(EpochSeconds)
})

/**
 * The claims of UserInfo, under the specifications' own names. A standard claim that cannot be read counts as absent; claims that are not
 * listed pass through.
 *
 * @since 0.1.0
 * @stability stable
 */
export type UserInfoClaims = typeof members.Type & { readonly [claim: string]: unknown }

/**
 * Schema of the claims.
 *
 * @since 0.1.0
 * @stability stable
 */
export const UserInfoClaims: Schema.Decoder<UserInfoClaims> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/**
 * An end-user and an access token issued for them; a `VerifiedIdentity` is one.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Identity extends ProtectedResource.Tokens {
  readonly subject: string
}

/**
 * In place of a subject, accepts claims about any end-user. Only for access tokens whose subject is not known: an
 * attacker who can substitute the token gets the claims of another end-user accepted (OpenID Connect Core 5.3.2).
 *
 * @since 0.1.0
 * @stability stable
 */
export const skipSubjectCheck: unique symbol = Symbol.for("@effect-ciba/core/UserInfo/skipSubjectCheck")

/**
 * What a request may carry besides the token.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  readonly headers?: Headers.Input | undefined
}

/**
 * The services that UserInfo needs; `Ciba.layer` provides them.
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
export const request = Effect.fnUntraced(function* <A extends ProtectedResource.Tokens, E = never>(
  source: A | ProtectedResource.RefreshableTokens<A, E>,
  options?: Options
): Effect.fn.Return<HttpClientResponse.HttpClientResponse, ResourceError | DiscoveryError | E, Requirements> {
  const { mutualTls } = yield* ClientRegistration
  const discovery = yield* Discovery
  const url = yield* ProviderMetadata.endpoint(yield* discovery.metadata, "userinfo_endpoint", mutualTls)
  const client = yield* ProtectedResource.make(source)
  return yield* client.get(url, { headers: options?.headers, accept: `application/json, ${mediaType}` })
})

/**
 * Reads a raw response; fails unless its claims are verified and about this subject of an ID Token.
 *
 * @since 0.1.0
 * @stability stable
 */
export const process = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse,
  subject: string | typeof skipSubjectCheck
): Effect.fn.Return<UserInfoClaims, UserInfoError | ResourceError | DiscoveryError, Requirements> {
  yield* ensureSuccess(response)
  const claims = yield* readClaims(response)
  if (subject === skipSubjectCheck || subject === claims.sub) return claims
  return yield* new UserInfoError({ reason: new WrongSubject() })
})

/**
 * Fetches the verified claims about the end-user of an identity.
 *
 * @since 0.1.0
 * @stability stable
 */
export const claims = Effect.fnUntraced(function* <A extends Identity, E = never>(
  source: A | ProtectedResource.RefreshableTokens<A, E>,
  options?: Options
): Effect.fn.Return<UserInfoClaims, UserInfoError | ResourceError | DiscoveryError | E, Requirements> {
  const response = yield* request(source, options)
  return yield* process(response, (yield* ProtectedResource.currentTokens(source)).subject)
})

const mediaType = "application/jwt"

const ensureSuccess = Effect.fnUntraced(function* (response: HttpClientResponse.HttpClientResponse) {
  const refusal = ProtectedResource.readChallengeError(response)
  if (refusal !== undefined) return yield* Effect.andThen(cancelBody(response), refusal)
  if (response.status !== 200) return yield* Effect.mapError(failStatus(response), fromReason)
})

/** Reads the claims of a successful response, JSON or JWT. */
const readClaims = Effect.fnUntraced(function* (response: HttpClientResponse.HttpClientResponse) {
  const { clockTolerance, userInfoSignedResponseAlg: algorithm } = yield* ClientRegistration
  if (algorithm === undefined && !SignedResponse.hasMediaType(response, mediaType)) {
    const { json } = yield* Transport
    const { body } = yield* Effect.mapError(json(response), fromReason)
    return yield* Effect.mapError(decodeClaims(body), toInvalidClaims)
  }
  const read = yield* Effect.mapError(
    SignedResponse.read(response, { mediaType, algorithm, claims: UserInfoClaims }),
    toError
  )
  const { exp = Number.POSITIVE_INFINITY } = read
  if (exp * 1000 + Duration.toMillis(clockTolerance) > (yield* Clock.currentTimeMillis)) return read
  return yield* new UserInfoError({ reason: new Expired({ at: DateTime.fromEpochSeconds(exp) }) })
})

const decodeClaims = Schema.decodeUnknownEffect(UserInfoClaims, { errors: "all" })

const toInvalidClaims = (error: Schema.SchemaError): UserInfoError =>
  new UserInfoError({ reason: new InvalidClaims({ issues: truncateIssues(error) }) })

const toError = (error: SignedResponse.ReadError): UserInfoError | ResourceError | DiscoveryError => {
  if (error._tag === "DiscoveryError") return error
  if (error._tag === "TransportError") return fromReason(error)
  if (error._tag === "SchemaError") return toInvalidClaims(error)
  return new UserInfoError({ reason: error._tag === "Mismatch" ? toReason(error) : error })
}

const toReason = ({ actual, expected, member }: SignedResponse.Mismatch): UserInfoError["reason"] => {
  if (member === "iss") return new WrongIssuer({ expected, actual })
  if (member === "aud") return new WrongAudience({ expected, actual })
  return expected === "none" ? new UnexpectedJwt() : new NotSigned({ expected })
}
