// One value of Ciba.layer, provided several times in a program: over the same services it is one client, and over others
// another one.
import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  ClientRegistration,
  Dpop,
  IdTokenDecryption,
  NotificationInbox,
  PendingStore,
  ProviderKeyStore,
  SignedRequest,
  UserInfo
} from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Config, ConfigProvider, Context, Effect, Layer, LayerMap, Redacted } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { authenticate } from "../support/TwoProviders.ts"

const options: Ciba.Options = {
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}

type Client = Layer.Layer<Ciba.Services, unknown>
type Services = Context.Context<Ciba.Services>

class One extends Context.Service<One, Services>()("test/One") {}
class Other extends Context.Service<Other, Services>()("test/Other") {}

const services = Effect.context<Ciba.Services>()

type Use = (one: Services, other: Services) => Effect.Effect<unknown, unknown>

/** Ways to provide two layers in one program. */
const programs: ReadonlyArray<
  readonly [how: string, program: (one: Client, other: Client, use: Use) => Effect.Effect<unknown, unknown>]
> = [
  [
    "one inside the other",
    (one, other, use) =>
      Effect.flatMap(services, (outer) =>
        Effect.provide(
          Effect.flatMap(services, (inner) => use(outer, inner)),
          other
        )
      ).pipe(Effect.provide(one))
  ],
  [
    "merged into one layer",
    (one, other, use) =>
      Effect.gen(function* () {
        yield* use(yield* One, yield* Other)
      }).pipe(
        Effect.provide([
          Layer.provide(Layer.effect(One, services), one),
          Layer.provide(Layer.effect(Other, services), other)
        ])
      )
  ],
  [
    "in a LayerMap",
    (one, other, use) =>
      Effect.gen(function* () {
        const layers = yield* LayerMap.fromRecord({ one, other })
        yield* use(yield* layers.contextEffect("one"), yield* layers.contextEffect("other"))
      }).pipe(Effect.scoped)
  ]
]

/** The type of the token that the end-user's approval gives, and the schemes of the requests to UserInfo so far. */
const authenticateOnce = Effect.gen(function* () {
  const provider = yield* TestProvider.TestProvider
  const identity = yield* authenticate
  yield* UserInfo.claims(identity)
  const { headers } = (yield* provider.requests).findLast(({ endpoint }) => endpoint === "token") ?? { headers: {} }
  const isBound = (yield* provider.keyThumbprint(identity.accessToken)) !== undefined
  return { tokenType: identity.tokenType, isProven: "dpop" in headers, isBound }
})

const http = TestProvider.layer({ user: TestUser.approve() })

/** What a client reads from the context. */
const below: ReadonlyArray<readonly [what: string, layer: Layer.Layer<never, unknown>]> = [
  ["a DPoP key", Dpop.layer({ key: TestKeys.signing("ES256", "proof") })],
  ["a signer of requests", SignedRequest.layer({ key: TestKeys.signing("ES256", "request") })],
  ["a decryption key", IdTokenDecryption.layer({ secret: TestClient.secret, keyAlgorithm: "dir" })],
  ["options of fetch", Layer.succeed(FetchHttpClient.RequestInit, {})],
  ["a store", PendingStore.layerMemory],
  ["a notification inbox", NotificationInbox.layer],
  ["a store of the provider's keys", Layer.provide(ProviderKeyStore.layerKeyValueStore(), KeyValueStore.layerMemory)],
  ["a ConfigProvider", ConfigProvider.layer(ConfigProvider.fromUnknown({}))],
  ["another HttpClient", TestProvider.layer()]
]

const ciba = (context: Services) => Context.get(context, Ciba.Ciba)

for (const [how, program] of programs) {
  describe(`one layer that is provided twice, ${how}`, () => {
    it.effect(`is one client over the same services (${how})`, () => {
      const client = Ciba.layer(options)
      const same: Use = (one, other) => Effect.sync(() => assert.strictEqual(ciba(one), ciba(other)))
      const over = () =>
        below.reduce<Client>((above, [, layer]) => Layer.provide(above, layer), Layer.provide(client, http))
      return Effect.andThen(
        program(Layer.provide(client, http), Layer.provide(client, http), same),
        program(over(), over(), same)
      )
    })

    for (const [what, layer] of below) {
      it.effect(`is another client where ${what} is below it (${how})`, () => {
        const client = Ciba.layer(options)
        const bare = Layer.provide(client, http)
        const over = Layer.provide(client, [http, layer])
        const differ: Use = (one, other) => Effect.sync(() => assert.notStrictEqual(ciba(one), ciba(other)))
        return Effect.andThen(program(bare, over, differ), program(over, bare, differ))
      })
    }
  })
}

const twice = (make: () => Layer.Layer<Ciba.Services, unknown, HttpClient.HttpClient>) => {
  const client = make()
  return [client, client] as const
}

const calls = (make: () => Layer.Layer<Ciba.Services, unknown, HttpClient.HttpClient>) => [make(), make()] as const

for (const [what, clients] of [
  ["two clients with the same client id", calls],
  ["one layer", twice]
] as const) {
  for (const [how, program] of programs) {
    it.effect(
      `${what}, with and without Dpop.layer, gets bound tokens in one place and Bearer tokens in the other (${how})`,
      () =>
        Effect.gen(function* () {
          const provider = yield* Effect.context<TestProvider.TestProvider | HttpClient.HttpClient>()
          const network = Layer.succeedContext(provider)
          const bearer = { tokenType: "Bearer", isProven: false, isBound: false }
          const dpop = { tokenType: "DPoP", isProven: true, isBound: true }
          for (const isFirstBound of [false, true]) {
            const [one, other] = clients(() => Ciba.layer(options))
            const bare = Layer.provide(one, network)
            const bound = Layer.provide(other, [network, Dpop.layer({ key: TestKeys.signing("ES256", "proof") })])
            yield* program(isFirstBound ? bound : bare, isFirstBound ? bare : bound, (first, second) =>
              Effect.gen(function* () {
                const results = yield* Effect.forEach([second, first, second], (context) =>
                  Effect.provide(authenticateOnce, Context.merge(provider, context))
                )
                assert.deepStrictEqual(results, isFirstBound ? [bearer, dpop, bearer] : [dpop, bearer, dpop])
              })
            )
          }
        }).pipe(Effect.provide(http))
    )
  }
}

for (const [how, program] of programs) {
  it.effect(
    `one layer whose secret is read from the configuration has the secret of each configuration (${how})`,
    () => {
      const client = Ciba.layer({
        ...options,
        authentication: Effect.map(Config.Redacted("SECRET"), ClientAuthentication.clientSecretBasic)
      })
      const configure = (SECRET: string) =>
        Layer.provide(client, [http, ConfigProvider.layer(ConfigProvider.fromUnknown({ SECRET }))])
      return program(configure("of one"), configure("of the other"), (one, other) =>
        Effect.sync(() =>
          assert.deepStrictEqual(
            [one, other].map((context) => {
              const { secret } = Context.get(context, ClientRegistration.ClientRegistration).authentication
              return secret && Redacted.value(secret)
            }),
            ["of one", "of the other"]
          )
        )
      )
    }
  )
}

it.effect(
  "one layer that is provided in two places, one after the other, is one client if it is provided around them, too",
  () => {
    const layer = Layer.provide(Ciba.layer(options), http)
    const client = Effect.provide(Ciba.Ciba.use(Effect.succeed), layer)
    const both = Effect.all([client, client])
    return Effect.gen(function* () {
      const [first, second] = yield* both
      assert.notStrictEqual(first, second)
      const [third, fourth] = yield* Effect.provide(both, layer)
      assert.strictEqual(third, fourth)
    })
  }
)
