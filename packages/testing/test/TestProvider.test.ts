import { assert, describe, it } from "@effect/vitest"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { TestClient, TestKeys, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import { Clock, type Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as RawClient from "./support/RawClient.ts"

/** Polls as a program does: each poll with a timeout, and a wait after each response. */
const pollUntilDecided = (authReqId: string, interval: Duration.Input) =>
  Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(interval)
      const response = yield* Effect.timeout(RawClient.poll(authReqId), "35 seconds")
      if (response.body.error !== "authorization_pending") return response
    }
  })

describe("the TestClock", () => {
  it.effect("controls the provider: five minutes of polling pass in one adjustment, at exact times", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const fiber = yield* Effect.forkChild(
        Effect.flatMap(RawClient.obtainAuthReqId(), (id) => pollUntilDecided(id, "5 seconds"))
      )
      yield* TestClock.adjust("5 minutes")
      const { body } = yield* Fiber.join(fiber)
      assert.propertyVal(yield* RawClient.decodePart(body.id_token, 1), "iat", 245)
      const polls = yield* provider.polls
      assert.deepStrictEqual(
        polls,
        Array.from({ length: 49 }, (_, index) => (index + 1) * 5000)
      )
      const last = (yield* provider.requests).at(-1)
      assert.deepStrictEqual([last?.at, last?.respondedAt, last?.status], [245_000, 245_000, 200])
      assert.strictEqual(yield* provider.inFlightMax, 1)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "241 seconds" }) })))
  )

  it.effect("is TestTime for a program that signs between its polls: none is late", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256", "client")
      const assertion = Effect.gen(function* () {
        const exp = (yield* Clock.currentTimeMillis) / 1000 + 60
        const claims = { iss: TestClient.clientId, sub: TestClient.clientId, aud: RawClient.issuer, jti: `${exp}`, exp }
        return {
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: Redacted.value(yield* JsonWebToken.sign(claims, { key }))
        }
      })
      yield* Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const id = yield* RawClient.obtainAuthReqId(yield* assertion, null)
        const polling = Effect.delay(
          Effect.flatMap(assertion, (parameters) => RawClient.poll(id, parameters, null)),
          "5 seconds"
        )
        const fiber = yield* Effect.forkChild(Effect.repeat(polling, { until: ({ status }) => status === 200 }))
        yield* TestTime.advance("20 seconds")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* provider.polls, [5000, 10_000, 15_000, 20_000])
      }).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.privateKeyJwt(key.publicJwk),
            user: TestUser.approve({ after: "17 seconds" })
          }).pipe(Layer.provideMerge(TestTime.layer))
        )
      )
    })
  )
})

/** Polls, and gives the error code or the status. */
const poll = (authReqId: string) => Effect.map(RawClient.poll(authReqId), RawClient.outcome)

describe("approve and deny", () => {
  const provide = Effect.provide(TestProvider.layer({ pacing: "off" }))

  it.effect("decide on the latest request, or on the given one", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const first = yield* RawClient.obtainAuthReqId()
      const second = yield* RawClient.obtainAuthReqId()
      const pending = yield* provider.pending
      assert.deepStrictEqual(
        pending.map((request) => Redacted.value(request.authReqId)),
        [first, second]
      )
      yield* provider.approve()
      assert.strictEqual(yield* poll(first), "authorization_pending")
      assert.strictEqual(yield* poll(second), 200)
      const [left] = yield* provider.pending
      yield* provider.deny(left?.authReqId)
      assert.strictEqual(yield* poll(first), "access_denied")
      assert.deepStrictEqual(yield* provider.pending, [])
    }).pipe(provide)
  )

  it.effect("fail with NoPendingRequest if the request is unknown, decided or expired", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      assert.strictEqual((yield* Effect.flip(provider.approve()))._tag, "NoPendingRequest")
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual((yield* Effect.flip(provider.approve("another")))._tag, "NoPendingRequest")
      yield* provider.approve(id)
      assert.strictEqual((yield* Effect.flip(provider.deny(id)))._tag, "NoPendingRequest")
      yield* RawClient.obtainAuthReqId()
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Effect.flip(provider.approve()))._tag, "NoPendingRequest")
    }).pipe(provide)
  )
})

describe("an approval", () => {
  /** Polls, and gives claims of the ID Token, the scope and the authorization details. */
  const redeem = Effect.fnUntraced(function* (authReqId: string) {
    const { body } = yield* RawClient.poll(authReqId)
    const { acr, amr, sub } = yield* RawClient.decodePart(body.id_token, 1)
    const introspected = yield* RawClient.introspect(RawClient.text(body.access_token))
    assert.deepStrictEqual([introspected.sub, introspected.scope], [sub, body.scope])
    return { acr, amr, sub, scope: body.scope, details: body.authorization_details }
  })

  const details = [{ type: "payment", amount: "12.30" }, { type: "account" }]

  const obtain = RawClient.obtainAuthReqId({
    acr_values: "gold silver",
    authorization_details: JSON.stringify(details)
  })

  it.effect("grants all that was requested, as the end-user who was asked, by default", () =>
    Effect.gen(function* () {
      const id = yield* obtain
      yield* (yield* TestProvider.TestProvider).approve(id)
      assert.deepStrictEqual(yield* redeem(id), {
        acr: "gold",
        amr: undefined,
        sub: "jo",
        scope: "openid profile",
        details
      })
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  const approval: TestUser.Approval = {
    as: "ann",
    acr: "silver",
    amr: ["pin", "hwk"],
    scope: ["openid"],
    authorizationDetails: (requested) => requested.slice(0, 1)
  }

  const expected = {
    acr: "silver",
    amr: ["pin", "hwk"],
    sub: "ann",
    scope: "openid",
    details: details.slice(0, 1)
  }

  it.effect("is of another end-user, of another kind and narrower, if the test says so", () =>
    Effect.gen(function* () {
      const { approve } = yield* TestProvider.TestProvider
      const [first, second] = [yield* obtain, yield* obtain]
      yield* approve({ ...approval, authReqId: first })
      yield* approve({ authorizationDetails: [] })
      assert.deepStrictEqual(yield* redeem(first), expected)
      assert.deepStrictEqual((yield* redeem(second)).details, [])
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("is the same from an end-user who decides by themselves", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* redeem(yield* obtain), expected)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve(approval) })))
  )
})

it.effect("refuses authorization details of a type that is not accepted, or without one", () =>
  Effect.gen(function* () {
    const outcome = (authorization_details: string) =>
      Effect.map(RawClient.initiate({ authorization_details }), RawClient.outcome)
    assert.strictEqual(yield* outcome('[{"type":"payment"}]'), 200)
    for (const refused of ['[{"type":"payment"},{"type":"account"}]', '[{"amount":"12.30"}]', "[]", "{", '"payment"']) {
      assert.strictEqual(yield* outcome(refused), "invalid_authorization_details")
    }
    const { body } = yield* RawClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
    assert.deepStrictEqual(body.authorization_details_types_supported, ["payment"])
  }).pipe(Effect.provide(TestProvider.layer({ authorizationDetailsTypes: ["payment"] })))
)
