import { type NotificationInbox, PendingAuthentication } from "@effect-ciba/core"
import { DurableInbox, WaitStore, WaitWorker } from "@effect-ciba/durable"
import { TestProvider } from "@effect-ciba/testing"
import { Clock, DateTime, Deferred, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onBoth, onPostgres } from "./support/Databases.ts"
import { dump } from "./support/Dump.ts"
import { ask, askAndInsert, callOther, makeNodes, type Nodes, provide } from "./support/Nodes.ts"

const polls = TestProvider.TestProvider.use((provider) => provider.polls)

const runDue = Effect.flatMap(WaitWorker.make(), (worker) => worker.runDue)

const outcomeOf = ({ store }: Nodes, id: string) =>
  Effect.map(store.find(id), (found) => Option.getOrUndefined(found)?.outcome)

const passFor = (seconds: number) =>
  Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), runDue), { times: seconds - 1 })

const token = Redacted.make("a-token", { label: "client_notification_token" })

const expectToken = (inbox: NotificationInbox.Service) =>
  Effect.flatMap(DateTime.now, (now) =>
    inbox.expect({ token, deliveryMode: "ping", expiresAt: DateTime.add(now, { minutes: 1 }) })
  )

/** What delivers to the token. */
const findDeliver = (inbox: NotificationInbox.Service) => Effect.map(inbox.find(token), Option.getOrThrow)

/** Another wait than the one that was asked for, which has a token of its own. */
const askWithToken = Effect.map(ask, (pending) => ({ ...pending, id: "a-wait", clientNotificationToken: token }))

const acknowledgeAndInsert = ({ own, store }: Nodes) =>
  Effect.tap(askWithToken, (pending) => Effect.andThen(own.acknowledge(pending), store.insert(pending)))

const pingFor = ({ authReqId }: Pick<PendingAuthentication.PendingAuthentication, "authReqId">) => ({
  authReqId,
  body: Redacted.make({ auth_req_id: Redacted.value(authReqId) })
})

const pingForAnother = pingFor({
  authReqId: Redacted.make(PendingAuthentication.AuthReqId.make("another"), { label: "auth_req_id" })
})

onBoth((it) => {
  it.effect("a ping to one process makes the wait of another one due at once (K7, K14)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const { id } = yield* askAndInsert
        yield* passFor(7)
        expect(yield* polls).toEqual([])
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        expect(yield* runDue).toBe(1)
        expect(yield* outcomeOf(nodes, id)).toBe("Verified")
        expect(yield* polls).toHaveLength(1)
        expect(yield* callOther(nodes)).toBe(204)
        expect(yield* runDue).toBe(0)
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect("a ping that is lost costs time, and nothing else (K15)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const start = yield* Clock.currentTimeMillis
        const { id } = yield* askAndInsert
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        yield* passFor(35)
        expect(yield* outcomeOf(nodes, id)).toBe("Verified")
        expect((yield* polls).map((at) => at - start)).toEqual([30_000])
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect("a ping counts that comes before its wait is stored (K10)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const pending = yield* ask
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        yield* nodes.store.insert(pending)
        expect(yield* runDue).toBe(1)
        expect(yield* outcomeOf(nodes, pending.id)).toBe("Verified")
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect("a ping during a poll makes the wait due again when that was reported (H3, K9)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        yield* askAndInsert
        yield* TestClock.adjust("30 seconds")
        const options = { limit: 1, timeout: 10_000, takesOver: true }
        const [claim] = yield* nodes.store.claim(options)
        if (claim === undefined) return expect.fail("nothing is due")
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        expect(yield* nodes.store.claim(options)).toEqual([])
        const now = yield* Clock.currentTimeMillis
        yield* nodes.store.report([{ held: claim, saved: claim.saved, wakeAt: now + 30_000 }])
        const [again] = yield* nodes.store.claim(options)
        expect(again?.notifiedAt).toBe(now)
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect("a worker that sleeps is woken by a ping to its own process (K7)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const { id } = yield* askAndInsert
        yield* Layer.build(WaitWorker.layer({ claimInterval: "1 hour" }))
        yield* TestClock.adjust("7 seconds")
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        const isDecided = Effect.map(nodes.store.find(id), Option.isSome)
        const turn = Effect.andThen(
          Effect.promise(() => new Promise(setImmediate)),
          isDecided
        )
        expect(yield* Effect.repeat(turn, { until: (decided) => decided, times: 2000 })).toBe(true)
        expect(yield* outcomeOf(nodes, id)).toBe("Verified")
      }).pipe(Effect.scoped, provide(nodes, "ping"))
    )
  )

  const forged: ReadonlyArray<
    readonly [what: string, forge: (call: TestProvider.Notification) => TestProvider.Notification]
  > = [
    ["with an unknown token", (call) => ({ ...call, token: "unknown" })],
    ["with another auth_req_id", (call) => ({ ...call, body: { ...call.body, auth_req_id: "another" } })]
  ]
  for (const [what, forge] of forged) {
    it.effect(`refuses a ping ${what}, and nothing is due (K2)`, () =>
      Effect.flatMap(makeNodes, (nodes) =>
        Effect.gen(function* () {
          yield* askAndInsert
          yield* TestClock.adjust("1 second")
          expect(yield* callOther(nodes, forge)).toBe(401)
          expect(yield* runDue).toBe(0)
        }).pipe(provide(nodes, "ping"))
      )
    )
  }

  it.effect("refuses a ping for another auth_req_id than was acknowledged since its token was looked up (K2)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        yield* expectToken(nodes.other)
        const deliver = yield* findDeliver(nodes.other)
        const pending = yield* acknowledgeAndInsert(nodes)
        expect(yield* deliver(pingForAnother)).toBe("Refused")
        expect(yield* runDue).toBe(0)
        expect(yield* deliver(pingFor(pending))).toBe("Accepted")
        expect(yield* runDue).toBe(1)
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect(
    "takes a ping whose token was looked up while one for another auth_req_id stood in its place (K2, K10)",
    () =>
      Effect.flatMap(makeNodes, (nodes) =>
        Effect.gen(function* () {
          yield* expectToken(nodes.other)
          expect(yield* Effect.flatMap(findDeliver(nodes.other), (deliver) => deliver(pingForAnother))).toBe("Accepted")
          const deliver = yield* findDeliver(nodes.other)
          const pending = yield* acknowledgeAndInsert(nodes)
          expect(yield* runDue).toBe(0)
          expect(yield* deliver(pingFor(pending))).toBe("Accepted")
          expect(yield* runDue).toBe(1)
        }).pipe(provide(nodes, "ping"))
      )
  )

  it.effect("makes a wait due by a repeated ping, if the process that took the first has died (K9)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        yield* expectToken(nodes.other)
        const deliver = yield* findDeliver(nodes.other)
        const pending = yield* acknowledgeAndInsert(nodes)
        const dying = yield* Effect.provideService(DurableInbox.make(nodes.options), WaitStore.WaitStore, {
          ...nodes.store,
          notify: () => Effect.die("the process is killed")
        })
        const ping = pingFor(pending)
        yield* Effect.exit(Effect.flatMap(findDeliver(dying), (first) => first(ping)))
        expect(yield* runDue).toBe(0)
        expect(yield* deliver(ping)).toBe("Duplicate")
        expect(yield* runDue).toBe(1)
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect("knows a ping that came before its acknowledgement to a process with a newer key (K10)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const [newer, older] = nodes.options.keys
        const before = { ...nodes.options, keys: [older, newer] as const }
        const inbox = yield* Effect.provideService(DurableInbox.make(before), WaitStore.WaitStore, nodes.store)
        yield* expectToken(inbox)
        const deliver = yield* findDeliver(nodes.other)
        const pending = yield* askWithToken
        expect(yield* deliver(pingFor(pending))).toBe("Accepted")
        yield* inbox.acknowledge(pending)
        yield* nodes.store.insert(pending)
        expect(yield* runDue).toBe(1)
      }).pipe(provide(nodes, "ping"))
    )
  )

  it.effect("knows a token by its hash under the older key, and refuses it after its expiry (K18)", () =>
    Effect.gen(function* () {
      const { options, other, store } = yield* makeNodes
      const [newer, older] = options.keys
      const before = { ...options, keys: [older] as const }
      const inbox = yield* Effect.provideService(DurableInbox.make(before), WaitStore.WaitStore, store)
      expect(yield* expectToken(inbox)).toBe(true)
      expect(yield* expectToken(inbox)).toBe(false)
      expect(Option.isSome(yield* other.find(token))).toBe(true)
      const rotated = { ...options, keys: [newer] as const }
      const without = yield* Effect.provideService(DurableInbox.make(rotated), WaitStore.WaitStore, store)
      expect(Option.isSome(yield* without.find(token))).toBe(false)
      yield* TestClock.adjust("1 minute")
      expect(Option.isSome(yield* other.find(token))).toBe(false)
      yield* other.unregister(token)
    })
  )

  it.effect("verifies the tokens of a push to another process, without a token request (L3, L4)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const { id } = yield* askAndInsert
        yield* passFor(3)
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        yield* runDue
        expect(yield* outcomeOf(nodes, id)).toBe("Verified")
        expect(yield* polls).toEqual([])
        expect(yield* callOther(nodes)).toBe(204)
      }).pipe(provide(nodes, "push"))
    )
  )

  it.effect("verifies a push that comes before its wait is stored (L17)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const pending = yield* ask
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        yield* nodes.store.insert(pending)
        yield* runDue
        expect(yield* outcomeOf(nodes, pending.id)).toBe("Verified")
      }).pipe(provide(nodes, "push"))
    )
  )

  it.effect("ends a wait with the error of a push", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const { id } = yield* askAndInsert
        yield* TestProvider.TestProvider.use((provider) => provider.deny())
        expect(yield* callOther(nodes)).toBe(204)
        expect(yield* outcomeOf(nodes, id)).toBe("Refused")
        const found = Option.getOrUndefined(yield* nodes.store.find(id))
        expect(found?.failure).toMatchObject({ reason: "AccessDenied", canAskAgain: false })
      }).pipe(provide(nodes, "push"))
    )
  )

  it.effect(
    "takes the tokens of a push in place of the expiry that was decided meanwhile, and refuses its token then (K18)",
    () =>
      Effect.flatMap(makeNodes, (nodes) =>
        Effect.gen(function* () {
          const { clientNotificationToken, id } = yield* askAndInsert
          const provider = yield* TestProvider.TestProvider
          yield* provider.approve()
          const push = yield* provider.notification()
          const body = yield* Effect.promise(() => push.json())
          yield* TestClock.adjust("2 minutes")
          yield* runDue
          expect(yield* outcomeOf(nodes, id)).toBe("Expired")
          const token = clientNotificationToken ?? Redacted.make("")
          expect(Option.isSome(yield* nodes.other.find(token))).toBe(false)
          yield* nodes.store.notify(id, { deliveryMode: "push", body: Redacted.make(body) })
          expect(yield* outcomeOf(nodes, id)).toBeUndefined()
          yield* runDue
          expect(yield* outcomeOf(nodes, id)).toBe("Verified")
        }).pipe(provide(nodes, "push"))
      )
  )

  it.effect("stores no token, handle, hint or body of a notification in clear", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const pending = yield* askAndInsert
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        expect(yield* callOther(nodes)).toBe(204)
        const text = yield* dump
        expect(text).toContain(pending.id)
        const token = pending.clientNotificationToken && Redacted.value(pending.clientNotificationToken)
        for (const secret of [token, Redacted.value(pending.authReqId), "jo@example.com", "access_token", "id_token"]) {
          expect(text).not.toContain(secret)
        }
      }).pipe(provide(nodes, "push"))
    )
  )
})

onPostgres((it) => {
  it.effect("verifies a push that comes while its wait is not visible yet, once that is committed (L17)", () =>
    Effect.flatMap(makeNodes, (nodes) =>
      Effect.gen(function* () {
        const { store } = nodes
        const sql = yield* SqlClient.SqlClient
        const pending = yield* ask
        yield* TestProvider.TestProvider.use((provider) => provider.approve())
        const inserted = yield* Deferred.make<void>()
        const called = yield* Deferred.make<number, Effect.Error<ReturnType<typeof callOther>>>()
        yield* Effect.forkChild(
          Effect.flatMap(Deferred.await(inserted), () => Deferred.complete(called, callOther(nodes)))
        )
        const insert = Effect.andThen(store.insert(pending), Deferred.succeed(inserted, undefined))
        expect(yield* sql.withTransaction(Effect.andThen(insert, Deferred.await(called)))).toBe(204)
        expect(yield* runDue).toBe(0)
        yield* store.notifyEarly(pending.id)
        yield* runDue
        expect(yield* outcomeOf(nodes, pending.id)).toBe("Verified")
      }).pipe(provide(nodes, "push"))
    )
  )
})
