import { inspect } from "node:util"
import { assert, describe, it, vi } from "@effect/vitest"
import { JsonWebKey, type JwsAlgorithm, SigningKey } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Redacted, Result } from "effect"
import { Base64Url } from "effect/encoding"
import * as JsonWebKeySet from "../../src/crypto/JsonWebKeySet.ts"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as Jwt from "../support/Jwt.ts"

const claims = { sub: "jo", scope: ["openid"] }
const secret = Redacted.make("a shared secret that is long enough for HS256")

const failureOf = (
  jwt: Redacted.Redacted<string>,
  options: { readonly algorithm: JwsAlgorithm.JwsAlgorithm; readonly key: JsonWebKey.JsonWebKey | typeof secret }
) => Effect.flip(JsonWebToken.verify(jwt, options))

describe("JsonWebToken.sign", () => {
  const algorithms = ["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const
  for (const algorithm of algorithms) {
    it.effect(`signs with ${algorithm} a token that verifies with the public key`, () =>
      Effect.gen(function* () {
        const key = yield* TestKeys.signing(algorithm)
        const jwt = yield* JsonWebToken.sign(claims, { key, type: "example+jwt" })
        assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm, key: key.publicJwk }), claims)
        const header = { alg: algorithm, kid: key.keyId, typ: "example+jwt" }
        assert.deepStrictEqual(yield* Jwt.decodePart(Redacted.value(jwt), 0), header)
        assert.deepStrictEqual<unknown>(JsonWebToken.readHeader(jwt), Result.succeed(header))
      })
    )
  }

  it.effect("signs with a secret a token that verifies with it, without kid and typ unless they are given", () =>
    Effect.gen(function* () {
      const jwt = yield* JsonWebToken.sign(claims, { key: SigningKey.fromSecret(secret, "HS256") })
      assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm: "HS256", key: secret }), claims)
      assert.deepStrictEqual(yield* Jwt.decodePart(Redacted.value(jwt), 0), { alg: "HS256" })
    })
  )

  it.effect("signs with a public key in the header in the place of its kid", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256")
      const jwt = yield* JsonWebToken.sign(claims, { key, jwk: key.publicJwk, header: { nonce: "n" } })
      const header = { nonce: "n", alg: "ES256", jwk: key.publicJwk }
      assert.deepStrictEqual<unknown>(yield* Jwt.decodePart(Redacted.value(jwt), 0), header)
    })
  )
})

it.effect("a reader of headers keeps the last one, and reads another one anew", () =>
  Effect.gen(function* () {
    const key = yield* TestKeys.signing("ES256")
    const [one, other] = yield* Effect.all([
      JsonWebToken.sign(claims, { key, type: "one" }),
      JsonWebToken.sign(claims, { key, type: "other" })
    ])
    const readHeader = JsonWebToken.makeReadHeader()
    const types = [one, one, other, one].map((jwt) => Result.getOrThrow(readHeader(jwt)).typ)
    assert.deepStrictEqual(types, ["one", "one", "other", "one"])
    assert.strictEqual(Result.getOrThrow(readHeader(one)), Result.getOrThrow(readHeader(one)))
  })
)

describe("JsonWebToken.verify with the keys of a JWK Set", () => {
  const decode = (key: JsonWebKey.JsonWebKey) => Effect.fromResult(JsonWebKeySet.decode({ keys: [key] }))

  for (const [name, published] of [
    ["EdDSA", "Ed25519"],
    ["Ed25519", "EdDSA"]
  ] as const) {
    it.effect(`verifies ${name} with a key that is published for ${published}`, () =>
      Effect.gen(function* () {
        const key = yield* TestKeys.signing(name)
        const jwt = yield* JsonWebToken.sign(claims, { key })
        const set = yield* decode({ ...key.publicJwk, alg: published })
        const [candidate] = JsonWebKeySet.candidates(set, { algorithm: name, keyId: key.keyId })
        assert.isDefined(candidate)
        if (candidate === undefined) return
        assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm: name, key: candidate }), claims)
      })
    )
  }

  for (const operations of [["sign"], ["encrypt", "verify"], ["verify", "verify"], [], "verify", null]) {
    it.effect(`verifies with a key whose key_ops are ${JSON.stringify(operations)}`, () =>
      Effect.gen(function* () {
        for (const algorithm of ["RS256", "PS256", "ES256", "Ed25519"] as const) {
          const key = yield* TestKeys.signing(algorithm)
          const jwt = yield* JsonWebToken.sign(claims, { key })
          const set = yield* decode({ ...key.publicJwk, key_ops: operations, ext: "yes" })
          const [candidate] = JsonWebKeySet.candidates(set, { algorithm, keyId: key.keyId })
          assert.isDefined(candidate)
          if (candidate === undefined) return
          assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm, key: candidate }), claims)
        }
      })
    )
  }

  it.effect("imports a key once, however many tokens it verifies", () =>
    Effect.gen(function* () {
      const key = yield* SigningKey.generate("ES256")
      const set = yield* decode(key.publicJwk)
      const imports = vi.spyOn(crypto.subtle, "importKey")
      for (let count = 0; count < 20; count += 1) {
        const jwt = yield* JsonWebToken.sign({ ...claims, count }, { key })
        for (const candidate of JsonWebKeySet.candidates(set, { algorithm: "ES256", keyId: key.keyId })) {
          assert.propertyVal(yield* JsonWebToken.verify(jwt, { algorithm: "ES256", key: candidate }), "count", count)
        }
      }
      assert.strictEqual(imports.mock.calls.length, 1)
      imports.mockRestore()
    })
  )
})

describe("JsonWebToken.verify", () => {
  const signed = Effect.gen(function* () {
    const key = yield* TestKeys.signing("RS256")
    const jwt = yield* JsonWebToken.sign(claims, { key })
    return { jwt, key, header: { alg: "RS256", kid: key.keyId }, publicJwk: key.publicJwk }
  })

  const tampered: ReadonlyArray<readonly [what: string, Parameters<typeof Jwt.replace>[1]]> = [
    ["a signature of nothing but zeros", { signature: Base64Url.encode(new Uint8Array(256)) }],
    ["an empty signature", { signature: "" }],
    ["other claims under the same signature", { payload: { ...claims, sub: "eve" } }],
    ["another header under the same signature", { header: { alg: "RS256" } }],
    ["the algorithm none, signature kept", { header: { alg: "none" } }],
    ["the algorithm none, without a signature", { header: { alg: "none" }, signature: "" }],
    ["the algorithm nOnE, without a signature", { header: { alg: "nOnE" }, signature: "" }]
  ]
  for (const [what, parts] of tampered) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const { jwt, publicJwk } = yield* signed
        const error = yield* failureOf(Jwt.replace(jwt, parts), { algorithm: "RS256", key: publicJwk })
        assert.deepStrictEqual(
          error,
          new JsonWebToken.InvalidSignature({ algorithm: "RS256", keyId: publicJwk.kid ?? "" })
        )
      })
    )
  }

  it.effect("refuses a signature by another key, even if the header contains that key", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* signed
      const stranger = yield* TestKeys.signing("RS256", "stranger")
      const material = Redacted.value(stranger.material)
      assert.isFalse(material instanceof Uint8Array)
      if (material instanceof Uint8Array) return
      const header = { alg: "RS256", kid: publicJwk.kid, jwk: stranger.publicJwk }
      const input = [header, claims].map((one) => Base64Url.encode(Jwt.encodeJson(one))).join(".")
      const signature = yield* Effect.promise(() =>
        crypto.subtle.sign("RSASSA-PKCS1-v1_5", material, new TextEncoder().encode(input))
      )
      const jwt = Redacted.make(`${input}.${Base64Url.encode(new Uint8Array(signature))}`)
      assert.deepStrictEqual(
        yield* JsonWebToken.verify(jwt, { algorithm: "RS256", key: stranger.publicJwk }),
        claims,
        "the forged token is valid under its own key"
      )
      assert.strictEqual((yield* failureOf(jwt, { algorithm: "RS256", key: publicJwk }))._tag, "InvalidSignature")
    })
  )

  it.effect("refuses a signature with another algorithm of the same key", () =>
    Effect.gen(function* () {
      const { privateJwk, publicJwk } = yield* SigningKey.generateJwk("RS256")
      const key = yield* SigningKey.fromJwk(privateJwk, { algorithm: "PS256" })
      const jwt = yield* JsonWebToken.sign(claims, { key })
      const bare = JsonWebKey.requiredMembers(publicJwk)
      assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm: "PS256", key: bare }), claims)
      const error = yield* failureOf(jwt, { algorithm: "RS256", key: bare })
      assert.deepStrictEqual(error, new JsonWebToken.InvalidSignature({ algorithm: "RS256" }))
    })
  )

  it.effect("refuses a signature with another algorithm of the same secret", () =>
    Effect.gen(function* () {
      const long = Redacted.make("x".repeat(64))
      const jwt = yield* JsonWebToken.sign(claims, { key: SigningKey.fromSecret(long, "HS512") })
      assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm: "HS512", key: long }), claims)
      const error = yield* failureOf(jwt, { algorithm: "HS256", key: long })
      assert.deepStrictEqual(error, new JsonWebToken.InvalidSignature({ algorithm: "HS256" }))
    })
  )

  it.effect("refuses HS256 with the public key as the secret", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* signed
      const payload = Base64Url.encode(Jwt.encodeJson(claims))
      for (const asSecret of [Jwt.encodeJson(publicJwk), String(publicJwk.n)]) {
        const jwt = yield* Jwt.signHmac(asSecret, { alg: "HS256", kid: publicJwk.kid }, payload)
        const shared = Redacted.make(asSecret)
        assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm: "HS256", key: shared }), claims)
        assert.strictEqual((yield* failureOf(jwt, { algorithm: "RS256", key: publicJwk })).message, rs256(publicJwk))
        assert.strictEqual((yield* failureOf(jwt, { algorithm: "HS256", key: publicJwk }))._tag, "UnusableKey")
      }
    })
  )

  it.effect("refuses an asymmetric algorithm with a secret as the key", () =>
    Effect.gen(function* () {
      const { jwt } = yield* signed
      const error = yield* failureOf(jwt, { algorithm: "RS256", key: secret })
      assert.deepStrictEqual(error, new JsonWebToken.InvalidSignature({ algorithm: "RS256" }))
    })
  )

  it.effect("refuses an unknown critical header under a valid signature", () =>
    Effect.gen(function* () {
      const payload = Base64Url.encode(Jwt.encodeJson(claims))
      const plain = yield* Jwt.signHmac(Redacted.value(secret), { alg: "HS256" }, payload)
      assert.deepStrictEqual(yield* JsonWebToken.verify(plain, { algorithm: "HS256", key: secret }), claims)
      const critical = { alg: "HS256", crit: ["policy"], policy: "strict" }
      const jwt = yield* Jwt.signHmac(Redacted.value(secret), critical, payload)
      assert.strictEqual((yield* failureOf(jwt, { algorithm: "HS256", key: secret }))._tag, "InvalidSignature")
    })
  )

  it.effect("refuses an unencoded payload, which RFC 7797 forbids for JSON Web Tokens", () =>
    Effect.gen(function* () {
      const header = { alg: "HS256", b64: false, crit: ["b64"] }
      const jwt = yield* Jwt.signHmac(Redacted.value(secret), header, Jwt.encodeJson(claims))
      assert.strictEqual((yield* failureOf(jwt, { algorithm: "HS256", key: secret }))._tag, "MalformedToken")
    })
  )

  it.effect("refuses claims that are not JSON under a valid signature", () =>
    Effect.gen(function* () {
      const jwt = yield* Jwt.signHmac(Redacted.value(secret), { alg: "HS256" }, Base64Url.encode("sub=jo"))
      assert.strictEqual((yield* failureOf(jwt, { algorithm: "HS256", key: secret }))._tag, "MalformedToken")
    })
  )

  it.effect("refuses an RSA key of 1024 bits (E7)", () =>
    Effect.gen(function* () {
      const pair = yield* Effect.promise(() =>
        crypto.subtle.generateKey(
          {
            name: "RSASSA-PKCS1-v1_5",
            hash: "SHA-256",
            modulusLength: 1024,
            publicExponent: new Uint8Array([1, 0, 1])
          },
          true,
          ["sign", "verify"]
        )
      )
      const { e, n } = yield* Effect.promise(() => crypto.subtle.exportKey("jwk", pair.publicKey))
      const input = [{ alg: "RS256" }, claims].map((one) => Base64Url.encode(Jwt.encodeJson(one))).join(".")
      const signature = yield* Effect.promise(() =>
        crypto.subtle.sign("RSASSA-PKCS1-v1_5", pair.privateKey, new TextEncoder().encode(input))
      )
      const jwt = Redacted.make(`${input}.${Base64Url.encode(new Uint8Array(signature))}`)
      const error = yield* failureOf(jwt, { algorithm: "RS256", key: { kty: "RSA", e, n } })
      assert.deepStrictEqual(error, new JsonWebToken.UnusableKey({ algorithm: "RS256" }))
    })
  )
})

describe("JsonWebToken with malformed tokens", () => {
  const named = Base64Url.encode('{"alg":"HS256"}')
  const malformed: ReadonlyArray<readonly [what: string, jwt: string]> = [
    ["an empty text", ""],
    ["one part", named],
    ["two parts", `${named}.e30`],
    ["four parts", `${named}.e30.e30.e30`],
    ["five parts, as of an encrypted token", `${named}.e30.e30.e30.e30`],
    ["a header that is not base64url", "{}.e30.e30"],
    ["a header that is not JSON", `${Base64Url.encode("alg=RS256")}.e30.e30`],
    ["a header that is not an object", `${Base64Url.encode('["RS256"]')}.e30.e30`],
    ["a header without alg", "e30.e30.e30"],
    ["a header whose typ is not a string", Jwt.join({ alg: "RS256", typ: 1 }, {}, "e30")]
  ]
  for (const [what, jwt] of malformed) {
    it.effect(`reads no header from ${what}, and does not verify it`, () =>
      Effect.gen(function* () {
        const token = Redacted.make(jwt)
        assert.deepStrictEqual(
          JsonWebToken.readHeader(token),
          Result.fail(new JsonWebToken.MalformedToken(jwt.split(".").length === 5 ? { encrypted: true } : {}))
        )
        assert.strictEqual((yield* failureOf(token, { algorithm: "HS256", key: secret }))._tag, "InvalidSignature")
      })
    )
  }
})

it.effect("an error of JsonWebToken.verify shows no part of the token", () =>
  Effect.gen(function* () {
    const jwt = yield* Jwt.signHmac("another secret of the length that it takes", { alg: "HS256" }, "e30")
    const error = yield* failureOf(jwt, { algorithm: "HS256", key: secret })
    for (const shown of [error.message, Jwt.encodeJson(error), inspect(error, { depth: 9 })]) {
      for (const piece of [...Redacted.value(jwt).split("."), Redacted.value(secret)]) {
        assert.notInclude(shown, piece)
      }
    }
  })
)

const rs256 = (key: JsonWebKey.JsonWebKey): string =>
  `the signature (RS256) does not verify with the issuer's key "${key.kid}"`

describe("the errors of JsonWebToken", () => {
  const { InvalidSignature, MalformedToken } = JsonWebToken
  const withKey = "the signature (ES256) does not verify with the issuer's key"
  for (const [error, message] of [
    [new MalformedToken(), "the token is not a signed JSON Web Token in compact form"],
    [new MalformedToken({ problem: "typ" }), "the token is not of the expected form: typ"],
    [
      new MalformedToken({ encrypted: true }),
      "the token is encrypted, and no key to decrypt it is configured; provide IdTokenDecryption.layer"
    ],
    [new InvalidSignature({ algorithm: "ES256" }), withKey],
    [new InvalidSignature({ algorithm: "ES256", keyId: "k-1" }), `${withKey} "k-1"`],
    [new InvalidSignature({ algorithm: "HS256" }), "the signature (HS256) does not verify with the client secret"]
  ] as const) {
    it(`say what is wrong: ${message}`, () => assert.strictEqual(error.message, message))
  }
})
