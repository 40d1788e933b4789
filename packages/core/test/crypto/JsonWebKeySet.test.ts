import { assert, describe, it } from "@effect/vitest"
import type { JwsAlgorithm } from "@effect-ciba/core"
import { Result } from "effect"
import * as JsonWebKeySet from "../../src/crypto/JsonWebKeySet.ts"

const rsa = { kty: "RSA", n: "n", e: "AQAB" }
const p256 = { kty: "EC", crv: "P-256", x: "x", y: "y" }
const p384 = { kty: "EC", crv: "P-384", x: "x", y: "y" }
const ed25519 = { kty: "OKP", crv: "Ed25519", x: "x" }

/** The indexes of the keys of a set that may have signed with the algorithm and the `kid`. */
const candidates = (keys: ReadonlyArray<unknown>, algorithm: JwsAlgorithm.Asymmetric, keyId?: string) =>
  Result.map(JsonWebKeySet.decode({ keys }), (set) => {
    const chosen = JsonWebKeySet.candidates(set, { algorithm, keyId })
    return set.keys.flatMap(({ key }, index) => (chosen.includes(key) ? [index] : []))
  })

describe("JsonWebKeySet.decode", () => {
  const odd: ReadonlyArray<unknown> = [
    null,
    "key",
    1,
    [],
    {},
    { kty: "" },
    { kty: 1 },
    { ...rsa, kid: 1 },
    { ...rsa, alg: ["RS256"] },
    { ...rsa, use: null }
  ]
  it("ignores members of the set that are not keys, and decodes the others with all their members (A15)", () => {
    const kept = [
      { kty: "AKP", pub: "p" },
      { ...rsa, kid: "good", x5c: ["c"] }
    ]
    const published = Result.map(JsonWebKeySet.decode({ keys: [...odd, ...kept] }), ({ keys }) =>
      keys.map(({ published }) => published)
    )
    assert.deepStrictEqual(published, Result.succeed(kept))
  })

  it("reduces each key to its required members and its kid", () => {
    const noise = { alg: "RS256", use: "sig", key_ops: ["verify"], x5c: ["c"], d: "private", ext: true }
    const reduced = Result.map(JsonWebKeySet.decode({ keys: [{ ...rsa, ...noise, kid: "one" }] }), ({ keys }) =>
      keys.map(({ key }) => key)
    )
    assert.deepStrictEqual(reduced, Result.succeed([{ ...rsa, kid: "one" }]))
  })

  for (const document of [null, "keys", [], {}, { keys: rsa }, { keys: null }]) {
    it(`refuses a document without a list of keys: ${document === null ? "null" : JSON.stringify(document)}`, () => {
      assert.isTrue(Result.isFailure(JsonWebKeySet.decode(document)))
    })
  }
})

describe("JsonWebKeySet.candidates", () => {
  it("chooses by type and curve among keys that share a kid (A14)", () => {
    const shared = [rsa, p256, p384, ed25519].map((key) => ({ ...key, kid: "one" }))
    const expected: ReadonlyArray<readonly [JwsAlgorithm.Asymmetric, number]> = [
      ["RS256", 0],
      ["PS512", 0],
      ["ES256", 1],
      ["ES384", 2],
      ["EdDSA", 3],
      ["Ed25519", 3]
    ]
    for (const [algorithm, index] of expected) {
      assert.deepStrictEqual(candidates(shared, algorithm, "one"), Result.succeed([index]), algorithm)
    }
    assert.deepStrictEqual(candidates(shared, "ES512", "one"), Result.succeed([]))
  })

  it("returns every key of the same kid, type, algorithm and use (A14)", () => {
    const twins = [
      { ...rsa, kid: "one", n: "first" },
      { ...rsa, kid: "one", n: "second" }
    ]
    assert.deepStrictEqual(candidates(twins, "RS256", "one"), Result.succeed([0, 1]))
  })

  it("leaves out keys that are published for encryption (A14)", () => {
    const keys = [
      { ...rsa, kid: "one", use: "enc" },
      { ...rsa, kid: "one", use: "sig" },
      { ...rsa, kid: "one" }
    ]
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed([1, 2]))
  })

  it("leaves out keys that are published for another algorithm (A14)", () => {
    const keys = ["PS256", "RS384", "RSA-OAEP", "RS256"].map((alg) => ({ ...rsa, kid: "one", alg }))
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed([3]))
  })

  it("accepts an Ed25519 key under both names of its algorithm", () => {
    const keys = ["EdDSA", "Ed25519", "ES256"].map((alg) => ({ ...ed25519, alg }))
    assert.deepStrictEqual(candidates(keys, "EdDSA"), Result.succeed([0, 1]))
    assert.deepStrictEqual(candidates(keys, "Ed25519"), Result.succeed([0, 1]))
  })

  it("compares the kid exactly, and returns every key that fits if the token has none", () => {
    const keys = [{ ...rsa, kid: "one" }, { ...rsa, kid: "One" }, rsa]
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed([0]))
    assert.deepStrictEqual(candidates(keys, "RS256", "two"), Result.succeed([]))
    assert.deepStrictEqual(candidates(keys, "RS256"), Result.succeed([0, 1, 2]))
  })
})
