import { describe, expect, it } from "@effect/vitest"
import { Ciba, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { type Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { cibaLayer, hint } from "../support/AuthenticationFlow.ts"
import { client } from "../support/ProcessRestarts.ts"
import { make } from "../support/SkewedClock.ts"
import { eventLines, metricValues, withOwnMetrics } from "../support/Telemetry.ts"
import { advance } from "../support/TestTime.ts"

const { html, pending, proceed, reset } = ProviderScript

const request = { scope: ["openid"], hint }

describe("CibaMetrics", () => {
  it.effect("counts outcomes, durations, polls, and the faults that did not end a wait", () =>
    withOwnMetrics(
      Effect.gen(function* () {
        yield* eventLines(Ciba.authenticate(request), "40 seconds")
        expect(yield* metricValues).toEqual({
          "ciba.client.authentications.pending {authentication}": 0,
          "ciba.client.decisions {authentication} ciba.outcome=approved": 1,
          "ciba.client.decision.duration s ciba.outcome=approved": [1, 40],
          "ciba.client.decision.polls {poll} ciba.outcome=approved": [1, 4],
          "ciba.client.faults {fault} error.type=Unreachable": 1,
          "ciba.client.faults {fault} error.type=UnexpectedStatus": 1
        })
      }).pipe(
        Effect.provide(
          cibaLayer({
            user: TestUser.approve(),
            pacing: "off",
            tokenScript: ProviderScript.make([pending, reset, html(502), proceed])
          })
        )
      )
    )
  )

  it.effect("counts the pending authentications, and each outcome by itself", () =>
    withOwnMetrics(
      Effect.gen(function* () {
        const all = yield* Effect.forkChild(
          Effect.all(
            ["ann", "bob", "cem"].map((who) =>
              Effect.exit(Ciba.authenticate({ ...request, hint: UserHint.login(who) }))
            ),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 second")
        expect((yield* metricValues)["ciba.client.authentications.pending {authentication}"]).toBe(3)
        yield* TestClock.adjust("5 minutes")
        yield* Fiber.join(all)
        expect(yield* metricValues).toMatchObject({
          "ciba.client.authentications.pending {authentication}": 0,
          "ciba.client.decisions {authentication} ciba.outcome=approved": 1,
          "ciba.client.decisions {authentication} ciba.outcome=AccessDenied": 1,
          "ciba.client.decisions {authentication} ciba.outcome=ExpiredToken": 1
        })
      }).pipe(
        Effect.provide(
          cibaLayer({
            user: [
              TestUser.approve({ subject: "ann", loginHint: "ann" }),
              TestUser.deny({ subject: "bob", loginHint: "bob" }),
              { ...TestUser.ignore, subject: "cem", loginHint: "cem" }
            ]
          })
        )
      )
    )
  )
})

describe("CibaMetrics.pending", () => {
  const pendingNow = Effect.map(metricValues, (all) => all["ciba.client.authentications.pending {authentication}"])

  /** The gauge after one second of a program, and after its end. */
  const measurePending = (
    program: Effect.Effect<unknown, unknown, Ciba.Ciba>,
    time: Duration.Input,
    provider: ProviderOptions
  ) =>
    withOwnMetrics(
      Effect.gen(function* () {
        const meanwhile = yield* Effect.gen(function* () {
          const running = yield* Effect.forkChild(Effect.exit(program))
          yield* advance("1 second")
          const value = yield* pendingNow
          yield* advance(time)
          yield* Fiber.join(running)
          return value
        }).pipe(Effect.provide(cibaLayer(provider)))
        return [meanwhile, yield* pendingNow]
      })
    )

  const forged: ProviderOptions = {
    user: TestUser.approve(),
    idTokenClaims: (claims) => ({ ...claims, aud: "another" })
  }
  const never = { user: TestUser.ignore }
  const authenticated = Ciba.authenticate(request)

  for (const [end, program, time, provider] of [
    ["approved", authenticated, "5 seconds", { user: TestUser.approve() }],
    ["denied", authenticated, "5 seconds", { user: TestUser.deny() }],
    ["expired", authenticated, "5 minutes", never],
    ["given a token that is refused", authenticated, "5 seconds", forged],
    ["interrupted", Effect.timeout(authenticated, "7 seconds"), "7 seconds", never],
    [
      "interrupted among others",
      Effect.timeout(
        Ciba.authenticateAll([request], () => Effect.void),
        "7 seconds"
      ),
      "7 seconds",
      never
    ],
    [
      "ended by an error of the client",
      authenticated,
      "5 seconds",
      { tokenScript: ProviderScript.make([ProviderScript.error("invalid_client")]) }
    ],
    [
      "ended by a defect",
      authenticated,
      "5 seconds",
      {
        user: TestUser.approve(),
        tokenResponse: () => {
          throw new Error("a defect")
        }
      }
    ]
  ] satisfies ReadonlyArray<
    readonly [string, Effect.Effect<unknown, unknown, Ciba.Ciba>, Duration.Input, ProviderOptions]
  >) {
    it.effect(`decreases when a wait is ${end}`, () =>
      Effect.gen(function* () {
        expect(yield* measurePending(program, time, provider)).toEqual([1, 0])
      })
    )
  }

  it.effect("counts concurrent waits for the same auth_req_id once, until the last of them ends", () =>
    withOwnMetrics(
      Effect.gen(function* () {
        const asked = yield* Ciba.initiate(request)
        expect(yield* pendingNow).toBeUndefined()
        const [first, second] = yield* Effect.all([
          Effect.forkChild(Ciba.complete(asked)),
          Effect.forkChild(Ciba.complete(asked))
        ])
        yield* advance("7 seconds")
        expect(yield* pendingNow).toBe(1)
        yield* Fiber.interrupt(first)
        expect(yield* pendingNow).toBe(1)
        yield* Fiber.interrupt(second)
        expect(yield* pendingNow).toBe(0)
      }).pipe(Effect.provide(cibaLayer(never)))
    )
  )

  it.effect("is shared by all clients of a process", () =>
    withOwnMetrics(
      Effect.gen(function* () {
        const own = yield* Effect.forkChild(authenticated)
        const other = yield* Effect.forkChild(Effect.provide(authenticated, cibaLayer(never), { local: true }))
        yield* advance("1 second")
        expect(yield* pendingNow).toBe(2)
        yield* Fiber.interrupt(other)
        expect(yield* pendingNow).toBe(1)
        yield* Fiber.interrupt(own)
        expect(yield* pendingNow).toBe(0)
      }).pipe(Effect.provide(cibaLayer(never)))
    )
  )
})

describe("CibaMetrics.duration and CibaMetrics.polls", () => {
  it.effect("start at the resumption when another process has sent the request", () =>
    withOwnMetrics(
      Effect.gen(function* () {
        const asked = yield* Effect.provide(Ciba.initiate(request), client(), { local: true })
        yield* advance("10 seconds")
        const running = yield* Effect.forkChild(Effect.provide(Ciba.complete(asked), client(), { local: true }))
        yield* advance("10 seconds")
        yield* Fiber.join(running)
        expect(yield* metricValues).toMatchObject({
          "ciba.client.decision.duration s ciba.outcome=approved": [1, 10],
          "ciba.client.decision.polls {poll} ciba.outcome=approved": [1, 2]
        })
      })
    ).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "18 seconds" }) })))
  )

  for (const jump of [3_600_000, -3_600_000]) {
    it.effect(`are not changed by a jump of the system time by ${jump} milliseconds`, () =>
      withOwnMetrics(
        Effect.gen(function* () {
          const clock = yield* make
          const program = Effect.gen(function* () {
            const running = yield* Effect.forkChild(Ciba.complete(yield* Ciba.initiate(request)))
            yield* advance("7 seconds")
            clock.setSkew(jump)
            yield* advance("3 seconds")
            return yield* Effect.exit(Fiber.join(running))
          })
          yield* Effect.provide(program, client().pipe(Layer.provideMerge(clock.layer)), { local: true })
          expect((yield* metricValues)["ciba.client.decision.duration s ciba.outcome=AccessDenied"]).toEqual([1, 10])
        })
      ).pipe(
        // The provider in memory has the same wall clock, and must not ask it.
        Effect.provide(
          TestProvider.layer({ tokenScript: ProviderScript.make([pending, ProviderScript.error("access_denied")]) })
        )
      )
    )
  }
})
