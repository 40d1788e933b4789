/**
 * A client that is called instead of polling. The provider pings the notification endpoint when the person has decided,
 * and the wait ends at once: with one token request, although polls would be a minute apart. A ping that got lost would
 * cost no more than the time until the next poll.
 *
 * The flow and the endpoint share one `NotificationInbox`. The endpoint is on plain http here, at a port of its own; in
 * production give `NodeNotificationServer` a certificate (`tls`), or add `NotificationReceiver.route` to the server that
 * you have.
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
  yield* Console.log(`The provider calls ${new URL(ping.url).pathname}, and is answered with ${status}.`)

  const identity = yield* Fiber.join(waiting)
  const polls = yield* provider.polls
  yield* Console.log(`${identity.subject} approved; token requests: ${polls.length}.`)
})

await Effect.runPromise(Effect.provide(program, CibaLive))
