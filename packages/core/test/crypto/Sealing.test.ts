import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Sealing } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"

const text = Redacted.make("marker text")

const failureOf = (sealed: string, keys: Sealing.Keys) =>
  Effect.map(Effect.flip(Sealing.open(sealed, keys)), ({ message }) => message)

describe("Sealing", () => {
  it.effect("opens a text with the key that sealed it, also after a key rotation", () =>
    Effect.gen(function* () {
      const [old, current] = yield* Effect.all([Sealing.generate("old"), Sealing.generate("current")])
      const sealed = yield* Sealing.seal(text, [old])
      expect(sealed).not.toContain("marker")
      expect(Redacted.value(yield* Sealing.open(sealed, [old]))).toBe("marker text")
      expect(Redacted.value(yield* Sealing.open(sealed, [current, old]))).toBe("marker text")
    })
  )

  it.effect("seals a text differently each time", () =>
    Effect.gen(function* () {
      const key = yield* Sealing.generate("k")
      const sealed = yield* Effect.replicateEffect(Sealing.seal(text, [key]), 20)
      expect(new Set(sealed).size).toBe(20)
    })
  )

  it.effect("does not open a text with another key of the same name, nor one that was changed", () =>
    Effect.gen(function* () {
      const [key, stranger] = yield* Effect.all([Sealing.generate("k"), Sealing.generate("k")])
      const sealed = yield* Sealing.seal(text, [key])
      expect(yield* failureOf(sealed, [stranger])).toContain("none of the keys")
      const at = sealed.lastIndexOf(".") - 5
      const changed = `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`
      expect(yield* failureOf(changed, [key])).toContain("none of the keys")
      expect(yield* failureOf("", [key])).toContain("none of the keys")
    })
  )
})

describe("Sealing.fromBytes", () => {
  it.effect("takes 32 bytes as base64url, and does not show them", () =>
    Effect.gen(function* () {
      const bytes = Redacted.make("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI")
      const key = yield* Sealing.fromBytes("2026", bytes)
      expect(new TextDecoder().decode(Redacted.value(key.material))).toBe("12345678901234567890123456789012")
      expect(`${inspect(key, { depth: 9 })}${JSON.stringify(key)}`).not.toMatch(/MTIz|1234/)
      for (const wrong of ["", "MTIz", "not base64!"]) {
        const error = yield* Effect.flip(Sealing.fromBytes("k", Redacted.make(wrong)))
        expect(error.message).toContain("32 random bytes")
      }
    })
  )
})
