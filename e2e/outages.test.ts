// Outages of the metadata and the key set on real sockets: before a request, while a wait lasts, and with a token response in hand.
import type { Socket } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { TestClient, TestUser } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Misbehavior from "./Misbehavior.ts"
import * as ProviderServer from "./ProviderServer.ts"

const clients = {
  undici: NodeCiba.layer,
  fetch: (options: Ciba.Options) => Layer.provide(Ciba.layer(options), FetchHttpClient.layer)
}

type Client = keyof typeof clients

const names: ReadonlyArray<Client> = ["undici", "fetch"]

const documents = ["/.well-known/openid-configuration", "/jwks"] as const

const dark: Misbehavior.Misbehavior = (socket) => socket.resetAndDestroy()

const unavailable: Misbehavior.Misbehavior = (socket) => {
  socket.end("HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

const outages = [
  ["is dark", dark, "Unreachable"],
  ["hangs", Misbehavior.silence, "TimedOut"],
  ["is sent byte by byte", Misbehavior.slowBody, "TimedOut"],
  ["is unavailable", unavailable, "UnexpectedStatus"],
  ["never ends", Misbehavior.endlessBody, "TooLarge"]
] as const

/** A provider with a switch for an outage at one path, and how often that path was asked for during it. */
const provider = Effect.fnUntraced(function* (
  at: string,
  outage: Misbehavior.Misbehavior,
  options: ProviderServer.Options
) {
  const state = { isOut: false, asked: 0 }
  const server = yield* ProviderServer.make({
    interval: "1 second",
    ...options,
    instead: (path) => {
      if (!state.isOut || path !== at) return undefined
      return (socket: Socket) => {
        state.asked += 1
        socket.on("error", () => {})
        outage(socket)
      }
    }
  })
  return { server, state }
})

const as = (client: Client, issuer: string, options?: Partial<Ciba.Options>) =>
  clients[client]({
    issuer,
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    requestTimeout: "10 seconds",
    maxResponseSize: 65_536,
    allowInsecureRequests: "loopback",
    ...options
  })

const count = (server: ProviderServer.Service, path: string) =>
  server.recordedRequests.filter((request) => request.path === path).length

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

/** The kind of the failure of a first request during the outage; after it the same client completes a flow. */
const failFirst = Effect.fnUntraced(function* (client: Client, path: string, outage: Misbehavior.Misbehavior) {
  const { server, state } = yield* provider(path, outage, { user: TestUser.approve() })
  state.isOut = true
  return yield* Effect.gen(function* () {
    const { reason } = yield* Effect.flip(Ciba.authenticate(request))
    expect(count(server, "/backchannel")).toBe(0)
    state.isOut = false
    expect((yield* Ciba.authenticate(request)).subject).toBe("jo")
    return "kind" in reason ? reason.kind : reason._tag
  }).pipe(Effect.provide(as(client, server.issuer, { requestTimeout: "1 second" })))
}, Effect.scoped)

/** How long after its last poll a wait ends, if the outage begins once the end-user has been asked, in milliseconds. */
const waitThrough = Effect.fnUntraced(function* (client: Client, path: string, outage: Misbehavior.Misbehavior) {
  const { server, state } = yield* provider(path, outage, { user: TestUser.approve({ after: "500 millis" }) })
  return yield* Effect.gen(function* () {
    const pending = yield* Ciba.initiate(request)
    state.isOut = true
    const { subject } = yield* Ciba.complete(pending)
    const [poll, ...others] = server.recordedRequests.filter(({ path }) => path === "/token")
    expect([subject, others]).toEqual(["jo", []])
    expect(state.asked).toBeGreaterThan(0)
    return performance.now() - (poll?.writtenAt ?? 0)
  }).pipe(Effect.provide(as(client, server.issuer, { lifetime: "500 millis", keys: { lifetime: "500 millis" } })))
}, Effect.scoped)

/** A token response whose key is published three seconds late, by a key set that is out for two of these. */
const awaitKeys = Effect.fnUntraced(function* (client: Client, outage: Misbehavior.Misbehavior) {
  let isLate = true
  const known: Array<unknown> = []
  const { server, state } = yield* provider("/jwks", outage, {
    user: TestUser.approve(),
    keys: ({ keys }) => {
      if (known.length === 0) known.push(...keys)
      return { keys: isLate ? known : keys }
    }
  })
  return yield* Effect.gen(function* () {
    const pending = yield* Ciba.initiate(request)
    yield* server.rotateKeys
    state.isOut = true
    yield* Effect.forkChild(
      Effect.gen(function* () {
        yield* Effect.sleep("2 seconds")
        state.isOut = false
        yield* Effect.sleep("1 second")
        isLate = false
      })
    )
    const { subject } = yield* Ciba.complete(pending)
    expect([isLate, count(server, "/token")]).toEqual([false, 1])
    expect(state.asked).toBeGreaterThan(0)
    return subject
  }).pipe(Effect.provide(as(client, server.issuer, { requestTimeout: "1 second", keys: { coolDown: "300 millis" } })))
}, Effect.scoped)

/** All outages at the same time. */
const during = <A, E>(run: (outage: Misbehavior.Misbehavior) => Effect.Effect<A, E>) =>
  Effect.map(
    Effect.forEach(outages, ([what, outage]) => Effect.map(run(outage), (found) => [what, found] as const), {
      concurrency: "unbounded"
    }),
    (found): Readonly<Record<string, A>> => Object.fromEntries(found)
  )

describe.concurrent("an outage", () => {
  for (const client of names) {
    for (const path of documents) {
      it.live(
        `of ${path} fails a first request over ${client} within its limits, and contacts no end-user (T-34)`,
        () =>
          Effect.gen(function* () {
            const expected = Object.fromEntries(outages.map(([what, _outage, kind]) => [what, kind]))
            expect(yield* during((outage) => failFirst(client, path, outage))).toEqual(expected)
          })
      )

      it.live(`of ${path} during a wait over ${client} delays its end by a second at most (A19, H31)`, () =>
        Effect.gen(function* () {
          const delays = yield* during((outage) => waitThrough(client, path, outage))
          expect(Math.max(...Object.values(delays))).toBeLessThan(3000)
        })
      )
    }

    it.live(`of the key set while new keys are late loses no token response over ${client} (H32, A13)`, () =>
      Effect.gen(function* () {
        const subjects = yield* during((outage) => awaitKeys(client, outage))
        expect(Object.values(subjects)).toEqual(outages.map(() => "jo"))
      })
    )
  }
})
