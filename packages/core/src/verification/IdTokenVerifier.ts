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
 *
 * @see OpenID Connect Core 3.1.3.7, CIBA Core 1.0 sections 10.1.1 and 10.3.1
 */
import { Clock, Context, DateTime, Effect, Layer, Redacted, Schema } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as ProfileRule from "../client/ProfileRule.ts"
import * as TokenHash from "../crypto/TokenHash.ts"
import { Discovery } from "../discovery/Discovery.ts"
import type { DiscoveryError } from "../discovery/DiscoveryError.ts"
import type { ProviderKeys } from "../discovery/ProviderKeys.ts"
import * as ProviderSignature from "../discovery/ProviderSignature.ts"
import { printable } from "../internal/ForeignText.ts"
import { reveal } from "../internal/Untrusted.ts"
import type { Expectations, PendingAuthentication } from "../request/PendingAuthentication.ts"
import * as TokenResponse from "../token/TokenResponse.ts"
import * as ClaimsPolicy from "./ClaimsPolicy.ts"
import type * as IdToken from "./IdToken.ts"
import { IdTokenClaims } from "./IdTokenClaims.ts"
import { IdTokenError, InvalidClaims, UnexpectedTokenType, WrongBinding } from "./IdTokenError.ts"
import { IdTokenOpener } from "./IdTokenOpener.ts"
import { VerifiedIdentity } from "./VerifiedIdentity.ts"

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
}

/** The judge of ID Tokens. */
export class IdTokenVerifier extends Context.Service<IdTokenVerifier, Service>()(
  "@effect-ciba/core/verification/IdTokenVerifier"
) {}

/** Judges by the registration and the provider at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | ProviderKeys> = Effect.gen(
  function* () {
    const registration = yield* ClientRegistration
    const discovery = yield* Discovery
    const signature = yield* ProviderSignature.make
    const algorithm = registration.idTokenSignedResponseAlg
    const { proofKey, tokenType } = registration.senderConstraint
    const opener = yield* IdTokenOpener
    const opened = (idToken: Redacted.Redacted<string>): Effect.Effect<Redacted.Redacted<string>, IdTokenError> =>
      opener === undefined ? Effect.succeed(idToken) : refuse(opener.open(idToken))

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
        ({ message }) => new IdTokenError({ reason: new InvalidClaims({ issues: message }) })
      )
      const problem = ClaimsPolicy.problem(claims, {
        issuer,
        clientId: registration.clientId,
        tolerance: registration.clockTolerance,
        expectations,
        now: yield* Clock.currentTimeMillis
      })
      return problem === undefined ? claims : yield* refused(problem)
    })

    const verify: Service["verify"] = Effect.fnUntraced(function* (response, pending) {
      const { access_token, expires_in, id_token, refresh_token, scope, token_type, ...rest } = reveal(response).members
      const signed = yield* opened(id_token)
      const claims = yield* believed(signed, pending.expectations)
      const isPush = pending.deliveryMode === "push"
      yield* bound("at_hash", claims.at_hash, TokenHash.half(access_token, algorithm), isPush)
      if (refresh_token) {
        yield* bound(
          "rt_hash",
          claims["urn:openid:params:jwt:claim:rt_hash"],
          TokenHash.half(refresh_token, algorithm),
          isPush
        )
      }
      yield* bound(
        "auth_req_id",
        claims["urn:openid:params:jwt:claim:auth_req_id"],
        Effect.succeed(Redacted.value(pending.authReqId)),
        isPush
      )
      if (token_type !== tokenType) {
        return yield* refused(new UnexpectedTokenType({ expected: tokenType, actual: printable(token_type) }))
      }
      const named = scope?.split(" ").filter((value) => value !== "") ?? []
      const granted = named.length > 0 ? named : pending.scope
      if (!granted.every((value) => pending.scope.includes(value))) {
        yield* Effect.logWarning("The provider granted more scope than was requested")
      }
      const broken = ProfileRule.violation(registration.profile, "answer", {
        registration,
        claims,
        tokenType: token_type,
        requestedScope: pending.scope,
        requestedAcr: pending.acrValues,
        grantedScope: granted
      })
      if (broken !== undefined) return yield* refused(broken)
      const expiresAt = TokenResponse.expiresAt(response)
      const { authorization_details, grant_id, ...additional } = rest
      return new VerifiedIdentity({
        subject: claims.sub,
        issuer: claims.iss,
        claims,
        accessToken: access_token,
        tokenType: token_type,
        proofKey: pending.proofKey ?? proofKey,
        expiresAt: expiresAt === undefined ? undefined : DateTime.makeUnsafe(expiresAt),
        refreshToken: refresh_token ?? undefined,
        idToken: signed,
        scope: granted,
        authorizationDetails: Array.isArray(authorization_details) ? authorization_details : undefined,
        grantId: typeof grant_id === "string" ? grant_id : undefined,
        additional: Redacted.make(additional, { label: "token response" })
      })
    })

    return IdTokenVerifier.of({
      claims: (idToken, expectations = {}) =>
        Effect.flatMap(opened(reveal(idToken)), (signed) => believed(signed, expectations)),
      verify
    })
  }
)

/** The judge as a layer. */
export const layer: Layer.Layer<IdTokenVerifier, never, ClientRegistration | Discovery | ProviderKeys> = Layer.effect(
  IdTokenVerifier,
  make
)

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
