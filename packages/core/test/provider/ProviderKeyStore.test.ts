import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, ProviderKeyStore, ProviderKeys } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Layer, Logger, Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"

const url = "https://provider.test/jwks"

/** A process that starts, looks for keys, and ends: how many it has found. */
const processFinds = (keyId: string | undefined) =>
  Effect.gen(function* () {
    const store = yield* KeyValueStore.KeyValueStore
    const provider = yield* Effect.context<TestProvider.TestProvider>()
    return yield* ProviderKeys.ProviderKeys.use((keys) => keys.candidates({ algorithm: "RS256", keyId })).pipe(
      Effect.map((found) => found.length),
      Effect.provide(
        Ciba.layer({
          issuer: "https://provider.test",
          clientId: TestClient.clientId,
          authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
        }).pipe(Layer.orDie, Layer.provide(ProviderKeyStore.layerKeyValueStore()))
      ),
      Effect.provideService(KeyValueStore.KeyValueStore, store),
      Effect.provide(provider)
    )
  })

/** When the key set was fetched, in seconds. */
const fetches = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (records) => records.flatMap(({ at, endpoint }) => (endpoint === "keys" ? [at / 1000] : [])))
)

const own = Effect.map(TestKeys.signing("RS256"), ({ publicJwk }) => publicJwk)

const machine = (provider: ProviderOptions = {}, store = KeyValueStore.layerMemory) =>
  Effect.provide(Layer.merge(TestProvider.layer(provider), store))

describe("keys outlive the process", () => {
  it.effect("for as long as they are good, counted from the fetch", () =>
    Effect.gen(function* () {
      const { kid } = yield* own
      assert.strictEqual(yield* processFinds(kid), 1)
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* processFinds(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* processFinds(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0, 3600])
    }).pipe(machine())
  )

  it.effect("and are fetched again for a token that names another one", () =>
    Effect.gen(function* () {
      const { kid } = yield* own
      assert.strictEqual(yield* processFinds(kid), 1)
      yield* TestProvider.TestProvider.use(({ rotateKeys }) => rotateKeys)
      yield* TestClock.adjust("1 minute")
      const next = yield* TestKeys.signing("RS256", "provider, rotation 1")
      assert.strictEqual(yield* processFinds(next.keyId), 1)
      assert.strictEqual(yield* processFinds(next.keyId), 1)
      assert.deepStrictEqual(yield* fetches, [0, 60])
    }).pipe(machine())
  )

  it.effect("and serve beyond their end where no others can be had", () =>
    Effect.gen(function* () {
      const { kid } = yield* own
      assert.strictEqual(yield* processFinds(kid), 1)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(yield* processFinds(kid), 1)
      assert.deepStrictEqual(yield* fetches, [0, 7200])
    }).pipe(machine({ keysScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.html(503)]) }))
  )

  it.effect("without a secret in the store", () =>
    Effect.gen(function* () {
      const { kid } = yield* own
      yield* processFinds(kid)
      const text = yield* KeyValueStore.KeyValueStore.use((store) => store.get(`jwks/${url}`))
      assert.deepStrictEqual(JSON.parse(text ?? ""), {
        document: { keys: [yield* own] },
        fetchedAt: "1970-01-01T00:00:00.000Z"
      })
    }).pipe(machine())
  )
})

describe("a fetch is what it costs", () => {
  const entries: ReadonlyArray<readonly [what: string, entry: (keys: string) => string]> = [
    ["an entry that is cut off", (keys) => `{"document":{"keys":${keys}},"fetchedAt":"1970-01-01`],
    ["an entry with no key set in it", () => '{"document":{"keys":7},"fetchedAt":"1970-01-01T00:00:00.000Z"}'],
    ["an entry of the future", (keys) => `{"document":{"keys":${keys}},"fetchedAt":"1970-01-02T00:00:00.000Z"}`]
  ]
  for (const [what, entry] of entries) {
    it.effect(`when the store holds ${what}`, () =>
      Effect.gen(function* () {
        const key = yield* own
        const kept = entry(JSON.stringify([key]))
        yield* KeyValueStore.KeyValueStore.use((store) => store.set(`jwks/${url}`, kept))
        assert.strictEqual(yield* processFinds(key.kid), 1)
        assert.deepStrictEqual(yield* fetches, [0])
      }).pipe(machine())
    )
  }

  it.effect("when the store fails, which is logged", () => {
    const logged: Array<string> = []
    const broken = (method: string) => () =>
      Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: `no ${method}` }))
    const store = Layer.succeed(
      KeyValueStore.KeyValueStore,
      KeyValueStore.makeStringOnly({
        get: broken("get"),
        set: broken("set"),
        remove: broken("remove"),
        clear: broken("clear")(),
        size: broken("size")(),
        keys: broken("keys")()
      })
    )
    return Effect.gen(function* () {
      const { kid } = yield* own
      assert.strictEqual(yield* processFinds(kid), 1)
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

it.effect("a store may be any: what it gives is used, and what is fetched is given to it", () =>
  Effect.gen(function* () {
    const saved: Array<readonly [string, ProviderKeyStore.CachedKeys]> = []
    const store = Layer.succeed(ProviderKeyStore.ProviderKeyStore, {
      load: () => Effect.succeed(Option.none()),
      save: (where, kept) => Effect.sync(() => void saved.push([where, kept]))
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
      [[url, { keys: [yield* own] }]]
    )
  })
)
