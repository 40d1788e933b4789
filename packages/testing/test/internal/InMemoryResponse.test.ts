import { assert, describe, it } from "@effect/vitest"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import { Effect, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import * as RawClient from "../support/RawClient.ts"

describe("InMemoryResponse", () => {
  it.effect("is read synchronously in every way", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      const text = Effect.runSync(response.text)
      assert.include(text, '"issuer":"https://provider.test"')
      assert.propertyVal(Effect.runSync(response.json), "issuer", RawClient.issuer)
      assert.strictEqual(new TextDecoder().decode(Effect.runSync(response.arrayBuffer)), text)
      assert.strictEqual(Effect.runSync(Stream.mkString(Stream.decodeText(response.stream))), text)
      assert.strictEqual(Effect.runSync(Stream.mkString(Stream.decodeText(response.stream))), text)
      assert.strictEqual(HttpClientResponse.toWeb(response)._tag, "Some")
      assert.strictEqual(response.url, `${RawClient.issuer}/.well-known/openid-configuration`)
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("has an empty stream without a body", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${RawClient.issuer}/jwks`)
      assert.strictEqual(response.status, 204)
      assert.deepStrictEqual(Effect.runSync(Stream.runCollect(response.stream)), [])
      assert.strictEqual(Effect.runSync(response.json), null)
    }).pipe(Effect.provide(TestProvider.layer({ keysScript: ProviderScript.make([ProviderScript.status(204)]) })))
  )

  it.effect("fails to be read as JSON if it is none", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${RawClient.issuer}/nowhere`)
      assert.strictEqual(response.status, 404)
      assert.strictEqual((yield* Effect.flip(response.json)).reason._tag, "DecodeError")
    }).pipe(Effect.provide(TestProvider.layer()))
  )
})
