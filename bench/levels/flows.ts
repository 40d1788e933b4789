// The CPU of whole flows with two polls, in one process: both ways to authenticate the client, and with a tracer.
import { type Contender, makeOwn, makePeer, type Variant } from "../Contender.ts"
import { measureCpu, measureInTurn } from "../Cpu.ts"
import type { Figure } from "../Figure.ts"
import * as Provider from "../Provider.ts"
import { compareSides, summarize } from "../Statistics.ts"

const warmUp = 2000
const cold = 100
const flows = 1000
const rounds = 5

const measureBatch = (contender: Contender, count: number) => measureCpu(count, () => contender.run(count))

const compare = async (name: string, variant: Variant): Promise<ReadonlyArray<Figure>> => {
  const tokenType = variant === "signed" ? "DPoP" : "Bearer"
  const provider = await Provider.make({ pending: 1, interval: 1, tokenType })
  const [own, peer] = [await makeOwn(provider, variant), await makePeer(provider, variant)]
  const [coldPeer, coldOwn] = [await measureBatch(peer, cold), await measureBatch(own, cold)]
  await peer.run(warmUp)
  await own.run(warmUp)
  const values = await measureInTurn(
    rounds,
    () => measureBatch(own, flows),
    () => measureBatch(peer, flows)
  )
  await own.stop()
  return [
    {
      name,
      unit: "µs CPU",
      own: summarize(values.own),
      peer: summarize(values.peer),
      value: compareSides(values.own, values.peer)
    },
    {
      name: `${name}, the first ${cold} flows`,
      unit: "µs CPU",
      own: summarize([coldOwn]),
      peer: summarize([coldPeer]),
      value: summarize([coldOwn / coldPeer])
    }
  ]
}

const compareTraced = async (): Promise<Figure> => {
  const provider = await Provider.make({ pending: 1, interval: 1 })
  const [untraced, traced] = [await makeOwn(provider, "secret"), await makeOwn(provider, "secret", true)]
  await untraced.run(warmUp)
  await traced.run(warmUp)
  const values = await measureInTurn(
    rounds,
    () => measureBatch(traced, flows),
    () => measureBatch(untraced, flows)
  )
  await Promise.all([untraced.stop(), traced.stop()])
  return {
    name: "traced flow over untraced",
    unit: "µs CPU, traced",
    own: summarize(values.own),
    value: compareSides(values.own, values.peer)
  }
}

export const measure = async (): Promise<ReadonlyArray<Figure>> => [
  ...(await compare("whole flow, client_secret_post", "secret")),
  ...(await compare("whole flow, private_key_jwt and DPoP", "signed")),
  await compareTraced()
]
