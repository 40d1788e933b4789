import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as PollMemory from "../../src/wait/PollMemory.ts"
import { pending } from "../support/PendingAuthentications.ts"

const redeemed = {
  interval: Duration.seconds(5),
  nextAt: 5000,
  deadline: 120_000,
  lostResponse: undefined,
  pinged: false,
  redeemed: true,
  response: undefined
}

/** How many of `count` waits are known to be redeemed. */
const countRedeemed = Effect.fnUntraced(function* (memory: PollMemory.PollMemory, count: number) {
  const all = yield* Effect.forEach(Array.from({ length: count }), (_, index) => memory.load(pending(`${index}`)))
  return all.filter((progress) => progress.redeemed).length
})

describe("PollMemory", () => {
  it.effect("retains progress until the request expires, and does not grow with expired requests (H19)", () =>
    Effect.gen(function* () {
      const memory = yield* PollMemory.make
      for (let index = 0; index < 2000; index += 1) yield* memory.save(pending(`${index}`), redeemed)
      yield* TestClock.adjust("119 seconds")
      yield* memory.save(pending("another"), { ...redeemed, deadline: 240_000 })
      expect(yield* countRedeemed(memory, 2000)).toBe(2000)
      yield* TestClock.adjust("1 second")
      for (let index = 2000; index < 4000; index += 1) {
        yield* memory.save(pending(`${index}`), { ...redeemed, deadline: 240_000 })
      }
      expect(yield* countRedeemed(memory, 2000)).toBe(0)
      expect(yield* countRedeemed(memory, 4000)).toBe(2000)
    })
  )
})
