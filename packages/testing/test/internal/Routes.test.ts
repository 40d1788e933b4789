import { assert, describe, it } from "@effect/vitest"
import { TestProvider } from "@effect-ciba/testing"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import * as RawClient from "../support/RawClient.ts"

describe("Routes", () => {
  it.effect("append the OpenID Connect path of discovery to an issuer with a path, and insert that of RFC 8414", () =>
    Effect.gen(function* () {
      const appended = yield* RawClient.get("https://op.test/tenant/.well-known/openid-configuration")
      const inserted = yield* RawClient.get("https://op.test/.well-known/oauth-authorization-server/tenant")
      const neither = yield* HttpClient.get("https://op.test/.well-known/openid-configuration")
      assert.deepStrictEqual(appended.body, inserted.body)
      assert.strictEqual(appended.body.issuer, "https://op.test/tenant")
      assert.strictEqual(appended.body.token_endpoint, "https://op.test/tenant/token")
      assert.strictEqual(neither.status, 404)
    }).pipe(Effect.provide(TestProvider.layer({ issuer: "https://op.test/tenant" })))
  )

  it.effect("do not exist at another origin", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.get("https://elsewhere.test/jwks"))
      const plain = yield* Effect.flip(HttpClient.get("http://provider.test/jwks"))
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.strictEqual(plain.reason._tag, "TransportError")
    }).pipe(Effect.provide(TestProvider.layer()))
  )
})
