// Errors that are planted in the wait: the model must find each of them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Functions } from "./World.ts"

export interface Planted {
  readonly error: string
  readonly replace: string
  readonly by: string
  readonly delivery: "poll" | "ping" | "push"
  readonly isStored: boolean
  /** Whether a notification keeps the interval, and the wait can be cancelled. */
  readonly isStrict?: boolean
}

const inMemory = (delivery: Planted["delivery"], error: string, replace: string, by: string): Planted => ({
  error,
  replace,
  by,
  delivery,
  isStored: false
})

const inStore = (delivery: Planted["delivery"], error: string, replace: string, by: string): Planted => ({
  error,
  replace,
  by,
  delivery,
  isStored: true
})

export const all: ReadonlyArray<Planted> = [
  inStore(
    "poll",
    "a poll in flight leaves no trace in the store",
    "lost: state.lost ?? terms.interrupted, phase",
    "phase"
  ),
  inStore(
    "poll",
    "tokens are not stored first",
    "return save(state, verifying(answer.response), now)\n  if",
    "return enter(state, verifying(answer.response), now)\n  if"
  ),
  inStore(
    "poll",
    "a stored response is polled for again",
    'if (phase._tag === "Verifying") return enter(',
    'if (phase._tag === "Done") return enter('
  ),
  inStore("poll", "a restart polls at once", "const nextInterval = now + state.interval", "const nextInterval = now"),
  inStore(
    "poll",
    "an interruption stores",
    "const interrupt = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {\n",
    'const interrupt = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {\n  if (state.phase._tag === "Polling") return save(state, sleep(now + state.interval), now)\n'
  ),
  inStore(
    "ping",
    "a restart awaits the ping until the fallback poll",
    'const isMissed = ping === "awaited" && nextInterval < wakeAt',
    "const isMissed = false"
  ),
  inMemory(
    "poll",
    "a later fault forgets the lost response",
    "lost: isLost ? fault : state.lost",
    "lost: isLost ? fault : undefined"
  ),
  inMemory(
    "poll",
    "an expiry after a lost response is a plain expiry",
    'lost === undefined ? "Expired" : "Unknown"',
    '"Expired"'
  ),
  inMemory("poll", "slow down is not kept", "state.interval + (isSlower ? state.terms.slowDown : 0)", "state.interval"),
  inMemory("poll", "Retry-After is passed over", "const pause = Math.max(least, retryAfter)", "const pause = least"),
  inMemory("poll", "the back-off begins below the interval", "2 ** (faults - 1)", "2 ** (faults - 2)"),
  inMemory(
    "poll",
    "an interrupted poll is no lost response",
    "lost: lost ?? terms.interrupted, phase: sleep(now + interval)",
    "phase: sleep(now + interval)"
  ),
  inMemory(
    "poll",
    "a poll after an interruption keeps no interval",
    "phase: sleep(now + interval)",
    "phase: sleep(now)"
  ),
  inMemory(
    "poll",
    "no timer runs while a poll is made",
    'if (phase._tag === "Polling" && phase.sentAt === undefined) return deadline',
    ""
  ),
  inMemory(
    "poll",
    "a poll leaves at the deadline",
    "if (now >= state.deadline) return abort(finish(state, expiry(state)))\n  const sent",
    "const sent"
  ),
  inMemory(
    "poll",
    "the wait ends when the next poll would be too late",
    "Math.max(last, least) : planned",
    "planned : planned"
  ),
  inMemory("poll", "the last poll comes too soon after the one before", "Math.max(last, least)", "last"),
  inMemory("push", "a doubt lasts for ever", "if (now >= limit) {", "if (now < 0) {"),
  inMemory("ping", "a ping ignores Retry-After", "Math.max(now, floor)", "now"),
  inMemory(
    "ping",
    "a ping makes two early polls",
    'ping: ping === "received" ? "none" : ping, phase: sent',
    "phase: sent"
  ),
  inMemory(
    "push",
    "a push is thrown away",
    'state.phase._tag !== "Sleeping") return',
    'state.phase._tag === "Sleeping") return'
  ),
  {
    ...inMemory(
      "ping",
      "a notification shortens the interval",
      "terms.notifiedKeepsInterval ? Math.max(now, sentAt + interval) : now",
      "now"
    ),
    isStrict: true
  },
  {
    ...inMemory(
      "poll",
      "a cancelled wait throws tokens away",
      'if (answer._tag === "Tokens") return',
      'if (answer._tag === "Tokens" && !isCancelled) return'
    ),
    isStrict: true
  },
  {
    ...inMemory(
      "poll",
      "a cancelled wait does not await the poll",
      'phase._tag === "Polling" && phase.sentAt !== undefined)',
      'phase._tag === "Done")'
    ),
    isStrict: true
  }
]

const folder = resolve(import.meta.dirname, "../../packages/core/src/wait")

/** The functions of the wait with the error. */
export const plant = async ({ by, error, replace }: Planted): Promise<Functions> => {
  const source = readFileSync(join(folder, "Wait.ts"), "utf8")
  if (!source.includes(replace)) throw new Error(`${error}: Wait.ts has no ${JSON.stringify(replace)}`)
  const cache = resolve(import.meta.dirname, "../../.cache/planted-wait")
  mkdirSync(cache, { recursive: true })
  const path = join(cache, `${error.replaceAll(/\W/g, "-")}.ts`)
  writeFileSync(path, source.replace(replace, by))
  return import(path)
}
