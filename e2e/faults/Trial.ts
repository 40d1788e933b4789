// One fault and one client: a provider over sockets, and what the client did.
import { createServer } from "node:http"
import type { Socket } from "node:net"
import { text } from "node:stream/consumers"
import { TestClient, type TestProvider, TestUser } from "@effect-ciba/testing"
import { Duration, Effect, type Scope } from "effect"
import * as Loopback from "../Loopback.ts"
import * as ProviderServer from "../ProviderServer.ts"
import { attempt, type Client, clientSecret } from "./Client.ts"
import type { Fault, Stage } from "./Fault.ts"
import { nameError, type Observation, type Outcome } from "./Observation.ts"

const limit = 60

/** How long token requests are counted after the end of a call, in milliseconds. */
const aftermath = 2500

const mebibyte = 2 ** 20

/** Another host, which the provider redirects to. */
const listenElsewhere = Effect.gen(function* () {
  const bodies: Array<string> = []
  const server = createServer(async (request, response) => {
    bodies.push(await text(request))
    response.writeHead(404).end()
  })
  return { bodies, url: `http://127.0.0.1:${yield* Loopback.listen(server)}/` }
})

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`

/** Writes as fast as the client reads; `count` gets the bytes. */
const flood = (socket: Socket, count: (bytes: number) => void): void => {
  socket.write(head)
  let sent = 0
  const writeNext = () => {
    if (sent >= 64 * mebibyte) socket.resetAndDestroy()
    if (socket.destroyed) return
    socket.write(chunk, () => {
      sent += 0x10000
      count(sent)
      writeNext()
    })
  }
  writeNext()
}

const awaitUntil = (isDone: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() =>
    isDone()
      ? Effect.void
      : Effect.andThen(
          Effect.sleep("20 millis"),
          Effect.suspend(() => awaitUntil(isDone))
        )
  )

const call = (flow: Effect.Effect<string, unknown>, seconds: number): Effect.Effect<Outcome> =>
  flow.pipe(
    Effect.match({
      onSuccess: (subject): Outcome => ({ _tag: "Tokens", subject }),
      onFailure: (error): Outcome => ({ _tag: "Rejected", error: nameError(error) })
    }),
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () => Effect.succeed<Outcome>({ _tag: "Unfinished" })
    })
  )

/** When the token requests of the last authentication came. */
const pollsOf = (requests: ReadonlyArray<ProviderServer.RecordedRequest>): ReadonlyArray<number> => {
  const from = requests.findLastIndex(({ path }) => path === "/backchannel")
  const start = requests[from]?.arrivedAt ?? 0
  return requests
    .slice(from + 1)
    .filter(({ path }) => path === "/token")
    .map(({ arrivedAt }) => Math.floor((arrivedAt - start) / 1000 + 0.02))
}

const clientAt = (notification: { readonly deliveryMode: "ping" | "push"; readonly port: number } | undefined) =>
  TestClient.clientSecretPost(
    notification && {
      notification: { ...notification, url: `http://127.0.0.1:${notification.port}/ciba` }
    }
  )

export const run = (client: Client, fault: Fault, isChecked: boolean): Effect.Effect<Observation, unknown> =>
  Effect.scoped(observe(client, fault, isChecked))

const observe = Effect.fnUntraced(function* (
  client: Client,
  fault: Fault,
  isChecked: boolean
): Effect.fn.Return<Observation, unknown, Scope.Scope> {
  const elsewhere = yield* listenElsewhere
  const notification =
    fault.needs === "ping" || fault.needs === "push"
      ? { deliveryMode: fault.needs, port: yield* Loopback.freePort }
      : undefined
  const notified: Array<number> = []
  let mebibytes = 0
  let polls = 0
  const provider: ProviderServer.Service = yield* ProviderServer.make({
    client: clientAt(notification),
    user: TestUser.approve(),
    interval: "1 second",
    ...fault.provider?.(elsewhere.url),
    instead: (path) => {
      const take = path === "/token" ? fault.take?.[++polls] : undefined
      return take && ((socket) => take(socket, stage))
    }
  })
  const countRequests = (path: string) => provider.recordedRequests.filter((request) => request.path === path).length
  const stage: Stage = {
    provider,
    awaitRequests: (path, count) => awaitUntil(() => countRequests(path) >= count),
    notify: (bearer) =>
      Effect.gen(function* () {
        const forge = (honest: TestProvider.Notification) => ({ ...honest, token: bearer ?? honest.token })
        const request = yield* Effect.orDie(provider.notification({ forge }))
        notified.push((yield* Effect.orDie(attempt(() => fetch(request)))).status)
      }),
    flood: (socket) =>
      flood(socket, (bytes) => {
        mebibytes = Math.floor(bytes / mebibyte)
      })
  }
  const { issuer } = provider
  const flow = yield* client.make({ issuer, isChecked, usesDpop: fault.needs === "DPoP", notification })
  if (fault.after !== undefined) yield* Effect.andThen(flow, Effect.sleep(fault.after))
  if (fault.meanwhile !== undefined) yield* Effect.forkScoped(fault.meanwhile(stage))
  const [took, outcome] = yield* Effect.timed(call(flow, fault.limit ?? limit))
  const ended = countRequests("/token")
  yield* Effect.sleep(aftermath)
  return {
    outcome,
    seconds: outcome._tag === "Unfinished" ? (fault.limit ?? limit) : Math.round(Duration.toSeconds(took)),
    polls: pollsOf(provider.recordedRequests),
    late: outcome._tag === "Unfinished" ? 0 : countRequests("/token") - ended,
    mebibytes,
    leaked: elsewhere.bodies.some((body) => new URLSearchParams(body).get("client_secret") === clientSecret),
    notified
  }
})
