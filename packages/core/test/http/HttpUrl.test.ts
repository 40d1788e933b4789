import { assert, describe, it } from "@effect/vitest"
import * as HttpUrl from "../../src/http/HttpUrl.ts"

describe("HttpUrl", () => {
  for (const [url, redacted] of [
    ["https://user:marker@op.example/path?marker=1#marker", "https://op.example/path"],
    ["https://op.example?hint=jo@marker.example", "https://op.example"],
    ["git+ftp://user:marker@op.example/", "git+ftp://op.example/"],
    ["h2c+https://user:marker@op.example/", "h2c+https://op.example/"],
    ["https://op.example/path#a@marker", "https://op.example/path"],
    ["https://op.example/a@b/c", "https://op.example/a@b/c"]
  ] as const) {
    it(`redactUrl removes userinfo, query and fragment of ${url}`, () => {
      assert.strictEqual(HttpUrl.redactUrl(url), redacted)
    })
  }

  it("redactUrl gives one line of at most 300 characters", () => {
    assert.strictEqual(HttpUrl.redactUrl("https://op.example/a\r\nb"), "https://op.example/a  b")
    assert.lengthOf(HttpUrl.redactUrl(`https://op.example/${"a".repeat(400)}`), 300)
  })

  for (const [url, origin] of [
    ["https://OP.example:443/path?query", "https://op.example"],
    ["https://op.example:8443", "https://op.example:8443"],
    ["no URL", undefined],
    ["", undefined]
  ] as const) {
    it(`origin of "${url}" is ${origin}`, () => {
      assert.strictEqual(HttpUrl.origin(url), origin)
    })
  }

  it("formEncode writes a text as application/x-www-form-urlencoded does", () => {
    assert.strictEqual(HttpUrl.formEncode("Größe 5 & + ~ :"), "Gr%C3%B6%C3%9Fe+5+%26+%2B+%7E+%3A")
  })
})
