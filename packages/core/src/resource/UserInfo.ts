/**
 * What the provider tells about the person who approved, whole (`claims`) or in its two halves (`request`, `process`).
 *
 * **Details**
 *
 * - `sub` must be that of the ID Token: claims of anybody else are refused.
 * - Where `userInfoSignedResponseAlg` is registered, UserInfo must be a JWT with that signature, and its issuer, audience
 *   and end are checked where they are there. Otherwise it must be JSON.
 * - With `IdTokenDecryption.layer`, UserInfo may come encrypted to the same keys, with the same algorithms.
 *
 * **Example** (A name for the screen)
 *
 * ```ts
 * import { Ciba, UserHint, UserInfo } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const name = Ciba.authenticate({
 *   scope: ["openid", "profile"],
 *   hint: UserHint.login("jo@example.com")
 * }).pipe(
 *   Effect.flatMap((identity) => UserInfo.claims(identity)),
 *   Effect.map((claims) => claims.name)
 * )
 *
 * Effect.isEffect(name) // => true
 * ```
 *
 * @see OpenID Connect Core 5.3
 */
import { Clock, Context, DateTime, Duration, Effect, Layer, Redacted, Schema } from "effect"
import type { Headers, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { Decrypter } from "../client/Decrypter.ts"
import { cancelBody, makeError, parseRetryAfter, Transport } from "../http/Transport.ts"
import type { TransportError } from "../http/TransportError.ts"
import { Expired, InvalidClaims, WrongIssuer } from "../identity/IdTokenError.ts"
import * as BoundedJson from "../internal/BoundedJson.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as ProviderMetadata from "../provider/ProviderMetadata.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"
import * as ProtectedResource from "./ProtectedResource.ts"
import { ResourceError } from "./ResourceError.ts"
import { NotSigned, UnexpectedJwt, UserInfoError, WrongAudience, WrongSubject } from "./UserInfoError.ts"

export { UserInfoError } from "./UserInfoError.ts"

const members = Schema.Struct({
  sub: Schema.NonEmptyString,
  iss: Schema.optionalKey(Schema.String),
  aud: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  /** Seconds since the epoch. */
  exp: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000 })))
})

/** The claims of UserInfo, under the specifications' own names; claims that are not listed pass through. */
export type UserInfoClaims = typeof members.Type & { readonly [claim: string]: unknown }

/** Schema of the claims. */
export const UserInfoClaims: Schema.Decoder<UserInfoClaims> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/** A person and a token of theirs; a `VerifiedIdentity` is one. */
export interface Identity extends ProtectedResource.Tokens {
  readonly subject: string
}

/**
 * In the place of a subject, claims of anybody are taken. For tokens whose subject is not known, and for no others: whoever
 * can swap tokens could show you another person (OpenID Connect Core 5.3.2).
 */
export const skipSubjectCheck: unique symbol = /* @__PURE__ */ Symbol.for("@effect-ciba/core/UserInfo/skipSubjectCheck")

/** What a request may carry besides the token. */
export interface Options {
  readonly headers?: Headers.Input | undefined
}

/** UserInfo whole, and in its two halves. */
export interface Service {
  /** Sends the request and gives the raw response. */
  readonly request: <A extends ProtectedResource.Tokens, E = never>(
    source: A | ProtectedResource.RefreshableTokens<A, E>,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, ResourceError | DiscoveryError | E>
  /** The claims of a response, once they are believed to be about this subject of an ID Token. */
  readonly process: (
    response: HttpClientResponse.HttpClientResponse,
    subject: string | typeof skipSubjectCheck
  ) => Effect.Effect<UserInfoClaims, UserInfoError | ResourceError | DiscoveryError>
  /** Sends and reads. */
  readonly claims: <A extends Identity, E = never>(
    source: A | ProtectedResource.RefreshableTokens<A, E>,
    options?: Options
  ) => Effect.Effect<UserInfoClaims, UserInfoError | ResourceError | DiscoveryError | E>
}

/** The UserInfo endpoint. */
export class UserInfo extends Context.Service<UserInfo, Service>()("@effect-ciba/core/UserInfo") {}

/** The endpoint of the provider at hand, asked as the client at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Transport | Discovery | ProviderKeys> =
  Effect.gen(function* () {
    const { clientId, clockTolerance, mutualTls, userInfoSignedResponseAlg: algorithm } = yield* ClientRegistration
    const context = yield* Effect.context<ClientRegistration | Transport>()
    const discovery = yield* Discovery
    const transport = yield* Transport
    const signature = yield* SignatureVerifier.make
    const opener = yield* Decrypter

    const request: Service["request"] = Effect.fnUntraced(function* (source, options) {
      const url = yield* ProviderMetadata.endpoint(yield* discovery.metadata, "userinfo_endpoint", mutualTls)
      const client = yield* Effect.provideContext(ProtectedResource.make(source), context)
      return yield* client.get(url, { headers: options?.headers, accept: "application/json, application/jwt" })
    })

    /** The content of a JWT; what is not encrypted, stays as it is. */
    const opened = (jwt: Redacted.Redacted<string>) =>
      opener === undefined
        ? Effect.succeed(jwt)
        : opener.decrypt(jwt).pipe(
            Effect.catchTag("NotEncrypted", () => Effect.succeed(jwt)),
            Effect.mapError((reason) => new UserInfoError({ reason }))
          )

    const payload = Effect.fnUntraced(function* (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.fn.Return<unknown, UserInfoError | ResourceError | DiscoveryError> {
      if (!isJwt(response)) {
        if (algorithm !== undefined) return yield* refused(new NotSigned({ expected: algorithm }))
        return (yield* Effect.mapError(transport.json(response), faulty)).body
      }
      const { text } = yield* Effect.mapError(transport.text(response), faulty)
      const jwt = yield* opened(Redacted.make(text, { label: "UserInfo" }))
      return yield* algorithm === undefined
        ? Effect.catch(decodeJson(Redacted.value(jwt)), () => refused(new UnexpectedJwt()))
        : Effect.mapError(signature(jwt, algorithm), (reason) =>
            reason._tag === "DiscoveryError" ? reason : new UserInfoError({ reason })
          )
    })

    const judged = Effect.fnUntraced(function* ({
      aud,
      exp,
      iss
    }: UserInfoClaims): Effect.fn.Return<void, UserInfoError | DiscoveryError> {
      const { issuer } = yield* discovery.metadata
      const now = yield* Clock.currentTimeMillis
      const audience = typeof aud === "string" ? [aud] : aud
      if (iss !== undefined && iss !== issuer) {
        return yield* refused(new WrongIssuer({ expected: issuer, actual: sanitize(iss) }))
      }
      if (audience !== undefined && !audience.includes(clientId)) {
        return yield* refused(new WrongAudience({ expected: clientId, actual: sanitize(audience.join(" ")) }))
      }
      if (exp !== undefined && exp * 1000 + Duration.toMillis(clockTolerance) <= now) {
        return yield* refused(new Expired({ at: DateTime.fromEpochSeconds(exp) }))
      }
    })

    const process: Service["process"] = Effect.fnUntraced(function* (response, subject) {
      const refusal = ProtectedResource.readRefusal(response)
      if (refusal !== undefined || response.status !== 200) yield* cancelBody(response)
      if (refusal !== undefined) return yield* refusal
      if (response.status !== 200) {
        const wish = parseRetryAfter(response.headers, yield* Clock.currentTimeMillis)
        return yield* faulty(makeError("UnexpectedStatus", response.request, response.status, wish))
      }
      const claims = yield* Effect.mapError(
        decodeClaims(yield* payload(response)),
        (error) => new UserInfoError({ reason: new InvalidClaims({ issues: truncateIssues(error) }) })
      )
      if (isJwt(response)) yield* judged(claims)
      return subject === skipSubjectCheck || claims.sub === subject ? claims : yield* refused(new WrongSubject())
    })

    return UserInfo.of({
      request,
      process,
      claims: Effect.fnUntraced(function* (source, options) {
        const response = yield* request(source, options)
        return yield* process(response, (yield* ProtectedResource.currentTokens(source)).subject)
      })
    })
  })

/** The endpoint as a layer. */
export const layer = (): Layer.Layer<UserInfo, never, ClientRegistration | Transport | Discovery | ProviderKeys> =>
  Layer.effect(UserInfo, make)

/** Sends the request and gives the raw response. */
export const request = <A extends ProtectedResource.Tokens, E = never>(
  source: A | ProtectedResource.RefreshableTokens<A, E>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, ResourceError | DiscoveryError | E, UserInfo> =>
  UserInfo.use((userInfo) => userInfo.request(source, options))

/** The claims of a response, once they are believed to be about this subject of an ID Token. */
export const process = (
  response: HttpClientResponse.HttpClientResponse,
  subject: string | typeof skipSubjectCheck
): Effect.Effect<UserInfoClaims, UserInfoError | ResourceError | DiscoveryError, UserInfo> =>
  UserInfo.use((userInfo) => userInfo.process(response, subject))

/** Sends and reads: what the provider tells about the person of this identity. */
export const claims = <A extends Identity, E = never>(
  source: A | ProtectedResource.RefreshableTokens<A, E>,
  options?: Options
): Effect.Effect<UserInfoClaims, UserInfoError | ResourceError | DiscoveryError | E, UserInfo> =>
  UserInfo.use((userInfo) => userInfo.claims(source, options))

const decodeClaims = Schema.decodeUnknownEffect(UserInfoClaims, { errors: "all" })

const decodeJson = Schema.decodeUnknownEffect(BoundedJson.fromJsonString(Schema.Unknown))

const isJwt = ({ headers }: HttpClientResponse.HttpClientResponse): boolean =>
  /^application\/jwt\s*(;|$)/i.test(headers["content-type"] ?? "")

const faulty = (reason: TransportError): ResourceError => new ResourceError({ reason })

const refused = (reason: UserInfoError["reason"]): Effect.Effect<never, UserInfoError> =>
  Effect.fail(new UserInfoError({ reason }))
