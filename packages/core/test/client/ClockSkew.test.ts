import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, ClockSkew, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { decodePart } from "../support/Jwt.ts"

const now = 30 * 24 * 3600

const authenticate = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
  Effect.map(({ subject }) => subject),
  Effect.catchTag("IdTokenError", ({ reason }) => Effect.succeed(reason._tag))
)

/** The outcome of a flow on a machine whose clock is behind that of the provider. */
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
  const run = yield* authenticate.pipe(
    Effect.provide(flow),
    Effect.provide(correction),
    Effect.provideService(Clock.Clock, ClockSkew.make(clock, { hours: -hours })),
    Effect.forkChild
  )
  yield* TestClock.adjust("5 seconds")
  return yield* Fiber.join(run)
})

describe("ClockSkew", () => {
  for (const [what, hours, reason] of [
    ["two hours behind", 2, "NotYetValid"],
    ["two hours ahead", -2, "Expired"]
  ] as const) {
    it.effect(`corrects a clock that is ${what}: ID Tokens are validated at the correct time`, () =>
      Effect.gen(function* () {
        expect(yield* outcome(hours, ClockSkew.layer({ hours }))).toBe("jo")
      })
    )

    it.effect(`is needed for a clock that is ${what}: without it the ID Token is refused`, () =>
      Effect.gen(function* () {
        expect(yield* outcome(hours, Layer.empty)).toBe(reason)
      })
    )
  }

  it.effect("corrects the time of client assertions", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      const { credentials } = ClientAuthentication.clientSecretJwt(TestClient.secret)
      const target = { clientId: "test", issuer: "https://op.test", endpoint: "https://op.test/token" }
      const { parameters } = yield* Effect.provide(credentials(target), ClockSkew.layer("-1 hour"))
      const jwt = Redacted.value(parameters).find(([name]) => name === "client_assertion")?.[1]
      expect(yield* decodePart(jwt ?? "", 1)).toMatchObject({ iat: 23 * 3600 })
    })
  )

  it.effect("changes the wall clock alone, and not the monotonic clock", () =>
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
