import { assert, describe, it } from "@effect/vitest"
import { JsonWebKey, type JwsAlgorithm } from "@effect-ciba/core"
import { Result } from "effect"
import * as JsonWebKeySet from "../../src/crypto/JsonWebKeySet.ts"

const rsa = { kty: "RSA", n: "n", e: "AQAB" }
const p256 = { kty: "EC", crv: "P-256", x: "x", y: "y" }
const p384 = { kty: "EC", crv: "P-384", x: "x", y: "y" }
const ed25519 = { kty: "OKP", crv: "Ed25519", x: "x" }

/** The keys of a set that may have signed with the algorithm and the `kid`. */
const candidates = (keys: unknown, algorithm: JwsAlgorithm.Asymmetric, keyId?: string) =>
  Result.map(JsonWebKeySet.decode({ keys }), (set) => JsonWebKeySet.candidates(set, { algorithm, keyId }))

describe("a key set", () => {
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
  it("passes over what is no key, and keeps the others with all their members (A15)", () => {
    const kept = [
      { kty: "AKP", pub: "p" },
      { ...rsa, kid: "good", x5c: ["c"] }
    ]
    assert.deepStrictEqual(JsonWebKeySet.decode({ keys: [...odd, ...kept] }), Result.succeed({ keys: kept }))
  })

  for (const document of [null, "keys", [], {}, { keys: rsa }, { keys: null }]) {
    it(`is no set without a list of keys: ${document === null ? "null" : JSON.stringify(document)}`, () => {
      assert.isTrue(Result.isFailure(JsonWebKeySet.decode(document)))
    })
  }
})

describe("the keys that may have signed a token", () => {
  it("are chosen by type and curve where keys share a kid (A14)", () => {
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
      assert.deepStrictEqual(
        candidates(shared, algorithm, "one"),
        Result.succeed(shared.slice(index, index + 1)),
        algorithm
      )
    }
    assert.deepStrictEqual(candidates(shared, "ES512", "one"), Result.succeed([]))
  })

  it("are all offered where kid, type, algorithm and use are the same (A14)", () => {
    const twins = [
      { ...rsa, kid: "one", n: "first" },
      { ...rsa, kid: "one", n: "second" }
    ]
    assert.deepStrictEqual(candidates(twins, "RS256", "one"), Result.succeed(twins))
  })

  it("are not those that were published for encryption (A14)", () => {
    const keys = [
      { ...rsa, kid: "one", use: "enc" },
      { ...rsa, kid: "one", use: "sig" },
      { ...rsa, kid: "one" }
    ]
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed(keys.slice(1)))
  })

  it("are not those that were published for another algorithm (A14)", () => {
    const keys = ["PS256", "RS384", "RSA-OAEP", "RS256"].map((alg) => ({ ...rsa, kid: "one", alg }))
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed(keys.slice(3)))
  })

  it("of EdDSA may be published under its old and its new name", () => {
    const keys = ["EdDSA", "Ed25519", "ES256"].map((alg) => ({ ...ed25519, alg }))
    assert.deepStrictEqual(candidates(keys, "EdDSA"), Result.succeed(keys.slice(0, 2)))
    assert.deepStrictEqual(candidates(keys, "Ed25519"), Result.succeed(keys.slice(0, 2)))
  })

  it("have the token's kid to the letter, and every fitting key is offered where the token names none", () => {
    const keys = [{ ...rsa, kid: "one" }, { ...rsa, kid: "One" }, rsa]
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed(keys.slice(0, 1)))
    assert.deepStrictEqual(candidates(keys, "RS256", "two"), Result.succeed([]))
    assert.deepStrictEqual(candidates(keys, "RS256"), Result.succeed(keys))
  })
})

it("the public part of a key has no private and no symmetric member", () => {
  const secrets = { d: "1", p: "1", q: "1", dp: "1", dq: "1", qi: "1", oth: [], k: "1", priv: "1", key_ops: ["sign"] }
  const shown = { ...rsa, kid: "one", alg: "RS256", use: "sig" }
  assert.deepStrictEqual(JsonWebKey.toPublic({ ...shown, ...secrets }), shown)
})
