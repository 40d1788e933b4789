import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Sealing } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"

const text = Redacted.make("marker text")

const refused = (sealed: string, keys: Sealing.Keys) =>
  Effect.map(Effect.flip(Sealing.open(sealed, keys)), ({ message }) => message)

describe("a sealed text", () => {
  it.effect("is opened with the key that sealed it, also after a rotation", () =>
    Effect.gen(function* () {
      const [old, current] = yield* Effect.all([Sealing.generate("old"), Sealing.generate("current")])
      const sealed = yield* Sealing.seal(text, [old])
      expect(sealed).not.toContain("marker")
      expect(Redacted.value(yield* Sealing.open(sealed, [old]))).toBe("marker text")
      expect(Redacted.value(yield* Sealing.open(sealed, [current, old]))).toBe("marker text")
    })
  )

  it.effect("is another one each time", () =>
    Effect.gen(function* () {
      const key = yield* Sealing.generate("k")
      const sealed = yield* Effect.replicateEffect(Sealing.seal(text, [key]), 20)
      expect(new Set(sealed).size).toBe(20)
    })
  )

  it.effect("is not opened with another key, even of the same name, nor when a character is changed", () =>
    Effect.gen(function* () {
      const [key, stranger] = yield* Effect.all([Sealing.generate("k"), Sealing.generate("k")])
      const sealed = yield* Sealing.seal(text, [key])
      expect(yield* refused(sealed, [stranger])).toContain("none of the keys")
      const at = sealed.lastIndexOf(".") - 5
      const changed = `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`
      expect(yield* refused(changed, [key])).toContain("none of the keys")
      expect(yield* refused("", [key])).toContain("none of the keys")
    })
  )
})

describe("a sealing key", () => {
  it.effect("is 32 bytes as base64url, and shows them to nobody", () =>
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
