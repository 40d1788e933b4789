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
import { Context, Data, Duration, Effect, Equal, Hash, Layer, Option, RcMap, Schedule, type Scope } from "effect"
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
import * as Wait from "./Wait.ts"

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
  const parts = yield* makeParts(options)
  const waits = yield* RcMap.make({ lookup: (key: WaitKey) => pollUntilDecided(parts, key) })

  return Poll.of({
    wait: Effect.fnUntraced(function* (pending) {
      const interrupted = yield* beforeExpiry(validate(parts, pending), yield* parts.memory.load(pending))
      return yield* Effect.scoped(RcMap.get(waits, new WaitKey({ pending, interrupted })))
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

const makeParts = Effect.fnUntraced(function* (options: Options | undefined) {
  const registration = yield* ClientRegistration
  const keys = yield* ProviderKeys
  return {
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
})

type Parts = Effect.Success<ReturnType<typeof makeParts>>

/** Two waits are one when they have the same `auth_req_id`. */
class WaitKey extends Data.Class<{
  readonly pending: PendingAuthentication
  /** What is stored as the lost response while a poll is in flight. */
  readonly interrupted: TransportError
}> {
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof WaitKey && Equal.equals(this.pending.authReqId, that.pending.authReqId)
  }
  [Hash.symbol](): number {
    return Hash.hash(this.pending.authReqId)
  }
}

/** A wait that polls. */
interface ActiveWait extends Parts {
  readonly pending: PendingAuthentication
  readonly interrupted: TransportError
  readonly ping: Ping.Ping
  progress: PollMemory.Progress
  encounters: PollOutcome.Encounters
}

const validate = Effect.fnUntraced(function* (
  { ensureSameClient, registration }: Parts,
  pending: PendingAuthentication
) {
  const metadata = yield* ensureSameClient(pending)
  if (pending.deliveryMode === "push") return yield* new TokenError({ reason: new PushDelivery() })
  const url = yield* ProviderMetadata.endpoint(metadata, "token_endpoint", registration.mutualTls)
  return makeError("Interrupted", { method: "POST", url })
})

const pollUntilDecided = Effect.fnUntraced(function* (parts: Parts, { interrupted, pending }: WaitKey) {
  const progress = yield* parts.memory.load(pending)
  if (progress.response !== undefined) return progress.response
  if (progress.redeemed) return yield* new TokenError({ reason: new AlreadyRedeemed() })
  yield* beforeExpiry(parts.prefetchKeys, progress)
  const ping = yield* makePing(parts, pending, progress)
  const wait: ActiveWait = { ...parts, pending, interrupted, ping, progress, encounters: { polls: 0 } }
  const { deadline, interval, nextAt } = progress
  const state = { interval, deadline, faults: 0 }
  const decideNext = yield* PollPolicy.toStepper(PollPolicy.schedule(state, composeWithPing(wait)))
  let next = yield* decideFirst(state, wait)
  if (next._tag === "Poll" && nextAt === undefined) yield* saveProgress(wait, { nextAt: next.at })
  let minimumDelay = Effect.void
  while (true) {
    yield* Effect.andThen(minimumDelay, ping.raceWithPing(sleepUntilNext(wait, next)))
    const limit = { until: deadline, pauseUntil: deadline - Wait.defaults.margin, orElse: failExpired(wait) }
    const outcome = yield* parts.throttle.run(sendPoll(wait), limit)
    if (outcome._tag === "Success") return yield* recordResponse(wait, outcome.response)
    if (outcome._tag === "Failure") return yield* recordFailure(wait, outcome.error)
    next = yield* decideNext(outcome)
    minimumDelay = yield* recordOutcome(wait, outcome, next)
  }
})

const makePing = (
  { events, inbox, pingFallback }: Parts,
  pending: PendingAuthentication,
  { pinged }: PollMemory.Progress
): Effect.Effect<Ping.Ping, never, Scope.Scope> => {
  if (Option.isNone(inbox) || pending.deliveryMode !== "ping" || pinged) return Effect.succeed(Ping.none)
  const arrival = Effect.andThen(inbox.value.await(pending), events.publish(Step.Pinged({ id: pending.id })))
  return Ping.make(arrival, pingFallback)
}

/** The caller's schedule over the policy, whose delays are longer until the ping arrives. */
const composeWithPing = ({ options, ping, progress }: ActiveWait): PollPolicy.Compose | undefined => {
  if (ping === Ping.none) return options?.schedule
  return (policy) => {
    const stretched = Schedule.modifyDelay(policy, ({ duration }) => ping.stretchDelay(duration, progress.deadline))
    return options?.schedule?.(stretched) ?? stretched
  }
}

/** The first poll of a new wait; of one that is resumed before a poll; or of one that is resumed after a lost response. */
const decideFirst = Effect.fnUntraced(function* (
  state: PollPolicy.State,
  { ping, progress: { lostResponse, nextAt } }: ActiveWait
): Effect.fn.Return<PollPolicy.NextPoll> {
  const now = yield* monotonicNow
  if (nextAt !== undefined) return PollPolicy.resume(state, nextAt, now)
  const afterInterval = now + Duration.toMillis(state.interval)
  const isNew = lostResponse === undefined
  const first = isNew ? PollPolicy.start(state, now) : PollPolicy.resume(state, afterInterval, now)
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
const sendPoll = Effect.fnUntraced(function* (wait: ActiveWait) {
  const { endpoint, events, interrupted, memory, options, pending, ping, throttle } = wait
  yield* Effect.ignore(wait.discovery.metadata)
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
    wait.encounters = { ...wait.encounters, polls: wait.encounters.polls + 1 }
  })
  const outcome = yield* endpoint.redeem(pending.authReqId, { ...options, dpopKey: pending.dpopKey, onSend }).pipe(
    Effect.map((response): PollOutcome.PollOutcome => ({ _tag: "Success", response })),
    Effect.catch((error) => Effect.succeed(PollOutcome.classify(error, sentAt)))
  )
  yield* throttle.record(outcome._tag === "Fault" ? outcome : undefined)
  return outcome
})

const saveProgress = (wait: ActiveWait, changes: Partial<PollMemory.Progress>): Effect.Effect<void> => {
  wait.progress = { ...wait.progress, ...changes }
  return wait.memory.save(wait.pending, wait.progress)
}

const recordResponse = (wait: ActiveWait, response: TokenResponse): Effect.Effect<TokenResponse> =>
  Effect.as(Effect.uninterruptible(saveProgress(wait, { redeemed: true, response })), response)

const recordFailure = Effect.fnUntraced(function* (wait: ActiveWait, error: TokenError | DiscoveryError) {
  const { interval, lostResponse } = wait.progress
  const nextAt = (yield* monotonicNow) + Duration.toMillis(interval)
  yield* saveProgress(wait, { nextAt, redeemed: error.reason._tag === "InvalidTokenResponse" })
  return yield* Effect.fail(PollOutcome.resolveOutcome(error, lostResponse))
})

/** Stores and publishes the outcome of a poll that does not end the wait. Returns the delay that even a ping does not end. */
const recordOutcome = Effect.fnUntraced(function* (
  wait: ActiveWait,
  outcome: PollOutcome.Continuing,
  next: PollPolicy.NextPoll
) {
  const { retryAfter = Duration.zero } = outcome
  const { polls } = wait.encounters
  const lastFault = outcome._tag === "Fault" ? outcome.error : undefined
  wait.encounters = lastFault === undefined ? { polls } : { polls, lastFault }
  const interval = PollPolicy.intervalAfter(wait.progress.interval, outcome)
  const earliest = (yield* monotonicNow) + Duration.toMillis(Duration.max(interval, retryAfter))
  yield* saveProgress(wait, {
    interval,
    nextAt: next._tag === "Poll" ? next.at : earliest,
    lostResponse: outcome._tag === "Fault" ? (outcome.lost ?? wait.progress.lostResponse) : undefined
  })
  yield* wait.events.publish(toStep(wait.pending, outcome, interval))
  // slow_down and Retry-After also delay a poll that a ping triggers.
  const isSlowedDown = outcome._tag === "SlowDown" || outcome.retryAfter !== undefined
  return isSlowedDown && next._tag === "Poll" ? sleepUntil(Math.min(earliest, next.at)) : Effect.void
})

const toStep = ({ id }: PendingAuthentication, outcome: PollOutcome.Continuing, interval: Duration.Duration): Step => {
  if (outcome._tag === "Fault") return Step.PollFailed({ id, kind: outcome.kind, status: outcome.status })
  return outcome._tag === "SlowDown" ? Step.SlowedDown({ id, interval }) : Step.StillPending({ id, interval })
}

/** Runs what a wait needs before it can poll; while the provider cannot be reached, again until the request expires. */
const beforeExpiry = Effect.fnUntraced(function* <A, E extends TokenError | DiscoveryError>(
  effect: Effect.Effect<A, E>,
  { deadline, lostResponse }: PollMemory.Progress
) {
  const left = deadline - (yield* monotonicNow)
  const fail = Effect.fail(PollOutcome.makeExpiryError(lostResponse))
  const retrying = Effect.retry(effect, {
    schedule: cappedExponential,
    while: (error) => left > 0 && isUnreachable(error)
  })
  return yield* (left > 0 ? Effect.timeoutOrElse(retrying, { duration: left, orElse: () => fail }) : retrying).pipe(
    Effect.catchIf(isUnreachable, () => fail)
  )
})

const isUnreachable = ({ _tag, reason }: TokenError | DiscoveryError): boolean =>
  _tag === "DiscoveryError" && reason._tag === "TransportError"

const sleepUntil = (at: number): Effect.Effect<void> =>
  Effect.flatMap(monotonicNow, (now) => Effect.sleep(Duration.millis(Math.max(0, at - now))))

const failExpired = (wait: ActiveWait): Effect.Effect<never, TokenError> =>
  Effect.suspend(() => Effect.fail(PollOutcome.makeExpiryError(wait.progress.lostResponse, wait.encounters)))
