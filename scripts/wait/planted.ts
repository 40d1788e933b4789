// Errors that are planted in the wait: the model must find each of them.
import type { Setting } from "../../packages/core/test/wait/model/explore.ts"
import { setting } from "../../packages/core/test/wait/model/settings.ts"
import type { Functions } from "../../packages/core/test/wait/model/World.ts"
import * as Plant from "./plant.ts"

export type Planted = Plant.Planted<Setting>

type Change = readonly [error: string, replace: string, by: string]

const plantIn = (given: Setting, ...changes: ReadonlyArray<Change>): ReadonlyArray<Planted> =>
  changes.map(([error, replace, by]) => ({ error, replace, by, setting: given }))

export const all: ReadonlyArray<Planted> = [
  ...plantIn(
    setting("poll", true, 8),
    ["a poll in flight leaves no trace in the store", "lost: state.lost ?? terms.interrupted, phase", "phase"],
    [
      "tokens are not stored first",
      "return save(state, verifying(answer.response), now)\n  if",
      "return enter(state, verifying(answer.response), now)\n  if"
    ],
    [
      "a stored response is polled for again",
      'if (phase._tag === "Verifying") return enter(',
      'if (phase._tag === "Done") return enter('
    ],
    ["a restart polls at once", "const nextInterval = now + state.interval", "const nextInterval = now"],
    [
      "an interruption stores",
      "const interrupt = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {\n",
      'const interrupt = <R, F>(state: State<R, F>, now: number): Transition<R, F> => {\n  if (state.phase._tag === "Polling") return save(state, sleep(now + state.interval), now)\n'
    ]
  ),
  ...plantIn(setting("ping", true, 6), [
    "a restart awaits the ping until the fallback poll",
    'const isMissed = ping === "awaited" && nextInterval < wakeAt',
    "const isMissed = false"
  ]),
  ...plantIn(
    setting("poll", false, 8),
    [
      "a later fault forgets the lost response",
      "lost: isLost ? fault : state.lost",
      "lost: isLost ? fault : undefined"
    ],
    ["an expiry after a lost response is a plain expiry", 'lost === undefined ? "Expired" : "Unknown"', '"Expired"'],
    ["slow down is not kept", "state.interval + (isSlower ? state.terms.slowDown : 0)", "state.interval"],
    ["Retry-After is passed over", "const pause = Math.max(least, retryAfter)", "const pause = least"],
    ["the back-off begins below the interval", "2 ** (faults - 1)", "2 ** (faults - 2)"],
    [
      "an interrupted poll is no lost response",
      "lost: lost ?? terms.interrupted, phase: sleepFor(",
      "phase: sleepFor("
    ],
    ["a poll after an interruption keeps no interval", "phase: sleepFor(state, interval, now)", "phase: sleep(now)"],
    [
      "an interrupted wait sleeps beyond its deadline",
      "phase: sleepFor(state, interval, now)",
      "phase: sleep(now + interval)"
    ],
    [
      "no timer runs while a poll is made",
      'if (phase._tag === "Polling" && phase.sentAt === undefined) return deadline',
      ""
    ],
    [
      "a poll leaves at the deadline",
      "if (now >= state.deadline) return abort(finish(state, expiry(state)))\n  const polls",
      "const polls"
    ],
    ["the wait ends when the next poll would be too late", "Math.max(last, least) : planned", "planned : planned"],
    ["the last poll comes too soon after the one before", "Math.max(last, least)", "last"]
  ),
  ...plantIn(
    setting("push", false, 6),
    ["a doubt lasts for ever", "if (now >= limit) {", "if (now < 0) {"],
    ["a push is thrown away", 'state.phase._tag !== "Sleeping") return', 'state.phase._tag === "Sleeping") return']
  ),
  ...plantIn(
    setting("ping", false, 6),
    ["a ping ignores Retry-After", "Math.max(now, floor)", "now"],
    ["a ping makes two early polls", 'ping: ping === "received" ? "none" : ping, phase: {', "phase: {"]
  ),
  ...plantIn(setting("ping", false, 6, true), [
    "a notification shortens the interval",
    "terms.notifiedKeepsInterval ? Math.max(now, sentAt + interval) : now",
    "now"
  ]),
  ...plantIn(
    setting("poll", false, 8, true),
    [
      "a cancelled wait throws tokens away",
      'if (answer._tag === "Tokens") return',
      'if (answer._tag === "Tokens" && !isCancelled) return'
    ],
    [
      "a cancelled wait does not await the poll",
      'phase._tag === "Polling" && phase.sentAt !== undefined)',
      'phase._tag === "Done")'
    ]
  )
]

/** The functions of the wait with the error. */
export const plant = async (planted: Planted): Promise<Functions> =>
  import(Plant.plant("packages/core/src/wait/Wait.ts", planted))
