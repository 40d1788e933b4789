import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, CibaEvent, NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Duration, Effect, Fiber, Latch, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as CibaEvents from "../../src/wait/CibaEvents.ts"
import { cibaLayer, hint } from "../support/AuthenticationFlow.ts"
import { eventLines, recordEvents } from "../support/Telemetry.ts"
import { advance, waitUntil } from "../support/TestTime.ts"

const { Step } = CibaEvent

const { html, pending, proceed, reset, slowDown } = {
  ...ProviderScript,
  slowDown: ProviderScript.error("slow_down")
}

const request = { scope: ["openid"], hint }

const faults = [
  ["Unreachable", undefined, reset],
  ["TimedOut", undefined, ProviderScript.hang],
  ["Unreadable", 200, html(200)],
  ["TooLarge", 200, ProviderScript.json(200, "x".repeat(2_000_000))],
  ["Redirected", 307, ProviderScript.redirect("https://provider.test/elsewhere")],
  ["UnexpectedStatus", 429, ProviderScript.status(429)],
  ["UnexpectedStatus", 502, html(502)],
  ["UnexpectedStatus", 500, ProviderScript.error("server_error", { status: 500 })]
] as const

describe("Ciba.events", () => {
  it.effect("publishes each step of a wait as it happens", () =>
    Effect.gen(function* () {
      expect(yield* eventLines(Ciba.authenticate(request), "50 seconds")).toEqual([
        "0 Acknowledged poll until 300",
        "5 Polled",
        "5 StillPending 5s",
        "10 Polled",
        "10 SlowedDown 10s",
        "20 Polled",
        "20 PollFailed Unreachable undefined",
        "30 Polled",
        "30 PollFailed UnexpectedStatus 502",
        "50 Polled",
        "50 Completed approved"
      ])
    }).pipe(
      Effect.provide(
        cibaLayer({
          user: TestUser.approve(),
          pacing: "off",
          tokenScript: ProviderScript.make([pending, slowDown, reset, html(502), proceed])
        })
      )
    )
  )

  for (const [kind, status, answer] of faults) {
    it.effect(
      `publishes a failed poll that does not end the wait: ${kind}${status === undefined ? "" : `, ${status}`}`,
      () =>
        Effect.gen(function* () {
          const published = yield* eventLines(Ciba.authenticate(request), "2 minutes")
          const at = kind === "TimedOut" ? 40 : 5
          expect(published.slice(1, 3)).toEqual(["5 Polled", `${at} PollFailed ${kind} ${status}`])
          expect(published.at(-1)).toMatch(/ Completed approved$/)
        }).pipe(
          Effect.provide(
            cibaLayer({ user: TestUser.approve(), pacing: "off", tokenScript: ProviderScript.make([answer, proceed]) })
          )
        )
    )
  }

  for (const [outcome, last, provider] of [
    ["AccessDenied", 5, { user: TestUser.deny() }],
    ["ExpiredToken", 19, { user: TestUser.ignore, expiresIn: "20 seconds" }],
    ["WrongAudience", 5, { user: TestUser.approve(), idTokenClaims: (claims) => ({ ...claims, aud: "another" }) }]
  ] satisfies ReadonlyArray<readonly [string, number, ProviderOptions]>) {
    it.effect(`ends the events of an authentication with Completed: ${outcome}`, () =>
      Effect.gen(function* () {
        expect((yield* eventLines(Ciba.authenticate(request), Duration.seconds(last))).at(-1)).toBe(
          `${last} Completed ${outcome}`
        )
      }).pipe(Effect.provide(cibaLayer(provider)))
    )
  }

  it.effect("publishes each step once for concurrent waits, all with the same id", () =>
    Effect.gen(function* () {
      const { ids, lines } = yield* recordEvents
      const asked = yield* Ciba.initiate(request)
      const all = yield* Effect.forkChild(Effect.replicateEffect(Ciba.complete(asked), 3, { concurrency: "unbounded" }))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(all)
      expect(lines).toEqual(["0 Acknowledged poll until 300", "5 Polled", "5 Completed approved"])
      expect([...ids]).toEqual([asked.id])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve() })))
  )

  it.effect("begins with Resumed when another process has sent the request", () =>
    Effect.gen(function* () {
      const provider = cibaLayer({ user: TestUser.approve() })
      const asked = yield* Effect.provide(Ciba.initiate(request), provider, { local: true })
      expect((yield* eventLines(Ciba.complete(asked), "5 seconds"))[0]).toBe("0 Resumed until 300")
    }).pipe(Effect.provide(cibaLayer()))
  )

  const notifiedLayer = (deliveryMode: "ping" | "push", provider: ProviderOptions = {}) =>
    cibaLayer(
      {
        client: TestClient.clientSecretBasic({ notification: { deliveryMode, url: "https://client.test" } }),
        ...provider
      },
      { deliveryMode }
    ).pipe(Layer.provideMerge(NotificationInbox.layer))

  /** The events when the end-user decides after two seconds and the provider sends a notification. */
  const recordNotified = (
    decide: (provider: TestProvider.TestProvider["Service"]) => Effect.Effect<unknown, unknown>
  ) =>
    Effect.gen(function* () {
      const { ids, lines } = yield* recordEvents
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.authenticate(request)))
      yield* waitUntil(
        Effect.sync(() => lines.length),
        (count) => count === 1
      )
      yield* TestClock.adjust("2 seconds")
      yield* decide(provider)
      const handle = yield* NotificationReceiver.toWebHandler()
      const call = yield* provider.notification()
      yield* Effect.promise(() => handle(call))
      yield* Fiber.join(wait)
      expect(ids.size).toBe(1)
      return lines
    })

  it.effect("publishes a ping, and the poll that it triggers", () =>
    Effect.gen(function* () {
      expect(yield* recordNotified(({ approve }) => approve())).toEqual([
        "0 Acknowledged ping until 300",
        "2 Pinged",
        "2 Polled",
        "2 Completed approved"
      ])
    }).pipe(Effect.provide(notifiedLayer("ping")))
  )

  it.effect("publishes a push with tokens or an error, and no poll", () =>
    Effect.gen(function* () {
      const pushEvents = (outcome: string) => ["0 Acknowledged push until 300", "2 Pushed", `2 Completed ${outcome}`]
      expect(
        yield* Effect.provide(
          recordNotified(({ approve }) => approve()),
          notifiedLayer("push")
        )
      ).toEqual(pushEvents("approved"))
      yield* TestClock.setTime(0)
      expect(
        yield* Effect.provide(
          recordNotified(({ deny }) => deny()),
          notifiedLayer("push")
        )
      ).toEqual(pushEvents("AccessDenied"))
    })
  )

  it.effect("publishes the expiry of a request whose push never arrives", () =>
    Effect.gen(function* () {
      const { lines } = yield* recordEvents
      const wait = yield* Effect.forkChild(Effect.exit(Ciba.authenticate(request)))
      yield* waitUntil(
        Effect.sync(() => lines.length),
        (count) => count === 1
      )
      yield* advance("20 seconds")
      yield* Fiber.join(wait)
      expect(lines).toEqual(["0 Acknowledged push until 20", "20 Completed ExpiredToken"])
    }).pipe(Effect.provide(notifiedLayer("push", { expiresIn: "20 seconds" })))
  )

  it.effect("continues without a second beginning after a wait was interrupted and called again", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const asked = yield* Ciba.initiate(request)
        yield* Effect.timeoutOption(Ciba.complete(asked), "7 seconds")
        yield* Ciba.complete(asked)
      })
      expect(yield* eventLines(program, "10 seconds")).toEqual([
        "0 Acknowledged poll until 300",
        "5 Polled",
        "5 StillPending 5s",
        "10 Polled",
        "10 Completed approved"
      ])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve({ after: "8 seconds" }) })))
  )

  it.effect("reaches every subscriber, and none that has unsubscribed", () =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(Stream.runCollect(Stream.take(Ciba.events, 1)))
      const all = yield* Effect.forkChild(Stream.runCollect(Stream.take(Ciba.events, 3)))
      yield* Effect.yieldNow
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(wait)
      expect((yield* Fiber.join(first)).map(({ _tag }) => _tag)).toEqual(["Acknowledged"])
      expect((yield* Fiber.join(all)).map(({ _tag }) => _tag)).toEqual(["Acknowledged", "Polled", "Completed"])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve() })))
  )
})

describe("a subscriber of Ciba.events", () => {
  const publishMany = ({ open, publishFault }: CibaEvents.Service, count: number) =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      yield* open(Step.Resumed({ id: "one", expiresAt: DateTime.makeUnsafe(0) }))
      for (let index = 1; index < count; index++) {
        publishFault({ id: "one", kind: "Unreachable", status: index }, context)
      }
    })
  const statuses = ({ events }: CibaEvents.Service) =>
    Stream.map(events, (event) => (event._tag === "PollFailed" ? event.status : 0))

  it.effect("receives the events from its subscription on", () =>
    Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("7 seconds")
      const { lines } = yield* recordEvents
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(wait)
      expect(lines).toEqual(["10 Polled", "10 Completed approved"])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve({ after: "8 seconds" }) })))
  )

  it.effect("may end the wait whose poll is to be sent: then none is sent, and the tokens are still to be had", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      const polled = Stream.filter(Ciba.events, ({ _tag }) => _tag === "Polled")
      yield* Effect.forkChild(
        Stream.runForEach(Stream.take(polled, 1), () => Effect.sync(() => wait.interruptUnsafe()))
      )
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.await(wait))._tag).toBe("Failure")
      const again = yield* Effect.forkChild(Ciba.complete(pending))
      yield* advance("10 seconds")
      expect((yield* Fiber.join(again)).subject).toBe("jo")
      expect(yield* (yield* TestProvider.TestProvider).polls).toHaveLength(1)
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve() })))
  )

  it.effect("loses the oldest events when it is slow, and does not delay the wait", () =>
    Effect.gen(function* () {
      const service = yield* CibaEvents.make
      const gate = yield* Latch.make()
      const slow = yield* Effect.forkChild(
        statuses(service).pipe(
          Stream.tap(() => gate.await),
          Stream.take(4097),
          Stream.runCollect
        )
      )
      yield* Effect.yieldNow
      yield* publishMany(service, 1)
      yield* Effect.yieldNow
      yield* publishMany(service, 5001)
      yield* gate.open
      const all = yield* Fiber.join(slow)
      expect([all[0], all[1], all.at(-1)]).toEqual([0, 905, 5000])
    })
  )

  it.effect("leaves no event in memory after it has unsubscribed", () =>
    Effect.gen(function* () {
      const service = yield* CibaEvents.make
      const { events, publish } = service
      const context = yield* Effect.context<never>()
      const subscribed = Effect.andThen(Effect.forkChild(Stream.runForEach(events, () => Effect.never)), (fiber) =>
        Effect.as(Effect.yieldNow, fiber)
      )
      /** Whether an event is still reachable after it was published. */
      const isHeld = Effect.gen(function* () {
        const mark = yield* Effect.sync(() => ({ seen: new WeakRef(Duration.millis(4321)) }))
        const interval = mark.seen.deref()
        if (interval !== undefined) publish("one", () => Step.StillPending({ id: "one", interval }), context)
        return mark.seen
      }).pipe(
        Effect.flatMap((seen) =>
          Effect.promise(async () => {
            await new Promise(setImmediate)
            collectGarbage()
            return seen.deref() !== undefined
          })
        )
      )
      const fibers = yield* Effect.replicateEffect(subscribed, 3)
      yield* publishMany(service, 1) // which they never get done with
      yield* Effect.yieldNow
      expect(yield* isHeld).toBe(true)
      yield* Effect.forEach(fibers, Fiber.interrupt)
      expect(yield* isHeld).toBe(false)
    })
  )
})

const collectGarbage = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()
