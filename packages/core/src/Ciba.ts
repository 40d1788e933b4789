/**
 * Ask a person to approve something on their own device, wait, and get verified tokens.
 *
 * ```
 * discovery ─► backchannel authentication request ─► wait ─► token request ─► verified identity
 * ```
 *
 * `authenticate` is the whole flow. `initiate` and `complete` are its halves, for programs that ask in one place and
 * answer in another.
 *
 * **Example** (Asking, and taking no for an answer)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const answer = Ciba.authenticate({
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
 * await Effect.runPromise(Effect.provide(answer, CibaTest)) // => "declined"
 * ```
 *
 * @see CIBA Core 1.0 section 5
 */
import { Context, DateTime, Effect, Equal, Layer, Option, Result, Schedule, Stream } from "effect"
import type { HttpClient } from "effect/http"
import { type CibaError, type CompletionError, isFinal, isMismatch, isTransient } from "./CibaError.ts"
import * as ClientRegistration from "./client/ClientRegistration.ts"
import type * as DeliveryMode from "./client/DeliveryMode.ts"
import * as Throttle from "./http/Throttle.ts"
import * as Transport from "./http/Transport.ts"
import * as IdTokenVerifier from "./identity/IdTokenVerifier.ts"
import type { VerifiedIdentity } from "./identity/VerifiedIdentity.ts"
import { cappedExponential } from "./internal/Backoff.ts"
import { NotificationInbox } from "./notification/NotificationInbox.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import * as PendingStore from "./pending/PendingStore.ts"
import * as Discovery from "./provider/Discovery.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import * as ProviderKeys from "./provider/ProviderKeys.ts"
import * as AuthenticationRequest from "./request/AuthenticationRequest.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import * as BackchannelAuthentication from "./request/BackchannelAuthentication.ts"
import * as Introspection from "./token/Introspection.ts"
import * as Refresh from "./token/Refresh.ts"
import * as Revocation from "./token/Revocation.ts"
import * as TokenEndpoint from "./token/TokenEndpoint.ts"
import * as TokenRequest from "./token/TokenRequest.ts"
import type { TokenResponse } from "./token/TokenResponse.ts"
import { type CibaEvent, Step } from "./wait/CibaEvent.ts"
import * as CibaEvents from "./wait/CibaEvents.ts"
import * as Poll from "./wait/Poll.ts"
import * as Push from "./wait/Push.ts"
import * as SameClient from "./wait/SameClient.ts"

/** How an authentication ended. */
export type Outcome = Result.Result<VerifiedIdentity, CompletionError>

/** The flow in its two halves. */
export interface Service {
  readonly initiate: (
    request: AuthenticationRequest.Options
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
  readonly complete: (pending: PendingAuthentication) => Effect.Effect<VerifiedIdentity, CompletionError>
  /** Completes, and leaves the authentication in the store until `forget`. */
  readonly completeRetained: (pending: PendingAuthentication) => Effect.Effect<VerifiedIdentity, CompletionError>
  /** Takes a decided authentication out of the store. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
  /** What happens, as it happens. */
  readonly events: Stream.Stream<CibaEvent>
}

/** The flow at one provider, as one client. */
export class Ciba extends Context.Service<Ciba, Service>()("@effect-ciba/core/Ciba") {}

interface Common<E, R>
  extends Omit<ClientRegistration.Options<E, R>, "deliveryMode">,
    Discovery.Options,
    Transport.Options,
    Throttle.Options {
  /** How the provider's keys are kept. */
  readonly keys?: ProviderKeys.Options | undefined
}

/** A client, its provider, and how the two speak. */
export interface Options<E = never, R = never> extends Common<E, R> {
  /** The registered `backchannel_token_delivery_mode`; `poll` by default. Push has `layerPush`. */
  readonly deliveryMode?: Exclude<DeliveryMode.DeliveryMode, "push"> | undefined
  /** How polls are made. */
  readonly poll?: Poll.Options | undefined
}

/** A client that is registered for push delivery. */
export interface PushOptions<E = never, R = never> extends Common<E, R> {}

/** Everything that the flow consists of, whatever the mode. */
export type CommonServices =
  | Ciba
  | ClientRegistration.ClientRegistration
  | Transport.Transport
  | Discovery.Discovery
  | ProviderKeys.ProviderKeys
  | Throttle.Throttle
  | BackchannelAuthentication.BackchannelAuthentication
  | CibaEvents.CibaEvents
  | IdTokenVerifier.IdTokenVerifier
  | Refresh.Refresh
  | Revocation.Revocation
  | Introspection.Introspection

/** Everything that the flow consists of: each step is there for those who want the pieces. */
export type Services = CommonServices | TokenEndpoint.TokenEndpoint | Poll.Poll

type Wait = (pending: PendingAuthentication) => Effect.Effect<TokenResponse, CompletionError>

/** The flow over the steps at hand, and a way to wait. */
export const make = Effect.fnUntraced(function* (
  wait: Wait,
  forgetWait: (pending: PendingAuthentication) => Effect.Effect<void> = () => Effect.void
): Effect.fn.Return<
  Service,
  never,
  | ClientRegistration.ClientRegistration
  | BackchannelAuthentication.BackchannelAuthentication
  | CibaEvents.CibaEvents
  | Discovery.Discovery
  | IdTokenVerifier.IdTokenVerifier
> {
  const own = yield* SameClient.make
  const registration = yield* ClientRegistration.ClientRegistration
  const backchannel = yield* BackchannelAuthentication.BackchannelAuthentication
  const verifier = yield* IdTokenVerifier.IdTokenVerifier
  const { trackActive, events, isOpen, publish } = yield* CibaEvents.CibaEvents
  const store = yield* PendingStore.optional
  const inbox = yield* Effect.serviceOption(NotificationInbox)

  const stored = (
    use: (store: PendingStore.Service) => Effect.Effect<void, PendingStore.PendingStoreError>
  ): Effect.Effect<void> =>
    Option.isNone(store) ? Effect.void : Effect.catch(use(store.value), ({ message }) => Effect.logError(message))

  const notified = <A>(use: (inbox: NotificationInbox["Service"]) => Effect.Effect<A>): Effect.Effect<A | undefined> =>
    Option.isNone(inbox) ? Effect.undefined : use(inbox.value)

  const expected = Effect.fnUntraced(function* (
    request: AuthenticationRequest.AuthenticationRequest
  ): Effect.fn.Return<void> {
    const { clientNotificationToken: token } = request
    const { deliveryMode } = registration
    if (token === undefined || deliveryMode === "poll") return
    const until = DateTime.add(yield* DateTime.now, { hours: 1 })
    yield* notified((inbox) => inbox.expect({ token, deliveryMode, until }))
  })

  const unexpected = ({ clientNotificationToken: token }: AuthenticationRequest.AuthenticationRequest) =>
    token === undefined ? Effect.void : notified((inbox) => inbox.unregister(token))

  /** From here on somebody is being asked: the store has it before anybody else. */
  const acknowledged = Effect.fnUntraced(function* (pending: PendingAuthentication): Effect.fn.Return<void> {
    const { deliveryMode, expiresAt, id } = pending
    yield* Effect.annotateCurrentSpan({ "ciba.authentication.id": id, "ciba.delivery_mode": deliveryMode })
    yield* stored((store) => store.put(pending))
    yield* notified((inbox) => inbox.acknowledge(pending))
    yield* publish(Step.Acknowledged({ id, deliveryMode, expiresAt }))
  })

  /** What the store knows of it, which may be more: another process, or another call, has waited since. */
  const latest = Effect.fnUntraced(function* (pending: PendingAuthentication): Effect.fn.Return<PendingAuthentication> {
    if (Option.isNone(store)) return pending
    const kept = yield* Effect.catch(store.value.get(pending.id), ({ message }) =>
      Effect.as(Effect.logError(message), Option.none<PendingAuthentication>())
    )
    const isSame = ({ authReqId, clientId, issuer }: PendingAuthentication) =>
      Equal.equals(authReqId, pending.authReqId) && clientId === pending.clientId && issuer === pending.issuer
    return Option.getOrElse(Option.filter(kept, isSame), () => pending)
  })

  const completeRetained = Effect.fn("Ciba.complete")(function* (
    given: PendingAuthentication
  ): Effect.fn.Return<VerifiedIdentity, CompletionError> {
    const pending = yield* latest(given)
    const { expiresAt, id, received } = pending
    yield* Effect.annotateCurrentSpan("ciba.authentication.id", id)
    if (!isOpen(id)) yield* publish(Step.Resumed({ id, expiresAt }))
    const response =
      received === undefined
        ? wait(pending)
        : Effect.andThen(own(pending), TokenRequest.decodeStored(received, pending))
    const identity = Effect.flatMap(response, (read) =>
      Effect.retry(verifier.verify(read, pending), { schedule: keysAgain, while: isTransient })
    )
    const ended = (outcome: string) => Effect.annotateCurrentSpan("ciba.outcome", outcome)
    return yield* trackActive(
      id,
      identity.pipe(
        Effect.tap(() => Effect.andThen(ended("approved"), publish(Step.Decided({ id, outcome: "approved" })))),
        Effect.tapError((error) => {
          const outcome = error.reason._tag
          return Effect.andThen(
            ended(outcome),
            isFinal(error, pending) ? publish(Step.Decided({ id, outcome })) : Effect.void
          )
        })
      )
    )
  }, explained)

  const forget = (pending: PendingAuthentication): Effect.Effect<void> =>
    Effect.andThen(
      stored((store) => store.remove(pending)),
      Effect.andThen(
        forgetWait(pending),
        notified((inbox) => inbox.close(pending))
      )
    ).pipe(Effect.asVoid)

  return Ciba.of({
    initiate: Effect.fn("Ciba.initiate")(function* (options) {
      const request = yield* Effect.provideService(
        AuthenticationRequest.make(options),
        ClientRegistration.ClientRegistration,
        registration
      )
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.andThen(expected(request), restore(backchannel.send(request))).pipe(
          Effect.onError(() => unexpected(request)),
          Effect.tap(acknowledged)
        )
      )
    }, explained),
    complete: (pending) =>
      completeRetained(pending).pipe(
        Effect.tap(() => forget(pending)),
        Effect.tapError((error) => (isFinal(error, pending) ? forget(pending) : Effect.void))
      ),
    completeRetained,
    forget,
    events
  })
})

const transport = ({ profile, ...options }: Transport.Options & Pick<ClientRegistration.Options, "profile">) =>
  Transport.layer({ interactionIds: profile?.interactionIds, ...options })

const flow = <E, R>(
  options: Omit<Common<E, R>, keyof Discovery.Options> & Pick<ClientRegistration.Options, "deliveryMode">
) =>
  Layer.mergeAll(
    BackchannelAuthentication.layer,
    IdTokenVerifier.layer,
    Refresh.layer,
    Revocation.layer,
    Introspection.layer
  ).pipe(
    Layer.provideMerge(Layer.mergeAll(ProviderKeys.layer(options.keys), Throttle.layer(options), CibaEvents.layer)),
    Layer.provideMerge(Layer.merge(ClientRegistration.layer(options), transport(options)))
  )

/** The flow as a layer, over any `HttpClient`, with metadata from elsewhere: `Discovery.layerStatic`, for one. */
export const layerNoDiscovery = <E = never, R = never>(
  options: Omit<Options<E, R>, keyof Discovery.Options>
): Layer.Layer<
  Exclude<Services, Discovery.Discovery>,
  ClientRegistration.ClientRegistrationError | E,
  HttpClient.HttpClient | Discovery.Discovery | R
> =>
  Layer.effect(
    Ciba,
    Poll.Poll.use((poll) => make(poll.wait, poll.forget))
  ).pipe(
    Layer.provideMerge(Poll.layer(options.poll)),
    Layer.provideMerge(TokenEndpoint.layer),
    Layer.provideMerge(flow(options))
  )

/** The whole flow as a layer, over any `HttpClient`. */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<Services, ClientRegistration.ClientRegistrationError | E, HttpClient.HttpClient | R> =>
  Layer.provideMerge(layerNoDiscovery(options), Layer.provide(Discovery.layer(options), transport(options)))

/** The flow in push mode as a layer, with metadata from elsewhere. */
export const layerPushNoDiscovery = <E = never, R = never>(
  options: Omit<PushOptions<E, R>, keyof Discovery.Options>
): Layer.Layer<
  Exclude<CommonServices, Discovery.Discovery>,
  ClientRegistration.ClientRegistrationError | E,
  HttpClient.HttpClient | Discovery.Discovery | NotificationInbox | R
> =>
  Layer.effect(Ciba, Effect.flatMap(Push.make, make)).pipe(
    Layer.provideMerge(flow({ ...options, deliveryMode: "push" }))
  )

/**
 * The whole flow in push mode as a layer. The CIBA grant, which push clients must not use, is not among its pieces (CIBA
 * Core 11).
 */
export const layerPush = <E = never, R = never>(
  options: PushOptions<E, R>
): Layer.Layer<
  CommonServices,
  ClientRegistration.ClientRegistrationError | E,
  HttpClient.HttpClient | NotificationInbox | R
> => Layer.provideMerge(layerPushNoDiscovery(options), Layer.provide(Discovery.layer(options), transport(options)))

/** Asks: sends the request, and gives what waiting for the answer needs. */
export const initiate = (
  request: AuthenticationRequest.Options
): Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError, Ciba> =>
  Ciba.use((ciba) => ciba.initiate(request))

/** Waits for the answer, and gives the verified identity. */
export const complete = (pending: PendingAuthentication): Effect.Effect<VerifiedIdentity, CompletionError, Ciba> =>
  Ciba.use((ciba) => ciba.complete(pending))

/** Asks, waits, and gives the verified identity. */
export const authenticate: (
  request: AuthenticationRequest.Options
) => Effect.Effect<VerifiedIdentity, CibaError, Ciba> = Effect.fn("Ciba.authenticate")(
  function* (request: AuthenticationRequest.Options): Effect.fn.Return<VerifiedIdentity, CibaError, Ciba> {
    return yield* complete(yield* initiate(request))
  },
  (effect) => explained(effect)
)

/**
 * Asks many people, and handles each decision as it comes. However many there are, a provider is asked no faster than
 * `maxConcurrentRequests` and its own wishes allow; one that cannot be reached is waited for until each one expires. A
 * handler that fails ends all of them: let it handle its own failures.
 */
export const authenticateAll = Effect.fnUntraced(function* <E, R>(
  requests: Iterable<AuthenticationRequest.Options>,
  handle: (
    decision: Result.Result<VerifiedIdentity, CibaError>,
    request: AuthenticationRequest.Options
  ) => Effect.Effect<void, E, R>
): Effect.fn.Return<void, E, Ciba | R> {
  const ciba = yield* Ciba
  yield* Effect.forEach(
    requests,
    Effect.fnUntraced(function* (request) {
      let forget = Effect.void
      const decision = yield* Effect.result(
        one(ciba, request, (decided, pending) => {
          forget = forgetDecided(ciba, pending, decided)
        })
      )
      yield* handle(decision, request)
      yield* forget
    }),
    { concurrency: "unbounded", discard: true }
  )
})

/**
 * Goes on with everything that the `PendingStore` keeps, and handles each decision as it comes. An authentication stays in
 * the store until its decision has been handled: after a crash it is handled again rather than never. A provider that
 * cannot be reached is waited for until the authentication expires. A handler that fails ends all of them, and the next
 * process goes on.
 */
export const resumeAll = Effect.fnUntraced(function* <E, R>(
  handle: (decision: Outcome, pending: PendingAuthentication) => Effect.Effect<void, E, R>
): Effect.fn.Return<void, E | PendingStore.PendingStoreError, Ciba | PendingStore.PendingStore | R> {
  const ciba = yield* Ciba
  const kept = yield* PendingStore.PendingStore.use((store) => store.all)
  yield* Effect.forEach(kept, (pending) => settle(ciba, pending, (decision) => handle(decision, pending)), {
    concurrency: "unbounded",
    discard: true
  })
})

/** What happens to the authentications at hand, as it happens. */
export const events: Stream.Stream<CibaEvent, never, Ciba> = Stream.unwrap(
  Ciba.use((ciba) => Effect.succeed(ciba.events))
)

/** A span that failed tells why, as OpenTelemetry's conventions have it. */
const explained = <A, E extends CibaError, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tapError(effect, ({ reason }) => Effect.annotateCurrentSpan("error.type", reason._tag))

/** One of many, in a span like that of a single one; tells the decision of what was taken. */
const one = Effect.fn("Ciba.authenticate")(function* (
  ciba: Service,
  request: AuthenticationRequest.Options,
  tell: (decision: Outcome, pending: PendingAuthentication) => void
): Effect.fn.Return<VerifiedIdentity, CibaError> {
  const pending = yield* ciba.initiate(request)
  const decision = yield* Effect.result(decidePatiently(ciba, pending))
  tell(decision, pending)
  return yield* Effect.fromResult(decision)
}, explained)

const settle = Effect.fnUntraced(function* <E, R>(
  ciba: Service,
  pending: PendingAuthentication,
  handle: (decision: Outcome) => Effect.Effect<void, E, R>
): Effect.fn.Return<void, E, R> {
  const decision = yield* Effect.result(decidePatiently(ciba, pending))
  if (Result.isFailure(decision) && isMismatch(decision.failure)) return
  yield* handle(decision)
  yield* forgetDecided(ciba, pending, decision)
})

/** The decision, also of a provider that cannot be reached for a while. */
const decidePatiently = (
  ciba: Service,
  pending: PendingAuthentication
): Effect.Effect<VerifiedIdentity, CompletionError> =>
  Effect.retry(ciba.completeRetained(pending), {
    schedule: cappedExponential,
    while: (error) =>
      Effect.map(DateTime.now, (now) => isTransient(error) && DateTime.isLessThan(now, pending.expiresAt))
  })

const forgetDecided = (ciba: Service, pending: PendingAuthentication, decision: Outcome): Effect.Effect<void> =>
  Result.isSuccess(decision) || isFinal(decision.failure, pending) ? ciba.forget(pending) : Effect.void

/** The id is spent, and the response in hand: keys that cannot be reached now are worth waiting for. */
const keysAgain = Schedule.upTo(cappedExponential, { times: 12 })
