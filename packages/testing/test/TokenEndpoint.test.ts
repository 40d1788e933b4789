import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const polled = (authReqId: string) => Effect.map(Raw.poll(authReqId), Raw.outcome)

describe("the wait", () => {
  it.effect("is pending until the person approves, and gives tokens once", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* polled(id), 200)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* polled(id), "invalid_grant")
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "12 seconds" }) })))
  )

  it.effect("ends with access_denied when the person refuses", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust("5 seconds")
      const answer = yield* Raw.poll(id)
      assert.deepStrictEqual([answer.status, answer.body.error], [400, "access_denied"])
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.deny({ after: "5 seconds" }) })))
  )

  it.effect("ends with expired_token from the expiry on, even if the person approves too late", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      yield* TestClock.adjust(119_999)
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* polled(id), "expired_token")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* polled(id), "expired_token")
    }).pipe(
      Effect.provide(TestProvider.layer({ expiresIn: "2 minutes", user: TestUser.approve({ after: "2 minutes" }) }))
    )
  )

  it.effect("gives each person's request the answer of that person", () =>
    Effect.gen(function* () {
      const jo = yield* Raw.acknowledged()
      const ann = yield* Raw.acknowledged({ login_hint: "ann@example.com" })
      assert.strictEqual(yield* polled(jo), 200)
      assert.strictEqual(yield* polled(ann), "access_denied")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          user: [TestUser.approve(), TestUser.deny({ subject: "ann", loginHint: "ann@example.com" })]
        })
      )
    )
  )
})

describe("a test that decides for the person", () => {
  const provide = Effect.provide(TestProvider.layer({ pacing: "off" }))

  it.effect("approves the latest request, or the one it names", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const first = yield* Raw.acknowledged()
      const second = yield* Raw.acknowledged()
      const pending = yield* provider.pending
      assert.deepStrictEqual(
        pending.map((request) => Redacted.value(request.authReqId)),
        [first, second]
      )
      yield* provider.approve()
      assert.strictEqual(yield* polled(first), "authorization_pending")
      assert.strictEqual(yield* polled(second), 200)
      const [left] = yield* provider.pending
      yield* provider.deny(left?.authReqId)
      assert.strictEqual(yield* polled(first), "access_denied")
      assert.deepStrictEqual(yield* provider.pending, [])
    }).pipe(provide)
  )

  it.effect("cannot decide on a request that is unknown, decided or expired", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      assert.strictEqual((yield* Effect.flip(provider.approve()))._tag, "NoPendingRequest")
      const id = yield* Raw.acknowledged()
      assert.strictEqual((yield* Effect.flip(provider.approve("another")))._tag, "NoPendingRequest")
      yield* provider.approve(id)
      assert.strictEqual((yield* Effect.flip(provider.deny(id)))._tag, "NoPendingRequest")
      yield* Raw.acknowledged()
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Effect.flip(provider.approve()))._tag, "NoPendingRequest")
    }).pipe(provide)
  )
})

describe("the pace", () => {
  it.effect("is held: a poll sooner than the interval after the previous answer is told to slow down, for good", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* polled(id), "slow_down")
      yield* TestClock.adjust(9999)
      assert.strictEqual(yield* polled(id), "slow_down")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* polled(id), "authorization_pending")
      yield* TestClock.adjust(14_999)
      assert.strictEqual(yield* polled(id), "slow_down")
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("counts 5 seconds when the interval is omitted", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      yield* polled(id)
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* polled(id), "slow_down")
    }).pipe(Effect.provide(TestProvider.layer({ interval: "omitted" })))
  )

  it.effect("counts from the acknowledgement when it is told to", () =>
    Effect.gen(function* () {
      const early = yield* Raw.acknowledged()
      const punctual = yield* Raw.acknowledged()
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* polled(early), "slow_down")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* polled(punctual), "authorization_pending")
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "from-acknowledgement" })))
  )

  it.effect("is not held when it is off", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.deepStrictEqual(yield* Effect.all([polled(id), polled(id)]), [
        "authorization_pending",
        "authorization_pending"
      ])
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off" })))
  )
})

describe("a token request", () => {
  it.effect("for an unknown id, or for another client's, is an invalid_grant", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* polled("unknown"), "invalid_grant")
      const id = yield* Raw.acknowledged()
      const stolen = yield* Raw.poll(id, { client_id: "other" }, null)
      assert.strictEqual(Raw.outcome(stolen), "invalid_grant")
      assert.strictEqual(yield* polled(id), 200)
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          client: [TestClient.clientSecretBasic(), TestClient.none({ clientId: "other" })],
          user: TestUser.approve(),
          pacing: "off"
        })
      )
    )
  )

  it.effect("needs a grant type that the provider has, and an auth_req_id", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id, { grant_type: undefined })), "invalid_request")
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id, { grant_type: "password" })), "unsupported_grant_type")
      assert.strictEqual(yield* polled(""), "invalid_request")
    }).pipe(Effect.provide(TestProvider.layer()))
  )
})
