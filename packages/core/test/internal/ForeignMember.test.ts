import { describe, expect, it } from "@effect/vitest"
import { Option, Redacted, Schema } from "effect"
import * as ForeignMember from "../../src/internal/ForeignMember.ts"

const plainMembers = {
  number: ForeignMember.decisive(Schema.Number),
  text: ForeignMember.text,
  list: ForeignMember.list,
  words: ForeignMember.words,
  flag: ForeignMember.flag,
  name: ForeignMember.name(Schema.String),
  url: ForeignMember.url
}

const Document = Schema.Struct({ ...plainMembers, secret: ForeignMember.secret("client_secret") })

const decode = Schema.decodeUnknownOption(Document)

describe("a member of a document that others write", () => {
  it("is read as it is", () => {
    const read = Option.getOrThrow(
      decode({ number: 1, secret: "s", text: "t", list: ["a", "b"], words: "a b", flag: false })
    )
    expect(read).toMatchObject({ number: 1, text: "t", list: ["a", "b"], words: "a b", flag: false })
    expect(read.secret && Redacted.value(read.secret)).toBe("s")
    expect(String(read.secret)).toBe("<redacted:client_secret>")
  })

  it("is absent if it is null, or if it cannot be read and only is handed on", () => {
    for (const document of [
      {},
      { number: null, secret: null, text: null, list: null, words: null, flag: null, name: null, url: null },
      { secret: "", text: 1, list: 1, words: [1], flag: "yes", name: "", url: " " }
    ]) {
      expect(decode(document)).toEqual(Option.some({}))
    }
  })

  it("makes the document invalid if it decides and cannot be read", () => {
    for (const document of [{ number: "1" }, { secret: 1 }, { name: 1 }])
      expect(decode(document)).toEqual(Option.none())
  })

  it("is read by its plain meaning in another form", () => {
    expect(decode({ list: " a  b ", words: ["a", "b"], flag: "true" })).toEqual(
      Option.some({ list: ["a", "b"], words: "a b", flag: true })
    )
    expect(decode({ list: ["a", 1, null, "", "b"], flag: "False" })).toEqual(
      Option.some({ list: ["a", "b"], flag: false })
    )
    expect(decode({ flag: "TRUE", url: " https://a.test/b\n" })).toEqual(
      Option.some({ flag: true, url: "https://a.test/b" })
    )
  })

  it("counts as far as a thousand entries if it is a list that is handed on", () => {
    const many = Array.from({ length: 2000 }, (_, index) => `${index}`)
    for (const list of [many, many.join(" ")]) {
      expect(decode({ list })).toEqual(Option.some({ list: many.slice(0, 1000) }))
    }
    expect(decode({ words: many })).toEqual(Option.some({}))
  })

  it("is written as it was read, but for a secret, which never is", () => {
    const plain = { number: 1, text: "t", list: ["a"], words: "a b", flag: true, name: "n", url: "https://a.test" }
    expect(Schema.encodeUnknownOption(Schema.Struct(plainMembers))(plain)).toEqual(Option.some(plain))
    expect(Schema.encodeUnknownOption(Document)({ ...plain, secret: Redacted.make("s") })).toEqual(Option.none())
  })
})
