import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

describe("UserHints", () => {
  it.effect("finds the end-user of a login_hint_token, and rejects an expired one", () =>
    Effect.gen(function* () {
      const valid = { login_hint: undefined, login_hint_token: "for jo" }
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(valid)), 200)
      const expired = { login_hint: undefined, login_hint_token: "old" }
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(expired)), "expired_login_hint_token")
    }).pipe(
      Effect.provide(
        TestProvider.layer({ user: TestUser.approve({ loginHintToken: "for jo" }), expiredLoginHintTokens: ["old"] })
      )
    )
  )

  for (const algorithm of ["RS256", "HS256"] as const) {
    it.effect(`finds the end-user of an expired ID Token signed with ${algorithm}, and rejects a tampered one`, () =>
      Effect.gen(function* () {
        const response = yield* RawClient.poll(yield* RawClient.obtainAuthReqId({ login_hint: "ann@example.com" }))
        const idToken = RawClient.text(response.body.id_token)
        yield* TestClock.adjust("30 days")
        const again = yield* RawClient.poll(
          yield* RawClient.obtainAuthReqId({ login_hint: undefined, id_token_hint: idToken })
        )
        assert.propertyVal(yield* RawClient.decodePart(again.body.id_token, 1), "sub", "ann")
        const tampered = { login_hint: undefined, id_token_hint: `${idToken.slice(0, -4)}AAAA` }
        assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(tampered)), "unknown_user_id")
      }).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
            user: [TestUser.ignore, TestUser.approve({ subject: "ann", loginHint: "ann@example.com", after: 0 })]
          })
        )
      )
    )
  }
})
