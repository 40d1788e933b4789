// A hundred thousand malformed inputs for each place that reads foreign input: each has a typed result, and memory stays flat.
//
// Each place has a process of its own, so that its memory is measured alone. FUZZ_CASES is the number of inputs, FUZZ_SEED their seed.
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { Console, Effect } from "effect"
import * as Fuzz from "../packages/core/test/support/Fuzz.ts"
import { entryPoints } from "../packages/core/test/support/FuzzedEntryPoints.ts"

const cases = Number(process.env.FUZZ_CASES ?? 100_000)

const seed = Number(process.env.FUZZ_SEED ?? 1)

/** The allowed growth of the heap after the first tenth, in MB. */
const allowance = 20

/** The used heap after garbage collection, in MB. */
const measureHeap = (): number => {
  if (globalThis.gc === undefined) return Number.NaN
  globalThis.gc()
  return process.memoryUsage().heapUsed / 1_000_000
}

const fuzz = Effect.fnUntraced(function* (place: (typeof entryPoints)[number]) {
  const started = performance.now()
  const heap: Array<number> = []
  const { missing, outcomes, problems } = yield* Fuzz.run(place, {
    seed,
    cases,
    onCase: (count) => {
      if (count === Math.ceil(cases / 10) || count === cases) heap.push(measureHeap())
    }
  })
  const [first = Number.NaN, last = first] = heap
  const wrong = [
    ...problems,
    ...missing.map((outcome) => `${place.name}: no case came to ${outcome}`),
    ...(last - first < allowance ? [] : [`${place.name}: memory grew from ${first} to ${last} MB`])
  ]
  const seconds = Math.round((performance.now() - started) / 1000)
  yield* Console.log(
    [
      `${place.name}: ${cases} cases from seed ${seed} on in ${seconds} s, ${outcomes.size} outcomes, heap ${first.toFixed(1)} MB, then ${last.toFixed(1)} MB`,
      ...[...outcomes].sort(([, one], [, other]) => other - one).map(([outcome, count]) => `  ${count} ${outcome}`),
      ...wrong
    ].join("\n")
  )
  return wrong.length === 0
})

/** Runs one place in a process of its own. */
const apart = ({ name }: (typeof entryPoints)[number]) =>
  Effect.callback<boolean>((resume) => {
    const child = spawn(process.execPath, ["--expose-gc", import.meta.filename, name], { stdio: "inherit" })
    child.once("exit", (code) => resume(Effect.succeed(code === 0)))
  })

const wanted = entryPoints.find(({ name }) => name === process.argv[2])

const passed = await Effect.runPromise(
  wanted === undefined
    ? Effect.map(Effect.forEach(entryPoints, apart, { concurrency: availableParallelism() }), (all) =>
        all.every(Boolean)
      )
    : fuzz(wanted)
)
process.exitCode = passed ? 0 : 1
