// A process resumes an authentication of another one in ping and push mode, and with its DPoP key.
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
import { ProviderScript, TestClient, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import {
  client,
  killProcess,
  pollTimes,
  recordDecisions,
  request,
  sharedServices,
  startProcess,
  storedAuthentications,
  storeOverKeyValue
} from "../support/ProcessRestarts.ts"
import { waitUntil } from "../support/TestTime.ts"

const { pending, proceed, reset } = ProviderScript

const providerOptions = (deliveryMode: "ping" | "push") =>
  ({
    client: TestClient.clientSecretBasic({ notification: { deliveryMode, url: "https://client.test/ciba" } }),
    expiresIn: "2 minutes"
  }) as const

/** Runs in a process of its own, which ends after it. */
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

/** Sends the notification to the current process; returns the status of the response. */
const deliverNotification = Effect.gen(function* () {
  const provider = yield* TestProvider.TestProvider
  const handle = yield* NotificationReceiver.toWebHandler()
  const { status } = yield* Effect.flatMap(provider.notification(), (call) => Effect.promise(() => handle(call)))
  return status
})

/** Sends the notification until the current process expects it. */
const deliverWhenReady = waitUntil(deliverNotification, (status) => status !== 401)

const approve = TestProvider.TestProvider.use((provider) => provider.approve())

describe("a restart in ping mode", () => {
  it.effect("finds the result within one interval, since it may have missed the ping (H30, K15)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      yield* inPingProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.authenticateAll([request], handle))
          yield* waitUntil(storedAuthentications, ([one]) => one?.wait?.phase._tag === "Sleeping")
          yield* TestClock.adjust("3 seconds")
          yield* killProcess(wait)
        })
      )
      yield* approve
      yield* inPingProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.resumeAll(handle))
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.join(wait)
        })
      )
      expect(outcomes).toEqual(["jo"])
      expect(yield* pollTimes).toEqual([8])
    }).pipe(sharedServices(providerOptions("ping")))
  )

  it.effect(
    "accepts a ping that arrives after it with the old client notification token, and polls at once (K7, T-36)",
    () =>
      Effect.gen(function* () {
        const { handle, outcomes } = recordDecisions()
        yield* inPingProcess(Ciba.initiate(request))
        yield* TestClock.adjust("10 seconds")
        yield* inPingProcess(
          Effect.gen(function* () {
            const wait = yield* Effect.forkChild(Ciba.resumeAll(handle))
            yield* waitUntil(storedAuthentications, ([one]) => one?.wait?.phase._tag === "Sleeping")
            yield* TestClock.adjust("11 seconds")
            yield* approve
            expect(yield* deliverWhenReady).toBe(204)
            yield* Fiber.join(wait)
          })
        )
        expect(outcomes).toEqual(["jo"])
        expect(yield* pollTimes).toEqual([15, 21])
      }).pipe(sharedServices(providerOptions("ping")))
  )
})

describe("a restart in push mode", () => {
  it.effect("verifies a push that arrived before it, from the store (L9, T-17)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      yield* inPushProcess(
        Effect.gen(function* () {
          yield* Ciba.initiate(request)
          yield* approve
          expect(yield* deliverNotification).toBe(204)
        })
      )
      yield* TestClock.adjust("10 minutes")
      yield* inPushProcess(Ciba.resumeAll(handle))
      expect(outcomes).toEqual(["jo"])
      expect(yield* storedAuthentications).toEqual([])
      expect(yield* pollTimes).toEqual([])
    }).pipe(sharedServices(providerOptions("push")))
  )

  it.effect("accepts a push while the provider's metadata cannot be fetched (L9, K18)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      yield* inPushProcess(Ciba.initiate(request))
      yield* inPushProcess(
        Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Ciba.resumeAll(handle))
          yield* approve
          expect(yield* deliverWhenReady).toBe(204)
          expect(outcomes).toEqual([])
          yield* waitUntil(TestClock.adjust("100 millis"), () => wait.pollUnsafe() !== undefined)
          yield* Fiber.join(wait)
        })
      )
      expect(outcomes).toEqual(["jo"])
    }).pipe(
      sharedServices({ ...providerOptions("push"), discoveryScript: ProviderScript.make([proceed, reset, reset]) })
    )
  )

  it.effect("gives one push to all callers that wait for it (L9)", () =>
    Effect.gen(function* () {
      const asked = yield* inPushProcess(Ciba.initiate(request))
      const subjects = yield* inPushProcess(
        Effect.gen(function* () {
          const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Ciba.complete(asked)))
          yield* approve
          expect(yield* deliverWhenReady).toBe(204)
          return yield* Effect.forEach(waits, Fiber.join)
        })
      )
      expect(subjects.map(({ subject }) => subject)).toEqual(["jo", "jo", "jo"])
    }).pipe(sharedServices(providerOptions("push")))
  )
})

it.effect("a restarted process signs proofs with the DPoP key that is sealed in the store (M1, M6)", () =>
  Effect.gen(function* () {
    const provider = yield* TestProvider.TestProvider
    const [own, other] = yield* Effect.all([SigningKey.generate("ES256"), SigningKey.generate("ES256")])
    const first = yield* startProcess(
      Ciba.authenticateAll([request], () => Effect.void),
      Layer.provide(client(), Dpop.layer({ key: own }))
    )
    yield* waitUntil(storedAuthentications, ([one]) => one?.wait?.phase._tag === "Sleeping")
    yield* TestTime.advance("5 seconds")
    yield* waitUntil(
      storedAuthentications,
      ([one]) => one?.wait?.phase._tag === "Sleeping" && one.wait.lost === undefined
    )
    yield* killProcess(first)
    const tokens: Array<string | undefined> = []
    const second = yield* startProcess(
      Ciba.resumeAll((decision) =>
        Effect.flatMap(Effect.fromResult(decision), ({ accessToken }) =>
          Effect.map(provider.keyThumbprint(accessToken), (thumbprint) => void tokens.push(thumbprint))
        )
      ),
      Layer.provide(client(), Dpop.layer({ key: other }))
    )
    yield* TestTime.advance("5 seconds")
    yield* Fiber.join(second)
    expect(tokens).toEqual([yield* JsonWebKey.thumbprint(own.publicJwk)])
  }).pipe(sharedServices({ user: TestUser.approve(), tokenScript: ProviderScript.make([pending]) }, storeOverKeyValue))
)
