// The heap of one side's waits in a process of their own. Arguments: the side, how many waits, their interval in seconds, and
// after how many polls of each to look. Prints the bytes for each wait; `polls0` is before the first poll.
import { setTimeout } from "node:timers/promises"
import * as Contender from "./Contender.ts"
import * as Provider from "./Provider.ts"

const [side, ...numbers] = process.argv.slice(2)
const [count = 0, interval = 0, ...looks] = numbers.map(Number)
const provider = await Provider.make({ pending: Number.POSITIVE_INFINITY, interval })
const contender = await Contender.make(side === "own" ? "own" : "peer", provider, "secret")

const heapUsed = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const startAll = (waits: number): Promise<void> =>
  new Promise((resolve) => {
    let started = 0
    contender.start(waits, () => {
      started += 1
      if (started === waits) resolve()
    })
  })

// A few waits first, so that the code is compiled and the tables of the process have grown.
await startAll(1000)
await setTimeout(Math.min(interval, 1) * 1000 + 500)
const before = heapUsed()
const began = performance.now()
await startAll(count)
const heap: Record<string, number> = {}
for (const polls of looks) {
  const at = began + (polls === 0 ? 1000 : (polls + 0.5) * interval * 1000)
  await setTimeout(Math.max(500, at - performance.now()))
  heap[`polls${polls}`] = (heapUsed() - before) / count
}
console.log(JSON.stringify(heap))
process.exit()
