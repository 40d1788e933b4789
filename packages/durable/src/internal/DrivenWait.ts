/** Drives a claimed wait by `Wait.step` until it sleeps again or has ended: one poll at most, sent while the claim permits it. */
import { isTransient } from "@effect-ciba/core/CibaError"
import type { ClientRegistration } from "@effect-ciba/core/ClientRegistration"
import type * as IdTokenVerifier from "@effect-ciba/core/IdTokenVerifier"
import type * as ProviderKeys from "@effect-ciba/core/ProviderKeys"
import type { TokenResponse } from "@effect-ciba/core/TokenResponse"
import { SendCheck, type TransportError } from "@effect-ciba/core/Transport"
import {
  judge,
  makeExpiryError,
  type makePrepare,
  type makeTermsOf,
  monotonicNow,
  monotonicNowUnsafe,
  PollOutcome,
  type Throttle,
  Wait
} from "@effect-ciba/core/unstable/wait"
import type { VerifiedIdentity } from "@effect-ciba/core/VerifiedIdentity"
import { Clock, Duration, Effect, Exit, Fiber, Option, Result } from "effect"
import type * as WaitStore from "../WaitStore.ts"
import type { ClaimWindow } from "./ClaimWindow.ts"
import type { DatabaseOutage } from "./DatabaseOutage.ts"
import * as Failure from "./Failure.ts"
import { claimLifetime } from "./WaitTable.ts"

/** What all waits of a worker share. */
export interface Worker {
  readonly store: WaitStore.Service
  readonly report: (progress: WaitStore.Progress) => Effect.Effect<void>
  readonly outage: DatabaseOutage
  readonly window: ClaimWindow
  readonly prepare: Effect.Success<ReturnType<typeof makePrepare>>
  readonly termsOf: ReturnType<typeof makeTermsOf>
  readonly throttle: Throttle.Service
  readonly verifier: IdTokenVerifier.Service
  readonly keys: ProviderKeys.Service
  readonly registration: ClientRegistration["Service"]
  /** The time limit of a poll, in milliseconds. */
  readonly timeout: number
}

type State = Wait.State<TokenResponse, TransportError>
type Transition = Wait.Transition<TokenResponse, TransportError>
type Polls = Effect.Success<ReturnType<Worker["prepare"]>>

interface DrivenWait {
  readonly worker: Worker
  readonly claim: WaitStore.Claim
  /** When the claim was sent to the database, in milliseconds of the monotonic clock. */
  readonly claimedSince: number
  readonly polls: Option.Option<Polls>
  /** Why the polls could not be prepared, or the last one failed, or the verification. */
  readonly error: Parameters<typeof isTransient>[0] | undefined
  /** What was verified. */
  readonly identity?: VerifiedIdentity | undefined
}

/** Succeeds when what came of the claim is stored. What is not prepared within its lifetime is not sent. */
export const drive = (worker: Worker, claim: WaitStore.Claim, claimedSince: number): Effect.Effect<void> =>
  Effect.flatMap(Effect.timeoutOption(Effect.result(worker.prepare(claim.pending)), claimLifetime), (prepared) => {
    const polls = Option.flatMap(prepared, Result.getSuccess)
    const error = Option.getOrUndefined(Option.flatMap(prepared, Result.getFailure))
    const url = Option.match(polls, { onNone: () => claim.pending.issuer, onSome: (made) => made.url })
    return carryOut({ worker, claim, claimedSince, polls, error }, begin(claim, worker.termsOf(deliveryOf(claim), url)))
  })

/** A wait in ping mode is driven as one if a ping may come, as its state says. */
export const deliveryOf = ({ pending: { deliveryMode }, saved }: WaitStore.Claim): Wait.Terms<never>["delivery"] =>
  deliveryMode === "ping" && saved.ping === "none" ? "poll" : deliveryMode

/** A claim that was never reported may have been used, and its response is lost. Its lease was longer than the interval. */
export const begin = (
  { abandonedAt, claimedAt, notifiedAt, saved }: WaitStore.Claim,
  terms: Wait.Terms<TransportError>
): Transition => {
  const mayHavePolled = abandonedAt !== undefined && abandonedAt < saved.deadline && saved.phase._tag === "Sleeping"
  const restored: Transition = mayHavePolled
    ? Wait.restore(terms, { ...saved, lost: saved.lost ?? terms.interrupted, phase: { _tag: "Polling" } }, abandonedAt)
    : Wait.restore(terms, saved, claimedAt)
  if (restored[1].length > 0) return restored
  const [state] = notifiedAt === undefined ? restored : Wait.step(restored[0], { _tag: "Pinged" }, claimedAt)
  return Wait.step(state, { _tag: "Due" }, claimedAt)
}

const carryOut = (wait: DrivenWait, [state, commands]: Transition): Effect.Effect<void> => {
  const command = commands.at(-1)
  switch (command?._tag) {
    case "SendPoll":
      return Option.match(wait.polls, {
        onNone: () => postpone(wait, state),
        onSome: (polls) => poll(wait, state, polls)
      })
    case "Verify":
      return verify(wait, state, command.response)
    case "Complete":
      return complete(wait, state, command.outcome)
    default:
      return report(wait, state, Wait.wakeAt(state) ?? state.deadline)
  }
}

const advance = (
  wait: DrivenWait,
  state: State,
  event: Wait.Event<TokenResponse, TransportError>
): Effect.Effect<void> => Effect.flatMap(now(wait), (instant) => carryOut(wait, Wait.step(state, event, instant)))

/** The clock of the database, rounded up: what came after the claim is measured here. */
const now = ({ claim, claimedSince }: DrivenWait): Effect.Effect<number> =>
  Effect.map(monotonicNow, (instant) => Math.ceil(claim.claimedAt + instant - claimedSince))

const report = ({ claim, worker }: DrivenWait, state: State, wakeAt: number): Effect.Effect<void> =>
  worker.report({ held: claim, saved: Wait.snapshot(state), wakeAt })

/** No poll can be made: the provider is not reached, or the wait belongs to another client. */
const postpone = Effect.fnUntraced(function* (wait: DrivenWait, state: State) {
  const { deadline, interval } = state
  const instant = yield* now(wait)
  const log = wait.error === undefined || isTransient(wait.error) ? Effect.logDebug : Effect.logError
  yield* log(
    `the wait ${wait.claim.id} cannot be polled for: ${wait.error?.message ?? "the provider does not respond"}`
  )
  const [released] = Wait.step(state, { _tag: "Interrupted" }, instant)
  yield* report(wait, released, Math.min(instant + interval, deadline))
})

const poll = Effect.fnUntraced(function* (wait: DrivenWait, due: State, polls: Polls): Effect.fn.Return<void> {
  const { claim, worker } = wait
  const clock = yield* Clock.Clock
  let transition: Transition | undefined
  let unsent = due
  let state = due
  let isExpired = false
  const begin = Effect.flatMap(mayPoll(wait), (isPermitted) =>
    Effect.flatMap(now(wait), (instant) => {
      unsent = state
      transition = Wait.step(state, { _tag: isPermitted ? "Sent" : "Interrupted" }, instant)
      state = transition[0]
      return state.phase._tag === "Polling" ? Effect.succeed(false) : Effect.interrupt
    })
  )
  const check = () => {
    isExpired = !isRecent(wait, clock)
    return !isExpired
  }
  const attempt = Effect.provideService(polls.poll(claim.pending, { begin, repeat: () => {} }), SendCheck, check)
  const exit = yield* Fiber.await(yield* Effect.forkChild(attempt))
  // It was not written: its claim had ended while it waited for a connection.
  if (isExpired) return yield* advance(wait, unsent, { _tag: "Interrupted" })
  if (Exit.isFailure(exit)) {
    return transition === undefined || state.phase._tag === "Polling"
      ? yield* Effect.failCause(exit.cause)
      : yield* carryOut(wait, transition)
  }
  const answer = PollOutcome.toAnswer(exit.value, polls.url)
  yield* recordPause(worker, answer)
  const error = exit.value._tag === "Failed" ? exit.value.error : undefined
  yield* advance({ ...wait, error }, state, { _tag: "Answered", answer })
})

/** Whether the poll of a claim may be sent, on the clock on which it was sent to the database. */
export const isUsable = (claimedSince: number, now: number): boolean =>
  now - claimedSince <= Duration.toMillis(claimLifetime)

const isRecent = ({ claimedSince, worker: { window } }: DrivenWait, clock: Clock.Clock): boolean => {
  const instant = monotonicNowUnsafe(clock)
  if (isUsable(claimedSince, instant)) return true
  window.recordExpired(claimedSince, instant)
  return false
}

/** Looked at just before a poll is sent: its claim is recent, and the provider has asked for no pause since. */
const mayPoll = (wait: DrivenWait): Effect.Effect<boolean> =>
  Effect.map(Clock.Clock, (clock) => {
    if (!isRecent(wait, clock)) return false
    wait.worker.window.recordSent()
    return wait.worker.throttle.pauseEnd(clock) === undefined
  })

/** A pause that the provider asks for is one of all workers. */
const recordPause = ({ outage, store, throttle }: Worker, answer: PollOutcome.Answer): Effect.Effect<void> =>
  Effect.zipWith(monotonicNow, Clock.Clock, (instant, clock) => {
    throttle.record(answer._tag === "Fault" ? answer.fault : undefined, clock)
    const end = throttle.pauseEnd(clock)
    return end === undefined ? Effect.void : outage.untilWritten(store.pause(end - instant))
  }).pipe(Effect.flatten)

/** A response is stored before it is used, whichever worker has the lease by now. */
const verify = Effect.fnUntraced(function* (
  wait: DrivenWait,
  state: State,
  response: TokenResponse
): Effect.fn.Return<void> {
  const { keys, outage, registration, store, timeout, verifier } = wait.worker
  const { received } = wait.claim.pending
  const claim =
    received === undefined
      ? yield* outage.untilWritten(store.receive(wait.claim, Wait.snapshot(state), timeout))
      : Option.some(wait.claim)
  // Another worker has stored a response: it verifies that one.
  if (Option.isNone(claim)) return
  const held = { ...wait, claim: claim.value }
  const verified = yield* Effect.result(verifier.verify(response, claim.value.pending))
  yield* Result.isSuccess(verified)
    ? advance({ ...held, identity: verified.success }, state, { _tag: "Verified" })
    : advance({ ...held, error: verified.failure }, state, judge({ keys, registration }, verified.failure))
})

/** An error response that is about the client, and not about the authentication, ends nothing: an operator may mend its cause. */
const complete = (wait: DrivenWait, state: State, outcome: Wait.Outcome): Effect.Effect<void> => {
  const { claim, error, worker } = wait
  if (outcome === "Refused" && state.phase._tag === "Suspended") {
    return Effect.andThen(
      Effect.logError(`the wait ${claim.id} goes on after an error response: ${error?.message}`),
      advance(wait, state, { _tag: "Resumed" })
    )
  }
  return Effect.asVoid(worker.outage.untilWritten(worker.store.decide(claim, toDecision(wait, state, outcome))))
}

/** A lost response, and an expiry by the clock, have an error of their own. */
const toDecision = (
  { error, identity }: DrivenWait,
  { lastFault, lost, polls }: State,
  outcome: Wait.Outcome
): WaitStore.Decision => {
  if (outcome === "Verified") return { outcome, identity }
  const isUnexplained = error === undefined || error.reason._tag === "TransportError"
  const isExpiry = outcome === "Unknown" || (outcome === "Expired" && isUnexplained)
  const encounters = { polls, ...(lastFault === undefined ? undefined : { lastFault }) }
  const reason = isExpiry ? makeExpiryError(lost, encounters) : error
  return { outcome, failure: reason && Failure.of(reason) }
}
