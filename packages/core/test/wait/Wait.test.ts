import { describe, expect, it } from "@effect/vitest"
import * as StoredWait from "../../src/wait/StoredWait.ts"
import * as Wait from "../../src/wait/Wait.ts"
import { type Given, pending, play, poll, reset, start, unreachable } from "../support/PlayedWait.ts"

describe("Wait", () => {
  describe("wakes at exact instants", () => {
    const instants: ReadonlyArray<
      readonly [title: string, from: Wait.Transition<string, string>, events: ReadonlyArray<Given>, at: number]
    > = [
      ["one interval after the start (H20)", start(), [], 5000],
      ["a full interval after a pending response (H7)", start(), poll(5000, pending), 11_000],
      [
        "at once after a response that was held for an interval (H6)",
        start(),
        [
          [{ _tag: "Due" }, 5000],
          [{ _tag: "Sent" }, 5000],
          [{ _tag: "Answered", answer: pending }, 10_000]
        ],
        10_000
      ],
      ["five seconds later after slow_down (H11)", start(), poll(5000, { _tag: "SlowDown" }), 16_000],
      ["after Retry-After (H23)", start(), poll(5000, { ...pending, retryAfter: 12_000 }), 18_000],
      ["after a doubled back-off (H21)", start(), [...poll(5000, reset), ...poll(11_000, reset)], 22_000],
      ["just before the deadline, when no other poll would fit (H18)", start({}, 14_000), poll(5000, pending), 13_200],
      [
        "just before the deadline, when Retry-After crosses it (H9)",
        start(),
        poll(5000, { ...unreachable, retryAfter: 900_000 }),
        118_000
      ],
      ["just before the deadline, when the interval crosses it (F5)", start({}, 4000), [], 3600],
      ["at the fallback while a ping is awaited (K15)", start({ delivery: "ping" }), [], 30_000],
      ["at once when a ping arrives (K14)", start({ delivery: "ping" }), [[{ _tag: "Pinged" }, 7000]], 7000]
    ]
    for (const [title, from, events, at] of instants) {
      it(title, () => expect(Wait.wakeAt(play(from, ...events)[0])).toBe(at))
    }
  })

  it("ends as an expiry after a poll that was never sent, and as unknown after a lost response (H14)", () => {
    const end = [{ _tag: "Due" }, 9000] as const
    const after = (answer: Wait.Answer<string, string>) =>
      play(start({ delivery: "ping" }, 9000), [{ _tag: "Pinged" }, 1000], ...poll(1000, answer), end)
    expect(after(unreachable)).toMatchObject([{ lastFault: "unreachable", polls: 1 }, [{ outcome: "Expired" }]])
    expect(after(reset)).toMatchObject([{ lost: "reset" }, [{ outcome: "Unknown" }]])
  })

  it("a ping that arrives while a poll is stored or made belongs to that poll (K9)", () => {
    const [sent] = play(
      start({ delivery: "ping", isStored: true }),
      [{ _tag: "Saved" }, 0],
      [{ _tag: "Due" }, 30_000],
      [{ _tag: "Pinged" }, 30_200],
      [{ _tag: "Saved" }, 30_500],
      [{ _tag: "Pinged" }, 30_600],
      [{ _tag: "Sent" }, 30_700]
    )
    const [after] = play([sent, []], [{ _tag: "Answered", answer: pending }, 31_000], [{ _tag: "Saved" }, 31_000])
    expect(Wait.wakeAt(after)).toBe(36_000)
  })

  it("a restart resumes the whole state: interval, back-off, ping and lost response (H2, H14)", () => {
    const [state] = play(start({ delivery: "ping" }), ...poll(30_000, { _tag: "SlowDown" }), ...poll(61_000, reset))
    const stored = StoredWait.shift(Wait.snapshot(state), 1_000_000)
    const [restored] = Wait.restore(state.terms, StoredWait.shift(stored, -1_000_000), 70_000)
    expect(restored).toMatchObject({ interval: 10_000, faults: 1, polls: 2, ping: "awaited", lost: "reset" })
    expect(Wait.wakeAt(restored)).toBe(80_000)
  })

  it("a restart counts the two minutes of a doubted verification from its first failure", () => {
    const [verifying] = play(start(), ...poll(5000, { _tag: "Tokens", response: "tokens" }))
    const [doubted] = play([verifying, []], [{ _tag: "Doubted", retryAfter: 30_000 }, 6000])
    const stored = StoredWait.shift(Wait.snapshot(doubted), 1_000_000)
    const restored = Wait.restore(doubted.terms, StoredWait.shift(stored, -1_000_000), 126_000)
    expect(restored[1]).toEqual([{ _tag: "Verify", response: "tokens" }])
    const [, commands] = play(restored, [{ _tag: "Doubted", retryAfter: 30_000 }, 126_000])
    expect(commands).toEqual([{ _tag: "Complete", outcome: "Rejected" }])
  })

  it("a restart polls an interval later, when a poll was in flight (H2)", () => {
    const [polling] = play(start({ isStored: true }), [{ _tag: "Saved" }, 0], [{ _tag: "Due" }, 5000])
    const stored = Wait.snapshot(polling)
    expect(stored).toMatchObject({ lost: "interrupted", phase: { _tag: "Polling" } })
    expect(Wait.wakeAt(play(Wait.restore(polling.terms, stored, 7000), [{ _tag: "Saved" }, 7000])[0])).toBe(12_000)
  })

  it("verifies a response again after a doubt, for two minutes, and for want of keys until the deadline", () => {
    const verifying = play(start(), ...poll(5000, { _tag: "Tokens", response: "tokens" }))
    const doubted = play(verifying, [{ _tag: "Doubted", retryAfter: 30_000 }, 6000])
    expect(Wait.wakeAt(doubted[0])).toBe(36_000)
    const again: ReadonlyArray<Given> = [
      [{ _tag: "Due" }, 126_000],
      [{ _tag: "Doubted", retryAfter: 30_000 }, 126_000]
    ]
    expect(play(doubted, ...again)[1]).toEqual([{ _tag: "Complete", outcome: "Rejected" }])
    const unavailable = play(verifying, [{ _tag: "KeysUnavailable" }, 6000], [{ _tag: "Due" }, 7000])
    expect(Wait.wakeAt(play(unavailable, [{ _tag: "KeysUnavailable" }, 7000])[0])).toBe(9000)
    const [suspended, commands] = play(unavailable, [{ _tag: "KeysUnavailable" }, 126_000])
    expect(commands).toEqual([{ _tag: "Complete", outcome: "KeysUnavailable" }])
    expect(Wait.step(suspended, { _tag: "Resumed" }, 130_000)[1]).toEqual([{ _tag: "Verify", response: "tokens" }])
  })

  it("verifies a response again for two minutes from the first doubt, also after keys that could not be fetched", () => {
    const verifying = play(start({}, 600_000), ...poll(5000, { _tag: "Tokens", response: "tokens" }))
    const outage = play(verifying, [{ _tag: "KeysUnavailable" }, 6000], [{ _tag: "Due" }, 300_000])
    const doubted = play(outage, [{ _tag: "Doubted", retryAfter: 30_000 }, 300_000])
    expect(Wait.wakeAt(doubted[0])).toBe(330_000)
    const last = play(doubted, [{ _tag: "Due" }, 420_000], [{ _tag: "Doubted", retryAfter: 30_000 }, 420_000])
    expect(last[1]).toEqual([{ _tag: "Complete", outcome: "Rejected" }])
  })

  it("verifies a doubted response again after a second at the earliest, also without a cool-down of the keys", () => {
    const verifying = play(start(), ...poll(5000, { _tag: "Tokens", response: "tokens" }))
    expect(Wait.wakeAt(play(verifying, [{ _tag: "Doubted", retryAfter: 0 }, 6000])[0])).toBe(7000)
  })

  it("ends at its deadline, also when it was interrupted less than an interval before", () => {
    const sent = play(start({}, 14_000), [{ _tag: "Due" }, 5000], [{ _tag: "Sent" }, 5000])
    expect(Wait.wakeAt(play(sent, [{ _tag: "Interrupted" }, 12_000])[0])).toBe(14_000)
  })

  it("a cancelled wait awaits the poll in flight, and its tokens win", () => {
    const [sent] = play(start(), [{ _tag: "Due" }, 5000], [{ _tag: "Sent" }, 5000])
    const cancelled = play([sent, []], [{ _tag: "Cancelled" }, 5100])
    expect(cancelled[1]).toEqual([])
    const end = (answer: Wait.Answer<string, string>) => play(cancelled, [{ _tag: "Answered", answer }, 6000])[1]
    expect(end(pending)).toEqual([{ _tag: "Complete", outcome: "Cancelled" }])
    expect(end({ _tag: "Tokens", response: "tokens" })).toEqual([{ _tag: "Verify", response: "tokens" }])
  })

  it("a schedule makes a delay longer, never shorter, and can stop the wait (H2)", () => {
    const [sent] = play(start(), [{ _tag: "Due" }, 5000], [{ _tag: "Sent" }, 5000])
    const decide = (pace: number | "stop") => Wait.step(sent, { _tag: "Answered", answer: pending, pace }, 6000)
    expect(Wait.wakeAt(decide(1000)[0])).toBe(11_000)
    expect(Wait.wakeAt(decide(8000)[0])).toBe(14_000)
    const [stopped, commands] = decide("stop")
    expect(commands).toEqual([{ _tag: "Complete", outcome: "Stopped" }])
    expect(Wait.wakeAt(Wait.step(stopped, { _tag: "Resumed" }, 6500)[0])).toBe(11_000)
  })

  it("is handled once", () => {
    const done = play(start(), ...poll(5000, { _tag: "Refused", isFinal: true }), [{ _tag: "Handled" }, 7000])
    expect(done[1]).toEqual([{ _tag: "Remove" }])
    expect(play(done, [{ _tag: "Handled" }, 8000])[1]).toEqual([])
  })
})
