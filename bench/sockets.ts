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

const makePeer = async () => {
  const method = client.ClientSecretPost("a secret")
  const metadata = { id_token_signed_response_alg: "ES256" }
  const options = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(issuer), clientId, metadata, method, options)
  client.enableNonRepudiationChecks(config)
  return async (hint: string) => {
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
      allowInsecureRequests: "loopback"
    })
  )
  const flowOf = (hint: string) => Effect.asVoid(Ciba.authenticate({ scope: ["openid"], hint: UserHint.login(hint) }))
  return (hint: string) =>
    runtime.runPromise(
      Effect.forEach(Array.from({ length: flows }), () => flowOf(hint), { concurrency: "unbounded", discard: true })
    )
}

const makeRun = async (): Promise<(hint: string) => Promise<unknown>> => {
  if (side === "own") return makeOwn()
  const flow = await makePeer()
  return (hint) => Promise.all(Array.from({ length: flows }, () => flow(hint)))
}

const run = await makeRun()
// Flows without a pending poll are the fastest way to have the code compiled.
for (let times = 0; times < 4; times++) await run("0")
console.log(JSON.stringify({ cpu: await measureCpu(flows, () => run(String(pending))) }))
process.exit()
