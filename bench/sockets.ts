// One side's flows over sockets, in a process of their own. Arguments: the side, the issuer, how many flows, how many polls are
// pending in each. Prints the CPU of a flow in microseconds.
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, ManagedRuntime, Redacted } from "effect"
import * as client from "openid-client"
import { measureCpu } from "./Cpu.ts"
import { clientId } from "./Provider.ts"

const [side = "", issuer = "", ...numbers] = process.argv.slice(2)
const [flows = 0, pending = 0] = numbers.map(Number)
const hint = String(pending)

const makePeer = async () => {
  const method = client.ClientSecretPost("a secret")
  const metadata = { id_token_signed_response_alg: "ES256" }
  const options = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(issuer), clientId, metadata, method, options)
  client.enableNonRepudiationChecks(config)
  return async () => {
    const acknowledgement = await client.initiateBackchannelAuthentication(config, {
      scope: "openid",
      login_hint: hint
    })
    await client.pollBackchannelAuthenticationGrant(config, acknowledgement)
  }
}

const makeOwn = () => {
  const runtime = ManagedRuntime.make(
    NodeCiba.layer({
      issuer,
      clientId,
      authentication: ClientAuthentication.clientSecretPost(Redacted.make("a secret")),
      idTokenSignedResponseAlg: "ES256",
      allowInsecureRequests: "loopback",
      maxConcurrentRequests: Number.POSITIVE_INFINITY
    })
  )
  const flow = Effect.asVoid(Ciba.authenticate({ scope: ["openid"], hint: UserHint.login(hint) }))
  return (count: number) =>
    runtime.runPromise(
      Effect.forEach(Array.from({ length: count }), () => flow, { concurrency: "unbounded", discard: true })
    )
}

const makeRun = async (): Promise<(count: number) => Promise<unknown>> => {
  if (side === "own") return makeOwn()
  const flow = await makePeer()
  return (count) => Promise.all(Array.from({ length: count }, flow))
}

const run = await makeRun()
await run(flows)
console.log(JSON.stringify({ cpu: await measureCpu(flows, () => run(flows)) }))
process.exit()
