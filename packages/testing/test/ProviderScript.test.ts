import { assert, describe, it } from "@effect/vitest"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as RawClient from "./support/RawClient.ts"

/** Sends a token request, and gives the response unread. */
const send = (authReqId: string) =>
  RawClient.send("/token", [
    ["grant_type", "urn:openid:params:grant-type:ciba"],
    ["auth_req_id", authReqId]
  ])

const provideScript = (...steps: ReadonlyArray<ProviderScript.Step>) =>
  Effect.provide(
    TestProvider.layer({ pacing: "off", user: TestUser.approve(), tokenScript: ProviderScript.make(steps) })
  )

describe("ProviderScript", () => {
  it.effect("plays its steps in order, and then the provider responds by itself", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      const pending = yield* RawClient.poll(id)
      assert.deepStrictEqual([pending.status, pending.body], [400, { error: "authorization_pending" }])
      const slowDown = yield* RawClient.poll(id)
      assert.deepStrictEqual([slowDown.body.error, slowDown.headers["retry-after"]], ["slow_down", "20"])
      const unavailable = yield* send(id)
      assert.deepStrictEqual([unavailable.status, unavailable.headers["retry-after"]], [503, "7"])
      assert.strictEqual(yield* unavailable.text, "")
      const page = yield* send(id)
      assert.deepStrictEqual([page.status, page.headers["content-type"]], [502, "text/html; charset=utf-8"])
      const redirect = yield* send(id)
      assert.deepStrictEqual([redirect.status, redirect.headers.location], [307, "https://elsewhere.test/token"])
      const denied = yield* RawClient.poll(id)
      assert.deepStrictEqual(
        [denied.status, denied.body],
        [403, { error: "access_denied", error_description: "locked out" }]
      )
      const document = yield* RawClient.poll(id)
      assert.deepStrictEqual([document.status, document.body], [200, { access_token: 1 }])
      const text = yield* send(id)
      assert.strictEqual(yield* text.text, "no page")
      assert.strictEqual((yield* RawClient.poll(id)).status, 200)
    }).pipe(
      provideScript(
        ProviderScript.pending,
        ProviderScript.slowDown({ retryAfter: "20" }),
        ProviderScript.status(503, { retryAfter: "7" }),
        ProviderScript.html(502),
        ProviderScript.redirect("https://elsewhere.test/token"),
        ProviderScript.error("access_denied", { status: 403, description: "locked out" }),
        ProviderScript.json(200, { access_token: 1 }),
        ProviderScript.html(200, "no page")
      )
    )
  )

  it.effect("breaks a connection with reset before the provider handles the request", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual((yield* Effect.flip(send(id))).reason._tag, "TransportError")
      assert.strictEqual((yield* send(id)).status, 200)
    }).pipe(provideScript(ProviderScript.reset))
  )

  it.effect("loses a response with lost after the provider has redeemed the auth_req_id", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual((yield* Effect.flip(send(id))).reason._tag, "TransportError")
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "invalid_grant")
    }).pipe(provideScript(ProviderScript.lost))
  )

  it.effect("breaks a response off with truncated after the provider has redeemed the auth_req_id", () =>
    Effect.gen(function* () {
      const response = yield* send(yield* RawClient.obtainAuthReqId())
      assert.strictEqual(response.status, 200)
      const read: Array<number> = []
      const error = yield* Effect.flip(
        Stream.runForEach(response.stream, (chunk) => Effect.sync(() => read.push(chunk.length)))
      )
      assert.strictEqual(error.reason._tag, "DecodeError")
      assert.isAbove(read[0] ?? 0, 100)
      for (const reading of [
        Effect.asVoid(response.text),
        Effect.asVoid(response.json),
        Effect.asVoid(response.arrayBuffer)
      ]) {
        assert.strictEqual((yield* Effect.flip(reading)).reason._tag, "DecodeError")
      }
    }).pipe(provideScript(ProviderScript.truncated))
  )

  it.effect("never responds with hang, and counts the request that the caller aborts", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const id = yield* RawClient.obtainAuthReqId()
      const fiber = yield* Effect.forkChild(Effect.timeoutOption(send(id), "35 seconds"))
      yield* TestClock.adjust("34 seconds")
      assert.strictEqual(yield* provider.aborted, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
      assert.strictEqual(yield* provider.aborted, 1)
      const [, hung] = yield* provider.requests
      assert.deepStrictEqual([hung?.at, hung?.respondedAt, hung?.status], [0, undefined, undefined])
      assert.strictEqual((yield* send(id)).status, 200)
    }).pipe(provideScript(ProviderScript.hang))
  )

  it.effect("delays a response on the Clock, and the interval counts from the response", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const id = yield* RawClient.obtainAuthReqId()
      const fiber = yield* Effect.forkChild(RawClient.poll(id))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(RawClient.outcome(yield* Fiber.join(fiber)), "authorization_pending")
      yield* TestClock.adjust(4999)
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "slow_down")
      const [, first] = yield* provider.requests
      assert.deepStrictEqual([first?.at, first?.respondedAt], [0, 3000])
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          tokenScript: ProviderScript.make([ProviderScript.delay("3 seconds", ProviderScript.proceed)])
        })
      )
    )
  )

  it.effect("lets the next poll follow at once after a response that took the interval or longer", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      const fiber = yield* Effect.forkChild(RawClient.poll(id))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(RawClient.outcome(yield* Fiber.join(fiber)), "authorization_pending")
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "authorization_pending")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          tokenScript: ProviderScript.make([ProviderScript.delay("30 seconds", ProviderScript.proceed)])
        })
      )
    )
  )

  it.effect("increases the interval of the provider itself by 5 seconds with slowDown", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "slow_down")
      yield* TestClock.adjust(9999)
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "slow_down")
      yield* TestClock.adjust(15_000)
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "authorization_pending")
    }).pipe(Effect.provide(TestProvider.layer({ tokenScript: ProviderScript.make([ProviderScript.slowDown()]) })))
  )

  it.effect("plays at discovery, JWK Set and backchannel authentication endpoint, too", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(HttpClient.get(`${RawClient.issuer}/jwks`))).reason._tag, "TransportError")
      assert.strictEqual((yield* RawClient.get(`${RawClient.issuer}/jwks`)).status, 200)
      const discovery = yield* HttpClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      assert.strictEqual(discovery.status, 404)
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate()), "server_error")
      assert.strictEqual((yield* RawClient.initiate()).status, 200)
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          keysScript: ProviderScript.make([ProviderScript.reset]),
          discoveryScript: ProviderScript.make([ProviderScript.status(404)]),
          backchannelScript: ProviderScript.make([ProviderScript.error("server_error", { status: 503 })])
        })
      )
    )
  )

  it.effect("handles a request twice with duplicate, and the second response arrives", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(id)), "invalid_grant")
    }).pipe(provideScript(ProviderScript.duplicate))
  )

  it.effect("rotates the keys before a request with rotateKeys", () =>
    Effect.gen(function* () {
      const published = Effect.map(RawClient.get(`${RawClient.issuer}/jwks`), ({ body }) => body)
      const before = yield* published
      assert.deepStrictEqual(yield* published, before)
      assert.strictEqual((yield* RawClient.poll(yield* RawClient.obtainAuthReqId())).status, 200)
      assert.notDeepEqual(yield* published, before)
    }).pipe(provideScript(ProviderScript.rotateKeys))
  )

  it.effect("demands another nonce from a request on with rotateDpopNonce", () =>
    Effect.gen(function* () {
      const nonce = Effect.map(
        Effect.flatMap(RawClient.obtainAuthReqId(), (id) => RawClient.poll(id)),
        ({ headers }) => headers["dpop-nonce"]
      )
      const first = yield* nonce
      assert.isDefined(first)
      assert.notStrictEqual(yield* nonce, first)
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          pacing: "off",
          dpop: { nonces: "lasting" },
          tokenScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.rotateDpopNonce])
        })
      )
    )
  )

  it.effect("plays script at every endpoint, after the endpoint's own", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      const statuses = [(yield* send(id)).status, (yield* send(id)).status]
      const keys = yield* HttpClient.get(`${RawClient.issuer}/jwks`)
      assert.deepStrictEqual([...statuses, keys.status, (yield* send(id)).status], [502, 503, 429, 200])
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          pacing: "off",
          user: TestUser.approve(),
          tokenScript: ProviderScript.make([ProviderScript.html(502)]),
          script: ProviderScript.make([ProviderScript.proceed, ProviderScript.status(503), ProviderScript.status(429)])
        })
      )
    )
  )
})

describe("ProviderScript.random", () => {
  const take = (count: number, options: ProviderScript.RandomOptions) => {
    const steps = ProviderScript.random(options).steps[Symbol.iterator]()
    return Array.from({ length: count }, () => steps.next().value)
  }

  it("repeats its steps with the same seed, also for a second provider, and not with another", () => {
    assert.deepStrictEqual(take(100, { seed: 7 }), take(100, { seed: 7 }))
    assert.notDeepEqual(take(100, { seed: 7 }), take(100, { seed: 8 }))
  })

  it("has something happen to three requests in ten, or to the given share, and each fault has its turn", () => {
    const steps = take(10_000, { seed: 1 })
    const disturbed = steps.filter((step) => step !== ProviderScript.proceed)
    assert.isTrue(Math.abs(disturbed.length - 3000) < 200)
    for (const fault of ProviderScript.faults) {
      const share = disturbed.filter((step) => step === fault).length / disturbed.length
      assert.isTrue(Math.abs(share - 1 / ProviderScript.faults.length) < 0.03)
    }
    assert.isTrue(take(100, { seed: 1, rate: 0 }).every((step) => step === ProviderScript.proceed))
    assert.isTrue(
      take(100, { seed: 1, rate: 1, steps: [ProviderScript.hang] }).every((step) => step === ProviderScript.hang)
    )
  })
})
