import { assert, describe, it } from "@effect/vitest"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const grant = (authReqId: string) =>
  Raw.send("/token", [
    ["grant_type", "urn:openid:params:grant-type:ciba"],
    ["auth_req_id", authReqId]
  ])

const scripted = (...answers: ReadonlyArray<ProviderScript.Step>) =>
  Effect.provide(
    TestProvider.layer({ pacing: "off", user: TestUser.approve(), tokenScript: ProviderScript.make(answers) })
  )

describe("a script", () => {
  it.effect("gives its answers in order, and then the provider goes on", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      const pending = yield* Raw.poll(id)
      assert.deepStrictEqual([pending.status, pending.body], [400, { error: "authorization_pending" }])
      const slowDown = yield* Raw.poll(id)
      assert.deepStrictEqual([slowDown.body.error, slowDown.headers["retry-after"]], ["slow_down", "20"])
      const unavailable = yield* grant(id)
      assert.deepStrictEqual([unavailable.status, unavailable.headers["retry-after"]], [503, "7"])
      assert.strictEqual(yield* unavailable.text, "")
      const page = yield* grant(id)
      assert.deepStrictEqual([page.status, page.headers["content-type"]], [502, "text/html; charset=utf-8"])
      const redirect = yield* grant(id)
      assert.deepStrictEqual([redirect.status, redirect.headers.location], [307, "https://elsewhere.test/token"])
      const denied = yield* Raw.poll(id)
      assert.deepStrictEqual(
        [denied.status, denied.body],
        [403, { error: "access_denied", error_description: "locked out" }]
      )
      const document = yield* Raw.poll(id)
      assert.deepStrictEqual([document.status, document.body], [200, { access_token: 1 }])
      const text = yield* grant(id)
      assert.strictEqual(yield* text.text, "no page")
      assert.strictEqual((yield* Raw.poll(id)).status, 200)
    }).pipe(
      scripted(
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

  it.effect("resets a connection before the provider sees the request", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.strictEqual((yield* Effect.flip(grant(id))).reason._tag, "TransportError")
      assert.strictEqual((yield* grant(id)).status, 200)
    }).pipe(scripted(ProviderScript.reset))
  )

  it.effect("loses an answer after the provider has spent the id", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.strictEqual((yield* Effect.flip(grant(id))).reason._tag, "TransportError")
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id)), "invalid_grant")
    }).pipe(scripted(ProviderScript.lost))
  )

  it.effect("breaks an answer off in the middle, after the provider has spent the id", () =>
    Effect.gen(function* () {
      const response = yield* grant(yield* Raw.acknowledged())
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
    }).pipe(scripted(ProviderScript.truncated))
  )

  it.effect("never answers, and counts the caller who gives up", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const id = yield* Raw.acknowledged()
      const fiber = yield* Effect.forkChild(Effect.timeoutOption(grant(id), "35 seconds"))
      yield* TestClock.adjust("34 seconds")
      assert.strictEqual(yield* provider.aborted, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
      assert.strictEqual(yield* provider.aborted, 1)
      const [, hung] = yield* provider.requests
      assert.deepStrictEqual([hung?.at, hung?.respondedAt, hung?.status], [0, undefined, undefined])
      assert.strictEqual((yield* grant(id)).status, 200)
    }).pipe(scripted(ProviderScript.hang))
  )

  it.effect("delays an answer on the clock, and the pace is held from it", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const id = yield* Raw.acknowledged()
      const fiber = yield* Effect.forkChild(Raw.poll(id))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(Raw.outcome(yield* Fiber.join(fiber)), "authorization_pending")
      yield* TestClock.adjust(4999)
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id)), "slow_down")
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

  it.effect("may hold an answer for the interval or longer, and then the next poll may follow at once", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      const fiber = yield* Effect.forkChild(Raw.poll(id))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(Raw.outcome(yield* Fiber.join(fiber)), "authorization_pending")
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id)), "authorization_pending")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          tokenScript: ProviderScript.make([ProviderScript.delay("30 seconds", ProviderScript.proceed)])
        })
      )
    )
  )

  it.effect("makes the provider itself want 5 seconds more when it says slow_down", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id)), "slow_down")
      yield* TestClock.adjust(9999)
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id)), "slow_down")
      yield* TestClock.adjust(15_000)
      assert.strictEqual(Raw.outcome(yield* Raw.poll(id)), "authorization_pending")
    }).pipe(Effect.provide(TestProvider.layer({ tokenScript: ProviderScript.make([ProviderScript.slowDown()]) })))
  )

  it.effect("exists for every endpoint", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(HttpClient.get(`${Raw.issuer}/jwks`))).reason._tag, "TransportError")
      assert.strictEqual((yield* Raw.get(`${Raw.issuer}/jwks`)).status, 200)
      const discovery = yield* HttpClient.get(`${Raw.issuer}/.well-known/openid-configuration`)
      assert.strictEqual(discovery.status, 404)
      assert.strictEqual(Raw.outcome(yield* Raw.ask()), "server_error")
      assert.strictEqual((yield* Raw.ask()).status, 200)
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
})
