// Many concurrent waits, over a network where a third of the token requests fail.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, Dpop, SigningKey, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Clock, DateTime, Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import * as FaultyNetwork from "../support/FaultyNetwork.ts"
import { client, pollTimes, request, sharedServices, startProcess } from "../support/ProcessRestarts.ts"
import * as SeededRandom from "../support/SeededRandom.ts"
import { awaitCrypto, waitUntil } from "../support/TestTime.ts"

/** End-users who decide within two minutes; three in ten deny. */
const makeUsers = (count: number, seed: number) => {
  const chance = SeededRandom.make(seed)
  return Array.from({ length: count }, (_, index) => {
    const user = {
      subject: `user-${index}`,
      loginHint: `${index}@example.com`,
      after: `${chance() * 120} seconds`
    } as const
    return chance() < 0.3 ? TestUser.deny(user) : TestUser.approve(user)
  })
}

/** Authenticates all of them concurrently; the outcomes by subject. */
const authenticateUsers = Effect.fnUntraced(function* (users: ReadonlyArray<TestUser.TestUser>) {
  const endings = new Map<string, string>()
  const subjects = new Map(users.map(({ loginHint, subject }) => [loginHint, subject]))
  yield* Ciba.authenticateAll(
    users.map(({ loginHint }) => ({ scope: ["openid"], hint: UserHint.login(loginHint), bindingMessage: loginHint })),
    (decision, { bindingMessage = "" }) =>
      Effect.sync(() => {
        const subject = subjects.get(bindingMessage) ?? ""
        expect(endings.has(subject)).toBe(false)
        endings.set(
          subject,
          Result.match(decision, {
            onFailure: ({ reason }) => reason._tag,
            onSuccess: (identity) => (identity.subject === subject ? "approved" : "mistaken for another")
          })
        )
      })
  )
  return endings
})

const tally = (values: Iterable<string>) => {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

/** The gaps between the polls of each wait, in milliseconds. */
const gapsOf = (sent: ReadonlyArray<FaultyNetwork.TokenRequestRecord>) => {
  const last = new Map<string, number>()
  return sent.flatMap(({ at, authReqId }) => {
    const before = last.get(authReqId)
    last.set(authReqId, at)
    return before === undefined ? [] : [at - before]
  })
}

/** How many pauses the provider asked for; nothing was sent in any of them. */
const pausesOf = (sent: ReadonlyArray<FaultyNetwork.TokenRequestRecord>) => {
  const refused = sent.filter(({ retryAfter: pause }) => pause > 0).sort((a, b) => a.respondedAt - b.respondedAt)
  const ends: Array<number> = []
  for (const { respondedAt: answeredAt, outcome: became, retryAfter: pause } of refused) {
    const isPaused = answeredAt < (ends.at(-1) ?? 0)
    if (isPaused && !became.includes("429") && !became.includes("Retry-After")) continue
    expect(sent.filter(({ at }) => at > answeredAt && at < answeredAt + pause)).toEqual([])
    ends.push(Math.max(ends.at(-1) ?? 0, answeredAt + pause))
  }
  return ends.length
}

describe("a thousand concurrent waits", () => {
  const users = makeUsers(1000, 7)
  /** The clock runs while signatures are verified: ID Tokens outlast a slow machine. */
  const providerOptions: ProviderOptions = { user: users, expiresIn: "2 hours", idTokenLifetime: "20 hours" }

  it.effect(
    "all end as the end-users decided, whatever the network does (H2, H3, H8, H9, H14, H19, H21, H22, T-5)",
    () =>
      Effect.gen(function* () {
        const network = FaultyNetwork.make({ seed: 11, faultRate: 0.3, lostRate: 0.01, latency: 200 })
        const provider = yield* TestProvider.TestProvider
        const all = yield* startProcess(
          authenticateUsers(users),
          Layer.provide(client({ maxConcurrentRequests: 50 }), network.layer)
        )
        yield* waitUntil(TestClock.adjust("1 minute"), () => all.pollUnsafe() !== undefined)
        const endings = yield* Fiber.join(all)

        const became = tally(network.sent.map(({ outcome: became }) => became))
        const denied = users.filter(({ reaction }) => reaction._tag === "Deny").length
        const unknown = became["lost 200"] ?? 0
        expect(tally(endings.values())).toEqual({
          approved: 1000 - denied - unknown,
          AccessDenied: denied,
          OutcomeUnknown: unknown
        })

        expect(yield* provider.inFlightMax).toBe(1)
        expect(network.maxInFlight()).toBe(50)
        expect((yield* requestsTo("token")).filter(({ error }) => error === "slow_down")).toEqual([])
        const gaps = gapsOf(network.sent)
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000)
        expect(Math.max(...gaps)).toBeLessThan(180_000)
        expect(pausesOf(network.sent)).toBeGreaterThan(20)
      }).pipe(sharedServices(providerOptions))
  )
})

it.effect("a hundred DPoP waits survive faults and constantly changing nonces (H21, H26, H27, T-5, T-10)", () =>
  Effect.gen(function* () {
    const network = FaultyNetwork.make({ seed: 5, faultRate: 0.3, lostRate: 0, latency: 100 })
    const provider = yield* TestProvider.TestProvider
    const denied = hundred.filter(({ reaction }) => reaction._tag === "Deny").length
    const all = yield* startProcess(
      authenticateUsers(hundred),
      client({ maxConcurrentRequests: 50 }).pipe(
        Layer.provide(network.layer),
        Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))
      )
    )
    let rotations = 0
    const step = Effect.gen(function* () {
      yield* awaitCrypto
      yield* TestClock.adjust("250 millis")
      if (network.sent.length < (rotations + 1) * 200) return
      rotations += 1
      yield* provider.rotateDpopNonce
    })
    yield* waitUntil(step, () => all.pollUnsafe() !== undefined)
    expect(tally((yield* Fiber.join(all)).values())).toEqual({ approved: 100 - denied, AccessDenied: denied })
    const refused = (yield* requestsTo("token")).filter(({ error }) => error === "use_dpop_nonce")
    expect(rotations).toBeGreaterThan(3)
    // Each rotation was met by a poll; how many proofs are signed with an old nonce by then depends on the machine.
    expect(refused.length).toBeGreaterThan(rotations)
    expect(yield* provider.inFlightMax).toBe(1)
  }).pipe(sharedServices({ user: hundred, expiresIn: "2 hours", dpop: { nonces: "lasting" } }))
)

const hundred = makeUsers(100, 3)

for (const [what, refusal] of [
  ["a 503", ProviderScript.status(503, { retryAfter: "120" })],
  ["a 429", ProviderScript.status(429, { retryAfter: "120" })],
  ["a 503 in JSON", ProviderScript.error("temporarily_unavailable", { status: 503, retryAfter: "120" })]
] as const) {
  it.effect(`${what} pauses the other waits too, each until just before its expiry (F9, H9, H18, H22)`, () =>
    Effect.gen(function* () {
      const short = Effect.gen(function* () {
        const error = yield* Effect.flip(Ciba.authenticate({ ...request, requestedExpiry: "40 seconds" }))
        return [error.reason._tag, (yield* Clock.currentTimeMillis) / 1000]
      })
      const long = Effect.map(Ciba.authenticate(request), ({ subject }) => subject)
      const both = Effect.all([long, Effect.delay(short, "2 seconds")], { concurrency: "unbounded" })
      const waits = yield* startProcess(both, client())
      yield* TestClock.adjust("3 minutes")
      expect(yield* Fiber.join(waits)).toEqual(["jo", ["ExpiredToken", 40]])
      expect(yield* pollTimes).toEqual([5, 40, 125])
    }).pipe(
      sharedServices({ user: TestUser.approve({ after: "1 minute" }), tokenScript: ProviderScript.make([refusal]) })
    )
  )
}

it.effect("the time that a request is queued does not count towards its expiry (F10)", () =>
  Effect.gen(function* () {
    const asking = yield* startProcess(
      Effect.all([Ciba.initiate(request), Ciba.initiate(request)], { concurrency: "unbounded" }),
      client({ maxConcurrentRequests: 1 })
    )
    yield* TestClock.adjust("1 minute")
    const expiries = (yield* Fiber.join(asking)).map(({ expiresAt }) => DateTime.toEpochMillis(expiresAt))
    expect(expiries).toEqual([60_000, 90_000])
  }).pipe(
    sharedServices({
      expiresIn: "1 minute",
      backchannelScript: ProviderScript.make([ProviderScript.delay("30 seconds", ProviderScript.proceed)])
    })
  )
)

it.effect(
  "a handler that fails ends its own authentication alone, and every failure is reported at the end (H36)",
  () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const all = Ciba.authenticateAll(
        ["0@example.com", "1@example.com", "2@example.com"].map((loginHint) => ({
          scope: ["openid"],
          hint: UserHint.login(loginHint),
          bindingMessage: loginHint
        })),
        (_, { bindingMessage = "" }) =>
          bindingMessage.startsWith("1")
            ? Effect.sync(() => void handled.push(bindingMessage))
            : Effect.fail(bindingMessage)
      )
      const process = yield* startProcess(Effect.exit(all), client())
      yield* TestClock.adjust("2 minutes")
      const exit = yield* Fiber.join(process)
      expect(handled).toEqual(["1@example.com"])
      const failures =
        exit._tag === "Failure" ? exit.cause.reasons.flatMap((reason) => ("error" in reason ? [reason.error] : [])) : []
      expect(failures).toEqual(["0@example.com", "2@example.com"])
    }).pipe(
      sharedServices({
        user: [20, 40, 10].map((seconds, index) =>
          TestUser.approve({ subject: `user-${index}`, loginHint: `${index}@example.com`, after: `${seconds} seconds` })
        )
      })
    )
)
