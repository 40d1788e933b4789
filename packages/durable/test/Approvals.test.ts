import { Ciba, CibaError, type Sealing, UserHint } from "@effect-ciba/core"
import { ApprovalError, Approvals, WaitStore, WaitWorker } from "@effect-ciba/durable"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Duration, Effect, Exit, Fiber, Option, Redacted, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onBoth } from "./support/Databases.ts"
import { dump } from "./support/Dump.ts"
import { makeCiba, makeOptions } from "./support/TestApproval.ts"
import { awaitRequests, countRequests, finish, realTime } from "./support/Time.ts"

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

interface Place {
  readonly keys: Sealing.Keys
  readonly prefix: string
}

/** The approvals of one process. Each of them has a flow and a store of its own. */
const makeNode = (place: Place) =>
  Effect.flatMap(WaitStore.make(place), (store) =>
    Effect.provideService(Approvals.make(place), WaitStore.WaitStore, store)
  )

/** Two processes at one database, one of which has a worker. */
const makeNodes = Effect.gen(function* () {
  const place: Place = yield* makeOptions
  const store = yield* WaitStore.make(place)
  const worker = yield* Effect.provideService(WaitWorker.make(), WaitStore.WaitStore, store)
  return { place, store, worker, one: yield* makeNode(place), other: yield* makeNode(place) }
})

type Nodes = Effect.Success<typeof makeNodes>

/** Lets this much time go by, second by second, with a worker that looks. */
const pass = ({ worker }: Pick<Nodes, "worker">, seconds: number) =>
  Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), worker.runDue), { times: seconds - 1 })

const provide = (options?: Parameters<typeof makeCiba>[0]) => Effect.provide(makeCiba(options))

onBoth((it) => {
  it.effect("asks once for a key, whichever process starts it, and gives the result to all of them", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      const started = yield* nodes.one.start("transfer-17", request)
      expect(started).toMatchObject({ key: "transfer-17", status: "Pending" })
      expect(yield* nodes.other.start("transfer-17", request)).toEqual(started)
      const results = yield* Effect.forkChild(
        Effect.all([nodes.one.result("transfer-17"), nodes.other.result("transfer-17")], { concurrency: 2 })
      )
      yield* pass(nodes, 12)
      for (const identity of yield* finish(results)) {
        expect(identity).toMatchObject({ subject: "jo", issuer: "https://provider.test" })
        expect(Redacted.value(identity.accessToken)).toMatch(/^[\w-]{43}$/)
      }
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(provide({ user: TestUser.approve({ after: "7 seconds" }) }))
  )

  it.effect("looks for what has come before its wait when that is committed", () =>
    Effect.gen(function* () {
      const place = yield* makeOptions
      const store = yield* WaitStore.make(place)
      const { transactionService } = yield* SqlClient.SqlClient
      const looks: Array<boolean> = []
      const notifyEarly = (id: string) =>
        Effect.flatMap(Effect.serviceOption(transactionService), (transaction) => {
          looks.push(Option.isNone(transaction))
          return store.notifyEarly(id)
        })
      const approvals = yield* Effect.provideService(Approvals.make(place), WaitStore.WaitStore, {
        ...store,
        notifyEarly
      })
      yield* approvals.start("transfer-17", request)
      expect(looks).toEqual([true])
    }).pipe(provide())
  )

  it.effect("sends one request for two callers at once", () =>
    Effect.gen(function* () {
      const { one, other } = yield* makeNodes
      const start = (node: Approvals.Service) => node.start("transfer-17", request)
      const starts = yield* Effect.forkChild(Effect.all([start(one), start(other)], { concurrency: 2 }))
      const [first, second] = yield* finish(starts)
      expect(first).toEqual(second)
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(provide())
  )

  it.effect("has a receipt that says who approved, when and how", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("transfer-17", request)
      yield* pass(nodes, 6)
      const { authReqIdHash, decidedAt, startedAt, ...receipt } = yield* nodes.other.status("transfer-17")
      expect(receipt).toMatchObject({ status: "Verified", subject: "jo", acr: "urn:example:strong" })
      expect(authReqIdHash).toMatch(/^[\w-]{43}$/)
      expect(Number(decidedAt?.epochMilliseconds) - startedAt.epochMilliseconds).toBe(5000)
    }).pipe(provide({ user: TestUser.approve({ acr: "urn:example:strong" }) }))
  )

  it.effect("fails with how the end-user decided, and whether to ask again", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("transfer-17", request)
      const result = yield* Effect.forkChild(Effect.flip(nodes.other.result("transfer-17")))
      yield* pass(nodes, 6)
      expect(yield* finish(result)).toMatchObject({
        _tag: "ApprovalFailed",
        key: "transfer-17",
        outcome: "Refused",
        reason: "AccessDenied",
        canAskAgain: false,
        needsOperator: false
      })
    }).pipe(provide({ user: TestUser.deny() }))
  )

  it.effect("says of an expired approval how often the provider was asked", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("transfer-17", request)
      yield* pass(nodes, 32)
      const error = yield* Effect.flip(nodes.one.result("transfer-17"))
      expect(error).toMatchObject({ outcome: "Expired", reason: "ExpiredToken", canAskAgain: true })
      expect(error.message).toContain("polls")
    }).pipe(provide({ expiresIn: "30 seconds" }))
  )

  it.effect("refuses a key that was started with another request, and keys that are none", () =>
    Effect.gen(function* () {
      const { one, other } = yield* makeNodes
      yield* one.start("transfer-17", request)
      const conflict = yield* Effect.flip(other.start("transfer-17", { ...request, bindingMessage: "W4SCT" }))
      expect(conflict).toEqual(new ApprovalError.ApprovalConflict({ key: "transfer-17" }))
      for (const key of ["", "a".repeat(256), "a\u0000b"]) {
        expect(yield* Effect.flip(one.start(key, request))).toMatchObject({ _tag: "InvalidApprovalKey" })
      }
      expect(yield* Effect.flip(one.status("none"))).toMatchObject({ _tag: "ApprovalNotFound", key: "none" })
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(provide())
  )

  it.effect("leaves a key free after a request that reached no end-user", () =>
    Effect.gen(function* () {
      const { one } = yield* makeNodes
      const refused = yield* Effect.flip(one.start("transfer-17", { ...request, hint: UserHint.login("no-one") }))
      expect(refused).toMatchObject({ reason: { _tag: "UnknownUserId" } })
      const invalid = yield* Effect.flip(one.start("transfer-17", { ...request, scope: [] }))
      expect(invalid).toMatchObject({ reason: { _tag: "InvalidParameter" } })
      expect(yield* one.start("transfer-17", request)).toMatchObject({ status: "Pending" })
    }).pipe(provide())
  )

  it.effect.each([404, 429, 500, 502])(
    "leaves a key free after a response with %i if its error permits to ask again, and else sends nothing (G12)",
    (status) =>
      Effect.gen(function* () {
        const { one } = yield* makeNodes
        const error = yield* one.start("transfer-17", request).pipe(
          Effect.as(undefined),
          Effect.catchTag("AuthenticationRequestError", (refused) => Effect.succeed(refused))
        )
        expect(error && CibaError.canAskAgain(error)).toBe(status < 500)
        yield* TestClock.adjust("20 seconds")
        const again = yield* Effect.exit(one.start("transfer-17", request))
        expect(Exit.isSuccess(again)).toBe(status < 500)
        expect(yield* countRequests("backchannel")).toBe(status < 500 ? 2 : 1)
      }).pipe(
        provide({ backchannelScript: ProviderScript.make([ProviderScript.status(status, { retryAfter: "10" })]) })
      )
  )

  it.effect("sends nothing again when the acknowledgement is lost: the end-user may have been asked (D15)", () =>
    Effect.gen(function* () {
      const { one, other } = yield* makeNodes
      expect(yield* Effect.flip(one.start("transfer-17", request))).toMatchObject({ next: "confirm" })
      const since = yield* Clock.currentTimeMillis
      const late = yield* Effect.forkChild(Effect.flip(other.start("transfer-17", request)))
      expect(yield* finish(late)).toMatchObject({ _tag: "AcknowledgementLost", key: "transfer-17" })
      expect((yield* Clock.currentTimeMillis) - since).toBeGreaterThanOrEqual(15_000)
      expect((yield* Effect.flip(one.status("transfer-17")))._tag).toBe("AcknowledgementLost")
      expect((yield* Effect.flip(one.cancel("transfer-17")))._tag).toBe("AcknowledgementLost")
      expect((yield* Effect.flip(one.result("transfer-17")))._tag).toBe("AcknowledgementLost")
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.reset]) }))
  )

  it.effect("sends nothing again after a process that died before it could store the acknowledgement", () =>
    Effect.gen(function* () {
      const { other, place } = yield* makeNodes
      const ciba = yield* Ciba.Ciba
      const dying = yield* Effect.provideService(makeNode(place), Ciba.Ciba, {
        ...ciba,
        initiate: (options) => Effect.andThen(ciba.initiate(options), Effect.die("the process is killed"))
      })
      yield* Effect.forkChild(dying.start("transfer-17", request))
      yield* awaitRequests("backchannel", 1)
      expect(yield* other.status("transfer-17")).toMatchObject({ status: "Starting" })
      const since = yield* Clock.currentTimeMillis
      const result = yield* Effect.forkChild(Effect.flip(other.result("transfer-17")))
      expect(yield* finish(result)).toMatchObject({ _tag: "AcknowledgementLost" })
      expect((yield* Clock.currentTimeMillis) - since).toBeLessThan(16_000)
      expect(yield* Effect.flip(other.start("transfer-17", request))).toMatchObject({ _tag: "AcknowledgementLost" })
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(provide())
  )

  it.effect("stores the acknowledgement of a request whose caller was interrupted", () =>
    Effect.gen(function* () {
      const { one, other } = yield* makeNodes
      const caller = yield* Effect.forkChild(one.start("transfer-17", request))
      yield* awaitRequests("backchannel", 1)
      yield* Fiber.interrupt(caller)
      const started = yield* Effect.forkChild(other.start("transfer-17", request))
      expect(yield* finish(started)).toMatchObject({ status: "Pending" })
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(
      provide({
        backchannelScript: ProviderScript.make([ProviderScript.delay("5 seconds", ProviderScript.proceed)])
      })
    )
  )

  it.effect("loses no key whose request waits for a pause to end that is longer than a request may take", () =>
    Effect.gen(function* () {
      const { one, other } = yield* makeNodes
      yield* Effect.flip(one.start("transfer-16", request))
      const starts = yield* Effect.forkChild(
        Effect.all([one.start("transfer-17", request), other.start("transfer-17", request)], { concurrency: 2 })
      )
      const [first, second] = yield* finish(starts)
      expect(first).toMatchObject({ status: "Pending" })
      expect(second).toEqual(first)
    }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.status(429, { retryAfter: "60" })]) }))
  )

  it.effect("frees the key of a lost acknowledgement when the retention is over", () =>
    Effect.gen(function* () {
      const { one, store } = yield* makeNodes
      yield* Effect.flip(one.start("transfer-17", request))
      yield* TestClock.adjust("1 minute")
      yield* store.purge(Duration.seconds(90), 10)
      expect(yield* Effect.flip(one.status("transfer-17"))).toMatchObject({ _tag: "AcknowledgementLost" })
      yield* TestClock.adjust("1 minute")
      yield* store.purge(Duration.seconds(90), 10)
      expect(yield* Effect.flip(one.status("transfer-17"))).toMatchObject({ _tag: "ApprovalNotFound" })
    }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.reset]) }))
  )

  it.effect("is not started within a transaction, which could undo its row while the end-user is asked", () =>
    Effect.gen(function* () {
      const { one } = yield* makeNodes
      const sql = yield* SqlClient.SqlClient
      const start = one.start("transfer-17", request)
      expect(yield* Effect.flip(sql.withTransaction(start))).toMatchObject({ _tag: "ApprovalInTransaction" })
      expect(yield* countRequests("backchannel")).toBe(0)
      expect(yield* start).toMatchObject({ status: "Pending" })
    }).pipe(provide())
  )

  it.effect("takes keys of any characters but control characters", () =>
    Effect.gen(function* () {
      const { one } = yield* makeNodes
      const keys = ["a/b", "..", "%2F", "'; drop table x --", "\u2028", "🦊", "é", "e\u0301", " "]
      const ids = yield* Effect.forEach(keys, (key) => Effect.map(one.start(key, request), ({ id }) => id))
      expect(new Set(ids).size).toBe(keys.length)
      expect(yield* Effect.forEach(keys, (key) => Effect.map(one.status(key), (found) => found.key))).toEqual(keys)
    }).pipe(provide())
  )

  it.effect("waits for an acknowledgement that another process will get", () =>
    Effect.gen(function* () {
      const { one, other } = yield* makeNodes
      const starts = yield* Effect.forkChild(
        Effect.all([one.start("transfer-17", request), other.start("transfer-17", request)], { concurrency: 2 })
      )
      const [first, second] = yield* finish(starts)
      expect(second.id).toBe(first.id)
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(
      provide({
        backchannelScript: ProviderScript.make([ProviderScript.delay("5 seconds", ProviderScript.proceed)])
      })
    )
  )

  it.effect("cancels a wait, which polls no more", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("transfer-17", request)
      const result = yield* Effect.forkChild(Effect.flip(nodes.other.result("transfer-17")))
      yield* pass(nodes, 6)
      expect(yield* nodes.one.cancel("transfer-17")).toMatchObject({ status: "Cancelled" })
      yield* pass(nodes, 20)
      expect(yield* finish(result)).toMatchObject({ outcome: "Cancelled", canAskAgain: true })
      expect(yield* TestProvider.TestProvider.use((provider) => provider.polls)).toHaveLength(1)
      expect(yield* nodes.one.cancel("transfer-17")).toMatchObject({ status: "Cancelled" })
    }).pipe(provide())
  )

  it.effect("awaits a poll in flight before it cancels: its tokens win", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("transfer-17", request)
      yield* TestClock.adjust("5 seconds")
      const polling = yield* Effect.forkChild(nodes.worker.runDue)
      yield* awaitRequests("token", 1)
      const cancelling = yield* Effect.forkChild(nodes.one.cancel("transfer-17"))
      yield* finish(polling)
      expect(yield* finish(cancelling)).toMatchObject({ status: "Verified", subject: "jo" })
    }).pipe(
      provide({
        user: TestUser.approve(),
        tokenScript: ProviderScript.make([ProviderScript.delay("2 seconds", ProviderScript.proceed)])
      })
    )
  )

  it.effect("publishes what is decided from a subscription on, once, in every process", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("before", request)
      yield* pass(nodes, 6)
      const decided = yield* Effect.forkChild(Stream.runCollect(Stream.take(nodes.other.decided, 2)))
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("100 millis"), realTime), { times: 10 })
      yield* nodes.one.start("first", request)
      yield* pass(nodes, 8)
      yield* nodes.one.start("second", request)
      yield* pass(nodes, 8)
      expect((yield* finish(decided)).map(({ key, status }) => [key, status])).toEqual([
        ["first", "Verified"],
        ["second", "Verified"]
      ])
    }).pipe(provide({ user: TestUser.approve() }))
  )

  it.effect("shows no token, handle or hint in a dump of the database", () =>
    Effect.gen(function* () {
      const nodes = yield* makeNodes
      yield* nodes.one.start("transfer-17", request)
      const [pending] = yield* TestProvider.TestProvider.use((provider) => provider.pending)
      yield* pass(nodes, 6)
      const { accessToken, idToken } = yield* nodes.one.result("transfer-17")
      const text = yield* dump
      expect(text).toContain("transfer-17")
      const handles = pending === undefined ? [] : [pending.authReqId]
      const secrets = [accessToken, idToken, ...handles].map((secret) => Redacted.value(secret))
      expect(secrets).toHaveLength(3)
      for (const secret of [...secrets, "jo@example.com"]) expect(text).not.toContain(secret)
    }).pipe(provide({ user: TestUser.approve({ after: "1 second" }) }))
  )
})
