/** A wait of this process: carries out the commands of `Wait.step`, and reports what comes of them. */
import { Cause, Clock, Context, Duration, Effect, Exit, type Fiber, Redacted, Result } from "effect"
import type * as Throttle from "../http/Throttle.ts"
import type { TransportError } from "../http/TransportError.ts"
import * as Slots from "../internal/Slots.ts"
import type * as Timeline from "../internal/Timeline.ts"
import type { Notification } from "../notification/Notification.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type * as PendingStore from "../pending/PendingStore.ts"
import { receive } from "../pending/ReceivedResponse.ts"
import type * as PollRequest from "../token/PollRequest.ts"
import { ExpiredToken, OutcomeUnknown, ScheduleExhausted, TokenError } from "../token/TokenError.ts"
import * as TokenRequest from "../token/TokenRequest.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import { Step } from "./CibaEvent.ts"
import type * as CibaEvents from "./CibaEvents.ts"
import * as CibaMetrics from "./CibaMetrics.ts"
import * as DuePoll from "./DuePoll.ts"
import type * as LostPing from "./LostPing.ts"
import * as Pace from "./Pace.ts"
import * as PollOutcome from "./PollOutcome.ts"
import * as StoredWait from "./StoredWait.ts"
import * as Wait from "./Wait.ts"

/** What all waits of a client share. */
export interface Shared {
  readonly throttle: Throttle.Service
  readonly events: CibaEvents.Service
  readonly store: PendingStore.BestEffort
  /** The caller's own schedule. */
  readonly schedule: Pace.Compose | undefined
  readonly lostPings: LostPing.LostPings
}

type Event = Wait.Event<TokenResponse, TransportError>
type Received = Exit.Exit<TokenResponse, TokenError>

/** Takes the response, or why there is none. */
export type Caller = (received: Received) => void

export interface ActiveWait extends Timeline.Entry {
  readonly shared: Shared
  readonly pending: PendingAuthentication
  /** `undefined` in push mode. */
  readonly polls: PollRequest.Polls | undefined
  readonly timeline: Timeline.Timeline
  /** Whether the request was sent from this process, to which the provider sends a ping. */
  readonly isPingDue: boolean
  state: Wait.State<TokenResponse, TransportError>
  /** Those that wait for the response. Without any, nothing is due. */
  callers: ReadonlyArray<Caller>
  /** That of the caller with whom the wait went on. */
  context: Context.Context<never>
  duePoll: DuePoll.DuePoll | undefined
  /** The write that is under way. */
  save: Fiber.Fiber<void> | undefined
  pace: Pace.Pace | undefined
  /** Why the last poll that failed did. */
  error: TokenError | undefined
  /** What the `auth_req_id` was redeemed for. */
  response: TokenResponse | undefined
  unsubscribe: () => void
}

/** Reports an event, and does what follows from it. */
export const report = (wait: ActiveWait, event: Event): void => carryOut(wait, advance(wait, event))

/** Does what follows from a transition, and sets the timer. */
export const carryOut = (wait: ActiveWait, commands: ReadonlyArray<Wait.Command<TokenResponse>>): void => {
  for (const command of commands) execute(wait, command)
  schedule(wait)
}

/** A notification has arrived. */
export const notify = (wait: ActiveWait, notification: Notification): void =>
  wait.state.terms.delivery === "push" ? receivePush(wait, notification) : receivePing(wait)

/** Goes on for a caller that has joined, if the wait has stopped or ended. */
export const resume = (wait: ActiveWait): void => {
  const { phase } = wait.state
  if (phase._tag === "Suspended") report(wait, { _tag: "Resumed" })
  else if (phase._tag === "Done") respond(wait, resultOf(wait, phase.outcome))
  else if (phase._tag === "Verifying" && phase.retryAt === undefined) respond(wait, Exit.succeed(phase.response))
}

const advance = (wait: ActiveWait, event: Event): ReadonlyArray<Wait.Command<TokenResponse>> => {
  const [state, commands] = Wait.step(wait.state, event, wait.timeline.now())
  wait.state = state
  return commands
}

const execute = (wait: ActiveWait, command: Wait.Command<TokenResponse>): void => {
  switch (command._tag) {
    case "Save":
      save(wait)
      break
    case "SendPoll":
      sendPoll(wait)
      break
    case "Abort":
      abort(wait)
      break
    case "Verify":
      wait.response = command.response
      respond(wait, Exit.succeed(command.response))
      break
    case "Complete":
      respond(wait, resultOf(wait, command.outcome))
      break
    case "Remove":
      break
  }
}

/** A wait without callers is not due: the next one goes on with it. */
const schedule = (wait: ActiveWait): void =>
  wait.timeline.set(
    wait,
    wait.callers.length === 0
      ? undefined
      : (DuePoll.wakeAt(wait.duePoll, wait.state.deadline) ?? Wait.wakeAt(wait.state)),
    wait.context
  )

/** What is due. */
export const wake = (wait: ActiveWait): void => {
  const { duePoll } = wait
  if (duePoll?._tag === "Paused") {
    sendPoll(wait)
    schedule(wait)
  } else if (duePoll?._tag === "Pacing") {
    endPacing(wait)
  } else if (duePoll?._tag === "Running" && duePoll.limitAt !== undefined) {
    duePoll.isTooLong = true
    duePoll.fiber?.interruptUnsafe()
  } else {
    report(wait, { _tag: "Due" })
  }
}

/** No caller waits any more. An answer that has been received counts: without it a lost response would be assumed. */
export const interrupt = (wait: ActiveWait): void => {
  endPacing(wait)
  report(wait, { _tag: "Interrupted" })
}

/** Replaces the callers. A wait counts as pending as long as it has any. */
export const setCallers = (wait: ActiveWait, callers: ReadonlyArray<Caller>): void => {
  const change = Math.sign(callers.length) - Math.sign(wait.callers.length)
  wait.callers = callers
  if (change !== 0) CibaMetrics.pending.modifyUnsafe(change, wait.context)
}

/** Ends the waiting of all callers. Each runs on while it is called: what its program throws then stops no other wait. */
export const respond = (wait: ActiveWait, received: Received): void => {
  const { callers, context } = wait
  setCallers(wait, [])
  for (const caller of callers) {
    Effect.runForkWith(context)(
      Effect.tapDefect(
        Effect.sync(() => caller(received)),
        Effect.logError
      )
    )
  }
}

const resultOf = (wait: ActiveWait, outcome: Wait.Outcome): Received => {
  const { error, response } = wait
  if (response !== undefined) return Exit.succeed(response)
  if (outcome === "Refused" && error !== undefined) return Exit.fail(error)
  if (outcome === "Stopped") return Exit.fail(new TokenError({ reason: new ScheduleExhausted() }))
  return Exit.fail(makeExpiryError(wait.state.lost, encountersOf(wait)))
}

/** What the polls of a wait have met. */
interface Encounters {
  readonly polls: number
  readonly lastFault?: TransportError
}

const encountersOf = ({ polls, state }: ActiveWait): Encounters | undefined =>
  polls === undefined
    ? undefined
    : { polls: state.polls, ...(state.lastFault === undefined ? undefined : { lastFault: state.lastFault }) }

/** The expiry on the client's clock: `OutcomeUnknown` after a lost response. */
export const makeExpiryError = (lost: TransportError | undefined, encounters?: Encounters): TokenError =>
  new TokenError({
    reason: lost === undefined ? new ExpiredToken({ local: true, ...encounters }) : new OutcomeUnknown({ lost })
  })

const save = (wait: ActiveWait): void => {
  const { context, pending, shared, state } = wait
  const stored = StoredWait.put(pending, Wait.snapshot(state), StoredWait.offsetOf(Context.get(context, Clock.Clock)))
  const fiber = Effect.runForkWith(context)(shared.store.put(stored))
  wait.save = fiber
  fiber.addObserver(() => {
    wait.save = undefined
    report(wait, { _tag: "Saved" })
  })
}

/** Without a caller nothing is sent. A poll has a fiber when it has a slot, and no pause delays it. */
const sendPoll = (wait: ActiveWait): void => {
  const { callers, polls, shared } = wait
  if (callers.length === 0 || polls === undefined) {
    report(wait, { _tag: "Interrupted" })
    return
  }
  const turn = Slots.makeTurn(() => startPoll(wait, polls, turn))
  wait.duePoll = { _tag: "Queued", turn }
  shared.throttle.slots.take(turn)
}

const startPoll = (wait: ActiveWait, polls: PollRequest.Polls, turn: Slots.Turn): void => {
  const { context, pending, shared, state, timeline } = wait
  const { pauseEnd, slots } = shared.throttle
  const now = timeline.now()
  const until = Math.min(pauseEnd(Context.get(context, Clock.Clock)) ?? now, state.deadline - state.terms.margin)
  if (until > now) {
    wait.duePoll = { _tag: "Paused", until }
    slots.leave(turn)
    schedule(wait)
    return
  }
  const running = DuePoll.makeRunning()
  wait.duePoll = running
  const fiber = Effect.runForkWith(context)(polls.poll(pending, makeAttempts(wait, polls, running)))
  running.fiber = fiber
  fiber.addObserver((exit) => {
    if (wait.duePoll === running) endPoll(wait, polls, running, exit)
    // The next poll has its turn when the pause that this one was asked for is known.
    slots.leave(turn)
  })
}

const endPoll = (
  wait: ActiveWait,
  { url }: PollRequest.Polls,
  { isSent, isTooLong }: DuePoll.Running,
  exit: Exit.Exit<PollRequest.Outcome>
): void => {
  wait.duePoll = undefined
  if (Exit.isSuccess(exit)) {
    if (exit.value._tag === "Failed") wait.error = exit.value.error
    receiveAnswer(wait, PollOutcome.toAnswer(exit.value, url))
  } else if (isTooLong && Cause.hasInterruptsOnly(exit.cause)) {
    receiveAnswer(wait, PollOutcome.makeTimedOut(url, isSent))
  } else fail(wait, exit.cause)
}

const receiveAnswer = (wait: ActiveWait, answer: PollOutcome.Answer): void => {
  const { context, shared } = wait
  shared.throttle.record(answer._tag === "Fault" ? answer.fault : undefined, Context.get(context, Clock.Clock))
  if (answer._tag === "Tokens" && wait.isPingDue && wait.state.ping === "awaited") {
    Effect.runForkWith(context)(shared.lostPings.recordLoss)
  }
  if (shared.schedule !== undefined && PollOutcome.isContinuing(answer)) pace(wait, shared.schedule, answer)
  else recordAnswer(wait, { _tag: "Answered", answer })
}

/** The answer comes when the schedule has said what it wants. */
const pace = (wait: ActiveWait, compose: Pace.Compose, answer: PollOutcome.Continuing): void => {
  const fiber = Effect.runForkWith(wait.context)(addPace(wait, compose, answer))
  const pacing: DuePoll.DuePoll = { _tag: "Pacing", fiber, answer }
  wait.duePoll = pacing
  fiber.addObserver((exit) => {
    if (wait.duePoll !== pacing) return
    wait.duePoll = undefined
    recordAnswer(wait, Exit.isSuccess(exit) ? exit.value : { _tag: "Answered", answer })
    if (Exit.isFailure(exit)) fail(wait, exit.cause)
  })
  schedule(wait)
}

/** The answer counts as it is, without what the schedule wants. */
const endPacing = (wait: ActiveWait): void => {
  const { duePoll } = wait
  if (duePoll?._tag !== "Pacing") return
  wait.duePoll = undefined
  duePoll.fiber.interruptUnsafe()
  recordAnswer(wait, { _tag: "Answered", answer: duePoll.answer })
}

/** A poll that died: its callers die of it, and the wait can go on with others. */
const fail = (wait: ActiveWait, cause: Cause.Cause<never>): void => {
  respond(wait, Exit.failCause(cause))
  report(wait, { _tag: "Interrupted" })
}

const abort = (wait: ActiveWait): void => {
  const { duePoll, shared } = wait
  const fiber = DuePoll.fiberOf(duePoll)
  wait.duePoll = undefined
  if (duePoll?._tag === "Queued") shared.throttle.slots.leave(duePoll.turn)
  fiber?.interruptUnsafe()
}

const makeAttempts = (
  wait: ActiveWait,
  { timeout }: PollRequest.Polls,
  running: DuePoll.Running
): PollRequest.Attempts => ({
  begin: Effect.withFiber(({ cache: { tracer } }) => {
    const { polls } = wait.state
    // The span of an attempt has to end with its timeout, not with an interruption.
    const isKept = tracer === undefined
    running.isSent = true
    running.limitAt = isKept ? wait.timeline.now() + timeout : undefined
    report(wait, { _tag: "Sent" })
    if (wait.state.polls > polls) wait.shared.events.publishPoll(wait.pending.id, wait.context)
    // Nothing is sent when the wait has ended in the meantime, also by a subscriber of the event.
    return wait.state.phase._tag === "Polling" ? Effect.succeed(isKept) : Effect.interrupt
  }),
  repeat: () => {
    running.isSent = false
    running.limitAt = wait.state.deadline
    schedule(wait)
  }
})

/** With a schedule, the answer comes with the delay that it wants after what the wait would do without it. */
const addPace = Effect.fnUntraced(function* (
  wait: ActiveWait,
  compose: Pace.Compose,
  answer: PollOutcome.Continuing
): Effect.fn.Return<Event> {
  const event: Event = { _tag: "Answered", answer }
  const now = wait.timeline.now()
  const { phase } = wait.state
  const [{ deadline, faults, interval, phase: after }] = Wait.step(wait.state, event, now)
  const next = after._tag === "Saving" ? after.next : after
  if (phase._tag !== "Polling" || next._tag !== "Sleeping") return event
  const state = { deadline, faults, interval: Duration.millis(interval) }
  const plan: Pace.Plan = { next: { _tag: "Poll", at: next.wakeAt, state }, delay: next.wakeAt - now }
  wait.pace ??= yield* Pace.make(compose, plan)
  return { ...event, pace: yield* wait.pace(PollOutcome.toResult(answer, phase.sentAt ?? now), plan) }
})

const recordAnswer = (wait: ActiveWait, event: Event): void => {
  const commands = advance(wait, event)
  if (event._tag === "Answered") publishAnswer(wait, event.answer)
  carryOut(wait, commands)
}

const publishAnswer = ({ context, pending: { id }, shared, state }: ActiveWait, answer: PollOutcome.Answer): void => {
  if (answer._tag === "Fault") {
    shared.events.publishFault({ id, kind: answer.fault.kind, status: answer.fault.status }, context)
  } else if (answer._tag === "Pending" || answer._tag === "SlowDown") {
    const makeStep = answer._tag === "Pending" ? Step.StillPending : Step.SlowedDown
    shared.events.publish(id, () => makeStep({ id, interval: Duration.millis(state.interval) }), context)
  }
}

const receivePing = (wait: ActiveWait): void => {
  const {
    context,
    pending: { id },
    shared,
    state
  } = wait
  shared.lostPings.recordPing()
  const commands = advance(wait, { _tag: "Pinged" })
  if (wait.state !== state) shared.events.publish(id, () => Step.Pinged({ id }), context)
  carryOut(wait, commands)
}

const receivePush = (wait: ActiveWait, { body }: Notification): void => {
  const { context, pending, shared } = wait
  const { id } = pending
  shared.events.publish(id, () => Step.Pushed({ id }), context)
  const decode = Effect.flatMap(receive(Redacted.value(body)), (received) =>
    TokenRequest.decodeReceived(received, pending)
  )
  Effect.runForkWith(context)(Effect.result(decode)).addObserver((exit) => {
    if (Exit.isSuccess(exit)) recordPush(wait, exit.value)
    else fail(wait, exit.cause)
  })
}

const recordPush = (wait: ActiveWait, result: Result.Result<TokenResponse, TokenError>): void => {
  if (Result.isFailure(result)) wait.error = result.failure
  const answer = Result.match(result, {
    onFailure: () => ({ _tag: "Refused", isFinal: true }) as const,
    onSuccess: (response) => ({ _tag: "Tokens", response }) as const
  })
  report(wait, { _tag: "Pushed", answer })
}
