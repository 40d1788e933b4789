import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

const other = TestClient.clientSecretPost({ clientId: "other", secret: Redacted.make("another") })

const asOther = { client_id: "other", client_secret: "another" }

const provide = Effect.provide(
  TestProvider.layer({
    client: [TestClient.clientSecretBasic(), other],
    user: TestUser.approve(),
    refreshTokens: true
  })
)

const revoke = (
  token: string,
  parameters: RawClient.Parameters = {},
  authorization: string | null = RawClient.defaultBasic
) =>
  Effect.map(
    RawClient.send(
      "/revocation",
      [["token", token], ...Object.entries(parameters).map(([name, value]) => [name, value ?? ""] as const)],
      authorization
    ),
    ({ status }) => status
  )

describe("introspection", () => {
  it.effect("responds to a client with the claims of its tokens as long as they are valid", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* RawClient.issueTokens
      const common = {
        active: true,
        iss: RawClient.issuer,
        client_id: "test-client",
        sub: "jo",
        scope: "openid profile",
        iat: 0
      }
      assert.deepStrictEqual(yield* RawClient.introspect(access), { ...common, exp: 3600, token_type: "Bearer" })
      assert.deepStrictEqual(yield* RawClient.introspect(refresh), common)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* RawClient.introspect(access), { active: false })
      assert.deepStrictEqual(yield* RawClient.introspect(refresh), common)
    }).pipe(provide)
  )

  it.effect(
    "responds with active false for other tokens, and with an error without client authentication or token",
    () =>
      Effect.gen(function* () {
        const { access } = yield* RawClient.issueTokens
        assert.deepStrictEqual(yield* RawClient.introspect(access, asOther, null), { active: false })
        assert.deepStrictEqual(yield* RawClient.introspect("unknown"), { active: false })
        assert.strictEqual(
          (yield* RawClient.introspect(access, {}, RawClient.basic("test-client", "x"))).error,
          "invalid_client"
        )
        assert.strictEqual((yield* RawClient.introspect("")).error, "invalid_request")
      }).pipe(provide)
  )
})

describe("revocation", () => {
  it.effect("revokes an access token without its refresh token, and responds alike to an unknown token", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* RawClient.issueTokens
      assert.strictEqual(yield* revoke(access), 200)
      assert.deepStrictEqual(yield* RawClient.introspect(access), { active: false })
      assert.strictEqual((yield* RawClient.introspect(refresh)).active, true)
      assert.strictEqual(yield* revoke(access), 200)
    }).pipe(provide)
  )

  it.effect("revokes all tokens of an approval with its refresh token, and none of another approval", () =>
    Effect.gen(function* () {
      const one = yield* RawClient.issueTokens
      const another = yield* RawClient.issueTokens
      assert.strictEqual(yield* revoke(one.refresh), 200)
      const active = yield* Effect.forEach([one.access, one.refresh, another.access, another.refresh], (token) =>
        Effect.map(RawClient.introspect(token), (body) => body.active)
      )
      assert.deepStrictEqual(active, [false, false, true, true])
    }).pipe(provide)
  )

  it.effect("revokes nothing for another client, or without client authentication or token", () =>
    Effect.gen(function* () {
      const { access } = yield* RawClient.issueTokens
      assert.strictEqual(yield* revoke(access, asOther, null), 200)
      assert.strictEqual(yield* revoke(access, {}, RawClient.basic("test-client", "x")), 401)
      assert.strictEqual(yield* revoke(""), 400)
      assert.strictEqual((yield* RawClient.introspect(access)).active, true)
    }).pipe(provide)
  )
})
