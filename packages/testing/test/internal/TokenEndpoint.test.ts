import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

/** Polls, and gives the error code or the status. */
const poll = (authReqId: string) => Effect.map(RawClient.poll(authReqId), RawClient.outcome)

const other = TestClient.clientSecretPost({ clientId: "other", secret: Redacted.make("another") })

const asOther = { client_id: "other", client_secret: "another" }

const provide = (options: ProviderOptions = {}) =>
  Effect.provide(
    TestProvider.layer({
      client: [TestClient.clientSecretBasic(), other],
      user: TestUser.approve(),
      refreshTokens: true,
      ...options
    })
  )

const refresh = (
  token: string,
  parameters: RawClient.Parameters = {},
  authorization: string | null = RawClient.defaultBasic
) => RawClient.post("/token", { grant_type: "refresh_token", refresh_token: token, ...parameters }, authorization)

describe("the CIBA grant", () => {
  it.effect("responds with authorization_pending until the end-user approves, and issues tokens once", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* poll(id), 200)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* poll(id), "invalid_grant")
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "12 seconds" }) })))
  )

  it.effect("responds with access_denied when the end-user denies", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust("5 seconds")
      const response = yield* RawClient.poll(id)
      assert.deepStrictEqual([response.status, response.body.error], [400, "access_denied"])
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.deny({ after: "5 seconds" }) })))
  )

  it.effect("responds with expired_token from the expiry on, even if the end-user approves too late", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      yield* TestClock.adjust(119_999)
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* poll(id), "expired_token")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* poll(id), "expired_token")
    }).pipe(
      Effect.provide(TestProvider.layer({ expiresIn: "2 minutes", user: TestUser.approve({ after: "2 minutes" }) }))
    )
  )

  it.effect("responds to each request by the decision of its end-user", () =>
    Effect.gen(function* () {
      const jo = yield* RawClient.obtainAuthReqId()
      const ann = yield* RawClient.obtainAuthReqId({ login_hint: "ann@example.com" })
      assert.strictEqual(yield* poll(jo), 200)
      assert.strictEqual(yield* poll(ann), "access_denied")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          user: [TestUser.approve(), TestUser.deny({ subject: "ann", loginHint: "ann@example.com" })]
        })
      )
    )
  )
})

describe("pacing", () => {
  it.effect("responds with slow_down to a poll sooner than the interval, which grows by 5 seconds each time", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* poll(id), "slow_down")
      yield* TestClock.adjust(9999)
      assert.strictEqual(yield* poll(id), "slow_down")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* poll(id), "authorization_pending")
      yield* TestClock.adjust(14_999)
      assert.strictEqual(yield* poll(id), "slow_down")
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("requires 5 seconds between polls if the interval is omitted", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      yield* poll(id)
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* poll(id), "slow_down")
    }).pipe(Effect.provide(TestProvider.layer({ interval: "omitted" })))
  )

  it.effect("requires the interval after the acknowledgement, too, with from-acknowledgement", () =>
    Effect.gen(function* () {
      const early = yield* RawClient.obtainAuthReqId()
      const punctual = yield* RawClient.obtainAuthReqId()
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* poll(early), "slow_down")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* poll(punctual), "authorization_pending")
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "from-acknowledgement" })))
  )

  it.effect("accepts every poll with off", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.deepStrictEqual(yield* Effect.all([poll(id), poll(id)]), [
        "authorization_pending",
        "authorization_pending"
      ])
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off" })))
  )
})

describe("the token endpoint", () => {
  it.effect("responds with invalid_grant to an unknown auth_req_id and to that of another client", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* poll("unknown"), "invalid_grant")
      const id = yield* RawClient.obtainAuthReqId()
      const stolen = yield* RawClient.poll(id, { client_id: "other" }, null)
      assert.strictEqual(RawClient.outcome(stolen), "invalid_grant")
      assert.strictEqual(yield* poll(id), 200)
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

  it.effect("requires a supported grant_type and an auth_req_id", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id, { grant_type: undefined })), "invalid_request")
      assert.strictEqual(
        RawClient.outcome(yield* RawClient.poll(id, { grant_type: "password" })),
        "unsupported_grant_type"
      )
      assert.strictEqual(yield* poll(""), "invalid_request")
    }).pipe(Effect.provide(TestProvider.layer()))
  )
})

describe("the refresh token grant", () => {
  it.effect("issues new tokens for the same end-user once per refresh token", () =>
    Effect.gen(function* () {
      const first = yield* RawClient.issueTokens
      yield* TestClock.adjust("1 minute")
      const { body, status } = yield* refresh(first.refresh)
      assert.strictEqual(status, 200)
      assert.strictEqual(body.scope, "openid profile")
      assert.notInclude([first.access, first.refresh], RawClient.text(body.access_token))
      assert.deepInclude(yield* RawClient.decodePart(body.id_token, 1), { sub: "jo", auth_time: 0, iat: 60 })
      assert.strictEqual(RawClient.outcome(yield* refresh(first.refresh)), "invalid_grant")
      assert.strictEqual(RawClient.outcome(yield* refresh(RawClient.text(body.refresh_token))), 200)
    }).pipe(provide())
  )

  it.effect("issues tokens for less scope and not for more, and the next refresh token has all of it again", () =>
    Effect.gen(function* () {
      const first = yield* RawClient.issueTokens
      assert.strictEqual(RawClient.outcome(yield* refresh(first.refresh, { scope: "openid email" })), "invalid_scope")
      const { body } = yield* refresh(first.refresh, { scope: "openid" })
      assert.strictEqual(body.scope, "openid")
      assert.strictEqual((yield* refresh(RawClient.text(body.refresh_token))).body.scope, "openid profile")
    }).pipe(provide())
  )

  it.effect("accepts a refresh token of the authenticated client alone, and no other token", () =>
    Effect.gen(function* () {
      const first = yield* RawClient.issueTokens
      assert.strictEqual(RawClient.outcome(yield* refresh(first.refresh, asOther, null)), "invalid_grant")
      assert.strictEqual(RawClient.outcome(yield* refresh(first.access)), "invalid_grant")
      assert.strictEqual(RawClient.outcome(yield* refresh("")), "invalid_request")
      assert.strictEqual(
        RawClient.outcome(yield* refresh(first.refresh, {}, RawClient.basic("test-client", "x"))),
        "invalid_client"
      )
    }).pipe(provide())
  )

  it.effect("is unsupported, and no refresh token is issued, without the option refreshTokens", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* RawClient.issueTokens).refresh, "")
      assert.strictEqual(RawClient.outcome(yield* refresh("any")), "unsupported_grant_type")
    }).pipe(provide({ refreshTokens: false }))
  )
})
