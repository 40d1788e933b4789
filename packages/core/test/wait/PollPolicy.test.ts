import { describe, expect, it } from "@effect/vitest"
import { PollPolicy } from "@effect-ciba/core"
import { Duration, Effect, Exit, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"

const seconds = (least: number, most: number) => Schema.Int.check(Schema.isBetween({ minimum: least, maximum: most }))

/** The result of a poll: its kind, how long it took, the Retry-After in seconds (0: none). */
const Event = Schema.Struct({
  kind: Schema.Literals(["Pending", "SlowDown", "Fault", "TimedOut"]),
  took: seconds(0, 90),
  retryAfter: seconds(0, 60)
})

const Wait = Schema.Struct({
  interval: seconds(1, 60),
  lifetime: seconds(1, 3600),
  events: Schema.Array(Event)
})

interface Sent {
  readonly at: number
  readonly respondedAt: number
  readonly event: typeof Event.Type
  readonly interval: number
}

const makeResult = ({ kind, retryAfter }: typeof Event.Type, sentAt: number): PollPolicy.PollResult => ({
  _tag: kind === "TimedOut" ? "Fault" : kind,
  sentAt,
  timedOut: kind === "TimedOut",
  ...(retryAfter === 0 ? undefined : { retryAfter: Duration.seconds(retryAfter) })
})

/** Applies the policy to the events; returns the polls. One more may follow the last event. */
const play = ({ events, interval, lifetime }: typeof Wait.Type) => {
  const sent: Array<Sent> = []
  const deadline = lifetime * 1000
  let decision = PollPolicy.start({ interval: Duration.seconds(interval), deadline, faults: 0 }, 0)
  for (const event of events) {
    if (decision._tag !== "Poll") break
    const { at, state } = decision
    const respondedAt = at + event.took * 1000
    sent.push({ at, respondedAt, event, interval: Duration.toMillis(state.interval) })
    decision = PollPolicy.step(state, makeResult(event, at), respondedAt)
  }
  const polls = decision._tag === "Poll" ? [...sent.map(({ at }) => at), decision.at] : sent.map(({ at }) => at)
  return { sent, polls, deadline, decision }
}

describe("PollPolicy", () => {
  it.prop("never sends two polls closer than the interval (H2)", [Wait], ([wait]) => {
    const { polls, sent } = play(wait)
    for (const [index, { at, interval }] of sent.entries()) {
      const next = polls[index + 1]
      if (next !== undefined) expect(next - at).toBeGreaterThanOrEqual(interval)
    }
  })

  it.prop("never sends a poll before the response to the last one (H3)", [Wait], ([wait]) => {
    const { polls, sent } = play(wait)
    for (const [index, { respondedAt }] of sent.entries()) {
      const next = polls[index + 1]
      if (next !== undefined) expect(next).toBeGreaterThanOrEqual(respondedAt)
    }
  })

  it.prop("sends no poll at or after the deadline (H18)", [Wait], ([wait]) => {
    const { deadline, polls } = play(wait)
    for (const at of polls) expect(at).toBeLessThan(deadline)
  })

  it.prop("adds five seconds to the interval for each slow_down (H11, T-3)", [Wait], ([wait]) => {
    const { sent } = play(wait)
    for (const [index, { interval }] of sent.entries()) {
      const slowDowns = sent.slice(0, index).filter(({ event }) => event.kind === "SlowDown").length
      expect(interval).toBe((wait.interval + 5 * slowDowns) * 1000)
    }
  })

  it.prop("waits as long as Retry-After says, or until just before the expiry (H9, H23)", [Wait], ([wait]) => {
    const { deadline, polls, sent } = play(wait)
    for (const [index, { respondedAt, event }] of sent.entries()) {
      const next = polls[index + 1]
      const asked = respondedAt + event.retryAfter * 1000
      if (next !== undefined) expect(next).toBeGreaterThanOrEqual(Math.min(asked, deadline - 2000))
    }
  })

  it.prop("ends a wait only when no poll is possible before the deadline (H18)", [Wait], ([wait]) => {
    const { deadline, decision, sent } = play(wait)
    const last = sent.at(-1)
    if (decision._tag === "Poll" || last === undefined) return
    const interval = last.interval + (last.event.kind === "SlowDown" ? 5000 : 0)
    expect(last.respondedAt + interval).toBeGreaterThanOrEqual(deadline)
  })

  const state = { interval: Duration.seconds(5), deadline: 600_000, faults: 0 }
  const next = (given: Partial<PollPolicy.PollResult>, now: number, faults = 0) => {
    const decision = PollPolicy.step({ ...state, faults }, { _tag: "Pending", sentAt: 0, ...given }, now)
    return decision._tag === "Poll" ? decision.at : decision._tag
  }

  it("polls at once after a poll that the provider held, and after a full interval otherwise (H6, H7, T-1)", () => {
    expect(next({}, 5000)).toBe(5000)
    expect(next({}, 4999)).toBe(9999)
  })

  it("doubles the delay up to thirty seconds for consecutive faults (H21)", () => {
    expect([0, 1, 2, 3, 9].map((faults) => next({ _tag: "Fault" }, 0, faults))).toEqual([
      5000, 10_000, 20_000, 30_000, 30_000
    ])
  })

  it("never backs off by less than an interval above thirty seconds (H2)", () => {
    const decision = PollPolicy.step({ ...state, interval: Duration.seconds(45) }, { _tag: "Fault", sentAt: 0 }, 0)
    expect(decision).toMatchObject({ _tag: "Poll", at: 45_000 })
  })

  it("counts the time of a poll that timed out (H8)", () => {
    expect(next({ _tag: "Fault", timedOut: true }, 35_000)).toBe(35_000)
    expect(next({ _tag: "Fault", timedOut: true }, 3000)).toBe(5000)
    expect(next({ _tag: "Fault" }, 3000)).toBe(8000)
  })

  it("ends the wait with Expired when no poll fits before the deadline (H18)", () => {
    expect(next({}, 600_000)).toBe("Expired")
  })

  it("resets the back-off with the next response (H21)", () => {
    const decision = PollPolicy.step({ ...state, faults: 4 }, { _tag: "Pending", sentAt: 0 }, 0)
    expect(decision).toMatchObject({ state: { faults: 0 } })
  })

  it.effect("repeats an effect as the policy decides, by its schedule", () =>
    Effect.gen(function* () {
      const at: Array<number> = []
      const poll = Effect.map(PollPolicy.monotonicNow, (sentAt): PollPolicy.PollResult => {
        at.push(sentAt)
        return { _tag: at.length === 2 ? "SlowDown" : "Pending", sentAt }
      })
      const fiber = yield* Effect.forkChild(
        Effect.repeat(poll, PollPolicy.schedule({ interval: Duration.seconds(5), deadline: 40_000, faults: 0 }))
      )
      yield* TestClock.adjust("1 minute")
      expect(at).toEqual([0, 5000, 15_000, 25_000, 38_500])
      expect(fiber.pollUnsafe()).toBeDefined()
    })
  )

  /** The instants of pending polls that a schedule repeats for a minute, and with what it ends. */
  const repeatFor = Effect.fnUntraced(function* (compose: PollPolicy.Compose, deadline = 600_000) {
    const at: Array<number> = []
    const pending = Effect.map(PollPolicy.monotonicNow, (sentAt): PollPolicy.PollResult => {
      at.push(sentAt)
      return { _tag: "Pending", sentAt }
    })
    const begin = { ...state, deadline }
    const fiber = yield* Effect.forkChild(Effect.repeat(pending, PollPolicy.schedule(begin, compose)))
    yield* TestClock.adjust("1 minute")
    const exit = fiber.pollUnsafe()
    return { at, end: exit !== undefined && Exit.isSuccess(exit) ? exit.value._tag : "running" }
  })

  it.effect("polls as seldom as the caller's schedule wants (H2)", () =>
    Effect.gen(function* () {
      expect(yield* repeatFor(() => Schedule.spaced("20 seconds"))).toEqual({
        at: [0, 20_000, 40_000, 60_000],
        end: "running"
      })
    })
  )

  it.effect("stops with the caller's schedule", () =>
    Effect.gen(function* () {
      expect(yield* repeatFor((policy) => Schedule.upTo(policy, { times: 2 }))).toEqual({
        at: [0, 5000, 10_000],
        end: "Stopped"
      })
    })
  )

  it.effect("shows the caller's schedule each poll that is planned, and none that would be too late (H18)", () =>
    Effect.gen(function* () {
      const shown: Array<readonly [PollPolicy.NextPoll, number]> = []
      const { end } = yield* repeatFor(
        Schedule.tap(({ duration, output }) =>
          Effect.sync(() => void shown.push([output, Duration.toMillis(duration)]))
        ),
        12_000
      )
      const planned = { ...state, deadline: 12_000 }
      expect(shown).toEqual([
        [{ _tag: "Poll", at: 5000, state: planned }, 5000],
        [{ _tag: "Poll", at: 11_300, state: planned }, 6300]
      ])
      expect(end).toBe("Expired")
    })
  )

  it.effect.prop(
    "never polls earlier than the policy decides, whatever schedule is composed (H2)",
    [seconds(0, 20), Wait],
    ([pace, wait]) =>
      Effect.gen(function* () {
        const begin = { interval: Duration.seconds(wait.interval), deadline: wait.lifetime * 1000, faults: 0 }
        const own = yield* Schedule.toStep(PollPolicy.schedule(begin))
        const slower = yield* Schedule.toStep(
          PollPolicy.schedule(begin, (policy) =>
            policy.pipe(Schedule.modifyDelay(() => Effect.succeed(Duration.seconds(pace))))
          )
        )
        for (const event of wait.events) {
          const now = yield* PollPolicy.monotonicNow
          const delayOf = (step: typeof own) =>
            Effect.map(Effect.exit(step(now, makeResult(event, now))), (exit) =>
              exit._tag === "Success" ? Duration.toMillis(exit.value[1]) : Number.POSITIVE_INFINITY
            )
          const [plain, composed] = [yield* delayOf(own), yield* delayOf(slower)]
          expect(composed).toBeGreaterThanOrEqual(plain)
          if (composed === Number.POSITIVE_INFINITY) break
          yield* TestClock.adjust(Duration.millis(composed))
        }
      })
  )
})
