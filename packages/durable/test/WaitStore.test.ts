import { Sealing, TokenResponse, VerifiedIdentity } from "@effect-ciba/core"
import { WaitStore } from "@effect-ciba/durable"
import { Array as Arr, DateTime, Duration, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { all, receiveTokens, stillPending } from "./support/Claims.ts"
import { onBoth } from "./support/Databases.ts"
import { dump } from "./support/Dump.ts"
import { makePending, makePrefix, makeStore } from "./support/TestApproval.ts"

const makeIdentity = (subject: string) =>
  new VerifiedIdentity.VerifiedIdentity({
    subject,
    issuer: "https://provider.test",
    claims: { iss: "https://provider.test", sub: subject, aud: "test-client", exp: 2, iat: 1 },
    accessToken: Redacted.make(`access-of-${subject}`, { label: "access_token" }),
    tokenType: "Bearer",
    dpopKey: undefined,
    expiresAt: undefined,
    refreshToken: undefined,
    idToken: Redacted.make(`id-token-of-${subject}`, { label: "id_token" }),
    scope: ["openid"],
    authorizationDetails: undefined,
    grantId: undefined,
    additional: Redacted.make({}, { label: "token response" })
  })

/** A store with one wait, `a`, which is due. */
const makeDue = Effect.gen(function* () {
  const store = yield* makeStore
  yield* store.insert(yield* makePending("a"))
  yield* TestClock.adjust("5 seconds")
  return store
})

const claimOne = (store: WaitStore.Service, options: Partial<WaitStore.ClaimOptions> = {}) =>
  Effect.flatMap(store.claim({ ...all, ...options }), (claims) => Effect.fromOption(Arr.head(claims)))

/** A wait that a second worker has claimed when the lease of the first was over. */
const claimInTurn = Effect.gen(function* () {
  const store = yield* makeDue
  const first = yield* claimOne(store)
  yield* TestClock.adjust("15 seconds")
  return { store, first, second: yield* claimOne(store) }
})

onBoth((it) => {
  it.effect("claims a wait when its first interval is over, and once", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      yield* store.insert(yield* makePending("a"))
      expect(yield* store.claim(all)).toEqual([])
      yield* TestClock.adjust("5 seconds")
      const claim = yield* claimOne(store)
      expect(claim).toMatchObject({ id: "a", lease: 1, abandonedAt: undefined })
      expect(claim.saved.phase).toMatchObject({ _tag: "Sleeping", wakeAt: claim.claimedAt })
      expect(claim.saved.deadline - claim.claimedAt).toBe(115_000)
      expect(yield* store.claim(all)).toEqual([])
    })
  )

  it.effect("claims a wait that was pinged before all that is overdue", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      for (const id of ["a", "b", "c"]) yield* store.insert(yield* makePending(id))
      yield* TestClock.adjust("1 minute")
      yield* store.notify("c", { deliveryMode: "ping", body: Redacted.make({ auth_req_id: "handle-c" }) })
      expect(yield* claimOne(store, { limit: 1 })).toMatchObject({ id: "c" })
    })
  )

  it.effect("inserts a wait once: another insertion leaves it as it is", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const pending = yield* makePending("a")
      yield* store.insert(pending)
      yield* TestClock.adjust("5 seconds")
      yield* claimOne(store)
      yield* store.insert(pending)
      expect(yield* store.claim(all)).toEqual([])
    })
  )

  it.effect("gives what two workers claim at once to one of them each", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      yield* Effect.forEach(Arr.range(1, 40), (n) => Effect.flatMap(makePending(`w${n}`), store.insert))
      yield* TestClock.adjust("5 seconds")
      const claims = yield* Effect.all(Arr.replicate(store.claim({ ...all, limit: 8 }), 6), {
        concurrency: "unbounded"
      })
      const ids = claims.flat().map(({ id }) => id)
      expect(ids.length).toBe(40)
      expect(new Set(ids).size).toBe(40)
    })
  )

  it.effect("claims a wait again when the reported state says so, with all of it", () =>
    Effect.gen(function* () {
      const store = yield* makeDue
      const claim = yield* claimOne(store)
      const saved = { ...stillPending(claim), faults: 3, polls: 7, interval: 9000 }
      yield* store.report([{ held: claim, saved, wakeAt: claim.claimedAt + 5000 }])
      yield* TestClock.adjust("4999 millis")
      expect(yield* store.claim(all)).toEqual([])
      yield* TestClock.adjust("1 millis")
      const next = yield* claimOne(store)
      expect(next).toMatchObject({ lease: 2, abandonedAt: undefined })
      expect(next.saved).toEqual(saved)
    })
  )

  it.effect(
    "claims a wait again when its lease ends without a report: the longer of interval and timeout, and five seconds",
    () =>
      Effect.gen(function* () {
        const store = yield* makeDue
        const first = yield* claimOne(store)
        yield* TestClock.adjust("14999 millis")
        expect(yield* store.claim(all)).toEqual([])
        yield* TestClock.adjust("1 millis")
        expect(yield* store.claim({ ...all, takesOver: false })).toEqual([])
        const second = yield* claimOne(store, { timeout: 1000 })
        expect(second).toMatchObject({ lease: 2, abandonedAt: first.claimedAt })
        yield* TestClock.adjust("10 seconds")
        // The first one may have been used: what comes later does not hide it.
        expect(yield* claimOne(store)).toMatchObject({ lease: 3, abandonedAt: first.claimedAt })
      })
  )

  it.effect("accepts no report and no outcome under a lease that has passed to another worker", () =>
    Effect.gen(function* () {
      const { store, first: late, second: current } = yield* claimInTurn
      yield* store.report([{ held: late, saved: stillPending(late), wakeAt: 0 }])
      expect(yield* store.decide(late, { outcome: "Expired" })).toBe(false)
      expect(yield* store.claim(all)).toEqual([])
      expect(yield* store.decide(current, { outcome: "Refused" })).toBe(true)
      expect(yield* store.decide(current, { outcome: "Expired" })).toBe(false)
      expect(yield* store.find("a")).toEqual(Option.some({ outcome: "Refused" }))
      yield* TestClock.adjust("1 hour")
      expect(yield* store.claim(all)).toEqual([])
    })
  )

  it.effect("stores tokens whichever worker has the lease, in place of an unknown outcome", () =>
    Effect.gen(function* () {
      const { store, first: frozen, second: successor } = yield* claimInTurn
      expect(yield* store.decide(successor, { outcome: "Unknown" })).toBe(true)
      const taken = yield* Effect.flatMap(receiveTokens(store, frozen), Effect.fromOption)
      expect(taken).toMatchObject({ lease: 3 })
      expect(yield* store.find("a")).toEqual(Option.none())
      expect(yield* store.decide(successor, { outcome: "Unknown" })).toBe(false)
      yield* TestClock.adjust("15 seconds")
      const last = yield* claimOne(store)
      expect(last).toMatchObject({ lease: 4, saved: { phase: { _tag: "Verifying" } } })
      expect(yield* store.decide(taken, { outcome: "Rejected" })).toBe(false)
      expect(yield* store.decide(last, { outcome: "Verified", identity: makeIdentity("jo") })).toBe(true)
      const found = yield* Effect.flatMap(store.find("a"), Effect.fromOption)
      expect(found.outcome).toBe("Verified")
      expect(found.identity).toEqual(makeIdentity("jo"))
    })
  )

  it.effect("keeps the first of two token responses, and gives it to the next worker to verify", () =>
    Effect.gen(function* () {
      const { store, first: frozen, second: successor } = yield* claimInTurn
      expect(Option.isSome(yield* receiveTokens(store, successor, "first"))).toBe(true)
      expect(yield* receiveTokens(store, frozen, "second")).toEqual(Option.none())
      yield* TestClock.adjust("15 seconds")
      const { pending, saved } = yield* claimOne(store)
      expect(saved.phase._tag).toBe("Verifying")
      expect(pending.received && Redacted.value(pending.received.body)).toMatchObject({ access_token: "first" })
    })
  )

  it.effect("claims nothing during a pause, which is only ever made longer", () =>
    Effect.gen(function* () {
      const store = yield* makeDue
      yield* store.pause(4000)
      yield* store.pause(1000)
      yield* TestClock.adjust("3999 millis")
      expect(yield* store.claim(all)).toEqual([])
      yield* TestClock.adjust("1 millis")
      expect(yield* claimOne(store)).toMatchObject({ id: "a" })
    })
  )

  it.effect("goes on with what core's own store had written, its response included", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const now = yield* DateTime.now
      const slow = yield* makePending("slow", {
        wait: {
          version: 1,
          kind: "ciba",
          interval: Duration.seconds(20),
          polls: 4,
          faults: 2,
          ping: "none",
          phase: {
            _tag: "Sleeping",
            wakeAt: DateTime.addDuration(now, "40 seconds"),
            floor: DateTime.addDuration(now, "30 seconds")
          }
        }
      })
      const received = yield* TokenResponse.receive({ access_token: "t", token_type: "Bearer", id_token: "a.b.c" })
      yield* store.insert(slow)
      yield* store.insert(yield* makePending("done", { received }))
      const done = yield* claimOne(store)
      expect([done.id, done.saved.phase._tag]).toEqual(["done", "Verifying"])
      expect(yield* receiveTokens(store, done)).toEqual(Option.none())
      expect(yield* store.decide(done, { outcome: "Verified" })).toBe(true)
      yield* TestClock.adjust("40 seconds")
      const { claimedAt, saved } = yield* claimOne(store)
      expect(saved).toMatchObject({ interval: 20_000, polls: 4, faults: 2 })
      expect(saved.phase).toEqual({ _tag: "Sleeping", wakeAt: claimedAt, floor: claimedAt - 10_000 })
    })
  )

  it.effect("skips a row that none of its keys opens, and claims the others", () =>
    Effect.gen(function* () {
      const prefix = yield* makePrefix
      const [old, current] = [yield* Sealing.generate("old"), yield* Sealing.generate("current")] as const
      const before = yield* WaitStore.make({ keys: [old], prefix })
      yield* before.insert(yield* makePending("lost"))
      const store = yield* WaitStore.make({ keys: [current], prefix })
      yield* store.insert(yield* makePending("read"))
      yield* TestClock.adjust("5 seconds")
      expect((yield* store.claim(all)).map(({ id }) => id)).toEqual(["read"])
      yield* TestClock.adjust("15 seconds")
      const rotated = yield* WaitStore.make({ keys: [current, old], prefix })
      expect((yield* rotated.claim(all)).map(({ id }) => id).sort()).toEqual(["lost", "read"])
    })
  )

  it.effect("opens no row that was copied to another", () =>
    Effect.gen(function* () {
      const prefix = yield* makePrefix
      const store = yield* WaitStore.make({ keys: [yield* Sealing.generate("k")], prefix })
      const sql = yield* SqlClient.SqlClient
      yield* store.insert(yield* makePending("a"))
      yield* store.insert(yield* makePending("b"))
      const table = sql(`${prefix}_authentication`)
      yield* sql`update ${table} set pending = (select pending from ${table} where id = 'a') where id = 'b'`
      yield* TestClock.adjust("5 seconds")
      expect((yield* store.claim(all)).map(({ id }) => id)).toEqual(["a"])
    })
  )

  it.effect("shows no token, handle or result in a dump of the database", () =>
    Effect.gen(function* () {
      const prefix = yield* makePrefix
      const store = yield* WaitStore.make({ keys: [yield* Sealing.generate("k")], prefix })
      const secret = Redacted.make("nonce-of-jo", { label: "nonce" })
      yield* store.insert(yield* makePending("a", { expectations: { nonce: secret } }))
      yield* TestClock.adjust("5 seconds")
      const taken = yield* Effect.flatMap(claimOne(store), (claim) => receiveTokens(store, claim))
      const received = yield* dump
      yield* store.decide(yield* Effect.fromOption(taken), {
        outcome: "Verified",
        identity: makeIdentity("jo")
      })
      const text = received + (yield* dump)
      expect(text).toContain('"a"')
      expect(text).toContain("Verified")
      for (const marker of ["handle-a", "-of-jo", "a.b.c"]) expect(text).not.toContain(marker)
    })
  )
})
