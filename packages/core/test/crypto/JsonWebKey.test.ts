import { assert, describe, it } from "@effect/vitest"
import { JsonWebKey, SigningKey } from "@effect-ciba/core"
import { Effect } from "effect"
import { calculateJwkThumbprint } from "jose"

describe("JsonWebKey.thumbprint", () => {
  const vectors: ReadonlyArray<readonly [string, JsonWebKey.JsonWebKey, string]> = [
    [
      "RFC 7638 section 3.1",
      {
        kty: "RSA",
        n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        e: "AQAB",
        alg: "RS256",
        kid: "2011-04-29"
      },
      "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    ],
    [
      "RFC 9449 section 6.1",
      {
        kty: "EC",
        x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        crv: "P-256"
      },
      "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    ],
    [
      "RFC 8037 appendix A.3",
      { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", d: "private" },
      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    ]
  ]
  for (const kty of ["constructor", "toString", "__proto__", "unheard of"]) {
    it.effect(`hashes the type alone of a key of the unknown type ${kty}`, () =>
      Effect.gen(function* () {
        const digest = yield* Effect.promise(() =>
          crypto.subtle.digest("SHA-256", new TextEncoder().encode(`{"kty":"${kty}"}`))
        )
        assert.strictEqual(yield* JsonWebKey.thumbprint({ kty }), Buffer.from(digest).toString("base64url"))
      })
    )
  }

  it.effect("includes the algorithm of an ML-DSA key (RFC 9964)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* SigningKey.generateJwk("ML-DSA-44")
      assert.strictEqual(
        yield* JsonWebKey.thumbprint({ ...publicJwk, "x-note": "marker" }),
        yield* Effect.promise(() => calculateJwkThumbprint(publicJwk))
      )
      assert.hasAllKeys(JsonWebKey.requiredMembers(publicJwk), ["alg", "kty", "pub"])
    })
  )

  for (const [where, key, thumbprint] of vectors) {
    it.effect(`gives the thumbprint that ${where} prints`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* JsonWebKey.thumbprint(key), thumbprint)
      })
    )
  }
})

describe("JsonWebKey.toPublic", () => {
  it("removes the private and symmetric members of a key, and its key_ops", () => {
    const secrets = { d: "1", p: "1", q: "1", dp: "1", dq: "1", qi: "1", oth: [], k: "1", priv: "1", key_ops: ["sign"] }
    const shown = { kty: "RSA", n: "n", e: "AQAB", kid: "one", alg: "RS256", use: "sig" }
    assert.deepStrictEqual(JsonWebKey.toPublic({ ...shown, ...secrets }), shown)
  })
})
