import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery, PendingAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"

const client = {
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}

const flow = (provider: ProviderOptions) =>
  Ciba.layer({ issuer: "https://provider.test", ...client }).pipe(Layer.provideMerge(TestProvider.layer(provider)))

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const endpoints = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (all) => all.map(({ at, endpoint }) => `${endpoint} ${at / 1000}`))
)

describe("Ciba.authenticate", () => {
  it.effect("discovers, asks, fetches the keys, waits, and verifies, in this order (T-34)", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("5 minutes")
      const identity = yield* Fiber.join(fiber)
      expect(identity).toMatchObject({ subject: "jo", issuer: "https://provider.test", tokenType: "Bearer" })
      expect(yield* endpoints).toEqual(["discovery 0", "backchannel 0", "keys 0", "token 5", "token 10", "token 15"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve({ after: "12 seconds" }) })))
  )

  it.effect("fails with the person's no (H13)", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(Ciba.authenticate(request)))
      yield* TestClock.adjust("5 minutes")
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TokenError", reason: { _tag: "AccessDenied" } })
    }).pipe(Effect.provide(flow({ user: TestUser.deny({ after: "12 seconds" }) })))
  )

  it.effect("fails when nobody answers in time (F9, H18)", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(Ciba.authenticate(request)))
      yield* TestClock.adjust("5 minutes")
      expect(yield* Fiber.join(fiber)).toMatchObject({ reason: { _tag: "ExpiredToken", local: true } })
    }).pipe(Effect.provide(flow({ user: TestUser.ignore, expiresIn: "1 minute" })))
  )
})

describe("Ciba.complete", () => {
  it.effect("gives all who wait for one request the same answer, for one redemption (H3)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Ciba.complete(pending)))
      yield* TestClock.adjust("5 seconds")
      const identities = yield* Effect.forEach(waits, Fiber.join)
      expect(identities.map(({ subject }) => subject)).toEqual(["jo", "jo", "jo"])
      expect((yield* endpoints).filter((request) => request.startsWith("token"))).toEqual(["token 5"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )

  it.effect("does not redeem again what could not be believed (H19)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const first = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(first)).toMatchObject({ reason: { _tag: "WrongAudience" } })
      const second = yield* Effect.flip(Ciba.complete(pending))
      expect(second).toMatchObject({ reason: { _tag: "AlreadyRedeemed" } })
      expect((yield* endpoints).filter((request) => request.startsWith("token"))).toEqual(["token 5"])
    }).pipe(
      Effect.provide(flow({ user: TestUser.approve(), idTokenClaims: (claims) => ({ ...claims, aud: "another" }) }))
    )
  )

  it.effect("sends nothing before the keys are there, and can be called again (T-34)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const error = yield* Effect.flip(Ciba.complete(pending))
      expect(error).toMatchObject({ _tag: "DiscoveryError", reason: { status: 503 } })
      const again = yield* Effect.forkChild(Ciba.complete(pending))
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.join(again)).subject).toBe("jo")
      expect((yield* endpoints).filter((request) => request.startsWith("token"))).toEqual(["token 5"])
    }).pipe(
      Effect.provide(flow({ user: TestUser.approve(), keysScript: ProviderScript.make([ProviderScript.status(503)]) }))
    )
  )

  it.effect("believes with the keys it holds when theirs cannot be fetched again (T-34)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.complete(pending)))
      yield* TestClock.adjust("3 hours")
      expect(Exit.isSuccess(yield* Fiber.join(wait))).toBe(true)
    }).pipe(
      Effect.provide(
        flow({
          user: TestUser.approve({ after: "2 hours" }),
          expiresIn: "4 hours",
          interval: "10 minutes",
          keysScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.reset])
        })
      )
    )
  )

  for (const [what, change] of [
    ["client", { clientId: "another" }],
    ["issuer", { issuer: "https://another.test" }]
  ] as const) {
    it.effect(`refuses what belongs to another ${what}, and sends nothing`, () =>
      Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        const foreign = new PendingAuthentication.PendingAuthentication({ ...pending, ...change })
        const error = yield* Effect.flip(Ciba.complete(foreign))
        expect(error).toMatchObject({ reason: { _tag: "ForeignAuthentication", ...change } })
        yield* TestClock.adjust("1 hour")
        expect((yield* endpoints).filter((request) => request.startsWith("token"))).toEqual([])
      }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
    )
  }

  it.effect("refuses to poll for a push client, and sends nothing (H24)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const pushed = new PendingAuthentication.PendingAuthentication({ ...pending, deliveryMode: "push" })
      expect(yield* Effect.flip(Ciba.complete(pushed))).toMatchObject({ reason: { _tag: "PushDelivery" } })
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )
})

it.effect("metadata at hand needs no discovery (A2)", () =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Ciba.authenticate(request))
    yield* TestClock.adjust("5 seconds")
    expect((yield* Fiber.join(fiber)).subject).toBe("jo")
    expect(yield* endpoints).not.toContain("discovery 0")
  }).pipe(
    Effect.provide(
      Ciba.layerNoDiscovery(client).pipe(
        Layer.provideMerge(
          Discovery.layerStatic({
            issuer: "https://provider.test",
            token_endpoint: "https://provider.test/token",
            backchannel_authentication_endpoint: "https://provider.test/backchannel",
            backchannel_token_delivery_modes_supported: ["poll"],
            jwks_uri: "https://provider.test/jwks"
          })
        ),
        Layer.provideMerge(TestProvider.layer({ user: TestUser.approve() }))
      )
    )
  )
)
