import { assert, describe, it } from "@effect/vitest"
import type { JwsAlgorithm } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"
import * as TokenHash from "../../src/crypto/TokenHash.ts"

const accessToken = "G5kXH2wHvUra0sHlDy1iTkDJgsgUO1bN"
const refreshToken = "4bwc0ESC_IAhflf-ACC_vjD_ltc11ne-8gFPfA2Kx16"

const half = (token: string, algorithm: JwsAlgorithm.JwsAlgorithm) =>
  TokenHash.leftHalf(Redacted.make(token), algorithm)

describe("TokenHash.leftHalf", () => {
  it.effect("gives the at_hash and rt_hash that CIBA Core 10.3.1 prints", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* half(accessToken, "ES256"), "Wt0kVFXMacqvnHeyU0001w")
      assert.strictEqual(yield* half(refreshToken, "ES256"), "sHahCuSpXCRg5mkDDvvr4w")
    })
  )

  const families: ReadonlyArray<readonly [hash: string, ReadonlyArray<JwsAlgorithm.JwsAlgorithm>, half: string]> = [
    ["SHA-256", ["RS256", "PS256", "ES256", "HS256"], "Wt0kVFXMacqvnHeyU0001w"],
    ["SHA-384", ["RS384", "PS384", "ES384", "HS384"], "3MK7nafWnzoWUKXRhKHqKx5-pyR63dV6"],
    ["SHA-512", ["RS512", "PS512", "ES512", "HS512", "EdDSA", "Ed25519"], "4Kz8XDaGn45tP19maPUFH74gc0m3La39US-0NusHxw4"]
  ]
  for (const [hash, algorithms, expected] of families) {
    it.effect(`takes the left half of ${hash} for ${algorithms.join(", ")}`, () =>
      Effect.gen(function* () {
        for (const algorithm of algorithms) {
          assert.strictEqual(yield* half(accessToken, algorithm), expected, algorithm)
        }
      })
    )
  }
})
