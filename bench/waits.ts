// One side's waits in a process of their own. Arguments: the side, how many waits, their interval in seconds, for how long to
// measure in seconds; none for starting them alone. Prints what starting them took, and of the time after: CPU and lateness of polls.
import { setTimeout } from "node:timers/promises"
import * as Contender from "./Contender.ts"
import * as Provider from "./Provider.ts"
import { percentile } from "./Statistics.ts"

const [side, ...numbers] = process.argv.slice(2)
const [count = 0, interval = 0, seconds = 0] = numbers.map(Number)
const provider = await Provider.make({ pending: Number.POSITIVE_INFINITY, interval, isTimed: true })
const contender = await Contender.make(side === "own" ? "own" : "peer", provider, "secret")

const startAll = (waits: number): Promise<number> =>
  new Promise((resolve) => {
    const began = performance.now()
    let started = 0
    contender.start(waits, () => {
      started += 1
      if (started === waits) resolve((performance.now() - began) / 1000)
    })
  })

const startSeconds = await startAll(count)
if (seconds > 0) await setTimeout(interval * 1000 + 1000)
provider.takeLateness()
const [polls, cpu] = [provider.polls(), process.cpuUsage()]
await setTimeout(seconds * 1000)
const { system, user } = process.cpuUsage(cpu)
const lateness = provider.takeLateness()
console.log(
  JSON.stringify({
    startSeconds,
    startMicros: (startSeconds * 1e6) / count,
    cpuOfPoll: (system + user) / (provider.polls() - polls),
    p50: percentile(lateness, 0.5),
    p99: percentile(lateness, 0.99),
    early: lateness.filter((late) => late < 0).length
  })
)
process.exit()
