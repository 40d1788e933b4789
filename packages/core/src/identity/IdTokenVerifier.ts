/**
 * Verifies ID Tokens, and with them the token responses that they belong to.
 *
 * **When to use**
 *
 * - `verify` turns a token response into a `VerifiedIdentity`. `Ciba.complete` and `Ciba.authenticate` do it.
 * - The service has `verifyRefreshed` for the response to a refresh token, which `FreshIdentity` calls, and `claims`
 *   for an ID Token alone.
 *
 * **Details**
 *
 * - The signature is always verified, in the registered algorithm, with the issuer's keys, or the client secret for
 *   HMAC. The algorithm that the token names decides nothing.
 * - Then the claims are validated: issuer, audience, times, and what the authentication request asked for. An ID Token
 *   that is older than its request belongs to another one, and is refused.
 * - `at_hash`, `rt_hash` and `auth_req_id` are compared if present. In push mode they are required: the ID Token is the
 *   signature over the tokens beside it (CIBA Core 10.3.1).
 * - An ID Token beside refreshed tokens is verified in the same way, and has to agree with the earlier one (OpenID
 *   Connect Core 12.2).
 *
 * **Example** (Verifying a token response)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, IdTokenVerifier, TokenEndpoint, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   const response = yield* TokenEndpoint.redeem(pending.authReqId)
 *   const identity = yield* IdTokenVerifier.verify(response, pending)
 *   return identity.subject
 * })
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ subject: "jo" }) })))
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => "jo"
 * ```
 *
 * @see OpenID Connect Core 3.1.3.7 and 12.2, CIBA Core 1.0 sections 10.1.1 and 10.3.1
 */
import { Context, Effect, Layer, Predicate, Redacted, Result, Schema } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { Decrypter } from "../client/Decrypter.ts"
import type { JwsAlgorithm } from "../crypto/JwsAlgorithm.ts"
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

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { IdTokenClaims } from "./IdTokenClaims.ts"

/**
 * Verification of an ID Token, with and without the token response that it came in.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** The verified claims of an ID Token alone. */
  readonly claims: (
    idToken: IdToken.IdToken,
    expectations?: Expectations
  ) => Effect.Effect<IdTokenClaims, IdTokenError | DiscoveryError>
  /** The verified identity and tokens of the token response to an authentication request. */
  readonly verify: (
    response: TokenResponse.TokenResponse,
    pending: PendingAuthentication
  ) => Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError>
  /**
   * The identity with the tokens of a response to its refresh token, verified. `scope` is the requested scope; that of
   * the identity by default.
   */
  readonly verifyRefreshed: (
    response: TokenResponse.RefreshResponse,
    identity: VerifiedIdentity,
    scope?: ReadonlyArray<string>
  ) => Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError>
}

/**
 * The verifier of a client's ID Tokens.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class IdTokenVerifier extends Context.Service<IdTokenVerifier, Service>()("@effect-ciba/core/IdTokenVerifier") {}

/**
 * Verifies ID Tokens of the configured provider for the configured client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | ProviderKeys> = Effect.gen(
  function* () {
    const registration = yield* ClientRegistration
    const { idTokenSignedResponseAlg: algorithm, maxAge } = registration
    const registered: Expectations = maxAge === undefined ? {} : { maxAge }
    const verifyIdToken = yield* makeVerifyIdToken

    const verify: Service["verify"] = (response, pending) => {
      const { acrValues: requestedAcr, authReqId, deliveryMode, dpopKey, requestedClaims, scope } = pending
      const { authorizationDetails, essentialAuthorizationDetails } = pending
      const { members } = unsafeValue(response)
      const bound = { ...members, authReqId, algorithm, required: required[deliveryMode] }
      return Effect.flatMap(
        verifyIdToken(members.id_token, { ...registered, ...pending.expectations }, pending),
        ({ claims, idToken }) =>
          Effect.flatMap(validateBindings(claims, bound), () =>
            TokenValidation.validate(response, registration, {
              claims,
              idToken,
              dpopKey,
              requestedScope: scope,
              requestedAcr,
              requestedClaims,
              essentialDetails: essentialAuthorizationDetails === true ? authorizationDetails : undefined
            })
          )
      )
    }

    const verifyRefreshed: Service["verifyRefreshed"] = Effect.fnUntraced(function* (response, identity, scope) {
      const { members } = unsafeValue(response)
      const context = { ...identity, requestedScope: scope ?? identity.scope }
      if (!members.id_token) return yield* TokenValidation.validate(response, registration, context)
      const verified = yield* verifyIdToken(members.id_token, {})
      yield* validateBindings(verified.claims, { ...members, algorithm, required: [] })
      const problem = ClaimsValidation.validateRefreshed(verified.claims, identity.claims, registration.clockTolerance)
      if (problem !== undefined) return yield* new IdTokenError({ reason: problem })
      return yield* TokenValidation.validate(response, registration, { ...context, ...verified })
    })

    return IdTokenVerifier.of({
      claims: (idToken, expectations) =>
        Effect.map(verifyIdToken(unsafeValue(idToken), { ...registered, ...expectations }), ({ claims }) => claims),
      verify,
      verifyRefreshed
    })
  }
)

/**
 * Provides `IdTokenVerifier` for the registration, the provider and its keys in the context.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (): Layer.Layer<IdTokenVerifier, never, ClientRegistration | Discovery | ProviderKeys> =>
  Layer.effect(IdTokenVerifier, make)

/**
 * The verified identity and tokens of the token response to an authentication request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const verify = (
  response: TokenResponse.TokenResponse,
  pending: PendingAuthentication
): Effect.Effect<VerifiedIdentity, IdTokenError | DiscoveryError, IdTokenVerifier> =>
  IdTokenVerifier.use((verifier) => verifier.verify(response, pending))

/** Verifies an ID Token by itself: decryption, signature and claims. Gives it without its encryption. */
const makeVerifyIdToken = Effect.gen(function* () {
  const { clientId, clockTolerance: tolerance, idTokenSignedResponseAlg, trustedAudiences } = yield* ClientRegistration
  const discovery = yield* Discovery
  const verifySignature = yield* SignatureVerifier.make
  const { decrypt } = yield* Decrypter

  const validate = (
    payload: unknown,
    context: Pick<ClaimsValidation.ExpectedClaims, "issuer" | "expectations" | "pending" | "now">
  ) => {
    if (isEvent(payload))
      return Effect.fail(new InvalidClaims({ issues: "it has the claim events, as no ID Token does" }))
    const claims = decodeClaims(payload)
    if (Result.isFailure(claims)) return Effect.fail(new InvalidClaims({ issues: truncateIssues(claims.failure) }))
    const problem = ClaimsValidation.validate(claims.success, { ...context, clientId, tolerance, trustedAudiences })
    return problem === undefined ? Effect.succeed(claims.success) : Effect.fail(problem)
  }

  return (received: Redacted.Redacted<string>, expectations: Expectations, pending?: PendingAuthentication) =>
    Effect.mapError(
      Effect.flatMap(decrypt(received), (idToken) =>
        Effect.flatMap(discovery.metadata, ({ issuer }) =>
          Effect.flatMap(verifySignature(idToken, idTokenSignedResponseAlg, types), (payload) =>
            Effect.clockWith((clock) =>
              Effect.map(
                validate(payload, { issuer, expectations, pending, now: clock.currentTimeMillisUnsafe() }),
                (claims) => ({ claims, idToken })
              )
            )
          )
        )
      ),
      toError
    )
})

/** The explicit types of an ID Token: those of RFC 7519 and of any compact serialization (RFC 7515 section 4.1.9). */
const types = /^(application\/)?((id_token\+)?jwt|jose)$/i

/** A logout token or another security event token (RFC 8417), which the same keys may sign. */
const isEvent = (payload: unknown): boolean => Predicate.hasProperty(payload, "events") && payload.events !== null

/** The values that an ID Token is bound to, and the claims about them that have to be present. */
interface ExpectedBindings extends Pick<TokenResponse.RefreshMembers, "access_token" | "refresh_token"> {
  readonly algorithm: JwsAlgorithm
  readonly authReqId?: Redacted.Redacted<string>
  readonly required: ReadonlyArray<WrongBinding["claim"]>
}

const required: Readonly<Record<PendingAuthentication["deliveryMode"], ExpectedBindings["required"]>> = {
  poll: [],
  ping: [],
  push: ["at_hash", "rt_hash", "auth_req_id"]
}

const validateBindings = (
  claims: IdTokenClaims,
  { access_token, algorithm, authReqId, refresh_token, required }: ExpectedBindings
): Effect.Effect<void, IdTokenError> => {
  const hash = (token: Redacted.Redacted<string>) => TokenHash.leftHalf(token, algorithm)
  const bindings = [
    ["at_hash", "at_hash", () => hash(access_token)],
    ["rt_hash", "urn:openid:params:jwt:claim:rt_hash", () => refresh_token && hash(refresh_token)],
    [
      "auth_req_id",
      "urn:openid:params:jwt:claim:auth_req_id",
      () => authReqId && Effect.succeed(Redacted.value(authReqId))
    ]
  ] as const
  const checks = bindings.flatMap(([claim, name, compute]) => {
    const actual = claims[name]
    const expected = actual === undefined && !required.includes(claim) ? undefined : compute()
    const fail = () => Effect.fail(new IdTokenError({ reason: new WrongBinding({ claim }) }))
    return expected ? [Effect.flatMap(expected, (value) => (actual === value ? Effect.void : fail()))] : []
  })
  return checks.length === 0 ? Effect.void : Effect.all(checks, { discard: true })
}

const decodeClaims = Schema.decodeUnknownResult(IdTokenClaims, { errors: "all" })

const toError = (reason: IdTokenError["reason"] | DiscoveryError): IdTokenError | DiscoveryError =>
  reason._tag === "DiscoveryError" ? reason : new IdTokenError({ reason })
