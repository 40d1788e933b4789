/**
 * A web server that asks in one request and answers in another. It knows each approval by an id of its own: the
 * `auth_req_id` never leaves it. Here it serves itself a visitor, and ends.
 */

import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, FiberMap, Layer, Schedule, Schema } from "effect"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"

const Approval = Schema.Struct({
  status: Schema.Literals(["pending", "approved", "refused", "unanswered"]),
  subject: Schema.optionalKey(Schema.String)
})

const Routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const waits = yield* FiberMap.make<string>()
    const approvals = new Map<string, typeof Approval.Type>()

    yield* router.add(
      "POST",
      "/approvals",
      Effect.gen(function* () {
        const pending = yield* Ciba.initiate({
          scope: ["openid"],
          hint: UserHint.login("jo@example.com"),
          bindingMessage: "W4SCT"
        })
        const id = randomUUID()
        approvals.set(id, { status: "pending" })
        const wait = Ciba.complete(pending).pipe(
          Effect.map(({ subject }) => ({ status: "approved", subject }) as const),
          Effect.catchReason("TokenError", "AccessDenied", () => Effect.succeed({ status: "refused" } as const)),
          Effect.catch(() => Effect.succeed({ status: "unanswered" } as const)),
          Effect.tap((approval) => Effect.sync(() => approvals.set(id, approval)))
        )
        yield* FiberMap.run(waits, id, wait)
        return yield* HttpServerResponse.json({ id, bindingMessage: pending.bindingMessage }, { status: 202 })
      })
    )

    yield* router.add(
      "GET",
      "/approvals/:id",
      Effect.flatMap(HttpRouter.params, ({ id = "" }) => {
        const approval = approvals.get(id)
        return approval === undefined
          ? HttpServerResponse.json({ error: "unknown" }, { status: 404 })
          : HttpServerResponse.json(approval)
      })
    )
  })
)

const CibaLive = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ after: "1500 millis" }), interval: "1 second" })))

const Server = HttpRouter.serve(Routes, { disableLogger: true }).pipe(
  Layer.provide(CibaLive),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const Created = Schema.Struct({ id: Schema.String, bindingMessage: Schema.String })

const visitor = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  const origin = HttpServer.formatAddress(address)
  const created = yield* HttpClient.post(`${origin}/approvals`)
  const { bindingMessage, id } = yield* HttpClientResponse.schemaBodyJson(Created)(created)
  yield* Console.log(`POST /approvals      ${created.status}  approve ${bindingMessage} on your phone`)
  const look = HttpClient.get(`${origin}/approvals/${id}`).pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Approval)),
    Effect.tap(({ status, subject }) => Console.log(`GET  /approvals/:id  ${status} ${subject ?? ""}`))
  )
  yield* Effect.repeat(look, { until: ({ status }) => status !== "pending", schedule: Schedule.spaced("1 second") })
})

await Effect.runPromise(visitor.pipe(Effect.provide(Layer.merge(Server, NodeHttpClient.layerUndici))))
