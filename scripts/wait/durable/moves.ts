// Everything that can happen next to a row and its two workers, and the rules that must hold whatever happens.
import { Wait } from "@effect-ciba/core/unstable/wait"
import { Option } from "effect"
import { must } from "../../../packages/core/test/wait/model/Violation.ts"
import type { Claim } from "../../../packages/durable/src/WaitStore.ts"
import type { Rows } from "./Rows.ts"
import { type Setting, termsOf, tokens } from "./Setting.ts"
import type { Store } from "./Store.ts"
import type { Answer, Functions, Held, Transition, Worker, World } from "./World.ts"

export type Move = readonly [name: string, world: World]

/** What a model is made of. */
export interface Context {
  readonly functions: Functions
  readonly store: Store
  readonly setting: Setting
}

const idle: Worker = { at: "idle" }

const withTokens = new Set(["Verified", "Rejected", "KeysUnavailable"])

/** What a worker does next by these commands: `DrivenWait.carryOut`. */
const carryOut = (held: Held, [state, commands]: Transition, now: number): Worker => {
  const command = commands.at(-1)
  switch (command?._tag) {
    case "SendPoll":
      must(!held.hasTokens, "nothing is polled for that has tokens")
      return { at: "looking", held, state }
    case "Verify":
      return { at: held.hasTokens ? "verifying" : "receiving", held, state }
    case "Complete":
      return command.outcome === "Refused" && state.phase._tag === "Suspended"
        ? carryOut(held, Wait.step(state, { _tag: "Resumed" }, now), now)
        : { at: "deciding", held, outcome: command.outcome }
    default:
      return { at: "reporting", held, saved: Wait.snapshot(state), wakeAt: Wait.wakeAt(state) ?? state.deadline }
  }
}

/** The rows after a write, which must be sound. */
const write = ({ setting }: Context, before: World, rows: Rows, changes: Partial<World> = {}): World => {
  const world: World = { ...before, rows, ...changes }
  const { claimed_at, decided_at, received_at, wake_at } = rows.wait
  const hadTokens = before.rows.wait.received_at !== null
  must(!hadTokens || received_at !== null, "tokens that are stored stay")
  if (received_at !== null && decided_at !== null) {
    must(withTokens.has(String(rows.authentication.outcome)), "an outcome without tokens never replaces tokens")
  }
  if (world.tokens !== "none" && received_at === null && decided_at !== null) {
    must(!["Expired", "Refused"].includes(String(rows.authentication.outcome)), "a lost approval ends as unknown")
  }
  if (world.isPinged && claimed_at === null && decided_at === null) {
    const floor = world.lastSent === undefined ? world.now : world.lastSent + setting.interval
    must(Number(wake_at) <= Math.max(world.now, floor), "a ping makes its wait due, at the floor of its next poll")
  }
  return world
}

const claim = (context: Context, world: World): readonly [Worker, World] | undefined => {
  const { functions, store } = context
  const { now } = world
  const [[made], rows] = store.claim(world.rows, now, null)
  if (made === undefined) return undefined
  must(world.rows.wait.decided_at === null, "what is decided is not claimed")
  must(made.lease > world.lease, "each claim has a lease of its own")
  return [start(functions.driver, made, now), write(context, world, rows, { lease: made.lease })]
}

const start = (driver: Functions["driver"], made: Claim, now: number): Worker => {
  const { claimedAt, id, lease, pending } = made
  const held = { id, lease, claimedAt, hasTokens: pending.received !== undefined }
  return carryOut(held, driver.begin(made, termsOf(driver.deliveryOf(made), "")), now)
}

/** A poll leaves: what must lie between it and the one before. */
const send = ({ setting }: Context, world: World, { lease }: Held): World => {
  const isEarly = world.lastSent !== undefined && world.now < world.lastSent + setting.interval
  must(world.sentFor !== lease, "one poll for a claim")
  must(!isEarly || world.early < world.notifications, "two polls are an interval apart, but for a ping")
  return {
    ...world,
    lastSent: world.now,
    isPinged: false,
    early: world.early + (isEarly ? 1 : 0),
    sentFor: lease
  }
}

const fault = termsOf("poll", "").interrupted

/** What the provider responds, and what it has issued then. */
const responses = (world: World): ReadonlyArray<readonly [string, Answer, Partial<World>]> => {
  if (world.tokens !== "none") return [["gone", { _tag: "Gone" }, {}]]
  const lost: Answer = { _tag: "Fault", fault, isLost: true }
  const faults = world.faults + 1
  return [
    ["pending", { _tag: "Pending" }, {}],
    ["tokens", { _tag: "Tokens", response: tokens }, { tokens: "issued" }],
    ...(world.faults > 0
      ? []
      : ([
          ["a fault", lost, { faults }],
          ["tokens that are lost", lost, { faults, tokens: "issued" }]
        ] as const))
  ]
}

type Step = readonly [name: string, worker: Worker, world: World]

/** Looks at its claim, and polls: `DrivenWait.poll`. */
const look = (
  context: Context,
  world: World,
  { held, state }: Extract<Worker, { readonly at: "looking" | "receiving" | "verifying" }>
): ReadonlyArray<Step> => {
  const { now } = world
  const isUsable = context.functions.driver.isUsable(held.claimedAt, now)
  const next = Wait.step(state, { _tag: isUsable ? "Sent" : "Interrupted" }, now)
  if (next[0].phase._tag !== "Polling") return [["does not poll", carryOut(held, next, now), world]]
  const sent = send(context, world, held)
  return responses(sent).map(([name, answer, changes]) => [
    `polls, ${name}`,
    { at: "polling", held, state: next[0], answer },
    { ...sent, ...changes }
  ])
}

/** The next step of a worker. */
export const steps = (context: Context, world: World, worker: Worker): ReadonlyArray<Step> => {
  const { store } = context
  const { now, rows } = world
  switch (worker.at) {
    case "idle": {
      const claimed = claim(context, world)
      return claimed === undefined ? [] : [["claims", ...claimed]]
    }
    case "looking":
      return look(context, world, worker)
    case "polling": {
      const { answer, held, state } = worker
      const next = carryOut(held, Wait.step(state, { _tag: "Answered", answer }, now), now)
      return [["is answered", next, answer._tag === "Tokens" ? { ...world, tokens: "received" } : world]]
    }
    case "receiving": {
      const { held, state } = worker
      const [taken, after] = store.receive(rows, now, { held, saved: Wait.snapshot(state) })
      must(after.wait.received_at !== null, "tokens in hand are stored")
      const next: Worker = Option.match(taken, {
        onNone: () => idle,
        onSome: (lease) => ({ at: "verifying", held: lease, state })
      })
      return [["receives", next, write(context, world, after)]]
    }
    case "verifying":
      return verify(world, worker)
    case "deciding":
      return [["decides", idle, write(context, world, store.decide(rows, now, worker)[1])]]
    case "reporting":
      return [["reports", idle, write(context, world, store.report(rows, now, worker)[1])]]
  }
}

const verify = (
  world: World,
  { held, state }: Extract<Worker, { readonly at: "looking" | "receiving" | "verifying" }>
): ReadonlyArray<Step> => {
  const { doubts, now } = world
  const verified: Step = ["verifies", carryOut(held, Wait.step(state, { _tag: "Verified" }, now), now), world]
  if (doubts > 0) return [verified]
  const doubted = Wait.step(state, { _tag: "KeysUnavailable" }, now)
  return [verified, ["doubts", carryOut(held, doubted, now), { ...world, doubts: doubts + 1 }]]
}

/** The provider notifies once. */
const notifications = (context: Context, world: World): ReadonlyArray<Move> => {
  const { setting, store } = context
  const { delivery } = setting
  const { now, rows } = world
  if (delivery === "poll" || world.notifications > 0 || world.tokens !== "none") return []
  const notified = { notifications: 1 }
  if (delivery === "ping") {
    // The clock goes on: a claim at the same instant would have come before.
    return [
      [
        "is pinged",
        write(context, world, store.ping(rows, now, null)[1], { ...notified, now: now + 1, isPinged: true })
      ]
    ]
  }
  const pushed = store.push(rows, now, null)[1]
  must(pushed.wait.received_at !== null, "tokens that are pushed are stored")
  return [
    ["is pushed tokens", write(context, world, pushed, { ...notified, tokens: "received" })],
    ["is pushed an error", write(context, world, store.refuse(rows, now, null)[1], notified)]
  ]
}

/** Every worker takes its next step, or stays frozen. */
export const moves = (context: Context, world: World, end: number): ReadonlyArray<Move> => {
  const [one, other] = world.workers
  return [
    ...steps(context, world, one).map(
      ([name, next, after]): Move => [`one ${name}`, { ...after, workers: [next, other] }]
    ),
    ...steps(context, world, other).map(
      ([name, next, after]): Move => [`the other ${name}`, { ...after, workers: [one, next] }]
    ),
    ...notifications(context, world),
    ["is cancelled", write(context, world, context.store.cancel(world.rows, world.now, null)[1])],
    ...(world.now < end ? [["tick", { ...world, now: world.now + context.setting.tick }] as const] : [])
  ]
}
