import { constants, generateKeyPairSync, publicEncrypt, randomBytes } from "node:crypto"
import { inspect } from "node:util"
import { deflateRawSync } from "node:zlib"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { CompactEncrypt, exportJWK, generateKeyPair } from "jose"
import * as JsonWebEncryption from "../../src/crypto/JsonWebEncryption.ts"
import * as Jwe from "../support/Jwe.ts"
import type { JsonObject } from "../support/Jwt.ts"

const secret = "a secret: with ü, and no other use"

const wrapping = [
  ["A128KW", 128],
  ["A192KW", 192],
  ["A256KW", 256],
  ["A128GCMKW", 128],
  ["A192GCMKW", 192],
  ["A256GCMKW", 256]
] as const

const contents = [
  ["A128GCM", 128, "sha256"],
  ["A192GCM", 192, "sha256"],
  ["A256GCM", 256, "sha256"],
  ["A128CBC-HS256", 256, "sha256"],
  ["A192CBC-HS384", 384, "sha384"],
  ["A256CBC-HS512", 512, "sha512"]
] as const

const encrypt = (plaintext: string, alg: string, enc: string, key: CryptoKey | Uint8Array, kid?: string) =>
  Effect.promise(() =>
    new CompactEncrypt(new TextEncoder().encode(plaintext))
      .setProtectedHeader({ alg, enc, ...(kid === undefined ? undefined : { kid }) })
      .encrypt(key)
  )

const decrypt = (
  jwe: string,
  contentAlgorithm: JsonWebEncryption.ContentAlgorithm,
  ...keys: ReadonlyArray<JsonWebEncryption.DecryptionKey>
) => Effect.map(JsonWebEncryption.decrypt(Redacted.make(jwe), { keys, contentAlgorithm }), Redacted.value)

/** Why a token is not decrypted. */
const refusal = (...args: Parameters<typeof decrypt>) =>
  Effect.map(Effect.flip(decrypt(...args)), ({ _tag, problem }) => {
    expect(_tag).toBe("DecryptionFailed")
    return problem
  })

const unfit = "it does not fit the registered key and algorithms"

describe("JsonWebEncryption.keyFromSecret", () => {
  for (const [algorithm, content, hex] of [
    ["A128KW", "A256GCM", "2bb80d537b1da3e38bd30361aa855686"],
    ["A256GCMKW", "A128GCM", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"],
    ["dir", "A128CBC-HS256", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"]
  ] as const) {
    it.effect(`derives the expected bytes for ${algorithm} and ${content} (J14)`, () =>
      Effect.gen(function* () {
        const { material } = yield* JsonWebEncryption.keyFromSecret(Redacted.make("secret"), algorithm, content)
        expect(Redacted.value(material)).toEqual(new Uint8Array(Buffer.from(hex, "hex")))
      })
    )
  }

  for (const [content, bits, hash] of contents) {
    it.effect(`derives ${bits} bits of ${hash} that decrypt ${content} directly (J14)`, () =>
      Effect.gen(function* () {
        const jwe = yield* encrypt("inside", "dir", content, Jwe.deriveKey(secret, hash, bits))
        const key = yield* JsonWebEncryption.keyFromSecret(Redacted.make(secret), "dir", content)
        expect(yield* decrypt(jwe, content, key)).toBe("inside")
        const other = yield* JsonWebEncryption.keyFromSecret(Redacted.make(`${secret}.`), "dir", content)
        expect(yield* refusal(jwe, content, other)).toBe(unfit)
      })
    )
  }

  for (const [algorithm, bits] of wrapping) {
    it.effect(`derives a key that unwraps ${algorithm} with any content encryption (J14)`, () =>
      Effect.gen(function* () {
        for (const [content] of contents) {
          const jwe = yield* encrypt("inside", algorithm, content, Jwe.deriveKey(secret, "sha256", bits))
          const key = yield* JsonWebEncryption.keyFromSecret(Redacted.make(secret), algorithm, content)
          expect(yield* decrypt(jwe, content, key)).toBe("inside")
        }
      })
    )
  }

  it.effect("refuses an empty secret, and shows no secret (J14)", () =>
    Effect.gen(function* () {
      const none = JsonWebEncryption.keyFromSecret(Redacted.make(""), "dir", "A256GCM")
      expect((yield* Effect.flip(none)).message).toBe("the key cannot be used: the client secret is empty")
      const key = yield* JsonWebEncryption.keyFromSecret(Redacted.make("secret"), "dir", "A256GCM")
      const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key)
      expect(shown).toContain("<redacted:decryption key>")
      expect(shown).not.toMatch(/43, ?184/)
    })
  )
})

const pair = (kid: string) =>
  Effect.promise(async () => {
    const { privateKey, publicKey } = await generateKeyPair("RSA-OAEP-256", { extractable: true })
    return { publicKey, jwk: Redacted.make<unknown>({ ...(await exportJWK(privateKey)), kid }) }
  })

describe("JsonWebEncryption keys", () => {
  it.effect("decrypts with the key that the token names, an old one as well as a new one (J13)", () =>
    Effect.gen(function* () {
      const [older, newer] = yield* Effect.all([pair("old"), pair("new")])
      const keys = yield* Effect.forEach([newer, older], ({ jwk }) => JsonWebEncryption.keyFromJwk(jwk, "RSA-OAEP-256"))
      const under = (kid: string | undefined, { publicKey }: typeof older) =>
        encrypt("inside", "RSA-OAEP-256", "A256GCM", publicKey, kid)
      expect(yield* decrypt(yield* under("old", older), "A256GCM", ...keys)).toBe("inside")
      expect(yield* decrypt(yield* under("new", newer), "A256GCM", ...keys)).toBe("inside")
      expect(yield* decrypt(yield* under(undefined, older), "A256GCM", ...keys)).toBe("inside")
      expect(yield* refusal(yield* under("new", older), "A256GCM", ...keys)).toBe(unfit)
      expect(yield* refusal(yield* under("lost", older), "A256GCM", ...keys)).toBe(
        "it is encrypted to a key that the client does not hold"
      )
    })
  )

  for (const [what, jwk, problem] of [
    ["a public key", { kty: "RSA", n: "AQAB", e: "AQAB" }, "it is a public key; decryption needs the private one"],
    ["text that is not a JWK", "text", "it is not a JSON Web Key; pass the parsed object, with its private members"],
    ["a malformed key", { kty: "RSA", n: "AQAB", e: "AQAB", d: "AQAB" }, "it cannot be read as a key for RSA-OAEP"]
  ] as const) {
    it.effect(`keyFromJwk refuses ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(JsonWebEncryption.keyFromJwk(Redacted.make<unknown>(jwk), "RSA-OAEP"))
        expect(error.problem).toBe(problem)
      })
    )
  }
})

describe("JsonWebEncryption.decrypt", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const privateKey = (algorithm: JsonWebEncryption.PrivateKeyAlgorithm) =>
    JsonWebEncryption.keyFromJwk(Redacted.make<unknown>(rsa.privateKey.export({ format: "jwk" })), algorithm)

  /** Encrypts to the RSA key, with the padding of the header. */
  const seal = (header: JsonObject, padding: number = constants.RSA_PKCS1_OAEP_PADDING, content = "inside") => {
    const key = randomBytes(32)
    return Jwe.seal(content, { key, header, encryptedKey: publicEncrypt({ key: rsa.publicKey, padding }, key) })
  }

  const honest = { alg: "RSA-OAEP", enc: "A256GCM" }

  it.effect("decrypts a token with the registered key and algorithms (J13)", () =>
    Effect.gen(function* () {
      expect(yield* decrypt(seal(honest), "A256GCM", yield* privateKey("RSA-OAEP"))).toBe("inside")
    })
  )

  for (const members of [{ kid: null }, { kid: "" }, { typ: null, cty: null, x5t: null }]) {
    it.effect(`decrypts a token whose header has ${JSON.stringify(members)} as one without them (A17)`, () =>
      Effect.gen(function* () {
        const named = { ...rsa.privateKey.export({ format: "jwk" }), kid: "one" }
        const key = yield* JsonWebEncryption.keyFromJwk(Redacted.make<unknown>(named), "RSA-OAEP")
        expect(yield* decrypt(seal({ ...honest, ...members }), "A256GCM", key)).toBe("inside")
      })
    )
  }

  for (const members of [
    { use: null, key_ops: ["verify"] },
    { alg: "", kid: null },
    { x5c: 7, ext: "no", use: "" }
  ]) {
    it.effect(`decrypts with a JWK whose other members are ${JSON.stringify(members)} (E13)`, () =>
      Effect.gen(function* () {
        const odd = { ...rsa.privateKey.export({ format: "jwk" }), ...members }
        const key = yield* JsonWebEncryption.keyFromJwk(Redacted.make<unknown>(odd), "RSA-OAEP")
        expect(yield* decrypt(seal({ ...honest, kid: "any" }), "A256GCM", key)).toBe("inside")
      })
    )
  }

  it.effect("refuses RSA1_5 (J13)", () =>
    Effect.gen(function* () {
      const jwe = seal({ ...honest, alg: "RSA1_5" }, constants.RSA_PKCS1_PADDING)
      for (const algorithm of ["RSA-OAEP", "RSA-OAEP-256"] as const) {
        expect(yield* refusal(jwe, "A256GCM", yield* privateKey(algorithm))).toBe(unfit)
      }
    })
  )

  it.effect("refuses algorithms other than the registered ones (J1, J13)", () =>
    Effect.gen(function* () {
      const key = yield* privateKey("RSA-OAEP-256")
      expect(yield* refusal(seal(honest), "A256GCM", key)).toBe(unfit)
      expect(yield* refusal(seal(honest), "A128GCM", yield* privateKey("RSA-OAEP"))).toBe(unfit)
      const direct = Jwe.seal("inside", {
        key: Jwe.deriveKey(secret, "sha256", 256),
        header: { alg: "dir", enc: "A256GCM" }
      })
      const wrapped = yield* JsonWebEncryption.keyFromSecret(Redacted.make(secret), "A256KW", "A256GCM")
      expect(yield* refusal(direct, "A256GCM", wrapped)).toBe(unfit)
    })
  )

  it.effect("refuses an unknown critical extension (J15)", () =>
    Effect.gen(function* () {
      const key = yield* privateKey("RSA-OAEP")
      const jwe = seal({ ...honest, crit: ["urn:example:rule"], "urn:example:rule": true })
      expect(yield* refusal(jwe, "A256GCM", key)).toBe(unfit)
      expect(yield* decrypt(seal({ ...honest, "urn:example:rule": true }), "A256GCM", key)).toBe("inside")
    })
  )

  it.effect("refuses compressed content, whatever the value of zip (J15)", () =>
    Effect.gen(function* () {
      const key = Jwe.deriveKey(secret, "sha256", 256)
      const bomb = deflateRawSync(Buffer.alloc(8 * 1024 * 1024))
      const secretKey = yield* JsonWebEncryption.keyFromSecret(Redacted.make(secret), "dir", "A256GCM")
      for (const zip of ["DEF", "def", "", null, ["DEF"]]) {
        const jwe = Jwe.seal(bomb, { key, header: { alg: "dir", enc: "A256GCM", zip } })
        expect(jwe.length).toBeLessThan(20_000)
        expect(yield* refusal(jwe, "A256GCM", secretKey)).toBe("its content is compressed")
      }
    })
  )

  for (const p2c of [1000, 2_147_483_647]) {
    it.effect(`refuses a password-based key of ${p2c} rounds without deriving it (J15)`, () =>
      Effect.gen(function* () {
        const password = new TextEncoder().encode(secret)
        const jwe = yield* Effect.promise(() =>
          new CompactEncrypt(new TextEncoder().encode("inside"))
            .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A256GCM" })
            .setKeyManagementParameters({ p2c: 1000, p2s: new Uint8Array(16) })
            .encrypt(password)
        )
        const [header = "", ...rest] = jwe.split(".")
        const declared = Buffer.from(header, "base64url").toString().replace('"p2c":1000', `"p2c":${p2c}`)
        const forged = [Buffer.from(declared).toString("base64url"), ...rest].join(".")
        const keys = yield* Effect.forEach(["dir", "A128KW", "A256GCMKW"] as const, (algorithm) =>
          JsonWebEncryption.keyFromSecret(Redacted.make(secret), algorithm, "A256GCM")
        )
        expect(yield* refusal(forged, "A256GCM", ...keys)).toBe(unfit)
        expect(yield* refusal(forged, "A256GCM", yield* privateKey("RSA-OAEP"))).toBe(unfit)
      })
    )
  }

  it.effect("refuses a token with any of its parts changed (J13)", () =>
    Effect.gen(function* () {
      const key = yield* privateKey("RSA-OAEP")
      const parts = seal(honest).split(".")
      for (const index of parts.keys()) {
        const changed = parts.with(index, `${parts[index]?.startsWith("A") ? "B" : "A"}${parts[index]?.slice(1)}`)
        expect(yield* Effect.flip(decrypt(changed.join("."), "A256GCM", key))).toMatchObject({
          _tag: "DecryptionFailed"
        })
      }
    })
  )

  for (const text of ["", "....", "a.b.c.d.e", "!.!.!.!.!", "e30.e30.e30.e30.e30"]) {
    it.effect(`refuses what is not a JWE: "${text}"`, () =>
      Effect.gen(function* () {
        const key = yield* privateKey("RSA-OAEP")
        expect(yield* Effect.flip(decrypt(text, "A256GCM", key))).toMatchObject({ _tag: "DecryptionFailed" })
      })
    )
  }
})
