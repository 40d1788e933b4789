/**
 * A client in ping mode. The provider pings the notification endpoint after the end-user's decision, and one token request
 * completes the wait, although polls would be a minute apart. After a lost ping the next poll finds the decision.
 *
 * The flow and the endpoint share one `NotificationInbox`. The endpoint uses http here, at a port of its own; in production
 * give `NodeNotificationServer` a certificate (`tls`), or add `NotificationReceiver.route` to an existing server.
 */
import { Ciba, ClientAuthentication, NotificationInbox, UserHint } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Console, Effect, Fiber, Layer } from "effect"
import { HttpServer } from "effect/http"

const Endpoint = NodeNotificationServer.layer({ path: "/ciba", port: 0, host: "127.0.0.1" })

const Provider = Layer.unwrap(
  HttpServer.addressFormattedWith((address) =>
    Effect.succeed(
      TestProvider.layer({
        client: TestClient.clientSecretBasic({ notification: { deliveryMode: "ping", url: `${address}/ciba` } }),
        interval: "1 minute"
      })
    )
  )
)

const CibaLive = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
  deliveryMode: "ping"
}).pipe(Layer.provideMerge(Provider), Layer.provide(Endpoint), Layer.provide(NotificationInbox.layer))

const program = Effect.gen(function* () {
  const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  const waiting = yield* Effect.forkChild(Ciba.complete(pending))

  const provider = yield* TestProvider.TestProvider
  yield* provider.approve(pending.authReqId)
  const ping = yield* provider.notification()
  const { status } = yield* Effect.promise(() => fetch(ping))
  yield* Console.log(`The provider pings ${new URL(ping.url).pathname}: status ${status}.`)

  const identity = yield* Fiber.join(waiting)
  const polls = yield* provider.polls
  yield* Console.log(`${identity.subject} approved; token requests: ${polls.length}.`)
})

await Effect.runPromise(Effect.provide(program, CibaLive))
