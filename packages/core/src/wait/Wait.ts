/**
 * The wait for a decision as one pure function: what has happened, the state after an event, and what to do about it.
 *
 * **Details**
 *
 * - The first poll waits one interval: some providers count it from their acknowledgement.
 * - Pending: a full interval after the response; at once, if the provider held the poll longer than that (long polling).
 *   Slow down: the interval grows, for this and every later poll.
 * - A fault: back off from the interval, doubling up to a limit. The time of a poll that timed out counts.
 * - `Retry-After` makes a delay longer and never shorter.
 * - When no other poll would fit after the next one, that one is sent just before the deadline. None is sent at or after
 *   it, and none closer to the one before than the interval.
 * - A ping is answered by the poll that is sent after it, without regard to the interval. Until it arrives polls are less
 *   frequent.
 * - A state is stored before a poll is sent and after its response: should the process stop in between, the next one
 *   knows that a response may be lost.
 * - Instants are integer milliseconds on any one clock that does not go back.
 *
 * ```
 *            ┌──────────── pending, slow down, fault ◄──────────┐
 *            ▼                                                  │
 * start ─► Sleeping ──due, pinged──► Saving ──saved──► Polling ─┴─ tokens ─► Saving ─► Verifying ──► Done
 *            └──────────────────────── pushed ────────────────────────────────────────────┘
 * ```
 *
 * @see CIBA Core 1.0 sections 7.3, 10 and 11
 */

import type {
  Answer,
  Beginning,
  Event,
  Failed,
  Next,
  Outcome,
  Phase,
  Saved,
  Sleeping,
  State,
  Terms,
  Transition,
  Verifying
} from "./WaitState.ts"

export type { Answer, Beginning, Command, Event, Outcome, Phase, Saved, State, Terms, Transition } from "./WaitState.ts"

/** The terms of CIBA Core. */
export const defaults: Omit<Terms<never>, "delivery" | "isStored" | "interrupted"> = {
  pingFallback: 30_000,
  slowDown: 5000,
  maxBackoff: 30_000,
  margin: 2000,
  keyDelay: 1000,
  doubtLimit: 120_000,
  notifiedKeepsInterval: false
}

/** The only timer of a wait: when to report `Due`. */
export const wakeAt = <R, F>({ deadline, phase }: State<R, F>): number | undefined => {
  if (phase._tag === "Sleeping") return phase.wakeAt
  if (phase._tag === "Polling" && phase.sentAt === undefined) return deadline
  return phase._tag === "Verifying" ? phase.retryAt : undefined
}

/** The last instant for a poll, as it looks now: its response has to arrive before the deadline. */
export const lastPollAt = (deadline: number, margin: number, now: number): number =>
  Math.floor(deadline - Math.min(margin, Math.max(0, deadline - now) / 10))

/** When a poll is sent that is planned: just before the deadline if no other would fit after it; not before `least`. */
export const fitPoll = (
  planned: number,
  least: number,
  { deadline, interval, margin }: { readonly deadline: number; readonly interval: number; readonly margin: number },
  now: number
): number => {
  const last = lastPollAt(deadline, margin, now)
  return planned + interval > last ? Math.max(last, least) : planned
}

/** A new wait. If its ping may have been missed, it polls after one interval. */
export const start = <R, F>(
  terms: Terms<F>,
  { deadline, interval, mayHaveMissedPing = false }: Beginning,
  now: number
): Transition<R, F> => {
  const state: State<R, F> = {
    terms,
    deadline,
    interval,
    polls: 0,
    faults: 0,
    lastFault: undefined,
    lost: undefined,
    ping: terms.delivery === "ping" ? "awaited" : "none",
    phase: sleep(deadline)
  }
  if (terms.delivery === "push") return [state, []]
  const bounds = { least: now, floor: now }
  return mayHaveMissedPing ? planPoll(state, now + interval, bounds, now) : pollAfter(state, interval, bounds, now)
}

/**
 * A wait that another process began. A ping may have been missed: it polls within one interval. A poll that was in flight
 * counts as sent, and its response as lost.
 */
export const restore = <R, F>(
  terms: Terms<F>,
  { phase, version: _version, ...saved }: Saved<R, F>,
  now: number
): Transition<R, F> => {
  const isAnswered = saved.ping === "received" && phase._tag === "Polling"
  const ping = isAnswered || terms.delivery !== "ping" ? "none" : saved.ping
  const state: State<R, F> = { terms, ...saved, ping, phase: sleep(saved.deadline) }
  if (phase._tag === "Verifying") return enter(state, { ...phase, retryAt: undefined }, now)
  if (terms.delivery === "push") return [state, []]
  const nextInterval = now + state.interval
  if (phase._tag === "Polling") return planPoll(state, nextInterval, { least: nextInterval, floor: nextInterval }, now)
  const { floor, wakeAt } = phase
  const isMissed = ping === "awaited" && nextInterval < wakeAt
  return enter(state, sleep(isMissed ? Math.max(floor, nextInterval) : wakeAt, floor), now)
}

/** What happens next. Every event is possible in every phase; one that comes too late changes nothing. */
export const step = <R, F>(state: State<R, F>, event: Event<R, F>, now: number): Transition<R, F> => {
  switch (event._tag) {
    case "Due":
      return wake(state, now)
    case "Saved":
      return state.phase._tag === "Saving" ? enter(state, state.phase.next, now) : [state, []]
    case "Sent":
      return recordSent(state, now)
    case "Answered":
      return state.phase._tag === "Polling" ? recordAnswer(state, state.phase, event, now) : [state, []]
    case "Pinged":
      return recordPing(state, now)
    case "Pushed":
      return recordPush(state, event.answer, now)
    case "Verified":
    case "Rejected":
      return state.phase._tag === "Verifying" ? finish(state, event._tag) : [state, []]
    case "Doubted":
      return recordDoubt(state, event.retryAfter, "Rejected", now)
    case "KeysUnavailable":
      return recordDoubt(state, undefined, "KeysUnavailable", now)
    case "Interrupted":
      return interrupt(state, now)
    case "Resumed":
      return state.phase._tag === "Suspended" ? enter(state, state.phase.next, now) : [state, []]
    case "Cancelled":
      return cancel(state, now)
    case "Handled":
      return state.phase._tag === "Done" && !state.phase.isHandled
        ? [{ ...state, phase: { ...state.phase, isHandled: true } }, [{ _tag: "Remove" }]]
        : [state, []]
  }
}

/** What to store, at any time. */
export const snapshot = <R, F>({ terms, phase, ...state }: State<R, F>): Saved<R, F> => {
  const next = phase._tag === "Saving" ? phase.next : phase
  const rest = next._tag === "Suspended" ? next.next : next
  switch (rest._tag) {
    case "Sleeping":
      return { version: 1, ...state, phase: rest }
    case "Verifying":
      return { version: 1, ...state, phase: omitRetry(rest) }
    case "Sending":
    case "Polling":
      return { version: 1, ...state, lost: state.lost ?? terms.interrupted, phase: { _tag: "Polling" } }
    case "Done":
      return { version: 1, ...state, phase: { _tag: "Polling" } }
  }
}

const wake = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {
  const { deadline, phase } = state
  const at = wakeAt(state)
  if (at === undefined || now < at) return [state, []]
  if (phase._tag === "Polling") return abort(finish(state, expiry(state)))
  if (phase._tag === "Verifying") return enter(state, { ...phase, retryAt: undefined }, now)
  return now >= deadline ? finish(state, expiry(state)) : save(state, { _tag: "Sending" }, now)
}

/** A ping that has arrived belongs to this poll. It may be sent again, with another nonce: that is the same poll. */
const recordSent = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {
  const { phase, ping } = state
  if (phase._tag !== "Polling") return [state, []]
  if (now >= state.deadline) return abort(finish(state, expiry(state)))
  const polls = state.polls + (phase.sentAt === undefined ? 1 : 0)
  return [{ ...state, polls, ping: ping === "received" ? "none" : ping, phase: { ...phase, sentAt: now } }, []]
}

const recordPing = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {
  if (state.ping !== "awaited") return [state, []]
  const pinged: State<R, F> = { ...state, ping: "received" }
  return state.phase._tag === "Sleeping" ? enter(pinged, state.phase, now) : [pinged, []]
}

const recordPush = <R, F>(
  state: State<R, F>,
  answer: Extract<Answer<R, F>, { _tag: "Tokens" | "Refused" }>,
  now: number
): Transition<R, F> => {
  if (state.terms.delivery !== "push" || state.phase._tag !== "Sleeping") return [state, []]
  return answer._tag === "Tokens" ? save(state, verifying(answer.response), now) : finish(state, "Refused")
}

const recordAnswer = <R, F>(
  state: State<R, F>,
  phase: Extract<Phase<R>, { _tag: "Polling" }>,
  { answer, pace }: Extract<Event<R, F>, { _tag: "Answered" }>,
  now: number
): Transition<R, F> => {
  const { isCancelled, sentAt = now } = phase
  if (answer._tag === "Tokens") return save(state, verifying(answer.response), now)
  if (answer._tag === "Gone") return save(state, makeDone(state.lost === undefined ? "Refused" : "Unknown"), now)
  if (answer._tag === "Refused" && answer.isFinal) return save(state, makeDone("Refused"), now)
  if (isCancelled) return finish(state, "Cancelled")
  if (answer._tag === "Refused") return suspend(state, "Refused", sleepFor(state, state.interval, now), now)
  const { next, pause, ...bounds } =
    answer._tag === "Fault" ? backOff(state, answer, sentAt, now) : keepInterval(state, answer, sentAt, now)
  if (pace === "stop") return suspend(next, "Stopped", planSleep(next, now + pause, bounds, now), now)
  return pollAfter(next, Math.max(pause, pace ?? 0), bounds, now)
}

/** What an answer means for the next poll. */
interface Plan<R, F> extends Bounds {
  readonly next: State<R, F>
  readonly pause: number
}

/** The earliest instants of the next poll: also if it is the last one, and also after a ping. */
interface Bounds {
  readonly least: number
  readonly floor: number
}

/** After a response that shows that the handle is alive. */
const keepInterval = <R, F>(
  state: State<R, F>,
  { _tag, retryAfter = 0 }: Extract<Answer<R, F>, { _tag: "Pending" | "SlowDown" }>,
  sentAt: number,
  now: number
): Plan<R, F> => {
  const isSlower = _tag === "SlowDown"
  const interval = state.interval + (isSlower ? state.terms.slowDown : 0)
  const least = !isSlower && now - sentAt >= interval ? 0 : interval
  const pause = Math.max(least, retryAfter)
  return {
    next: { ...state, interval, faults: 0, lastFault: undefined, lost: undefined },
    pause,
    least: now + least,
    floor: isSlower || retryAfter > 0 ? now + Math.max(interval, retryAfter) : pingFloor(state, sentAt, now)
  }
}

const backOff = <R, F>(
  state: State<R, F>,
  { fault, isLost, retryAfter = 0, timedOut = false }: Failed<F>,
  sentAt: number,
  now: number
): Plan<R, F> => {
  const { interval, terms } = state
  const faults = state.faults + 1
  const elapsed = timedOut ? now - sentAt : 0
  const delay = Math.min(interval * 2 ** (faults - 1), Math.max(interval, terms.maxBackoff))
  const pause = retryAfter > 0 ? Math.max(interval, retryAfter) : Math.max(0, delay - elapsed)
  const least = now + Math.max(0, interval - elapsed)
  // What has timed out may yet arrive.
  const afterPing = timedOut ? least : pingFloor(state, sentAt, now)
  return {
    next: { ...state, faults, lastFault: fault, lost: isLost ? fault : state.lost },
    pause,
    least,
    floor: retryAfter > 0 ? now + pause : afterPing
  }
}

const pingFloor = <R, F>({ interval, terms }: State<R, F>, sentAt: number, now: number): number =>
  terms.notifiedKeepsInterval ? Math.max(now, sentAt + interval) : now

/** The response is verified again when its keys may be there: until the limit, and for want of any keys also until the deadline. */
const recordDoubt = <R, F>(
  state: State<R, F>,
  retryAfter: number | undefined,
  outcome: "Rejected" | "KeysUnavailable",
  now: number
): Transition<R, F> => {
  const { deadline, phase, terms } = state
  if (phase._tag !== "Verifying" || phase.retryAt !== undefined) return [state, []]
  const { since = now, doubtedSince = outcome === "Rejected" ? now : undefined, tries } = phase
  const isDoubted = outcome === "Rejected" && doubtedSince !== undefined
  const limit = isDoubted ? doubtedSince + terms.doubtLimit : Math.max(since + terms.doubtLimit, deadline)
  if (now >= limit) {
    return outcome === "Rejected"
      ? finish(state, outcome)
      : enter(state, { _tag: "Suspended", outcome, next: verifying(phase.response) }, now)
  }
  const backoff = Math.min(terms.keyDelay * 2 ** tries, Math.max(terms.keyDelay, terms.maxBackoff))
  const delay = Math.max(terms.keyDelay, retryAfter ?? backoff)
  const retryAt = Math.min(now + delay, limit)
  return [{ ...state, phase: { ...phase, since, doubtedSince, tries: tries + 1, retryAt } }, []]
}

/** Nothing is stored: another process finds what it would after a kill. */
const interrupt = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {
  const { interval, lost, phase, terms } = state
  if (phase._tag === "Verifying") return abort([{ ...state, phase: { ...phase, retryAt: phase.retryAt ?? now } }, []])
  if (phase._tag !== "Polling") return [state, []]
  return abort([
    phase.sentAt === undefined
      ? { ...state, phase: sleep(now) }
      : { ...state, lost: lost ?? terms.interrupted, phase: sleepFor(state, interval, now) },
    []
  ])
}

/** A response that has arrived is not thrown away, and one in flight is awaited. */
const cancel = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {
  const { phase } = state
  if (phase._tag === "Polling" && phase.sentAt !== undefined)
    return [{ ...state, phase: { ...phase, isCancelled: true } }, []]
  const next = phase._tag === "Saving" || phase._tag === "Suspended" ? phase.next : phase
  if (next._tag === "Polling") return abort(save(state, makeDone("Cancelled"), now))
  return next._tag === "Sleeping" || next._tag === "Sending" ? save(state, makeDone("Cancelled"), now) : [state, []]
}

/** Polls are less frequent as long as a ping is awaited. */
const pollAfter = <R, F>(state: State<R, F>, pause: number, bounds: Bounds, now: number): Transition<R, F> =>
  planPoll(state, now + (state.ping === "awaited" ? Math.max(pause, state.terms.pingFallback) : pause), bounds, now)

const planPoll = <R, F>(state: State<R, F>, planned: number, bounds: Bounds, now: number): Transition<R, F> => {
  const next = planSleep(state, planned, bounds, now)
  return next.wakeAt >= state.deadline && state.ping === "none" ? finish(state, expiry(state)) : save(state, next, now)
}

/** Until the next poll, or until the deadline if none fits before it. */
const planSleep = <R, F>(state: State<R, F>, planned: number, { floor, least }: Bounds, now: number): Sleeping => {
  const { deadline, interval, terms } = state
  const wakeAt = Math.min(fitPoll(planned, least, { deadline, interval, margin: terms.margin }, now), deadline)
  return sleep(wakeAt, Math.min(floor, wakeAt))
}

/** The same with a poll that nothing makes earlier. */
const sleepFor = <R, F>(state: State<R, F>, pause: number, now: number): Sleeping =>
  planSleep(state, now + pause, { least: now + pause, floor: now + pause }, now)

/** What is next is stored before it happens. */
const save = <R, F>(state: State<R, F>, next: Next<R>, now: number): Transition<R, F> =>
  state.terms.isStored ? [{ ...state, phase: { _tag: "Saving", next } }, [{ _tag: "Save" }]] : enter(state, next, now)

const enter = <R, F>(state: State<R, F>, next: Next<R>, now: number): Transition<R, F> => {
  switch (next._tag) {
    case "Sleeping": {
      const { floor, wakeAt } = next
      return [
        { ...state, phase: state.ping === "received" ? sleep(Math.min(wakeAt, Math.max(now, floor)), floor) : next },
        []
      ]
    }
    case "Sending":
      return [{ ...state, phase: { _tag: "Polling", sentAt: undefined, isCancelled: false } }, [{ _tag: "SendPoll" }]]
    case "Verifying":
      return [{ ...state, phase: next }, [{ _tag: "Verify", response: next.response }]]
    case "Suspended":
    case "Done":
      return [{ ...state, phase: next }, [{ _tag: "Complete", outcome: next.outcome }]]
  }
}

const suspend = <R, F>(state: State<R, F>, outcome: Outcome, next: Sleeping, now: number): Transition<R, F> =>
  save(state, { _tag: "Suspended", outcome, next }, now)

const finish = <R, F>(state: State<R, F>, outcome: Outcome): Transition<R, F> => [
  { ...state, phase: makeDone(outcome) },
  [{ _tag: "Complete", outcome }]
]

const abort = <R, F>([state, commands]: Transition<R, F>): Transition<R, F> => [state, [{ _tag: "Abort" }, ...commands]]

const expiry = <R, F>({ lost }: State<R, F>): Outcome => (lost === undefined ? "Expired" : "Unknown")

const sleep = (wakeAt: number, floor: number = wakeAt): Sleeping => ({ _tag: "Sleeping", wakeAt, floor })

const verifying = <R>(response: R): Verifying<R> => ({
  _tag: "Verifying",
  response,
  since: undefined,
  doubtedSince: undefined,
  tries: 0,
  retryAt: undefined
})

const omitRetry = <R>({ retryAt: _retryAt, ...phase }: Verifying<R>): Omit<Verifying<R>, "retryAt"> => phase

const makeDone = (outcome: Outcome) => ({ _tag: "Done", outcome, isHandled: false }) as const
