import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { OAuthError } from "@effect-ciba/core"
import { Duration, Option, Redacted, Schema } from "effect"
import * as SecretRedaction from "../../src/http/SecretRedaction.ts"

const read = (body: Schema.Json, status = 400) => OAuthError.fromResponse({ status, body, retryAfter: undefined })

describe("an error response", () => {
  it("an error response is decoded by its code under any status, with its description, URI and Retry-After", () => {
    for (const status of [200, 400, 401, 403, 503]) {
      assert.deepStrictEqual(read({ error: "access_denied" }, status), Option.some({ code: "access_denied", status }))
    }
    const body = { error: "slow_down", error_description: "Wait", error_uri: "https://op.example/e" }
    assert.deepStrictEqual(
      OAuthError.fromResponse({ status: 400, body, retryAfter: Duration.seconds(7) }),
      Option.some({
        code: "slow_down",
        status: 400,
        description: "Wait",
        uri: "https://op.example/e",
        retryAfter: Duration.seconds(7)
      })
    )
  })

  it("the other members of an error response are kept, and no error has them", () => {
    const error = read({ error: "authorization_pending", interval: 7, trace: "marker" })
    const additional = Option.getOrUndefined(error)?.additional
    assert.deepStrictEqual(additional && Redacted.value(additional), { interval: 7, trace: "marker" })
    const shown = new OAuthError.ServerError(Option.getOrThrow(error))
    assert.notProperty(shown, "additional")
    for (const text of [String(shown), JSON.stringify(shown), inspect(shown)]) assert.notInclude(text, "marker")
    assert.strictEqual(shown.message, "the provider failed to handle the request (authorization_pending, status 400)")
  })

  it("a code of lower-case letters decides what happens, and is left as it is; what else it quotes is redacted", () => {
    const redact = SecretRedaction.ofValues(["access_denied", "denied", "s3cret"])
    assert.strictEqual(OAuthError.sanitizeCode("access_denied", redact), "access_denied")
    for (const code of ["access_denied s3cret", "s3cret", "s3cret access_denied", "denied!", "!denied"]) {
      assert.notMatch(OAuthError.sanitizeCode(code, redact), /denied|s3cret/)
    }
  })

  it("a body without an error code is no error response", () => {
    for (const body of [
      null,
      "error",
      [],
      {},
      { error: "" },
      { error: 1 },
      { error: null },
      { error: { code: "x" } }
    ]) {
      assert.deepStrictEqual(read(body), Option.none(), JSON.stringify(body))
    }
  })

  it("a description has no control characters, and at most 500 characters", () => {
    const readDescription = (description: Schema.Json) =>
      Option.map(read({ error: "invalid_request", error_description: description }), (error) => error.description)
    assert.deepStrictEqual(readDescription("one\r\n[31mtwo\u202ethree"), Option.some("one  [31mtwo three"))
    assert.deepStrictEqual(readDescription("x".repeat(501)), Option.some("x".repeat(500)))
    assert.deepStrictEqual(readDescription(7), Option.some("7"))
  })

  it("a description or URI that is no text is left out", () => {
    const none = Option.some({ code: "x", status: 400 })
    for (const odd of [{ toString: null, valueOf: null }, { toString: "x" }, {}, [], [[]], null]) {
      assert.deepStrictEqual(read({ error: "x", error_description: odd, error_uri: odd }), none)
    }
    assert.deepStrictEqual(
      read({ error: "x", error_description: false, error_uri: 0 }),
      Option.some({ code: "x", status: 400, description: "false", uri: "0" })
    )
  })

  it.prop(
    "an error response is decoded from any JSON without a throw",
    [Schema.Json, Schema.Json],
    ([description, uri]) => {
      const error = Option.getOrThrow(read({ error: "x", error_description: description, error_uri: uri }))
      assert.strictEqual(error.code, "x")
      for (const text of [error.description ?? "", error.uri ?? ""]) assert.isAtMost(text.length, 500)
      assert.isTrue(Option.isOption(read(description)))
    }
  )

  it("the message is a sentence with code, status and description", () => {
    const fields = { code: "invalid_scope", status: 400 }
    assert.strictEqual(
      new OAuthError.InvalidScope({ ...fields, description: "no such scope" }).message,
      "the provider refuses the scope (invalid_scope, status 400): no such scope"
    )
    assert.strictEqual(
      new OAuthError.Unrecognized({ code: "new_code", status: 418 }).message,
      "the provider refuses the request (new_code, status 418)"
    )
  })
})
