import { describe, expect, it } from "@effect/vitest"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import * as WwwAuthenticate from "../../src/resource/WwwAuthenticate.ts"
import { encodeJson } from "../support/Jwt.ts"

type Summary = readonly [scheme: string, parameters: Readonly<Record<string, string>>, token68?: string]

const summarize = (challenges: ReadonlyArray<WwwAuthenticate.Challenge>): ReadonlyArray<Summary> =>
  challenges.map(({ parameters, scheme, token68 }) =>
    token68 === undefined ? [scheme, parameters] : [scheme, parameters, token68]
  )

const table: ReadonlyArray<readonly [what: string, header: string, ...challenges: ReadonlyArray<Summary>]> = [
  ["a bare scheme", "Bearer", ["bearer", {}]],
  ["a quoted parameter", 'Bearer realm="example"', ["bearer", { realm: "example" }]],
  ["an unquoted parameter", "Bearer error=invalid_token", ["bearer", { error: "invalid_token" }]],
  [
    "several parameters, with and without spaces",
    'DPoP realm="r" ,error = "invalid_token",algs="ES256 PS256" , scope=a',
    ["dpop", { realm: "r", error: "invalid_token", algs: "ES256 PS256", scope: "a" }]
  ],
  ["any case of scheme and names", 'dPoP ERROR="use_dpop_nonce"', ["dpop", { error: "use_dpop_nonce" }]],
  ["the case of values as it is", 'Bearer realm="ReAlM"', ["bearer", { realm: "ReAlM" }]],
  [
    "several challenges",
    'Bearer error="invalid_token", DPoP algs="ES256", Basic realm=x',
    ["bearer", { error: "invalid_token" }],
    ["dpop", { algs: "ES256" }],
    ["basic", { realm: "x" }]
  ],
  ["several bare challenges", "Negotiate, Bearer,DPoP", ["negotiate", {}], ["bearer", {}], ["dpop", {}]],
  ["empty list items", ', ,Bearer , realm="x",, DPoP,', ["bearer", { realm: "x" }], ["dpop", {}]],
  ["a comma in quotes", 'Bearer realm="a, DPoP b=c", DPoP', ["bearer", { realm: "a, DPoP b=c" }], ["dpop", {}]],
  ["escapes", String.raw`Bearer realm="a \"quoted\" \\ \b"`, ["bearer", { realm: 'a "quoted" \\ b' }]],
  ["empty parameter values", 'Bearer realm="", scope=', ["bearer", { realm: "", scope: "" }]],
  ["a token68", "Negotiate a87421000492aa874209af8bc028==", ["negotiate", {}, "a87421000492aa874209af8bc028=="]],
  ["a token68 before another scheme", "NTLM TlR/+-._~=, Bearer", ["ntlm", {}, "TlR/+-._~="], ["bearer", {}]],
  ["the first of two values", "Bearer error=a, error=b", ["bearer", { error: "a" }]],
  [
    "a parameter name that objects have",
    "Bearer __proto__=a, constructor=b",
    ["bearer", { ["__proto__"]: "a", constructor: "b" }]
  ],
  ["a string that is not closed", 'Bearer realm="open, DPoP', ["bearer", { realm: "open, DPoP" }]],
  ["a string that ends in an escape", 'Bearer realm="open\\', ["bearer", { realm: "open" }]],
  ["an unquoted address", "Bearer error_uri=https://a.test/?b=c", ["bearer", { error_uri: "https://a.test/?b=c" }]],
  ["a forgotten comma", 'Bearer realm="a" DPoP algs=ES256', ["bearer", { realm: "a" }], ["dpop", { algs: "ES256" }]],
  ["an empty value", ""],
  ["white space", " \t "],
  ["parameters of no scheme", 'error="use_dpop_nonce"'],
  ["a string alone", '"DPoP error=x"'],
  ["other characters", "=;(){}@\u0000ü Bearer", ["bearer", {}]]
]

describe("WwwAuthenticate.parse", () => {
  for (const [what, header, ...challenges] of table) {
    it(`reads a WWW-Authenticate header with ${what} (S2)`, () => {
      expect(summarize(WwwAuthenticate.parse(header))).toEqual(challenges)
    })
  }

  it("gives the parameters of RFC 6750 and RFC 9449 by name, and lists as arrays (S2)", () => {
    const [challenge] = WwwAuthenticate.parse(
      'DPoP realm="bank", scope="openid  accounts", error="insufficient_scope", error_description="Not enough", ' +
        'error_uri="https://rs.test/help", algs="ES256 PS256"'
    )
    expect(challenge).toMatchObject({
      scheme: "dpop",
      realm: "bank",
      scope: ["openid", "accounts"],
      error: "insufficient_scope",
      errorDescription: "Not enough",
      errorUri: "https://rs.test/help",
      algs: ["ES256", "PS256"]
    })
    expect(WwwAuthenticate.parse("Bearer")).toEqual([{ scheme: "bearer", parameters: {} }])
  })

  it("reads several WWW-Authenticate headers of a response, or none (S2)", () => {
    const headers = new Headers([
      ["WWW-Authenticate", "Bearer"],
      ["www-authenticate", 'DPoP algs="ES256"']
    ])
    const respond = (init: ResponseInit) =>
      HttpClientResponse.fromWeb(HttpClientRequest.get("https://rs.test"), new Response(null, init))
    expect(summarize(WwwAuthenticate.fromResponse(respond({ headers })))).toEqual([
      ["bearer", {}],
      ["dpop", { algs: "ES256" }]
    ])
    expect(WwwAuthenticate.fromResponse(respond({}))).toEqual([])
  })

  const hostile = [
    "a",
    "a ",
    "a=",
    " ",
    "\t=",
    ",",
    '"',
    '\\"',
    "\\",
    '"\\',
    'a="',
    'a="\\"',
    "=",
    "a a=",
    "a   b",
    "a b==",
    "a =b ",
    "\u0000",
    "ü",
    "\ud800",
    "\n"
  ]
  for (const piece of hostile) {
    it(`reads 200 kB of ${encodeJson(piece)} in a WWW-Authenticate header in linear time (S2)`, () => {
      const long = `Bearer error="x", ${piece.repeat(200_000 / piece.length)}`
      for (const header of [long, `Bearer a="${long}`, `${long}"`, `${long}\u0000`]) {
        const started = performance.now()
        expect(WwwAuthenticate.parse(header)[0]?.scheme).toBe("bearer")
        expect(performance.now() - started).toBeLessThan(3000)
      }
    })
  }
})
