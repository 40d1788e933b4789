/**
 * An identity whose tokens are refreshed on demand, for any number of concurrent callers.
 *
 * **When to use**
 *
 * - `make` for an identity that is used again and again: `ProtectedResource.make` and `UserInfo.claims` take it.
 * - `refresh` for a single refresh.
 *
 * **Details**
 *
 * - While a refresh is under way, every caller gets its outcome: one token request is sent. A caller whose tokens have
 *   been refreshed meanwhile gets the current ones at once.
 * - A new refresh token replaces the old one, which otherwise stays in use.
 * - `save` gets the new identity before any caller does. If it fails, no caller gets the identity, and the next refresh
 *   tries to save it again, without another token request: the old refresh token may be used up.
 * - Interrupting a caller does not interrupt the refresh. Closing the scope waits for a refresh that is under way.
 * - A new ID Token, if the response has one, is verified in full and has to agree with the old one, which otherwise
 *   stays.
 *
 * **Gotchas**
 *
 * - Make one `FreshIdentity` for each refresh token, in one process. Two of them refresh twice, and a provider that
 *   rotates refresh tokens may take the second request for a replay and revoke the grant.
 *
 * **Example** (New tokens after the resource server rejects the old ones)
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
 *   const rejected = yield* fresh.current
 *   const next = yield* fresh.refresh(rejected)
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
import { Cause, Deferred, Effect, Equal, Exit, Option, Ref, type Scope } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import * as Refresh from "../token/Refresh.ts"
import { ClientMismatch, NoRefreshToken, TokenError } from "../token/TokenError.ts"
import type { RefreshResponse } from "../token/TokenResponse.ts"
import type { IdTokenError } from "./IdTokenError.ts"
import { IdTokenVerifier } from "./IdTokenVerifier.ts"
import { VerifiedIdentity } from "./VerifiedIdentity.ts"

/**
 * Why there are no new tokens.
 *
 * @since 0.1.0
 * @stability stable
 */
export type RefreshError = TokenError | IdTokenError | DiscoveryError

/**
 * An identity and its refresh. It is a `ProtectedResource.RefreshableTokens`.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface FreshIdentity<E = never> {
  /** The identity with its newest tokens. */
  readonly current: Effect.Effect<VerifiedIdentity>
  /** The identity with other tokens than the rejected ones: the current ones if these are others already. */
  readonly refresh: (rejected: VerifiedIdentity) => Effect.Effect<VerifiedIdentity, RefreshError | E>
}

/**
 * What a refresh asks for, and where its result is saved.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options<E = never, R = never> extends Omit<Refresh.Options, "dpopKey"> {
  /** Persists a refreshed identity, before any caller gets it. */
  readonly save?: ((next: VerifiedIdentity) => Effect.Effect<unknown, E, R>) | undefined
}

/**
 * The services that a refresh needs; `Ciba.layer` provides them.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Requirements = Refresh.Requirements | IdTokenVerifier

/**
 * Makes an identity that can be refreshed, as long as the scope is open.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  identity: VerifiedIdentity,
  options: Options<E, R> = {}
): Effect.fn.Return<FreshIdentity<E>, never, Requirements | Scope.Scope | R> {
  const proceed = yield* makeProceed(options)
  const state = yield* Ref.make<State<E>>({ _tag: "Idle", identity })

  const run = (from: Settled, outcome: Outcome<E>): Effect.Effect<unknown> =>
    Effect.suspend(() => proceed(from)).pipe(
      Effect.catchCause((cause) => Effect.succeed([Exit.failCause(cause), from] as const)),
      Effect.flatMap(([exit, next]) => Effect.andThen(Ref.set(state, next), Deferred.done(outcome, exit))),
      Effect.uninterruptible
    )

  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Ref.get(state), (last) =>
      last._tag === "Refreshing" ? Effect.exit(Deferred.await(last.outcome)) : Effect.void
    )
  )

  return {
    current: Effect.map(Ref.get(state), (current) => current.identity),
    refresh: (rejected) =>
      Effect.uninterruptibleMask((restore) =>
        Ref.modify(state, (current): readonly [Effect.Effect<VerifiedIdentity, RefreshError | E>, State<E>] => {
          if (!Equal.equals(rejected.accessToken, current.identity.accessToken)) {
            return [Effect.succeed(current.identity), current]
          }
          if (current._tag === "Refreshing") return [restore(Deferred.await(current.outcome)), current]
          const outcome: Outcome<E> = Deferred.makeUnsafe()
          return [
            Effect.andThen(Effect.forkDetach(run(current, outcome)), restore(Deferred.await(outcome))),
            { _tag: "Refreshing", identity: current.identity, outcome }
          ]
        }).pipe(Effect.flatten)
      )
  }
})

/**
 * Refreshes an identity once.
 *
 * @since 0.1.0
 * @stability stable
 */
export const refresh = <E = never, R = never>(
  identity: VerifiedIdentity,
  options?: Options<E, R>
): Effect.Effect<VerifiedIdentity, RefreshError | E, Requirements | R> =>
  Effect.scoped(Effect.flatMap(make(identity, options), (fresh) => fresh.refresh(identity)))

type Outcome<E> = Deferred.Deferred<VerifiedIdentity, RefreshError | E>

/** In every state, `identity` is the one in use. */
type State<E> =
  | Settled
  | { readonly _tag: "Refreshing"; readonly identity: VerifiedIdentity; readonly outcome: Outcome<E> }

/**
 * The states between refreshes. A token response that could not be verified or saved is kept: the refresh token that it
 * came for may be used up.
 */
type Settled =
  | { readonly _tag: "Idle"; readonly identity: VerifiedIdentity }
  | { readonly _tag: "Unverified"; readonly identity: VerifiedIdentity; readonly response: RefreshResponse }
  | { readonly _tag: "Unsaved"; readonly identity: VerifiedIdentity; readonly next: VerifiedIdentity }

type Proceed<E> = (
  from: Settled
) => Effect.Effect<readonly [exit: Exit.Exit<VerifiedIdentity, RefreshError | E>, next: Settled]>

/**
 * Takes the steps that are left, until the new tokens are in use or a step fails. Gives the outcome and the next state.
 */
const makeProceed = Effect.fnUntraced(function* <E, R>({
  save = () => Effect.void,
  ...options
}: Options<E, R>): Effect.fn.Return<Proceed<E>, never, Requirements | R> {
  const context = yield* Effect.context<R>()
  const requestTokens = yield* makeRequestTokens(options)
  const verifier = yield* IdTokenVerifier

  const persist = (next: VerifiedIdentity) =>
    Effect.provideContext(
      Effect.suspend(() => save(next)),
      context
    )

  const take = <A, F extends RefreshError | E>(
    step: Effect.Effect<A, F>,
    onSuccess: (value: A) => ReturnType<Proceed<E>>,
    onFailure: (cause: Cause.Cause<F>) => Settled
  ): ReturnType<Proceed<E>> =>
    Effect.matchCauseEffect(Effect.interruptible(step), {
      onSuccess,
      onFailure: (cause) => Effect.succeed([Exit.failCause(cause), onFailure(cause)])
    })

  const proceed: Proceed<E> = (from) => {
    const { identity } = from
    switch (from._tag) {
      case "Idle":
        return take(
          requestTokens(identity),
          (response) => proceed({ _tag: "Unverified", identity, response }),
          () => from
        )
      case "Unverified":
        return Effect.flatMap(
          take(
            verifier.verifyRefreshed(from.response, identity, options.scope),
            (next) => proceed({ _tag: "Unsaved", identity, next }),
            (cause) => (isRejected(cause) ? { _tag: "Idle", identity: rotate(identity, from.response) } : from)
          ),
          ([exit, next]) =>
            Exit.isFailure(exit) && next.identity !== identity
              ? Effect.map(Effect.exit(persist(next.identity)), (saved) => [addFailure(exit, saved), next] as const)
              : Effect.succeed([exit, next] as const)
        )
      case "Unsaved":
        return take(
          persist(from.next),
          () => Effect.succeed([Exit.succeed(from.next), { _tag: "Idle", identity: from.next }]),
          () => from
        )
    }
  }
  return proceed
})

/** The identity with the refresh token of a response that was rejected: the one that it came for may be used up. */
const rotate = (identity: VerifiedIdentity, response: RefreshResponse): VerifiedIdentity => {
  const { refresh_token: refreshToken } = unsafeValue(response).members
  return refreshToken === undefined ? identity : new VerifiedIdentity({ ...identity, refreshToken })
}

const addFailure = <A, E, F>(exit: Exit.Failure<A, E>, other: Exit.Exit<unknown, F>): Exit.Exit<A, E | F> =>
  Exit.isFailure(other) ? Exit.failCause(Cause.combine(exit.cause, other.cause)) : exit

/** A response that is not valid is not kept: nothing that it has can be used, but a refresh token. */
const isRejected = (cause: Cause.Cause<IdTokenError | DiscoveryError>): boolean =>
  Option.exists(Cause.findErrorOption(cause), ({ _tag }) => _tag === "IdTokenError")

const makeRequestTokens = Effect.fnUntraced(function* (options: Omit<Refresh.Options, "dpopKey">) {
  const { clientId } = yield* ClientRegistration
  const discovery = yield* Discovery
  const context = yield* Effect.context<Refresh.Requirements>()

  return Effect.fnUntraced(function* ({
    claims,
    issuer,
    dpopKey,
    refreshToken
  }: VerifiedIdentity): Effect.fn.Return<RefreshResponse, TokenError | DiscoveryError> {
    if (refreshToken === undefined) return yield* new TokenError({ reason: new NoRefreshToken() })
    const audience = [claims.aud].flat()
    const otherClient = audience.includes(clientId) ? undefined : audience[0]
    if (issuer !== (yield* discovery.metadata).issuer || otherClient !== undefined) {
      return yield* new TokenError({ reason: new ClientMismatch({ issuer, clientId: otherClient ?? clientId }) })
    }
    return yield* Effect.provideContext(Refresh.refresh(refreshToken, { ...options, dpopKey }), context)
  })
})
