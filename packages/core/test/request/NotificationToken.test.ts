import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import * as NotificationToken from "../../src/request/NotificationToken.ts"
import { allDeliveryModes, cibaLayer, initiate, postBodies } from "../support/AuthenticationFlow.ts"
import { counting, repeating } from "../support/PredictableRandomness.ts"

const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(
  Schema.isMinLength(20),
  Schema.isMaxLength(20)
)

const validate = (token: string) => NotificationToken.validate(Redacted.make(token))

/** The client notification token in the form of a request. */
const tokenIn = (body: string | undefined) => new URLSearchParams(body).get("client_notification_token")

describe("NotificationToken.generate", () => {
  it.effect.prop(
    "a generated client notification token encodes 160 random bits, and is valid (C7)",
    [Bytes],
    ([bytes]) =>
      Effect.gen(function* () {
        const token = yield* NotificationToken.generate
        expect(NotificationToken.validate(token)).toBeUndefined()
        expect(Redacted.value(token)).toMatch(/^[\w-]{27}$/)
        expect(Result.map(Base64Url.decode(Redacted.value(token)), (read) => [...read])).toEqual(Result.succeed(bytes))
      }).pipe(Effect.provide(repeating(bytes)))
  )

  it.effect("two generated client notification tokens differ (C8)", () =>
    Effect.gen(function* () {
      const tokens = yield* Effect.replicateEffect(NotificationToken.generate, 2)
      expect(tokens.map(Redacted.value)).toEqual(["AQEBAQEBAQEBAQEBAQEBAQEBAQE", "AgICAgICAgICAgICAgICAgICAgI"])
    }).pipe(Effect.provide(counting()))
  )

  it.effect("a generated client notification token is printed as its label", () =>
    Effect.gen(function* () {
      const token = yield* NotificationToken.generate
      const shown = [inspect(token, { showHidden: true }), JSON.stringify(token), String(token)].join()
      expect(shown).not.toContain("AQEB")
      expect(shown).toContain("<redacted:client_notification_token>")
    }).pipe(Effect.provide(counting()))
  )
})

describe("NotificationToken.validate", () => {
  const accepted = [
    ["22 characters", "a".repeat(22)],
    ["1024 characters", "a".repeat(1024)],
    ["every character of the syntax", "ABCXYZabcxyz0189-._~+/"],
    ["padding at the end", `${"a".repeat(22)}==`]
  ] as const
  for (const [what, token] of accepted) {
    it(`accepts a client notification token with ${what} (C7)`, () => {
      expect(validate(token)).toBeUndefined()
    })
  }

  const syntax = "it is not a bearer token in the form of RFC 6750 section 2.1"
  const rejected = [
    [
      "21 characters",
      "a".repeat(21),
      "it is too short for 128 bits of randomness; leave it out to use a generated one"
    ],
    ["1025 characters", "a".repeat(1025), "it is longer than 1024 characters"],
    ["no character", "", syntax],
    ["nothing but padding", "=".repeat(22), syntax],
    ["padding in the middle", `${"a".repeat(11)}=${"a".repeat(11)}`, syntax],
    ["a space", `${"a".repeat(22)} a`, syntax],
    ["a comma", `${"a".repeat(22)},a`, syntax],
    ["a line break at the end", `${"a".repeat(22)}\n`, syntax],
    ["a letter beyond ASCII", `${"a".repeat(22)}ä`, syntax]
  ] as const
  for (const [what, token, problem] of rejected) {
    it(`rejects a client notification token with ${what} (C7)`, () => {
      expect(validate(token)).toBe(problem)
    })
  }
})

describe("client_notification_token", () => {
  for (const deliveryMode of ["ping", "push"] as const) {
    it.effect(`a request in ${deliveryMode} mode carries a new client notification token (C6, C8)`, () =>
      Effect.gen(function* () {
        const bodies = yield* Effect.forEach([1, 2], () => postBodies(initiate(), { deliveryMode }))
        const tokens = bodies.flat().map(tokenIn)
        expect(tokens).toEqual([expect.stringMatching(/^(\w{4})\1+/), expect.stringMatching(/^(\w{4})\1+/)])
        expect(new Set(tokens).size).toBe(2)
      }).pipe(Effect.provide(counting()))
    )

    it.effect(
      `a request in ${deliveryMode} mode carries the caller's client notification token, and the pending authentication has it (C6, F8)`,
      () =>
        Effect.gen(function* () {
          const mine = Redacted.make("my.own-token_of~22+chars/==")
          const [body] = yield* postBodies(initiate({ clientNotificationToken: mine }), { deliveryMode })
          expect(tokenIn(body)).toBe("my.own-token_of~22+chars/==")
          const pending = yield* Effect.provide(
            initiate({ clientNotificationToken: mine }),
            cibaLayer(allDeliveryModes, { deliveryMode })
          )
          expect(pending.clientNotificationToken && Redacted.value(pending.clientNotificationToken)).toBe(
            Redacted.value(mine)
          )
        })
    )
  }

  it.effect(
    "a request in poll mode carries no client notification token, not even the caller's, and the pending authentication has none (C6)",
    () =>
      Effect.gen(function* () {
        const mine = Redacted.make("t".repeat(27))
        const bodies = yield* Effect.forEach([{}, { clientNotificationToken: mine }], (options) =>
          postBodies(initiate(options))
        )
        expect(bodies.flat().map(tokenIn)).toEqual([null, null])
        const pending = yield* Effect.provide(initiate({ clientNotificationToken: mine }), cibaLayer())
        expect("clientNotificationToken" in pending).toBe(false)
      })
  )
})
