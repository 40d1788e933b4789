// Metadata and keys that cannot be had: before the end-user is contacted, while a wait lasts, and with a token response in hand.
import { describe, expect, it } from "@effect/vitest"
import { Ciba } from "@effect-ciba/core"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { cibaLayer, hint, requestsTo } from "../support/AuthenticationFlow.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"
import { advance, advanceUntilDone } from "../support/TestTime.ts"

const { delay, hang, json, make, proceed, reset, respond } = ProviderScript

const request = { scope: ["openid"], hint }

const pollTimes = TestProvider.TestProvider.use(({ polls }) => Effect.map(polls, (all) => all.map((at) => at / 1000)))

const documents = [
  ["metadata", "discovery", "discoveryScript"],
  ["keys", "keys", "keysScript"]
] as const

/** What takes the place of a document, and what comes of a client that has no other. */
const outages = [
  ["is dark", reset, "Unreachable"],
  ["hangs", hang, "TimedOut"],
  ["is unavailable", respond({ status: 503 }), "UnexpectedStatus"],
  ["is a page of a gateway", respond({ status: 200, body: "<html>" }), "Unreadable"],
  ["is a document without its members", json(200, {}), "InvalidDocument"],
  ["is slow", delay("20 seconds", proceed), undefined]
] as const

const shortLifetimes = { lifetime: "3 seconds", keys: { lifetime: "3 seconds" } } as const

/** The end of a flow, or the kind of its failure. */
const ending = Ciba.authenticate(request).pipe(
  Effect.map(({ subject }) => subject),
  Effect.catch(({ reason }) => Effect.succeed("kind" in reason ? reason.kind : reason._tag))
)

for (const [document, endpoint, script] of documents) {
  describe(`${document}, when nothing good is known`, () => {
    for (const [what, step, kind] of outages) {
      it.effect(
        `that ${what} ${kind === undefined ? "delays" : "fails"} a request that contacts no end-user before (T-34)`,
        () =>
          Effect.gen(function* () {
            const flow = yield* Effect.forkChild(ending)
            yield* TestClock.adjust("19 seconds")
            expect(yield* requestsTo("backchannel")).toEqual([])
            yield* advanceUntilDone(flow, "5 seconds")
            expect(yield* Fiber.join(flow)).toBe(kind ?? "jo")
            expect(yield* requestsTo("backchannel")).toHaveLength(kind === undefined ? 1 : 0)
          }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve(), [script]: make([step]) })))
      )
    }
  })

  describe(`${document}, while a wait lasts`, () => {
    for (const [what, step] of outages) {
      it.effect(`that ${what} from then on delays no poll, and the last good one verifies (A19, H31)`, () =>
        Effect.gen(function* () {
          const flow = yield* Effect.forkChild(ending)
          yield* advance("5 seconds")
          yield* advance("5 seconds")
          yield* advance("5 seconds")
          expect(yield* pollTimes).toEqual([5, 10, 15])
          yield* advance("1 second")
          yield* advance("1 second")
          yield* advance("1 second")
          expect(yield* Fiber.join(flow)).toBe("jo")
          expect((yield* requestsTo(endpoint)).length).toBeGreaterThan(1)
        }).pipe(
          Effect.provide(
            cibaLayer(
              {
                user: TestUser.approve({ after: "12 seconds" }),
                [script]: make([proceed, ...Array.from({ length: 20 }, () => step)])
              },
              shortLifetimes
            )
          )
        )
      )
    }
  })
}

describe("new keys that are published three seconds late, with a token response in hand", () => {
  for (const [what, steps] of [
    ["and are there then", []],
    ["while the key set is dark", [reset, reset]],
    ["while the key set hangs", [hang]],
    ["while the key set is slow", [delay("3 seconds", proceed)]]
  ] as const) {
    it.effect(`verify it without another poll, ${what} (H32, A13)`, () => {
      const known = publishedKeys.keys
      let isPublished = false
      return Effect.gen(function* () {
        const flow = yield* Effect.forkChild(ending)
        yield* advance("5 seconds")
        yield* advance("3 seconds")
        expect(flow.pollUnsafe()).toBeUndefined()
        isPublished = true
        yield* advanceUntilDone(flow, "5 seconds")
        expect(yield* Fiber.join(flow)).toBe("jo")
        expect(yield* pollTimes).toEqual([5])
        const fetches = (yield* requestsTo("keys")).length
        expect(fetches).toBeGreaterThan(Math.max(steps.length, 1))
        expect(fetches).toBeLessThan(5)
      }).pipe(
        Effect.provide(
          cibaLayer({
            user: TestUser.approve(),
            keys: ({ keys }) => ({ keys: isPublished ? keys : known }),
            keysScript: make([proceed, ...steps])
          })
        )
      )
    })
  }

  it.effect("do not verify what they have not signed: keys that never come refuse it after two minutes (H32)", () =>
    Effect.gen(function* () {
      const flow = yield* Effect.forkChild(ending)
      yield* advance("5 seconds")
      yield* advanceUntilDone(flow, "10 seconds")
      expect(yield* Fiber.join(flow)).toBe("InvalidSignature")
      expect(yield* pollTimes).toEqual([5])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve(), keys: () => publishedKeys })))
  )
})

it.effect(
  "stale keys verify for a day, and no longer: a flow that needs them fails without contacting an end-user (A19)",
  () =>
    Effect.gen(function* () {
      const run = Effect.gen(function* () {
        const flow = yield* Effect.forkChild(ending)
        yield* advanceUntilDone(flow, "1 second")
        return yield* Fiber.join(flow)
      })
      expect(yield* run).toBe("jo")
      yield* TestClock.adjust("23 hours")
      expect(yield* run).toBe("jo")
      yield* TestClock.adjust("1 hour")
      expect(yield* run).toBe("Unreachable")
      expect(yield* requestsTo("backchannel")).toHaveLength(2)
    }).pipe(
      Effect.provide(
        cibaLayer({ user: TestUser.approve(), keysScript: make([proceed, ...Array.from({ length: 50 }, () => reset)]) })
      )
    )
)
