/**
 * Asks an end-user to approve something on their own authentication device, waits, and returns verified tokens.
 *
 * ```
 * discovery ─► backchannel authentication request ─► wait ─► token request ─► verified identity
 * ```
 *
 * `authenticate` is the whole flow. `initiate` and `complete` are its halves, for programs that send the request in one
 * place and use the result in another.
 *
 * **Example** (An end-user who denies the request)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const outcome = Ciba.authenticate({
 *   scope: ["openid", "profile"],
 *   hint: UserHint.login("jo@example.com"),
 *   bindingMessage: "W4SCT"
 * }).pipe(
 *   Effect.map((identity) => identity.subject),
 *   Effect.catchReason("TokenError", "AccessDenied", () => Effect.succeed("declined"))
 * )
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.deny(), interval: "1 second" })))
 *
 * await Effect.runPromise(Effect.provide(outcome, CibaTest)) // => "declined"
 * ```
 *
 * @see CIBA Core 1.0 section 5
 */
import { ConfigProvider, Context, Effect, Exit, Layer, Ref, Result, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { type CibaError, type CompletionError, isFinal, isMismatch } from "./CibaError.ts"
import * as CibaFlow from "./CibaFlow.ts"
import * as ClientRegistration from "./client/ClientRegistration.ts"
import { Decrypter } from "./client/Decrypter.ts"
import type * as DeliveryMode from "./client/DeliveryMode.ts"
import { RequestSigner } from "./client/RequestSigner.ts"
import { SenderConstraint } from "./http/SenderConstraint.ts"
import * as Throttle from "./http/Throttle.ts"
import * as Transport from "./http/Transport.ts"
import * as IdTokenVerifier from "./identity/IdTokenVerifier.ts"
import type { VerifiedIdentity } from "./identity/VerifiedIdentity.ts"
import * as KeyedLayer from "./internal/KeyedLayer.ts"
import * as Span from "./internal/Span.ts"
import { NotificationInbox } from "./notification/NotificationInbox.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import * as PendingStore from "./pending/PendingStore.ts"
import * as Discovery from "./provider/Discovery.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import { ProviderKeyStore } from "./provider/ProviderKeyStore.ts"
import * as ProviderKeys from "./provider/ProviderKeys.ts"
import type * as AuthenticationRequest from "./request/AuthenticationRequest.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import * as BackchannelAuthentication from "./request/BackchannelAuthentication.ts"
import * as TokenEndpoint from "./token/TokenEndpoint.ts"
import type { CibaEvent } from "./wait/CibaEvent.ts"
import * as CibaEvents from "./wait/CibaEvents.ts"
import * as Poll from "./wait/Poll.ts"
import * as PollMode from "./wait/PollMode.ts"
import * as PushMode from "./wait/PushMode.ts"
import * as WaitDriver from "./wait/WaitDriver.ts"

/**
 * How an authentication ended.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Outcome = Result.Result<VerifiedIdentity, CompletionError>

/**
 * The flow of one client at one provider.
 *
 * @since 0.1.0
 * @stability stable
 */
export class Ciba extends Context.Service<Ciba, CibaFlow.CibaFlow>()("@effect-ciba/core/Ciba") {}

interface CommonOptions<E, R>
  extends Omit<ClientRegistration.Options<E, R>, "deliveryMode">,
    Discovery.Options,
    Transport.Options,
    Throttle.Options {
  /** How the provider's keys are cached. */
  readonly keys?: ProviderKeys.Options | undefined
}

/**
 * The client, its provider, and how they communicate.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options<E = never, R = never> extends CommonOptions<E, R> {
  /** The registered `backchannel_token_delivery_mode`; `poll` by default. */
  readonly deliveryMode?: Exclude<DeliveryMode.DeliveryMode, "push"> | undefined
  /** How the token endpoint is polled. */
  readonly poll?: Poll.Options | undefined
}

/**
 * A client that is registered for push delivery.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface PushOptions<E = never, R = never> extends CommonOptions<E, R> {
  readonly deliveryMode: "push"
}

/**
 * The services of a push client. The CIBA grant, which it must not use, is not among them (CIBA Core 11).
 *
 * @since 0.1.0
 * @stability stable
 */
export type PushServices =
  | Ciba
  | ClientRegistration.ClientRegistration
  | Transport.Transport
  | Discovery.Discovery
  | ProviderKeys.ProviderKeys
  | BackchannelAuthentication.BackchannelAuthentication
  | IdTokenVerifier.IdTokenVerifier

/**
 * The services of a poll or ping client: the flow, and each of its steps.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Services = PushServices | TokenEndpoint.TokenEndpoint | Poll.Poll

type LayerError<E> = ClientRegistration.ClientRegistrationError | Transport.InvalidOption | E

type WithoutDiscovery<O> = Omit<O, keyof Discovery.Options>

/**
 * The flow over any `HttpClient`, with the provider's metadata from a `Discovery` of your own: `Discovery.layerStatic`, for
 * example. A push client also needs the `NotificationInbox` that receives its results.
 *
 * @since 0.1.0
 * @stability stable
 */
export function layerNoDiscovery<E = never, R = never>(
  options: WithoutDiscovery<PushOptions<E, R>>
): Layer.Layer<
  Exclude<PushServices, Discovery.Discovery>,
  LayerError<E>,
  HttpClient.HttpClient | Discovery.Discovery | NotificationInbox | R
>
/**
 * @since 0.1.0
 * @stability stable
 */
export function layerNoDiscovery<E = never, R = never>(
  options: WithoutDiscovery<Options<E, R>>
): Layer.Layer<Exclude<Services, Discovery.Discovery>, LayerError<E>, HttpClient.HttpClient | Discovery.Discovery | R>
/**
 * @since 0.1.0
 * @stability stable
 */
export function layerNoDiscovery<E, R>(
  options: WithoutDiscovery<Options<E, R>> | WithoutDiscovery<PushOptions<E, R>>
): Layer.Layer<
  Exclude<PushServices, Discovery.Discovery>,
  LayerError<E>,
  HttpClient.HttpClient | Discovery.Discovery | NotificationInbox | R
> {
  return KeyedLayer.make([...dependencies, Discovery.Discovery], () => {
    const flow: Layer.Layer<
      Ciba,
      Transport.InvalidOption,
      Layer.Services<ReturnType<typeof layerPush | typeof layerPoll>>
    > = options.deliveryMode === "push" ? layerPush() : layerPoll(options.poll)
    return flow.pipe(
      Layer.provideMerge(layerSteps(options)),
      Layer.provide(Layer.merge(Throttle.layer(options), CibaEvents.layer())),
      Layer.provideMerge(Layer.merge(ClientRegistration.layer(options), layerTransport(options)))
    )
  })
}

/**
 * The whole flow over any `HttpClient`. Each call makes a client of its own: several of them, for several providers or
 * tenants, can be part of one program. One layer that is provided several times is one client, but over another
 * `HttpClient`, store, inbox, DPoP key, request signer or decryption key it is another one. A push client also needs the
 * `NotificationInbox` that receives its results.
 *
 * @since 0.1.0
 * @stability stable
 */
export function layer<E = never, R = never>(
  options: PushOptions<E, R>
): Layer.Layer<PushServices, LayerError<E>, HttpClient.HttpClient | NotificationInbox | R>
/**
 * @since 0.1.0
 * @stability stable
 */
export function layer<E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<Services, LayerError<E>, HttpClient.HttpClient | R>
/**
 * @since 0.1.0
 * @stability stable
 */
export function layer<E, R>(
  options: Options<E, R> | PushOptions<E, R>
): Layer.Layer<PushServices, LayerError<E>, HttpClient.HttpClient | NotificationInbox | R> {
  return KeyedLayer.make(dependencies, () => {
    const discovery = Layer.provide(Discovery.layer(options), layerTransport(options))
    return options.deliveryMode === "push"
      ? Layer.provideMerge(layerNoDiscovery(options), discovery)
      : Layer.provideMerge(layerNoDiscovery(options), discovery)
  })
}

/**
 * Sends an authentication request; succeeds with what waiting for the result needs.
 *
 * @since 0.1.0
 * @stability stable
 */
export const initiate = (
  request: AuthenticationRequest.Options
): Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError, Ciba> =>
  Ciba.use((ciba) => ciba.initiate(request))

/**
 * Waits for the result of an authentication, and verifies it.
 *
 * @since 0.1.0
 * @stability stable
 */
export const complete = (pending: PendingAuthentication): Effect.Effect<VerifiedIdentity, CompletionError, Ciba> =>
  Ciba.use((ciba) => ciba.complete(pending))

/**
 * Sends an authentication request, waits for its result, and verifies it.
 *
 * @since 0.1.0
 * @stability stable
 */
export const authenticate: (
  request: AuthenticationRequest.Options
) => Effect.Effect<VerifiedIdentity, AuthenticationRequestError | CompletionError, Ciba> = (request) =>
  Span.trace("Ciba.authenticate", Effect.flatMap(initiate(request), complete))

/**
 * Sends many authentication requests, and handles each outcome as it comes. The provider receives no more requests at once
 * than `maxConcurrentRequests`, and none during a pause that it asked for. A provider that cannot be reached is waited for
 * until the authentication expires. A handler that fails ends its own authentication alone, which stays in the store; the
 * failures of all handlers are reported when the last authentication has ended.
 *
 * @since 0.1.0
 * @stability stable
 */
export const authenticateAll = Effect.fnUntraced(function* <E, R>(
  requests: Iterable<AuthenticationRequest.Options>,
  handle: (
    outcome: Result.Result<VerifiedIdentity, CibaError>,
    request: AuthenticationRequest.Options
  ) => Effect.Effect<void, E, R>
): Effect.fn.Return<void, E, Ciba | R> {
  const ciba = yield* Ciba
  yield* forEachIsolated(
    requests,
    Effect.fnUntraced(function* (request) {
      const acknowledged = yield* Ref.make<PendingAuthentication | undefined>(undefined)
      const outcome = yield* Effect.result(authenticateRetained(ciba, request, acknowledged))
      yield* handle(outcome, request)
      const pending = yield* Ref.get(acknowledged)
      if (pending !== undefined && isFinalOutcome(outcome, pending)) yield* ciba.forget(pending)
    })
  )
})

/**
 * Resumes every authentication in the `PendingStore`, and handles each outcome as it comes. An authentication stays in the
 * store until its outcome has been handled: after a crash it is handled again rather than never. A provider that cannot be
 * reached is waited for until the authentication expires. A handler that fails ends its own authentication alone, which the
 * next process resumes; the failures of all handlers are reported when the last authentication has ended.
 *
 * @since 0.1.0
 * @stability stable
 */
export const resumeAll = Effect.fnUntraced(function* <E, R>(
  handle: (outcome: Outcome, pending: PendingAuthentication) => Effect.Effect<void, E, R>
): Effect.fn.Return<void, E | PendingStore.PendingStoreError, Ciba | PendingStore.PendingStore | R> {
  const ciba = yield* Ciba
  yield* forEachIsolated(
    yield* Effect.flatMap(
      PendingStore.PendingStore.use(() => PendingStore.orNone),
      (store) => store.all
    ),
    Effect.fnUntraced(function* (pending) {
      const outcome = yield* Effect.result(CibaFlow.completeReachable(ciba, pending))
      if (Result.isFailure(outcome) && isMismatch(outcome.failure)) return
      yield* handle(outcome, pending)
      if (isFinalOutcome(outcome, pending)) yield* ciba.forget(pending)
    })
  )
})

/**
 * The events of the client's authentications, from the moment of subscription. The newest 4096 are kept for each subscriber.
 *
 * @since 0.1.0
 * @stability stable
 */
export const events: Stream.Stream<CibaEvent, never, Ciba> = Stream.unwrap(Effect.map(Ciba, ({ events }) => events))

/** What a client reads from the context when it is made. Over others of these, the same layer makes another client. */
const dependencies = [
  HttpClient.HttpClient,
  FetchHttpClient.RequestInit,
  ConfigProvider.ConfigProvider,
  SenderConstraint,
  RequestSigner,
  Decrypter,
  ProviderKeyStore,
  PendingStore.PendingStore,
  NotificationInbox
]

const layerTransport = ({ profile, ...options }: Transport.Options & Pick<ClientRegistration.Options, "profile">) =>
  Transport.layer({ interactionIds: profile?.interactionIds, ...options })

/** The steps that clients of every delivery mode take. */
const layerSteps = (options: Pick<Options, "keys">) =>
  Layer.merge(BackchannelAuthentication.layer(), IdTokenVerifier.layer()).pipe(
    Layer.provideMerge(ProviderKeys.layer(options.keys))
  )

const layerPoll = (options: Poll.Options | undefined) =>
  Layer.merge(
    Layer.effect(Ciba, WaitDriver.WaitDriver.use(CibaFlow.make)),
    Layer.effect(Poll.Poll, Effect.map(WaitDriver.WaitDriver, Poll.Poll.of))
  ).pipe(
    Layer.provide(Layer.effect(WaitDriver.WaitDriver, PollMode.makeDriver(options))),
    Layer.provideMerge(TokenEndpoint.layer())
  )

const layerPush = () => Layer.effect(Ciba, Effect.flatMap(PushMode.makeDriver, CibaFlow.make))

/** Runs all at once; one that fails ends no other, and all failures are reported at the end. */
const forEachIsolated = <A, E, R>(
  items: Iterable<A>,
  run: (item: A) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> =>
  Effect.flatMap(
    Effect.forEach(items, (item) => Effect.exit(run(item)), { concurrency: "unbounded" }),
    Exit.asVoidAll
  )

/** One of many, with the span of a single one. What was persisted stays in the store until its outcome is handled. */
const authenticateRetained = (
  ciba: CibaFlow.CibaFlow,
  request: AuthenticationRequest.Options,
  acknowledged: Ref.Ref<PendingAuthentication | undefined>
) =>
  Span.trace(
    "Ciba.authenticate",
    ciba
      .initiate(request)
      .pipe(
        Effect.flatMap((pending) =>
          Effect.andThen(Ref.set(acknowledged, pending), CibaFlow.completeReachable(ciba, pending))
        )
      )
  )

const isFinalOutcome = (outcome: Result.Result<VerifiedIdentity, CibaError>, pending: PendingAuthentication): boolean =>
  Result.isSuccess(outcome) || isFinal(outcome.failure, pending)
