import { describe, expect, it } from "@effect/vitest"
import { BindingMessage } from "@effect-ciba/core"
import { Effect, Schema } from "effect"
import { repeating } from "../support/PredictableRandomness.ts"

const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(
  Schema.isMinLength(48),
  Schema.isMaxLength(48)
)

/** What Keycloak, Authlete and Raidiam take, and WSO2: letters, digits and space. */
const strictest = /^[a-zA-Z0-9]{1,50}$/

describe("a generated binding message", () => {
  it.effect.prop(
    "is six letters and digits that any provider takes and nobody mistakes (C10, T-14)",
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

  it.effect("is drawn from all letters alike, the last as well as the first (C10)", () =>
    Effect.gen(function* () {
      const generated = (byte: number) => Effect.provide(BindingMessage.generate, repeating([byte]))
      expect(yield* generated(0)).toBe("AAAAAA")
      expect(yield* generated(254)).toBe("999999")
      const letters = yield* Effect.forEach(
        Array.from({ length: 255 }, (_, byte) => byte),
        generated
      )
      expect(new Set(letters.map((message) => message.charAt(0))).size).toBe(31)
    })
  )

  it.effect("is another one each time (C10)", () =>
    Effect.gen(function* () {
      const messages = yield* Effect.replicateEffect(BindingMessage.generate, 200)
      expect(new Set(messages).size).toBeGreaterThan(195)
    })
  )
})

describe("a caller's own binding message", () => {
  const problems: ReadonlyArray<readonly [message: string, problem: string | undefined]> = [
    ["W4SCT", undefined],
    ["Grüße €1 🔑", undefined],
    ["x".repeat(10_000), undefined],
    ["", "it is empty"],
    [" \t", "it is empty"],
    ["a\nb", "it contains control characters; send plain text"],
    ["a\u0000", "it contains control characters; send plain text"],
    ["a\u009fb", "it contains control characters; send plain text"]
  ]
  for (const [message, problem] of problems) {
    it(`${JSON.stringify(message).slice(0, 20)} ${problem === undefined ? "is taken" : "is refused"} (C10)`, () => {
      expect(BindingMessage.validate(message)).toBe(problem)
    })
  }

  const advised: ReadonlyArray<readonly [message: string, advice: ReadonlyArray<string>]> = [
    ["W4SCT", []],
    ["x".repeat(50), []],
    ["x".repeat(51), ["longer than 50 characters"]],
    ["Grüße", ["not plain ASCII"]],
    ["pay at https://shop.test", ["contains a URL"]],
    ["pay at WWW.shop.test", ["contains a URL"]],
    [`Überweisung an myapp://pay ${"x".repeat(30)}`, ["longer than 50 characters", "not plain ASCII", "contains a URL"]]
  ]
  for (const [message, advice] of advised) {
    it(`${message.slice(0, 26)} comes with ${advice.length === 0 ? "no advice" : advice.join(", ")} (C10, T-14)`, () => {
      expect(BindingMessage.warnings(message)).toEqual(advice)
    })
  }
})
