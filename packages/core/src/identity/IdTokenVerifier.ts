/**
 * Believes an ID Token, or refuses it with the reason.
 *
 * **Details**
 *
 * - The signature is always verified, with the registered algorithm and the issuer's keys, or the client secret for
 *   HMAC; the algorithm that the token names decides nothing.
 * - Then issuer, audience, times, and whatever the request led to expect.
 * - `at_hash`, `rt_hash` and `auth_req_id` are compared wherever they are there. In push mode they have to be: the ID
 *   Token is the signature of the tokens beside it.
 * - An ID Token that comes with refreshed tokens is judged as the first one was, and must go with it.
 *
 * @see OpenID Connect Core 3.1.3.7 and 12.2, CIBA Core 1.0 sections 10.1.1 and 10.3.1
 */
import { Clock, Context, Effect, Layer, Redacted, Schema } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { Decrypter } from "../client/Decrypter.ts"
import * as TokenHash from "../crypto/TokenHash.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import type { Expectations, PendingAuthentication } from "../pending/PendingAuthentication.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"
import type * as TokenResponse from "../token/TokenResponse.ts"
import * as ClaimsValidation from "./ClaimsValidation.ts"
import type * as IdToken from "./IdToken.ts"
import { IdTokenClaims } from "./IdTokenClaims.ts"
import { IdTokenError, InvalidClaims, WrongBinding } from "./IdTokenError.ts"
import * as TokenValidation from "./TokenValidation.ts"
import type { VerifiedIdentity } from "./VerifiedIdentity.ts"

export type { IdTokenClaims } from "./IdTokenClaims.ts"

/** The judgement, with and without the tokens that came along. */
export interface Service {
  /** The claims of an ID Token, once it is believed. */
  readonly claims: (
    idToken: IdToken.IdToken,
    expectations?: Expectations
  ) => Effect.Effect<IdTokenClaims, IdTokenError | DiscoveryError>
  /** The identity and the tokens of a response to a request, once its ID Token is believed. */
  readonly verify: (
    response: TokenResponse.TokenResponse,
    pending: PendingAuthentication
  ) => Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError>
  /**
   * The identity with the tokens of a response to its refresh token, once the ID Token is believed, where one came.
   * `scope` is what was asked for, where that is less than the identity has.
   */
  readonly verifyRefreshed: (
    response: TokenResponse.RefreshResponse,
    identity: VerifiedIdentity,
    scope?: ReadonlyArray<string>
  ) => Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError>
}

/** The judge of ID Tokens. */
export class IdTokenVerifier extends Context.Service<IdTokenVerifier, Service>()("@effect-ciba/core/IdTokenVerifier") {}

/** Judges by the registration and the provider at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | ProviderKeys> = Effect.gen(
  function* () {
    const registration = yield* ClientRegistration
    const discovery = yield* Discovery
    const signature = yield* SignatureVerifier.make
    const algorithm = registration.idTokenSignedResponseAlg
    const { maxAge } = registration
    const registered: Expectations = maxAge === undefined ? {} : { maxAge }
    const opener = yield* Decrypter
    const opened = (idToken: Redacted.Redacted<string>): Effect.Effect<Redacted.Redacted<string>, IdTokenError> =>
      opener === undefined ? Effect.succeed(idToken) : refuse(opener.decrypt(idToken))

    const believed = Effect.fnUntraced(function* (
      jwt: Redacted.Redacted<string>,
      expectations: Expectations
    ): Effect.fn.Return<IdTokenClaims, IdTokenError | DiscoveryError> {
      const { issuer } = yield* discovery.metadata
      const payload = yield* Effect.mapError(signature(jwt, algorithm), (reason) =>
        reason._tag === "DiscoveryError" ? reason : new IdTokenError({ reason })
      )
      const claims = yield* Effect.mapError(
        decodeClaims(payload),
        (error) => new IdTokenError({ reason: new InvalidClaims({ issues: truncateIssues(error) }) })
      )
      const problem = ClaimsValidation.validate(claims, {
        issuer,
        clientId: registration.clientId,
        tolerance: registration.clockTolerance,
        expectations,
        now: yield* Clock.currentTimeMillis
      })
      return problem === undefined ? claims : yield* refused(problem)
    })

    /** The claims of an ID Token that belongs to the tokens beside it. */
    const accompanying = Effect.fnUntraced(function* (
      jwt: Redacted.Redacted<string>,
      expectations: Expectations,
      { access_token, refresh_token }: TokenResponse.RefreshMembers,
      isPush: boolean
    ): Effect.fn.Return<IdTokenClaims, IdTokenError | DiscoveryError> {
      const claims = yield* believed(jwt, expectations)
      yield* bound("at_hash", claims.at_hash, TokenHash.leftHalf(access_token, algorithm), isPush)
      if (refresh_token) {
        yield* bound(
          "rt_hash",
          claims["urn:openid:params:jwt:claim:rt_hash"],
          TokenHash.leftHalf(refresh_token, algorithm),
          isPush
        )
      }
      return claims
    })

    const verify: Service["verify"] = Effect.fnUntraced(function* (response, pending) {
      const { members } = unsafeValue(response)
      const idToken = yield* opened(members.id_token)
      const isPush = pending.deliveryMode === "push"
      const claims = yield* accompanying(idToken, { ...registered, ...pending.expectations }, members, isPush)
      yield* bound(
        "auth_req_id",
        claims["urn:openid:params:jwt:claim:auth_req_id"],
        Effect.succeed(Redacted.value(pending.authReqId)),
        isPush
      )
      const { acrValues: requestedAcr, proofKey, scope: requestedScope } = pending
      return yield* TokenValidation.validate(response, registration, {
        claims,
        idToken,
        proofKey,
        requestedScope,
        requestedAcr
      })
    })

    const verifyRefreshed: Service["verifyRefreshed"] = Effect.fnUntraced(function* (
      response,
      identity,
      scope = identity.scope
    ) {
      const { members } = unsafeValue(response)
      const known = { ...identity, requestedScope: scope }
      if (!members.id_token) return yield* TokenValidation.validate(response, registration, known)
      const idToken = yield* opened(members.id_token)
      const claims = yield* accompanying(idToken, {}, members, false)
      const problem = ClaimsValidation.validateRefreshed(claims, identity.claims)
      if (problem !== undefined) return yield* refused(problem)
      return yield* TokenValidation.validate(response, registration, { ...known, claims, idToken })
    })

    return IdTokenVerifier.of({
      claims: (idToken, expectations = {}) =>
        Effect.flatMap(opened(unsafeValue(idToken)), (signed) => believed(signed, { ...registered, ...expectations })),
      verify,
      verifyRefreshed
    })
  }
)

/** The judge as a layer. */
export const layer = (): Layer.Layer<IdTokenVerifier, never, ClientRegistration | Discovery | ProviderKeys> =>
  Layer.effect(IdTokenVerifier, make)

/** The claims of an ID Token, once it is believed. */
export const claims = (
  idToken: IdToken.IdToken,
  expectations?: Expectations
): Effect.Effect<IdTokenClaims, IdTokenError | DiscoveryError, IdTokenVerifier> =>
  IdTokenVerifier.use((verifier) => verifier.claims(idToken, expectations))

/** The identity and the tokens of a response to a request, once its ID Token is believed. */
export const verify = (
  response: TokenResponse.TokenResponse,
  pending: PendingAuthentication
): Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError, IdTokenVerifier> =>
  IdTokenVerifier.use((verifier) => verifier.verify(response, pending))

/** The identity with the tokens of a response to its refresh token, once the ID Token is believed, where one came. */
export const verifyRefreshed = (
  response: TokenResponse.RefreshResponse,
  identity: VerifiedIdentity,
  scope?: ReadonlyArray<string>
): Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError, IdTokenVerifier> =>
  IdTokenVerifier.use((verifier) => verifier.verifyRefreshed(response, identity, scope))

const decodeClaims = Schema.decodeUnknownEffect(IdTokenClaims, { errors: "all" })

const refused = (reason: IdTokenError["reason"]): Effect.Effect<never, IdTokenError> =>
  Effect.fail(new IdTokenError({ reason }))

const refuse = <A, E extends IdTokenError["reason"]>(effect: Effect.Effect<A, E>): Effect.Effect<A, IdTokenError> =>
  Effect.mapError(effect, (reason) => new IdTokenError({ reason }))

const bound = (
  claim: WrongBinding["claim"],
  claimed: string | undefined,
  actual: Effect.Effect<string>,
  required: boolean
): Effect.Effect<void, IdTokenError> =>
  claimed === undefined && !required
    ? Effect.void
    : Effect.flatMap(actual, (value) => (value === claimed ? Effect.void : refused(new WrongBinding({ claim }))))
