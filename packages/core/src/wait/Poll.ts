/**
 * The wait for the person's answer by polling.
 *
 * **Details**
 *
 * - It ends on a terminal answer of the provider, or when the request expires, and on nothing else: resets, timeouts,
 *   429, 5xx and pages of HTML are ridden out.
 * - One wait per `auth_req_id`, however many callers: they share it, and it stops when the last of them is interrupted.
 * - The provider's keys are fetched before the first poll, so that no spent id has to wait for them. While they, or the
 *   metadata, cannot be reached, the wait goes on.
 * - A response stays in hand until `forget`: whoever waits for the same id again has it, and nothing is sent.
 * - In ping mode, with a `NotificationInbox`, a ping ends the pause at once, and polls are rarer until it comes: a lost
 *   ping costs time, and nothing else.
 * - With a `PendingStore`, what the wait learns is stored before it is needed: before each poll, and after each answer. A
 *   wait that goes on polls no earlier than the one before it would have, and after a poll whose answer nobody has read,
 *   a full interval later.
 * - The expiry runs on the monotonic clock from the moment the wait begins; a jump of the wall clock neither ends nor
 *   prolongs it.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { Context, Duration, Effect, Equal, Hash, Layer, Option, RcMap, Schedule, type Scope } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { Throttle } from "../http/Throttle.ts"
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
import {
  AlreadyRedeemed,
  ExpiredToken,
  OutcomeUnknown,
  PushDelivery,
  ScheduleExhausted,
  TokenError
} from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import { Step } from "./CibaEvent.ts"
import { CibaEvents } from "./CibaEvents.ts"
import * as Ping from "./Ping.ts"
import * as PollMemory from "./PollMemory.ts"
import * as PollOutcome from "./PollOutcome.ts"
import * as PollPolicy from "./PollPolicy.ts"
import * as SameClient from "./SameClient.ts"

/** How to poll. */
export interface Options extends Omit<TokenEndpoint.Options, "proofKey" | "onSend"> {
  /** A slower pace than the policy's from the second poll on, or a cap; it begins anew with each wait. Nothing makes it faster. */
  readonly schedule?: PollPolicy.Compose | undefined
  /** The least time between two polls while a ping is awaited; 30 seconds by default. */
  readonly pingFallback?: Duration.Input | undefined
}

/** The wait, shared by all who wait for the same id through this layer. */
export interface Service {
  /** Polls until the provider has given an answer that ends the wait. The tokens are not verified yet. */
  readonly wait: (pending: PendingAuthentication) => Effect.Effect<TokenResponse, TokenError | DiscoveryError>
  /** Keeps the response no longer: until then it is there for whoever waits for the same id again. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
}

/** The wait by polling. */
export class Poll extends Context.Service<Poll, Service>()("@effect-ciba/core/Poll") {}

/** What a wait needs. */
export type Requirements =
  | ClientRegistration
  | Discovery
  | ProviderKeys
  | Throttle
  | TokenEndpoint.TokenEndpoint
  | CibaEvents

/** Waits at the token endpoint at hand. */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, never, Requirements | Scope.Scope> {
  const registration = yield* ClientRegistration
  const discovery = yield* Discovery
  const endpoint = yield* TokenEndpoint.TokenEndpoint
  const keys = yield* ProviderKeys
  const pace = yield* Throttle
  const { publish } = yield* CibaEvents
  const inbox = yield* Effect.serviceOption(NotificationInbox)
  const own = yield* SameClient.make
  const memory = yield* PollMemory.make
  const keysAtHand = JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg) ? Effect.void : keys.prefetch
  const fallback = Duration.fromInputUnsafe(options?.pingFallback ?? "30 seconds")

  const admit = Effect.fnUntraced(function* (
    pending: PendingAuthentication
  ): Effect.fn.Return<TransportError, TokenError | DiscoveryError> {
    const metadata = yield* own(pending)
    if (pending.deliveryMode === "push") return yield* new TokenError({ reason: new PushDelivery() })
    const url = yield* ProviderMetadata.endpoint(metadata, "token_endpoint", registration.mutualTls)
    return makeError("Interrupted", { method: "POST", url })
  })

  const pingOf = (
    pending: PendingAuthentication,
    { pinged }: PollMemory.Progress
  ): Effect.Effect<Ping.Ping, never, Scope.Scope> =>
    Option.isSome(inbox) && pending.deliveryMode === "ping" && !pinged
      ? Ping.make(inbox.value.await(pending), { fallback, onPing: publish(Step.Pinged({ id: pending.id })) })
      : Effect.succeed(Ping.none)

  const untilDecided = Effect.fnUntraced(function* ({
    abandoned,
    pending
  }: Flight): Effect.fn.Return<TokenResponse, TokenError | DiscoveryError, Scope.Scope> {
    const { id } = pending
    let progress = yield* memory.load(pending)
    if (progress.response !== undefined) return progress.response
    if (progress.redeemed) return yield* new TokenError({ reason: new AlreadyRedeemed() })
    yield* beforeExpiry(keysAtHand, progress)
    const ping = yield* pingOf(pending, progress)
    const { deadline } = progress
    const state = { interval: progress.interval, deadline, faults: 0 }

    const late = Effect.suspend(() => Effect.fail(expired(progress.lostResponse)))

    /** The pause before the next poll, or the end. */
    const pause = (decision: PollPolicy.NextPoll): Effect.Effect<void, TokenError> => {
      if (decision._tag === "Poll") return sleepUntil(decision.at)
      if (decision._tag === "Stopped") return Effect.fail(new TokenError({ reason: new ScheduleExhausted() }))
      return Effect.andThen(ping.isAwaited() ? sleepUntil(deadline) : Effect.void, late)
    }

    /** One poll, noted before it is sent: if this is the last thing that happens, the next process knows of it. */
    const poll = Effect.gen(function* () {
      yield* Effect.ignore(discovery.metadata)
      let sentAt = yield* monotonicNow
      if (sentAt >= deadline) return yield* late
      ping.recordPollSent()
      progress = { ...progress, pinged: progress.pinged || (ping !== Ping.none && !ping.isAwaited()) }
      yield* memory.save(pending, { ...progress, nextAt: undefined, lostResponse: progress.lostResponse ?? abandoned })
      yield* publish(Step.Polled({ id }))
      const onSend = Effect.map(monotonicNow, (now) => {
        sentAt = now
      })
      const answer = yield* Effect.match(
        endpoint.redeem(pending.authReqId, { ...options, proofKey: pending.proofKey, onSend }),
        {
          onSuccess: (response) => ({ _tag: "Success" as const, response }),
          onFailure: (error) => PollOutcome.classify(error, sentAt)
        }
      )
      yield* pace.record(answer._tag === "Fault" ? answer : undefined)
      return answer
    })

    const compose: PollPolicy.Compose | undefined =
      ping === Ping.none
        ? options?.schedule
        : (policy) => {
            const rarer = Schedule.modifyDelay(policy, ({ duration }) => ping.stretchDelay(duration, deadline))
            return options?.schedule?.(rarer) ?? rarer
          }

    const decided = yield* PollPolicy.toStepper(PollPolicy.schedule(state, compose))
    let decision = yield* begun(state, progress, ping)
    if (decision._tag === "Poll" && progress.nextAt === undefined) {
      progress = { ...progress, nextAt: decision.at }
      yield* memory.save(pending, progress)
    }

    let wished = Effect.void
    while (true) {
      yield* Effect.andThen(wished, ping.raceWithPing(pause(decision)))
      const answer = yield* pace.run(poll, { until: deadline, orElse: late })
      if (answer._tag === "Success") {
        const { response } = answer
        yield* Effect.uninterruptible(memory.save(pending, { ...progress, redeemed: true, response }))
        return response
      }
      if (answer._tag === "Failure") {
        const nextAt = (yield* monotonicNow) + Duration.toMillis(progress.interval)
        yield* memory.save(pending, {
          ...progress,
          nextAt,
          redeemed: answer.error.reason._tag === "InvalidTokenResponse"
        })
        return yield* Effect.fail(PollOutcome.resolveOutcome(answer.error, progress.lostResponse))
      }
      decision = yield* decided(answer)
      const interval = PollPolicy.intervalAfter(progress.interval, answer)
      const least =
        (yield* monotonicNow) + Duration.toMillis(Duration.max(interval, answer.retryAfter ?? Duration.zero))
      // A wish of the provider's is kept, whatever rings.
      const isWish = answer._tag === "SlowDown" || answer.retryAfter !== undefined
      wished = isWish && decision._tag === "Poll" ? sleepUntil(Math.min(least, decision.at)) : Effect.void
      progress = {
        ...progress,
        interval,
        nextAt: decision._tag === "Poll" ? decision.at : least,
        lostResponse:
          answer._tag === "Fault" ? (PollOutcome.findLostResponse(answer.fault) ?? progress.lostResponse) : undefined
      }
      yield* memory.save(pending, progress)
      yield* publish(told(id, answer, interval))
    }
  })

  const flights = yield* RcMap.make({
    lookup: untilDecided
  })

  return Poll.of({
    wait: Effect.fnUntraced(function* (pending) {
      const abandoned = yield* beforeExpiry(admit(pending), yield* memory.load(pending))
      return yield* Effect.scoped(RcMap.get(flights, new Flight(pending, abandoned)))
    }),
    forget: memory.clear
  })
})

/** The wait as a layer. */
export const layer = (options?: Options): Layer.Layer<Poll, never, Requirements> => Layer.effect(Poll, make(options))

/** Two waits are one when they are about the same id. */
class Flight implements Equal.Equal {
  readonly pending: PendingAuthentication
  /** What a poll is noted as until its answer has come. */
  readonly abandoned: TransportError
  constructor(pending: PendingAuthentication, abandoned: TransportError) {
    this.pending = pending
    this.abandoned = abandoned
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Flight && Equal.equals(this.pending.authReqId, that.pending.authReqId)
  }
  [Hash.symbol](): number {
    return Hash.hash(this.pending.authReqId)
  }
}

/** The first poll: of a wait that is new, or that goes on before a poll, or after one whose answer nobody has read. */
const begun = Effect.fnUntraced(function* (
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
  const pause = yield* ping.stretchDelay(Duration.millis(first.at - now), state.deadline)
  return { ...first, at: now + Duration.toMillis(pause) }
})

/** What a wait needs before it can poll: asked for again and again, while the provider cannot be reached. */
const beforeExpiry = Effect.fnUntraced(function* <A, E extends TokenError | DiscoveryError>(
  needed: Effect.Effect<A, E>,
  { deadline, lostResponse }: PollMemory.Progress
): Effect.fn.Return<A, E | TokenError> {
  const left = deadline - (yield* monotonicNow)
  const late = Effect.fail(expired(lostResponse))
  const asked = Effect.retry(needed, {
    schedule: cappedExponential,
    while: (error) => left > 0 && isUnreachable(error)
  })
  return yield* (left > 0 ? Effect.timeoutOrElse(asked, { duration: left, orElse: () => late }) : asked).pipe(
    Effect.catch((error) => (isUnreachable(error) ? late : Effect.fail(error)))
  )
})

const isUnreachable = ({ _tag, reason }: TokenError | DiscoveryError): boolean =>
  _tag === "DiscoveryError" && reason._tag === "TransportError"

const sleepUntil = (at: number): Effect.Effect<void> =>
  Effect.flatMap(monotonicNow, (now) => Effect.sleep(Duration.millis(Math.max(0, at - now))))

const expired = (lost: TransportError | undefined): TokenError =>
  new TokenError({ reason: lost === undefined ? new ExpiredToken({ local: true }) : new OutcomeUnknown({ lost }) })

const told = (
  id: string,
  { _tag, fault, status }: Exclude<PollOutcome.PollOutcome, { _tag: "Failure" }>,
  interval: Duration.Duration
): Step => {
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
