/**
 * An identity whose tokens can be renewed, for all who use it at once.
 *
 * **Details**
 *
 * - However many ask while a refresh is under way, one token request is sent, and all get its outcome. Who comes with
 *   tokens that have been renewed meanwhile gets the current ones at once.
 * - A new refresh token takes the place of the old one, which otherwise stays in use.
 * - `save` has the new identity before anybody else. While it fails nobody gets it, and the next refresh tries to save
 *   again, without another request: the old refresh token may be spent.
 * - Interrupting a caller does not interrupt the refresh. When the scope closes, a refresh under way is waited for.
 * - A new ID Token, where one comes, is verified in full and must go with the old one, which otherwise stays.
 *
 * **Gotchas**
 *
 * - One handle for each refresh token, and one process: two of them refresh twice, and a provider that rotates refresh
 *   tokens may take the second for a thief and end the grant.
 *
 * **Example** (New tokens when the old ones are refused)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, FreshIdentity, UserHint, type VerifiedIdentity } from "@effect-ciba/core"
 * import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const saved: Array<VerifiedIdentity.VerifiedIdentity> = []
 *
 * const program = Effect.gen(function* () {
 *   const identity = yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   const fresh = yield* FreshIdentity.make(identity, { save: (next) => Effect.sync(() => saved.push(next)) })
 *   const refused = yield* fresh.current
 *   const next = yield* fresh.refresh(refused)
 *   return [saved.length, Redacted.value(next.accessToken)]
 * }).pipe(Effect.scoped)
 *
 * const provider = TestProvider.layer({
 *   user: TestUser.approve(),
 *   interval: "1 second",
 *   refreshTokens: true,
 *   tokenScript: ProviderScript.make([
 *     ProviderScript.proceed,
 *     ProviderScript.json(200, { access_token: "another", token_type: "Bearer" })
 *   ])
 * })
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(provider))
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => [1, "another"]
 * ```
 *
 * @see RFC 6749 section 6, OpenID Connect Core 12, FAPI 2.0 Security Profile 5.3.3.1
 */
import { Deferred, Effect, Equal, type Scope } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import * as Refresh from "../token/Refresh.ts"
import { ClientMismatch, NoRefreshToken, TokenError } from "../token/TokenError.ts"
import type { RefreshResponse } from "../token/TokenResponse.ts"
import type { IdTokenError } from "./IdTokenError.ts"
import { IdTokenVerifier } from "./IdTokenVerifier.ts"
import type { VerifiedIdentity } from "./VerifiedIdentity.ts"

/** Why there are no new tokens. */
export type RefreshError = TokenError | IdTokenError | DiscoveryError

/** An identity that stays usable. It is a `ProtectedResource.Renewable`. */
export interface FreshIdentity<E = never> {
  /** The identity with its newest tokens. */
  readonly current: Effect.Effect<VerifiedIdentity>
  /** An identity with other tokens than the refused ones. */
  readonly refresh: (refused: VerifiedIdentity) => Effect.Effect<VerifiedIdentity, RefreshError | E>
}

/** How to renew. */
export interface Options<E = never, R = never> extends Omit<Refresh.Options, "proofKey"> {
  /** Keeps a renewed identity, before anybody uses it. */
  readonly save?: ((next: VerifiedIdentity) => Effect.Effect<unknown, E, R>) | undefined
}

/** What renewing takes: pieces of `Ciba.layer`. */
export type Requirements = ClientRegistration | Discovery | Refresh.Refresh | IdTokenVerifier

/** A handle on an identity. */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  identity: VerifiedIdentity,
  { save, ...request }: Options<E, R> = {}
): Effect.fn.Return<FreshIdentity<E>, never, Requirements | Scope.Scope | R> {
  const { clientId } = yield* ClientRegistration
  const discovery = yield* Discovery
  const grant = yield* Refresh.Refresh
  const verifier = yield* IdTokenVerifier
  const context = yield* Effect.context<R>()
  let current = identity
  let flight: Deferred.Deferred<VerifiedIdentity, RefreshError | E> | undefined
  /** What is left to do for a response in hand: nothing of it may be lost, for the old refresh token may be spent. */
  let rest: Effect.Effect<VerifiedIdentity, RefreshError | E> | undefined

  const saved = Effect.fnUntraced(function* (
    next: VerifiedIdentity
  ): Effect.fn.Return<VerifiedIdentity, RefreshError | E> {
    if (save !== undefined) yield* Effect.provideContext(save(next), context)
    rest = undefined
    current = next
    return next
  })

  const verified = Effect.fnUntraced(function* (
    response: RefreshResponse
  ): Effect.fn.Return<VerifiedIdentity, RefreshError | E> {
    const next = yield* Effect.tapErrorTag(
      verifier.verifyRefreshed(response, current, request.scope),
      "IdTokenError",
      () =>
        Effect.sync(() => {
          rest = undefined
        })
    )
    rest = saved(next)
    return yield* rest
  })

  const requested = Effect.gen(function* () {
    const { claims, issuer, proofKey, refreshToken } = current
    if (refreshToken === undefined) return yield* new TokenError({ reason: new NoRefreshToken() })
    const foreigner = [claims.aud].flat().find((party) => party !== clientId)
    if (issuer !== (yield* discovery.metadata).issuer || foreigner !== undefined) {
      return yield* new TokenError({ reason: new ClientMismatch({ issuer, clientId: foreigner ?? clientId }) })
    }
    rest = verified(yield* grant.refresh(refreshToken, { ...request, proofKey }))
    return yield* rest
  })

  const fly = (landing: Deferred.Deferred<VerifiedIdentity, RefreshError | E>) =>
    Effect.suspend(() => rest ?? requested).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          flight = undefined
        })
      ),
      Deferred.into(landing)
    )

  yield* Effect.addFinalizer(() => (flight === undefined ? Effect.void : Effect.exit(Deferred.await(flight))))

  return {
    current: Effect.sync(() => current),
    refresh: (refused) =>
      Effect.uninterruptibleMask((restore) => {
        if (!Equal.equals(refused.accessToken, current.accessToken)) return Effect.succeed(current)
        if (flight !== undefined) return restore(Deferred.await(flight))
        const landing = Deferred.makeUnsafe<VerifiedIdentity, RefreshError | E>()
        flight = landing
        return Effect.andThen(Effect.forkDetach(fly(landing)), restore(Deferred.await(landing)))
      })
  }
})

/** The identity with new tokens, once. */
export const refresh = <E = never, R = never>(
  identity: VerifiedIdentity,
  options?: Options<E, R>
): Effect.Effect<VerifiedIdentity, RefreshError | E, Requirements | R> =>
  Effect.scoped(Effect.flatMap(make(identity, options), ({ refresh }) => refresh(identity)))
