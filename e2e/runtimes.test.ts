// The same suite on every runtime: each runs it from start to end, and each of its tests is a test here.
import { Effect, Result } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { findException } from "./runtimes/Exceptions.ts"
import { binaryOf, runtimes } from "./runtimes/Runtime.ts"
import * as Servers from "./runtimes/Servers.ts"
import { cases, type Report } from "./runtimes/Suite.ts"

const outcomes = new Map<string, Result.Result<ReadonlyArray<Report>, unknown>>()

beforeAll(async () => {
  const runAll = Effect.gen(function* () {
    const worlds = yield* Servers.start(runtimes.map((_, index) => `runtime-${index}`))
    yield* Effect.forEach(
      worlds,
      Effect.fnUntraced(function* (world, index) {
        const runtime = runtimes[index]
        if (runtime === undefined) return
        const run = Effect.tryPromise({ try: () => runtime.run(binaryOf(runtime), world), catch: (error) => error })
        outcomes.set(runtime.name, yield* Effect.result(run))
      }),
      { concurrency: "unbounded" }
    )
  })
  await Effect.runPromise(Effect.scoped(runAll))
}, 180_000)

describe.each(runtimes.map(({ name }) => name))("on %s", (name) => {
  for (const { title } of cases) {
    const exception = findException(name, title)
    it(exception === undefined ? `on ${name}, ${title}` : `on ${name}, known to fail: ${title}`, () => {
      const reports = Result.getOrThrow(outcomes.get(name) ?? Result.fail(new Error("has not run")))
      const report = reports.find((report) => report.title === title)
      if (exception === undefined) expect(report).toEqual({ title })
      else expect(report, "passes now: remove it from Exceptions.ts").toHaveProperty("failure")
    })
  }
})
