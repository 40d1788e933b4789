import { describe, expect, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  NotificationInbox,
  NotificationReceiver,
  type PendingAuthentication,
  UserHint
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { type Duration, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { advance, awaitCrypto } from "../support/TestTime.ts"

const client = TestClient.clientSecretBasic({
  notification: { deliveryMode: "ping", url: "https://client.test/ciba" }
})

const flow = (provider: ProviderOptions = {}, options: Partial<Ciba.Options> = {}) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    deliveryMode: "ping",
    ...options
  }).pipe(
    Layer.provideMerge(NotificationInbox.layer),
    Layer.provideMerge(TestProvider.layer({ client, expiresIn: "2 minutes", ...provider }))
  )

const ask = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

const polls = TestProvider.TestProvider.use((provider) =>
  Effect.map(provider.polls, (all) => all.map((at) => at / 1000))
)

/** The provider calls; what the client answers. */
const ping = Effect.fnUntraced(function* (forge?: (call: TestProvider.Notification) => TestProvider.Notification) {
  const provider = yield* TestProvider.TestProvider
  const handle = yield* NotificationReceiver.toWebHandler()
  const request = yield* provider.notification({ forge })
  const { status } = yield* Effect.promise(() => handle(request))
  yield* Effect.promise(() => new Promise(setImmediate))
  return status
})

const after = Effect.fnUntraced(function* (time: Duration.Input) {
  yield* TestClock.adjust(time)
})

const waiting = (pending: PendingAuthentication.PendingAuthentication) => Effect.forkChild(Ciba.complete(pending))

describe("Ping", () => {
  it.effect("triggers a poll at once, whatever the interval (K7, K14)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* waiting(yield* ask)
      yield* after("7 seconds")
      yield* provider.approve()
      expect(yield* ping()).toBe(204)
      yield* after("0 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect(yield* polls).toEqual([7])
    }).pipe(Effect.provide(flow({ interval: "31 seconds" })))
  )

  it.effect(
    "polls less frequently until a ping arrives, and finds the result also when it never does (K15, T-28)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const wait = yield* waiting(yield* ask)
        yield* after("40 seconds")
        yield* provider.approve()
        yield* after("80 seconds")
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
        expect(yield* polls).toEqual([30, 60])
      }).pipe(Effect.provide(flow()))
  )

  it.effect(
    "triggers a poll for any result: after an error the wait ends, after authorization_pending the interval applies (K12)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* ask)))
        yield* after("7 seconds")
        expect(yield* ping()).toBe(204)
        yield* after("4 seconds")
        yield* provider.deny()
        yield* after("1 second")
        expect((yield* Fiber.join(wait)).reason._tag).toBe("AccessDenied")
        expect(yield* polls).toEqual([7, 12])
      }).pipe(Effect.provide(flow()))
  )

  it.effect("is one event, also when two resumed waits for the same authentication have begun at once (K9)", () => {
    const restarted = Ciba.layer({
      issuer: "https://provider.test",
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
      deliveryMode: "ping"
    })
    return Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* ask
      const events: Array<string> = []
      yield* Effect.gen(function* () {
        yield* Effect.forkChild(Stream.runForEach(Ciba.events, ({ _tag }) => Effect.sync(() => void events.push(_tag))))
        const waits = [yield* waiting(pending), yield* waiting(pending)]
        yield* advance("1 second")
        yield* awaitCrypto
        yield* provider.approve()
        expect(yield* ping()).toBe(204)
        yield* after("0 seconds")
        yield* Fiber.joinAll(waits)
      }).pipe(Effect.provide(restarted, { local: true }))
      expect(events).toEqual(["Resumed", "Pinged", "Polled", "Completed"])
      expect(yield* polls).toEqual([1])
    }).pipe(
      Effect.provide(
        flow({
          discoveryScript: ProviderScript.make([
            ProviderScript.proceed,
            ProviderScript.delay("1 second", ProviderScript.proceed)
          ])
        })
      )
    )
  })

  it.effect("waits the longer interval when the poll of a ping gets slow_down (T-19)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* waiting(yield* ask)
      yield* after("7 seconds")
      yield* provider.approve()
      yield* ping()
      yield* after("9 seconds")
      expect(wait.pollUnsafe()).toBeUndefined()
      yield* after("1 second")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect(yield* polls).toEqual([7, 17])
    }).pipe(Effect.provide(flow({ tokenScript: ProviderScript.make([ProviderScript.slowDown()]) })))
  )

  it.effect(
    "is taken when it repeats one from before the decision, and leads to no poll within the interval (K9, K16)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const wait = yield* waiting(yield* ask)
        yield* after("7 seconds")
        expect(yield* ping()).toBe(204)
        yield* after("2 seconds")
        yield* provider.approve()
        expect(yield* ping()).toBe(204)
        yield* after("2 seconds")
        expect(yield* polls).toEqual([7])
        yield* after("1 second")
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
        expect(yield* polls).toEqual([7, 12])
      }).pipe(Effect.provide(flow()))
  )

  it.effect("redeems once for repeated pings, which are known as duplicates also after the end (K9, T-18)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* waiting(yield* ask)
      yield* after("7 seconds")
      yield* provider.approve()
      expect(yield* Effect.all([ping(), ping(), ping()], { concurrency: "unbounded" })).toEqual([204, 204, 204])
      yield* after("0 seconds")
      yield* Fiber.join(wait)
      expect(yield* ping()).toBe(204)
      yield* after("1 minute")
      expect(yield* polls).toEqual([7])
    }).pipe(Effect.provide(flow()))
  )

  it.effect("triggers one early poll: a second wait for the same auth_req_id keeps the interval (H7, K9)", () =>
    Effect.gen(function* () {
      const pending = yield* ask
      const wait = yield* waiting(pending)
      yield* after("7 seconds")
      expect(yield* ping()).toBe(204)
      yield* after("1 second")
      yield* Fiber.interrupt(wait)
      for (let times = 0; times < 5; times += 1) {
        const again = yield* waiting(pending)
        yield* Effect.repeat(
          Effect.promise(() => new Promise(setImmediate)),
          { times: 50 }
        )
        yield* after("1 second")
        yield* Fiber.interrupt(again)
      }
      expect(yield* polls).toEqual([7, 12])
    }).pipe(Effect.provide(flow({ pacing: "off", user: TestUser.ignore })))
  )

  it.effect("does not shorten the interval when it arrives during a poll that gets slow_down (H11, T-19)", () =>
    Effect.gen(function* () {
      const wait = yield* waiting(yield* ask)
      yield* after("31 seconds")
      yield* ping()
      yield* after("12 seconds")
      expect(yield* polls).toEqual([30])
      yield* after("1 second")
      expect(yield* polls).toEqual([30, 44])
      yield* after("5 seconds")
      expect(yield* polls).toEqual([30, 44])
      yield* Fiber.interrupt(wait)
    }).pipe(
      Effect.provide(
        flow({
          pacing: "off",
          user: TestUser.ignore,
          tokenScript: ProviderScript.make([ProviderScript.delay("4 seconds", ProviderScript.slowDown())])
        })
      )
    )
  )

  it.effect("starts no second poll when it arrives during a poll, and takes effect after it (H3, K9)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* waiting(yield* ask)
      yield* after("35 seconds")
      expect(yield* polls).toEqual([30])
      yield* provider.approve()
      yield* ping()
      yield* after("1 second")
      expect(yield* polls).toEqual([30])
      yield* after("9 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect(yield* polls).toEqual([30, 40])
      expect(yield* provider.inFlightMax).toBe(1)
    }).pipe(
      Effect.provide(
        flow({ tokenScript: ProviderScript.make([ProviderScript.delay("10 seconds", ProviderScript.pending)]) })
      )
    )
  )

  it.effect("is retained when it arrives before the wait begins (K10)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* ask
      yield* provider.approve()
      expect(yield* ping()).toBe(204)
      const wait = yield* waiting(pending)
      yield* after("0 seconds")
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* after("0 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect(yield* polls).toEqual([0])
    }).pipe(Effect.provide(flow()))
  )

  const forgeries: ReadonlyArray<
    readonly [what: string, forge: (call: TestProvider.Notification) => TestProvider.Notification]
  > = [
    ["with another bearer (K3)", (call) => ({ ...call, token: `${call.token}x` })],
    ["with another id (K8)", (call) => ({ ...call, body: { auth_req_id: "another" } })],
    ["without an id (K17)", (call) => ({ ...call, body: {} })]
  ]
  for (const [what, forge] of forgeries) {
    it.effect(`does not trigger a poll for ${what}`, () =>
      Effect.gen(function* () {
        const wait = yield* waiting(yield* ask)
        yield* after("7 seconds")
        expect(yield* ping(forge)).toBeGreaterThanOrEqual(400)
        yield* after("1 second")
        expect(yield* polls).toEqual([])
        yield* Fiber.interrupt(wait)
      }).pipe(Effect.provide(flow()))
    )
  }

  it.effect("ends the wait at the expiry by the client's own clock when no ping arrives (K13, T-21)", () =>
    Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.complete(yield* ask)))
      yield* after("119 seconds")
      expect(wait.pollUnsafe()).toBeUndefined()
      yield* after("1 second")
      const exit = yield* Fiber.join(wait)
      expect(Exit.isFailure(exit)).toBe(true)
      expect((yield* polls).every((at) => at < 120)).toBe(true)
    }).pipe(Effect.provide(flow({ user: TestUser.ignore })))
  )

  it.effect("is refused after the expiry of its request (K18)", () =>
    Effect.gen(function* () {
      yield* ask
      yield* after("2 minutes")
      expect(yield* ping()).toBe(401)
    }).pipe(Effect.provide(flow()))
  )

  it.effect("triggers one early poll and no more for many pings with a valid client notification token (K16)", () =>
    Effect.gen(function* () {
      const wait = yield* waiting(yield* ask)
      yield* after("7 seconds")
      yield* ping()
      yield* after("0 seconds")
      for (let index = 0; index < 20; index++) yield* ping()
      yield* after("4 seconds")
      expect(yield* polls).toEqual([7])
      yield* Fiber.interrupt(wait)
    }).pipe(Effect.provide(flow()))
  )
})
