// Flows over sockets: NodeCiba against openid-client with its own fetch, over http and https.
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as CertificateAuthority from "../../e2e/CertificateAuthority.ts"
import { measure as measureChild } from "../Child.ts"
import type { Figure } from "../Figure.ts"
import { compareSides, summarize } from "../Statistics.ts"

const flows = 500
const serve = (...args: ReadonlyArray<string>): Promise<readonly [ChildProcess, issuer: string]> =>
  new Promise((resolve) => {
    const server = fork(new URL("../server.ts", import.meta.url), args)
    server.once("message", (issuer) => resolve([server, String(issuer)]))
  })

const measureFlows = async (issuer: string, pending: number, rounds: number) => {
  const args = [issuer, String(flows), String(pending)]
  const values = { own: [] as number[], peer: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    for (const side of ["peer", "own"] as const) {
      values[side].push((await measureChild("sockets.ts", side, ...args)).cpu ?? Number.NaN)
    }
  }
  return values
}

const compare = (name: string, own: ReadonlyArray<number>, peer: ReadonlyArray<number>): Figure => ({
  name,
  unit: "µs CPU",
  own: summarize(own),
  peer: summarize(peer),
  value: compareSides(own, peer)
})

const perPoll = (three: ReadonlyArray<number>, none: ReadonlyArray<number>) =>
  three.map((value, round) => (value - (none[round] ?? Number.NaN)) / 3)

const measureOver = async (protocol: string, issuer: string, rounds: number): Promise<ReadonlyArray<Figure>> => {
  const none = await measureFlows(issuer, 0, rounds)
  const three = await measureFlows(issuer, 3, rounds)
  return [
    compare(`pending poll over ${protocol}`, perPoll(three.own, none.own), perPoll(three.peer, none.peer)),
    compare(`flow with three pending polls over ${protocol}`, three.own, three.peer),
    compare(`flow without a pending poll over ${protocol}`, none.own, none.peer)
  ]
}

const overTls = async (): Promise<ReadonlyArray<Figure>> => {
  const folder = mkdtempSync(join(tmpdir(), "bench-"))
  try {
    const authority = await Effect.runPromise(CertificateAuthority.make)
    const { certificate, privateKey } = await Effect.runPromise(authority.issue("bench"))
    writeFileSync(join(folder, "authority.pem"), authority.certificate)
    writeFileSync(join(folder, "certificate.pem"), certificate)
    writeFileSync(join(folder, "key.pem"), privateKey)
    process.env.NODE_EXTRA_CA_CERTS = join(folder, "authority.pem")
    const [server, issuer] = await serve(folder)
    const figures = await measureOver("https", issuer, 1)
    server.disconnect()
    return figures
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const measure = async (): Promise<ReadonlyArray<Figure>> => {
  const [server, issuer] = await serve()
  const figures = await measureOver("http", issuer, 3)
  server.disconnect()
  return [...figures, ...(await overTls())]
}
