// What a process stores of a wait, and what another one reads of it, whose clock has other instants.
import { describe, expect, it } from "@effect/vitest"
import { PendingAuthentication } from "@effect-ciba/core"
import { Clock, DateTime, Duration, Effect, Redacted } from "effect"
import { makeError } from "../../src/http/TransportError.ts"
import * as StoredWait from "../../src/wait/StoredWait.ts"
import { pending } from "../support/PendingAuthentications.ts"
import { received, response } from "../support/StubbedPolls.ts"

const offset = { least: 999_999, most: 1_000_000 }

const unreachable = makeError("Unreachable", { method: "POST", url: "https://provider.test/token" })
const timedOut = makeError("TimedOut", { method: "POST", url: "https://provider.test/token" })

const asked = pending("a", { expiresAt: DateTime.makeUnsafe(1_120_000) })

const saved: Omit<StoredWait.Saved, "phase"> = {
  version: 1,
  deadline: 120_000,
  interval: 10_000,
  polls: 3,
  faults: 2,
  lastFault: unreachable,
  lost: timedOut,
  ping: "awaited"
}

const sleeping = { _tag: "Sleeping", wakeAt: 20_000, floor: 15_000 } as const

const read = (stored: PendingAuthentication.PendingAuthentication) => StoredWait.get(stored, offset)

describe("what is stored of a wait", () => {
  it("has dates for its instants", () => {
    expect(StoredWait.progressOf({ ...saved, phase: sleeping }, offset)).toEqual({
      version: 1,
      kind: "ciba",
      interval: Duration.seconds(10),
      polls: 3,
      faults: 2,
      lastFault: unreachable,
      lost: timedOut,
      ping: "awaited",
      phase: { _tag: "Sleeping", wakeAt: DateTime.makeUnsafe(1_020_000), floor: DateTime.makeUnsafe(1_015_000) }
    })
  })

  it("has no member for a fault that was not met", () => {
    const stored = StoredWait.progressOf({ ...saved, lastFault: undefined, lost: undefined, phase: sleeping }, offset)
    expect(Object.keys(stored)).toEqual(["version", "kind", "interval", "polls", "faults", "ping", "phase"])
  })

  it("is a poll without an instant: it counts as sent", () => {
    expect(StoredWait.progressOf({ ...saved, phase: { _tag: "Polling" } }, offset).phase).toEqual({ _tag: "Polling" })
  })

  it.effect("is a response with the dates of its doubts, if there were any", () =>
    Effect.gen(function* () {
      const verifying = {
        _tag: "Verifying",
        response: yield* response,
        since: 6000,
        doubtedSince: 7000,
        tries: 2
      } as const
      expect(StoredWait.progressOf({ ...saved, phase: verifying }, offset).phase).toEqual({
        _tag: "Verifying",
        since: DateTime.makeUnsafe(1_006_000),
        doubtedSince: DateTime.makeUnsafe(1_007_000),
        tries: 2
      })
      const first = { ...verifying, since: undefined, doubtedSince: undefined, tries: 0 }
      expect(Object.keys(StoredWait.progressOf({ ...saved, phase: first }, offset).phase)).toEqual(["_tag"])
    })
  )

  it.effect("replaces what was stored before, with the response from when it is there", () =>
    Effect.gen(function* () {
      const verifying = {
        _tag: "Verifying",
        response: yield* response,
        since: undefined,
        doubtedSince: undefined,
        tries: 0
      } as const
      const stored = StoredWait.put(asked, { ...saved, phase: verifying }, offset)
      expect(stored).toMatchObject({ id: "a", received, wait: { polls: 3, phase: { _tag: "Verifying" } } })
      const again = StoredWait.put(stored, { ...saved, phase: { _tag: "Polling" } }, offset)
      expect(again.received).toBeUndefined()
      expect(again.wait?.phase).toEqual({ _tag: "Polling" })
    })
  )
})

describe("what another process reads of a wait", () => {
  it.effect("is nothing if it has not begun", () =>
    Effect.gen(function* () {
      expect(yield* read(asked)).toBeUndefined()
    })
  )

  it.effect("is what was stored, on its own clock: no poll is earlier, and the deadline is that of the request", () =>
    Effect.gen(function* () {
      const sleep = yield* read(StoredWait.put(asked, { ...saved, phase: sleeping }, offset))
      expect(sleep).toEqual({ ...saved, phase: { ...sleeping, wakeAt: 20_001, floor: 15_001 } })
      const polling = { ...saved, phase: { _tag: "Polling" } } as const
      expect(yield* read(StoredWait.put(asked, polling, offset))).toEqual(polling)
    })
  )

  it.effect("is a response that is verified from the first doubt on", () =>
    Effect.gen(function* () {
      const given = { _tag: "Verifying", response: yield* response, since: 6000, doubtedSince: 7000, tries: 2 } as const
      const doubted = yield* read(StoredWait.put(asked, { ...saved, phase: given }, offset))
      expect(doubted).toMatchObject({ ...saved, phase: { since: 6001, doubtedSince: 7001, tries: 2 } })
      const first = { ...given, since: undefined, doubtedSince: undefined, tries: 0 }
      const fresh = yield* read(StoredWait.put(asked, { ...saved, phase: first }, offset))
      expect(fresh?.phase).toMatchObject({ _tag: "Verifying", since: undefined, doubtedSince: undefined, tries: 0 })
      expect(fresh && StoredWait.put(asked, fresh, offset).received).toEqual(received)
    })
  )

  it.effect("is a response that came before its wait began, at the interval of the request (L9)", () =>
    Effect.gen(function* () {
      expect(yield* read(PendingAuthentication.update(asked, { received }))).toMatchObject({
        version: 1,
        deadline: 120_000,
        interval: 5000,
        polls: 0,
        faults: 0,
        lastFault: undefined,
        lost: undefined,
        ping: "none",
        phase: { _tag: "Verifying", since: undefined, doubtedSince: undefined, tries: 0 }
      })
    })
  )

  it.effect("is the reason of an error that was pushed (L12)", () =>
    Effect.gen(function* () {
      const body = Redacted.make({ error: "access_denied" }, { label: "token response" })
      const error = yield* Effect.flip(read(PendingAuthentication.update(asked, { received: { ...received, body } })))
      expect(error.reason._tag).toBe("AccessDenied")
    })
  )
})

it("a wait on a clock that is ahead has all its instants moved, and nothing else", () => {
  const shift = (phase: StoredWait.Saved["phase"]) => StoredWait.shift({ ...saved, phase }, 1000)
  const moved = { ...saved, deadline: 121_000 }
  expect(shift(sleeping)).toStrictEqual({ ...moved, phase: { ...sleeping, wakeAt: 21_000, floor: 16_000 } })
  expect(shift({ _tag: "Polling" })).toStrictEqual({ ...moved, phase: { _tag: "Polling" } })
})

it("a wait begins with the interval and the expiry of its request; a ping may have been missed in another process (H30)", () => {
  const begin = { interval: 5000, deadline: 120_000 }
  expect(StoredWait.start(asked, offset, true)).toEqual({ ...begin, mayHaveMissedPing: false })
  expect(StoredWait.start(asked, offset, false)).toEqual({ ...begin, mayHaveMissedPing: true })
})

it.effect("dates are ahead of a clock with fractions of milliseconds by a least and a most", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const machine: Clock.Clock = {
      ...clock,
      currentTimeMillisUnsafe: () => 1_000_000,
      monotonicTimeNanosUnsafe: () => 2_500_000n
    }
    expect(StoredWait.offsetOf(machine)).toEqual({ least: 999_997, most: 999_998 })
  })
)
