import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, PendingStore, UserHint } from "@effect-ciba/core"
import { CibaTest, ProviderScript, TestClient, TestKeys, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const authenticate = TestTime.fastForward(Ciba.authenticate(request))

const { TestProvider: Provider } = TestProvider

const user = TestUser.approve({ after: "12 seconds" })

/** When each client polls until an approval after twelve seconds. */
const polls = { poll: [5000, 10_000, 15_000], ping: [12_000], push: [] }

describe("CibaTest", () => {
  for (const deliveryMode of ["poll", "ping", "push"] as const) {
    it.effect(`wires a client that waits by ${deliveryMode}, and the provider ends the wait by itself`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* authenticate).subject, "jo")
        const provider = yield* Provider
        assert.deepStrictEqual(yield* provider.polls, polls[deliveryMode])
        const deliveries = yield* provider.deliveries
        assert.deepStrictEqual(
          deliveries.map(({ at, status }) => [at, status]),
          deliveryMode === "poll" ? [] : [[12_000, 204]]
        )
      }).pipe(Effect.provide(CibaTest.layer({ deliveryMode, user })))
    )

    it.effect(`lets a client that signs wait by ${deliveryMode} to the millisecond, with Effect's own adjust`, () =>
      Effect.gen(function* () {
        const key = yield* TestKeys.signing("RS256", "client")
        const Test = CibaTest.layer({
          deliveryMode,
          client: TestClient.privateKeyJwt(key.publicJwk, { algorithm: "RS256" }),
          ciba: { authentication: ClientAuthentication.privateKeyJwt(Effect.succeed(key)) },
          user
        })
        yield* Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Ciba.authenticate(request))
          yield* TestClock.adjust("1 minute")
          assert.strictEqual((yield* Fiber.join(fiber)).subject, "jo")
          assert.deepStrictEqual(yield* (yield* Provider).polls, polls[deliveryMode])
        }).pipe(Effect.provide(Test))
      })
    )

    it.effect(`resumes in another process by ${deliveryMode} what one has begun that ended`, () => {
      const options = { deliveryMode, user }
      return Effect.gen(function* () {
        yield* Effect.provide(Ciba.initiate(request), CibaTest.layerClient(options))
        const tags: Array<string> = []
        const resume = Ciba.resumeAll(({ _tag }) => Effect.sync(() => tags.push(_tag)))
        yield* TestTime.fastForward(Effect.provide(resume, CibaTest.layerClient(options)))
        assert.deepStrictEqual(tags, ["Success"])
        assert.deepStrictEqual(
          (yield* (yield* Provider).deliveries).map(({ status }) => status),
          deliveryMode === "poll" ? [] : [204]
        )
      }).pipe(Effect.provide(Layer.merge(CibaTest.layerProvider(options), PendingStore.layerMemory)))
    })
  }
})

const { make, ...steps } = ProviderScript

/** What a ping and a push become, and when the client polls in ping mode. */
const notifications: ReadonlyArray<
  readonly [
    name: string,
    step: ProviderScript.Step,
    deliveries: ReadonlyArray<readonly [at: number, status: number | undefined]>,
    polls: ReadonlyArray<number>
  ]
> = [
  ["proceed", steps.proceed, [[12_000, 204]], [12_000]],
  ["lost", steps.lost, [[12_000, undefined]], [30_000]],
  ["reset", steps.reset, [[12_000, undefined]], [30_000]],
  ["truncated", steps.truncated, [[12_000, 400]], [30_000]],
  ["delay", steps.delay("4 seconds", steps.proceed), [[16_000, 204]], [16_000]]
]

describe("notificationScript", () => {
  for (const [name, step, deliveries, expectedPolls] of notifications) {
    for (const deliveryMode of ["ping", "push"] as const) {
      it.effect(`plays ${name} with a ${deliveryMode}`, () =>
        Effect.gen(function* () {
          const provider = yield* Provider
          const fiber = yield* Effect.forkChild(Effect.result(Ciba.authenticate(request)))
          yield* TestTime.advance("10 minutes")
          const { _tag } = yield* Fiber.join(fiber)
          assert.deepStrictEqual(
            (yield* provider.deliveries).map(({ at, status }) => [at, status]),
            deliveries.map((delivery) => [...delivery])
          )
          if (deliveryMode === "ping") assert.deepStrictEqual(yield* provider.polls, expectedPolls)
          const arrives = deliveries.some(([, status]) => status === 204)
          assert.strictEqual(_tag, deliveryMode === "ping" || arrives ? "Success" : "Failure")
        }).pipe(Effect.provide(CibaTest.layer({ deliveryMode, user, notificationScript: make([step]) })))
      )
    }
  }

  it.effect("sends a ping early, before the decision, and the client polls on at its interval", () =>
    Effect.gen(function* () {
      yield* authenticate
      assert.deepStrictEqual(yield* (yield* Provider).polls, [0, 5000, 10_000, 15_000])
    }).pipe(Effect.provide(CibaTest.layer({ deliveryMode: "ping", user, notificationScript: make([steps.early]) })))
  )

  for (const deliveryMode of ["ping", "push"] as const) {
    it.effect(`sends a ${deliveryMode} twice with duplicate, and the second changes nothing`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* authenticate).subject, "jo")
        yield* TestTime.settle
        const provider = yield* Provider
        assert.deepStrictEqual(
          (yield* provider.deliveries).map(({ status }) => status),
          [204, 204]
        )
        assert.deepStrictEqual(yield* provider.polls, polls[deliveryMode])
      }).pipe(Effect.provide(CibaTest.layer({ deliveryMode, user, notificationScript: make([steps.duplicate]) })))
    )
  }
})

describe("disrupt", () => {
  it.effect("breaks every connection for so long, and notifications are lost", () =>
    Effect.gen(function* () {
      const provider = yield* Provider
      const pending = yield* Ciba.initiate(request)
      yield* provider.disrupt("1 minute")
      assert.strictEqual((yield* TestTime.fastForward(Ciba.complete(pending))).subject, "jo")
      const token = (yield* provider.requests).filter(({ endpoint }) => endpoint === "token")
      assert.isTrue(token.every(({ at, status }) => (at < 60_000 ? status === undefined : status === 200)))
      assert.isAbove(token.length, 1)
      assert.deepStrictEqual(
        (yield* provider.deliveries).map(({ status }) => status),
        [undefined]
      )
    }).pipe(Effect.provide(CibaTest.layer({ deliveryMode: "ping", user })))
  )
})

describe("clockSkew", () => {
  for (const skew of ["-20 seconds", "20 seconds"] as const) {
    it.effect(`moves the clock of the provider by ${skew}, and its tokens are still accepted after their request`, () =>
      Effect.gen(function* () {
        yield* TestTime.advance("1 hour")
        const { claims } = yield* authenticate
        assert.strictEqual(claims.iat, 3615 + Number.parseInt(skew, 10))
        assert.deepStrictEqual(yield* (yield* Provider).polls, [3_605_000, 3_610_000, 3_615_000])
      }).pipe(Effect.provide(CibaTest.layer({ clockSkew: skew, user })))
    )
  }
})

describe("random faults", () => {
  for (const deliveryMode of ["poll", "ping", "push"] as const) {
    it.effect(`let each of a hundred clients that wait by ${deliveryMode} come to an end that is true`, () =>
      Effect.gen(function* () {
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, seed) => ({
            deliveryMode,
            user,
            tokenScript: ProviderScript.random({ seed }),
            notificationScript: ProviderScript.random({
              seed,
              steps: [
                steps.lost,
                steps.truncated,
                steps.duplicate,
                steps.early,
                steps.delay("7 seconds", steps.proceed)
              ]
            })
          })),
          (options) =>
            Effect.gen(function* () {
              const outcome = yield* Effect.match(authenticate, {
                onSuccess: () => "Success",
                onFailure: ({ reason }) => reason._tag
              })
              const pending = yield* (yield* Provider).pending
              assert.deepStrictEqual(pending, [])
              return outcome
            }).pipe(Effect.provide(CibaTest.layer(options)))
        )
        // After an approval a lost response, a proxy's second request and a lost push are all that may end in a failure.
        const failures = deliveryMode === "push" ? ["ExpiredToken"] : ["OutcomeUnknown", "InvalidGrant"]
        assert.deepStrictEqual([...new Set(outcomes)].sort(), ["Success", ...failures].sort())
        assert.isAbove(outcomes.filter((outcome) => outcome === "Success").length, 70)
      })
    )
  }
})
