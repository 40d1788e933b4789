import { assert, describe, it } from "@effect/vitest"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, type Duration, Effect, Fiber, Redacted, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

/** A poll loop as a program would have it: each call with a time limit, and a wait after each answer. */
const wait = (authReqId: string, interval: Duration.Input) =>
  Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(interval)
      const answer = yield* Effect.timeout(Raw.poll(authReqId), "35 seconds")
      if (answer.body.error !== "authorization_pending") return answer
    }
  })

describe("time", () => {
  it.effect("is the clock's alone: five minutes of polling pass in one adjustment, at exact instants", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const fiber = yield* Effect.forkChild(Effect.flatMap(Raw.acknowledged(), (id) => wait(id, "5 seconds")))
      yield* TestClock.adjust("5 minutes")
      const { body } = yield* Fiber.join(fiber)
      assert.propertyVal(yield* Raw.part(body.id_token, 1), "iat", 245)
      const polls = yield* provider.polls
      assert.deepStrictEqual(
        polls,
        Array.from({ length: 49 }, (_, index) => (index + 1) * 5000)
      )
      const last = (yield* provider.requests).at(-1)
      assert.deepStrictEqual([last?.at, last?.respondedAt, last?.status], [245_000, 245_000, 200])
      assert.strictEqual(yield* provider.inFlightMax, 1)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "241 seconds" }) })))
  )

  it.effect("passes poll by poll for a program that signs between its polls", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256", "client")
      const signed = Effect.gen(function* () {
        const exp = (yield* Clock.currentTimeMillis) / 1000 + 60
        const claims = { iss: TestClient.clientId, sub: TestClient.clientId, aud: Raw.issuer, jti: `${exp}`, exp }
        return {
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: Redacted.value(yield* JsonWebToken.sign(claims, { key }))
        }
      })
      yield* Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const id = yield* Raw.acknowledged(yield* signed, null)
        const polling = Effect.delay(
          Effect.flatMap(signed, (assertion) => Raw.poll(id, assertion, null)),
          "5 seconds"
        )
        const fiber = yield* Effect.forkChild(Effect.repeat(polling, { until: ({ status }) => status === 200 }))
        yield* Effect.forEach([1, 2, 3, 4], (count) =>
          Effect.andThen(TestClock.adjust("5 seconds"), provider.afterPolls(count))
        )
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* provider.polls, [5000, 10_000, 15_000, 20_000])
      }).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.privateKeyJwt(key.publicJwk),
            user: TestUser.approve({ after: "17 seconds" })
          })
        )
      )
    })
  )
})

describe("a response", () => {
  it.effect("is read in every way without leaving the event loop's turn", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${Raw.issuer}/.well-known/openid-configuration`)
      const text = Effect.runSync(response.text)
      assert.include(text, '"issuer":"https://provider.test"')
      assert.propertyVal(Effect.runSync(response.json), "issuer", Raw.issuer)
      assert.strictEqual(new TextDecoder().decode(Effect.runSync(response.arrayBuffer)), text)
      assert.strictEqual(Effect.runSync(Stream.mkString(Stream.decodeText(response.stream))), text)
      assert.strictEqual(Effect.runSync(Stream.mkString(Stream.decodeText(response.stream))), text)
      assert.strictEqual(HttpClientResponse.toWeb(response)._tag, "Some")
      assert.strictEqual(response.url, `${Raw.issuer}/.well-known/openid-configuration`)
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("without a body has an empty stream", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${Raw.issuer}/jwks`)
      assert.strictEqual(response.status, 204)
      assert.deepStrictEqual(Effect.runSync(Stream.runCollect(response.stream)), [])
      assert.strictEqual(Effect.runSync(response.json), null)
    }).pipe(Effect.provide(TestProvider.layer({ keysScript: ProviderScript.make([ProviderScript.status(204)]) })))
  )

  it.effect("that is no JSON fails to be read as JSON", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get(`${Raw.issuer}/nowhere`)
      assert.strictEqual(response.status, 404)
      assert.strictEqual((yield* Effect.flip(response.json)).reason._tag, "DecodeError")
    }).pipe(Effect.provide(TestProvider.layer()))
  )
})

describe("the record", () => {
  it.effect("has every request in order, with its parameters, its answer and their instants", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      yield* HttpClient.get(`${Raw.issuer}/jwks?v=1`)
      yield* TestClock.adjust("1 second")
      const id = yield* Raw.acknowledged({ binding_message: "grüß+ 1" })
      yield* TestClock.adjust("1 second")
      yield* Raw.poll(id)
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
            url: `${Raw.issuer}/jwks?v=1`,
            respondedAt: 0,
            status: 200,
            error: undefined
          },
          {
            at: 1000,
            endpoint: "backchannel",
            method: "POST",
            url: `${Raw.issuer}/backchannel`,
            respondedAt: 1000,
            status: 200,
            error: undefined
          },
          {
            at: 2000,
            endpoint: "token",
            method: "POST",
            url: `${Raw.issuer}/token`,
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

  it.effect("keeps the Authorization header redacted", () =>
    Effect.gen(function* () {
      yield* Raw.ask()
      const [request] = yield* Raw.provider.use((provider) => provider.requests)
      assert.notProperty(request?.headers, "authorization")
      assert.strictEqual(request?.headers["content-type"], "application/x-www-form-urlencoded")
      assert.strictEqual(Redacted.value(request?.authorization ?? Redacted.make("")), Raw.defaultBasic)
      assert.notInclude(JSON.stringify(request), Raw.defaultBasic)
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("counts token requests that overlap, for each auth_req_id by itself", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const both = Effect.all([Raw.acknowledged(), Raw.acknowledged()])
      const [first, second] = yield* both
      const fiber = yield* Effect.forkChild(
        Effect.all([Raw.poll(first), Raw.poll(second)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* provider.inFlightMax, 1)
      const overlapping = yield* Effect.forkChild(
        Effect.all([Raw.poll(first), Raw.poll(first)], { concurrency: "unbounded" })
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

it.effect("afterPolls says how many polls are missing, and does not wait for ever", () =>
  Effect.gen(function* () {
    const provider = yield* TestProvider.TestProvider
    const error = yield* Effect.flip(provider.afterPolls(2))
    assert.deepStrictEqual(error, new TestProvider.PollsMissing({ expected: 2, over: 0 }))
  }).pipe(Effect.provide(TestProvider.layer()))
)
