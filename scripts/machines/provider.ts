// The provider: strict, with a clock and a log of its own. Its pings go to one machine after the other, as through a load
// balancer: one that does not respond within a second is passed over, and comes last for ten seconds.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import { ProviderFetch, TestClient, type TestProvider } from "@effect-ciba/testing"
import { Effect, type Scope } from "effect"
import * as Child from "./Child.ts"
import { endUsers } from "./EndUsers.ts"
import * as Log from "./Log.ts"
import * as Recording from "./Recording.ts"
import { type Mode, readConfiguration } from "./Settings.ts"

/** What the process is sent: where a machine receives pings, that its connections break, or that end-users decide. */
type Order =
  | { readonly machine: string; readonly port: number }
  | { readonly cut: string }
  | { readonly decideWithin: number }

/** How long a request takes before and after it is handled, in milliseconds. */
const latency = 10

/** How long a machine comes last that did not respond, in milliseconds: as with nginx, if nothing else is set. */
const passOver = 10_000

const { settings } = readConfiguration()
const providers: Array<TestProvider.Service> = []
const log = Log.make()
const ports = new Map<string, number>()
const passedOverUntil = new Map<string, number>()
const { cut, record } = Recording.make(log)

const measureTimers = async (): Promise<never> => {
  for (;;) {
    const due = Log.now() + 50
    await setTimeout(50)
    log.timerDelays.push(Log.now() - due)
  }
}

/** The machines as pings try them. */
const inTurn = (): ReadonlyArray<[machine: string, port: number]> => {
  const now = Log.now()
  const shuffled = [...ports].sort(() => Math.random() - 0.5)
  const isPassedOver = ([machine]: [string, number]) => (passedOverUntil.get(machine) ?? 0) > now
  return [...shuffled.filter((one) => !isPassedOver(one)), ...shuffled.filter(isPassedOver)]
}

const sendPing: TestProvider.Endpoint = async (request) => {
  const body = await request.text()
  const { auth_req_id: authReqId } = JSON.parse(body)
  const headers = Object.fromEntries(request.headers)
  for (const [machine, port] of inTurn()) {
    const sentAt = Log.now()
    const signal = AbortSignal.timeout(1000)
    const response = await fetch(`http://127.0.0.1:${port}/ciba`, { method: "POST", headers, body, signal }).catch(
      () => undefined
    )
    log.pings.push({ authReqId, machine, sentAt, status: response?.status })
    if (response === undefined) passedOverUntil.set(machine, Log.now() + passOver)
    if (response !== undefined && response.status < 500) return response
  }
  throw new Error("no machine responds")
}

/** End-users decide on what is pending now, one after the other within so many seconds, and every tenth denies. */
const decide = Effect.fnUntraced(function* (seconds: number) {
  const pending = yield* Effect.forEach(providers, (provider) =>
    Effect.map(provider.pending, (requests) => requests.map(({ authReqId }) => ({ provider, authReqId })))
  )
  const shuffled = pending.flat().sort(() => Math.random() - 0.5)
  for (const [index, { authReqId, provider }] of shuffled.entries()) {
    yield* Effect.ignore(index % 10 === 9 ? provider.deny(authReqId) : provider.approve(authReqId))
    yield* Effect.sleep((seconds * 1000) / shuffled.length)
  }
})

const serve = Effect.fnUntraced(function* (mode: Mode): Effect.fn.Return<string, never, Scope.Scope> {
  const server = createServer({ keepAliveTimeout: 60_000 })
  yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { fetch, provider } = yield* ProviderFetch.make({
    issuer,
    client: TestClient.clientSecretBasic({
      clientId: mode,
      idTokenSignedResponseAlg: "ES256",
      ...(mode === "ping" && { notification: { deliveryMode: mode, url: "http://127.0.0.1/ciba" } })
    }),
    user: endUsers,
    interval: `${settings.interval} seconds`,
    expiresIn: "1 hour",
    // The poll that answers a ping may come sooner than the interval: the judge knows of pings, and this endpoint does not.
    pacing: mode === "poll" ? "from-acknowledgement" : "off"
  })
  providers.push(provider)
  if (mode === "ping") yield* provider.deliverTo(sendPing)

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = new Uint8Array(await buffer(request))
    const respond = record(mode, request, new URLSearchParams(new TextDecoder().decode(body)))
    await setTimeout(latency)
    const handled = await fetch(`${issuer}${request.url}`, {
      method: request.method,
      headers: Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]),
      ...(body.byteLength > 0 && { body })
    })
    const text = Buffer.from(await handled.arrayBuffer())
    await setTimeout(latency)
    if (request.method === "POST") respond(handled.status, JSON.parse(text.toString()))
    const headers = { ...Object.fromEntries(handled.headers), "content-length": text.byteLength }
    response.writeHead(handled.status, headers).end(text)
  }
  // What is cut before it was read as a whole is no request.
  server.on("request", (request, response) => void handle(request, response).catch(() => request.socket.destroy()))
  return issuer
})

const program = Effect.gen(function* () {
  const issuers = { poll: yield* serve("poll"), ping: yield* serve("ping") }
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(log))
  })
  yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  const run = Effect.runForkWith(yield* Effect.context())
  Child.listen((order: Order) => {
    if ("cut" in order) cut(order.cut)
    else if ("decideWithin" in order) run(decide(order.decideWithin))
    else {
      ports.set(order.machine, order.port)
      passedOverUntil.delete(order.machine)
    }
  })
  Child.report({
    type: "ready",
    value: { issuers, log: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
  })
  return yield* Effect.never
})

void measureTimers()
Child.runMain(Effect.scoped(program))
