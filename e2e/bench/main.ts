/** `npm run bench`: this library and its peers in turn against one server, in one process; compare the ratios. */

import { fork } from "node:child_process"
import { ClientAuthentication, IdTokenVerifier, PendingAuthentication, TokenEndpoint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { DateTime, Duration, Effect, ManagedRuntime, Redacted } from "effect"
import * as oauth from "oauth4webapi"
import * as client from "openid-client"

const server = fork(new URL("server.ts", import.meta.url))
const issuer = await new Promise<string>((resolve) => server.once("message", (message) => resolve(String(message))))
const secret = "a secret of the bench"

interface Contender {
  readonly name: string
  /** Runs a task `times` times, one after the other. */
  readonly run: (times: number) => Promise<void>
}

const repeat = async (n: number, task: () => Promise<unknown>) => {
  for (let i = 0; i < n; i++) await task()
}

const runtime = ManagedRuntime.make(
  NodeCiba.layer({
    issuer,
    clientId: "bench",
    authentication: ClientAuthentication.clientSecretBasic(Redacted.make(secret)),
    allowInsecureRequests: "loopback"
  })
)
const id = (value: string) => Redacted.make(PendingAuthentication.AuthReqId.make(value))
const approved = new PendingAuthentication.PendingAuthentication({
  version: 1,
  id: "bench",
  issuer,
  clientId: "bench",
  authReqId: Redacted.make(PendingAuthentication.AuthReqId.make("approved"), { label: "auth_req_id" }),
  deliveryMode: "poll",
  expiresAt: DateTime.addDuration(DateTime.nowUnsafe(), "1 hour"),
  interval: Duration.seconds(5),
  scope: ["openid"],
  expectations: {}
})

const ours = (
  task: Effect.Effect<unknown, unknown, TokenEndpoint.TokenEndpoint | IdTokenVerifier.IdTokenVerifier>
) => ({
  name: "effect-ciba",
  run: (n: number) => runtime.runPromise(Effect.asVoid(Effect.replicateEffect(task, n, { discard: true })))
})

const insecure = { [oauth.allowInsecureRequests]: true }
const as = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), insecure)
)
const oauthClient = { client_id: "bench" }
const oauthSecret = oauth.ClientSecretBasic(secret)
const grant = async (authReqId: string) => {
  const response = await oauth.backchannelAuthenticationGrantRequest(as, oauthClient, oauthSecret, authReqId, insecure)
  await oauth.processBackchannelAuthenticationGrantResponse(as, oauthClient, response)
  return response
}

const config = await client.discovery(new URL(issuer), "bench", undefined, client.ClientSecretBasic(secret), {
  execute: [client.allowInsecureRequests]
})
const grantType = "urn:openid:params:grant-type:ciba"

const expectPending = (error: unknown) => {
  if (!(error instanceof Error) || !("error" in error) || error.error !== "authorization_pending") throw error
}

const tasks: ReadonlyArray<readonly [title: string, mine: Contender, ...peers: ReadonlyArray<Contender>]> = [
  [
    "a poll with the response authorization_pending",
    ours(TokenEndpoint.TokenEndpoint.use((endpoint) => Effect.flip(endpoint.redeem(id("pending"))))),
    { name: "oauth4webapi", run: (n) => repeat(n, () => grant("pending").catch(expectPending)) },
    {
      name: "openid-client",
      run: (n) =>
        repeat(n, () => client.genericGrantRequest(config, grantType, { auth_req_id: "pending" }).catch(expectPending))
    }
  ],
  [
    "a redemption, with the ID Token's signature verified",
    ours(
      Effect.flatMap(
        TokenEndpoint.TokenEndpoint.use((endpoint) => endpoint.redeem(approved.authReqId)),
        (response) => IdTokenVerifier.IdTokenVerifier.use((verifier) => verifier.verify(response, approved))
      )
    ),
    {
      name: "oauth4webapi",
      run: (n) => repeat(n, async () => oauth.validateApplicationLevelSignature(as, await grant("approved"), insecure))
    }
  ]
]

const median = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const measure = async (contender: Contender, n: number) => {
  const start = performance.now()
  await contender.run(n)
  return (performance.now() - start) / n
}

const rounds = Number(process.argv[2] ?? 15)
const size = 200

for (const [title, mine, ...peers] of tasks) {
  console.log(`\n${title} (${rounds} rounds of ${size}, in turn)`)
  for (const contender of [mine, ...peers]) await contender.run(size)
  const durations = new Map<Contender, Array<number>>([mine, ...peers].map((contender) => [contender, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of [mine, ...peers]) durations.get(contender)?.push(await measure(contender, size))
  }
  const own = durations.get(mine) ?? []
  console.log(`  ${mine.name.padEnd(14)} ${(median(own) * 1000).toFixed(0).padStart(6)} µs`)
  for (const peer of peers) {
    const theirs = durations.get(peer) ?? []
    const ratio = median(theirs.map((time, round) => time / (own[round] ?? time)))
    console.log(
      `  ${peer.name.padEnd(14)} ${(median(theirs) * 1000).toFixed(0).padStart(6)} µs   ${ratio.toFixed(2)} times as long`
    )
  }
}

await runtime.dispose()
server.disconnect()
