import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as RawClient from "../support/RawClient.ts"

describe("PublishedKeys", () => {
  it.effect("are the public keys of all algorithms of its clients' ID Tokens", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.get(`${RawClient.issuer}/jwks`)
      const key = yield* TestKeys.signing("ES256")
      assert.deepStrictEqual(body, { keys: [key.publicJwk] })
      assert.notProperty(key.publicJwk, "d")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          client: [
            TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "ES256" }),
            TestClient.clientSecretPost({ clientId: "other", idTokenSignedResponseAlg: "HS256" })
          ]
        })
      )
    )
  )

  it.effect("are new keys alone after a rotation", () =>
    Effect.gen(function* () {
      const before = yield* RawClient.get(`${RawClient.issuer}/jwks`)
      yield* RawClient.provider.use((provider) => provider.rotateKeys)
      const after = yield* RawClient.get(`${RawClient.issuer}/jwks`)
      const key = yield* TestKeys.signing("ES256", "provider, rotation 1")
      assert.deepStrictEqual(after.body, { keys: [key.publicJwk] })
      assert.notDeepEqual(before.body, after.body)
    }).pipe(
      Effect.provide(
        TestProvider.layer({ client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "ES256" }) })
      )
    )
  )

  it.effect("verify ID Tokens that were signed after a rotation", () =>
    Effect.gen(function* () {
      const first = yield* RawClient.decodePart((yield* RawClient.issue()).body.id_token, 0)
      yield* RawClient.provider.use((provider) => provider.rotateKeys)
      const second = yield* RawClient.decodePart((yield* RawClient.issue()).body.id_token, 0)
      assert.strictEqual(first.kid, (yield* TestKeys.signing("ES256")).keyId)
      assert.strictEqual(second.kid, (yield* TestKeys.signing("ES256", "provider, rotation 1")).keyId)
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "ES256" }),
          user: TestUser.approve()
        })
      )
    )
  )
})
