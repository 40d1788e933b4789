import { Transport } from "@effect-ciba/core"
import { WaitStore, WaitWorker } from "@effect-ciba/durable"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Queue, Ref, Scope } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onBoth } from "./support/Databases.ts"
import { CibaTest, initiate, makeCiba, makeStore } from "./support/TestApproval.ts"
import { realTime } from "./support/Time.ts"

const provide = (options?: Parameters<typeof makeCiba>[0]) =>
  Effect.provide(Layer.merge(makeCiba(options), Layer.effect(WaitStore.WaitStore, makeStore)))

/** Passes at this step until this much time is over. */
const passFor = (worker: WaitWorker.Service, time: number, step = 1000) =>
  Effect.repeat(Effect.andThen(TestClock.adjust(step), worker.runDue), { times: time / step - 1 })

const find = (id: string) => WaitStore.WaitStore.use((store) => store.find(id))

const outcomeOf = (id: string) => Effect.map(find(id), (found) => Option.getOrUndefined(found)?.outcome)

/** When the polls were received, from the acknowledgement on. */
const pollsFrom = (start: number) =>
  Effect.map(
    TestProvider.TestProvider.use((provider) => provider.polls),
    (polls) => polls.map((at) => at - start)
  )

const begin = Effect.gen(function* () {
  const { id } = yield* initiate
  const [pending] = yield* TestProvider.TestProvider.use((provider) => provider.pending)
  return { id, start: pending?.acknowledgedAt ?? 0 }
})

const approved = { user: TestUser.approve({ after: "12 seconds" }) }

const brokenConnection = new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause: "planted" }) })

/** The store while the database can be used, and one that fails otherwise. */
const withOutages = (store: WaitStore.Service, isDown: Ref.Ref<boolean>): WaitStore.Service => {
  const guard = <A>(call: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
    Effect.flatMap(Ref.get(isDown), (down) => (down ? Effect.fail(brokenConnection) : call))
  return {
    ...store,
    claim: (options) => guard(store.claim(options)),
    report: (progress) => guard(store.report(progress)),
    receive: (...received) => guard(store.receive(...received)),
    decide: (...decided) => guard(store.decide(...decided))
  }
}

onBoth((it) => {
  it.effect(
    "polls at the interval until the end-user approves, and stores that the tokens were verified (H2, H7)",
    () =>
      Effect.gen(function* () {
        const worker = yield* WaitWorker.make()
        const { id, start } = yield* begin
        yield* passFor(worker, 30_000)
        expect(yield* pollsFrom(start)).toEqual([5000, 10_000, 15_000])
        expect(yield* outcomeOf(id)).toBe("Verified")
      }).pipe(provide(approved))
  )

  it.effect("keeps slow down, back-off and Retry-After, whichever worker polls next (H2, H9, H11)", () =>
    Effect.gen(function* () {
      const workers = [yield* WaitWorker.make(), yield* WaitWorker.make()] as const
      const { start } = yield* begin
      for (let second = 1; second <= 60; second += 1) {
        yield* TestClock.adjust("1 second")
        yield* workers[second % 2 === 0 ? 0 : 1].runDue
      }
      expect(yield* pollsFrom(start)).toEqual([5000, 15_000, 25_000, 45_000, 60_000])
    }).pipe(
      provide({
        tokenScript: ProviderScript.make([
          ProviderScript.slowDown(),
          ProviderScript.html(502),
          ProviderScript.html(502),
          ProviderScript.status(503, { retryAfter: "15" })
        ])
      })
    )
  )

  it.effect("stores why a wait ended: a refusal, with its sentence", () =>
    Effect.gen(function* () {
      const worker = yield* WaitWorker.make()
      const { id } = yield* begin
      yield* passFor(worker, 10_000)
      expect(yield* outcomeOf(id)).toBe("Refused")
      const { failure } = yield* Effect.flatMap(find(id), Effect.fromOption)
      expect(failure).toMatchObject({ reason: "AccessDenied", canAskAgain: false, needsOperator: false })
      expect(failure?.message).toContain("access_denied")
    }).pipe(provide({ user: TestUser.deny() }))
  )

  it.effect("ends a wait at its deadline, and polls no more", () =>
    Effect.gen(function* () {
      const worker = yield* WaitWorker.make()
      const { id, start } = yield* begin
      yield* passFor(worker, 200_000, 2500)
      expect(yield* outcomeOf(id)).toBe("Expired")
      expect(Math.max(...(yield* pollsFrom(start)))).toBeLessThan(120_000)
    }).pipe(provide({ expiresIn: "2 minutes" }))
  )

  it.effect("pauses all workers when the provider answers 429 (H22)", () =>
    Effect.gen(function* () {
      const workers = [yield* WaitWorker.make(), yield* WaitWorker.make()] as const
      const { start } = yield* begin
      yield* TestClock.adjust("2 seconds")
      yield* initiate
      for (let second = 3; second <= 30; second += 1) {
        yield* TestClock.adjust("1 second")
        yield* workers[second % 2 === 0 ? 0 : 1].runDue
      }
      const [first, second] = yield* pollsFrom(start)
      expect([first, second]).toEqual([5000, 25_000])
    }).pipe(provide({ tokenScript: ProviderScript.make([ProviderScript.status(429, { retryAfter: "20" })]) }))
  )

  it.effect("leaves an error response that is about the client to an operator, and goes on", () =>
    Effect.gen(function* () {
      const worker = yield* WaitWorker.make()
      const { id } = yield* begin
      yield* passFor(worker, 20_000)
      expect(yield* outcomeOf(id)).toBe("Verified")
    }).pipe(
      provide({
        ...approved,
        tokenScript: ProviderScript.make([ProviderScript.error("invalid_client", { status: 401 })])
      })
    )
  )

  it.effect("keeps tokens while the database cannot be used, and writes them before it claims anything", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const isDown = yield* Ref.make(false)
      const broken = withOutages(store, isDown)
      const refused = yield* Deferred.make<void>()
      const worker = yield* Effect.provideService(WaitWorker.make(), WaitStore.WaitStore, {
        ...broken,
        receive: (...received) =>
          Effect.tapError(broken.receive(...received), () => Deferred.succeed(refused, undefined)),
        claim: (options) => Effect.andThen(Effect.ignore(Ref.get(isDown)), store.claim(options))
      })
      const { id } = yield* begin
      yield* TestClock.adjust("5 seconds")
      yield* Ref.set(isDown, true)
      const pass = yield* Effect.forkChild(worker.runDue)
      yield* Deferred.await(refused)
      yield* initiate
      yield* TestClock.adjust("30 seconds")
      expect(yield* worker.runDue).toBe(0)
      expect(pass.pollUnsafe()).toBeUndefined()
      yield* Ref.set(isDown, false)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(pass)
      expect(yield* outcomeOf(id)).toBe("Verified")
    }).pipe(provide({ user: TestUser.approve() }))
  )

  it.effect("waits five seconds after an outage before it takes over what another worker has not reported", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const isDown = yield* Ref.make(false)
      const worker = yield* Effect.provideService(WaitWorker.make(), WaitStore.WaitStore, withOutages(store, isDown))
      const { start } = yield* begin
      yield* TestClock.adjust("5 seconds")
      expect((yield* store.claim({ limit: 1, timeout: 10_000, takesOver: true })).length).toBe(1)
      yield* Ref.set(isDown, true)
      yield* TestClock.adjust("20 seconds")
      expect(Exit.isFailure(yield* Effect.exit(worker.runDue))).toBe(true)
      yield* Ref.set(isDown, false)
      yield* passFor(worker, 10_000)
      expect(yield* pollsFrom(start)).toEqual([31_000])
    }).pipe(provide())
  )

  it.effect("sends no poll more than three seconds after its claim", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const delays = yield* Queue.unbounded<number>()
      const claimed = yield* Queue.unbounded<void>()
      const delayed = Effect.flatMap(Queue.take(delays), (delay) =>
        Effect.andThen(Queue.offer(claimed, undefined), Effect.sleep(delay))
      )
      const worker = yield* Effect.provideService(WaitWorker.make(), WaitStore.WaitStore, {
        ...store,
        claim: (options) => Effect.tap(store.claim(options), ({ length }) => (length === 0 ? Effect.void : delayed))
      })
      const { start } = yield* begin
      yield* TestClock.adjust("5 seconds")
      for (const delay of [3001, 3000]) {
        yield* Queue.offer(delays, delay)
        const pass = yield* Effect.forkChild(worker.runDue)
        yield* Queue.take(claimed)
        yield* Effect.repeat(Effect.yieldNow, { times: 100 })
        yield* TestClock.adjust(delay)
        yield* Fiber.join(pass)
      }
      expect(yield* pollsFrom(start)).toEqual([5000 + 3001 + 3000])
    }).pipe(provide())
  )

  it.effect("polls again at once for a claim that had ended when its poll was to be written", () =>
    Effect.gen(function* () {
      const delays = [3001, 3000]
      const looks: Array<boolean | undefined> = []
      /** Requests wait for a connection, and then look whether they may be sent. */
      const waiting = HttpClient.transform(yield* HttpClient.HttpClient, (send, request) =>
        Effect.gen(function* () {
          if (!request.url.endsWith("/token")) return yield* send
          yield* TestClock.adjust(delays.shift() ?? 0)
          looks.push((yield* Transport.SendCheck)?.())
          if (looks.at(-1) === true) return yield* send
          const reason = new HttpClientError.TransportError({ request })
          return yield* new HttpClientError.HttpClientError({ reason })
        })
      )
      const { start } = yield* begin
      yield* TestClock.adjust("5 seconds")
      yield* Effect.gen(function* () {
        const worker = yield* WaitWorker.make()
        yield* worker.runDue
        expect(yield* pollsFrom(start)).toEqual([])
        yield* worker.runDue
      }).pipe(Effect.provide(Layer.provide(Layer.fresh(CibaTest), Layer.succeed(HttpClient.HttpClient, waiting))))
      expect(looks).toEqual([false, true])
      expect(yield* pollsFrom(start)).toEqual([5000 + 3001 + 3000])
    }).pipe(provide())
  )

  it.effect("fails for an option with which no poll can be sent, before it works", () =>
    Effect.gen(function* () {
      const options = { additionalParameters: [["auth_req_id", "another"]] } as const
      const error = yield* Effect.flip(Layer.build(WaitWorker.layer(options)))
      expect(error._tag).toBe("InvalidOption")
    }).pipe(Effect.scoped, provide())
  )

  it.effect("leaves a wait to another worker when it cannot reach the provider", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const { id } = yield* begin
      const unreachable = yield* Effect.provide(
        WaitWorker.make(),
        makeCiba({ discoveryScript: ProviderScript.make(Array.from({ length: 100 }, () => ProviderScript.reset)) })
      )
      yield* TestClock.adjust("5 seconds")
      const pass = yield* Effect.forkChild(unreachable.runDue)
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, TestClock.adjust("100 millis")), {
        until: () => Effect.sync(() => pass.pollUnsafe() !== undefined)
      })
      expect(yield* outcomeOf(id)).toBeUndefined()
      const worker = yield* WaitWorker.make()
      yield* passFor(worker, 10_000)
      expect(Option.isSome(yield* store.find(id))).toBe(true)
    }).pipe(provide({ user: TestUser.approve() }))
  )

  it.effect("works until its scope is closed, and then ends what is under way", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Effect.forkIn(Scope.provide(WaitWorker.run(), scope), scope)
      const { id } = yield* begin
      yield* Effect.repeat(TestClock.adjust("250 millis"), {
        until: () => Effect.map(outcomeOf(id), (outcome) => outcome !== undefined)
      })
      yield* Scope.close(scope, Exit.void)
      expect(yield* outcomeOf(id)).toBe("Verified")
    }).pipe(provide(approved))
  )

  it.effect("ends what it was claiming when its scope was closed", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const scope = yield* Scope.make()
      const claimed = yield* Deferred.make<ReadonlyArray<WaitStore.Claim>>()
      const claim: typeof store.claim = (options) =>
        Effect.tap(store.claim(options), (claims) =>
          claims.length === 0 ? Effect.void : Effect.andThen(Deferred.succeed(claimed, claims), realTime)
        )
      yield* Effect.provideService(Layer.buildWithScope(WaitWorker.layer(), scope), WaitStore.WaitStore, {
        ...store,
        claim
      })
      yield* begin
      yield* TestClock.adjust("5 seconds")
      yield* Effect.repeat(Effect.andThen(realTime, TestClock.adjust("10 millis")), {
        until: () => Deferred.isDone(claimed)
      })
      yield* Scope.close(scope, Exit.void)
      const [{ id } = { id: "" }] = yield* Deferred.await(claimed)
      expect(yield* outcomeOf(id)).toBe("Verified")
    }).pipe(provide({ user: TestUser.approve() }))
  )

  it.effect("claims again when a poll has ended, if more was due than it polls for at once", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const begun = yield* Effect.replicateEffect(begin, 6)
      const first = yield* Deferred.make<void>()
      yield* Effect.provideService(
        Layer.build(WaitWorker.layer({ maxConcurrentPolls: 2, claimInterval: "1 minute" })),
        WaitStore.WaitStore,
        { ...store, claim: (options) => Effect.tap(store.claim(options), () => Deferred.succeed(first, undefined)) }
      )
      yield* Deferred.await(first)
      yield* realTime
      yield* TestClock.adjust("1 minute")
      const isDecided = Effect.map(
        Effect.forEach(begun, ({ id }) => outcomeOf(id)),
        (outcomes) => !outcomes.includes(undefined)
      )
      yield* Effect.repeat(Effect.andThen(realTime, isDecided), { until: (decided) => decided })
      expect(yield* isDecided).toBe(true)
    }).pipe(Effect.scoped, provide({ user: TestUser.approve() }))
  )

  it.effect("claims less at once after a claim that it could not use in time", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const limits: Array<number> = []
      yield* Effect.provideService(Layer.build(WaitWorker.layer({ maxConcurrentPolls: 8 })), WaitStore.WaitStore, {
        ...store,
        claim: (options) => {
          limits.push(options.limit)
          const delay = options.limit === 8 ? Effect.sleep(3001) : Effect.void
          return Effect.tap(store.claim(options), ({ length }) => (length === 0 ? Effect.void : delay))
        }
      })
      yield* begin
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("250 millis"), realTime), {
        until: () => limits.some((limit) => limit !== 8)
      })
      expect(limits.at(-1)).toBe(4)
    }).pipe(Effect.scoped, provide())
  )

  it.effect("deletes what was decided longer ago than the retention, and nothing else", () =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const { id } = yield* begin
      yield* passFor(yield* WaitWorker.make(), 20_000)
      yield* TestClock.adjust("59 minutes")
      expect(yield* store.purge(Duration.hours(1), 10)).toBe(0)
      const open = yield* begin
      yield* TestClock.adjust("2 minutes")
      expect(yield* outcomeOf(id)).toBe("Verified")
      expect(yield* store.purge(Duration.hours(1), 10)).toBe(1)
      expect(yield* outcomeOf(id)).toBeUndefined()
      yield* passFor(yield* WaitWorker.make(), 20_000)
      expect(yield* outcomeOf(open.id)).toBe("Verified")
    }).pipe(provide(approved))
  )

  it.effect("a worker deletes what is older than its retention", () =>
    Effect.gen(function* () {
      const { id } = yield* begin
      yield* passFor(yield* WaitWorker.make(), 20_000)
      yield* TestClock.adjust("2 hours")
      yield* Layer.build(WaitWorker.layer({ retention: "1 hour" }))
      const turn = Effect.promise(() => new Promise(setImmediate))
      const isDeleted = Effect.map(Effect.andThen(turn, outcomeOf(id)), (outcome) => outcome === undefined)
      expect(yield* Effect.repeat(isDeleted, { until: (deleted) => deleted, times: 1000 })).toBe(true)
    }).pipe(Effect.scoped, provide(approved))
  )
})
