import { assert, describe, it } from "@effect/vitest"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import { Effect, Fiber, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as RawClient from "./support/RawClient.ts"

describe("RequestRecord", () => {
  it.effect("contains the parameters, the response and the times of every request, in order", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      yield* HttpClient.get(`${RawClient.issuer}/jwks?v=1`)
      yield* TestClock.adjust("1 second")
      const id = yield* RawClient.obtainAuthReqId({ binding_message: "grüß+ 1" })
      yield* TestClock.adjust("1 second")
      yield* RawClient.poll(id)
      yield* Effect.exit(HttpClient.get("https://elsewhere.test/"))
      const requests = yield* provider.requests
      assert.deepStrictEqual(
        requests.map(({ respondedAt, at, endpoint, error, method, status, url }) => ({
          at,
          endpoint,
          method,
          url,
          respondedAt,
          status,
          error
        })),
        [
          {
            at: 0,
            endpoint: "keys",
            method: "GET",
            url: `${RawClient.issuer}/jwks?v=1`,
            respondedAt: 0,
            status: 200,
            error: undefined
          },
          {
            at: 1000,
            endpoint: "backchannel",
            method: "POST",
            url: `${RawClient.issuer}/backchannel`,
            respondedAt: 1000,
            status: 200,
            error: undefined
          },
          {
            at: 2000,
            endpoint: "token",
            method: "POST",
            url: `${RawClient.issuer}/token`,
            respondedAt: 2000,
            status: 400,
            error: "authorization_pending"
          },
          {
            at: 2000,
            endpoint: "elsewhere",
            method: "GET",
            url: "https://elsewhere.test/",
            respondedAt: undefined,
            status: undefined,
            error: undefined
          }
        ]
      )
      assert.deepStrictEqual(requests[1]?.parameters, [
        ["scope", "openid profile"],
        ["login_hint", "jo@example.com"],
        ["binding_message", "grüß+ 1"]
      ])
      assert.deepStrictEqual(yield* provider.polls, [2000])
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("redacts the Authorization header", () =>
    Effect.gen(function* () {
      yield* RawClient.initiate()
      const [request] = yield* RawClient.provider.use((provider) => provider.requests)
      assert.notProperty(request?.headers, "authorization")
      assert.strictEqual(request?.headers["content-type"], "application/x-www-form-urlencoded")
      assert.strictEqual(Redacted.value(request?.authorization ?? Redacted.make("")), RawClient.defaultBasic)
      assert.notInclude(JSON.stringify(request), RawClient.defaultBasic)
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("counts token requests in flight for each auth_req_id by itself", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const both = Effect.all([RawClient.obtainAuthReqId(), RawClient.obtainAuthReqId()])
      const [first, second] = yield* both
      const fiber = yield* Effect.forkChild(
        Effect.all([RawClient.poll(first), RawClient.poll(second)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* provider.inFlightMax, 1)
      const overlapping = yield* Effect.forkChild(
        Effect.all([RawClient.poll(first), RawClient.poll(first)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(overlapping)
      assert.strictEqual(yield* provider.inFlightMax, 2)
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          tokenScript: ProviderScript.make(
            Array.from({ length: 4 }, () => ProviderScript.delay("10 seconds", ProviderScript.pending))
          )
        })
      )
    )
  )
})
