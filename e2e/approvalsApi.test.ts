// Approvals over HTTP: two servers at one database, called over real sockets by the generated client.
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, Sealing } from "@effect-ciba/core"
import { Approvals, SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
import * as ApprovalsApi from "@effect-ciba/durable/ApprovalsApi"
import { NodeCiba } from "@effect-ciba/platform-node"
import { ProviderScript, ProviderServer, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpRouter, HttpServer } from "effect/http"
import { HttpApiClient } from "effect/http-api"

const token = "2YotnFZFEjr1zCsicMWpAA-2YotnFZFEjr1zCsicMWpAA"

const loopback = { host: "127.0.0.1", port: 0 }

const ask = { scope: "openid", login_hint: Redacted.make("jo@example.com") }

const Provider = (options: ProviderServer.Options) =>
  ProviderServer.layer({ interval: "1 second", ...options }).pipe(
    Layer.provide(NodeHttpServer.layer(createServer, loopback))
  )

const makeClient = (url: string, given: string) =>
  Effect.provide(
    HttpApiClient.make(ApprovalsApi.Api, {
      baseUrl: url,
      transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(given))
    }),
    FetchHttpClient.layer
  )

/** A server with a worker, at the database of the context. */
const startServer = Effect.fnUntraced(function* (key: Sealing.SealingKey) {
  const { issuer } = yield* TestProvider.TestProvider
  const options = { keys: [key] } as const
  const Ciba = NodeCiba.layer({
    issuer,
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    allowInsecureRequests: "loopback"
  })
  const Live = Layer.merge(Approvals.layer(options), WaitWorker.layer()).pipe(
    Layer.provide(WaitStore.layer(options)),
    Layer.provide(Ciba)
  )
  const Routes = ApprovalsApi.layer().pipe(Layer.provide([ApprovalsApi.layerToken(Redacted.make(token)), Live]))
  const context = yield* Layer.build(
    HttpRouter.serve(Routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(createServer, loopback))
    )
  )
  return yield* Effect.provideContext(HttpServer.addressFormattedWith(Effect.succeed), context)
})

const startServers = Effect.gen(function* () {
  const database = yield* Layer.build(SqliteDatabase.layer({ filename: ":memory:" }))
  const key = yield* Sealing.generate("2030-01")
  const start = Effect.provideContext(startServer(key), database)
  return [yield* start, yield* start] as const
})

const countRequests = Effect.map(
  TestProvider.TestProvider.use((provider) => provider.requests),
  (all) => all.filter(({ endpoint }) => endpoint === "backchannel").length
)

describe("two servers at one database", () => {
  it.live("ask the end-user once, and both hand out the result", () =>
    Effect.gen(function* () {
      const urls = yield* startServers
      const [one, other] = [yield* makeClient(urls[0], token), yield* makeClient(urls[1], token)]
      const params = { key: "transfer 17/a" }
      const start = (client: typeof one) => client.approvals.start({ params, payload: ask })
      const [first, second] = yield* Effect.all([start(one), start(other)], { concurrency: 2 })
      expect(second).toEqual(first)
      const wait = (client: typeof one) => client.approvals.result({ params, query: { wait: 30 } })
      for (const result of yield* Effect.all([wait(one), wait(other)], { concurrency: 2 })) {
        expect(result).toMatchObject({ subject: "jo", claims: { sub: "jo" } })
        expect(String("token_response" in result && result.token_response)).toBe("<redacted>")
      }
      expect(yield* other.approvals.status({ params })).toMatchObject({ status: "Verified", subject: "jo" })
      expect(yield* countRequests).toBe(1)
    }).pipe(Effect.provide(Provider({ user: TestUser.approve({ subject: "jo", after: "1 second" }) })))
  )

  it.live("fail with the same errors as the server has named, and answer nothing to another token", () =>
    Effect.gen(function* () {
      const [url] = yield* startServers
      const { approvals } = yield* makeClient(url, token)
      const params = { key: "transfer-17" }
      expect(yield* Effect.flip(approvals.status({ params }))).toMatchObject({ _tag: "ApprovalNotFound" })
      const unknown = { ...ask, login_hint: Redacted.make("no-one") }
      expect(yield* Effect.flip(approvals.start({ params, payload: unknown }))).toMatchObject({
        _tag: "RequestRefused",
        reason: "UnknownUserId",
        canAskAgain: true
      })
      for (const given of ["", "wrong"]) {
        const stranger = yield* makeClient(url, given)
        expect(yield* Effect.flip(stranger.approvals.start({ params, payload: ask }))).toMatchObject({
          _tag: "Unauthorized"
        })
      }
      expect(yield* countRequests).toBe(1)
    }).pipe(Effect.provide(Provider({})))
  )

  it.live("lose no acknowledgement to a caller that hangs up", () =>
    Effect.gen(function* () {
      const [one, other] = yield* startServers
      const params = { key: "transfer-17" }
      const impatient = yield* makeClient(one, token)
      const call = yield* Effect.forkChild(impatient.approvals.start({ params, payload: ask }))
      yield* Effect.repeat(Effect.delay(countRequests, "20 millis"), { until: (count) => count === 1 })
      yield* Fiber.interrupt(call)
      const patient = yield* makeClient(other, token)
      expect(yield* patient.approvals.start({ params, payload: ask })).toMatchObject({ status: "Pending" })
      expect(yield* countRequests).toBe(1)
    }).pipe(
      Effect.provide(
        Provider({ backchannelScript: ProviderScript.make([ProviderScript.delay("1 second", ProviderScript.proceed)]) })
      )
    )
  )
})
