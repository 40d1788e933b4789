import { assert, describe, it } from "@effect/vitest"
import { TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

const provide = Effect.provide(TestProvider.layer())

describe("the acknowledgement", () => {
  it.effect("contains auth_req_id, expires_in and interval in seconds", () =>
    Effect.gen(function* () {
      const { body, headers, status } = yield* RawClient.initiate()
      assert.strictEqual(status, 200)
      assert.match(RawClient.text(body.auth_req_id), /^[A-Za-z0-9_-]{27}$/)
      assert.deepStrictEqual({ ...body, auth_req_id: "" }, { auth_req_id: "", expires_in: 300, interval: 5 })
      assert.strictEqual(headers["cache-control"], "no-store")
    }).pipe(provide)
  )

  it.effect("contains expires_in and interval of the options", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.initiate()
      assert.deepStrictEqual({ ...body, auth_req_id: "" }, { auth_req_id: "", expires_in: 120, interval: 2 })
    }).pipe(Effect.provide(TestProvider.layer({ interval: "2 seconds", expiresIn: "2 minutes" })))
  )

  it.effect("lacks the interval if the option is omitted", () =>
    Effect.gen(function* () {
      assert.notProperty((yield* RawClient.initiate()).body, "interval")
    }).pipe(Effect.provide(TestProvider.layer({ interval: "omitted" })))
  )

  it.effect("is forged by the option acknowledgement", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* RawClient.initiate()).body, { expires_in: "120", extra: true })
    }).pipe(Effect.provide(TestProvider.layer({ acknowledgement: () => ({ expires_in: "120", extra: true }) })))
  )

  it.effect("contains requested_expiry as expires_in, and the request expires then", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.initiate({ requested_expiry: "42" })
      assert.strictEqual(body.expires_in, 42)
      yield* TestClock.adjust("41 seconds")
      assert.strictEqual(
        RawClient.outcome(yield* RawClient.poll(RawClient.text(body.auth_req_id))),
        "authorization_pending"
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(RawClient.text(body.auth_req_id))), "expired_token")
    }).pipe(provide)
  )

  it.effect("contains a new auth_req_id each time", () =>
    Effect.gen(function* () {
      assert.notStrictEqual(yield* RawClient.obtainAuthReqId(), yield* RawClient.obtainAuthReqId())
    }).pipe(provide)
  )
})

describe("an authentication request", () => {
  const refused: ReadonlyArray<readonly [string, RawClient.Parameters, string]> = [
    ["no scope", { scope: undefined }, "invalid_request"],
    ["a scope without openid", { scope: "profile" }, "invalid_scope"],
    ["no hint", { login_hint: undefined }, "invalid_request"],
    ["an empty hint", { login_hint: "" }, "invalid_request"],
    ["two hints", { login_hint_token: "token" }, "invalid_request"],
    ["an unknown end-user", { login_hint: "unknown@example.com" }, "unknown_user_id"],
    ["an expiry that is not positive", { requested_expiry: "0" }, "invalid_request"],
    ["an expiry that is not an integer", { requested_expiry: "1.5" }, "invalid_request"],
    ["an unexpected request object", { request: "a.b.c" }, "invalid_request"]
  ]
  for (const [what, parameters, code] of refused) {
    it.effect(`is refused with ${code} if it has ${what}`, () =>
      Effect.gen(function* () {
        const response = yield* RawClient.initiate(parameters)
        assert.strictEqual(response.status, 400)
        assert.strictEqual(response.body.error, code)
      }).pipe(provide)
    )
  }

  it.effect("is refused with a repeated parameter, even with the same value", () =>
    Effect.gen(function* () {
      const response = yield* RawClient.send("/backchannel", [
        ["scope", "openid"],
        ["scope", "openid"],
        ["login_hint", "jo@example.com"]
      ])
      assert.strictEqual(RawClient.outcome(yield* RawClient.read(response)), "invalid_request")
    }).pipe(provide)
  )

  it.effect("may repeat resource (RFC 8707)", () =>
    Effect.gen(function* () {
      const response = yield* RawClient.send("/backchannel", [
        ["scope", "openid"],
        ["resource", "https://a.test"],
        ["resource", "https://b.test"],
        ["login_hint", "jo@example.com"]
      ])
      assert.strictEqual(response.status, 200)
    }).pipe(provide)
  )

  it.effect("is refused with 405 if its method is GET", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${RawClient.issuer}/backchannel`)
      assert.strictEqual(response.status, 405)
      assert.strictEqual(response.headers.allow, "POST")
    }).pipe(provide)
  )

  it.effect("is refused if its body is not a form", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(
        HttpClientRequest.bodyText(HttpClientRequest.post(`${RawClient.issuer}/backchannel`), "{}", "application/json")
      )
      assert.strictEqual(RawClient.outcome(yield* RawClient.read(response)), "invalid_request")
    }).pipe(provide)
  )
})

describe("the end-user", () => {
  it.effect("is contacted with the right user code alone", () =>
    Effect.gen(function* () {
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate()), "missing_user_code")
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate({ user_code: "4321" })), "invalid_user_code")
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate({ user_code: "1234" })), 200)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ userCode: "1234" }) })))
  )

  it.effect("is shown only binding messages that match the option", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        RawClient.outcome(yield* RawClient.initiate({ binding_message: "zu lang und zu schön" })),
        "invalid_binding_message"
      )
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate({ binding_message: "W4SCT" })), 200)
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate({ binding_message: "W4SCT" })), 200)
      const [pending] = yield* RawClient.provider.use((provider) => provider.pending)
      assert.strictEqual(pending?.bindingMessage, "W4SCT")
    }).pipe(Effect.provide(TestProvider.layer({ bindingMessage: /^[A-Z0-9]{1,8}$/g })))
  )
})
