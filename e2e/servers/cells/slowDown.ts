import { assert } from "@effect/vitest"
import { Ciba } from "@effect-ciba/core"
import { Effect, Fiber, Schedule } from "effect"
import * as Cell from "../Cell.ts"
import { type Exchange, RealServer } from "../RealServer.ts"
import { post } from "./methods.ts"

const isSlowDown = ({ body }: Exchange) => body.includes("slow_down")

/**
 * Two processes poll for one authentication, so that the provider finds them too fast by its own clock. Each waits five
 * seconds more after `slow_down`.
 */
const twoProcesses = Effect.gen(function* () {
  const server = yield* RealServer
  const client = yield* post("slow-down")
  yield* server.register(client.registration)
  const pending = yield* Effect.provide(Cell.initiate(), Cell.connect(server, client))
  const complete = Effect.suspend(() => Effect.provide(Ciba.complete(pending), Cell.connect(server, client)))
  const waits = yield* Effect.forkChild(Effect.raceFirst(complete, complete))
  const exchanges = Cell.exchangesOf(pending)
  yield* Effect.repeat(exchanges, {
    until: (all) => all.filter(isSlowDown).some((slow) => findNext(all, slow) !== undefined),
    schedule: Schedule.spaced("100 millis")
  })
  yield* server.approve(pending.authReqId)
  assert.strictEqual((yield* Fiber.join(waits)).subject, "jo")
  const all = yield* exchanges
  for (const slow of all.filter(isSlowDown)) {
    const next = findNext(all, slow)
    if (next !== undefined) assert.isAtLeast((next.at ?? 0) - (slow.at ?? 0), 5_900)
  }
  return "`slow_down` to one of them, and the tokens in the end"
})

/** The next poll of the same process. */
const findNext = (all: ReadonlyArray<Exchange>, slow: Exchange): Exchange | undefined =>
  all.slice(all.indexOf(slow) + 1).find(({ connection }) => connection === slow.connection)

export const cells: ReadonlyArray<Cell.Cell> = [
  {
    row: "slow_down of two processes that poll for one request",
    name: "each waits five seconds more",
    run: twoProcesses
  }
]
