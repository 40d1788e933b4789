/**
 * How to test a program that authenticates end-users. Time is the `TestClock`'s: an approval after five minutes takes
 * milliseconds, and polls have exact instants. A script of responses injects faults.
 */
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"

const CibaTest = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}).pipe(
  Layer.provideMerge(
    TestProvider.layer({
      user: TestUser.approve({ after: "5 minutes" }),
      expiresIn: "10 minutes",
      interval: "30 seconds",
      tokenScript: ProviderScript.make([ProviderScript.reset, ProviderScript.html(502), ProviderScript.slowDown()])
    })
  )
)

const test = Effect.gen(function* () {
  const started = performance.now()
  const provider = yield* TestProvider.TestProvider
  const waiting = yield* Effect.forkChild(
    Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  )
  yield* TestClock.adjust("6 minutes")
  const identity = yield* Fiber.join(waiting)
  const polls = (yield* provider.polls).map((at) => at / 1000)
  yield* Console.log(`${identity.subject} approved; polls at ${polls.join(", ")} seconds`)
  yield* Console.log(`it took ${Math.round(performance.now() - started)} ms`)
})

await Effect.runPromise(test.pipe(Effect.provide(CibaTest), Effect.provide(TestClock.layer())))
