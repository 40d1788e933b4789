import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, ProviderKeyStore, ProviderKeys, Sealing, SigningKey } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Logger, Option, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"

const url = "https://provider.test/jwks"

/** Starts a process, asks for keys, and ends it. */
const candidatesInNewProcess = (keyId: string | undefined, options?: ProviderKeyStore.Options) =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore.KeyValueStore
    const provider = yield* Effect.context<TestProvider.TestProvider>()
    return yield* ProviderKeys.ProviderKeys.use((keys) => keys.candidates({ algorithm: "RS256", keyId })).pipe(
      Effect.provide(
        Ciba.layer({
          issuer: "https://provider.test",
          clientId: TestClient.clientId,
          authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
        }).pipe(Layer.orDie, Layer.provide(ProviderKeyStore.layerKeyValueStore(options)))
      ),
      Effect.provideService(KeyValueStore.KeyValueStore, store),
      Effect.provide(provider)
    )
  })

/** How many keys there were. */
const countInNewProcess = (keyId: string | undefined, options?: ProviderKeyStore.Options) =>
  Effect.map(candidatesInNewProcess(keyId, options), (found) => found.length)

/** The moduli of the keys. */
const keysInNewProcess = (options: ProviderKeyStore.Options) =>
  Effect.map(candidatesInNewProcess(undefined, options), (found) => found.map(({ n }) => n))

/** When the key set was fetched, in seconds. */
const fetches = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (records) => records.flatMap(({ at, endpoint }) => (endpoint === "keys" ? [at / 1000] : [])))
)

const providerKey = Effect.map(TestKeys.signing("RS256"), ({ publicJwk }) => publicJwk)

const machine = (provider: ProviderOptions = {}, store = KeyValueStore.layerMemory) =>
  Effect.provide(Layer.merge(TestProvider.layer(provider), store))

describe("ProviderKeyStore.layerKeyValueStore", () => {
  for (const [what, fault] of [
    ["hangs", Effect.never],
    ["dies", Effect.die("marker")]
  ] as const) {
    it.effect(`costs a fetch and nothing else when it ${what} (A19)`, () =>
      Effect.gen(function* () {
        const found = yield* Effect.forkChild(
          Effect.provideService(
            countInNewProcess(undefined),
            KeyValueStore.KeyValueStore,
            KeyValueStore.make({
              get: () => fault,
              getUint8Array: () => fault,
              set: () => fault,
              remove: () => fault,
              clear: fault,
              size: fault,
              keys: fault
            })
          )
        )
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* Fiber.join(found), 1)
        assert.lengthOf(yield* fetches, 1)
      }).pipe(machine({ keys: (published) => published }))
    )
  }

  it.effect("stored keys are used for their lifetime, counted from the fetch", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0, 3600])
    }).pipe(machine())
  )

  it.effect("the keys are fetched again for a kid that is not among the stored ones", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      yield* TestProvider.TestProvider.use(({ rotateKeys }) => rotateKeys)
      yield* TestClock.adjust("1 minute")
      const next = yield* TestKeys.signing("RS256", "provider, rotation 1")
      assert.strictEqual(yield* countInNewProcess(next.keyId), 1)
      assert.strictEqual(yield* countInNewProcess(next.keyId), 1)
      assert.deepStrictEqual(yield* fetches, [0, 60])
    }).pipe(machine())
  )

  it.effect("expired stored keys are used if the keys cannot be fetched", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0, 7200])
    }).pipe(machine({ keysScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.html(503)]) }))
  )

  it.effect("the store holds the published document and the time of the fetch, and no secret", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      yield* countInNewProcess(kid)
      const text = yield* KeyValueStore.KeyValueStore.use((store) => store.get(`jwks/${url}`))
      assert.deepStrictEqual(JSON.parse(text ?? ""), {
        document: { keys: [yield* providerKey] },
        fetchedAt: "1970-01-01T00:00:00.000Z"
      })
    }).pipe(machine())
  )
})

describe("ProviderKeyStore.layerKeyValueStore with sealing keys", () => {
  const entry = KeyValueStore.KeyValueStore.use((store) => Effect.map(store.get(`jwks/${url}`), (text) => text ?? ""))
  const put = (text: string, name = `jwks/${url}`) => KeyValueStore.KeyValueStore.use((store) => store.set(name, text))

  it.effect("uses its entries in another process, also after a rotation of the sealing key (T-39)", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      const [old, current] = yield* Effect.all([Sealing.generate("old"), Sealing.generate("current")])
      assert.strictEqual(yield* countInNewProcess(kid, { keys: [old] }), 1)
      assert.strictEqual(yield* countInNewProcess(kid, { keys: [old] }), 1)
      assert.strictEqual(yield* countInNewProcess(kid, { keys: [current, old] }), 1)
      assert.deepStrictEqual(yield* fetches, [0])
      assert.notInclude(yield* entry, "kty")
    }).pipe(machine())
  )

  it.effect("uses an entry for its lifetime, counted from the fetch, whatever is put back later (T-39)", () =>
    Effect.gen(function* () {
      const { kid } = yield* providerKey
      const keys = [yield* Sealing.generate("k")] as const
      yield* countInNewProcess(kid, { keys })
      const earlier = yield* entry
      yield* TestClock.adjust("2 hours")
      yield* countInNewProcess(kid, { keys })
      yield* put(earlier)
      yield* countInNewProcess(kid, { keys })
      assert.deepStrictEqual(yield* fetches, [0, 7200, 7200])
    }).pipe(machine())
  )

  /** A key set with the attacker's key, under the provider's `kid`. */
  const forged = Effect.gen(function* () {
    const { publicJwk } = yield* SigningKey.generateJwk("RS256")
    const { kid } = yield* providerKey
    const set = { document: { keys: [{ ...publicJwk, kid }] }, fetchedAt: "1970-01-01T00:00:00.000Z" }
    return JSON.stringify(set)
  })

  const own = Sealing.generate("k")

  const forgeries: ReadonlyArray<
    readonly [what: string, forge: (key: Sealing.SealingKey, text: string) => Effect.Effect<string>]
  > = [
    ["in clear", (_, text) => Effect.succeed(text)],
    [
      "sealed with a stranger's key",
      (_, text) =>
        Effect.flatMap(Sealing.generate("k"), (stranger) =>
          Sealing.seal(Redacted.make(text), [stranger], ["ProviderKeyStore", "jwks/", url])
        )
    ],
    [
      "sealed for the key set of another provider",
      (key, text) =>
        Sealing.seal(Redacted.make(text), [key], ["ProviderKeyStore", "jwks/", "https://another.test/jwks"])
    ],
    ["sealed for another purpose", (key, text) => Sealing.seal(Redacted.make(text), [key])]
  ]
  for (const [what, forge] of forgeries) {
    it.effect(`fetches the keys if the entry is ${what} (T-39)`, () =>
      Effect.gen(function* () {
        const key = yield* own
        yield* put(yield* Effect.flatMap(forged, (text) => forge(key, text)))
        const found = yield* keysInNewProcess({ keys: [key] })
        assert.deepStrictEqual(found, [(yield* providerKey).n])
        assert.deepStrictEqual(yield* fetches, [0])
      }).pipe(machine())
    )
  }
})

describe("ProviderKeyStore with a faulty store", () => {
  const entries: ReadonlyArray<readonly [what: string, entry: (keys: string) => string]> = [
    ["a truncated entry", (keys) => `{"document":{"keys":${keys}},"fetchedAt":"1970-01-01`],
    ["an entry without a JWK Set", () => '{"document":{"keys":7},"fetchedAt":"1970-01-01T00:00:00.000Z"}'],
    [
      "an entry with a time in the future",
      (keys) => `{"document":{"keys":${keys}},"fetchedAt":"1970-01-02T00:00:00.000Z"}`
    ]
  ]
  for (const [what, entry] of entries) {
    it.effect(`the keys are fetched if the store holds ${what}`, () =>
      Effect.gen(function* () {
        const key = yield* providerKey
        const stored = entry(JSON.stringify([key]))
        yield* KeyValueStore.KeyValueStore.use((store) => store.set(`jwks/${url}`, stored))
        assert.strictEqual(yield* countInNewProcess(key.kid), 1)
        assert.deepStrictEqual(yield* fetches, [0])
      }).pipe(machine())
    )
  }

  it.effect("the keys are fetched if the store fails, and the failures are logged", () => {
    const logged: Array<string> = []
    const fail = (method: string) => () =>
      Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: `no ${method}` }))
    const store = Layer.succeed(
      KeyValueStore.KeyValueStore,
      KeyValueStore.makeStringOnly({
        get: fail("get"),
        set: fail("set"),
        remove: fail("remove"),
        clear: fail("clear")(),
        size: fail("size")(),
        keys: fail("keys")()
      })
    )
    return Effect.gen(function* () {
      const { kid } = yield* providerKey
      assert.strictEqual(yield* countInNewProcess(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0])
      assert.deepStrictEqual(logged, [
        "The store of the provider's keys: no get",
        "The store of the provider's keys: no set"
      ])
    }).pipe(
      machine({}, store),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))]))
    )
  })
})

it.effect("a ProviderKeyStore of the program's own receives the fetched keys", () =>
  Effect.gen(function* () {
    const saved: Array<readonly [string, ProviderKeyStore.CachedKeys]> = []
    const store = Layer.succeed(ProviderKeyStore.ProviderKeyStore, {
      load: () => Effect.succeed(Option.none()),
      save: (where, keys) => Effect.sync(() => void saved.push([where, keys]))
    })
    const flow = Ciba.layer({
      issuer: "https://provider.test",
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.none
    }).pipe(Layer.orDie, Layer.provide(store), Layer.provide(TestProvider.layer()))
    yield* Effect.provide(
      ProviderKeys.ProviderKeys.use((keys) => keys.prefetch),
      flow
    )
    assert.deepStrictEqual<unknown>(
      saved.map(([where, { document }]) => [where, document]),
      [[url, { keys: [yield* providerKey] }]]
    )
  })
)
