import { NodeHttpClient } from "@effect/platform-node"
import * as Undici from "@effect/platform-node/Undici"
import { assert } from "@effect/vitest"
import { Ciba, ClientAuthentication } from "@effect-ciba/core"
import { Effect, Fiber, Layer } from "effect"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

type Connect = (client_id: string) => Effect.Effect<Layer.Layer<Ciba.Ciba, unknown>, never, RealServer>

const register = Effect.fnUntraced(function* (client_id: string) {
  const server = yield* RealServer
  const registration = { client_id, client_secret: Cell.secret, token_endpoint_auth_method: "client_secret_post" }
  yield* server.register(registration)
  const authentication = ClientAuthentication.clientSecretPost(Cell.redactedSecret)
  return { server, client: { registration, options: { authentication } } }
})

/** The client of this library. */
const overHttp1: Connect = (client_id) =>
  Effect.map(register(client_id), ({ client, server }) => Cell.connect(server, client))

/** A client that a program brings, which prefers HTTP/2. */
const overHttp2: Connect = (client_id) =>
  Effect.map(register(client_id), ({ client, server }) => {
    const { tls, ...connection } = server.connection
    const dispatcher = Effect.acquireRelease(
      Effect.sync(() => new Undici.Agent({ allowH2: true, connections: 1, connect: { ca: tls?.authorities } })),
      (agent) => Effect.promise(() => agent.destroy())
    )
    const http = Layer.provide(
      NodeHttpClient.layerUndiciNoDispatcher,
      Layer.effect(NodeHttpClient.Dispatcher, dispatcher)
    )
    return Layer.provide(
      Ciba.layer({ ...connection, ...client.options, clientId: client_id, maxConcurrentRequests: 5 }),
      Layer.fresh(http)
    )
  })

/** Waits with some polls before the approval; each response ends its connection if `closing` is so. */
const wait = (connect: Connect, client_id: string, protocol: string, closing: boolean) =>
  Effect.gen(function* () {
    const server = yield* RealServer
    const client = yield* connect(client_id)
    return yield* Effect.gen(function* () {
      const pending = yield* Cell.initiate()
      if (closing) yield* server.closeConnections(client_id)
      const waiting = yield* Effect.forkChild(Ciba.complete(pending))
      yield* Effect.sleep("2500 millis")
      yield* server.approve(pending.authReqId)
      yield* Fiber.join(waiting)
      const exchanges = yield* Cell.exchangesOf(pending)
      for (const exchange of exchanges) assert.strictEqual(exchange.protocol, protocol)
      const polls = exchanges.slice(1)
      assert.lengthOf(
        polls.filter(({ status }) => status === 200),
        1
      )
      const connections = new Set(polls.map(({ connection }) => connection)).size
      assert.strictEqual(connections, closing ? polls.length : 1)
      return closing ? `${Cell.describe(exchanges)}; each response ended its connection` : Cell.describe(exchanges)
    }).pipe(Effect.provide(client))
  })

/** More waits than the provider has streams for a connection. */
const crowd = Effect.gen(function* () {
  const server = yield* RealServer
  const client = yield* overHttp2("crowd")
  return yield* Effect.gen(function* () {
    const waits = Array.from({ length: 30 }, (_, index) =>
      Effect.gen(function* () {
        const pending = yield* Cell.initiate()
        if (index % 2 === 0) yield* server.approve(pending.authReqId)
        else yield* server.deny(pending.authReqId)
        const result = yield* Effect.result(Ciba.complete(pending))
        const redeemed = (yield* Cell.exchangesOf(pending)).filter(({ form }) => form.auth_req_id !== undefined)
        assert.lengthOf(redeemed, 1)
        assert.strictEqual(redeemed[0]?.protocol, "HTTP/2.0")
        return result._tag
      })
    )
    const results = yield* Effect.all(waits, { concurrency: "unbounded" })
    assert.deepStrictEqual(
      results,
      results.map((_, index) => (index % 2 === 0 ? "Success" : "Failure"))
    )
    return "30 waits over 5 streams: each is redeemed once"
  }).pipe(Effect.provide(client))
})

const row = "HTTP over TLS: versions, kept and ended connections"

export const cells: ReadonlyArray<Cell.Cell> = [
  { row, name: "HTTP/1.1, one connection for a wait", run: wait(overHttp1, "http1", "HTTP/1.1", false) },
  { row, name: "HTTP/1.1, ended by each response", run: wait(overHttp1, "http1-closed", "HTTP/1.1", true) },
  { row, name: "HTTP/2, one connection for a wait", run: wait(overHttp2, "http2", "HTTP/2.0", false) },
  { row, name: "HTTP/2, GOAWAY with each response", run: wait(overHttp2, "http2-goaway", "HTTP/2.0", true) },
  { row, name: "HTTP/2, more waits than streams", run: crowd }
]
