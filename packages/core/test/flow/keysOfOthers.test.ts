// Keys and headers as providers write them, in whole flows.
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { describe, expect, it, vi } from "@effect/vitest"
import type { JwsAlgorithm } from "@effect-ciba/core"
import { TestClient } from "@effect-ciba/testing"
import type { JsonObject } from "@effect-ciba/testing/ProviderOptions"
import { Effect } from "effect"
import { Base64Url } from "effect/encoding"
import { authenticate, failureOf, subject, type Variation } from "../support/ForgedResponses.ts"
import { encodeJson } from "../support/Jwt.ts"

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" })
const edwards = generateKeyPairSync("ed25519")
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 })

const jwkOf = ({ publicKey }: Pair): JsonObject => publicKey.export({ format: "jwk" })

/** The ID Token of a response with this header, signed with the key. */
const signAgain =
  ({ privateKey }: Pair, header: JsonObject) =>
  (body: JsonObject) => {
    const input = `${Base64Url.encode(encodeJson(header))}.${String(body.id_token).split(".")[1]}`
    const hash = privateKey.asymmetricKeyType === "ed25519" ? undefined : "sha256"
    const signature = sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" })
    return { ...body, id_token: `${input}.${Base64Url.encode(signature)}` }
  }

interface Published {
  readonly algorithm: JwsAlgorithm.JwsAlgorithm
  readonly header: JsonObject
  readonly keys: ReadonlyArray<unknown>
  readonly pair: Pair
  readonly listed?: ReadonlyArray<string>
}

/** A provider that publishes these keys, and signs with this header. */
const publish = ({ algorithm, header, keys, listed, pair }: Published): Variation => ({
  provider: {
    client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
    keys: () => ({ keys }),
    metadata: (document) => ({ ...document, id_token_signing_alg_values_supported: listed }),
    tokenResponse: signAgain(pair, header)
  },
  options: { idTokenSignedResponseAlg: algorithm }
})

const es256 = (header: JsonObject, ...keys: ReadonlyArray<unknown>): Variation =>
  publish({ algorithm: "ES256", pair: ec, header: { alg: "ES256", ...header }, keys })

describe("A header of an ID Token", () => {
  const own = { ...jwkOf(ec), kid: "one" }

  for (const header of [
    { kid: null, typ: null },
    { kid: "one", cty: null, jku: null, jwk: null, x5c: null, x5t: null, b64: null },
    { kid: "", typ: "" },
    { kid: 1 },
    { kid: ["one"] },
    { kid: { id: "one" } }
  ]) {
    it.effect(`with ${JSON.stringify(header)} is one without these members (A17)`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(es256(header, own))).subject).toBe(subject)
      })
    )
  }

  for (const published of [1, "1"]) {
    it.effect(
      `with the number 1 as kid may be signed with the key ${JSON.stringify(published)}, or another one (A17)`,
      () =>
        Effect.gen(function* () {
          const keys = [
            { ...jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" })), kid: "one" },
            { ...own, kid: published }
          ]
          expect((yield* authenticate(es256({ kid: 1 }, ...keys))).subject).toBe(subject)
        })
    )
  }

  it.effect("with a number as kid is refused if no published key has signed it (J5)", () =>
    Effect.gen(function* () {
      const stranger = { ...jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" })), kid: "1" }
      expect(yield* failureOf({ ...es256({ kid: 1 }, stranger), isDoubted: true })).toMatchObject({
        _tag: "InvalidSignature"
      })
    })
  )

  it.effect("with an empty kid names the key that is published with an empty one (A17)", () =>
    Effect.gen(function* () {
      expect((yield* authenticate(es256({ kid: "" }, { ...own, kid: "" }))).subject).toBe(subject)
    })
  )

  for (const [header, problem] of [
    [{ crit: ["policy"], policy: "strict" }, 'it has critical header members ("crit"), and none is known'],
    [{ crit: null }, 'it has critical header members ("crit"), and none is known'],
    [{ typ: "logout+jwt" }, 'its type is "logout+jwt"'],
    [{ typ: "secevent+jwt" }, 'its type is "secevent+jwt"'],
    [{ alg: null }, undefined],
    [{ typ: ["JWT"] }, undefined]
  ] as const) {
    it.effect(`with ${JSON.stringify(header)} is refused, whatever the signature (J15, J16)`, () =>
      Effect.gen(function* () {
        const reason = yield* failureOf(es256({ kid: "one", ...header }, own))
        expect(reason).toEqual({
          stage: "IdTokenError",
          _tag: "MalformedToken",
          ...(problem === undefined ? undefined : { problem })
        })
      })
    )
  }
})

describe("A key that a provider publishes", () => {
  const odd = [
    { key_ops: ["sign", "encrypt", "sign"], ext: "no" },
    { use: null, alg: null, key_ops: null, x5c: null, x5u: "" },
    { use: "", alg: "", x5c: ["no certificate"], x5t: 7, exp: "never" },
    { kid: undefined },
    { kid: 1 },
    { use: "Sig", alg: "EC", key_ops: ["Verify"] }
  ]
  for (const members of odd) {
    it.effect(`verifies with ${JSON.stringify(members)} beside it (A17)`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(es256({ kid: "one" }, { ...jwkOf(ec), kid: "one", ...members }))).subject).toBe(
          subject
        )
      })
    )
  }

  const other = { ...jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" })), kid: "two" }

  for (const members of [{ use: "enc" }, { key_ops: ["deriveBits"] }, { alg: "ECDH-ES" }]) {
    it.effect(`is not tried if it is for something else: ${JSON.stringify(members)} (A17)`, () =>
      Effect.gen(function* () {
        const forOther = es256({ kid: "one" }, { ...jwkOf(ec), kid: "one", ...members }, other)
        const reason = yield* failureOf({ ...forOther, isDoubted: true })
        expect(reason).toEqual({ stage: "IdTokenError", _tag: "UnknownKey", algorithm: "ES256", keyId: "one" })
      })
    )
  }

  const { x, y } = jwkOf(ec)
  const broken: ReadonlyArray<readonly [what: string, given: Variation]> = [
    [
      "a point that is not on its curve",
      es256({ kid: "one" }, { kty: "EC", crv: "P-256", x: y, y: x, kid: "one" }, other)
    ],
    ["no second coordinate", es256({ kid: "one" }, { kty: "EC", crv: "P-256", x, y: null, kid: "one" }, other)],
    [
      "a key of Ed25519 with a byte too few",
      publish({
        algorithm: "Ed25519",
        pair: edwards,
        header: { alg: "Ed25519", kid: "one" },
        keys: [
          { kty: "OKP", crv: "Ed25519", x: Base64Url.encode(new Uint8Array(31)), kid: "one" },
          { ...jwkOf(edwards), kid: "two" }
        ]
      })
    ]
  ]
  for (const [what, given] of broken) {
    it.effect(`is reported as unusable, and the signature is not blamed, for ${what} (J19)`, () =>
      Effect.gen(function* () {
        const reason = yield* failureOf({ ...given, isDoubted: true })
        expect(reason).toMatchObject({ stage: "IdTokenError", _tag: "UnusableKey", keyId: "one" })
      })
    )
  }

  it.effect("is not waited for if this runtime lacks the algorithm: no other key would help (B15, J19)", () =>
    Effect.gen(function* () {
      const importKey = vi.spyOn(crypto.subtle, "importKey")
      importKey.mockRejectedValue(new DOMException("unrecognized", "NotSupportedError"))
      let fetches = 0
      const { options = {}, provider } = es256({ kid: "one" })
      const keys = () => {
        fetches += 1
        return { keys: [{ ...jwkOf(ec), kid: "one" }] }
      }
      const reason = yield* Effect.ensuring(
        failureOf({ options, provider: { ...provider, keys } }),
        Effect.sync(() => importKey.mockRestore())
      )
      expect(reason).toMatchObject({ _tag: "UnusableKey", unsupported: true })
      expect(fetches).toBe(1)
    })
  )

  it.effect("is found behind sixteen broken ones of the same kid (A18)", () =>
    Effect.gen(function* () {
      const broken = Array.from({ length: 16 }, (_, index) => ({ ...jwkOf(ec), y: x, kid: "one", n: index }))
      const given = es256({ kid: "one" }, ...broken, { ...jwkOf(ec), kid: "one" })
      expect((yield* authenticate(given)).subject).toBe(subject)
    })
  )

  it.effect("is not excused by a broken one of the same kid: a bad signature stays one (J19)", () =>
    Effect.gen(function* () {
      const keys = [
        { ...other, kid: "one" },
        { ...jwkOf(ec), y: x, kid: "one" }
      ]
      for (const order of [keys, keys.toReversed()]) {
        const reason = yield* failureOf({ ...es256({ kid: "one" }, ...order), isDoubted: true })
        expect(reason).toMatchObject({ _tag: "InvalidSignature", keyId: "one" })
      }
    })
  )

  it.effect("does not count with a modulus of 1024 bits, and the error says what counts (A18)", () =>
    Effect.gen(function* () {
      const header = { alg: "RS256", kid: "one" }
      const keys = [
        { ...jwkOf(weak), kid: "one" },
        { ...jwkOf(rsa), kid: "two" }
      ]
      const given = { ...publish({ algorithm: "RS256", pair: weak, header, keys }), isDoubted: true }
      expect(yield* failureOf(given)).toMatchObject({ _tag: "UnknownKey", keyId: "one" })
      const { message } = yield* Effect.flip(authenticate(given))
      expect(message).toContain("RSA keys count if they have 2048 to 8192 bits")
    })
  )
})

describe("EdDSA and Ed25519 are one algorithm", () => {
  const names = ["EdDSA", "Ed25519"] as const
  const spellings = names.flatMap((registered) =>
    names.flatMap((used) => names.map((listed) => [registered, used, listed] as const))
  )
  for (const [algorithm, used, listed] of spellings) {
    it.effect(`for a client with ${algorithm}, a header with ${used} and metadata and a key with ${listed} (A17)`, () =>
      Effect.gen(function* () {
        const header = { alg: used, kid: "one" }
        const keys = [{ ...jwkOf(edwards), kid: "one", alg: listed }]
        const given = publish({ algorithm, pair: edwards, header, keys, listed: [listed] })
        expect((yield* authenticate(given)).subject).toBe(subject)
      })
    )
  }

  it.effect("and no other: a header with another name of the registered key's type is refused (J6)", () =>
    Effect.gen(function* () {
      const keys = [{ ...jwkOf(rsa), kid: "one" }]
      const given = publish({ algorithm: "PS256", pair: rsa, header: { alg: "RS256", kid: "one" }, keys })
      expect(yield* failureOf(given)).toMatchObject({ _tag: "UnexpectedAlgorithm", expected: "PS256", actual: "RS256" })
    })
  )
})
