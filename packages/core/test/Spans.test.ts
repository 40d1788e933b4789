// What an operator sees of the flow in a trace.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, Transport } from "@effect-ciba/core"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, type Tracer } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { flow, hint } from "./support/Asking.ts"
import * as Spans from "./support/Spans.ts"

const request = { scope: ["openid"], hint }

/** The spans of a program that ends within ten minutes, and what they know. */
const traced = (
  program: Effect.Effect<unknown, unknown, Ciba.Ciba | TestProvider.TestProvider>,
  provider: ProviderOptions = {}
) => {
  const { layer, spans } = Spans.recorder()
  return Effect.gen(function* () {
    const running = yield* Effect.forkChild(Effect.exit(program))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(running)
    return spans
  }).pipe(Effect.provide(flow(provider).pipe(Layer.provideMerge(layer))))
}

const named = (spans: ReadonlyArray<Tracer.NativeSpan>, name: string) => {
  const found = spans.find((span) => span.name === name)
  return { ...found, attributes: Object.fromEntries(found?.attributes ?? []) }
}

const calls = (spans: ReadonlyArray<Tracer.NativeSpan>, path: string) =>
  spans
    .map(({ attributes }) => Object.fromEntries(attributes))
    .filter(({ "url.full": url }) => url === `https://provider.test${path}`)

describe("an authentication", () => {
  it.effect("is one span, with a child for each call", () =>
    Effect.gen(function* () {
      const spans = yield* traced(Ciba.authenticate(request), { user: TestUser.approve({ after: "7 seconds" }) })
      expect(Spans.tree(spans)).toEqual(["Ciba.authenticate(Ciba.initiate(GET, GET, POST), Ciba.complete(POST, POST))"])
    })
  )

  it.effect("tells its id, how the answer comes, and how it ended", () =>
    Effect.gen(function* () {
      let id = ""
      const program = Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        id = pending.id
        return yield* Ciba.complete(pending)
      })
      const spans = yield* traced(program, { user: TestUser.approve() })
      expect(named(spans, "Ciba.initiate").attributes).toEqual({
        "ciba.authentication.id": id,
        "ciba.delivery_mode": "poll"
      })
      expect(named(spans, "Ciba.complete").attributes).toEqual({
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
    it.effect(`that ends with ${outcome} is a span that failed, and tells why`, () =>
      Effect.gen(function* () {
        const spans = yield* traced(Ciba.authenticate(request), provider)
        expect(Spans.tree(spans).join()).toMatch(/^Ciba\.authenticate!\(.*Ciba\.complete!\(/)
        expect(named(spans, "Ciba.complete").attributes["ciba.outcome"]).toBe(outcome)
      })
    )
  }

  it.effect("that two wait for has the polls of both, once", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request)
        yield* Effect.all([Ciba.complete(pending), Ciba.complete(pending)], { concurrency: "unbounded" })
      })
      const spans = yield* traced(program, { user: TestUser.approve({ after: "7 seconds" }) })
      expect(calls(spans, "/token")).toHaveLength(2)
      expect(spans.filter(({ name }) => name === "Ciba.complete")).toHaveLength(2)
    })
  )
})

describe("a call", () => {
  it.effect("is a client span by OpenTelemetry's conventions", () =>
    Effect.gen(function* () {
      const spans = yield* traced(Ciba.authenticate(request), { user: TestUser.approve({ after: "7 seconds" }) })
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

  it.effect("that failed is a span that failed, and tells the kind of the fault and the status", () =>
    Effect.gen(function* () {
      const answers = [
        ProviderScript.reset,
        ProviderScript.hang,
        ProviderScript.html(502),
        ProviderScript.json(200, "x".repeat(2_000_000)),
        ProviderScript.redirect("https://provider.test/elsewhere")
      ]
      const spans = yield* traced(Ciba.authenticate({ ...request, requestedExpiry: "5 minutes" }), {
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
    })
  )

  it.effect("is the parent of what an HttpClient of one's own traces", () => {
    const { layer, spans } = Spans.recorder()
    const client = HttpClient.make((request) =>
      Effect.withSpan(
        Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("{}"))),
        "wire"
      )
    )
    return Effect.gen(function* () {
      yield* Transport.Transport.use(({ exchange }) => exchange(HttpClientRequest.get("https://provider.test")))
      expect(Spans.tree(spans)).toEqual(["GET(wire)"])
    }).pipe(
      Effect.provide(
        Transport.layer().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)), Layer.provideMerge(layer))
      )
    )
  })

  it.effect("carries no trace id to the provider", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const program = Effect.gen(function* () {
        yield* Ciba.authenticate(request)
        const { requests } = yield* TestProvider.TestProvider
        for (const { headers } of yield* requests) seen.push(...Object.keys(headers))
      })
      yield* traced(program, { user: TestUser.approve() })
      expect(seen).toContain("content-type")
      expect(seen.filter((name) => /^(traceparent|tracestate|b3|baggage|x-b3-.*)$/.test(name))).toEqual([])
    })
  )
})
