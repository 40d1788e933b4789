import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery, PendingAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Clock, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { advanceUntilDone } from "./support/TestTime.ts"

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

const polls = Effect.map(endpoints, (all) => all.filter((one) => one.startsWith("token")))

/** How an effect ends within ten minutes, and at which second. */
const ending = <A, E extends { readonly reason: { readonly _tag: string } }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* effect.pipe(
      Effect.match({ onFailure: ({ reason }) => reason._tag, onSuccess: (value) => value }),
      Effect.flatMap((end) => Effect.map(Clock.currentTimeMillis, (now) => ({ end, at: now / 1000 }))),
      Effect.forkChild
    )
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

const subject = Effect.map(Ciba.authenticate(request), ({ subject }) => subject)

describe("Ciba.authenticate", () => {
  it.effect("discovers, sends the request, fetches the keys, polls and verifies, in this order (T-34)", () =>
    Effect.gen(function* () {
      expect((yield* ending(subject)).end).toBe("jo")
      expect(yield* endpoints).toEqual(["discovery 0", "keys 0", "backchannel 0", "token 5", "token 10", "token 15"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve({ after: "12 seconds" }) })))
  )

  it.effect("fails at the next poll after the end-user has denied the request, and sends nothing after it (H13)", () =>
    Effect.gen(function* () {
      expect(yield* ending(subject)).toEqual({ end: "AccessDenied", at: 15 })
      expect(yield* endpoints).toEqual(["discovery 0", "keys 0", "backchannel 0", "token 5", "token 10", "token 15"])
    }).pipe(Effect.provide(flow({ user: TestUser.deny({ after: "12 seconds" }) })))
  )

  it.effect(
    "fails when the end-user does not decide, after a last poll just before the expiry, and sends nothing then (F9, H18)",
    () =>
      Effect.gen(function* () {
        expect(yield* ending(subject)).toEqual({ end: "ExpiredToken", at: 19 })
        expect(yield* polls).toEqual(["token 5", "token 10", "token 19"])
      }).pipe(Effect.provide(flow({ user: TestUser.ignore, expiresIn: "20 seconds" })))
  )

  it.effect("sends the request once and does not poll when the provider refuses it", () =>
    Effect.gen(function* () {
      expect(yield* ending(Ciba.authenticate({ ...request, hint: UserHint.login("unknown") }))).toEqual({
        end: "UnknownUserId",
        at: 0
      })
      expect(yield* endpoints).toEqual(["discovery 0", "keys 0", "backchannel 0"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )
})

describe("Ciba.complete", () => {
  it.effect("gives all callers that wait for one request the same identity, for one redemption (H3)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Ciba.complete(pending)))
      yield* TestClock.adjust("5 seconds")
      const identities = yield* Effect.forEach(waits, Fiber.join)
      expect(identities.map(({ subject }) => subject)).toEqual(["jo", "jo", "jo"])
      expect(yield* polls).toEqual(["token 5"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )

  const refusals = [
    ["expired_token", "ExpiredToken", "H12"],
    ["access_denied", "AccessDenied", "H13"],
    ["invalid_grant", "InvalidGrant", "H14"],
    ["invalid_request", "InvalidRequest", "H15"],
    ["invalid_client", "InvalidClient", "H16"],
    ["unauthorized_client", "UnauthorizedClient", "H16"],
    ["teapot", "Unrecognized", "H16, T-7"]
  ] as const
  for (const [code, tag, rows] of refusals) {
    it.effect(`ends with ${code} and sends nothing after it, although the end-user approves later (${rows})`, () =>
      Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        expect(yield* ending(Ciba.complete(pending))).toEqual({ end: tag, at: 5 })
        expect(yield* polls).toEqual(["token 5"])
      }).pipe(
        Effect.provide(
          flow({ user: TestUser.approve(), tokenScript: ProviderScript.make([ProviderScript.error(code)]) })
        )
      )
    )
  }

  const invalidResponses: ReadonlyArray<readonly [what: string, end: string, provider: ProviderOptions]> = [
    ["an ID Token for another client", "WrongAudience", { idTokenClaims: (claims) => ({ ...claims, aud: "another" }) }],
    ["an ID Token that no published key has signed", "UnknownKey", { idTokenHeaderKeyId: "another-key" }],
    ["another type of token", "UnexpectedTokenType", { tokenResponse: (body) => ({ ...body, token_type: "mac" }) }],
    ["a response without an ID Token", "InvalidTokenResponse", { tokenResponse: ({ id_token: _, ...body }) => body }]
  ]
  for (const [what, end, provider] of invalidResponses) {
    it.effect(`does not redeem the auth_req_id again after ${what} (H19)`, () =>
      Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        const first = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
        yield* TestClock.adjust("5 seconds")
        yield* advanceUntilDone(first, "30 seconds")
        expect((yield* Fiber.join(first)).reason._tag).toBe(end)
        expect((yield* Effect.flip(Ciba.complete(pending))).reason._tag).toBe("AlreadyRedeemed")
        yield* TestClock.adjust("10 minutes")
        expect((yield* Effect.flip(Ciba.complete(pending))).reason._tag).toBe("AlreadyRedeemed")
        expect(yield* polls).toEqual(["token 5"])
      }).pipe(Effect.provide(flow({ user: TestUser.approve(), ...provider })))
    )
  }

  it.effect("does not poll before the keys are fetched, and can be called again (T-34)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Ciba.initiate(request))
      expect(error).toMatchObject({ _tag: "DiscoveryError", reason: { status: 503 } })
      expect(yield* endpoints).toEqual(["discovery 0", "keys 0"])
      const pending = yield* Ciba.initiate(request)
      const again = yield* Effect.forkChild(Ciba.complete(pending))
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.join(again)).subject).toBe("jo")
      expect(yield* polls).toEqual(["token 5"])
    }).pipe(
      Effect.provide(flow({ user: TestUser.approve(), keysScript: ProviderScript.make([ProviderScript.status(503)]) }))
    )
  )

  it.effect("verifies with the cached keys when they cannot be fetched again (T-34)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.complete(pending)))
      yield* TestClock.adjust("3 hours")
      expect(Exit.isSuccess(yield* Fiber.join(wait))).toBe(true)
      expect((yield* endpoints).filter((one) => one.startsWith("keys"))).toEqual(["keys 0", "keys 7200"])
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
    ["issuer", { issuer: "https://another.test" }],
    ["issuer by a slash", { issuer: "https://provider.test/" }]
  ] as const) {
    it.effect(`rejects a pending authentication of another ${what}, and does not send its auth_req_id`, () =>
      Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        const foreign = PendingAuthentication.PendingAuthentication.make({ ...pending, ...change })
        const { reason } = yield* Effect.flip(Ciba.complete(foreign))
        const { clientId, issuer } = foreign
        expect({ ...reason }).toEqual({ _tag: "ClientMismatch", clientId, issuer })
        yield* TestClock.adjust("10 minutes")
        expect(yield* endpoints).toEqual(["discovery 0", "keys 0", "backchannel 0"])
      }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
    )
  }

  it.effect("verifies an ID Token signed with a key that was published after the first fetch (A13, T-34)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* TestClock.adjust("2 seconds")
      yield* provider.rotateKeys
      yield* TestClock.adjust("3 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect((yield* endpoints).filter((request) => request.startsWith("keys"))).toEqual(["keys 0", "keys 5"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )

  it.effect("does not let a pending authentication of another client join a wait", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      const foreign = PendingAuthentication.PendingAuthentication.make({ ...pending, clientId: "another" })
      expect(yield* Effect.flip(Ciba.complete(foreign))).toMatchObject({ reason: { _tag: "ClientMismatch" } })
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )

  it.effect("retains the token response while the key that signed it cannot be fetched (T-34)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* TestTime.advance("2 seconds")
      yield* provider.rotateKeys
      yield* TestTime.advance("83 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      const sent = yield* endpoints
      expect(sent.filter((request) => request.startsWith("token"))).toEqual(["token 5"])
      expect(sent.filter((request) => request.startsWith("keys"))).toEqual(["keys 0", "keys 5", "keys 36", "keys 66"])
    }).pipe(
      Effect.provide(
        flow({
          user: TestUser.approve(),
          keysScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.status(503), ProviderScript.reset])
        }).pipe(Layer.provideMerge(TestTime.layer))
      )
    )
  )

  it.effect("sends no trace id to the provider", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(wait)
      const names = (yield* provider.requests).flatMap(({ headers }) => Object.keys(headers))
      expect(names).toContain("accept")
      expect(names.filter((name) => /trace|^b3$/.test(name))).toEqual([])
    }).pipe(Effect.withSpan("caller"), Effect.provide(flow({ user: TestUser.approve() })))
  )

  it.effect("refuses to poll for a push client, and sends nothing (H24)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const pushed = PendingAuthentication.PendingAuthentication.make({ ...pending, deliveryMode: "push" })
      expect((yield* Effect.flip(Ciba.complete(pushed))).reason._tag).toBe("PushDelivery")
      yield* TestClock.adjust("10 minutes")
      expect(yield* polls).toEqual([])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )

  it.effect("fetches no keys when ID Tokens are signed with the client secret", () =>
    Effect.gen(function* () {
      expect((yield* ending(subject)).end).toBe("jo")
      expect(yield* endpoints).toEqual(["discovery 0", "backchannel 0", "token 5"])
    }).pipe(
      Effect.provide(
        Ciba.layer({ issuer: "https://provider.test", ...client, idTokenSignedResponseAlg: "HS256" }).pipe(
          Layer.provideMerge(
            TestProvider.layer({
              user: TestUser.approve(),
              client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "HS256" })
            })
          )
        )
      )
    )
  )
})

it.effect("a client with static metadata sends no discovery request (A2)", () =>
  Effect.gen(function* () {
    expect((yield* ending(subject)).end).toBe("jo")
    expect(yield* endpoints).toEqual(["keys 0", "backchannel 0", "token 5"])
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
