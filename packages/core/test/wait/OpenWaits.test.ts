// Which authentications are published and counted: those that this process has opened, until they are completed.
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Step } from "../../src/wait/CibaEvent.ts"
import * as CibaEvents from "../../src/wait/CibaEvents.ts"
import { metricValues, withOwnMetrics } from "../support/Telemetry.ts"

const id = "one"

/** All that can happen to an authentication. */
const publishAll = Effect.fnUntraced(function* (service: CibaEvents.Service) {
  const context = yield* Effect.context<never>()
  service.publish(id, () => Step.Pinged({ id }), context)
  service.publishPoll(id, context)
  service.publishFault({ id, kind: "Unreachable", status: undefined }, context)
  yield* service.complete(id, "approved")
})

describe("an authentication", () => {
  it.effect("is published and counted from when it is opened until it is completed, and neither before nor after", () =>
    withOwnMetrics(
      Effect.gen(function* () {
        const service = yield* CibaEvents.make
        const tags: Array<string> = []
        yield* Effect.forkChild(
          Stream.runForEach(service.events, ({ _tag }) => Effect.sync(() => void tags.push(_tag)))
        )
        yield* Effect.yieldNow
        yield* publishAll(service)
        expect([tags, yield* metricValues]).toEqual([[], {}])
        yield* service.open(Step.Resumed({ id, expiresAt: DateTime.makeUnsafe(60_000) }))
        expect(service.isOpen(id)).toBe(true)
        yield* TestClock.adjust("3 seconds")
        yield* publishAll(service)
        expect(service.isOpen(id)).toBe(false)
        yield* publishAll(service)
        yield* Effect.yieldNow
        expect(tags).toEqual(["Resumed", "Pinged", "Polled", "PollFailed", "Completed"])
        expect(yield* metricValues).toEqual({
          "ciba.client.decisions {authentication} ciba.outcome=approved": 1,
          "ciba.client.decision.duration s ciba.outcome=approved": [1, 3],
          "ciba.client.decision.polls {poll} ciba.outcome=approved": [1, 1],
          "ciba.client.faults {fault} error.type=Unreachable": 1
        })
      })
    )
  )

  it.effect(
    "of which nothing is heard is open until ten minutes after its expiry, and then removed among a thousand",
    () =>
      Effect.gen(function* () {
        const { isOpen, open } = yield* CibaEvents.make
        yield* TestClock.adjust("1 hour")
        const openUntil = (name: string, expiresAt: number) =>
          open(Step.Resumed({ id: name, expiresAt: DateTime.makeUnsafe(expiresAt) }))
        const openOthers = (kind: string, count: number) =>
          Effect.forEach(Array.from({ length: count }), (_, index) => openUntil(`${kind} ${index}`, 9_000_000))
        yield* openUntil(id, 3_660_000)
        yield* TestClock.adjust("11 minutes")
        yield* openOthers("before", 1001)
        expect(isOpen(id)).toBe(true)
        yield* TestClock.adjust("1 millis")
        yield* openOthers("after", 2001)
        expect(isOpen(id)).toBe(false)
        expect(isOpen("before 0")).toBe(true)
      })
  )
})
