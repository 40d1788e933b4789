// The spans of the flow.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, Discovery, PendingStore, Transport, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Exit, Fiber, Layer, Result, Tracer } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { cibaLayer, hint } from "../support/AuthenticationFlow.ts"
import { client } from "../support/ProcessRestarts.ts"
import { recordSpans, spanTree } from "../support/Telemetry.ts"

const request = { scope: ["openid"], hint }

/** The spans of a program that ends within ten minutes. */
const trace = (
  program: Effect.Effect<unknown, unknown, Ciba.PushServices | TestProvider.TestProvider>,
  provider: ProviderOptions = {}
) => {
  const { layer, spans } = recordSpans()
  return Effect.gen(function* () {
    const running = yield* Effect.forkChild(Effect.exit(program))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(running)
    return spans
  }).pipe(Effect.provide(cibaLayer(provider).pipe(Layer.provideMerge(layer))))
}

const findSpan = (spans: ReadonlyArray<Tracer.NativeSpan>, name: string) => {
  const found = spans.find((span) => span.name === name)
  return { ...found, attributes: Object.fromEntries(found?.attributes ?? []) }
}

const calls = (spans: ReadonlyArray<Tracer.NativeSpan>, path: string) =>
  spans
    .map(({ attributes }) => Object.fromEntries(attributes))
    .filter(({ "url.full": url }) => url === `https://provider.test${path}`)

describe("the span of an authentication", () => {
  it.effect("has a child for each request", () =>
    Effect.gen(function* () {
      const spans = yield* trace(Ciba.authenticate(request), { user: TestUser.approve({ after: "7 seconds" }) })
      expect(spanTree(spans)).toEqual(["Ciba.authenticate(Ciba.initiate(GET, GET, POST), Ciba.complete(POST, POST))"])
    })
  )

  it.effect("has the id, the delivery mode and the outcome as attributes", () =>
    Effect.gen(function* () {
      let id = ""
      const program = Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        id = pending.id
        return yield* Ciba.complete(pending)
      })
      const spans = yield* trace(program, { user: TestUser.approve() })
      expect(findSpan(spans, "Ciba.initiate").attributes).toEqual({
        "ciba.authentication.id": id,
        "ciba.delivery_mode": "poll"
      })
      expect(findSpan(spans, "Ciba.complete").attributes).toEqual({
        "ciba.authentication.id": id,
        "ciba.outcome": "approved"
      })
    })
  )

  for (const [outcome, provider] of [
    ["AccessDenied", { user: TestUser.deny() }],
    ["ExpiredToken", { user: TestUser.ignore, expiresIn: "1 minute" }],
    ["WrongAudience", { user: TestUser.approve(), idTokenClaims: (claims) => ({ ...claims, aud: "another" }) }]
  ] satisfies ReadonlyArray<readonly [string, ProviderOptions]>) {
    it.effect(`fails when the authentication ends with ${outcome}, and has the reason`, () =>
      Effect.gen(function* () {
        const spans = yield* trace(Ciba.authenticate(request), provider)
        expect(spanTree(spans).join()).toMatch(/^Ciba\.authenticate!\(.*Ciba\.complete!\(/)
        expect(findSpan(spans, "Ciba.complete").attributes).toMatchObject({
          "ciba.outcome": outcome,
          "error.type": outcome
        })
        expect(findSpan(spans, "Ciba.authenticate").attributes).toEqual({ "error.type": outcome })
      })
    )
  }

  it.effect("fails when the provider refuses the request, and has the reason", () =>
    Effect.gen(function* () {
      const spans = yield* trace(Ciba.authenticate(request), {
        backchannelScript: ProviderScript.make([ProviderScript.error("unknown_user_id")])
      })
      expect(spanTree(spans)).toEqual(["Ciba.authenticate!(Ciba.initiate!(GET, GET, POST))"])
      for (const name of ["Ciba.authenticate", "Ciba.initiate"]) {
        expect(findSpan(spans, name).attributes).toEqual({ "error.type": "UnknownUserId" })
      }
    })
  )

  it.effect("ends with the request in flight when the authentication is interrupted", () =>
    Effect.gen(function* () {
      const spans = yield* trace(Effect.timeout(Ciba.authenticate(request), "7 seconds"), {
        tokenScript: ProviderScript.make([ProviderScript.hang])
      })
      expect(spanTree(spans)).toEqual(["Ciba.authenticate!(Ciba.initiate(GET, GET, POST), Ciba.complete!(POST!))"])
    })
  )

  it.effect("has the polls of two concurrent waits once, under the first", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        yield* Effect.all([Ciba.complete(pending), Ciba.complete(pending)], { concurrency: "unbounded" })
      })
      const spans = yield* trace(program, { user: TestUser.approve({ after: "7 seconds" }) })
      expect(spanTree(spans)).toEqual(["Ciba.initiate(GET, GET, POST)", "Ciba.complete(POST, POST)", "Ciba.complete"])
    })
  )

  it.effect("keeps the polls in one place when the first of two waits is interrupted", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        const first = Effect.timeoutOption(Ciba.complete(pending), "7 seconds")
        yield* Effect.all([first, Ciba.complete(pending)], { concurrency: "unbounded" })
      })
      const spans = yield* trace(program, { user: TestUser.approve({ after: "8 seconds" }) })
      expect(spanTree(spans)).toEqual(["Ciba.initiate(GET, GET, POST)", "Ciba.complete!(POST, POST)", "Ciba.complete"])
    })
  )

  it.effect("is separate for each of many authentications, and fails for a denied one", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const program = Ciba.authenticateAll(
        ["ann", "bob", "eve"].map((who) => ({ ...request, hint: UserHint.login(who) })),
        (decision) =>
          Effect.withSpan(
            Effect.sync(() => ended.push(Result.isSuccess(decision) ? "approved" : decision.failure.reason._tag)),
            "handler"
          )
      )
      const spans = yield* trace(
        Effect.andThen(
          Discovery.Discovery.use(({ metadata }) => metadata),
          program
        ),
        {
          user: [
            TestUser.approve({ subject: "ann", loginHint: "ann", after: "7 seconds" }),
            TestUser.deny({ subject: "bob", loginHint: "bob" })
          ]
        }
      )
      expect(ended.sort()).toEqual(["AccessDenied", "UnknownUserId", "approved"])
      expect([...spanTree(spans)].sort()).toEqual([
        "Ciba.authenticate!(Ciba.initiate!(POST))",
        "Ciba.authenticate!(Ciba.initiate(POST), Ciba.complete!(POST))",
        "Ciba.authenticate(Ciba.initiate(GET, POST), Ciba.complete(POST, POST))",
        "GET",
        "handler",
        "handler",
        "handler"
      ])
    })
  )

  it.effect("exists in the process that resumes the authentication", () =>
    Effect.gen(function* () {
      const provider = TestProvider.layer({ user: TestUser.approve() })
      const { layer, spans } = recordSpans()
      yield* Effect.gen(function* () {
        yield* Effect.provide(Ciba.initiate(request), client(), { local: true })
        const here = spans.length
        const running = yield* Effect.forkChild(
          Effect.provide(
            Ciba.resumeAll(() => Effect.void),
            Layer.provideMerge(client(), layer),
            { local: true }
          )
        )
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(running)
        expect([here, ...spanTree(spans)]).toEqual([0, "Ciba.complete(GET, GET, POST)"])
      }).pipe(Effect.provide(Layer.merge(provider, PendingStore.layerMemory)))
    })
  )
})

describe("the end of a span", () => {
  /** What a tracer is given at the end of each span. */
  const recordEnds = () => {
    const ends: Array<readonly [name: string, exit: Exit.Exit<unknown, unknown>]> = []
    const layer = Layer.succeed(
      Tracer.Tracer,
      Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          const end = span.end.bind(span)
          return Object.assign(span, {
            end: (time: bigint, exit: Exit.Exit<unknown, unknown>) => {
              ends.push([span.name, exit])
              end(time, exit)
            }
          })
        }
      })
    )
    return { ends, layer }
  }

  const endsOf = (
    program: Effect.Effect<unknown, unknown, Ciba.PushServices | TestProvider.TestProvider>,
    provider: ProviderOptions
  ) => {
    const { ends, layer } = recordEnds()
    return Effect.gen(function* () {
      const running = yield* Effect.forkChild(Effect.exit(program))
      yield* TestClock.adjust("10 minutes")
      return { ends, exit: yield* Fiber.join(running) }
    }).pipe(Effect.provide(cibaLayer(provider).pipe(Layer.provideMerge(layer))))
  }

  it.effect("has no value: neither tokens, nor an identity, nor the body of a response (I13)", () =>
    Effect.gen(function* () {
      const { ends, exit } = yield* endsOf(Ciba.authenticate(request), { user: TestUser.approve() })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(ends.map(([name, exit]) => [name, Exit.isSuccess(exit) ? exit.value : "failed"])).toEqual(
        ["GET", "GET", "POST", "Ciba.initiate", "POST", "Ciba.complete", "Ciba.authenticate"].map((name) => [
          name,
          undefined
        ])
      )
    })
  )

  it.effect("has no value when a raw response is asked for, which the caller still has (I13)", () => {
    const { ends, layer } = recordEnds()
    const client = HttpClient.make((request) =>
      Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ access_token: "marker-token" })))
    )
    return Effect.gen(function* () {
      const response = yield* Transport.Transport.use(({ send }) =>
        send(HttpClientRequest.get("https://provider.test"))
      )
      expect(yield* response.json).toEqual({ access_token: "marker-token" })
      expect(ends).toEqual([["GET", Exit.void]])
    }).pipe(
      Effect.provide(
        Transport.layer().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)), Layer.provideMerge(layer))
      )
    )
  })

  it.effect("has the error of a failed call, and no token of the calls before (I13)", () =>
    Effect.gen(function* () {
      const { ends } = yield* endsOf(Ciba.authenticate(request), {
        user: TestUser.approve(),
        idTokenClaims: (claims) => ({ ...claims, aud: "another" })
      })
      const failed = ends.filter(([, exit]) => Exit.isFailure(exit))
      expect(failed.map(([name]) => name)).toEqual(["Ciba.complete", "Ciba.authenticate"])
      expect(inspect(ends, { depth: 9, showHidden: true })).not.toMatch(/eyJ/)
    })
  )
})

describe("the span of an HTTP request", () => {
  it.effect("follows OpenTelemetry's conventions for HTTP clients", () =>
    Effect.gen(function* () {
      const spans = yield* trace(Ciba.authenticate(request), { user: TestUser.approve({ after: "7 seconds" }) })
      expect(calls(spans, "/token")).toEqual(
        [400, 200].map((status) => ({
          "http.request.method": "POST",
          "url.full": "https://provider.test/token",
          "server.address": "provider.test",
          "server.port": 443,
          "http.response.status_code": status
        }))
      )
      expect(new Set(spans.filter(({ name }) => name === "POST").map(({ kind }) => kind))).toEqual(new Set(["client"]))
    })
  )

  it.effect("fails with the request, and has the kind of the fault and the status", () =>
    Effect.gen(function* () {
      const answers = [
        ProviderScript.reset,
        ProviderScript.hang,
        ProviderScript.html(502),
        ProviderScript.json(200, "x".repeat(2_000_000)),
        ProviderScript.redirect("https://provider.test/elsewhere")
      ]
      const spans = yield* trace(Ciba.authenticate({ ...request, requestedExpiry: "5 minutes" }), {
        user: TestUser.ignore,
        tokenScript: ProviderScript.make(answers)
      })
      const tokens = calls(spans, "/token").slice(0, answers.length)
      expect(tokens.map((one) => [one["error.type"], one["http.response.status_code"]])).toEqual([
        ["Unreachable", undefined],
        ["TimedOut", undefined],
        ["UnexpectedStatus", 502],
        ["TooLarge", 200],
        ["Redirected", 307]
      ])
      for (const one of tokens.slice(0, 2)) expect(one).not.toHaveProperty(["http.response.status_code"])
    })
  )

  it.effect("is the parent of the spans of a custom HttpClient", () => {
    const { layer, spans } = recordSpans()
    const client = HttpClient.make((request) =>
      Effect.withSpan(
        Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("{}"))),
        "wire"
      )
    )
    return Effect.gen(function* () {
      yield* Transport.Transport.use(({ exchange }) => exchange(HttpClientRequest.get("https://provider.test")))
      expect(spanTree(spans)).toEqual(["GET(wire)"])
    }).pipe(
      Effect.provide(
        Transport.layer().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)), Layer.provideMerge(layer))
      )
    )
  })

  it.effect("is not made without a tracer", () => {
    const client = HttpClient.make((request) =>
      Effect.map(Effect.isSuccess(Effect.currentSpan), (isTraced) =>
        HttpClientResponse.fromWeb(request, Response.json({ isTraced }))
      )
    )
    return Effect.gen(function* () {
      const { body } = yield* Transport.Transport.use(({ exchange }) =>
        exchange(HttpClientRequest.get("https://provider.test"))
      )
      expect(body).toEqual({ isTraced: false })
    }).pipe(Effect.provide(Transport.layer().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))))
  })

  for (const [url, full, address, port] of [
    ["https://jo:pw@op.example.com/token?code=1#x", "https://op.example.com/token", "op.example.com", 443],
    ["https://op.example.com:8443/", "https://op.example.com:8443/", "op.example.com", 8443],
    ["http://127.0.0.1/token", "http://127.0.0.1/token", "127.0.0.1", 80],
    ["http://[::1]:9000/token", "http://[::1]:9000/token", "::1", 9000]
  ] as const) {
    it.effect(`has the URL without credentials and secrets: ${full}`, () => {
      const { layer, spans } = recordSpans()
      const answering = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}")))
      )
      return Effect.gen(function* () {
        yield* Transport.Transport.use(({ exchange }) => exchange(HttpClientRequest.get(url)))
        expect(findSpan(spans, "GET").attributes).toEqual({
          "http.request.method": "GET",
          "url.full": full,
          "server.address": address,
          "server.port": port,
          "http.response.status_code": 200
        })
      }).pipe(
        Effect.provide(
          Transport.layer({ allowInsecureRequests: "loopback" }).pipe(
            Layer.provide(Layer.succeed(HttpClient.HttpClient, answering)),
            Layer.provideMerge(layer)
          )
        )
      )
    })
  }

  it.effect("sends no trace id to the provider", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const program = Effect.gen(function* () {
        yield* Ciba.authenticate(request)
        const { requests } = yield* TestProvider.TestProvider
        for (const { headers } of yield* requests) seen.push(...Object.keys(headers))
      })
      yield* trace(program, { user: TestUser.approve() })
      expect(seen).toContain("content-type")
      expect(seen.filter((name) => /^(traceparent|tracestate|b3|baggage|x-b3-.*)$/.test(name))).toEqual([])
    })
  )
})
