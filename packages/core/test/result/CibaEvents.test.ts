// What an interface and an operator hear of authentications while they wait.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, NotificationInbox, NotificationReceiver, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Duration, Effect, Fiber, Layer, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { flow, hint } from "../support/Asking.ts"
import { until } from "../support/Polling.ts"

const { html, pending, proceed, reset, slowDown } = {
  ...ProviderScript,
  slowDown: ProviderScript.error("slow_down")
}

const request = { scope: ["openid"], hint }

/** Every event as one line: seconds, name, and what else it says. */
const heard = Effect.gen(function* () {
  const lines: Array<string> = []
  const ids = new Set<string>()
  yield* Effect.forkChild(
    Stream.runForEach(Ciba.events, ({ _tag, at, id, ...rest }) =>
      Effect.sync(() => {
        ids.add(id)
        lines.push([DateTime.toEpochMillis(at) / 1000, _tag, ...Object.values(rest).map(shown)].join(" "))
      })
    )
  )
  yield* Effect.yieldNow
  return { lines, ids }
})

const shown = (value: unknown) =>
  Duration.isDuration(value)
    ? `${Duration.toSeconds(value)}s`
    : DateTime.isDateTime(value)
      ? `until ${DateTime.toEpochMillis(value) / 1000}`
      : String(value)

/** What is heard of a program whose last poll is after so much time: its signature is verified while the clock stands still. */
const lines = (program: Effect.Effect<unknown, unknown, Ciba.Ciba | TestProvider.TestProvider>, time: Duration.Input) =>
  Effect.gen(function* () {
    const { lines } = yield* heard
    const running = yield* Effect.forkChild(Effect.exit(program))
    yield* TestClock.adjust(time)
    yield* Fiber.join(running)
    return lines
  })

/** The metrics at hand, as `name{attributes}` and value. */
const figures = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all
      .filter(({ id }) => id.startsWith("ciba."))
      .map(({ attributes: { unit, ...attributes } = {}, id, state, type }) => [
        `${id} ${unit}${Object.entries(attributes).map(([name, value]) => ` ${name}=${value}`)}`,
        type === "Histogram"
          ? [state.count, state.sum]
          : type === "Counter"
            ? state.count
            : "value" in state && state.value
      ])
  )
)

const measured = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.provideService(program, Metric.MetricRegistry, new Map())

describe("the events of an authentication", () => {
  it.effect("tell each step as it happens", () =>
    Effect.gen(function* () {
      expect(yield* lines(Ciba.authenticate(request), "50 seconds")).toEqual([
        "0 Acknowledged poll until 300",
        "5 Polled",
        "5 PollAnswered 5s",
        "10 Polled",
        "10 SlowedDown 10s",
        "20 Polled",
        "20 FaultRiddenOut Unreachable undefined",
        "30 Polled",
        "30 FaultRiddenOut UnexpectedStatus 502",
        "50 Polled",
        "50 Decided approved"
      ])
    }).pipe(
      Effect.provide(
        flow({
          user: TestUser.approve(),
          pacing: "off",
          tokenScript: ProviderScript.make([pending, slowDown, reset, html(502), proceed])
        })
      )
    )
  )

  for (const [outcome, last, provider] of [
    ["AccessDenied", 5, { user: TestUser.deny() }],
    ["ExpiredToken", 15, { user: TestUser.ignore, expiresIn: "20 seconds" }],
    ["WrongAudience", 5, { user: TestUser.approve(), idTokenClaims: (claims) => ({ ...claims, aud: "another" }) }]
  ] satisfies ReadonlyArray<readonly [string, number, ProviderOptions]>) {
    it.effect(`end with ${outcome}`, () =>
      Effect.gen(function* () {
        expect((yield* lines(Ciba.authenticate(request), Duration.seconds(last))).at(-1)).toBe(
          `${last} Decided ${outcome}`
        )
      }).pipe(Effect.provide(flow(provider)))
    )
  }

  it.effect("are told once, however many wait, and all of one id", () =>
    Effect.gen(function* () {
      const { ids, lines } = yield* heard
      const asked = yield* Ciba.initiate(request)
      const all = yield* Effect.forkChild(Effect.replicateEffect(Ciba.complete(asked), 3, { concurrency: "unbounded" }))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(all)
      expect(lines).toEqual(["0 Acknowledged poll until 300", "5 Polled", "5 Decided approved"])
      expect([...ids]).toEqual([asked.id])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )

  it.effect("begin with Resumed where another process has asked", () =>
    Effect.gen(function* () {
      const provider = flow({ user: TestUser.approve() })
      const asked = yield* Effect.provide(Ciba.initiate(request), provider, { local: true })
      expect((yield* lines(Ciba.complete(asked), "5 seconds"))[0]).toBe("0 Resumed until 300")
    }).pipe(Effect.provide(flow()))
  )

  it.effect("tell a ping, and the poll that it brings about", () =>
    Effect.gen(function* () {
      const { lines } = yield* heard
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* until(
        Effect.sync(() => lines.length),
        (count) => count === 1
      )
      yield* TestClock.adjust("2 seconds")
      yield* provider.approve()
      const handle = yield* NotificationReceiver.toWebHandler()
      const call = yield* provider.notification()
      yield* Effect.promise(() => handle(call))
      yield* Fiber.join(wait)
      expect(lines).toEqual(["0 Acknowledged ping until 300", "2 Pinged", "2 Polled", "2 Decided approved"])
    }).pipe(
      Effect.provide(
        flow(
          {
            client: TestClient.clientSecretBasic({ notification: { deliveryMode: "ping", url: "https://client.test" } })
          },
          { deliveryMode: "ping" }
        ).pipe(Layer.provideMerge(NotificationInbox.layer))
      )
    )
  )

  it.effect("reach whoever listens, and nobody who has stopped to", () =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(Stream.runCollect(Stream.take(Ciba.events, 1)))
      const all = yield* Effect.forkChild(Stream.runCollect(Stream.take(Ciba.events, 3)))
      yield* Effect.yieldNow
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(wait)
      expect((yield* Fiber.join(first)).map(({ _tag }) => _tag)).toEqual(["Acknowledged"])
      expect((yield* Fiber.join(all)).map(({ _tag }) => _tag)).toEqual(["Acknowledged", "Polled", "Decided"])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )
})

describe("the metrics", () => {
  it.effect("count outcomes, time, polls, and the faults that were ridden out", () =>
    measured(
      Effect.gen(function* () {
        yield* lines(Ciba.authenticate(request), "40 seconds")
        expect(yield* figures).toEqual({
          "ciba.client.authentications.pending {authentication}": 0,
          "ciba.client.decisions {authentication} ciba.outcome=approved": 1,
          "ciba.client.decision.duration s ciba.outcome=approved": [1, 40],
          "ciba.client.decision.polls {poll} ciba.outcome=approved": [1, 4],
          "ciba.client.faults {fault} error.type=Unreachable": 1,
          "ciba.client.faults {fault} error.type=UnexpectedStatus": 1
        })
      }).pipe(
        Effect.provide(
          flow({
            user: TestUser.approve(),
            pacing: "off",
            tokenScript: ProviderScript.make([pending, reset, html(502), proceed])
          })
        )
      )
    )
  )

  it.effect("know how many people are being asked, and count each kind of end for itself", () =>
    measured(
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
        expect((yield* figures)["ciba.client.authentications.pending {authentication}"]).toBe(3)
        yield* TestClock.adjust("5 minutes")
        yield* Fiber.join(all)
        expect(yield* figures).toMatchObject({
          "ciba.client.authentications.pending {authentication}": 0,
          "ciba.client.decisions {authentication} ciba.outcome=approved": 1,
          "ciba.client.decisions {authentication} ciba.outcome=AccessDenied": 1,
          "ciba.client.decisions {authentication} ciba.outcome=ExpiredToken": 1
        })
      }).pipe(
        Effect.provide(
          flow({
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
