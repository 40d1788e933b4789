/**
 * Authenticates an end-user by polling, and handles each way in which that can end.
 *
 * It runs against a provider in memory. For a real one, replace `Provider` by `NodeHttpClient.layerUndici`, or `CibaLive`
 * by `NodeCiba.layer`, and set your own issuer and client.
 */
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, Layer } from "effect"

const Provider = TestProvider.layer({ user: TestUser.approve({ after: "1500 millis" }), interval: "1 second" })

const CibaLive = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}).pipe(Layer.provide(Provider))

const program = Effect.gen(function* () {
  const pending = yield* Ciba.initiate({
    scope: ["openid"],
    hint: UserHint.login("jo@example.com"),
    bindingMessage: "W4SCT"
  })
  yield* Console.log(`Please approve ${pending.bindingMessage} on your phone.`)
  const identity = yield* Ciba.complete(pending)
  return `It is ${identity.subject}.`
}).pipe(
  Effect.catchReasons("TokenError", {
    AccessDenied: () => Effect.succeed("The end-user denied."),
    ExpiredToken: () => Effect.succeed("The request expired without a decision."),
    OutcomeUnknown: () => Effect.succeed("The end-user may have approved: ask before you send another request.")
  })
)

await Effect.runPromise(program.pipe(Effect.flatMap(Console.log), Effect.provide(CibaLive)))
