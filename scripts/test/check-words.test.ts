import { describe, expect, it } from "vitest"
import { check } from "../check-words.ts"
import { format } from "../Finding.ts"
import { banned } from "../words/banned.ts"
import { plant } from "./planted.ts"

const file = "packages/core/src/client/A.ts"

const find = (files: Record<string, string>, under?: ReadonlyArray<string>) =>
  check(plant(files), under).map(({ line, path, rule }) => `${path}:${line} ${rule}`)

const matches = (text: string) => check(plant({ "README.md": text })).map(({ problem }) => problem.split(" in ")[0])

// One line for each entry of the list, in its order.
const said: ReadonlyArray<ReadonlyArray<string>> = [
  ["What the person sees.", "Two persons.", "Asks many people."],
  ["The client at hand.", "The keys at\nhand."],
  ["Nobody reads it.", "Somebody else.", "Whoever holds it."],
  ["It is believed.", "To believe it.", "Believing it.", "He believes.", "A belief."],
  ["The wish of the server.", "It wished so.", "As it wishes."],
  ["The told length.", "It is told to."],
  ["An error answer.", "Error answers."],
  ["The key, where there is one.", "A date, where there are some.", "Where there is none.", "Where there is any."],
  ["It rang.", "It was rung.", "It rings.", "The phone rings.", "Ringing a phone.", "A second ring of the phone."],
  ["It is good for a minute."],
  ["Equal to the letter."],
  ["Patience is 35 seconds.", "It retries patiently."],
  []
]

describe("words", () => {
  it("each entry of the list of banned words has examples", () => {
    expect(said).toHaveLength(banned.length)
  })

  it.each(said.flatMap((texts, entry) => texts.map((text) => [text, banned[entry]?.instead] as const)))(
    "a banned word is found in %j",
    (text, instead) => {
      const findings = check(plant({ "README.md": text }))
      expect(findings.map(({ line, mend, rule }) => ({ line, mend, rule }))).toEqual([
        { line: 1, rule: "word", mend: `Write: ${instead}` }
      ])
    }
  )

  it.each([
    "Errors are told apart by their code.",
    "A personal account, personalized.",
    "Key rings, a ring buffer, strings, wrong, bring.",
    "Where there is a network, and where one is.",
    "The letter that belongs to the handler.",
    "A patient reader, who retold it.",
    "An answer to an error. The good forest.",
    "[a page](docs/told-lengths.md) and https://example.com/whoever?person=1 and @people/told",
    "Provide it as a layer. Then run it."
  ])("plain English is accepted: %j", (text) => {
    expect(matches(text)).toEqual([])
  })

  it.each([
    ["a line comment", "// the person"],
    ["line comments that go on", "// the client at\n// hand"],
    ["a block comment", "/* the person */"],
    ["a doc comment that goes on", "/**\n * The client at\n * hand.\n */"],
    ["a string", `const a = "the person"`],
    ["a string after an escape", `const a = "one\\nperson"`],
    ["a template", `const a = \`the person \${1}\``],
    ["a title of a test", `it("asks the person (A1)", () => {})`],
    ["a constant", "const wish = 1"],
    ["a part of a name in camelCase", "const lastWish = 1"],
    ["a part of a name behind capitals", "const HTTPWish = 1"],
    ["a phrase in a name", "const keysAtHand = 1"],
    ["a phrase in a name with underscores", "const KEYS_AT_HAND = 1"],
    ["a type", "type Person = string"],
    ["a member", "type A = { readonly wish: string }"],
    ["a private member", "class A { #wish = 1 }"],
    ["a parameter", "const a = (wish: string) => 1"],
    ["a comment that only says what the name does", "/** The endpoint, as a layer. */"]
  ])("a banned word is found in %s", (_, text) => {
    expect(find({ [file]: text })).toEqual([expect.stringMatching(/ word$/)])
  })

  it("a banned word is found once in a name, and at each place in comments and strings", () => {
    const text = ["const wish = 1", "export const b = wish + wish", "// wish", "// wish"].join("\n")
    expect(find({ [file]: text })).toEqual([`${file}:1 word`, `${file}:3 word`, `${file}:4 word`])
  })

  it("no banned phrase is found across two strings, or across a comment and code", () => {
    const text = [`const a = ["the client at", "hand"]`, "// the client at", "const hand = 1"].join("\n")
    expect(find({ [file]: text })).toEqual([])
  })

  it("no banned word is found in import specifiers, package names, URLs, and comments that say more than the name", () => {
    const text = [
      `import { a } from "../internal/Patience.ts"`,
      `export * from "./Person.ts"`,
      `type A = import("./Person.ts").A`,
      `void import("./Person.ts")`,
      `const url = "https://example.com/person"`,
      "/** The endpoint as a layer. It reads the metadata once. */"
    ].join("\n")
    expect(find({ [file]: text })).toEqual([])
  })

  it("a banned word is found in the name of a file", () => {
    expect(find({ "e2e/Person.ts": "", "docs/decisions/0010-told-lengths.md": "" })).toEqual([
      "docs/decisions/0010-told-lengths.md:1 word",
      "e2e/Person.ts:1 word"
    ])
  })

  it("all folders with text are searched, without the list itself", () => {
    const inside = ["docs/a.md", "e2e/a.ts", "examples/a.html", "packages/a/package.json", "packages/a/test/a.ts"]
    const rest = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "scripts/a.mjs", ".changeset/a.md"]
    const outside = ["LICENSE", "CHANGELOG.md", "packages/a/node_modules/a.ts", "packages/a/dist/a.js"]
    const own = ["scripts/words/banned.ts", "scripts/test/check-words.test.ts"]
    const files = Object.fromEntries([...inside, ...rest, ...outside, ...own].map((path) => [path, `"the person"`]))
    expect(find(files)).toEqual([...inside, ...rest].sort().map((path) => `${path}:1 word`))
  })

  it("a finding has file, line, context and replacement", () => {
    const [finding] = check(plant({ [file]: "/**\n * Shown to the\n * person, who decides.\n */" }))
    expect(finding && format(finding)).toBe(
      `${file}:3: word: "person" in Shown to the person, who decides.\n    Write: ${banned[0]?.instead}`
    )
  })

  it("only the given paths are searched, each file once", () => {
    const files = { "docs/a.md": "told", "docs/b.md": "told", "docsmith/c.md": "told", "e2e/a.ts": "// told" }
    expect(find(files, ["docs/b.md", "docs/", "e2e"])).toEqual([
      "docs/a.md:1 word",
      "docs/b.md:1 word",
      "e2e/a.ts:1 word"
    ])
    expect(() => find(files, ["dosc"])).toThrow("dosc: no file here is searched")
  })
})

describe("participles", () => {
  it.each([
    ["an arrow", "const opened = (a: string) => a"],
    ["an irregular one", "const begun = () => 1"],
    ["one with -eed", "const agreed = () => 1"],
    ["a function expression", "const opened = function () {}"],
    ["a function declaration", "export function refused() {}"],
    ["an Effect.fn", `export const prepared = Effect.fn("prepare")(function* () {})`],
    ["an Effect.fnUntraced", "const prepared = Effect.fnUntraced(function* () {})"],
    ["a constant of a function type", "const opened: (a: string) => string = open"],
    ["a local function", "const a = () => {\n  const kept = () => 1\n}"],
    ["a member of an object", "const a = { accepted: () => 1 }"],
    ["a method of an object", "const a = { accepted() {} }"],
    ["a method", "class A { accepted() {} }"],
    ["a private method", "class A { #accepted() {} }"],
    ["a property of a class", "class A { accepted = () => 1 }"],
    ["a member of a service", "interface A { readonly renewed: (a: string) => string }"],
    ["a method of a service", "interface A { renewed(a: string): string }"],
    ["a participle with a preposition", "const answeredAt = () => 1"],
    ["a participle with an adverb", "const handedOver = () => 1"],
    ["a conjunction and a participle", "const orRefused = () => 1"]
  ])("a participle as the name of a function is found: %s", (_, text) => {
    expect(find({ "e2e/a.ts": text })).toEqual([expect.stringMatching(/ participle$/)])
  })

  it.each([
    [
      "a verb in the imperative",
      "const decrypt = () => 1\nconst read = () => 1\nconst put = () => 1\nconst set = () => 1"
    ],
    ["a verb that ends alike", "const feed = () => 1\nconst embed = () => 1\nconst exceed = () => 1"],
    ["a predicate", "const isSigned = () => 1\nconst hasStarted = () => 1\nconst wasAsked = () => 1"],
    ["a listener", "const a = { onClosed: () => 1 }"],
    ["a noun with an adjective", "const signedRequest = () => 1"],
    ["a value", `const opened = open()\nconst kept = "a"\nconst asked = Schema.Struct({})\nconst sent = { at: 1 }`],
    ["an Effect", "const refused = Effect.gen(function* () {})"],
    ["a getter", "class A { get closed() { return true } }"],
    ["a class, a type and a case of a union", "class Expired {}\ntype Opened = () => void\nmatch({ Asked: () => 1 })"],
    ["a parameter and a default", "const a = (refused: () => void) => 1\nconst { kept = () => 1 } = b"],
    ["a word of Effect's", "const scoped = () => 1"]
  ])("a participle is accepted in %s", (_, text) => {
    expect(find({ "e2e/a.ts": text })).toEqual([])
  })
})
