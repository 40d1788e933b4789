import { assert, describe, it } from "@effect/vitest"
import { Exit, Result, Schema } from "effect"
import * as BoundedJson from "../../src/internal/BoundedJson.ts"

const decode = Schema.decodeUnknownResult(BoundedJson.fromJsonString(Schema.Json))

const nest = (depth: number, [open, close]: readonly [string, string]): string =>
  `${open.repeat(depth)}1${close.repeat(depth)}`

const arrays = ["[", "]"] as const
const objects = ['{"a":', "}"] as const

describe("BoundedJson", () => {
  for (const [what, brackets] of [
    ["arrays", arrays],
    ["objects", objects]
  ] as const) {
    it(`reads ${what} that are nested 100 levels deep, and refuses 101`, () => {
      assert.isTrue(Result.isSuccess(decode(nest(100, brackets))))
      const refused = decode(nest(101, brackets))
      assert.isTrue(Result.isFailure(refused))
      assert.include(String(Result.getFailure(refused)), "nested at most 100 levels deep")
    })

    it(`refuses ${what} that are nested 500,000 levels deep without exhausting the stack`, () => {
      const refused = decode(nest(500_000, brackets))
      if (Result.isSuccess(refused)) assert.fail("it was read")
      assert.include(refused.failure.message, "nested at most 100 levels deep")
      assert.isBelow(String(refused.failure).length, 1000)
    })
  }

  it("counts the deepest of several values", () => {
    assert.isTrue(Result.isSuccess(decode(`[${nest(99, arrays)}, ${nest(99, objects)}, []]`)))
    assert.isTrue(Result.isFailure(decode(`[[], 1, ${nest(100, objects)}]`)))
  })

  it("does not count brackets inside strings", () => {
    assert.deepStrictEqual(decode(`["${"[{".repeat(200)}\\"["]`), Result.succeed([`${"[{".repeat(200)}"[`]))
  })

  it("decodes by the given schema, and refuses what is not JSON", () => {
    const Numbers = Schema.decodeUnknownResult(BoundedJson.fromJsonString(Schema.Array(Schema.Number)))
    assert.deepStrictEqual(Numbers("[1, 2]"), Result.succeed([1, 2]))
    for (const text of ['["1"]', "[1", "", "NaN", nest(200, arrays).slice(0, 150)]) {
      assert.isTrue(Result.isFailure(Numbers(text)), text)
    }
  })

  it("encodes to a JSON text", () => {
    assert.deepStrictEqual(Schema.encodeUnknownExit(BoundedJson.Json)({ a: [1] }), Exit.succeed('{"a":[1]}'))
  })

  it("reads any JSON text, with null for what is nested deeper, and the nearest number for one out of range", () => {
    const read = Schema.decodeUnknownResult(BoundedJson.Json)
    assert.deepStrictEqual(
      read('{"a":1e999,"b":[-1e999,2],"__proto__":3}'),
      Result.succeed(
        Object.fromEntries([
          ["a", Number.MAX_VALUE],
          ["b", [-Number.MAX_VALUE, 2]],
          ["__proto__", 3]
        ])
      )
    )
    assert.deepStrictEqual(
      read(`{"a":1,"b":${nest(500_000, arrays)}}`),
      read(`{"a":1,"b":${"[".repeat(99)}null${"]".repeat(99)}}`)
    )
    assert.deepStrictEqual(
      read('{"a":1e999,"b":["text",true,false,null,7]}'),
      Result.succeed({ a: Number.MAX_VALUE, b: ["text", true, false, null, 7] })
    )
    assert.isTrue(Result.isFailure(read("[1")))
  })
})
