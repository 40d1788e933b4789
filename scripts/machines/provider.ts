// The provider: strict, with a clock and a log of its own. Its pings go to one machine after the other, as through a load
// balancer: one that does not respond within a second is passed over.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import { ProviderFetch, TestClient, type TestProvider } from "@effect-ciba/testing"
import { Effect, type Scope } from "effect"
import * as Child from "./Child.ts"
import { nameHeader } from "./Clients.ts"
import { endUsers } from "./EndUsers.ts"
import * as Log from "./Log.ts"
import { type Mode, readConfiguration } from "./Settings.ts"

/** What the process is sent: where a machine receives pings, that its connections break, or that end-users decide. */
type Order =
  | { readonly machine: string; readonly port: number }
  | { readonly cut: string }
  | { readonly decideWithin: number }

/** How long a request takes before and after it is handled, in milliseconds. */
const latency = 10

/** What of a response the client may not have read when its connection is cut, in milliseconds. */
const unread = 100

const { settings } = readConfiguration()
const providers: Array<TestProvider.Service> = []
const log = Log.make()
const ports = new Map<string, number>()
const sockets = new Map<Socket, { readonly machine: string; readonly requests: Array<Log.TokenRequest> }>()

const measureTimers = async (): Promise<never> => {
  for (;;) {
    const due = Log.now() + 50
    await setTimeout(50)
    log.timerDelays.push(Log.now() - due)
  }
}

const sendPing: TestProvider.Endpoint = async (request) => {
  const body = await request.text()
  const { auth_req_id: authReqId } = JSON.parse(body)
  const headers = Object.fromEntries(request.headers)
  for (const [machine, port] of [...ports].sort(() => Math.random() - 0.5)) {
    const sentAt = Log.now()
    const signal = AbortSignal.timeout(1000)
    const response = await fetch(`http://127.0.0.1:${port}/ciba`, { method: "POST", headers, body, signal }).catch(
      () => undefined
    )
    log.pings.push({ authReqId, machine, sentAt, status: response?.status })
    if (response !== undefined && response.status < 500) return response
  }
  throw new Error("no machine responds")
}

const cut = (machine: string): void => {
  const now = Log.now()
  for (const [socket, { machine: owner, requests }] of sockets) {
    if (owner !== machine) continue
    socket.resetAndDestroy()
    for (const request of requests) {
      if (request.sentAt === undefined || request.sentAt > now - unread) request.sentAt = undefined
    }
  }
}

const secretsOf = (form: URLSearchParams, body: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  [
    form.get("login_hint"),
    form.get("client_notification_token"),
    body.auth_req_id,
    body.access_token,
    ...String(body.id_token ?? "")
      .split(".")
      .slice(1)
  ].flatMap((secret) => (typeof secret === "string" && secret !== "" ? [secret] : []))

/** Records a request, and gives what is called just before its response is sent. */
const record = (mode: Mode, { headers, socket, url }: IncomingMessage, form: URLSearchParams) => {
  const machine = String(headers[nameHeader] ?? "")
  const connection = sockets.get(socket) ?? { machine, requests: [] }
  if (!sockets.has(socket)) {
    sockets.set(socket, connection)
    socket.once("close", () => sockets.delete(socket))
  }
  if (url === "/token") {
    const request: Log.TokenRequest = {
      mode,
      authReqId: form.get("auth_req_id") ?? "",
      machine,
      arrivedAt: Log.now(),
      sentAt: undefined,
      status: 0,
      error: undefined
    }
    log.tokenRequests.push(request)
    connection.requests.splice(0, Math.max(0, connection.requests.length - 8))
    connection.requests.push(request)
    return (status: number, body: Readonly<Record<string, unknown>>) => {
      request.status = status
      request.error = typeof body.error === "string" ? body.error : undefined
      request.sentAt = socket.destroyed ? undefined : Log.now()
      if (status === 200) log.accessTokens[request.authReqId] = String(body.access_token)
    }
  }
  if (url !== "/backchannel") return () => {}
  const asked: Log.AuthenticationRequest = {
    mode,
    message: form.get("binding_message") ?? "",
    authReqId: undefined,
    sentAt: undefined
  }
  log.authenticationRequests.push(asked)
  return (_status: number, { auth_req_id }: Readonly<Record<string, unknown>>) => {
    asked.authReqId = typeof auth_req_id === "string" ? auth_req_id : undefined
    asked.sentAt = Log.now()
  }
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

  server.on("request", async (request: IncomingMessage, response: ServerResponse) => {
    const body = new Uint8Array(await buffer(request))
    const form = new URLSearchParams(new TextDecoder().decode(body))
    const { headers, method = "GET", url } = request
    const recordResponse = record(mode, request, form)
    await setTimeout(latency)
    const handled = await fetch(`${issuer}${url}`, {
      method,
      headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
      ...(body.byteLength > 0 && { body })
    })
    const text = await handled.text()
    await setTimeout(latency)
    if (url === "/token" || url === "/backchannel") {
      const json = JSON.parse(text)
      log.secrets.push(...secretsOf(form, json))
      recordResponse(handled.status, json)
    }
    response.writeHead(handled.status, Object.fromEntries(handled.headers)).end(text)
  })
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
    else ports.set(order.machine, order.port)
  })
  Child.report({
    type: "ready",
    value: { issuers, log: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
  })
  return yield* Effect.never
})

void measureTimers()
Child.runMain(Effect.scoped(program))
