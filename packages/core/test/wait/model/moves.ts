// Everything that can happen next to a wait, and the rules that must hold whatever happens.
import { must } from "./Violation.ts"
import type { Functions, WaitAnswer, WaitCommand, WaitEvent, WaitState, World } from "./World.ts"

type Transition = readonly [WaitState, ReadonlyArray<WaitCommand>]
export type Move = readonly [name: string, world: World]

const isBusy = ({ isVerifying, poll, saving }: World): boolean => saving !== undefined || poll !== "none" || isVerifying

/** Carries out the commands of a transition. */
export const carryOut = (wait: Functions, before: World, [state, commands]: Transition): World => {
  let world: World = { ...before, state }
  for (const command of commands) world = carryOutOne(wait, world, command)
  const isOver = state.phase._tag === "Done" || state.phase._tag === "Suspended"
  must(world.poll !== "made" || wait.wakeAt(state) !== undefined, "a poll that cannot be made ends at the deadline")
  must(state.phase._tag !== "Verifying" || state.phase.tries < 10, "verification ends")
  must(
    state.phase._tag !== "Sleeping" || state.phase.wakeAt <= Math.max(state.deadline, world.now),
    "no wait sleeps beyond its deadline"
  )
  must(
    isOver || isBusy(world) || wait.wakeAt(state) !== undefined,
    `no wait without a timer or a command: ${state.phase._tag}`
  )
  return world
}

const carryOutOne = (wait: Functions, world: World, command: WaitCommand): World => {
  const { state } = world
  switch (command._tag) {
    case "Save":
      return { ...world, saving: wait.snapshot(state) }
    case "SendPoll":
      must(world.poll === "none", "never two polls in flight")
      must(world.tokens !== "received", "a redeemed handle is never sent again")
      return { ...world, poll: "made" }
    case "Abort":
      return { ...world, poll: "none", isVerifying: false }
    case "Verify": {
      const isStored =
        !state.terms.isStored || world.stored?.phase._tag === "Verifying" || state.terms.delivery === "push"
      must(!world.isVerifying, "never two verifications")
      must(isStored, "a response is stored before it is used")
      return { ...world, isVerifying: true }
    }
    case "Complete":
      checkOutcome(world, command.outcome)
      return { ...world, completed: true }
    case "Remove":
      return { ...world, stored: undefined }
  }
}

const checkOutcome = (world: World, outcome: Extract<WaitCommand, { _tag: "Complete" }>["outcome"]): void => {
  const { deadline } = world.state
  must(!world.completed, "a wait completes once")
  must(outcome !== "Cancelled" || world.poll === "none", "a cancelled wait has no poll in flight")
  if (world.tokens === "lost") must(outcome !== "Expired", "a lost approval does not end as an expiry")
  if (world.tokens === "received") {
    must(
      ["Verified", "Rejected", "KeysUnavailable"].includes(outcome),
      `tokens in hand are not thrown away: ${outcome}`
    )
  }
  const isRefusedByClock = outcome === "Expired" || (outcome === "Unknown" && world.poll === "none")
  const last = world.lastAnswered ?? world.lastSent
  if (isRefusedByClock && world.now < deadline && world.tokens !== "lost") {
    must(last !== undefined && last + world.interval >= deadline, "no wait ends before its time")
  }
}

const apply = (wait: Functions, world: World, event: WaitEvent, changes: Partial<World> = {}): World =>
  carryOut(wait, { ...world, ...changes }, wait.step(world.state, event, world.now))

/** The poll leaves: the intervals that it must keep. */
const send = (wait: Functions, world: World): World => {
  const { interval, lastAnswered, lastSent, now, state } = world
  const sent = wait.step(state, { _tag: "Sent" }, now)
  if (sent[0].phase._tag !== "Polling") return carryOut(wait, { ...world, poll: "none" }, sent)
  must(now < state.deadline, "no poll is sent at or after the deadline")
  if (lastSent !== undefined) {
    must(
      now >= world.floor,
      "Retry-After, slow down and the interval after a poll that timed out are kept, whatever pings"
    )
    if (world.isPinged && state.terms.notifiedKeepsInterval) {
      must(now >= lastSent + interval, "a notification does not shorten the interval")
    }
    if (!world.isPinged && !world.isHeld) {
      must(now >= (lastAnswered ?? lastSent) + interval, "a full interval from the response to the next poll")
    }
  }
  return carryOut(
    wait,
    { ...world, poll: "sent", lastSent: now, lastAnswered: undefined, floor: 0, isPinged: false },
    sent
  )
}

const gone: ReadonlyArray<WaitAnswer> = [
  { _tag: "Gone" },
  { _tag: "Fault", fault: "refused", isLost: false },
  { _tag: "Fault", fault: "reset", isLost: true }
]

const alive: ReadonlyArray<WaitAnswer> = [
  { _tag: "Pending" },
  { _tag: "Pending", retryAfter: 3 },
  { _tag: "SlowDown" },
  { _tag: "Tokens", response: "tokens" },
  { _tag: "Refused", isFinal: true },
  { _tag: "Refused", isFinal: false },
  { _tag: "Fault", fault: "refused", isLost: false },
  { _tag: "Fault", fault: "busy", isLost: false, retryAfter: 3 },
  { _tag: "Fault", fault: "timeout", isLost: true, timedOut: true },
  { _tag: "Fault", fault: "reset", isLost: true }
]

const answer = (wait: Functions, world: World, given: WaitAnswer, isTaken: boolean): World => {
  const { now, state } = world
  const isAlive = given._tag === "Pending" || given._tag === "SlowDown"
  const interval = world.interval + (given._tag === "SlowDown" ? state.terms.slowDown : 0)
  const retryAfter = "retryAfter" in given ? given.retryAfter : undefined
  const isAsked = given._tag === "SlowDown" || retryAfter !== undefined
  const isHeld = given._tag === "Pending" && now - (world.lastSent ?? 0) >= interval
  const isTimeout = given._tag === "Fault" && given.timedOut === true
  return apply(
    wait,
    world,
    { _tag: "Answered", answer: given },
    {
      poll: "none",
      interval,
      tokens: given._tag === "Tokens" ? "received" : isTaken ? "lost" : isAlive ? "none" : world.tokens,
      lastAnswered: isTimeout ? world.lastSent : now,
      floor: isAsked
        ? Math.max(
            now + (isHeld ? 0 : interval),
            Math.min(now + (retryAfter ?? 0), wait.lastPollAt(state.deadline, state.terms.margin, now))
          )
        : isTimeout
          ? (world.lastSent ?? 0) + interval
          : 0,
      isHeld
    }
  )
}

const answers = (wait: Functions, world: World): ReadonlyArray<Move> =>
  (world.tokens === "none" ? alive : gone).flatMap((given): ReadonlyArray<Move> => {
    const name = `answered ${JSON.stringify(given)}`
    const moves: ReadonlyArray<Move> = [[name, answer(wait, world, given, false)]]
    return given._tag === "Fault" && given.isLost && world.tokens === "none"
      ? [...moves, [`${name}, tokens lost`, answer(wait, world, given, true)]]
      : moves
  })

const verifications = (wait: Functions, world: World): ReadonlyArray<Move> =>
  (
    [
      { _tag: "Verified" },
      { _tag: "Rejected" },
      { _tag: "KeysUnavailable" },
      { _tag: "Doubted", retryAfter: 1 }
    ] as const
  ).map((event) => [event._tag, apply(wait, world, event, { isVerifying: false })])

const notifications = (wait: Functions, world: World): ReadonlyArray<Move> => {
  const { delivery } = world.state.terms
  if (delivery === "ping" && world.pings < 2) {
    const isPinged = world.isPinged || world.state.ping === "awaited"
    return [["pinged", apply(wait, world, { _tag: "Pinged" }, { pings: world.pings + 1, isPinged })]]
  }
  if (delivery !== "push" || world.pings > 0 || world.state.phase._tag !== "Sleeping") return []
  const tokens = { _tag: "Tokens", response: "tokens" } as const
  const refused = { _tag: "Refused", isFinal: true } as const
  return [
    ["pushed tokens", apply(wait, world, { _tag: "Pushed", answer: tokens }, { pings: 1, tokens: "received" })],
    ["pushed an error", apply(wait, world, { _tag: "Pushed", answer: refused }, { pings: 1 })]
  ]
}

const interrupt = (wait: Functions, world: World): World => {
  const [state, commands] = wait.step(world.state, { _tag: "Interrupted" }, world.now)
  must(!commands.some(({ _tag }) => _tag === "Save"), "an interruption stores nothing")
  const isUnread = world.poll === "sent" && world.tokens === "none"
  return carryOut(
    wait,
    { ...world, interrupts: 1, ...(isUnread ? { tokens: "lost", lastAnswered: world.now, isHeld: false } : undefined) },
    [state, commands]
  )
}

/** The process stops; another one goes on with what is stored. */
const crash = (wait: Functions, world: World, stored: NonNullable<World["stored"]>): World => {
  const isKnown = stored.phase._tag === "Sleeping"
  const isAlive = world.tokens === "none" && world.poll !== "sent"
  const after: World = {
    ...world,
    crashes: 1,
    saving: undefined,
    poll: "none",
    isVerifying: false,
    tokens: stored.phase._tag === "Verifying" ? "received" : isAlive ? "none" : "lost",
    interval: stored.interval,
    floor: isKnown ? world.floor : 0,
    lastAnswered: isKnown ? world.lastAnswered : world.now,
    isHeld: isKnown && world.isHeld,
    isPinged: isKnown && stored.ping === "received"
  }
  const restored = carryOut(wait, after, wait.restore(world.state.terms, stored, world.now))
  const { phase, ping } = restored.state
  if (phase._tag === "Sleeping" && ping === "awaited" && phase.wakeAt < world.state.deadline) {
    const soon = Math.max(stored.phase._tag === "Sleeping" ? stored.phase.floor : 0, world.now + restored.interval)
    must(phase.wakeAt <= soon, "a resumed wait polls within its interval")
  }
  return restored
}

/** Everything that can happen next; nothing, once the wait is over. */
export const moves = (wait: Functions, world: World, canCancel: boolean): ReadonlyArray<Move> => {
  const { deadline, phase, terms } = world.state
  const found: Array<Move> = []
  if (phase._tag === "Done" && !isBusy(world)) return found
  const { saving, stored } = world
  if (saving !== undefined) {
    found.push(["saved", apply(wait, world, { _tag: "Saved" }, { saving: undefined, stored: saving })])
  }
  if (world.poll === "made") found.push(["sent", send(wait, world)])
  if (world.poll === "sent") found.push(...answers(wait, world))
  if (world.isVerifying) found.push(...verifications(wait, world))
  found.push(...notifications(wait, world))
  if (world.interrupts === 0 && phase._tag !== "Done") found.push(["interrupted", interrupt(wait, world)])
  if (canCancel && world.cancels === 0) {
    const completed = world.completed && phase._tag !== "Suspended"
    const cancelled = apply(wait, world, { _tag: "Cancelled" }, { cancels: 1, completed })
    must(world.poll !== "sent" || cancelled.poll === "sent", "a poll in flight is awaited by who cancels")
    found.push(["cancelled", cancelled])
  }
  if (phase._tag === "Suspended" && world.resumes === 0) {
    found.push(["resumed", apply(wait, world, { _tag: "Resumed" }, { resumes: 1, completed: false })])
  }
  if (terms.isStored && stored !== undefined && world.crashes === 0 && !world.completed) {
    found.push(["crashed", crash(wait, world, stored)])
  }
  const at = wait.wakeAt(world.state)
  if (at !== undefined && world.now >= at) found.push(["due", apply(wait, world, { _tag: "Due" })])
  const isTimed = found.some(([name]) => !/^(interrupted|pinged|crashed|cancelled)/.test(name))
  if (world.now >= deadline && phase._tag !== "Suspended") {
    must(isTimed || (at !== undefined && at > world.now), `no wait is stuck after the deadline: ${phase._tag}`)
  }
  if (world.now < deadline + 6) found.push(["tick", { ...world, now: world.now + 1 }])
  return found
}
