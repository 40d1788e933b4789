import { assert, describe, it } from "@effect/vitest"
import { SignedRequest } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import * as SecretRedaction from "../../src/http/SecretRedaction.ts"

const request = HttpClientRequest.post("https://op.test/token")

const quote = (value: string) => `The value ${value} is wrong`

describe("SecretRedaction.ofRequest", () => {
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
