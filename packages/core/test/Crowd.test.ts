import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, SigningKey, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Random, Result } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"

const people = 20

/** Twenty people: the even ones approve, the odd ones refuse, each after a time of their own. */
const users = Array.from({ length: people }, (_, index) => {
  const options = { subject: `p${index}`, loginHint: `p${index}@test`, after: `${index * 4} seconds` } as const
  return index % 2 === 0 ? TestUser.approve(options) : TestUser.deny(options)
})

const respond =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
  (request: HttpClientRequest.HttpClientRequest) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))

const reset = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.fail(
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.TransportError({ request, description: "the connection was reset" })
    })
  )

const faults = [
  reset,
  respond(502, "<h1>Bad gateway</h1>", { "content-type": "text/html" }),
  respond(503, ""),
  respond(503, "", { "retry-after": "3" }),
  respond(429, "slow", { "retry-after": "2" }),
  respond(200, "<!doctype html>"),
  respond(200, '{"access_token":"'),
  respond(500, '{"error":"server_error"}'),
  () => Effect.never
]

/** What the world was asked, and what it kept to itself. */
class Weather {
  open = 0
  mostOpen = 0
  asked = 0
  readonly swallowed = new Set<string>()
}

const idIn = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  new URLSearchParams(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "").get("auth_req_id") ?? ""

/** Three of ten token requests meet a fault before the provider sees them, and one of a hundred answers is lost. */
const stormy = (weather: Weather) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const random = yield* Random.Random
      const chance = () => random.nextDoubleUnsafe()
      return HttpClient.make((request, url) => {
        if (!url.pathname.endsWith("/token")) return client.execute(request)
        weather.asked += 1
        weather.mostOpen = Math.max(weather.mostOpen, ++weather.open)
        const fault = chance() < 0.3 ? faults[Math.floor(chance() * faults.length)] : undefined
        const lost = chance() < 0.01
        const answer = Effect.flatMap(client.execute(request), (response) => {
          if (!lost) return Effect.succeed(response)
          if (response.status === 200) weather.swallowed.add(idIn(request))
          return reset(request)
        })
        return Effect.ensuring(
          fault === undefined ? answer : fault(request),
          Effect.sync(() => {
            weather.open -= 1
          })
        )
      })
    }).pipe(Random.withSeed("a thousand waits"))
  )

const flow = (weather: Weather, provider: ProviderOptions, options: Partial<Ciba.Options> = {}) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    maxConcurrentRequests: 50,
    ...options
  }).pipe(
    Layer.provide(stormy(weather)),
    Layer.provideMerge(TestProvider.layer({ user: users, expiresIn: "30 minutes", ...provider }))
  )

/** Asks so many times, and counts how each ended. */
const crowd = Effect.fnUntraced(function* (count: number, weather: Weather) {
  const outcomes = new Map<string, number>()
  const requests = Array.from({ length: count }, (_, index) => ({
    scope: ["openid"],
    hint: UserHint.login(`p${index % people}@test`)
  }))
  yield* Ciba.authenticateAll(requests, (decision, { hint: _ }) =>
    Effect.sync(() => {
      const outcome = Result.isSuccess(decision) ? "approved" : decision.failure.reason._tag
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    })
  )
  const unknown = weather.swallowed.size
  expect(Object.fromEntries(outcomes)).toEqual({
    approved: count / 2 - unknown,
    AccessDenied: count / 2,
    ...(unknown === 0 ? undefined : { OutcomeUnknown: unknown })
  })
})

describe("many at once", () => {
  it.effect(
    "a thousand waits in a storm of faults: every approval arrives, every refusal is one, and nothing else ends a wait (H3, H5, H8, H9, H21–H23, T-5, T-32)",
    () => {
      const weather = new Weather()
      return Effect.gen(function* () {
        const all = yield* Effect.forkChild(crowd(1000, weather))
        while (all.pollUnsafe() === undefined) {
          yield* TestClock.adjust("10 seconds")
          yield* Effect.promise(() => new Promise(setImmediate))
        }
        yield* Fiber.join(all)
        const provider = yield* TestProvider.TestProvider
        expect(weather.mostOpen).toBeLessThanOrEqual(50)
        expect(weather.swallowed.size).toBeGreaterThan(0)
        expect(weather.asked).toBeGreaterThan(1200)
        expect(yield* provider.inFlightMax).toBe(1)
        expect((yield* provider.requests).filter(({ error }) => error === "slow_down")).toEqual([])
      }).pipe(Effect.provide(flow(weather, {})))
    },
    60_000
  )

  it.effect(
    "a hundred waits whose proofs need a new nonce each time, in the same storm (H26, H27, M7, T-10)",
    () => {
      const weather = new Weather()
      return Effect.gen(function* () {
        const all = yield* Effect.forkChild(crowd(100, weather))
        while (all.pollUnsafe() === undefined) {
          yield* TestClock.adjust("1 second")
          for (let turn = 0; turn < 20; turn += 1) yield* Effect.promise(() => new Promise(setImmediate))
        }
        yield* Fiber.join(all)
        expect(weather.asked).toBeGreaterThan(200)
      }).pipe(
        Effect.provide(
          flow(weather, { dpop: { nonces: "lasting" } }).pipe(
            Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))
          )
        )
      )
    },
    60_000
  )
})
