import { describe, expect, it } from "@effect/vitest"
import { Sealing } from "@effect-ciba/core"
import { Effect, Redacted, Schema } from "effect"
import * as SealedJson from "../../src/crypto/SealedJson.ts"

const schema = Schema.fromJsonString(Schema.Struct({ version: Schema.Literal(1), instant: Schema.String }))

const ticket = SealedJson.make({ kind: "Ticket", noun: "ticket", schema })

const receipt = SealedJson.make({ kind: "Receipt", noun: "receipt", schema })

const value = { version: 1, instant: "marker" } as const

const place = ["tickets", "17"]

const makeKeys = Effect.map(Sealing.generate("k"), (key) => [key] as const)

const problemOf = (opened: ReturnType<typeof ticket.open>) => Effect.map(Effect.flip(opened), ({ problem }) => problem)

describe("a sealed value", () => {
  it.effect("is opened in its place, and shows nothing of itself", () =>
    Effect.gen(function* () {
      const keys = yield* makeKeys
      const sealed = yield* ticket.seal(value, keys, place)
      expect(sealed).not.toContain("marker")
      expect(yield* ticket.open(sealed, keys, place)).toEqual(value)
    })
  )

  it.effect("is opened neither in another place nor as a value of another kind", () =>
    Effect.gen(function* () {
      const keys = yield* makeKeys
      const sealed = yield* ticket.seal(value, keys, place)
      expect(yield* problemOf(ticket.open(sealed, keys, ["tickets", "18"]))).toContain("for this place")
      expect(yield* problemOf(receipt.open(sealed, keys, place))).toContain("for this place")
    })
  )

  it.effect("is not opened if it is of another version, or no JSON, and names its kind", () =>
    Effect.gen(function* () {
      const keys = yield* makeKeys
      for (const text of ['{"version":2,"instant":"marker"}', "marker"]) {
        const sealed = yield* Sealing.seal(Redacted.make(text), keys, ["Ticket", ...place])
        const problem = yield* problemOf(ticket.open(sealed, keys, place))
        expect(problem).toBe("it contains no ticket of a version that this release can read")
      }
    })
  )
})
