import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Poll, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Layer, Redacted, Schedule, Scope } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"

const { delay, error, hang, html, lost, pending, proceed, redirect, reset, slowDown, status, truncated } =
  ProviderScript

const options: Ciba.Options = {
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}

const flow = (provider: ProviderOptions, further?: Partial<Ciba.Options>) =>
  Ciba.layer({ ...options, ...further }).pipe(Layer.provideMerge(TestProvider.layer(provider)))

const ask = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

/** Waits for `time`, and says when polls went out (in seconds), how the wait ended, and when. */
const observe = Effect.fnUntraced(function* (time: Duration.Input) {
  const provider = yield* TestProvider.TestProvider
  const poll = yield* Poll.Poll
  const wait = yield* Effect.forkChild(
    poll.wait(yield* ask).pipe(
      Effect.match({
        onFailure: ({ reason }) => reason._tag,
        onSuccess: () => "tokens"
      })
    )
  )
  yield* TestClock.adjust(time)
  const polls = (yield* provider.polls).map((at) => at / 1000)
  const exit = wait.pollUnsafe()
  return { polls, ended: exit !== undefined && Exit.isSuccess(exit) ? exit.value : "waiting" }
})

/** Begins a wait, and another one of the same authentication when the first has been interrupted after its poll. */
const waitTwice = Effect.gen(function* () {
  const poll = yield* Poll.Poll
  const asked = yield* ask
  const first = yield* Effect.forkChild(poll.wait(asked))
  yield* TestClock.adjust("6 seconds")
  yield* Fiber.interrupt(first)
  return yield* Effect.forkChild(poll.wait(asked))
})

const script = (...answers: ReadonlyArray<ProviderScript.Step>) => ({
  user: TestUser.approve(),
  tokenScript: ProviderScript.make(answers)
})

const undecided = Schedule.fromStep(Effect.succeed(() => Effect.never))

/** A client that dies when its token request is interrupted. */
const layerBroken = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (client) =>
    HttpClient.transform(client, (response, { url }) =>
      url.endsWith("/token") ? Effect.onInterrupt(response, () => Effect.die("a broken client")) : response
    )
  )
)

interface Observed {
  readonly title: string
  readonly provider: ProviderOptions
  readonly options?: Partial<Ciba.Options>
  readonly polls: ReadonlyArray<number>
  readonly ended: string
}

const instants: ReadonlyArray<Observed> = [
  {
    title: "the first poll waits one interval (H20, T-2)",
    provider: { user: TestUser.approve(), interval: "7 seconds" },
    polls: [7],
    ended: "tokens"
  },
  {
    title: "five seconds are the interval where none is given (H4, F4, T-31)",
    provider: { user: TestUser.approve({ after: "11 seconds" }), interval: "omitted" },
    polls: [5, 10, 15],
    ended: "tokens"
  },
  {
    title: "pending goes on at the interval (H10)",
    provider: script(pending, pending, pending),
    polls: [5, 10, 15, 20],
    ended: "tokens"
  },
  {
    title: "pending is recognised under any 4xx status (H17, T-6)",
    provider: script(...[401, 403, 428, 429].map((code) => error("authorization_pending", { status: code }))),
    polls: [5, 10, 15, 20, 25],
    ended: "tokens"
  },
  {
    title: "each slow_down adds five seconds for good (H11, T-3)",
    provider: script(pending, slowDown(), pending, slowDown(), pending),
    polls: [5, 10, 20, 30, 45, 60],
    ended: "tokens"
  },
  {
    title: "Retry-After prolongs one wait, and not the interval (H23, T-4)",
    provider: script(slowDown({ retryAfter: "20" }), error("authorization_pending", { retryAfter: "12" }), pending),
    polls: [5, 25, 37, 47],
    ended: "tokens"
  },
  {
    title: "a shorter Retry-After does not shorten the wait (H2)",
    provider: script(error("authorization_pending", { retryAfter: "1" }), status(503, { retryAfter: "1" })),
    polls: [5, 10, 15],
    ended: "tokens"
  },
  {
    title: "503 waits as long as it says, in seconds or to a date (H9)",
    provider: script(
      status(503, { retryAfter: "7" }),
      pending,
      status(503, { retryAfter: "Thu, 01 Jan 1970 00:00:40 GMT" })
    ),
    polls: [5, 12, 17, 40],
    ended: "tokens"
  },
  {
    title: "a Retry-After that is past or invalid is ignored (H9)",
    provider: script(
      status(503, { retryAfter: "Wed, 31 Dec 1969 23:00:00 GMT" }),
      pending,
      status(503, { retryAfter: "soon" })
    ),
    polls: [5, 10, 15, 20],
    ended: "tokens"
  },
  {
    title: "a Retry-After beyond the expiry delays the poll until just before it (H9)",
    provider: script(status(503, { retryAfter: "100000" })),
    polls: [5, 298],
    ended: "tokens"
  },
  {
    title: "a back-off beyond the expiry is cut to just before it (H21, H28, T-5)",
    provider: { ...script(...[1, 2, 3, 4].map(() => html(503))), expiresIn: "58 seconds" },
    polls: [5, 10, 20, 40, 56.2],
    ended: "tokens"
  },
  {
    title: "a slow schedule does not end the wait before its time (H2)",
    provider: { ...script(pending), expiresIn: "60 seconds" },
    options: { poll: { schedule: () => Schedule.spaced("1 hour") } },
    polls: [5, 58],
    ended: "tokens"
  },

  {
    title: "429 is waited out, with and without Retry-After (H22)",
    provider: script(status(429), pending, status(429, { retryAfter: "9" })),
    polls: [5, 10, 15, 24],
    ended: "tokens"
  },
  {
    title: "resets, pages of HTML, redirects and broken answers are waited out, further and further apart (H21, T-5)",
    provider: script(reset, html(502), html(200), redirect("https://elsewhere.test/token"), reset),
    polls: [5, 10, 20, 40, 70, 100],
    ended: "tokens"
  },
  {
    title: "an answer of any kind ends the back-off (H21)",
    provider: script(reset, reset, pending, reset),
    polls: [5, 10, 20, 25, 30],
    ended: "tokens"
  },
  {
    title: "server_error is a fault, and not the end (T-5)",
    provider: script(error("server_error", { status: 500 }), error("temporarily_unavailable", { status: 503 })),
    polls: [5, 10, 20],
    ended: "tokens"
  },
  {
    title: "an answer that comes after 29.9 seconds counts (H5)",
    provider: { user: TestUser.approve(), tokenScript: ProviderScript.make([delay("29900 millis", proceed)]) },
    polls: [5],
    ended: "tokens"
  },
  {
    title: "a poll that was held longer than the interval is followed at once (H6, T-1)",
    provider: script(delay("30 seconds", pending), pending),
    polls: [5, 35, 40],
    ended: "tokens"
  },
  {
    title: "a quick pending is followed a full interval after the answer (H7, T-1)",
    provider: script(delay("2 seconds", pending)),
    polls: [5, 12],
    ended: "tokens"
  },
  {
    title: "a poll without an answer is given up after 35 seconds, and sent again (H8, T-32)",
    provider: script(hang, hang, pending),
    polls: [5, 40, 75, 80],
    ended: "tokens"
  },
  {
    title: "the time limit of a poll is the caller's to set (H5)",
    provider: script(hang),
    options: { requestTimeout: "10 seconds" },
    polls: [5, 15],
    ended: "tokens"
  },
  {
    title: "the last poll is sent just before the expiry, and none at or after it (H18, H28, F9)",
    provider: { user: TestUser.ignore, expiresIn: "20 seconds" },
    polls: [5, 10, 19],
    ended: "ExpiredToken"
  },
  {
    title: "an interval beyond the expiry still gives one poll (F5)",
    provider: { user: TestUser.approve(), interval: "10 minutes", expiresIn: "100 seconds" },
    polls: [98],
    ended: "tokens"
  },
  {
    title: "interval 0 means one second, and not a busy loop (F5, T-8)",
    provider: {
      user: TestUser.approve({ after: "2500 millis" }),
      acknowledgement: (body) => ({ ...body, interval: 0 }),
      pacing: "off"
    },
    polls: [1, 2, 3],
    ended: "tokens"
  },
  ...[
    "access_denied",
    "expired_token",
    "invalid_grant",
    "invalid_request",
    "unauthorized_client",
    "invalid_client"
  ].map(
    (code): Observed => ({
      title: `${code} ends the wait (H12, H13, H14, H15, H16)`,
      provider: script(pending, error(code)),
      polls: [5, 10],
      ended: code.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())
    })
  ),
  {
    title: "an unknown code ends the wait (H16, T-7)",
    provider: script(error("teapot")),
    polls: [5],
    ended: "Unrecognized"
  },
  {
    title: "invalid_grant after a lost answer is an unknown outcome (H14)",
    provider: script(lost),
    polls: [5, 10],
    ended: "OutcomeUnknown"
  },
  {
    title: "a success that broke off in the middle is an unknown outcome (H14)",
    provider: script(truncated),
    polls: [5, 10],
    ended: "OutcomeUnknown"
  },
  {
    title: "a server_error after a lost answer does not make the outcome known (H14)",
    provider: script(lost, error("server_error", { status: 500 })),
    polls: [5, 10, 20],
    ended: "OutcomeUnknown"
  },
  {
    title: "an expiry after a lost answer is an unknown outcome (H14)",
    provider: { ...script(lost), expiresIn: "9 seconds" },
    polls: [8.1],
    ended: "OutcomeUnknown"
  },
  {
    title: "invalid_grant is itself again once an answer has shown that the id lives (H14)",
    provider: script(reset, pending, error("invalid_grant")),
    polls: [5, 10, 15],
    ended: "InvalidGrant"
  },
  {
    title: "a success that is no token response is the end (H19)",
    provider: { user: TestUser.approve(), tokenResponse: () => ({ token_type: "Bearer" }) },
    polls: [5],
    ended: "InvalidTokenResponse"
  },
  {
    title: "a slower schedule slows the polls (H2)",
    provider: script(pending, pending),
    options: { poll: { schedule: () => Schedule.spaced("8 seconds") } },
    polls: [5, 13, 21],
    ended: "tokens"
  },
  {
    title: "a faster schedule changes nothing (H2)",
    provider: script(pending, pending),
    options: { poll: { schedule: () => Schedule.spaced("1 second") } },
    polls: [5, 10, 15],
    ended: "tokens"
  },
  {
    title: "a schedule that takes longer to decide than a request may take ends nothing",
    provider: script(pending),
    options: {
      poll: {
        schedule: () =>
          Schedule.fromStep(
            Effect.succeed(() =>
              Effect.delay(Effect.succeed([0, Duration.zero] as [number, Duration.Duration]), "40 seconds")
            )
          )
      }
    },
    polls: [5, 45],
    ended: "tokens"
  },
  {
    title: "a schedule that ends stops the wait, and says so",
    provider: script(pending, pending, pending),
    options: { poll: { schedule: (policy) => policy.pipe(Schedule.upTo({ times: 2 })) } },
    polls: [5, 10, 15],
    ended: "ScheduleExhausted"
  }
]

describe("Poll", () => {
  describe("polls at exact instants", () => {
    for (const { ended, options, polls, provider, title } of instants) {
      it.effect(title, () =>
        Effect.gen(function* () {
          expect(yield* observe("5 minutes")).toEqual({ polls, ended })
          const { inFlightMax } = yield* TestProvider.TestProvider
          expect(yield* inFlightMax).toBe(1)
        }).pipe(Effect.provide(flow(provider, options)))
      )
    }
  })

  it.effect("names at the expiry how many polls were sent, and what the last one met (H37)", () =>
    Effect.gen(function* () {
      const poll = yield* Poll.Poll
      const wait = yield* Effect.forkChild(Effect.flip(poll.wait(yield* ask)))
      yield* TestClock.adjust("20 seconds")
      const { reason } = yield* Fiber.join(wait)
      expect(reason).toMatchObject({ _tag: "ExpiredToken", local: true, polls: 3, lastFault: { status: 403 } })
      expect(reason.message).toContain("POST https://provider.test/token")
    }).pipe(Effect.provide(flow({ ...script(pending, html(403), html(403)), expiresIn: "20 seconds" })))
  )

  it.effect("keeps the slow_down of a poll after which the caller's schedule has died (H11)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const poll = yield* Poll.Poll
      const asked = yield* ask
      const first = yield* Effect.forkChild(poll.wait(asked))
      yield* TestClock.adjust("6 seconds")
      expect(Exit.isFailure(yield* Fiber.await(first))).toBe(true)
      const second = yield* Effect.forkChild(Effect.exit(poll.wait(asked)))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(second)
      expect(yield* provider.polls).toEqual([5000, 15_000])
    }).pipe(
      Effect.provide(
        flow(script(slowDown()), {
          poll: { schedule: () => Schedule.fromStep(Effect.succeed(() => Effect.die("a schedule that dies"))) }
        })
      )
    )
  )

  it.effect("keeps the slow_down of a poll whose caller leaves while their schedule decides (H2, H11)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const second = yield* waitTwice
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(second)
      expect(yield* provider.polls).toEqual([5000, 16_000])
    }).pipe(Effect.provide(flow(script(slowDown()), { poll: { schedule: () => undecided } })))
  )

  it.effect("expires on time though the caller's schedule never decides (H18)", () =>
    Effect.gen(function* () {
      expect(yield* observe("20 seconds")).toEqual({ polls: [5], ended: "ExpiredToken" })
    }).pipe(
      Effect.provide(flow({ ...script(pending), expiresIn: "20 seconds" }, { poll: { schedule: () => undecided } }))
    )
  )

  it.effect("does not take the defect of a client that is interrupted for a timeout (H8)", () =>
    Effect.gen(function* () {
      const poll = yield* Poll.Poll
      const wait = yield* Effect.forkChild(Effect.exit(poll.wait(yield* ask)))
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(wait)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("a broken client")
    }).pipe(
      Effect.provide(
        Ciba.layer(options).pipe(Layer.provide(layerBroken), Layer.provideMerge(TestProvider.layer(script(hang))))
      )
    )
  )

  it.effect("sends nothing after the end of the wait (H12, H13, H18)", () =>
    Effect.gen(function* () {
      yield* observe("5 minutes")
      const provider = yield* TestProvider.TestProvider
      const before = yield* provider.requests
      yield* TestClock.adjust("1 hour")
      expect(yield* provider.requests).toHaveLength(before.length)
    }).pipe(Effect.provide(flow({ user: TestUser.deny({ after: "1 minute" }) })))
  )

  for (const jump of ["1 hour", "-1 hour"] as const) {
    it.effect(`does not end or prolong the wait at a jump of the system time by ${jump} (F10)`, () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const poll = yield* Poll.Poll
        const clock = yield* Clock.Clock
        let offset = 0
        const wallClock = () => clock.currentTimeMillisUnsafe() + offset
        const wait = yield* ask.pipe(
          Effect.flatMap(poll.wait),
          Effect.flip,
          Effect.provideService(Clock.Clock, {
            ...clock,
            currentTimeMillisUnsafe: wallClock,
            currentTimeMillis: Effect.sync(wallClock),
            monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
            sleep: (duration) => clock.sleep(duration)
          }),
          Effect.forkChild
        )
        yield* TestClock.adjust("7 seconds")
        offset = Duration.toMillis(jump)
        yield* TestClock.adjust("20 seconds")
        const error = yield* Fiber.join(wait)
        expect(error.reason).toMatchObject({ _tag: "ExpiredToken", local: true })
        expect((yield* provider.requests).filter(({ endpoint }) => endpoint === "token")).toHaveLength(4)
      }).pipe(
        Effect.provide(
          flow({
            expiresIn: "22 seconds",
            tokenScript: ProviderScript.make([pending, pending, pending, pending, pending])
          })
        )
      )
    )
  }

  it.effect("stops the wait and aborts the poll in flight when it is interrupted (H25)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const poll = yield* Poll.Poll
      const wait = yield* Effect.forkChild(poll.wait(yield* ask))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.interrupt(wait)
      expect(yield* provider.aborted).toBe(1)
      yield* TestClock.adjust("5 minutes")
      expect(yield* provider.polls).toEqual([5000])
    }).pipe(Effect.provide(flow(script(hang))))
  )

  it.effect(
    "resumes an interrupted wait at its interval, with slow_down and the time of the last response (H2, H11)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const second = yield* waitTwice
        yield* TestClock.adjust("5 minutes")
        yield* Fiber.join(second)
        expect(yield* provider.polls).toEqual([5000, 15_000, 25_000])
      }).pipe(Effect.provide(flow(script(slowDown(), pending))))
  )

  it.effect("remembers a lost response when an interrupted wait is resumed (H14)", () =>
    Effect.gen(function* () {
      const second = yield* waitTwice
      yield* TestClock.adjust("1 minute")
      expect((yield* Effect.flip(Fiber.join(second))).reason._tag).toBe("OutcomeUnknown")
    }).pipe(Effect.provide(flow(script(lost))))
  )

  it.effect("polls at the endpoint that it began with, whatever happens to the metadata (H2, H18, H31)", () =>
    Effect.gen(function* () {
      expect(yield* observe("5 minutes")).toEqual({ polls: [5, 10, 15, 20, 29], ended: "ExpiredToken" })
    }).pipe(
      Effect.provide(
        flow(
          {
            user: TestUser.ignore,
            pacing: "off",
            expiresIn: "30 seconds",
            discoveryScript: ProviderScript.make([proceed, delay("6 seconds", proceed)])
          },
          { lifetime: "9 seconds" }
        )
      )
    )
  )

  it.effect("shares one wait, with one poll at a time, between callers with the same auth_req_id (H3)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const poll = yield* Poll.Poll
      const asked = yield* ask
      const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(poll.wait(asked)))
      yield* TestClock.adjust("21 seconds")
      const responses = yield* Effect.forEach(waits, Fiber.join)
      expect(new Set(responses).size).toBe(1)
      expect(yield* provider.polls).toEqual([5000, 17_000])
      expect(yield* provider.inFlightMax).toBe(1)
    }).pipe(Effect.provide(flow(script(delay("12 seconds", pending)))))
  )

  it.effect("continues the wait for the other callers when one is interrupted (H3, H25)", () =>
    Effect.gen(function* () {
      const poll = yield* Poll.Poll
      const asked = yield* ask
      const first = yield* Effect.forkChild(poll.wait(asked))
      const second = yield* Effect.forkChild(Effect.exit(poll.wait(asked)))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("5 seconds")
      expect(Exit.isSuccess(yield* Fiber.join(second))).toBe(true)
    }).pipe(Effect.provide(flow(script(pending))))
  )

  it.effect("never sends a redeemed auth_req_id again (H19, H14)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const poll = yield* Poll.Poll
      const asked = yield* ask
      const wait = yield* Effect.forkChild(poll.wait(asked))
      yield* TestClock.adjust("5 seconds")
      const response = yield* Fiber.join(wait)
      expect(yield* poll.wait(asked)).toBe(response)
      yield* poll.forget(asked)
      const error = yield* Effect.flip(poll.wait(asked))
      expect(error.reason._tag).toBe("AlreadyRedeemed")
      expect(yield* provider.polls).toEqual([5000])
    }).pipe(Effect.provide(flow({ user: TestUser.approve() })))
  )
})

it("the DPoP key is not an option of Poll: it comes with the pending authentication", () => {
  // @ts-expect-error the pending authentication says which key proves
  const options: Poll.Options = { dpopKey: Redacted.make({ kty: "EC" }) }
  expect(options).toHaveProperty("dpopKey")
})

it.effect(
  "polls just before the expiry and ends, also after a schedule stopped it during a longer Retry-After (H9)",
  () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const { wait } = yield* Poll.Poll
      const pendingAuthentication = yield* ask
      const stopped = yield* Effect.forkChild(Effect.flip(wait(pendingAuthentication)))
      yield* TestClock.adjust("6 seconds")
      expect((yield* Fiber.join(stopped)).reason._tag).toBe("ScheduleExhausted")
      const resumed = yield* Effect.forkChild(wait(pendingAuthentication))
      yield* TestClock.adjust("54 seconds")
      yield* Fiber.join(resumed)
      expect(yield* provider.polls).toEqual([5000, 58_000])
    }).pipe(
      Effect.provide(
        flow(
          {
            user: TestUser.approve({ after: "30 seconds" }),
            expiresIn: "1 minute",
            tokenScript: ProviderScript.make([error("authorization_pending", { retryAfter: "600" })])
          },
          { poll: { schedule: (policy) => Schedule.upTo(policy, { times: 0 }) } }
        )
      )
    )
)

it.effect("is interrupted when its layer is closed, also while the metadata cannot be fetched", () =>
  Effect.gen(function* () {
    const client = Ciba.layer({
      issuer: "https://provider.test",
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
    })
    const asked = yield* Effect.provide(ask, client, { local: true })
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(client, scope)
    const waiting = yield* Effect.forkChild(Effect.provide(Ciba.complete(asked), context))
    yield* TestClock.adjust("1 second")
    expect(waiting.pollUnsafe()).toBeUndefined()
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("0 seconds")
    const exit = waiting.pollUnsafe()
    expect(exit !== undefined && Exit.hasInterrupts(exit)).toBe(true)
  }).pipe(
    Effect.provide(
      TestProvider.layer({
        discoveryScript: ProviderScript.make([proceed, ...Array.from({ length: 30 }, () => reset)])
      })
    )
  )
)

it.effect("stops no other wait when the program of a caller throws at its end", () =>
  Effect.gen(function* () {
    const poll = yield* Poll.Poll
    const context = yield* Effect.context<never>()
    const [first, second] = yield* Effect.all([ask, ask])
    const onExit = () => {
      throw new Error("of the caller's program")
    }
    Effect.runCallbackWith(context)(poll.wait(first), { onExit })
    const waits = [yield* Effect.forkChild(Effect.flip(poll.wait(first)))]
    yield* TestClock.adjust("1 second")
    waits.push(yield* Effect.forkChild(Effect.flip(poll.wait(second))))
    yield* TestClock.adjust("1 minute")
    expect((yield* Fiber.joinAll(waits)).map(({ reason }) => reason._tag)).toEqual(["ExpiredToken", "ExpiredToken"])
  }).pipe(Effect.provide(flow({ user: TestUser.ignore, expiresIn: "10 seconds" })))
)
