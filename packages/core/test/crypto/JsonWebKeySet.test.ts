import { assert, describe, it } from "@effect/vitest"
import type { JwsAlgorithm } from "@effect-ciba/core"
import { Result } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import * as JsonWebKeySet from "../../src/crypto/JsonWebKeySet.ts"

/** A modulus of so many bits. */
const modulus = (bits: number): string => Base64Url.encode(new Uint8Array(bits / 8).fill(0xc1))

const rsa = { kty: "RSA", n: modulus(2048), e: "AQAB" }
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
  const odd: ReadonlyArray<unknown> = [null, "key", 1, [], {}, { kty: "" }, { kty: 1 }, { ...rsa, n: modulus(1024) }]
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

  it("gives each number the encoding of RFC 7518, whatever the published one, since Web Crypto need not read another (A17)", () => {
    const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => 0xff - index)
    const encode = (...values: ReadonlyArray<number>) => Base64Url.encode(Uint8Array.from(values))
    const [n, x, y] = [bytes(256), bytes(31), bytes(32)]
    const written: ReadonlyArray<readonly [published: object, key: object]> = [
      [
        { kty: "RSA", n: Base64.encode(Uint8Array.from([0, ...n])), e: "AAEAAQ==" },
        { kty: "RSA", n: encode(...n), e: "AQAB" }
      ],
      [
        { kty: "EC", crv: "P-256", x: encode(...x), y: encode(0, ...y) },
        { kty: "EC", crv: "P-256", x: encode(0, ...x), y: encode(...y) }
      ],
      [
        { kty: "EC", crv: "P-521", x: encode(...x), y: encode(...y) },
        {
          kty: "EC",
          crv: "P-521",
          x: encode(...new Uint8Array(35), ...x),
          y: encode(...new Uint8Array(34), ...y)
        }
      ],
      [
        { kty: "OKP", crv: "Ed25519", x: Base64.encode(Uint8Array.from([0, ...x])) },
        { kty: "OKP", crv: "Ed25519", x: encode(0, ...x) }
      ]
    ]
    const set = Result.getOrThrow(JsonWebKeySet.decode({ keys: written.map(([published]) => published) }))
    assert.deepStrictEqual<ReadonlyArray<unknown>>(
      set.keys.map(({ key }) => key),
      written.map(([, key]) => key)
    )
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
      { ...rsa, kid: "one", n: modulus(3072) },
      { ...rsa, kid: "one", n: modulus(4096) }
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
    assert.deepStrictEqual(candidates(keys.slice(0, 2), "RS256", "two"), Result.succeed([]))
    assert.deepStrictEqual(candidates(keys, "RS256"), Result.succeed([0, 1, 2]))
  })

  it("takes a key without a kid for the one that the token names, if no other key has its kid (A17)", () => {
    const keys = [{ ...rsa, kid: "one" }, rsa, { ...rsa, kid: 2 }, { ...rsa, use: "enc" }, p256]
    assert.deepStrictEqual(candidates(keys, "RS256", "2"), Result.succeed([1, 2]))
    assert.deepStrictEqual(candidates(keys, "RS256", "one"), Result.succeed([0]))
  })

  it("does not care about an alg that is the name of no algorithm, nor about the letter case of a use (A17)", () => {
    const names = ["RSA", "rs256", "SHA256withRSA", "PS256", "RSA-OAEP-512", "RSA1_5"]
    const keys = names.map((alg) => ({ ...rsa, alg, use: "SIG" }))
    assert.deepStrictEqual(candidates(keys, "RS256"), Result.succeed([0, 1, 2]))
    assert.deepStrictEqual(candidates([{ ...p256, alg: "ECDH-ES+A128KW" }, p256], "ES256"), Result.succeed([1]))
  })

  it("does not care about members that are null, empty, or names of a wrong type (A17)", () => {
    const odd = { use: null, alg: "", key_ops: null, x5c: "broken", x5t: 7, ext: "yes" }
    assert.deepStrictEqual(
      candidates(
        [
          { ...rsa, ...odd, kid: "one" },
          { ...rsa, kid: 1 }
        ],
        "RS256"
      ),
      Result.succeed([0, 1])
    )
  })

  it("leaves out keys whose operations are those of encryption alone (A17)", () => {
    const operations = [["encrypt", "wrapKey"], ["sign"], ["verify"], ["deriveKey"], [], "verify", [null], ["Verify"]]
    const keys = operations.map((key_ops) => ({ ...rsa, key_ops }))
    assert.deepStrictEqual(candidates(keys, "RS256"), Result.succeed([1, 2, 4, 5, 6, 7]))
  })

  it("uses RSA keys of 2048 to 8192 bits, with an odd exponent from 3 to 2^32 (A18)", () => {
    const keys = [
      ...[1024, 2048, 8192, 8200].map((bits) => ({ ...rsa, n: modulus(bits) })),
      ...[[1], [3], [4], [1, 0, 1], [1, 0, 0, 0, 1]].map((e) => ({ ...rsa, e: Base64Url.encode(Uint8Array.from(e)) })),
      { ...rsa, n: "" },
      { ...rsa, n: "!" },
      { ...rsa, e: 65_537 }
    ]
    const set = Result.getOrThrow(JsonWebKeySet.decode({ keys }))
    assert.deepStrictEqual<ReadonlyArray<unknown>>(
      set.keys.map(({ published }) => published),
      [1, 2, 5, 7].map((index) => keys[index])
    )
  })

  it("tries sixteen keys of a set at most, and looks at a thousand (A18)", () => {
    const many = Array.from({ length: 1001 }, (_, index) => ({ ...p256, kid: String(index) }))
    const set = Result.getOrThrow(JsonWebKeySet.decode({ keys: many }))
    assert.strictEqual(JsonWebKeySet.candidates(set, { algorithm: "ES256", keyId: undefined }).length, 16)
    assert.strictEqual(JsonWebKeySet.candidates(set, { algorithm: "ES256", keyId: "1000" }).length, 0)
  })
})

describe("JsonWebKeySet.candidates, of too many keys", () => {
  const numbers = (length: number) => Array.from({ length }, (_, index) => index)
  const complete = { kty: "OKP", crv: "Ed25519", x: Base64Url.encode(new Uint8Array(32)) }

  it("are the first sixteen (A13)", () => {
    assert.deepStrictEqual(
      candidates(
        numbers(20).map(() => rsa),
        "RS256"
      ),
      Result.succeed(numbers(16))
    )
    assert.deepStrictEqual(
      candidates(
        numbers(16).map(() => rsa),
        "RS256"
      ),
      Result.succeed(numbers(16))
    )
  })

  it("are the complete ones, if there are any: a useless key displaces none (A15)", () => {
    const useless = numbers(16).map(() => ed25519)
    assert.deepStrictEqual(candidates([...useless, complete], "EdDSA"), Result.succeed([16]))
    assert.deepStrictEqual(candidates([...useless.slice(1), complete], "EdDSA"), Result.succeed(numbers(16)))
    assert.deepStrictEqual(candidates([...useless, ed25519], "EdDSA"), Result.succeed(numbers(16)))
  })
})
