import { expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import * as DatabaseOutage from "../../src/internal/DatabaseOutage.ts"

const broken = Effect.fail(new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause: "planted" }) }))

it.effect("an outage is reported once, also if statements succeed between those that fail", () => {
  const levels: Array<string> = []
  const logger = Logger.layer([Logger.make(({ logLevel }) => void levels.push(logLevel))])
  return Effect.gen(function* () {
    const outage = DatabaseOutage.make()
    const fail = Effect.ignore(outage.claim(() => broken))
    const succeed = outage.claim(() => Effect.succeed([]))
    yield* outage.assume
    yield* fail
    yield* succeed
    yield* TestClock.adjust("4 seconds")
    yield* fail
    expect(levels).toEqual(["Warn"])
    yield* succeed
    yield* TestClock.adjust("5 seconds")
    yield* fail
    expect(levels).toEqual(["Warn", "Warn"])
  }).pipe(Effect.provide(logger))
})
