import { assert, describe, it } from "@effect/vitest"
import { SignedRequest } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import * as SecretRedaction from "../../src/http/SecretRedaction.ts"

const request = HttpClientRequest.post("https://op.test/token")

const quote = (value: string) => `The value ${value} is wrong`

describe("SecretRedaction.ofValues", () => {
  for (const [what, secret, quoted] of [
    ["as it is", "a secret", "a secret"],
    ["as a form has it", "a secret~", "a+secret%7E"],
    ["as a form has it, with its blanks escaped", "a secret~", "a%20secret%7E"],
    ["as a URI component", "a (secret)~", "a%20(secret)~"],
    ["as one part of a token", "header.payload.signature", "payload"],
    ["as the whole token", "header.payload.signature", "header.payload.signature"],
    ["as a part of an encrypted token with no key", "header..vector.text.tag-1", "vector"]
  ] as const) {
    it(`finds a value ${what}`, () => {
      assert.strictEqual(SecretRedaction.ofValues([secret])(quote(quoted)), quote("<redacted>"))
    })
  }

  it("leaves the parts of what is no token, and what is shorter than four characters", () => {
    const redact = SecretRedaction.ofValues(["www.op.test", "op.example", "a b.inner.cc", "aa.outer.c d", "abc"])
    for (const word of ["example", "inner", "outer", "abc"]) assert.strictEqual(redact(quote(word)), quote(word))
  })

  it("replaces the longest value first, so that no rest of it is left", () => {
    for (const values of [
      ["mark", "marker-one"],
      ["marker-one", "mark"]
    ]) {
      assert.strictEqual(SecretRedaction.ofValues(values)("marker-one mark"), "<redacted> <redacted>")
    }
  })
})

describe("SecretRedaction.ofRequest", () => {
  it("leaves what is public in headers, parameters and client metadata", () => {
    const sent = HttpClientRequest.setHeaders(request, { "user-agent": "shop-client", "content-type": "text/plain" })
    const form = SecretRedaction.ofRequest(
      HttpClientRequest.bodyUrlParams(sent, { scope: "payments", login_hint: "mark" })
    )
    for (const word of ["shop-client", "payments"]) assert.strictEqual(form(quote(word)), quote(word))
    assert.strictEqual(form(quote("mark")), quote("<redacted>"))
    const metadata = { client_name: "shop-name", client_secret: "SECRET", contacts: ["mark"] }
    const json = SecretRedaction.ofRequest(HttpClientRequest.bodyJsonUnsafe(request, metadata))
    for (const word of ["shop-name", "mark"]) assert.strictEqual(json(quote(word)), quote(word))
    assert.strictEqual(json(quote("SECRET")), quote("<redacted>"))
  })

  it("redacts credentials without their scheme, and another header as a whole", () => {
    const credentials = { authorization: "Bearer SECRET", "x-auth": "Bearer OTHER" }
    const redact = SecretRedaction.ofRequest(HttpClientRequest.setHeaders(request, credentials))
    assert.strictEqual(redact("Bearer SECRET and Bearer OTHER"), "Bearer <redacted> and <redacted>")
  })

  it("redacts the secret of client metadata beside one that is no text", () => {
    const metadata = { client_secret: null, software_statement: "SECRET" }
    const redact = SecretRedaction.ofRequest(HttpClientRequest.bodyJsonUnsafe(request, metadata))
    assert.strictEqual(redact(quote("SECRET")), quote("<redacted>"))
  })

  it("redacts what further values and a header with a scheme have, and nothing without a body", () => {
    const sent = HttpClientRequest.setHeaders(request, { "x-auth": "Token  SECRET words" })
    const redact = SecretRedaction.ofRequest(sent, ["further"])
    for (const word of ["further", "SECRET", "words", "SECRET words"]) {
      assert.strictEqual(redact(quote(word)), quote("<redacted>"))
    }
    assert.strictEqual(redact(quote("Token")), quote("Token"))
    assert.strictEqual(SecretRedaction.ofRequest(request)(quote("nothing")), quote("nothing"))
  })

  it("redacts the texts of a parameter that is JSON, whatever else is in it", () => {
    const value = JSON.stringify([null, 1234, true, ["SECRET"], { type: ["inner"], amount: 5678, note: null }])
    const redact = SecretRedaction.ofRequest(HttpClientRequest.bodyUrlParams(request, { details: value }))
    for (const word of ["SECRET", "inner"]) assert.strictEqual(redact(quote(word)), quote("<redacted>"))
    for (const word of ["1234", "5678", "note"]) assert.strictEqual(redact(quote(word)), quote(word))
  })

  for (const [header, secrets, shown] of [
    [{ "x-auth": "Bearer SECRET" }, ["SECRET", "Bearer SECRET"], ["Bearer"]],
    [
      { authorization: 'Digest username="mark", realm="a realm", response="SECRET", qop=auth' },
      ["mark", "SECRET"],
      ["Digest", "response", "username"]
    ],
    [{ "x-auth": "key=SECRET,signature=OTHER==" }, ["SECRET", "OTHER"], ["signature"]],
    [{ "x-auth": "Basic bWFyazpTRUNSRVQ=" }, ["SECRET", "bWFyazpTRUNSRVQ="], ["Basic"]],
    [{ authorization: "Basic bWFyazpTRUNSRVQ=" }, ["SECRET"], ["Basic"]]
  ] as const) {
    it(`redacts each part of the header ${JSON.stringify(header)}`, () => {
      const redact = SecretRedaction.ofRequest(HttpClientRequest.setHeaders(request, header))
      for (const secret of secrets) assert.strictEqual(redact(quote(secret)), quote("<redacted>"))
      for (const name of shown) assert.strictEqual(redact(quote(name)), quote(name))
    })
  }

  const details = [{ type: "payment", creditor: { account: "DE02-SECRET" }, actions: ["approve-SECRET"] }]

  const claims = { id_token: { sub: { value: "SECRET-subject" } } }

  const checkDetails = (redact: SecretRedaction.Redact) => {
    for (const secret of ["DE02-SECRET", "approve-SECRET", "SECRET-subject"]) {
      assert.strictEqual(redact(quote(secret)), quote("<redacted>"))
    }
    for (const name of ["payment", "creditor", "id_token"]) assert.strictEqual(redact(quote(name)), quote(name))
  }

  it("redacts each text in the JSON of a parameter, and neither names nor types", () => {
    const parameters = { authorization_details: JSON.stringify(details), claims: JSON.stringify(claims) }
    checkDetails(SecretRedaction.ofRequest(HttpClientRequest.bodyUrlParams(request, parameters)))
  })

  it.effect("redacts each text in the claims of a signed request, and neither names nor types", () =>
    Effect.gen(function* () {
      const signer = yield* SignedRequest.make({ key: TestKeys.signing("ES256", "client") })
      const jwt = yield* signer.sign(
        { authorization_details: details, claims },
        { clientId: "shop", issuer: "https://op.test", endpoint: "https://op.test/bc" }
      )
      const parameters = { request: Redacted.value(jwt) }
      checkDetails(SecretRedaction.ofRequest(HttpClientRequest.bodyUrlParams(request, parameters)))
    })
  )
})
