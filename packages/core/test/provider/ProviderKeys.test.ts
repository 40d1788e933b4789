import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  DiscoveryError,
  IdToken,
  IdTokenVerifier,
  JsonWebKey,
  ProviderKeys,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { advanceUntilDone } from "../support/TestTime.ts"

const issuer = "https://provider.test"

const flow = (provider: ProviderOptions, keys?: ProviderKeys.Options) =>
  Ciba.layer({
    issuer,
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    keys
  }).pipe(Layer.orDie, Layer.provideMerge(TestProvider.layer({ user: TestUser.approve(), ...provider })))

/** When the key set was fetched, in seconds. */
const fetches = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (records) => records.flatMap(({ at, endpoint }) => (endpoint === "keys" ? [at / 1000] : [])))
)

const candidates = (keyId: string | undefined) =>
  ProviderKeys.ProviderKeys.use((keys) => keys.candidates({ algorithm: "RS256", keyId }))

/** What is left of a published key once it is chosen. */
const candidate = (key: JsonWebKey.JsonWebKey) => ({ ...JsonWebKey.requiredMembers(key), kid: key.kid ?? "" })

const providerKey = Effect.map(TestKeys.signing("RS256"), ({ publicJwk }) => publicJwk)

/** The whole flow, for the verified subject or the failure's name. */
const authenticate = Effect.gen(function* () {
  const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  const wait = yield* Effect.forkChild(
    Ciba.complete(pending).pipe(
      Effect.match({ onFailure: ({ reason }) => String(reason._tag), onSuccess: ({ subject }) => subject })
    )
  )
  yield* TestClock.adjust("5 seconds")
  return yield* Fiber.join(wait)
})

/** The same for an ID Token whose key may not have been published yet. */
const authenticateDoubted = Effect.gen(function* () {
  const wait = yield* Effect.forkChild(authenticate)
  yield* advanceUntilDone(wait, "30 seconds")
  return yield* Fiber.join(wait)
})

/** An ID Token signed with a key that is not the provider's. */
const forge = Effect.fnUntraced(function* (keyId: string | undefined) {
  const { kid: _, ...jwk } = Redacted.value((yield* SigningKey.generateJwk("RS256")).privateJwk)
  const key = yield* SigningKey.fromJwk(Redacted.make(jwk), { keyId })
  return IdToken.make(yield* JsonWebToken.sign({ iss: issuer, sub: "mallory" }, { key }))
})

const slowly = ProviderScript.delay("1 second", ProviderScript.proceed)

type Keys = ReadonlyArray<JsonWebKey.JsonWebKey>

const publishKeys = (change: (keys: Keys) => ReadonlyArray<unknown>): ProviderOptions => ({
  keys: ({ keys }) => ({ keys: change(keys) })
})

describe("ProviderKeys and token verification", () => {
  it.effect("a cached key is found while the set is fetched for an unknown one", () =>
    Effect.gen(function* () {
      const key = yield* providerKey
      assert.deepStrictEqual(yield* candidates(key.kid), [candidate(key)])
      yield* TestClock.adjust("1 minute")
      const unknown = yield* Effect.forkChild(candidates("unknown"), { startImmediately: true })
      assert.deepStrictEqual(yield* candidates(key.kid), [candidate(key)])
      assert.isUndefined(unknown.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(unknown), [])
    }).pipe(Effect.provide(flow({ keysScript: ProviderScript.make([ProviderScript.proceed, slowly]) })))
  )

  it.effect("a token verifies after a rotation of keys, with one more fetch (A13)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      assert.strictEqual(yield* authenticate, "jo")
      yield* provider.rotateKeys
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* authenticate, "jo")
      assert.deepStrictEqual(yield* fetches, [0, 40])
      assert.strictEqual(yield* authenticate, "jo")
      assert.deepStrictEqual(yield* fetches, [0, 40])
    }).pipe(Effect.provide(flow({})))
  )

  for (const [what, unnamed] of [
    ["keeps the kid", false],
    ["publishes no kid", true]
  ] as const) {
    it.effect(`a token verifies after a rotation that ${what}, and many bad signatures cause one fetch (A13)`, () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        assert.strictEqual(yield* authenticate, "jo")
        yield* provider.rotateKeys
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* authenticate, "jo")
        assert.deepStrictEqual(yield* fetches, [0, 40])
        const idToken = yield* forge(unnamed ? undefined : "same")
        const forged = IdTokenVerifier.IdTokenVerifier.use((verifier) => verifier.claims(idToken))
        for (let count = 0; count < 20; count += 1) {
          assert.strictEqual((yield* Effect.flip(forged)).reason._tag, "InvalidSignature")
        }
        assert.deepStrictEqual(yield* fetches, [0, 40])
        yield* TestClock.adjust("31 seconds")
        yield* Effect.flip(forged)
        assert.deepStrictEqual(yield* fetches, [0, 40, 71])
      }).pipe(
        Effect.provide(
          flow({
            idTokenHeaderKeyId: unnamed ? null : "same",
            ...publishKeys((keys) => keys.map(({ kid: _, ...key }) => (unnamed ? key : { ...key, kid: "same" })))
          })
        )
      )
    )
  }

  const sets: ReadonlyArray<readonly [what: string, provider: Effect.Effect<ProviderOptions>]> = [
    [
      "a token verifies if an EC key has the same kid (A14)",
      Effect.map(TestKeys.signing("ES256", "other"), ({ publicJwk }) =>
        publishKeys((keys) => keys.flatMap((key) => [{ ...publicJwk, kid: key.kid }, key]))
      )
    ],
    [
      "a token verifies if another RSA key has the same kid (A14)",
      Effect.map(TestKeys.signing("RS256", "other"), ({ publicJwk }) =>
        publishKeys((keys) => keys.flatMap((key) => [{ ...publicJwk, kid: key.kid }, key]))
      )
    ],
    [
      "a token verifies if a key for encryption has the same kid (A14)",
      Effect.succeed(publishKeys((keys) => keys.flatMap((key) => [{ ...key, n: "AQAB", use: "enc" }, key])))
    ],
    [
      "a token verifies if the set also has keys of an unknown type and members that are not keys (A15)",
      Effect.succeed(
        publishKeys((keys) => [null, "key", { kty: "AKP", alg: "ML-DSA-44", pub: "p" }, { kid: "no type" }, ...keys])
      )
    ],
    [
      "a token verifies if a broken RSA key has the same kid (A14, A15)",
      Effect.succeed(
        publishKeys((keys) => keys.flatMap((key) => [{ kty: "RSA", kid: key.kid }, { ...key, n: "!" }, key]))
      )
    ]
  ]
  for (const [what, provider] of sets) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const outcome = yield* Effect.provide(authenticate, flow(yield* provider))
        assert.strictEqual(outcome, "jo")
      })
    )
  }

  it.effect("a token does not verify if another key has the kid of its key (A14)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256", "other")
      const strangers = publishKeys((keys) => keys.map((key) => ({ ...publicJwk, kid: key.kid })))
      assert.strictEqual(yield* Effect.provide(authenticateDoubted, flow(strangers)), "InvalidSignature")
    })
  )
})

describe("ProviderKeys", () => {
  it.effect("the keys are fetched once, and candidates are those that fit", () =>
    Effect.gen(function* () {
      const key = yield* providerKey
      assert.deepStrictEqual(yield* candidates(key.kid), [candidate(key)])
      assert.deepStrictEqual(yield* candidates(undefined), [candidate(key)])
      assert.deepStrictEqual(yield* fetches, [0])
    }).pipe(Effect.provide(flow({})))
  )

  it.effect("a hundred concurrent unknown key ids cause one fetch (A13)", () =>
    Effect.gen(function* () {
      const found = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 100 }, (_, index) => candidates(`invented ${index}`)),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual((yield* Fiber.join(found)).flat(), [])
      assert.deepStrictEqual(yield* fetches, [0])
    }).pipe(
      Effect.provide(
        flow({ keysScript: ProviderScript.make([ProviderScript.delay("3 seconds", ProviderScript.proceed)]) })
      )
    )
  )

  for (const [coolDown, expected] of [
    [undefined, [0, 1, 31, 61, 91]],
    ["45 seconds", [0, 1, 46, 91]]
  ] as const) {
    it.effect(`an unknown key id in each of 100 seconds causes fetches at ${expected.join(", ")} s (A13)`, () =>
      Effect.gen(function* () {
        for (let second = 0; second < 100; second += 1) {
          assert.deepStrictEqual(yield* candidates(`invented ${second}`), [])
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual<ReadonlyArray<number>>(yield* fetches, expected)
      }).pipe(Effect.provide(flow({}, { coolDown })))
    )
  }

  for (const [what, millis, options] of [
    ["for one hour by default", 3_600_000, {}],
    ["for their lifetime", 60_000, { lifetime: "1 minute" }]
  ] as const) {
    it.effect(`the keys are used ${what}, and then fetched again`, () =>
      Effect.gen(function* () {
        const { kid } = yield* providerKey
        yield* candidates(kid)
        yield* TestClock.adjust(millis - 1)
        yield* candidates(kid)
        assert.deepStrictEqual(yield* fetches, [0])
        yield* TestClock.adjust(1)
        yield* candidates(kid)
        assert.deepStrictEqual(yield* fetches, [0, millis / 1000])
      }).pipe(Effect.provide(flow({}, options)))
    )
  }

  it.effect("a withdrawn key is used until the lifetime of the set ends", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      assert.lengthOf(yield* candidates(kid), 1)
      yield* TestProvider.TestProvider.use((provider) => provider.rotateKeys)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* candidates(kid), [])
    }).pipe(Effect.provide(flow({})))
  )

  it.effect("the keys are fetched before the authentication request, and not again for the tokens (T-34)", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* authenticate, "jo")
      const records = yield* TestProvider.TestProvider.use((provider) => provider.requests)
      assert.deepStrictEqual(
        records.map(({ at, endpoint }) => [endpoint, at]),
        [
          ["discovery", 0],
          ["keys", 0],
          ["backchannel", 0],
          ["token", 5000]
        ]
      )
      yield* ProviderKeys.ProviderKeys.use((keys) => keys.prefetch)
      assert.deepStrictEqual(yield* fetches, [0])
    }).pipe(Effect.provide(flow({})))
  )

  it.effect("the keys are fetched again at once after a failure", () =>
    Effect.gen(function* () {
      const key = yield* providerKey
      const failed = yield* Effect.flip(candidates(key.kid))
      assert.strictEqual(failed.reason._tag === "TransportError" && failed.reason.status, 503)
      assert.deepStrictEqual(yield* candidates(key.kid), [candidate(key)])
      assert.deepStrictEqual(yield* fetches, [0, 0])
    }).pipe(Effect.provide(flow({ keysScript: ProviderScript.make([ProviderScript.html(503)]) })))
  )

  it.effect(
    "a failed fetch for an unknown key id keeps the cached keys, and counts until the cool-down is over (A13)",
    () =>
      Effect.gen(function* () {
        const { kid } = yield* providerKey
        assert.lengthOf(yield* candidates(kid), 1)
        yield* TestClock.adjust("10 seconds")
        const error = yield* Effect.flip(candidates("invented"))
        assert.strictEqual(error.reason._tag === "TransportError" && error.reason.status, 503)
        assert.lengthOf(yield* candidates(kid), 1)
        assert.deepStrictEqual(yield* Effect.flip(candidates("invented")), error)
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* candidates("invented"), [])
        assert.deepStrictEqual(yield* fetches, [0, 10, 40])
      }).pipe(
        Effect.provide(flow({ keysScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.html(503)]) }))
      )
  )

  it.effect("fails for a document that is not a JWK Set, and without a jwks_uri", () =>
    Effect.gen(function* () {
      const broken = yield* Effect.flip(Effect.provide(candidates("one"), flow({ keys: () => ({ keys: "marker" }) })))
      assert.strictEqual(broken.reason._tag, "InvalidDocument")
      assert.match(
        broken.message,
        /^InvalidDocument: the document is not valid \(url "https:\/\/provider\.test\/jwks"\): .*keys/
      )
      assert.notInclude(broken.message, "marker")
      const metadata: ProviderOptions = { metadata: ({ jwks_uri: _jwks, ...document }) => document }
      const missing = yield* Effect.flip(Effect.provide(candidates("one"), flow(metadata)))
      assert.deepStrictEqual(missing.reason, new DiscoveryError.MissingEndpoint({ issuer, endpoint: "jwks_uri" }))
    })
  )

  it.effect("layerStatic uses the given keys, and fetches nothing", () =>
    Effect.gen(function* () {
      const key = yield* providerKey
      const provide = Effect.provide(ProviderKeys.layerStatic({ keys: [null, key] }))
      assert.deepStrictEqual(yield* provide(candidates(key.kid)), [candidate(key)])
      assert.deepStrictEqual(yield* provide(candidates("other")), [])
      yield* provide(ProviderKeys.ProviderKeys.use((keys) => keys.prefetch))
      const broken = yield* Effect.flip(Effect.provide(candidates("one"), ProviderKeys.layerStatic([])))
      assert.match(broken.message, /^InvalidDocument: the document is not valid \(url "the given keys"\): /)
    })
  )
})
