import { assert, describe, it } from "@effect/vitest"
import { Ciba, UserHint } from "@effect-ciba/core"
import { CibaTest, ForgedToken, TestTime, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"

const outcome = TestTime.fastForward(
  Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
).pipe(Effect.match({ onSuccess: () => "accepted", onFailure: ({ reason }) => reason._tag }))

const modes = [
  ["poll", ForgedToken.inEveryMode],
  ["ping", ForgedToken.inEveryMode],
  ["push", [...ForgedToken.inEveryMode, ...ForgedToken.inPushMode]]
] as const

describe("ForgedToken", () => {
  for (const [deliveryMode, all] of modes) {
    for (const forged of all) {
      it.effect(`is refused by ${deliveryMode}: a token response with ${forged.name}`, () =>
        Effect.gen(function* () {
          const options = { deliveryMode, ...(yield* forged.provider), user: TestUser.approve({ after: "3 minutes" }) }
          assert.strictEqual(yield* Effect.provide(outcome, CibaTest.layer(options)), forged.reason)
        })
      )
    }

    it.effect(`differs from what is accepted by ${deliveryMode} in what is forged alone`, () =>
      Effect.gen(function* () {
        const honest = { deliveryMode, refreshTokens: true, user: TestUser.approve() }
        assert.strictEqual(yield* Effect.provide(outcome, CibaTest.layer(honest)), "accepted")
      })
    )
  }
})
