import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { Ciba, CibaEvent, ClientAuthentication, Dpop, SigningKey } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, DateTime, Effect, Fiber, Layer, Metric } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as CibaEvents from "../../src/wait/CibaEvents.ts"
import { cibaLayer, hint } from "../support/AuthenticationFlow.ts"
import { withSleep } from "../support/ClockWithSleep.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"
import { awaitCrypto } from "../support/TestTime.ts"

const request = { scope: ["openid"], hint }

const startWaits = (count: number) =>
  Effect.forkChild(
    Effect.forEach(Array.from({ length: count }), () => Ciba.authenticate(request), {
      concurrency: "unbounded",
      discard: true
    })
  )

let acknowledged = 0

const respond = (url: string): Response => {
  if (url.endsWith("/jwks")) return Response.json(publishedKeys)
  if (url.endsWith("/token")) return Response.json({ error: "authorization_pending" }, { status: 400 })
  acknowledged += 1
  return url.endsWith("/backchannel")
    ? Response.json({ auth_req_id: `request-${acknowledged}`, expires_in: 3600, interval: 5 })
    : Response.json({
        issuer: "https://provider.test",
        token_endpoint: "https://provider.test/token",
        backchannel_authentication_endpoint: "https://provider.test/backchannel",
        jwks_uri: "https://provider.test/jwks",
        backchannel_token_delivery_modes_supported: ["poll"]
      })
}

/** A client whose provider remembers nothing, and has always the response authorization_pending. */
const pendingLayer = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretPost(TestClient.secret)
}).pipe(
  Layer.provide(
    Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, respond(request.url))))
    )
  )
)

/** Counts the fibers that are alive. */
const countFibers = () => {
  const counted = { alive: 0 }
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      counted.alive += 1
    },
    recordFiberEnd: () => {
      counted.alive -= 1
    }
  }
  return { counted, service }
}

/** Counts the sleeps that are under way on a clock. */
const countSleeps = (clock: Clock.Clock) => {
  const counted = { underWay: 0 }
  return {
    counted,
    clock: withSleep(clock, (duration) =>
      Effect.suspend(() => {
        counted.underWay += 1
        return Effect.ensuring(
          clock.sleep(duration),
          Effect.sync(() => {
            counted.underWay -= 1
          })
        )
      })
    )
  }
}

const collectGarbage = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()

/** The registry of responses that were not read is cleaned in tasks that follow a collection. */
const heapUsed = Effect.promise(async () => {
  for (let times = 0; times < 5; times++) {
    await new Promise(setImmediate)
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
})

/** What is under way outside of the virtual clock comes to its end. */
const settle = Effect.repeat(
  Effect.promise(() => new Promise(setImmediate)),
  { times: 100 }
)

const growthOfSeventyPolls = Effect.gen(function* () {
  const before = yield* heapUsed
  yield* TestClock.adjust("350 seconds")
  return (yield* heapUsed) - before
})

/** Counts the entries that are visited in maps. */
const countVisits = () => {
  const counted = { visits: 0 }
  const count = function* <A>(entries: Iterable<A>) {
    for (const entry of entries) {
      counted.visits += 1
      yield entry
    }
  }
  const { entries, values } = Map.prototype
  vi.spyOn(Map.prototype, "values").mockImplementation(function (this: Map<unknown, unknown>) {
    return count(Reflect.apply(values, this, [])) as MapIterator<unknown>
  })
  vi.spyOn(Map.prototype, Symbol.iterator).mockImplementation(function (this: Map<unknown, unknown>) {
    return count(Reflect.apply(entries, this, [])) as MapIterator<[unknown, unknown]>
  })
  return counted
}

describe("the cost of a wait", () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  for (const count of [1, 1000]) {
    it.effect(`is one timer for ${count} sleeping waits, and no fiber beside those of the callers`, () =>
      Effect.gen(function* () {
        const { clock, counted } = countSleeps(yield* Clock.Clock)
        const { counted: fibers, service } = countFibers()
        yield* Effect.gen(function* () {
          const waits = yield* startWaits(count)
          yield* TestClock.adjust("7 seconds")
          yield* settle
          expect(counted.underWay).toBe(1)
          expect(fibers.alive - count).toBeLessThan(5)
          yield* Fiber.interrupt(waits)
          expect(counted.underWay).toBe(0)
        }).pipe(
          Effect.provide(pendingLayer, { local: true }),
          Effect.provideService(Clock.Clock, clock),
          Effect.provideService(Metric.FiberRuntimeMetrics, service)
        )
      })
    )
  }

  it.effect("starts many waits without visiting those that have started", () => {
    const visitsOf = (count: number) =>
      Effect.gen(function* () {
        const counted = countVisits()
        const waits = yield* startWaits(count)
        yield* TestClock.adjust("1 second")
        vi.restoreAllMocks()
        yield* Fiber.interrupt(waits)
        return counted.visits
      }).pipe(Effect.provide(pendingLayer, { local: true }))
    return Effect.gen(function* () {
      const [few, many] = [yield* visitsOf(2000), yield* visitsOf(16_000)]
      expect(few).toBeGreaterThan(0)
      expect(many / 16_000).toBeLessThan(4)
    })
  })

  it.effect("needs one request for each poll, and three for all flows: metadata, keys and the authentication", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(wait)
      const sent = (yield* provider.requests).map(({ endpoint }) => endpoint)
      expect(sent).toEqual(["discovery", "keys", "backchannel", ...Array.from({ length: 5 }, () => "token")])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve({ after: "22 seconds" }) })))
  )

  it.effect("imports no key for a poll", () => {
    const [importKey, sign] = [vi.spyOn(crypto.subtle, "importKey"), vi.spyOn(crypto.subtle, "sign")]
    return Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.authenticate(request)))
      yield* awaitCrypto
      const advancePoll = Effect.andThen(TestClock.adjust("5 seconds"), Effect.repeat(awaitCrypto, { times: 3 }))
      yield* Effect.repeat(advancePoll, { times: 2 })
      const [signed, imported] = [sign.mock.calls.length, importKey.mock.calls.length]
      yield* Effect.repeat(advancePoll, { times: 10 })
      expect(sign.mock.calls.length - signed).toBeGreaterThan(8)
      expect(importKey.mock.calls.length - imported).toBe(0)
      yield* Fiber.interrupt(wait)
    }).pipe(
      Effect.provide(
        Layer.unwrap(
          Effect.map(SigningKey.generate("ES256"), (key) => Layer.provide(pendingLayer, Dpop.layer({ key })))
        )
      )
    )
  })

  it.effect("does not grow with its polls: what one of them left behind would be there seventy times", () =>
    Effect.gen(function* () {
      const waits = yield* startWaits(100)
      yield* TestClock.adjust("502 seconds")
      const grown = yield* Effect.replicateEffect(growthOfSeventyPolls, 3)
      yield* Fiber.interrupt(waits)
      // What leaks does so in each of the three; something else that the process keeps does not.
      expect(Math.min(...grown) / 100).toBeLessThan(70 * 24)
    }).pipe(Effect.provide(pendingLayer))
  )

  it.effect("builds no event without a subscriber", () =>
    Effect.gen(function* () {
      const { open, publish } = yield* CibaEvents.make
      const context = yield* Effect.context<never>()
      yield* open(CibaEvent.Step.Resumed({ id: "one", expiresAt: DateTime.makeUnsafe(60_000) }))
      const makeStep = vi.fn(() => CibaEvent.Step.Polled({ id: "one" }))
      publish("one", makeStep, context)
      expect(makeStep).not.toHaveBeenCalled()
    })
  )
})
