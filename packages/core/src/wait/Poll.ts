/**
 * Waits for the end-user's decision by polling the token endpoint, in poll and ping mode.
 *
 * **When to use**
 *
 * `Ciba.complete` waits and verifies. Use `Poll` alone to get the unverified token response of a pending authentication.
 *
 * **Details**
 *
 * - The wait ends with a final response of the provider, or when the request expires. Connection resets, timeouts, 429,
 *   5xx and HTML error pages do not end it.
 * - There is one wait per `auth_req_id`: concurrent callers share it, and it stops when the last of them is interrupted.
 * - The provider's keys are fetched before the first poll, so that they are available when the `auth_req_id` is redeemed.
 *   While the keys or the metadata cannot be fetched, the wait tries again until the request expires.
 * - The token response is retained until `forget`: another wait for the same `auth_req_id` gets it without a request.
 * - In ping mode, with a `NotificationInbox`, a ping triggers the next poll. Until it arrives polls are less frequent: a
 *   lost ping costs time, and nothing else.
 * - With a `PendingStore`, progress is stored before each poll and after each response. A resumed wait polls no earlier
 *   than the interrupted one would have; after a poll whose response was lost, it polls a full interval later.
 * - The expiry is measured on the monotonic clock from the start of the wait: a change of the system time does not move
 *   it.
 *
 * **Example** (Polling no more often than every ten seconds)
 *
 * ```ts
 * import { Poll } from "@effect-ciba/core"
 * import { Schedule } from "effect"
 *
 * const options: Poll.Options = {
 *   schedule: (policy) => policy.pipe(Schedule.jittered, Schedule.upTo({ times: 20 }))
 * }
 *
 * Object.keys(options) // => ["schedule"]
 * ```
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { Context, Duration, Effect, Equal, Hash, Layer, Option, RcMap, Schedule, type Scope } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as Throttle from "../http/Throttle.ts"
import { makeError } from "../http/Transport.ts"
import type { TransportError } from "../http/TransportError.ts"
import { cappedExponential } from "../internal/Backoff.ts"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import { NotificationInbox } from "../notification/NotificationInbox.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as ProviderMetadata from "../provider/ProviderMetadata.ts"
import * as TokenEndpoint from "../token/TokenEndpoint.ts"
import { AlreadyRedeemed, PushDelivery, ScheduleExhausted, TokenError } from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import { Step } from "./CibaEvent.ts"
import * as CibaEvents from "./CibaEvents.ts"
import * as Ping from "./Ping.ts"
import * as PollMemory from "./PollMemory.ts"
import * as PollOutcome from "./PollOutcome.ts"
import * as PollPolicy from "./PollPolicy.ts"
import * as SameClient from "./SameClient.ts"

/**
 * How the token endpoint is polled.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends Omit<TokenEndpoint.Options, "dpopKey" | "onSend"> {
  /** Makes polls after the first less frequent, or limits their number; it starts again with each wait. It cannot make polls more frequent. */
  readonly schedule?: PollPolicy.Compose | undefined
  /** The least time between two polls until a ping arrives; 30 seconds by default. */
  readonly pingFallback?: Duration.Input | undefined
}

/**
 * Waits for token responses; concurrent waits for the same `auth_req_id` are one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Polls until the provider's response ends the wait. The tokens are not verified. */
  readonly wait: (pending: PendingAuthentication) => Effect.Effect<TokenResponse, TokenError | DiscoveryError>
  /** Releases the token response, which is retained until then. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
}

/**
 * Waits for token responses by polling.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Poll extends Context.Service<Poll, Service>()("@effect-ciba/core/Poll") {}

/**
 * The services that a wait uses.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements =
  | ClientRegistration
  | Discovery
  | ProviderKeys
  | Throttle.Throttle
  | TokenEndpoint.TokenEndpoint
  | CibaEvents.CibaEvents

/**
 * A `Poll` for the configured client; it uses the `NotificationInbox` and the `PendingStore` of the context if present.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, never, Requirements | Scope.Scope> {
  const registration = yield* ClientRegistration
  const keys = yield* ProviderKeys
  const parts: Parts = {
    options,
    pingFallback: Duration.fromInputUnsafe(options?.pingFallback ?? "30 seconds"),
    registration,
    discovery: yield* Discovery,
    endpoint: yield* TokenEndpoint.TokenEndpoint,
    prefetchKeys: JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg) ? Effect.void : keys.prefetch,
    throttle: yield* Throttle.Throttle,
    events: yield* CibaEvents.CibaEvents,
    inbox: yield* Effect.serviceOption(NotificationInbox),
    ensureSameClient: yield* SameClient.make,
    memory: yield* PollMemory.make
  }
  const waits = yield* RcMap.make({ lookup: (key: WaitKey) => pollUntilDecided(parts, key) })

  return Poll.of({
    wait: Effect.fnUntraced(function* (pending) {
      const interrupted = yield* beforeExpiry(validate(parts, pending), yield* parts.memory.load(pending))
      return yield* Effect.scoped(RcMap.get(waits, new WaitKey(pending, interrupted)))
    }),
    forget: parts.memory.clear
  })
})

/**
 * Polls the token endpoint of the configured provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: Options): Layer.Layer<Poll, never, Requirements> => Layer.effect(Poll, make(options))

interface Parts {
  readonly options: Options | undefined
  readonly pingFallback: Duration.Duration
  readonly registration: ClientRegistration["Service"]
  readonly discovery: Discovery["Service"]
  readonly endpoint: TokenEndpoint.Service
  readonly prefetchKeys: Effect.Effect<void, DiscoveryError>
  readonly throttle: Throttle.Service
  readonly events: CibaEvents.Service
  readonly inbox: Option.Option<NotificationInbox["Service"]>
  readonly ensureSameClient: SameClient.EnsureSameClient
  readonly memory: PollMemory.PollMemory
}

/** Two waits are one when they have the same `auth_req_id`. */
class WaitKey implements Equal.Equal {
  readonly pending: PendingAuthentication
  /** What is stored as the lost response while a poll is in flight. */
  readonly interrupted: TransportError
  constructor(pending: PendingAuthentication, interrupted: TransportError) {
    this.pending = pending
    this.interrupted = interrupted
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof WaitKey && Equal.equals(this.pending.authReqId, that.pending.authReqId)
  }
  [Hash.symbol](): number {
    return Hash.hash(this.pending.authReqId)
  }
}

/** A wait that polls. */
interface ActiveWait {
  readonly pending: PendingAuthentication
  readonly interrupted: TransportError
  readonly ping: Ping.Ping
  progress: PollMemory.Progress
}

const validate = Effect.fnUntraced(function* (
  { ensureSameClient, registration }: Parts,
  pending: PendingAuthentication
): Effect.fn.Return<TransportError, TokenError | DiscoveryError> {
  const metadata = yield* ensureSameClient(pending)
  if (pending.deliveryMode === "push") return yield* new TokenError({ reason: new PushDelivery() })
  const url = yield* ProviderMetadata.endpoint(metadata, "token_endpoint", registration.mutualTls)
  return makeError("Interrupted", { method: "POST", url })
})

const pollUntilDecided = Effect.fnUntraced(function* (
  parts: Parts,
  { interrupted, pending }: WaitKey
): Effect.fn.Return<TokenResponse, TokenError | DiscoveryError, Scope.Scope> {
  const progress = yield* parts.memory.load(pending)
  if (progress.response !== undefined) return progress.response
  if (progress.redeemed) return yield* new TokenError({ reason: new AlreadyRedeemed() })
  yield* beforeExpiry(parts.prefetchKeys, progress)
  const ping = yield* makePing(parts, pending, progress)
  const wait: ActiveWait = { pending, interrupted, ping, progress }
  const { deadline, interval } = progress
  const state = { interval, deadline, faults: 0 }
  const schedule = PollPolicy.schedule(state, composeWithPing(ping, deadline, parts.options?.schedule))
  const decideNext = yield* PollPolicy.toStepper(schedule)
  let next = yield* decideFirst(state, progress, ping)
  if (next._tag === "Poll" && progress.nextAt === undefined) yield* saveProgress(parts, wait, { nextAt: next.at })
  let minimumDelay = Effect.void
  while (true) {
    yield* Effect.andThen(minimumDelay, ping.raceWithPing(sleepUntilNext(wait, next)))
    const outcome = yield* parts.throttle.run(sendPoll(parts, wait), { until: deadline, orElse: failExpired(wait) })
    if (outcome._tag === "Success") return yield* recordResponse(parts, wait, outcome.response)
    if (outcome._tag === "Failure") return yield* recordFailure(parts, wait, outcome.error)
    next = yield* decideNext(outcome)
    minimumDelay = yield* recordOutcome(parts, wait, outcome, next)
  }
})

const makePing = (
  { events, inbox, pingFallback }: Parts,
  pending: PendingAuthentication,
  { pinged }: PollMemory.Progress
): Effect.Effect<Ping.Ping, never, Scope.Scope> =>
  Option.isSome(inbox) && pending.deliveryMode === "ping" && !pinged
    ? Ping.make(inbox.value.await(pending), {
        fallback: pingFallback,
        onPing: events.publish(Step.Pinged({ id: pending.id }))
      })
    : Effect.succeed(Ping.none)

/** The caller's schedule over the policy, whose delays are longer until the ping arrives. */
const composeWithPing = (
  ping: Ping.Ping,
  deadline: number,
  compose: PollPolicy.Compose | undefined
): PollPolicy.Compose | undefined =>
  ping === Ping.none
    ? compose
    : (policy) => {
        const stretched = Schedule.modifyDelay(policy, ({ duration }) => ping.stretchDelay(duration, deadline))
        return compose?.(stretched) ?? stretched
      }

/** The first poll of a new wait; of one that is resumed before a poll; or of one that is resumed after a lost response. */
const decideFirst = Effect.fnUntraced(function* (
  state: PollPolicy.State,
  { lostResponse, nextAt }: PollMemory.Progress,
  ping: Ping.Ping
): Effect.fn.Return<PollPolicy.NextPoll> {
  const now = yield* monotonicNow
  if (nextAt !== undefined) return PollPolicy.resume(state, nextAt, now)
  const first =
    lostResponse === undefined
      ? PollPolicy.start(state, now)
      : PollPolicy.resume(state, now + Duration.toMillis(state.interval), now)
  if (first._tag !== "Poll") return first
  const delay = yield* ping.stretchDelay(Duration.millis(first.at - now), state.deadline)
  return { ...first, at: now + Duration.toMillis(delay) }
})

/** Sleeps until the next poll, or fails when there is none. A ping may still arrive until the request expires. */
const sleepUntilNext = (wait: ActiveWait, next: PollPolicy.NextPoll): Effect.Effect<void, TokenError> => {
  if (next._tag === "Poll") return sleepUntil(next.at)
  if (next._tag === "Stopped") return Effect.fail(new TokenError({ reason: new ScheduleExhausted() }))
  const untilExpiry = wait.ping.isAwaited() ? sleepUntil(wait.progress.deadline) : Effect.void
  return Effect.andThen(untilExpiry, failExpired(wait))
}

/** Sends one poll. It is stored before: should the process stop now, the next one knows that a response may be lost. */
const sendPoll = Effect.fnUntraced(function* (
  { discovery, endpoint, events, memory, options, throttle }: Parts,
  wait: ActiveWait
): Effect.fn.Return<
  PollOutcome.PollOutcome | { readonly _tag: "Success"; readonly response: TokenResponse },
  TokenError
> {
  const { interrupted, pending, ping } = wait
  yield* Effect.ignore(discovery.metadata)
  let sentAt = yield* monotonicNow
  if (sentAt >= wait.progress.deadline) return yield* failExpired(wait)
  ping.recordPollSent()
  const pinged = wait.progress.pinged || (ping !== Ping.none && !ping.isAwaited())
  wait.progress = { ...wait.progress, pinged }
  const lostResponse = wait.progress.lostResponse ?? interrupted
  yield* memory.save(pending, { ...wait.progress, nextAt: undefined, lostResponse })
  yield* events.publish(Step.Polled({ id: pending.id }))
  const onSend = Effect.map(monotonicNow, (now) => {
    sentAt = now
  })
  const outcome = yield* Effect.match(
    endpoint.redeem(pending.authReqId, { ...options, dpopKey: pending.dpopKey, onSend }),
    {
      onSuccess: (response) => ({ _tag: "Success" as const, response }),
      onFailure: (error) => PollOutcome.classify(error, sentAt)
    }
  )
  yield* throttle.record(outcome._tag === "Fault" ? outcome : undefined)
  return outcome
})

const saveProgress = (
  { memory }: Parts,
  wait: ActiveWait,
  changes: Partial<PollMemory.Progress>
): Effect.Effect<void> => {
  wait.progress = { ...wait.progress, ...changes }
  return memory.save(wait.pending, wait.progress)
}

const recordResponse = (parts: Parts, wait: ActiveWait, response: TokenResponse): Effect.Effect<TokenResponse> =>
  Effect.as(Effect.uninterruptible(saveProgress(parts, wait, { redeemed: true, response })), response)

const recordFailure = Effect.fnUntraced(function* (
  parts: Parts,
  wait: ActiveWait,
  error: TokenError | DiscoveryError
): Effect.fn.Return<never, TokenError | DiscoveryError> {
  const { interval, lostResponse } = wait.progress
  yield* saveProgress(parts, wait, {
    nextAt: (yield* monotonicNow) + Duration.toMillis(interval),
    redeemed: error.reason._tag === "InvalidTokenResponse"
  })
  return yield* Effect.fail(PollOutcome.resolveOutcome(error, lostResponse))
})

/** Stores and publishes the outcome of a poll that does not end the wait. Returns the delay that even a ping does not end. */
const recordOutcome = Effect.fnUntraced(function* (
  parts: Parts,
  wait: ActiveWait,
  outcome: ContinuingOutcome,
  next: PollPolicy.NextPoll
): Effect.fn.Return<Effect.Effect<void>> {
  const { id } = wait.pending
  const interval = PollPolicy.intervalAfter(wait.progress.interval, outcome)
  const requested = Duration.max(interval, outcome.retryAfter ?? Duration.zero)
  const earliest = (yield* monotonicNow) + Duration.toMillis(requested)
  const { lostResponse } = wait.progress
  yield* saveProgress(parts, wait, {
    interval,
    nextAt: next._tag === "Poll" ? next.at : earliest,
    lostResponse: outcome._tag === "Fault" ? (PollOutcome.findLostResponse(outcome.fault) ?? lostResponse) : undefined
  })
  yield* parts.events.publish(toStep(id, outcome, interval))
  // slow_down and Retry-After also delay a poll that a ping triggers.
  const isSlowedDown = outcome._tag === "SlowDown" || outcome.retryAfter !== undefined
  return isSlowedDown && next._tag === "Poll" ? sleepUntil(Math.min(earliest, next.at)) : Effect.void
})

type ContinuingOutcome = Exclude<PollOutcome.PollOutcome, { readonly _tag: "Failure" }>

const toStep = (id: string, { _tag, fault, status }: ContinuingOutcome, interval: Duration.Duration): Step => {
  switch (_tag) {
    case "Pending":
      return Step.StillPending({ id, interval })
    case "SlowDown":
      return Step.SlowedDown({ id, interval })
    case "Fault":
      return Step.PollFailed({
        id,
        kind: fault?.kind ?? (status === undefined ? "Unreachable" : "UnexpectedStatus"),
        status
      })
  }
}

/** Runs what a wait needs before it can poll; while the provider cannot be reached, again until the request expires. */
const beforeExpiry = Effect.fnUntraced(function* <A, E extends TokenError | DiscoveryError>(
  effect: Effect.Effect<A, E>,
  { deadline, lostResponse }: PollMemory.Progress
): Effect.fn.Return<A, E | TokenError> {
  const left = deadline - (yield* monotonicNow)
  const fail = Effect.fail(PollOutcome.makeExpiryError(lostResponse))
  const retrying = Effect.retry(effect, {
    schedule: cappedExponential,
    while: (error) => left > 0 && isUnreachable(error)
  })
  return yield* (left > 0 ? Effect.timeoutOrElse(retrying, { duration: left, orElse: () => fail }) : retrying).pipe(
    Effect.catch((error) => (isUnreachable(error) ? fail : Effect.fail(error)))
  )
})

const isUnreachable = ({ _tag, reason }: TokenError | DiscoveryError): boolean =>
  _tag === "DiscoveryError" && reason._tag === "TransportError"

const sleepUntil = (at: number): Effect.Effect<void> =>
  Effect.flatMap(monotonicNow, (now) => Effect.sleep(Duration.millis(Math.max(0, at - now))))

const failExpired = (wait: ActiveWait): Effect.Effect<never, TokenError> =>
  Effect.suspend(() => Effect.fail(PollOutcome.makeExpiryError(wait.progress.lostResponse)))
