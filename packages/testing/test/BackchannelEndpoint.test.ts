import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const provide = Effect.provide(TestProvider.layer())

describe("the acknowledgement", () => {
  it.effect("has auth_req_id, expires_in and interval in seconds", () =>
    Effect.gen(function* () {
      const { body, headers, status } = yield* Raw.ask()
      assert.strictEqual(status, 200)
      assert.match(Raw.text(body.auth_req_id), /^[A-Za-z0-9_-]{27}$/)
      assert.deepStrictEqual({ ...body, auth_req_id: "" }, { auth_req_id: "", expires_in: 300, interval: 5 })
      assert.strictEqual(headers["cache-control"], "no-store")
    }).pipe(provide)
  )

  it.effect("follows the options", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.ask()
      assert.deepStrictEqual({ ...body, auth_req_id: "" }, { auth_req_id: "", expires_in: 120, interval: 2 })
    }).pipe(Effect.provide(TestProvider.layer({ interval: "2 seconds", expiresIn: "2 minutes" })))
  )

  it.effect("leaves the interval out when it is omitted", () =>
    Effect.gen(function* () {
      assert.notProperty((yield* Raw.ask()).body, "interval")
    }).pipe(Effect.provide(TestProvider.layer({ interval: "omitted" })))
  )

  it.effect("is forged when the provider is told to", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* Raw.ask()).body, { expires_in: "120", extra: true })
    }).pipe(Effect.provide(TestProvider.layer({ acknowledgement: () => ({ expires_in: "120", extra: true }) })))
  )

  it.effect("takes the lifetime from requested_expiry", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.ask({ requested_expiry: "42" })
      assert.strictEqual(body.expires_in, 42)
      yield* TestClock.adjust("41 seconds")
      assert.strictEqual(Raw.outcome(yield* Raw.poll(Raw.text(body.auth_req_id))), "authorization_pending")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(Raw.outcome(yield* Raw.poll(Raw.text(body.auth_req_id))), "expired_token")
    }).pipe(provide)
  )

  it.effect("names another auth_req_id each time", () =>
    Effect.gen(function* () {
      assert.notStrictEqual(yield* Raw.acknowledged(), yield* Raw.acknowledged())
    }).pipe(provide)
  )
})

describe("a malformed request", () => {
  const refused: ReadonlyArray<readonly [string, Raw.Parameters, string]> = [
    ["no scope", { scope: undefined }, "invalid_request"],
    ["a scope without openid", { scope: "profile" }, "invalid_scope"],
    ["no hint", { login_hint: undefined }, "invalid_request"],
    ["an empty hint", { login_hint: "" }, "invalid_request"],
    ["two hints", { login_hint_token: "token" }, "invalid_request"],
    ["a person nobody knows", { login_hint: "nobody@example.com" }, "unknown_user_id"],
    ["an expiry that is no positive number", { requested_expiry: "0" }, "invalid_request"],
    ["an expiry that is no whole number", { requested_expiry: "1.5" }, "invalid_request"],
    ["a request object", { request: "a.b.c" }, "invalid_request"]
  ]
  for (const [what, parameters, code] of refused) {
    it.effect(`is refused with ${code}: ${what}`, () =>
      Effect.gen(function* () {
        const answer = yield* Raw.ask(parameters)
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(answer.body.error, code)
      }).pipe(provide)
    )
  }

  it.effect("is refused when a parameter is there twice, even with the same value", () =>
    Effect.gen(function* () {
      const response = yield* Raw.send("/backchannel", [
        ["scope", "openid"],
        ["scope", "openid"],
        ["login_hint", "jo@example.com"]
      ])
      assert.strictEqual(Raw.outcome(yield* Raw.answered(response)), "invalid_request")
    }).pipe(provide)
  )

  it.effect("may have resource twice (RFC 8707)", () =>
    Effect.gen(function* () {
      const response = yield* Raw.send("/backchannel", [
        ["scope", "openid"],
        ["resource", "https://a.test"],
        ["resource", "https://b.test"],
        ["login_hint", "jo@example.com"]
      ])
      assert.strictEqual(response.status, 200)
    }).pipe(provide)
  )

  it.effect("is refused when it is no POST", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${Raw.issuer}/backchannel`)
      assert.strictEqual(response.status, 405)
      assert.strictEqual(response.headers.allow, "POST")
    }).pipe(provide)
  )

  it.effect("is refused when it is no form", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(
        HttpClientRequest.bodyText(HttpClientRequest.post(`${Raw.issuer}/backchannel`), "{}", "application/json")
      )
      assert.strictEqual(Raw.outcome(yield* Raw.answered(response)), "invalid_request")
    }).pipe(provide)
  )
})

describe("the person", () => {
  it.effect("is found by a login_hint_token, and not by an expired one", () =>
    Effect.gen(function* () {
      const byToken = { login_hint: undefined, login_hint_token: "for jo" }
      assert.strictEqual(Raw.outcome(yield* Raw.ask(byToken)), 200)
      const expired = { login_hint: undefined, login_hint_token: "old" }
      assert.strictEqual(Raw.outcome(yield* Raw.ask(expired)), "expired_login_hint_token")
    }).pipe(
      Effect.provide(
        TestProvider.layer({ user: TestUser.approve({ loginHintToken: "for jo" }), expiredLoginHintTokens: ["old"] })
      )
    )
  )

  for (const algorithm of ["RS256", "HS256"] as const) {
    it.effect(`is found by an earlier ID Token signed with ${algorithm}, however old, and not by a tampered one`, () =>
      Effect.gen(function* () {
        const answer = yield* Raw.poll(yield* Raw.acknowledged({ login_hint: "ann@example.com" }))
        const idToken = Raw.text(answer.body.id_token)
        yield* TestClock.adjust("30 days")
        const again = yield* Raw.poll(yield* Raw.acknowledged({ login_hint: undefined, id_token_hint: idToken }))
        assert.propertyVal(yield* Raw.part(again.body.id_token, 1), "sub", "ann")
        const tampered = { login_hint: undefined, id_token_hint: `${idToken.slice(0, -4)}AAAA` }
        assert.strictEqual(Raw.outcome(yield* Raw.ask(tampered)), "unknown_user_id")
      }).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
            user: [TestUser.ignore, TestUser.approve({ subject: "ann", loginHint: "ann@example.com", after: 0 })]
          })
        )
      )
    )
  }

  it.effect("is rung only with the right user code", () =>
    Effect.gen(function* () {
      assert.strictEqual(Raw.outcome(yield* Raw.ask()), "missing_user_code")
      assert.strictEqual(Raw.outcome(yield* Raw.ask({ user_code: "4321" })), "invalid_user_code")
      assert.strictEqual(Raw.outcome(yield* Raw.ask({ user_code: "1234" })), 200)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ userCode: "1234" }) })))
  )

  it.effect("is shown no binding message that breaks the rule", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        Raw.outcome(yield* Raw.ask({ binding_message: "zu lang und zu schön" })),
        "invalid_binding_message"
      )
      assert.strictEqual(Raw.outcome(yield* Raw.ask({ binding_message: "W4SCT" })), 200)
      assert.strictEqual(Raw.outcome(yield* Raw.ask({ binding_message: "W4SCT" })), 200)
      const [pending] = yield* Raw.provider.use((provider) => provider.pending)
      assert.strictEqual(pending?.bindingMessage, "W4SCT")
    }).pipe(Effect.provide(TestProvider.layer({ bindingMessage: /^[A-Z0-9]{1,8}$/g })))
  )
})
