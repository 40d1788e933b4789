import { describe, expect, it } from "vitest"
import * as Wait from "../../src/wait/Wait.ts"
import {
  type Answer,
  abort,
  answer,
  cancel,
  complete,
  due,
  type Event,
  type Given,
  inFlight,
  interrupt,
  make,
  pending,
  ping,
  play,
  poll,
  refuse,
  reset,
  save,
  send,
  sendPoll,
  start,
  startSaving,
  startVerification,
  store,
  type Transition,
  terms,
  tokens,
  unreachable,
  verify
} from "../support/PlayedWait.ts"

describe("Wait", () => {
  describe("an event that comes too late changes nothing", () => {
    const events: ReadonlyArray<Event> = [
      { _tag: "Due" },
      { _tag: "Saved" },
      { _tag: "Sent" },
      { _tag: "Answered", answer: pending },
      { _tag: "Pinged" },
      { _tag: "Pushed", answer: tokens },
      { _tag: "Verified" },
      { _tag: "Rejected" },
      { _tag: "Doubted", retryAfter: 0 },
      { _tag: "KeysUnavailable" },
      { _tag: "Interrupted" },
      { _tag: "Resumed" },
      { _tag: "Cancelled" },
      { _tag: "Handled" }
    ]
    const phases: ReadonlyArray<
      readonly [title: string, at: () => Transition, changing: ReadonlyArray<Event["_tag"]>]
    > = [
      ["a wait that sleeps", () => start(), ["Cancelled"]],
      ["a wait that awaits a ping", () => start({ delivery: "ping" }), ["Pinged", "Cancelled"]],
      ["a wait that was pinged", () => play(start({ delivery: "ping" }), ping(0)), ["Due", "Cancelled"]],
      ["a wait that awaits a push", () => start({ delivery: "push" }), ["Pushed", "Cancelled"]],
      [
        "a push that is verified",
        () => play(start({ delivery: "push" }), [{ _tag: "Pushed", answer: tokens }, 1000]),
        ["Verified", "Rejected", "Doubted", "KeysUnavailable", "Interrupted"]
      ],
      ["a wait that is being stored", () => startSaving(), ["Saved", "Cancelled"]],
      ["a poll that is made", () => make(start()), ["Sent", "Answered", "Interrupted", "Cancelled"]],
      ["a poll in flight", () => inFlight(start()), ["Sent", "Answered", "Interrupted", "Cancelled"]],
      [
        "a verification",
        () => startVerification(),
        ["Verified", "Rejected", "Doubted", "KeysUnavailable", "Interrupted"]
      ],
      [
        "a verification in doubt",
        () => play(startVerification(), [{ _tag: "Doubted", retryAfter: 9000 }, 1000]),
        ["Verified", "Rejected", "Interrupted"]
      ],
      ["a wait that can be resumed", () => refuse(false), ["Resumed", "Cancelled"]],
      ["a wait that is over", () => refuse(true), ["Handled"]],
      ["a wait that was handled", () => play(refuse(true), [{ _tag: "Handled" }, 7000]), []]
    ]
    for (const [title, from, changing] of phases) {
      for (const event of events) {
        const changes = changing.includes(event._tag)
        it(`${title} ${changes ? "goes on by" : "passes over"} ${event._tag}`, () => {
          const [state] = from()
          const after = Wait.step(state, event, 2000)
          if (changes) expect(after).not.toEqual([state, []])
          else expect(after).toEqual([state, []])
        })
      }
    }
  })

  describe("what is done", () => {
    const commandsOf = (from: Transition, ...events: ReadonlyArray<Given>) =>
      events.map((_, index) => play(from, ...events.slice(0, index + 1))[1])

    it("in memory: a poll, a verification, the outcome", () => {
      expect(start()[1]).toEqual([])
      expect(
        commandsOf(start(), ...poll(5000, tokens), [{ _tag: "Verified" }, 6000], [{ _tag: "Handled" }, 6000])
      ).toEqual([[sendPoll], [], [verify], [complete("Verified")], [{ _tag: "Remove" }]])
      expect(play(startVerification(), [{ _tag: "Rejected" }, 6000])[1]).toEqual([complete("Rejected")])
      const over = { _tag: "Done", outcome: "Refused", isHandled: true }
      expect(play(refuse(true), [{ _tag: "Handled" }, 7000])[0].phase).toEqual(over)
    })

    it("stored: each change first, and the tokens before they are verified (H34)", () => {
      const stored = start({ isStored: true })
      expect(stored[1]).toEqual([save])
      expect(
        commandsOf(stored, store(0), due(5000), store(5100), send(5200), answer(tokens, 6000), store(6100))
      ).toEqual([[], [save], [sendPoll], [], [save], [verify]])
    })

    it("a stored error response that ends the wait is stored before the outcome", () => {
      const after = play(
        start({ isStored: true }),
        store(0),
        due(5000),
        store(5000),
        send(5000),
        answer({ _tag: "Gone" }, 6000)
      )
      expect(after[1]).toEqual([save])
      expect(play(after, store(6000))[1]).toEqual([complete("Refused")])
    })

    it("a lost auth_req_id is a refusal, and unknown after a lost response (H14)", () => {
      expect(play(start(), ...poll(5000, { _tag: "Gone" }))[1]).toEqual([complete("Refused")])
      expect(play(start(), ...poll(5000, reset), ...poll(11_000, { _tag: "Gone" }))[1]).toEqual([complete("Unknown")])
    })

    it("an error response that is not final suspends the wait, which goes on an interval later (H16)", () => {
      expect(refuse(false)[1]).toEqual([complete("Refused")])
      const [resumed, commands] = play(refuse(false), [{ _tag: "Resumed" }, 6500])
      expect(commands).toEqual([])
      expect(Wait.wakeAt(resumed)).toBe(11_000)
    })
  })

  describe("the deadline (H18)", () => {
    it("is the timer of a poll that is made, and a poll in flight has none", () => {
      expect(Wait.wakeAt(make(start())[0])).toBe(120_000)
      expect(Wait.wakeAt(inFlight(start())[0])).toBeUndefined()
      expect(Wait.wakeAt(startVerification()[0])).toBeUndefined()
      expect(Wait.wakeAt(refuse(true)[0])).toBeUndefined()
    })

    it("ends a poll that is made, and one that would leave at it", () => {
      expect(play(make(start()), due(119_999))[1]).toEqual([])
      expect(play(make(start()), due(120_000))[1]).toEqual([abort, complete("Expired")])
      expect(play(make(start()), send(119_999))[1]).toEqual([])
      expect(play(make(start()), send(120_000))[1]).toEqual([abort, complete("Expired")])
    })

    it("ends a wait whose poll comes due too late, and one for a push", () => {
      expect(play(start(), due(120_000))[1]).toEqual([complete("Expired")])
      const awaiting = start({ delivery: "push" })
      expect(awaiting[1]).toEqual([])
      expect(Wait.wakeAt(awaiting[0])).toBe(120_000)
      expect(play(awaiting, due(120_000))[1]).toEqual([complete("Expired")])
    })

    it("is too near for a poll of another interval: the wait ends at once, unless a ping may come", () => {
      expect(play(start({}, 8000), ...poll(7200, pending).slice(0, 2), answer(pending, 7300))[1]).toEqual([
        complete("Expired")
      ])
      const [state, commands] = play(
        start({ delivery: "ping" }, 4000),
        ...poll(3600, pending).slice(0, 2),
        answer(pending, 3700)
      )
      expect(commands).toEqual([])
      expect(Wait.wakeAt(state)).toBe(4000)
    })

    it("leaves room for a poll that ends just in time for another one", () => {
      const bounds = { deadline: 20_000, interval: 5000, margin: 2000 }
      expect(Wait.fitPoll(13_000, 0, bounds, 0)).toBe(13_000)
      expect(Wait.fitPoll(13_001, 0, bounds, 0)).toBe(18_000)
      expect(Wait.fitPoll(13_001, 19_000, bounds, 0)).toBe(19_000)
      expect(Wait.lastPollAt(20_000, 2000, 10_000)).toBe(19_000)
      expect(Wait.lastPollAt(20_000, 2000, 30_000)).toBe(20_000)
    })
  })

  describe("a ping (K14, H33)", () => {
    const pollAt = (answer: Answer, changes?: Partial<Wait.Terms<string>>) =>
      Wait.wakeAt(play(start({ delivery: "ping", ...changes }), ...poll(30_000, answer), ping(32_000))[0])

    it("leads to a poll at once after a pending response or a fault", () => {
      expect(pollAt(pending)).toBe(32_000)
      expect(pollAt(unreachable)).toBe(32_000)
    })

    it("leads to no poll before slow_down and Retry-After allow it (H11, H23)", () => {
      expect(pollAt({ _tag: "SlowDown" })).toBe(41_000)
      expect(pollAt({ ...pending, retryAfter: 7000 })).toBe(38_000)
      expect(pollAt({ ...pending, retryAfter: 2000 })).toBe(36_000)
      expect(pollAt({ ...unreachable, retryAfter: 9000 })).toBe(40_000)
    })

    it("keeps the interval from the last send after a poll that timed out, and may yet arrive (T-32)", () => {
      expect(pollAt({ ...reset, timedOut: true })).toBe(35_000)
    })

    it("keeps the interval from the poll before, where a profile asks for it", () => {
      expect(pollAt(pending, { notifiedKeepsInterval: true })).toBe(35_000)
      const held = [due(30_000), send(30_000), answer(pending, 34_900), ping(37_000)]
      expect(Wait.wakeAt(play(start({ delivery: "ping", notifiedKeepsInterval: true }), ...held)[0])).toBe(37_000)
    })

    it("is noted while a poll is made, and does nothing by itself", () => {
      const [state, commands] = play(start({ delivery: "ping" }), due(30_000), ping(30_100))
      expect(state.ping).toBe("received")
      expect(commands).toEqual([])
    })

    it("is spent by its poll, and another one is not awaited", () => {
      const [state] = play(start({ delivery: "ping" }), ping(7000), ...poll(7000, pending))
      expect(state.ping).toBe("none")
      expect(Wait.wakeAt(state)).toBe(13_000)
    })

    it("may have come before a wait that another process began: it polls within an interval (H30)", () => {
      const begin = { interval: 5000, deadline: 120_000, mayHaveMissedPing: true }
      const [state] = Wait.start<string, string>(terms({ delivery: "ping" }), begin, 0)
      expect(Wait.wakeAt(state)).toBe(5000)
    })
  })

  describe("a fault (H21)", () => {
    const after = (met: Answer, at: number) => Wait.wakeAt(play(start(), due(5000), send(5000), answer(met, at))[0])

    it("counts the time of a poll that timed out as part of the back-off, and no other", () => {
      expect(after({ ...reset, timedOut: true }, 8000)).toBe(10_000)
      expect(after({ ...reset, timedOut: true }, 45_000)).toBe(45_000)
      expect(after(reset, 8000)).toBe(13_000)
    })

    it("backs off no longer than the limit, or the interval where that is longer", () => {
      const faults = [5000, 11_000, 22_000, 43_000].flatMap((at) => poll(at, unreachable))
      expect(Wait.wakeAt(play(start({}, 600_000), ...faults)[0])).toBe(74_000)
      const slow = Wait.start<string, string>(terms(), { interval: 40_000, deadline: 600_000 }, 0)
      expect(Wait.wakeAt(play(slow, ...poll(40_000, unreachable), ...poll(81_000, unreachable))[0])).toBe(122_000)
    })

    it("is followed by a poll an interval after the one before at the earliest, also just before the deadline", () => {
      const last = (met: Answer, at: number, lifetime: number) =>
        Wait.wakeAt(play(start({ delivery: "ping" }, lifetime), ping(5000), due(5000), send(5000), answer(met, at))[0])
      expect(last({ ...reset, timedOut: true }, 8000, 10_050)).toBe(10_000)
      expect(last(unreachable, 6000, 11_050)).toBe(11_000)
      expect(after({ ...unreachable, retryAfter: 2000 }, 6000)).toBe(11_000)
      expect(after({ ...unreachable, retryAfter: 9000 }, 6000)).toBe(15_000)
    })

    it("is forgotten after a response that shows that the auth_req_id is alive", () => {
      const [state] = play(start(), ...poll(5000, reset), ...poll(11_000, pending))
      expect(state).toMatchObject({ faults: 0, lastFault: undefined, lost: undefined, polls: 2 })
    })
  })

  it("a poll that is sent again with another nonce is the same poll (H27)", () => {
    const [state, commands] = play(inFlight(start()), send(5500))
    expect(state).toMatchObject({ polls: 1, phase: { sentAt: 5500 } })
    expect(commands).toEqual([])
  })

  describe("an interruption (H25, H34)", () => {
    it("aborts a poll that is made, which is due again at once", () => {
      const [state, commands] = play(startSaving(), store(5000), interrupt(6000))
      expect(commands).toEqual([abort])
      expect(state).toMatchObject({ lost: undefined, polls: 0 })
      expect(Wait.wakeAt(state)).toBe(6000)
    })

    it("aborts a poll in flight, whose response is lost, and the next one keeps the interval", () => {
      const [state, commands] = play(inFlight(start()), interrupt(6000))
      expect(commands).toEqual([abort])
      expect(state.lost).toBe("interrupted")
      expect(Wait.wakeAt(state)).toBe(11_000)
    })

    it("leaves the response that was lost before", () => {
      const [state] = play(start(), ...poll(5000, reset), due(11_000), send(11_000), interrupt(12_000))
      expect(state.lost).toBe("reset")
    })

    it("aborts a verification, which is due again at once or when it was", () => {
      const [state, commands] = play(startVerification(), interrupt(7000))
      expect(commands).toEqual([abort])
      expect(Wait.wakeAt(state)).toBe(7000)
      expect(play([state, []], due(7000))).toMatchObject([{ phase: { retryAt: undefined } }, [verify]])
      expect(
        Wait.wakeAt(play(startVerification(), [{ _tag: "Doubted", retryAfter: 9000 }, 7000], interrupt(8000))[0])
      ).toBe(16_000)
    })
  })

  describe("a cancellation", () => {
    it("ends a wait that sleeps, and one that can be resumed", () => {
      expect(play(start(), cancel(1000))[1]).toEqual([complete("Cancelled")])
      expect(play(refuse(false), cancel(7000))[1]).toEqual([complete("Cancelled")])
    })

    it("aborts a poll that is made", () => {
      expect(play(make(start()), cancel(5100))[1]).toEqual([abort, complete("Cancelled")])
    })

    it("is stored, also instead of what is being stored", () => {
      expect(play(startSaving(), cancel(5100))).toMatchObject([{ phase: { next: { outcome: "Cancelled" } } }, [save]])
      const cancelling = play(start({ isStored: true }), store(0), cancel(1000))
      expect(cancelling[1]).toEqual([save])
      expect(play(cancelling, cancel(1100))[1]).toEqual([])
    })
  })

  describe("a push (K21)", () => {
    const push = (answer: Extract<Event, { _tag: "Pushed" }>["answer"]): Given => [{ _tag: "Pushed", answer }, 3000]

    it("brings tokens, which are verified, or an error, which ends the wait", () => {
      expect(play(start({ delivery: "push" }), push(tokens))[1]).toEqual([verify])
      expect(play(start({ delivery: "push" }), push({ _tag: "Refused", isFinal: true }))[1]).toEqual([
        complete("Refused")
      ])
    })

    it("is stored before it is verified", () => {
      expect(play(start({ delivery: "push", isStored: true }), push(tokens))[1]).toEqual([save])
    })
  })

  describe("a verification in doubt (H32)", () => {
    const doubt = (retryAfter: number, at: number): Given => [{ _tag: "Doubted", retryAfter }, at]
    const unavailable = (at: number): Given => [{ _tag: "KeysUnavailable" }, at]

    it("is tried again after delays that double up to the limit, while no keys can be fetched", () => {
      const delays: Array<number> = []
      let [state] = play(start({}, 600_000), ...poll(5000, tokens))
      for (let now = 6000; delays.length < 7; now = Wait.wakeAt(state) ?? 0) {
        ;[state] = play([state, []], due(now), unavailable(now))
        delays.push((Wait.wakeAt(state) ?? 0) - now)
      }
      expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    })

    it("lasts for two minutes while no keys can be fetched, also beyond the deadline, and longer before it", () => {
      const begin = play(start({}, 14_000), ...poll(5000, tokens), unavailable(6000), due(7000))
      expect(play(begin, unavailable(125_999))[1]).toEqual([])
      expect(play(begin, unavailable(126_000))[1]).toEqual([complete("KeysUnavailable")])
      const long = play(start({}, 600_000), ...poll(5000, tokens), unavailable(6000), due(7000))
      expect(play(long, unavailable(599_999))[1]).toEqual([])
      expect(play(long, unavailable(600_000))[1]).toEqual([complete("KeysUnavailable")])
    })

    it("is tried for the last time at its limit", () => {
      expect(Wait.wakeAt(play(startVerification(), doubt(900_000, 6000))[0])).toBe(126_000)
    })

    it("that met wrong keys first is rejected two minutes later, and not for want of keys", () => {
      const begin = play(start({}, 600_000), ...poll(5000, tokens), doubt(1000, 6000), due(7000))
      expect(play(begin, unavailable(126_000))[1]).toEqual([])
      const rejected = play(begin, doubt(1000, 126_000))
      expect(rejected[1]).toEqual([complete("Rejected")])
      expect(play(rejected, [{ _tag: "Resumed" }, 127_000])[1]).toEqual([])
    })
  })
})
