import { createHmac } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, JwsAlgorithm, SigningKey, UserHint } from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { JsonObject, ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Redacted } from "effect"
import { Base64Url } from "effect/encoding"
import { TestClock } from "effect/testing"
import {
  authenticate,
  failureOf,
  layer,
  subject,
  type Variation,
  withTokenResponse
} from "../support/ForgedResponses.ts"
import { encodeJson, signHmac } from "../support/Jwt.ts"
import { advanceUntilDone } from "../support/TestTime.ts"

/** A client that is registered for an algorithm, at a provider that signs with it. */
const register = (algorithm: JwsAlgorithm.JwsAlgorithm, provider?: ProviderOptions): Variation => ({
  provider: { client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }), ...provider },
  options: { idTokenSignedResponseAlg: algorithm }
})

const [symmetric, asymmetric] = [true, false].map((wanted) =>
  JwsAlgorithm.JwsAlgorithm.literals.filter((algorithm) => JwsAlgorithm.isSymmetric(algorithm) === wanted)
)

/** Replaces a part of the ID Token that the provider sends. */
const changeIdToken = (
  change: (parts: { readonly header: string; readonly payload: string; readonly signature: string }) => string
) =>
  withTokenResponse((body) => {
    const [header = "", payload = "", signature = ""] = String(body.id_token).split(".")
    return { ...body, id_token: change({ header, payload, signature }) }
  })

const text = (header: object): string => Base64Url.encode(encodeJson(header))

const invalid = { stage: "IdTokenError", _tag: "InvalidSignature", algorithm: "RS256" }

const unexpectedAlgorithm = (expected: string, actual: string) => ({
  stage: "IdTokenError",
  _tag: "UnexpectedAlgorithm",
  expected,
  actual
})

const malformed = { stage: "IdTokenError", _tag: "MalformedToken" }

describe("IdTokenVerifier, for a valid signature", () => {
  for (const algorithm of asymmetric ?? []) {
    it.effect(`verifies a signature in ${algorithm} with the provider's published key (J5, J6)`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(register(algorithm))).subject).toBe(subject)
      })
    )
  }

  for (const algorithm of symmetric ?? []) {
    it.effect(`verifies a signature in ${algorithm} with the client secret (J7)`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(register(algorithm))).subject).toBe(subject)
      })
    )
  }

  it.effect("verifies an ID Token without a key id with the only key that fits (J12)", () =>
    Effect.gen(function* () {
      expect((yield* authenticate({ provider: { idTokenHeaderKeyId: null } })).subject).toBe(subject)
    })
  )

  it.effect("verifies an ID Token without a key id with any of the keys that fit (J12, T-33)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256", "another")
      const broken = { kty: "RSA", n: "!", e: "AQAB" }
      const keys: ProviderOptions["keys"] = ({ keys }) => ({ keys: [publicJwk, broken, ...keys, { kty: "AKP" }] })
      expect((yield* authenticate({ provider: { idTokenHeaderKeyId: null, keys } })).subject).toBe(subject)
    })
  )

  it.effect("verifies an ID Token with the right one of several keys with its key id (J5, T-33)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256", "another")
      const keys: ProviderOptions["keys"] = ({ keys }) => ({
        keys: keys.flatMap((key) => [{ ...publicJwk, kid: key.kid }, key])
      })
      expect((yield* authenticate({ provider: { keys } })).subject).toBe(subject)
    })
  )
})

/** The ID Token as the provider would have signed it with this type. */
const signWithType = (typ: string): Variation => {
  const secret = Redacted.value(TestClient.secret)
  const tokenResponse = (body: JsonObject) => {
    const [, payload = ""] = String(body.id_token).split(".")
    const input = `${text({ alg: "HS256", typ })}.${payload}`
    return { ...body, id_token: `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}` }
  }
  return register("HS256", { tokenResponse })
}

describe("IdTokenVerifier, for typ", () => {
  for (const typ of ["JWT", "jwt", "application/jwt", "id_token+jwt", "JOSE"]) {
    it.effect(`accepts an ID Token with typ ${typ}`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(signWithType(typ))).subject).toBe(subject)
      })
    )
  }

  for (const typ of [
    "at+jwt",
    "logout+jwt",
    "application/AT+JWT",
    "secevent+jwt",
    "dpop+jwt",
    "token-introspection+jwt"
  ]) {
    it.effect(`rejects an ID Token with typ ${typ}, which is another type of token`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(signWithType(typ))).toEqual({ ...malformed, problem: `its type is "${typ}"` })
      })
    )
  }
})

describe("IdTokenVerifier, for an invalid signature, without showing anything (I5)", () => {
  it.effect("rejects an ID Token with a signature by another key under the id of the published one (J5)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256")
      const idTokenKey = yield* TestKeys.signing("RS256", "another")
      const reason = yield* failureOf({ isDoubted: true, provider: { idTokenKey, idTokenHeaderKeyId: publicJwk.kid } })
      expect(reason).toEqual({ ...invalid, keyId: publicJwk.kid })
    })
  )

  it.effect(
    "rejects an ID Token with a signature by another key and no key id, after trying several keys (J5, J12)",
    () =>
      Effect.gen(function* () {
        const idTokenKey = yield* TestKeys.signing("RS256", "another")
        const { publicJwk } = yield* TestKeys.signing("RS256", "a third")
        const keys: ProviderOptions["keys"] = ({ keys }) => ({ keys: [...keys, publicJwk] })
        const reason = yield* failureOf({ isDoubted: true, provider: { idTokenKey, idTokenHeaderKeyId: null, keys } })
        expect(reason).toEqual({ ...invalid, keyId: publicJwk.kid })
      })
  )

  it.effect("rejects an ID Token whose claims were changed after it was signed (J5)", () =>
    Effect.gen(function* () {
      const changed = changeIdToken(({ header, payload, signature }) => {
        const original = new TextDecoder().decode(Uint8Array.from(atob(payload), (char) => char.charCodeAt(0)))
        return `${header}.${Base64Url.encode(original.replace(subject, "mallory"))}.${signature}`
      })
      const reason = yield* failureOf({ ...changed, isDoubted: true })
      expect(reason).toMatchObject(invalid)
    })
  )

  it.effect("rejects an ID Token without a signature under a valid header (J5)", () =>
    Effect.gen(function* () {
      const unsigned = changeIdToken(({ header, payload }) => `${header}.${payload}.`)
      expect(yield* failureOf({ ...unsigned, isDoubted: true })).toMatchObject(invalid)
    })
  )

  for (const alg of ["none", "None", "NONE", ""]) {
    it.effect(`rejects an ID Token with the algorithm "${alg}" and no signature (J6)`, () =>
      Effect.gen(function* () {
        const reason = yield* failureOf(changeIdToken(({ payload }) => `${text({ alg })}.${payload}.`))
        expect(reason).toEqual(unexpectedAlgorithm("RS256", alg))
      })
    )
  }

  for (const [what, change] of [
    ["that is not a JWT", () => "not.a-token"],
    ["that has four parts", ({ header, payload, signature }) => `${header}.${payload}.${signature}.${signature}`],
    ["without an algorithm", ({ payload, signature }) => `${text({ kid: "1" })}.${payload}.${signature}`]
  ] satisfies ReadonlyArray<readonly [string, Parameters<typeof changeIdToken>[0]]>) {
    it.effect(`rejects an ID Token ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(changeIdToken(change))).toEqual(malformed)
      })
    )
  }

  it.effect("rejects an ID Token that has the five parts of an encrypted one", () =>
    Effect.gen(function* () {
      const encrypted = changeIdToken(({ header, payload }) => `${header}.${payload}.${payload}.${payload}.${payload}`)
      expect(yield* failureOf(encrypted)).toEqual({ ...malformed, encrypted: true })
    })
  )

  for (const [registration, actual] of [
    ["PS256", "RS256"],
    ["ES256", "ES384"],
    ["HS256", "RS256"],
    ["HS256", "HS512"]
  ] as const) {
    it.effect(`rejects a valid signature in ${actual} if ${registration} is registered (J6)`, () =>
      Effect.gen(function* () {
        const client = TestClient.clientSecretBasic({ idTokenSignedResponseAlg: actual })
        const published = registration === "HS256" ? [] : [(yield* TestKeys.signing(registration)).publicJwk]
        const provider: ProviderOptions = {
          client,
          metadata: (document) => ({ ...document, id_token_signing_alg_values_supported: [registration, actual] }),
          keys: ({ keys }) => ({ keys: [...keys, ...published] })
        }
        expect(yield* failureOf(register(registration, provider))).toEqual(unexpectedAlgorithm(registration, actual))
      })
    )
  }

  for (const algorithm of ["HS256", "HS384", "HS512"] as const) {
    it.effect(`rejects a signature in ${algorithm} with a secret that is one character longer (J7)`, () =>
      Effect.gen(function* () {
        const other = Redacted.make(`${Redacted.value(TestClient.secret)}.`)
        const reason = yield* failureOf(register(algorithm, { idTokenKey: SigningKey.fromSecret(other, algorithm) }))
        expect(reason).toEqual({ ...invalid, algorithm })
      })
    )
  }

  it.effect("rejects an HMAC with the provider's public key for its secret (J7)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256")
      const idTokenKey = SigningKey.fromSecret(Redacted.make(encodeJson(publicJwk)), "HS256")
      expect(yield* failureOf({ provider: { idTokenKey } })).toEqual(unexpectedAlgorithm("RS256", "HS256"))
    })
  )

  it.effect("rejects an HMAC with the provider's public key for its secret, under a header with RS256 (J7)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256")
      const payload = text({ iss: "https://provider.test", aud: TestClient.clientId, sub: subject })
      const forged = yield* signHmac(encodeJson(publicJwk), { alg: "RS256", kid: publicJwk.kid }, payload)
      expect(yield* failureOf({ ...changeIdToken(() => Redacted.value(forged)), isDoubted: true })).toEqual({
        ...invalid,
        keyId: publicJwk.kid
      })
    })
  )
})

describe("IdTokenVerifier, for an unknown key id", () => {
  const keyFetches = TestProvider.TestProvider.use(({ requests }) =>
    Effect.map(requests, (all) => all.filter(({ endpoint }) => endpoint === "keys").map(({ at }) => at / 1000))
  )

  /** An end-user who takes forty seconds, so that the cached keys are old enough to be fetched again. */
  const slow = { user: TestUser.approve({ subject, after: "40 seconds" }) }

  const flow = Effect.gen(function* () {
    const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
    const wait = yield* Effect.forkChild(Effect.exit(Ciba.complete(pending)))
    yield* TestClock.adjust("20 seconds")
    return wait
  })

  it.effect(
    "fetches the keys for an unknown key id after each cool-down for two minutes, then rejects the ID Token (J5, A13)",
    () =>
      Effect.gen(function* () {
        const wait = yield* flow
        yield* TestClock.adjust("20 seconds")
        yield* advanceUntilDone(wait, "30 seconds")
        const error = yield* Effect.flip(Effect.flatten(Fiber.join(wait)))
        expect({ ...error.reason }).toEqual({ _tag: "UnknownKey", algorithm: "RS256", keyId: "unknown" })
        expect(yield* keyFetches).toEqual([0, 40, 70, 100, 130, 160])
      }).pipe(Effect.provide(layer({ provider: { ...slow, idTokenHeaderKeyId: "unknown" } })))
  )

  it.effect("verifies an ID Token with a key that was published after the first fetch (A13)", () =>
    Effect.gen(function* () {
      const wait = yield* flow
      yield* TestProvider.TestProvider.use(({ rotateKeys }) => rotateKeys)
      yield* TestClock.adjust("20 seconds")
      expect((yield* Effect.flatten(Fiber.join(wait))).subject).toBe(subject)
      expect(yield* keyFetches).toEqual([0, 40])
    }).pipe(Effect.provide(layer({ provider: slow })))
  )
})
