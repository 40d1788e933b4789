import { describe, expect, it } from "vitest"
import * as Wait from "../../src/wait/Wait.ts"
import {
  answer,
  complete,
  due,
  inFlight,
  make,
  pending,
  ping,
  play,
  poll,
  refuse,
  reset,
  send,
  start,
  startSaving,
  startVerification,
  store,
  type Transition,
  terms,
  unreachable,
  verify
} from "../support/PlayedWait.ts"

describe("Wait", () => {
  describe("what is stored", () => {
    const phaseOf = ([state]: Transition) => Wait.snapshot(state)

    it("is the sleep, with the instants of the next poll", () => {
      expect(phaseOf(start({ delivery: "ping", isStored: true }))).toEqual({
        version: 1,
        deadline: 120_000,
        interval: 5000,
        polls: 0,
        faults: 0,
        lastFault: undefined,
        lost: undefined,
        ping: "awaited",
        phase: { _tag: "Sleeping", wakeAt: 30_000, floor: 0 }
      })
    })

    it("is a poll, whose response counts as lost, from before it is made until its outcome is handled (H34)", () => {
      const lost = { lost: "interrupted", phase: { _tag: "Polling" } }
      expect(phaseOf(startSaving())).toMatchObject(lost)
      expect(phaseOf(make(start()))).toMatchObject(lost)
      expect(phaseOf(inFlight(start()))).toMatchObject(lost)
      const again = play(start(), ...poll(5000, reset), due(11_000))
      expect(phaseOf(again)).toMatchObject({ lost: "reset", phase: { _tag: "Polling" } })
      expect(phaseOf(refuse(true))).toMatchObject({ lost: undefined, phase: { _tag: "Polling" } })
    })

    it("is a response, without the instant at which it is verified again", () => {
      const { phase } = phaseOf(play(startVerification(), [{ _tag: "Doubted", retryAfter: 0 }, 6000]))
      expect(phase).toEqual({ _tag: "Verifying", response: "tokens", since: 6000, doubtedSince: 6000, tries: 1 })
    })

    it("is what a wait that can be resumed goes on with, also while that is being stored", () => {
      expect(phaseOf(refuse(false)).phase).toEqual({ _tag: "Sleeping", wakeAt: 11_000, floor: 11_000 })
      const stored = play(start({ isStored: true }), store(0), due(5000), store(5000), send(5000))
      expect(phaseOf(play(stored, answer({ _tag: "Refused", isFinal: false }, 6000))).phase).toEqual({
        _tag: "Sleeping",
        wakeAt: 11_000,
        floor: 11_000
      })
    })
  })

  describe("a restart (H30)", () => {
    const restart = (from: Transition, at: number) => Wait.restore(from[0].terms, Wait.snapshot(from[0]), at)

    it("sleeps until the poll that was planned, or for an interval if a ping may have been missed", () => {
      expect(Wait.wakeAt(restart(start(), 1000)[0])).toBe(5000)
      expect(Wait.wakeAt(restart(start({ delivery: "ping" }), 1000)[0])).toBe(6000)
      expect(Wait.wakeAt(restart(start({ delivery: "ping" }), 28_000)[0])).toBe(30_000)
      const asked = play(start({ delivery: "ping" }), ...poll(30_000, { _tag: "SlowDown" }))
      expect(Wait.wakeAt(restart(asked, 31_500)[0])).toBe(41_500)
      const delayed = play(start({ delivery: "ping" }), ...poll(30_000, { ...pending, retryAfter: 20_000 }))
      expect(Wait.wakeAt(restart(delayed, 31_500)[0])).toBe(51_000)
    })

    it("keeps the back-off (H21)", () => {
      const faults = [5000, 11_000, 22_000].flatMap((at) => poll(at, unreachable))
      expect(Wait.wakeAt(restart(play(start(), ...faults), 23_500)[0])).toBe(43_000)
    })

    it("with another delivery mode awaits no ping, and polls for no push (H24)", () => {
      const [polling] = Wait.restore(terms(), Wait.snapshot(start({ delivery: "ping" })[0]), 1000)
      expect(polling.ping).toBe("none")
      const over = play(start({ delivery: "push" }), [
        { _tag: "Pushed", answer: { _tag: "Refused", isFinal: true } },
        1000
      ])
      expect(Wait.wakeAt(restart(over, 2000)[0])).toBe(120_000)
    })

    it("polls at once for a ping that was stored, and awaits none after the poll that it led to", () => {
      const received = play(start({ delivery: "ping" }), ...poll(30_000, { _tag: "SlowDown" }), ping(32_000))
      expect(restart(received, 33_000)[0]).toMatchObject({ ping: "received", phase: { wakeAt: 41_000 } })
      const polling = play(start({ delivery: "ping" }), ping(7000), due(7000))
      expect(restart(polling, 8000)[0].ping).toBe("none")
      expect(restart(play(start({ delivery: "ping" }), due(30_000)), 31_000)[0].ping).toBe("awaited")
    })

    it("keeps the interval after a poll in flight, also before the deadline", () => {
      expect(restart(inFlight(start()), 7000)).toMatchObject([
        { lost: "interrupted", phase: { wakeAt: 12_000, floor: 12_000 } },
        []
      ])
      expect(restart(inFlight(start({}, 14_000)), 9000)[1]).toEqual([complete("Unknown")])
    })

    it("awaits a push until the deadline, and verifies a response that has arrived", () => {
      const [state, commands] = restart(start({ delivery: "push" }), 1000)
      expect(commands).toEqual([])
      expect(Wait.wakeAt(state)).toBe(120_000)
      expect(restart(startVerification(), 7000)).toMatchObject([{ phase: { _tag: "Verifying" } }, [verify]])
    })
  })
})
