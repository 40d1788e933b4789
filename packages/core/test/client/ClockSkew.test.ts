import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, ClockSkew, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { decodePart } from "../support/Jwt.ts"

const now = 30 * 24 * 3600

const asked = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
  Effect.map(({ subject }) => subject),
  Effect.catchTag("IdTokenError", ({ reason }) => Effect.succeed(reason._tag))
)

/** How a flow ends on a machine that is behind a provider on time. */
const outcome = Effect.fnUntraced(function* (hours: number, correction: Layer.Layer<never>) {
  yield* TestClock.adjust(Duration.seconds(now))
  const clock = yield* Clock.Clock
  const { client } = yield* TestProvider.make({ user: TestUser.approve() })
  const onTime = HttpClient.transform(client, Effect.provideService(Clock.Clock, clock))
  const flow = Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
  }).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, onTime)))
  const run = yield* asked.pipe(
    Effect.provide(flow),
    Effect.provide(correction),
    Effect.provideService(Clock.Clock, ClockSkew.make(clock, { hours: -hours })),
    Effect.forkChild
  )
  yield* TestClock.adjust("5 seconds")
  return yield* Fiber.join(run)
})

describe("a machine's wrong clock", () => {
  for (const [what, hours, unbelieved] of [
    ["two hours behind", 2, "NotYetValid"],
    ["two hours ahead", -2, "Expired"]
  ] as const) {
    it.effect(`is put right where it is ${what}: tokens are judged by the true time`, () =>
      Effect.gen(function* () {
        expect(yield* outcome(hours, ClockSkew.layer({ hours }))).toBe("jo")
      })
    )

    it.effect(`is what the client goes by where nobody says that it is ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* outcome(hours, Layer.empty)).toBe(unbelieved)
      })
    )
  }

  it.effect("is put right for what is signed, too", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      const { credentials } = ClientAuthentication.clientSecretJwt(TestClient.secret)
      const target = { clientId: "test", issuer: "https://op.test", endpoint: "https://op.test/token" }
      const { parameters } = yield* Effect.provide(credentials(target), ClockSkew.layer("-1 hour"))
      const jwt = Redacted.value(parameters).find(([name]) => name === "client_assertion")?.[1]
      expect(yield* decodePart(jwt ?? "", 1)).toMatchObject({ iat: 23 * 3600 })
    })
  )

  it.effect("is changed in nothing but its wall time", () =>
    Effect.gen(function* () {
      const machine = yield* Clock.Clock
      const clock = ClockSkew.make(machine, "1500 millis")
      yield* TestClock.adjust("1 second")
      expect(clock.currentTimeMillisUnsafe()).toBe(2500)
      expect(yield* clock.currentTimeMillis).toBe(2500)
      expect(clock.currentTimeNanosUnsafe()).toBe(2_500_000_000n)
      expect(yield* clock.currentTimeNanos).toBe(2_500_000_000n)
      expect(clock.monotonicTimeNanosUnsafe()).toBe(machine.monotonicTimeNanosUnsafe())
      expect(yield* clock.monotonicTimeNanos).toBe(yield* machine.monotonicTimeNanos)
      const nap = yield* Effect.forkChild(clock.sleep(Duration.seconds(1)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(nap)
    })
  )
})
