// Many waits at once, each side in processes of its own, in turn: CPU and lateness of polls, starting, and heap.
import { measure as measureChild } from "../Child.ts"
import type { Figure } from "../Figure.ts"
import { compareSides, type Summary, summarize } from "../Statistics.ts"

type Measured = Readonly<Record<string, number>>

const pick = (all: ReadonlyArray<Measured>, name: string) => all.map((one) => one[name] ?? Number.NaN)

const measureSide = (side: string, ...args: ReadonlyArray<number>) =>
  measureChild("waits.ts", side, ...args.map(String))

const inTurn = async (rounds: number, ...args: ReadonlyArray<number>) => {
  const own: Array<Measured> = []
  const peer: Array<Measured> = []
  for (let round = 0; round < rounds; round++) {
    peer.push(await measureSide("peer", ...args))
    own.push(await measureSide("own", ...args))
  }
  return { own, peer }
}

const compare = (
  name: string,
  unit: string,
  of: string,
  { own, peer }: Awaited<ReturnType<typeof inTurn>>
): Figure => ({
  name,
  unit,
  own: summarize(pick(own, of)),
  peer: summarize(pick(peer, of)),
  value: compareSides(pick(own, of), pick(peer, of))
})

const onlyOwn = (name: string, unit: string, own: ReadonlyArray<number>): Figure => ({
  name,
  unit,
  own: summarize(own),
  value: summarize(own)
})

/** Polls of many waits: 5,000 a second at most. */
const measurePolls = async (): Promise<ReadonlyArray<Figure>> => {
  const few = await inTurn(2, 5000, 1, 8)
  const many = await inTurn(1, 20_000, 5, 10)
  return [
    compare("pending poll of 5,000 waits", "µs CPU", "cpuOfPoll", few),
    compare("pending poll of 20,000 waits", "µs CPU", "cpuOfPoll", many),
    compare("lateness of 20,000 waits, p50", "ms", "p50", many),
    compare("lateness of 20,000 waits, p99", "ms", "p99", many),
    {
      name: "early polls of 20,000 waits",
      unit: "polls",
      own: summarize(pick(many.own, "early")),
      peer: summarize(pick(many.peer, "early")),
      value: summarize(pick(many.own, "early"))
    }
  ]
}

const measureStarts = async (): Promise<ReadonlyArray<Figure>> => {
  const thousand = await inTurn(1, 1000, 60, 0)
  const tenThousand = await inTurn(1, 10_000, 60, 0)
  const all = { peer: [await measureSide("peer", 100_000, 20, 0)], own: [await measureSide("own", 100_000, 20, 15)] }
  const growth = (all.own[0]?.startMicros ?? Number.NaN) / summarize(pick(tenThousand.own, "startMicros")).middle
  return [
    compare("starting 1,000 waits", "µs each", "startMicros", thousand),
    compare("starting 10,000 waits", "µs each", "startMicros", tenThousand),
    compare("starting 100,000 waits", "µs each", "startMicros", all),
    onlyOwn("starting 100,000 waits, seconds", "s", pick(all.own, "startSeconds")),
    onlyOwn("a start of 100,000 over one of 10,000", "ratio", [growth]),
    onlyOwn("lateness of 100,000 waits afterwards, p99", "ms", pick(all.own, "p99"))
  ]
}

const kibibytes = (value: number | undefined): Summary => summarize([(value ?? Number.NaN) / 1024])

const measureHeap = async (): Promise<ReadonlyArray<Figure>> => {
  const heapOf = (side: string, ...args: ReadonlyArray<string>) => measureChild("heap.ts", side, ...args)
  const looks = ["2000", "1", "1", "10", "100"]
  const [own = {}, peer = {}, grown = {}, peerGrown = {}] = await Promise.all([
    heapOf("own", "20000", "600", "0"),
    heapOf("peer", "20000", "600", "0"),
    heapOf("own", ...looks),
    heapOf("peer", ...looks)
  ])
  const growth = (grown.polls100 ?? Number.NaN) / (grown.polls1 ?? Number.NaN)
  return [
    {
      name: "heap of a sleeping wait, KiB",
      unit: "KiB",
      own: kibibytes(own.polls0),
      peer: kibibytes(peer.polls0),
      value: kibibytes(own.polls0)
    },
    ...[1, 10, 100].map((polls) => ({
      name: `heap of one of 2,000 waits at poll ${polls}`,
      unit: "KiB",
      own: kibibytes(grown[`polls${polls}`]),
      peer: kibibytes(peerGrown[`polls${polls}`])
    })),
    onlyOwn("heap of a wait, hundredth poll over first", "ratio", [growth])
  ]
}

export const measure = async (): Promise<ReadonlyArray<Figure>> => [
  ...(await measurePolls()),
  ...(await measureStarts()),
  ...(await measureHeap())
]
