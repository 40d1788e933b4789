// Conditions that must neither end a wait nor make it poll earlier.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, PendingStore, SigningKey } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import {
  client,
  killProcess,
  pollTimes,
  recordDecisions,
  request,
  sharedServices,
  startProcess,
  storedAuthentications
} from "../support/ProcessRestarts.ts"
import { make } from "../support/SkewedClock.ts"
import { advance, waitUntil } from "../support/TestTime.ts"

const { error, json, pending, proceed, reset, status } = ProviderScript

const ask = Ciba.initiate(request)

const tag = Effect.match({
  onFailure: ({ reason }: { readonly reason: { readonly _tag: string } }) => reason._tag,
  onSuccess: ({ subject }: { readonly subject: string }) => subject
})

const ending = tag(Effect.flatMap(ask, Ciba.complete))

/** The store of the context with another third write. */
const withThirdPut = (third: (put: Effect.Effect<void, PendingStore.PendingStoreError>) => Effect.Effect<void>) =>
  Layer.effect(
    PendingStore.PendingStore,
    PendingStore.PendingStore.use((store) => {
      let puts = 0
      const put: PendingStore.Service["put"] = (one) =>
        Effect.suspend(() => (++puts === 3 ? third(store.put(one)) : store.put(one)))
      return Effect.succeed({ ...store, put })
    })
  )

describe("the delay before the next poll", () => {
  it.effect("counts from the sending of the poll, however long the store took before (H7)", () =>
    Effect.gen(function* () {
      const slow = withThirdPut((put) => Effect.orDie(Effect.delay(put, "6 seconds")))
      const wait = yield* startProcess(ending, Layer.provide(client(), slow))
      yield* TestClock.adjust("22 seconds")
      expect(yield* pollTimes).toEqual([11, 16, 21])
      yield* killProcess(wait)
    }).pipe(sharedServices({ pacing: "off", user: TestUser.ignore }))
  )

  it.effect("counts from the sending of the poll, however long the credentials took before (H7)", () =>
    Effect.gen(function* () {
      const basic = ClientAuthentication.clientSecretBasic(TestClient.secret)
      let times = 0
      const credentials: typeof basic.credentials = (target) =>
        Effect.suspend(() => Effect.delay(basic.credentials(target), ++times === 2 ? "6 seconds" : 0))
      const wait = yield* startProcess(ending, client({ authentication: { ...basic, credentials } }))
      yield* TestClock.adjust("22 seconds")
      expect(yield* pollTimes).toEqual([11, 16, 21])
      yield* killProcess(wait)
    }).pipe(sharedServices({ pacing: "off", user: TestUser.ignore }))
  )
})

describe("a PendingStore that hangs", () => {
  it.effect("delays a wait by ten seconds for each write, and does not end it", () =>
    Effect.gen(function* () {
      const wait = yield* startProcess(
        ending,
        Layer.provide(
          client(),
          withThirdPut(() => Effect.never)
        )
      )
      yield* TestClock.adjust("15 seconds")
      expect(yield* Fiber.join(wait)).toBe("jo")
      expect(yield* pollTimes).toEqual([15])
    }).pipe(sharedServices({ user: TestUser.approve() }))
  )
})

describe("a jump of the system time", () => {
  it.effect("neither ends nor prolongs a resumed wait (F10)", () =>
    Effect.gen(function* () {
      const { setSkew: jump, layer } = yield* make
      const wait = yield* startProcess(
        Effect.gen(function* () {
          const asked = yield* ask
          yield* Effect.timeoutOption(Ciba.complete(asked), "6 seconds")
          jump(3_600_000)
          yield* Effect.timeoutOption(Ciba.complete(asked), "6 seconds")
          jump(-3_600_000)
          return yield* tag(Ciba.complete(asked))
        }),
        client().pipe(Layer.provideMerge(layer))
      )
      yield* TestClock.adjust("2 minutes")
      expect(yield* Fiber.join(wait)).toBe("ExpiredToken")
      expect((yield* pollTimes).length).toBe(23)
    }).pipe(
      sharedServices({
        expiresIn: "2 minutes",
        tokenScript: ProviderScript.make(Array.from({ length: 40 }, () => pending))
      })
    )
  )
})

describe("a transient error", () => {
  const answers = [
    ["server_error with 400", error("server_error")],
    ["temporarily_unavailable with 400", error("temporarily_unavailable")],
    ["a 408 in JSON", json(408, { error: "request_timeout" })],
    ["a 425 in JSON", json(425, { error: "too_early" })],
    ["a gateway's 503 that says invalid_request", json(503, { error: "invalid_request" })],
    ["a gateway's 503 that says access_denied", json(503, { error: "access_denied" })]
  ] as const
  for (const [what, answer] of answers) {
    it.effect(`does not end the wait: ${what} (H9, H17, H22)`, () =>
      Effect.gen(function* () {
        const wait = yield* startProcess(ending, client())
        yield* TestClock.adjust("5 seconds")
        expect(yield* storedAuthentications).toHaveLength(1)
        yield* TestClock.adjust("15 seconds")
        expect(yield* Fiber.join(wait)).toBe("jo")
      }).pipe(sharedServices({ user: TestUser.approve(), tokenScript: ProviderScript.make([answer]) }))
    )
  }

  it.effect("leads to OutcomeUnknown when the auth_req_id expires after it (H8)", () =>
    Effect.gen(function* () {
      const wait = yield* startProcess(ending, client())
      yield* TestClock.adjust("20 seconds")
      expect(yield* Fiber.join(wait)).toBe("OutcomeUnknown")
    }).pipe(
      sharedServices({
        user: TestUser.approve(),
        tokenScript: ProviderScript.make([ProviderScript.lost, error("expired_token")])
      })
    )
  )
})

describe("a provider that cannot be reached", () => {
  it.effect("is tried again until it can be reached, when a wait begins (H21)", () =>
    Effect.gen(function* () {
      const asked = yield* Effect.provide(ask, client(), { local: true })
      const wait = yield* startProcess(tag(Ciba.complete(asked)), client())
      yield* TestClock.adjust("20 seconds")
      expect(yield* Fiber.join(wait)).toBe("jo")
    }).pipe(
      sharedServices({ user: TestUser.approve(), keysScript: ProviderScript.make([proceed, status(503), reset]) })
    )
  )

  it.effect("does not prevent the report that a request has expired (H18)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      yield* Effect.provide(ask, client(), { local: true })
      yield* TestClock.adjust("10 days")
      const next = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* Fiber.join(next)
      expect(outcomes).toEqual(["ExpiredToken"])
      expect(yield* storedAuthentications).toEqual([])
    }).pipe(
      sharedServices({
        user: TestUser.ignore,
        discoveryScript: ProviderScript.make([proceed, ...Array.from({ length: 9 }, () => reset)])
      })
    )
  )

  it.effect("leaves the token response for the next attempt, also without a store (H19, T-34)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const asked = yield* ask
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.complete(asked)))
      yield* TestClock.adjust("2 seconds")
      yield* provider.rotateKeys
      yield* TestClock.adjust("3 seconds")
      yield* waitUntil(requestsTo("keys"), ({ length }) => length > 1)
      yield* Fiber.interrupt(wait)
      const again = yield* Effect.forkChild(tag(Ciba.complete(asked)))
      yield* waitUntil(
        Effect.andThen(
          advance("1 second"),
          Effect.sync(() => again.pollUnsafe())
        ),
        (exit) => exit !== undefined
      )
      expect(yield* Fiber.join(again)).toBe("jo")
      expect(yield* pollTimes).toEqual([5])
    }).pipe(
      Effect.provide(
        client().pipe(
          Layer.provideMerge(
            TestProvider.layer({
              user: TestUser.approve(),
              keysScript: ProviderScript.make([proceed, ...Array.from({ length: 5 }, () => reset)])
            })
          )
        )
      )
    )
  )
})

describe("the throttle", () => {
  it.effect("also pauses after an error response in JSON of the authentication endpoint (H9, H22)", () =>
    Effect.gen(function* () {
      yield* Effect.flip(ask)
      const next = yield* Effect.forkChild(ask)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(next)
      expect((yield* requestsTo("backchannel")).map(({ at }) => at)).toEqual([0, 60_000])
    }).pipe(
      Effect.provide(
        client().pipe(
          Layer.provideMerge(
            TestProvider.layer({
              backchannelScript: ProviderScript.make([error("too_many_requests", { status: 429, retryAfter: "60" })])
            })
          )
        )
      )
    )
  )
})

it.effect("a request without a DPoP proof is not sent again for a nonce (M6)", () =>
  Effect.gen(function* () {
    expect(yield* tag(Effect.map(ask, () => ({ subject: "asked" })))).toBe("UseDpopNonce")
    expect(yield* requestsTo("backchannel")).toHaveLength(1)
  }).pipe(
    Effect.provide(
      client().pipe(
        Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })),
        Layer.provideMerge(
          TestProvider.layer({ backchannelScript: ProviderScript.make([error("use_dpop_nonce"), pending]) })
        )
      )
    )
  )
)
