import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Ref } from "effect"
import * as Slots from "../../src/internal/Slots.ts"

describe("slots", () => {
  it("are given out as far as there are some, and each once", () => {
    const slots = Slots.make(2)
    const started: Array<number> = []
    const turns = [1, 2, 3, 4].map((name) => Slots.makeTurn(() => void started.push(name)))
    for (const turn of turns) slots.take(turn)
    expect(started).toEqual([1, 2])
    expect(turns.map(({ hasSlot }) => hasSlot)).toEqual([true, true, false, false])
    for (const turn of turns.slice(0, 1)) {
      slots.leave(turn)
      slots.leave(turn)
    }
    expect(started).toEqual([1, 2, 3])
  })

  it("do not start one turn within another one that leaves as it starts", () => {
    const slots = Slots.make(1)
    const log: Array<string> = []
    const makeTurn = (name: string) => {
      const turn = Slots.makeTurn(() => {
        log.push(`${name} starts`)
        slots.leave(turn)
        log.push(`${name} has left`)
      })
      return turn
    }
    const first = Slots.makeTurn()
    slots.take(first)
    for (const name of ["second", "third"]) slots.take(makeTurn(name))
    slots.leave(first)
    expect(log).toEqual(["second starts", "second has left", "third starts", "third has left"])
  })

  it.effect("are handed on in the order of arrival, past those that were interrupted", () =>
    Effect.gen(function* () {
      const inSlot = Slots.make(1).run
      const done = yield* Ref.make<ReadonlyArray<number>>([])
      const gate = yield* Deferred.make<void>()
      const run = (name: number) =>
        inSlot(
          Effect.andThen(
            Deferred.await(gate),
            Ref.update(done, (all) => [...all, name])
          )
        )
      const fibers = yield* Effect.forEach([1, 2, 3, 4], (name) =>
        Effect.forkChild(run(name), { startImmediately: true })
      )
      const [, second] = fibers
      if (second !== undefined) yield* Fiber.interrupt(second)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.awaitAll(fibers)
      expect(yield* Ref.get(done)).toEqual([1, 3, 4])
    })
  )

  it.effect("come back from what fails, dies or is interrupted while it runs", () =>
    Effect.gen(function* () {
      const inSlot = Slots.make(1).run
      yield* Effect.ignore(inSlot(Effect.fail("no")))
      yield* Effect.exit(inSlot(Effect.die("never")))
      const running = yield* Effect.forkChild(inSlot(Effect.never), { startImmediately: true })
      const waiting = yield* Effect.forkChild(inSlot(Effect.succeed("in")), { startImmediately: true })
      yield* Fiber.interrupt(running)
      expect(yield* Fiber.join(waiting)).toBe("in")
      expect(yield* inSlot(Effect.succeed("again"))).toBe("again")
    })
  )

  it.effect("are not lost when the next one is interrupted as its turn comes", () =>
    Effect.gen(function* () {
      const inSlot = Slots.make(1).run
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(inSlot(Deferred.await(gate)), { startImmediately: true })
      const second = yield* Effect.forkChild(inSlot(Effect.never), { startImmediately: true })
      const third = yield* Effect.forkChild(inSlot(Effect.succeed("in")), { startImmediately: true })
      yield* Effect.forkChild(Fiber.interrupt(second))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(first)
      expect(yield* Fiber.join(third)).toBe("in")
    })
  )

  it.effect("let a hundred thousand run one after the other that never wait", () =>
    Effect.gen(function* () {
      const inSlot = Slots.make(1).run
      let runs = 0
      yield* Effect.forEach(Array.from({ length: 100_000 }), () => inSlot(Effect.sync(() => void runs++)), {
        concurrency: "unbounded",
        discard: true
      })
      expect(runs).toBe(100_000)
    })
  )
})
