// Client processes that start and stop. The provider and the store outlive them; everything else belongs to one process.
import { type AuthenticationRequest, Ciba, ClientAuthentication, PendingStore, Sealing } from "@effect-ciba/core"
import type { PendingAuthentication } from "@effect-ciba/core/PendingAuthentication"
import { TestClient, TestProvider, TestTime } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Clock, Duration, Effect, Fiber, Layer, Redacted, Result } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { hint } from "./AuthenticationFlow.ts"
import { waitUntil } from "./TestTime.ts"

export const request: AuthenticationRequest.Options = { scope: ["openid"], hint }

export const client = (options?: Partial<Ciba.Options>) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  })

/** A store over a `KeyValueStore`. Its sealing does not run on the test clock: `advanceInSteps` waits for it. */
export const storeOverKeyValue: Layer.Layer<PendingStore.PendingStore> = Layer.effect(
  PendingStore.PendingStore,
  Effect.gen(function* () {
    const key = yield* Sealing.fromBytes("k", Redacted.make("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"))
    const store = yield* PendingStore.make({ keys: [key] })
    const countBusy = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          busy += 1
        }),
        () => effect,
        () =>
          Effect.sync(() => {
            busy -= 1
          })
      )
    return PendingStore.PendingStore.of({
      put: (pending) => countBusy(store.put(pending)),
      get: (id) => countBusy(store.get(id)),
      remove: (pending) => countBusy(store.remove(pending)),
      all: countBusy(store.all)
    })
  })
).pipe(Layer.provide(KeyValueStore.layerMemory), Layer.orDie)

let busy = 0

/** What processes share: the provider and the store. */
export const sharedServices = (
  provider: ProviderOptions,
  store: Layer.Layer<PendingStore.PendingStore> = PendingStore.layerMemory
) =>
  Effect.provide(Layer.provideMerge(Layer.merge(TestProvider.layer(provider), store), TestTime.layer), { local: true })

/** Moves the clock in small steps, and waits after each until the store is idle. */
export const advanceInSteps = Effect.fnUntraced(function* (
  duration: Duration.Input,
  step: Duration.Input = "500 millis"
) {
  const end = (yield* Clock.currentTimeMillis) + millis(duration)
  while (true) {
    yield* waitUntil(
      Effect.map(Effect.repeat(Effect.yieldNow, { times: 20 }), () => busy),
      (count) => count === 0
    )
    const left = end - (yield* Clock.currentTimeMillis)
    if (left <= 0) return
    yield* TestClock.adjust(Math.min(left, millis(step)))
  }
})

const millis = (duration: Duration.Input) => Duration.toMillis(Duration.fromInputUnsafe(duration))

/** Records the outcomes that a handler gets, in order: the subject, or the tag of the reason. */
export const recordDecisions = () => {
  const outcomes: Array<string> = []
  const handle = (
    decision: Result.Result<{ readonly subject: string }, { readonly reason: { readonly _tag: string } }>
  ) =>
    Effect.sync(
      () =>
        void outcomes.push(
          Result.match(decision, { onFailure: ({ reason }) => reason._tag, onSuccess: ({ subject }) => subject })
        )
    )
  return { outcomes, handle }
}

/** Starts a process that runs a program over layers of its own, until it ends or is killed. */
export const startProcess = <A, E, R, P, E2, R2>(program: Effect.Effect<A, E, R>, layer: Layer.Layer<P, E2, R2>) =>
  Effect.forkChild(Effect.provide(program, layer, { local: true }))

/** Interrupts a process. */
export const killProcess = Fiber.interrupt

/** The stored authentications. */
export const storedAuthentications: Effect.Effect<
  ReadonlyArray<PendingAuthentication>,
  never,
  PendingStore.PendingStore
> = PendingStore.PendingStore.use((store) => Effect.orDie(store.all))

/** When polls arrived, in seconds. */
export const pollTimes = TestProvider.TestProvider.use((provider) =>
  Effect.map(provider.polls, (all) => all.map((at) => at / 1000))
)
