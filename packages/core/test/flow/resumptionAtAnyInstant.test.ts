// A process ends at any instant, and another one resumes its authentications from the store.
import { describe, expect, it } from "@effect/vitest"
import { Ciba } from "@effect-ciba/core"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import {
  client,
  killProcess,
  recordDecisions,
  request,
  sharedServices,
  startProcess,
  storedAuthentications
} from "../support/ProcessRestarts.ts"
import * as SeededRandom from "../support/SeededRandom.ts"

const { delay, html, pending, reset, slowDown, status } = ProviderScript

/** Authenticates in one process until it is killed, and resumes in another one. */
const restart = Effect.fnUntraced(function* (killAt: number, down: number) {
  const { handle, outcomes } = recordDecisions()
  const provider = yield* TestProvider.TestProvider
  const start = yield* Clock.currentTimeMillis
  const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
  yield* TestClock.adjust(killAt)
  yield* killProcess(first)
  const before = (yield* requestsTo("token")).length
  const cut = (yield* provider.aborted) > 0
  const second = yield* startProcess(Effect.delay(Ciba.resumeAll(handle), down), client())
  yield* TestClock.adjust("15 minutes")
  yield* Fiber.join(second)
  const requests = yield* requestsTo("token")
  return {
    outcomes,
    before,
    cut,
    polls: requests.map(({ at }) => at - start),
    slowDowns: requests.map(({ error }) => (error === "slow_down" ? 1 : 0)),
    overlapping: (yield* provider.inFlightMax) > 1,
    left: (yield* storedAuthentications).length
  }
})

/** The least delay after each poll: five seconds, and five more for each slow_down so far. */
const leastGaps = (slowDowns: ReadonlyArray<number>) =>
  slowDowns.map((_, index) => 5000 + 5000 * slowDowns.slice(0, index + 1).reduce((sum, one) => sum + one, 0))

describe("a process that is killed", () => {
  const answers = [
    pending,
    slowDown(),
    reset,
    html(502),
    status(503),
    status(429, { retryAfter: "9" }),
    delay("2 seconds", pending),
    delay("12 seconds", pending),
    delay("3 seconds", slowDown())
  ] as const

  for (const seed of [1, 2, 3]) {
    it.effect(
      `at any instant is followed by one that polls no earlier than it would have, seed ${seed} (H2, H3, H25, T-1, T-3)`,
      () =>
        Effect.gen(function* () {
          const chance = SeededRandom.make(seed)
          const schedule = Array.from({ length: 5 }, () => SeededRandom.oneOf(chance, answers))
          const alive = (killAt: number, down: number) =>
            restart(killAt, down).pipe(
              sharedServices({
                user: TestUser.approve(),
                expiresIn: "20 minutes",
                pacing: "off",
                tokenScript: ProviderScript.make(schedule)
              })
            )
          const baseline = (yield* alive(900_000, 1)).polls
          for (let killAt = 0; killAt <= 60_000; killAt += 500) {
            const down = SeededRandom.oneOf(chance, [1, 500, 20_000])
            const scenario = `killed at ${killAt} ms, down for ${down} ms, after ${baseline}`
            const run = yield* alive(killAt, down)
            const least = leastGaps(run.slowDowns)
            const gaps = run.polls.slice(1).map((at, index) => at - (run.polls[index] ?? 0))
            const early = gaps.filter((gap, index) => gap < (least[index] ?? 0))
            expect(early, `${scenario}: ${run.polls}`).toEqual([])
            const next = run.polls[run.before] ?? Number.POSITIVE_INFINITY
            const notBefore = run.cut ? killAt + down + 5000 : (baseline[run.before] ?? 0)
            expect(next, scenario).toBeGreaterThanOrEqual(notBefore)
            expect({ outcomes: run.outcomes, overlapping: run.overlapping, left: run.left }, scenario).toEqual({
              outcomes: ["jo"],
              overlapping: false,
              left: 0
            })
          }
        })
    )
  }
})
