/**
 * A web server that starts an authentication in one HTTP request and reports its outcome in another. Browsers get a random
 * id, never the `auth_req_id`. The waits run in the background, in the server's scope; a server that runs for long also has
 * to remove old ones. Here the program is its own visitor, and ends after the decision.
 */

import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { BindingMessage, Ciba, type CibaError, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, type Fiber, Layer, Schedule, Schema } from "effect"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"

const Created = Schema.Struct({ id: Schema.String, bindingMessage: Schema.String })

const Approval = Schema.Struct({
  status: Schema.Literals(["pending", "approved", "denied", "expired"]),
  subject: Schema.optionalKey(Schema.String)
})
type Approval = typeof Approval.Type

const toApproval = (status: Approval["status"]) => (): Effect.Effect<Approval> => Effect.succeed({ status })

const Routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const waits = new Map<string, Fiber.Fiber<Approval, CibaError.CompletionError>>()

    yield* router.add(
      "POST",
      "/approvals",
      Effect.gen(function* () {
        const bindingMessage = yield* BindingMessage.generate
        const pending = yield* Ciba.initiate({
          scope: ["openid"],
          hint: UserHint.login("jo@example.com"),
          bindingMessage
        })
        const wait = Ciba.complete(pending).pipe(
          Effect.map(({ subject }): Approval => ({ status: "approved", subject })),
          Effect.catchReasons("TokenError", { AccessDenied: toApproval("denied"), ExpiredToken: toApproval("expired") })
        )
        const id = randomUUID()
        waits.set(id, yield* Effect.forkIn(wait, scope))
        return yield* HttpServerResponse.schemaJson(Created)({ id, bindingMessage }, { status: 202 })
      })
    )

    yield* router.add(
      "GET",
      "/approvals/:id",
      Effect.gen(function* () {
        const { id = "" } = yield* HttpRouter.params
        const wait = waits.get(id)
        if (wait === undefined) return HttpServerResponse.empty({ status: 404 })
        const approval = yield* wait.pollUnsafe() ?? toApproval("pending")()
        return yield* HttpServerResponse.schemaJson(Approval)(approval)
      }).pipe(Effect.catch((error) => Effect.as(Effect.logError(error), HttpServerResponse.empty({ status: 502 }))))
    )
  })
)

const CibaLive = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ after: "1500 millis" }), interval: "1 second" })))

const Server = HttpRouter.serve(Routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provide(CibaLive),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const visitor = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  const origin = HttpServer.formatAddress(address)
  const created = yield* HttpClient.post(`${origin}/approvals`)
  const { bindingMessage, id } = yield* HttpClientResponse.schemaBodyJson(Created)(created)
  yield* Console.log(`POST /approvals      ${created.status}  approve ${bindingMessage} on your phone`)
  const getApproval = Effect.gen(function* () {
    const response = yield* Effect.flatMap(
      HttpClient.get(`${origin}/approvals/${id}`),
      HttpClientResponse.filterStatusOk
    )
    const approval = yield* HttpClientResponse.schemaBodyJson(Approval)(response)
    yield* Console.log(`GET  /approvals/:id  ${response.status}  ${JSON.stringify(approval)}`)
    return approval
  })
  yield* Effect.repeat(getApproval, {
    until: ({ status }) => status !== "pending",
    schedule: Schedule.spaced("1 second")
  })
})

await Effect.runPromise(visitor.pipe(Effect.provide(Layer.merge(Server, NodeHttpClient.layerUndici))))
