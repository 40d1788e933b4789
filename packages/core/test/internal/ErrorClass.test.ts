// How an error shows itself, whatever prints it.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Schema } from "effect"
import * as ErrorClass from "../../src/internal/ErrorClass.ts"

class Plain extends ErrorClass.make<Plain>()("Plain", {}, ["it is so", "retry"]) {}

class Refused extends ErrorClass.make<Refused>()(
  "Refused",
  {
    code: Schema.optionalKey(Schema.String),
    status: Schema.optionalKey(Schema.Int),
    name_of: Schema.optionalKey(Schema.Unknown),
    description: Schema.optionalKey(Schema.Unknown),
    uri: Schema.optionalKey(Schema.String)
  },
  ["it is refused", "fixCall"]
) {}

const messageOf = (fields: ConstructorParameters<typeof Refused>[0]) => new Refused(fields).message

describe("the message of an error", () => {
  it("is its sentence, with the short fields in parentheses and the texts behind a colon", () => {
    expect(messageOf({})).toBe("it is refused")
    expect(messageOf({ name_of: "x", status: 400, description: "one\n  two" })).toBe(
      'it is refused (status 400, name_of "x"): one two'
    )
  })

  it("has a code without its name, and the status of a success only without a code", () => {
    expect(messageOf({ code: "denied", status: 400 })).toBe("it is refused (denied, status 400)")
    expect(messageOf({ code: "denied", status: 200 })).toBe("it is refused (denied)")
    expect(messageOf({ status: 200 })).toBe("it is refused (status 200)")
    expect(messageOf({ code: "denied", name_of: 200 })).toBe("it is refused (denied, name_of 200)")
  })

  it("leaves out the URI, and what is undefined", () => {
    expect(messageOf({ uri: "https://op.test/e", name_of: undefined, description: undefined })).toBe("it is refused")
  })

  for (const [what, value, shown] of [
    ["a duration", Duration.seconds(7), "retry after 7s"],
    ["a date", DateTime.makeUnsafe(0), "name_of 1970-01-01T00:00:00.000Z"],
    ["a list", ["a", "b"], 'name_of "a b"'],
    ["a number", 7, "name_of 7"],
    ["a text", "seven", 'name_of "seven"'],
    ["an error", new Plain(), "it is so"]
  ] as const) {
    it(`shows ${what} as ${shown}`, () => {
      expect(messageOf({ name_of: value })).toBe(`it is refused (${shown})`)
    })
  }
})

describe("an inspected error", () => {
  it("is its tag, message and frames, and its fields if it has some", () => {
    expect(inspect(new Plain())).toMatch(/^Plain: it is so\n +at [^{}]+$/)
    expect(inspect(new Refused({ status: 400 }))).toMatch(
      /^Refused: it is refused \(status 400\)\n +at .+ \{ status: 400 \}$/s
    )
  })

  it("is its tag below the depth that is shown", () => {
    const nested = { one: new Plain() }
    expect(inspect(nested, { depth: 0 })).toBe("{ one: [Plain] }")
    expect(inspect(nested, { depth: 1 })).toContain("Plain: it is so")
  })

  it("has no frames if its stack has none", () => {
    for (const stack of ["Plain: it is so", undefined]) {
      expect(inspect(Object.defineProperty(new Plain(), "stack", { value: stack }))).toBe("Plain: it is so")
    }
  })
})
