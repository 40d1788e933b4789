// A process goes on with what another one has asked for: in ping and push mode, and with the key of its proofs.
import { describe, expect, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  Dpop,
  JsonWebKey,
  NotificationInbox,
  NotificationReceiver,
  SigningKey
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { polled, until } from "../support/Polling.ts"
import { client, handled, kept, killed, overKeyValue, polls, request, started, world } from "../support/Processes.ts"

const { pending, proceed, reset } = ProviderScript

const registered = (deliveryMode: "ping" | "push") =>
  ({
    client: TestClient.clientSecretBasic({ notification: { deliveryMode, url: "https://client.test/ciba" } }),
    expiresIn: "2 minutes"
  }) as const

/** Runs in a process of its own, which is killed after it. */
const inPingProcess = Effect.provide(Layer.provideMerge(client({ deliveryMode: "ping" }), NotificationInbox.layer), {
  local: true
})

const inPushProcess = Effect.provide(
  Layer.provideMerge(
    Ciba.layer({
      deliveryMode: "push",
      issuer: "https://provider.test",
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
    }),
    NotificationInbox.layer
  ),
  { local: true }
)

/** The provider calls; what the process at hand answers. */
const called = Effect.gen(function* () {
  const provider = yield* TestProvider.TestProvider
  const handle = yield* NotificationReceiver.toWebHandler()
  const { status } = yield* Effect.flatMap(provider.notification(), (call) => Effect.promise(() => handle(call)))
  return status
})

/** The provider calls until the process at hand knows what for. */
const calledWhenReady = until(called, (status) => status !== 401)

const approve = TestProvider.TestProvider.use((provider) => provider.approve())

describe("a restart in ping mode", () => {
  it.effect("needs no ping that came before it (K15)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = handled()
      yield* inPingProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.authenticateAll([request], handle))
          yield* until(kept, ([one]) => one?.nextPollAt !== undefined)
          yield* TestClock.adjust("3 seconds")
          yield* killed(wait)
        })
      )
      yield* approve
      yield* inPingProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.resumeAll(handle))
          yield* TestClock.adjust("27 seconds")
          yield* Fiber.join(wait)
        })
      )
      expect(outcomes).toEqual(["jo"])
      expect(yield* polls).toEqual([30])
    }).pipe(world(registered("ping")))
  )

  it.effect("takes the ping that comes after it, under the old bearer, at once (K7, T-36)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = handled()
      yield* inPingProcess(Ciba.initiate(request))
      yield* TestClock.adjust("10 seconds")
      yield* inPingProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.resumeAll(handle))
          yield* until(kept, ([one]) => one?.nextPollAt !== undefined)
          yield* TestClock.adjust("7 seconds")
          yield* approve
          expect(yield* calledWhenReady).toBe(204)
          yield* Fiber.join(wait)
        })
      )
      expect(outcomes).toEqual(["jo"])
      expect(yield* polls).toEqual([17])
    }).pipe(world(registered("ping")))
  )
})

describe("a restart in push mode", () => {
  it.effect("believes a push that came before it, from the store (L9, T-17)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = handled()
      yield* inPushProcess(
        Effect.gen(function* () {
          yield* Ciba.initiate(request)
          yield* approve
          expect(yield* called).toBe(204)
        })
      )
      yield* TestClock.adjust("10 minutes")
      yield* inPushProcess(Ciba.resumeAll(handle))
      expect(outcomes).toEqual(["jo"])
      expect(yield* kept).toEqual([])
      expect(yield* polls).toEqual([])
    }).pipe(world(registered("push")))
  )

  it.effect("takes a push though the provider's metadata cannot be had yet (L9, K18)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = handled()
      yield* inPushProcess(Ciba.initiate(request))
      yield* inPushProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.resumeAll(handle))
          yield* approve
          expect(yield* calledWhenReady).toBe(204)
          expect(outcomes).toEqual([])
          yield* until(TestClock.adjust("100 millis"), () => wait.pollUnsafe() !== undefined)
          yield* Fiber.join(wait)
        })
      )
      expect(outcomes).toEqual(["jo"])
    }).pipe(world({ ...registered("push"), discoveryScript: ProviderScript.make([proceed, reset, reset]) }))
  )

  it.effect("gives one push to all who wait for it (L9)", () =>
    Effect.gen(function* () {
      const asked = yield* inPushProcess(Ciba.initiate(request))
      const subjects = yield* inPushProcess(
        Effect.gen(function* () {
          const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Ciba.complete(asked)))
          yield* approve
          expect(yield* calledWhenReady).toBe(204)
          return yield* Effect.forEach(waits, Fiber.join)
        })
      )
      expect(subjects.map(({ subject }) => subject)).toEqual(["jo", "jo", "jo"])
    }).pipe(world(registered("push")))
  )
})

it.effect("a restart proves with the key that was kept, sealed, in the store (M1, M6)", () =>
  Effect.gen(function* () {
    const provider = yield* TestProvider.TestProvider
    const [own, other] = yield* Effect.all([SigningKey.generate("ES256"), SigningKey.generate("ES256")])
    const first = yield* started(
      Ciba.authenticateAll([request], () => Effect.void),
      Layer.provide(client(), Dpop.layer({ key: own }))
    )
    yield* until(kept, ([one]) => one?.nextPollAt !== undefined)
    yield* polled("5 seconds", 1)
    yield* until(kept, ([one]) => one?.nextPollAt !== undefined && one.lost === undefined)
    yield* killed(first)
    const tokens: Array<string | undefined> = []
    const second = yield* started(
      Ciba.resumeAll((decision) =>
        Effect.flatMap(Effect.fromResult(decision), ({ accessToken }) =>
          Effect.map(provider.keyThumbprint(accessToken), (thumbprint) => void tokens.push(thumbprint))
        )
      ),
      Layer.provide(client(), Dpop.layer({ key: other }))
    )
    yield* polled("5 seconds", 2)
    yield* Fiber.join(second)
    expect(tokens).toEqual([yield* JsonWebKey.thumbprint(own.publicJwk)])
  }).pipe(world({ user: TestUser.approve(), tokenScript: ProviderScript.make([pending]) }, overKeyValue))
)
