import { describe, expect, it } from "@effect/vitest"
import { BindingMessage } from "@effect-ciba/core"
import { Effect, Schema } from "effect"
import { repeating } from "../support/PredictableRandomness.ts"

const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(
  Schema.isMinLength(48),
  Schema.isMaxLength(48)
)

/** What Keycloak, Authlete and Raidiam accept; WSO2 accepts letters, digits and spaces. */
const strictest = /^[a-zA-Z0-9]{1,50}$/

describe("BindingMessage.generate", () => {
  it.effect.prop(
    "a generated binding message has six letters and digits that every provider accepts and none that look alike (C10, T-14)",
    [Bytes.check(Schema.makeFilter((bytes) => bytes[0] !== 255))],
    ([bytes]) =>
      Effect.gen(function* () {
        const message = yield* BindingMessage.generate
        expect(message).toMatch(strictest)
        expect(message).toMatch(/^[^IOL01]{6}$/)
        expect(message).toHaveLength(6)
        expect([BindingMessage.validate(message), BindingMessage.warnings(message)]).toEqual([undefined, []])
        expect(yield* Effect.provide(BindingMessage.generate, repeating(bytes))).toBe(message)
      }).pipe(Effect.provide(repeating(bytes)))
  )

  it.effect(
    "a generated binding message uses each character of its alphabet, the first and the last included (C10)",
    () =>
      Effect.gen(function* () {
        const generate = (byte: number) => Effect.provide(BindingMessage.generate, repeating([byte]))
        expect(yield* generate(0)).toBe("AAAAAA")
        expect(yield* generate(254)).toBe("999999")
        const letters = yield* Effect.forEach(
          Array.from({ length: 255 }, (_, byte) => byte),
          generate
        )
        expect(new Set(letters.map((message) => message.charAt(0))).size).toBe(31)
      })
  )

  it.effect("generated binding messages differ (C10)", () =>
    Effect.gen(function* () {
      const messages = yield* Effect.replicateEffect(BindingMessage.generate, 200)
      expect(new Set(messages).size).toBeGreaterThan(195)
    })
  )
})

describe("BindingMessage.validate and warnings", () => {
  const problems: ReadonlyArray<readonly [message: string, problem: string | undefined]> = [
    ["W4SCT", undefined],
    ["Grüße €1 🔑", undefined],
    ["x".repeat(10_000), undefined],
    ["", "it is empty"],
    [" \t", "it is empty"],
    ...["a\nb", "a\u0000", "a\u009fb", "a\u202eb", "a\u200bb", "\ue000", "a\u2028b", "a\u2029b"].map(
      (message) =>
        [message, "it contains control, format, private-use or line-separator characters; send plain text"] as const
    )
  ]
  for (const [message, problem] of problems) {
    it(`validate ${problem === undefined ? "accepts" : "rejects"} the binding message ${encodeURIComponent(message).slice(0, 20)} (C10)`, () => {
      expect(BindingMessage.validate(message)).toBe(problem)
    })
  }

  const warnings: ReadonlyArray<readonly [message: string, warnings: ReadonlyArray<string>]> = [
    ["W4SCT", []],
    ["x".repeat(50), []],
    ["x".repeat(51), ["longer than 50 characters"]],
    ["Grüße", ["not plain ASCII"]],
    ["pay at https://shop.test", ["contains a URL"]],
    ["pay at WWW.shop.test", ["contains a URL"]],
    [`Überweisung an myapp://pay ${"x".repeat(30)}`, ["longer than 50 characters", "not plain ASCII", "contains a URL"]]
  ]
  for (const [message, expected] of warnings) {
    it(`warnings of the binding message ${message.slice(0, 26)}: ${expected.length === 0 ? "none" : expected.join(", ")} (C10, T-14)`, () => {
      expect(BindingMessage.warnings(message)).toEqual(expected)
    })
  }
})
