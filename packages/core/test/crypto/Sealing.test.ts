import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Sealing } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"
import { Base64 } from "effect/encoding"
import { FlattenedEncrypt } from "jose"
import { decodePart } from "../support/Jwt.ts"

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

  it.effect("does not open a text that something was added to", () =>
    Effect.gen(function* () {
      const key = yield* Sealing.generate("k")
      const sealed = yield* Sealing.seal(text, [key])
      for (const changed of [`${sealed}.more`, `${sealed}.`, sealed.replace("..", ".key.")]) {
        expect(yield* failureOf(changed, [key])).toContain("none of the keys")
      }
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

describe("the context of a sealed text", () => {
  const contexts: ReadonlyArray<readonly [what: string, context: Sealing.Context]> = [
    ["another entry", ["store", "b"]],
    ["another store", ["other", "a"]],
    ["the same text in other parts", ["storea"]],
    ["a part of it", ["store"]],
    ["more parts", ["store", "a", ""]],
    ["none", []]
  ]
  for (const [what, other] of contexts) {
    it.effect(`is needed to open it: ${what} does not (T-39)`, () =>
      Effect.gen(function* () {
        const keys = [yield* Sealing.generate("k")] as const
        const sealed = yield* Sealing.seal(text, keys, ["store", "a"])
        expect(Redacted.value(yield* Sealing.open(sealed, keys, ["store", "a"]))).toBe("marker text")
        expect((yield* Effect.flip(Sealing.open(sealed, keys, other))).message).toContain("for this place")
      })
    )
  }

  it.effect("is not part of the text, whose header names the key and the revision of the format (T-39)", () =>
    Effect.gen(function* () {
      const keys = [yield* Sealing.generate("k")] as const
      const sealed = yield* Sealing.seal(text, keys, ["marker-store", "marker-a"])
      const header = yield* decodePart(sealed, 0)
      expect(header).toEqual({ alg: "dir", enc: "A256GCM", kid: "k", rev: 1 })
      expect(sealed.split(".").map((part) => Buffer.from(part, "base64url").toString())).not.toContain("marker")
    })
  )

  it.effect("does not open a text of another content encryption, with the right key (T-39)", () =>
    Effect.gen(function* () {
      const key = yield* Sealing.generate("k")
      const sealed = yield* Effect.promise(() =>
        new FlattenedEncrypt(new TextEncoder().encode("marker text"))
          .setProtectedHeader({ alg: "dir", enc: "A128CBC-HS256", kid: "k", rev: 1 })
          .setAdditionalAuthenticatedData(new TextEncoder().encode("[]"))
          .encrypt(Redacted.value(key.material))
      )
      const text = [sealed.protected, "", sealed.iv, sealed.ciphertext, sealed.tag].join(".")
      const failure = yield* Effect.flip(Sealing.open(text, [key]))
      expect(failure.message).toContain("none of the keys has sealed it for this place")
    })
  )

  it.effect("does not open a text of another revision, or of none, with the right key (T-39)", () =>
    Effect.gen(function* () {
      const key = yield* Sealing.generate("k")
      for (const rev of [undefined, 0, 2, "1"]) {
        const header = { alg: "dir", enc: "A256GCM", kid: "k", ...(rev === undefined ? undefined : { rev }) }
        const {
          ciphertext,
          iv,
          protected: head,
          tag
        } = yield* Effect.promise(() =>
          new FlattenedEncrypt(new TextEncoder().encode("marker text"))
            .setProtectedHeader(header)
            .setAdditionalAuthenticatedData(new TextEncoder().encode("[]"))
            .encrypt(Redacted.value(key.material))
        )
        const failure = yield* Effect.flip(Sealing.open([head, "", iv, ciphertext, tag].join("."), [key]))
        expect(failure.message).toContain("a format that this release does not read")
      }
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

  it.effect("takes base64 with all its signs and a line break, as openssl writes it", () =>
    Effect.gen(function* () {
      const bytes = Uint8Array.from({ length: 32 }, (_, index) => (index % 2 === 0 ? 0xfb : 0xff))
      const text = `${Base64.encode(bytes)}\n`
      expect(text).toMatch(/\+.*\/.*=\n/)
      const { material } = yield* Sealing.fromBytes("2026", Redacted.make(text))
      expect(Redacted.value(material)).toEqual(bytes)
    })
  )
})
