import { generateKeyPairSync } from "node:crypto"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { JsonWebKey, type JwsAlgorithm, SigningKey } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"
import { Base64 } from "effect/encoding"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as Jwt from "../support/Jwt.ts"
import * as Pem from "../support/Pem.ts"

const signs = Effect.fnUntraced(function* (key: SigningKey.SigningKey, algorithm: JwsAlgorithm.Asymmetric) {
  assert.strictEqual(key.algorithm, algorithm)
  const jwt = yield* JsonWebToken.sign({ sub: "jo" }, { key })
  assert.isDefined(key.publicJwk)
  if (key.publicJwk === undefined) return
  assert.deepStrictEqual(yield* JsonWebToken.verify(jwt, { algorithm, key: key.publicJwk }), { sub: "jo" })
})

const ecPair = (extractable: boolean) =>
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, extractable, ["sign"])

const rsaPair = (extractable: boolean) =>
  crypto.subtle.generateKey(
    { name: "RSA-PSS", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    extractable,
    ["sign"]
  )

const problemOf = <A>(effect: Effect.Effect<A, SigningKey.InvalidKey>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.strictEqual(error.message, `the key cannot be used: ${error.problem}`)
    return error.problem
  })

describe("SigningKey", () => {
  for (const algorithm of [
    "RS256",
    "PS256",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87"
  ] as const) {
    it.effect(`reads a ${algorithm} key from a JWK and from PEM, whose signatures verify with its public key`, () =>
      Effect.gen(function* () {
        const { privateJwk, publicJwk } = yield* SigningKey.generateJwk(algorithm)
        const fromJwk = yield* SigningKey.fromJwk(privateJwk)
        yield* signs(fromJwk, algorithm)
        assert.deepStrictEqual(fromJwk.publicJwk, publicJwk)
        assert.strictEqual(fromJwk.keyId, publicJwk.kid)

        const pem = yield* Pem.pkcs8(algorithm)
        const fromPem = yield* SigningKey.fromPem(pem, { algorithm, keyId: "pem" })
        yield* signs(fromPem, algorithm)
        assert.strictEqual(fromPem.keyId, "pem")
      })
    )
  }

  it.effect("signs with a CryptoKey that is not extractable", () =>
    Effect.gen(function* () {
      const pair = yield* Effect.promise(() =>
        crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"])
      )
      const key = yield* SigningKey.fromCryptoKey(pair.privateKey, { algorithm: "ES256", keyId: "held" })
      const jwt = yield* JsonWebToken.sign({ sub: "jo" }, { key })
      const { crv, kty, x, y } = yield* Effect.promise(() => crypto.subtle.exportKey("jwk", pair.publicKey))
      assert.deepStrictEqual(
        yield* JsonWebToken.verify(jwt, { algorithm: "ES256", key: { kty: kty ?? "", crv, x, y } }),
        { sub: "jo" }
      )
      assert.strictEqual(key.publicJwk, undefined)
    })
  )

  for (const [what, algorithm, pairOf] of [
    ["RSA", "PS256", rsaPair],
    ["EC", "ES256", ecPair],
    ["Ed25519", "EdDSA", (extractable: boolean) => crypto.subtle.generateKey("Ed25519", extractable, ["sign"])]
  ] as const) {
    it.effect(`reads a pair of ${what} CryptoKeys that is not extractable, with its public key`, () =>
      Effect.gen(function* () {
        const pair = yield* Effect.promise(() => pairOf(false))
        const key = yield* SigningKey.fromCryptoKeyPair(pair, { algorithm, keyId: "held" })
        yield* signs(key, algorithm)
        assert.strictEqual(key.keyId, "held")
        assert.include(key.publicJwk, { alg: algorithm, kid: "held" })
        assert.isUndefined(key.privateJwk)
      })
    )

    it.effect(`reads a pair of ${what} CryptoKeys that is extractable, with its private key`, () =>
      Effect.gen(function* () {
        const pair = yield* Effect.promise(() => pairOf(true))
        const { privateJwk, publicJwk } = yield* SigningKey.fromCryptoKeyPair(pair, { algorithm })
        const again = yield* SigningKey.fromJwk(privateJwk ?? Redacted.make(undefined))
        yield* signs(again, algorithm)
        assert.deepStrictEqual(again.publicJwk, publicJwk)
        assert.notProperty(publicJwk, "d")
        assert.notProperty(publicJwk, "kid")
      })
    )
  }

  it.effect("takes algorithm and key id from the options, also for the public key", () =>
    Effect.gen(function* () {
      const { privateJwk, publicJwk } = yield* SigningKey.generateJwk("RS256")
      const key = yield* SigningKey.fromJwk(privateJwk, { algorithm: "PS256", keyId: "2026-11" })
      yield* signs(key, "PS256")
      assert.strictEqual(key.keyId, "2026-11")
      assert.deepStrictEqual(key.publicJwk, { ...publicJwk, alg: "PS256", kid: "2026-11" })
    })
  )

  it.effect("generates a new key each time", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([SigningKey.generate("ES256"), SigningKey.generate("ES256")])
      yield* signs(one, "ES256")
      assert.notStrictEqual(one.keyId, other.keyId)
      assert.notStrictEqual(one.publicJwk.x, other.publicJwk.x)
    })
  )
})

const editJwk = (edit: (jwk: Jwt.JsonObject) => unknown, options?: SigningKey.Options) =>
  Effect.flatMap(SigningKey.generateJwk("ES256"), ({ privateJwk }) =>
    SigningKey.fromJwk(Redacted.make(edit(Redacted.value(privateJwk))), options)
  )

const notRead = (algorithm: string): string =>
  `it cannot be read as a key for ${algorithm}; check that it is complete, and that the algorithm is the key's`

const cannotSign = (algorithm: string): string =>
  `it cannot sign with ${algorithm}; pass a private key for this algorithm, with "sign" among its usages (RSA: 2048 bits or more)`

const wrongType = (algorithm: string, type: string): string =>
  `${algorithm} needs a key of type ${type}; pass such a key, or the algorithm that fits this one`

const noAlgorithm = 'it names no usable "alg"; pass the algorithm as an option'
const noJwk = "it is not a JSON Web Key; pass the parsed object, with its private members"
const publicOnly = "it is a public key; a signature needs the private one"

describe("SigningKey.fromJwk", () => {
  type Invalid = readonly [what: string, edit: (jwk: Jwt.JsonObject) => unknown, problem: string]
  const invalid: ReadonlyArray<readonly [...Invalid, options?: SigningKey.Options]> = [
    ["a public key", ({ d: _d, ...rest }) => rest, publicOnly],
    ["a key without an algorithm", ({ alg: _alg, ...rest }) => rest, noAlgorithm],
    ["a key with an unknown algorithm", (jwk) => ({ ...jwk, alg: "ES999" }), noAlgorithm],
    ["a key with the algorithm none", (jwk) => ({ ...jwk, alg: "none" }), noAlgorithm],
    ["a key with a symmetric algorithm", (jwk) => ({ ...jwk, alg: "HS256" }), noAlgorithm],
    [
      "a key on another curve than the algorithm's",
      (jwk) => ({ ...jwk, alg: "ES384" }),
      wrongType("ES384", "EC P-384")
    ],
    [
      "a key of another type than the option's algorithm",
      (jwk) => jwk,
      wrongType("PS256", "RSA"),
      { algorithm: "PS256" }
    ],
    ["an EC key for EdDSA", (jwk) => jwk, wrongType("EdDSA", "OKP Ed25519"), { algorithm: "EdDSA" }],
    [
      "a key for encryption",
      (jwk) => ({ ...jwk, use: "enc" }),
      'its "use" is not "sig"; pass the key that was made for signatures'
    ],
    ["a malformed key", (jwk) => ({ ...jwk, d: "AA" }), notRead("ES256")],
    ["JSON text", (jwk) => Jwt.encodeJson(jwk), noJwk],
    ["null", () => null, noJwk],
    ["a set of keys", (jwk) => ({ keys: [jwk] }), "it is a set of keys; pass one of them, with its private members"],
    ["a symmetric key", () => ({ kty: "oct", k: "AAAA" }), "it is a symmetric key; a signature needs a private one"]
  ]
  for (const [what, edit, problem, options] of invalid) {
    it.effect(`refuses ${what} as JWK, and says what to do`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* problemOf(editJwk(edit, options)), problem)
      })
    )
  }
})

describe("SigningKey.fromPem", () => {
  const convert = (label: string) =>
    `it is not PEM in PKCS#8 form but "${label}"; convert it with: openssl pkcs8 -topk8 -nocrypt -in key.pem`
  const certificate = "it is a certificate; a signature needs the private key that belongs to it"
  const noBlock = "it has no PEM block (-----BEGIN PRIVATE KEY-----); pass the content of the key file"
  const decrypt = "it is encrypted; decrypt it with: openssl pkcs8 -in key.pem -out decrypted.pem"
  const invalid: ReadonlyArray<readonly [what: string, pem: string, problem: string]> = [
    ["PKCS#1", Pem.block("RSA PRIVATE KEY", "AAAA"), convert("RSA PRIVATE KEY")],
    [
      "SEC 1 after its parameters",
      `${Pem.block("EC PARAMETERS", "AAAA")}${Pem.block("EC PRIVATE KEY", "AAAA")}`,
      convert("EC PRIVATE KEY")
    ],
    ["an encrypted key", Pem.block("ENCRYPTED PRIVATE KEY", "AAAA"), decrypt],
    ["an encrypted PKCS#1 key", Pem.block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nAAAA"), decrypt],
    [
      "a key of OpenSSH",
      Pem.block("OPENSSH PRIVATE KEY", "AAAA"),
      "it is in the form of OpenSSH; convert it with: ssh-keygen -p -m PKCS8 -f key"
    ],
    [
      "a key that is restricted to RSA-PSS",
      generateKeyPairSync("rsa-pss", { modulusLength: 2048 })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
      "it is restricted to RSA-PSS (id-RSASSA-PSS), which Web Crypto does not read; use a plain RSA key"
    ],
    [
      "a certificate request",
      Pem.block("CERTIFICATE REQUEST", "AAAA"),
      'it has "CERTIFICATE REQUEST" in the place of "PRIVATE KEY"; pass the content of the key file'
    ],
    ["text that is not PEM", "secret", noBlock],
    ["the path of a key file", "/run/keys/signing.pem", noBlock],
    [
      "PEM that was encoded again",
      Base64.encode(Pem.block("PRIVATE KEY", "AAAA")),
      "it is PEM that was encoded as base64 once more; decode it first"
    ],
    ["a public key", Pem.block("PUBLIC KEY", "AAAA"), publicOnly],
    ["a public key in PKCS#1", Pem.block("RSA PUBLIC KEY", "AAAA"), publicOnly],
    ["a certificate", Pem.block("CERTIFICATE", "AAAA"), certificate],
    ["a certificate of OpenSSL", Pem.block("TRUSTED CERTIFICATE", "AAAA"), certificate],
    ["a malformed key", Pem.block("PRIVATE KEY", "AAAA"), notRead("ES256")],
    [
      "a truncated key",
      "-----BEGIN PRIVATE KEY-----\nAAAA",
      "its PEM block has no end, or is not base64; pass the whole file"
    ]
  ]
  for (const [what, pem, problem] of invalid) {
    it.effect(`refuses ${what} as PEM, and says what to do`, () =>
      Effect.gen(function* () {
        const key = SigningKey.fromPem(Redacted.make(pem), { algorithm: "ES256" })
        assert.strictEqual(yield* problemOf(key), problem)
      })
    )
  }

  for (const [what, edit] of [
    ["after the bag attributes of openssl", (pem) => `Bag Attributes\n    friendlyName: my key\n${pem}`],
    ["before a certificate", (pem) => `${pem}\n${Pem.block("CERTIFICATE", "AAAA")}`],
    ["after a certificate", (pem) => `${Pem.block("CERTIFICATE", "AAAA")}\n${pem}`],
    ["with a comment behind it", (pem) => `${pem}\n# until 2027\n`],
    ["with line breaks as two characters", (pem) => pem.trim().replaceAll("\n", "\\n")],
    ["in quotes", (pem) => `"${pem.trim().replaceAll("\n", "\\r\\n")}"`],
    ["with indented lines", (pem) => pem.replaceAll("\n", "\n    ")]
  ] satisfies ReadonlyArray<readonly [string, (pem: string) => string]>) {
    it.effect(`reads a key ${what} (E13)`, () =>
      Effect.gen(function* () {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
        const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
        yield* signs(yield* SigningKey.fromPem(Redacted.make(edit(pem)), { algorithm: "ES256" }), "ES256")
      })
    )
  }

  for (const members of [{ key_ops: ["verify"] }, { key_ops: null }, { ext: "yes", x5c: 7 }, { kid: null, use: "" }]) {
    it.effect(`reads a JWK whose other members are ${JSON.stringify(members)} (E13)`, () =>
      Effect.gen(function* () {
        const { privateJwk } = yield* SigningKey.generateJwk("ES256")
        const jwk = { ...Redacted.value(privateJwk), ...members }
        yield* signs(yield* SigningKey.fromJwk(Redacted.make(jwk)), "ES256")
      })
    )
  }

  it.effect("reads a JWK in padded plain base64, and publishes its key in base64url (E13)", () =>
    Effect.gen(function* () {
      for (const algorithm of ["PS256", "ES256", "Ed25519"] as const) {
        const { privateJwk, publicJwk } = yield* SigningKey.generateJwk(algorithm)
        const odd = Object.entries(Redacted.value(privateJwk)).map(([name, member]) => {
          const isBinary = !["kty", "crv", "alg", "kid", "use"].includes(name)
          return [name, isBinary ? Buffer.from(String(member), "base64url").toString("base64") : member] as const
        })
        const key = yield* SigningKey.fromJwk(Redacted.make(Object.fromEntries(odd)))
        yield* signs(key, algorithm)
        assert.deepStrictEqual(key.publicJwk, publicJwk)
      }
    })
  )

  it.effect("refuses a PEM key of another curve or type than the algorithm's", () =>
    Effect.gen(function* () {
      const pem = yield* Pem.pkcs8("ES384")
      const refusal = (algorithm: JwsAlgorithm.Asymmetric) => problemOf(SigningKey.fromPem(pem, { algorithm }))
      assert.strictEqual(yield* refusal("ES256"), wrongType("ES256", "EC P-256"))
      assert.strictEqual(yield* refusal("RS256"), wrongType("RS256", "RSA"))
      assert.strictEqual(yield* refusal("Ed25519"), wrongType("Ed25519", "OKP Ed25519"))
      const unusual = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey
      const other = Redacted.make(unusual.export({ type: "pkcs8", format: "pem" }).toString())
      assert.strictEqual(
        yield* problemOf(SigningKey.fromPem(other, { algorithm: "ES256" })),
        wrongType("ES256", "EC P-256")
      )
    })
  )
})

describe("SigningKey.fromCryptoKey", () => {
  const ec = Effect.promise(() =>
    crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
  )

  it.effect("refuses a public CryptoKey, and one for another algorithm", () =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = yield* ec
      const from = (key: CryptoKey, algorithm: JwsAlgorithm.Asymmetric) =>
        problemOf(SigningKey.fromCryptoKey(key, { algorithm }))
      assert.strictEqual(yield* from(publicKey, "ES256"), cannotSign("ES256"))
      assert.strictEqual(yield* from(privateKey, "ES384"), cannotSign("ES384"))
      assert.strictEqual(yield* from(privateKey, "RS256"), cannotSign("RS256"))
    })
  )
})

it.effect("SigningKey.generate makes keys that are not extractable, and RSA keys of a given length", () =>
  Effect.gen(function* () {
    const held = yield* SigningKey.generate("ES256", { extractable: false })
    yield* signs(held, "ES256")
    assert.isUndefined(held.privateJwk)
    const material = Redacted.value(held.material)
    assert.isFalse(material instanceof CryptoKey && material.extractable)
    assert.strictEqual(held.keyId, yield* JsonWebKey.thumbprint(held.publicJwk))
    assert.isDefined((yield* SigningKey.generate("ES256")).privateJwk)
    for (const extractable of [true, false]) {
      const { publicJwk } = yield* SigningKey.generate("PS256", { extractable, modulusLength: 3072 })
      assert.lengthOf(String(publicJwk.n), 512)
    }
  })
)

it.effect("SigningKey.fromCryptoKeyPair publishes no private member if both keys of the pair are private", () =>
  Effect.gen(function* () {
    const { privateKey } = yield* Effect.promise(() => ecPair(true))
    const pair = { privateKey, publicKey: privateKey }
    const { publicJwk } = yield* SigningKey.fromCryptoKeyPair(pair, { algorithm: "ES256" })
    assert.hasAllKeys(publicJwk, ["alg", "crv", "kty", "x", "y"])
  })
)

describe("SigningKey.fromCryptoKeyPair", () => {
  const apart = "its two halves do not belong together; pass a pair as it was generated"
  const makeUnextractable = (publicKey: CryptoKey) =>
    crypto.subtle
      .exportKey("raw", publicKey)
      .then((raw) => crypto.subtle.importKey("raw", raw, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]))

  it.effect("refuses keys of different pairs or types, and keys in the wrong place", () =>
    Effect.gen(function* () {
      const [one, other, rsa] = yield* Effect.promise(() => Promise.all([ecPair(false), ecPair(true), rsaPair(true)]))
      const from = (privateKey: CryptoKey, publicKey: CryptoKey) =>
        problemOf(SigningKey.fromCryptoKeyPair({ privateKey, publicKey }, { algorithm: "ES256" }))
      assert.strictEqual(yield* from(one.privateKey, other.publicKey), apart)
      assert.strictEqual(yield* from(one.privateKey, rsa.publicKey), apart)
      assert.strictEqual(yield* from(rsa.privateKey, one.publicKey), cannotSign("ES256"))
      assert.strictEqual(yield* from(one.publicKey, one.publicKey), cannotSign("ES256"))
      assert.strictEqual(yield* from(one.privateKey, one.privateKey), notRead("ES256"))
      assert.strictEqual(
        yield* from(one.privateKey, yield* Effect.promise(() => makeUnextractable(one.publicKey))),
        notRead("ES256")
      )
    })
  )
})

describe("SigningKey with an RSA key of 1024 bits", () => {
  for (const [name, algorithm] of [
    ["RSASSA-PKCS1-v1_5", "RS256"],
    ["RSA-PSS", "PS256"]
  ] as const) {
    it.effect(`refuses an RSA key of 1024 bits for ${algorithm} as JWK, PEM and CryptoKey (E7)`, () =>
      Effect.gen(function* () {
        const { privateKey } = yield* Effect.promise(() =>
          crypto.subtle.generateKey(
            { name, hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
            true,
            ["sign", "verify"]
          )
        )
        const {
          ext: _ext,
          key_ops: _ops,
          ...jwk
        } = yield* Effect.promise(() => crypto.subtle.exportKey("jwk", privateKey))
        const pem = yield* Pem.ofKey(privateKey)
        for (const key of [
          SigningKey.fromJwk(Redacted.make({ ...jwk, alg: algorithm })),
          SigningKey.fromPem(pem, { algorithm }),
          SigningKey.fromCryptoKey(privateKey, { algorithm })
        ]) {
          assert.strictEqual(yield* problemOf(key), cannotSign(algorithm))
        }
      })
    )
  }
})

it.effect("a SigningKey and its errors show no key material", () =>
  Effect.gen(function* () {
    const { privateJwk, publicJwk } = yield* SigningKey.generateJwk("ES256")
    const { d } = Redacted.value(privateJwk)
    const secret = Redacted.make("a-client-secret")
    const key = yield* SigningKey.fromJwk(privateJwk)
    const broken = yield* Effect.flip(SigningKey.fromJwk(Redacted.make({ ...Redacted.value(privateJwk), kty: 1 })))
    const misfit = yield* Effect.flip(SigningKey.fromJwk(privateJwk, { algorithm: "RS256" }))
    const pem = yield* Effect.flip(
      SigningKey.fromPem(Redacted.make(Pem.block("PRIVATE KEY", String(d))), { algorithm: "ES256" })
    )
    for (const value of [key, privateJwk, SigningKey.fromSecret(secret, "HS256"), broken, misfit, pem]) {
      for (const shown of [String(value), Jwt.encodeJson(value), inspect(value, { depth: 9, showHidden: true })]) {
        assert.notInclude(shown, String(d))
        assert.notInclude(shown, Redacted.value(secret))
        assert.notMatch(shown, /97,\s*45,\s*99,\s*108|"0":97,"1":45/, "the secret's bytes")
      }
    }
    assert.include(inspect(key), String(publicJwk.x))
  })
)
