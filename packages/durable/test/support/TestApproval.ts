// A client at the test provider, and a store with tables of its own.
import { Ciba, ClientAuthentication, PendingAuthentication, Sealing, UserHint } from "@effect-ciba/core"
import { WaitStore } from "@effect-ciba/durable"
import { type ProviderOptions, TestClient, TestProvider } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Layer, Redacted } from "effect"

/** The client, over the `HttpClient` of the context. */
export const CibaTest = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
  requestTimeout: "10 seconds"
})

export const makeCiba = (options?: ProviderOptions.ProviderOptions) =>
  CibaTest.pipe(Layer.provideMerge(TestProvider.layer(options)))

let prefixes = 0

export const makePrefix = Effect.sync(() => `t${++prefixes}`)

/** Tables of one's own, and a key. */
export const makeOptions = Effect.gen(function* () {
  return { keys: [yield* Sealing.generate("k")], prefix: yield* makePrefix } as const
})

export const makeStore = Effect.flatMap(makeOptions, WaitStore.make)

/** Sends an authentication request, and stores what was acknowledged. */
export const initiate = Effect.gen(function* () {
  const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  yield* WaitStore.WaitStore.use((store) => store.insert(pending))
  return pending
})

/** An authentication that was acknowledged now. */
export const makePending = (id: string, changes: Partial<PendingAuthentication.PendingAuthentication> = {}) =>
  Effect.map(DateTime.now, (now) =>
    PendingAuthentication.PendingAuthentication.make({
      version: 1,
      id,
      issuer: "https://provider.test",
      clientId: "test-client",
      authReqId: Redacted.make(PendingAuthentication.AuthReqId.make(`handle-${id}`), { label: "auth_req_id" }),
      deliveryMode: "poll",
      expiresAt: DateTime.addDuration(now, "2 minutes"),
      interval: Duration.seconds(5),
      scope: ["openid"],
      expectations: {},
      ...changes
    })
  )
