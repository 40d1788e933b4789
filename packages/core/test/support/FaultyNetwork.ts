// A network that loses, delays and damages token requests and their responses by seeded chance.
import { Clock, Effect, Layer } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import * as SeededRandom from "./SeededRandom.ts"

/** One token request; instants in milliseconds. */
export interface TokenRequestRecord {
  readonly authReqId: string
  readonly at: number
  /** The provider's status, or the fault in its place. */
  outcome: string
  respondedAt: number
  /** The delay that the response requires, in milliseconds. */
  retryAfter: number
}

/** A fault in the place of the provider, which never receives the request. */
type Fault = readonly [
  name: string,
  answer: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>,
  pause?: number
]

const reset = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.fail(
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.TransportError({ request, description: "the connection was reset" })
    })
  )

const respond =
  (body: string, init: ResponseInit): Fault[1] =>
  (request) =>
    Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, init)))

const page = "<!doctype html><title>Oops</title>"

const faults: readonly [Fault, ...ReadonlyArray<Fault>] = [
  ["reset", reset],
  ["hang", () => Effect.never],
  ["502", respond(page, { status: 502 })],
  ["page", respond(page, { status: 200 })],
  ["truncated", respond('{"access_token":"abc', { status: 200 })],
  ["500", respond('{"error":"server_error"}', { status: 500 })],
  ["503", respond(page, { status: 503 }), 1000],
  ["503 in JSON", respond('{"error":"temporarily_unavailable"}', { status: 503 }), 1000],
  ["503 with Retry-After", respond("", { status: 503, headers: { "retry-after": "4" } }), 4000],
  ["429", respond("", { status: 429, headers: { "retry-after": "2" } }), 2000]
]

/** How often faults occur. */
export interface Options {
  readonly seed: number
  /** The share of token requests that end with a fault. */
  readonly faultRate: number
  /** The share of token responses that are lost on the way to the client. */
  readonly lostRate: number
  /** How long each request takes. */
  readonly latency: number
}

/** The network as a layer, and the token requests so far. */
export const make = ({ latency, lostRate: lost, seed, faultRate: share }: Options) => {
  const chance = SeededRandom.make(seed)
  const sent: Array<TokenRequestRecord> = []
  let underWay = 0
  let underWayMax = 0

  const transmit = (
    provider: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>,
    request: HttpClientRequest.HttpClientRequest
  ) =>
    Effect.gen(function* () {
      const entry: TokenRequestRecord = {
        authReqId: authReqIdOf(request),
        at: yield* Clock.currentTimeMillis,
        outcome: "abandoned",
        respondedAt: Number.POSITIVE_INFINITY,
        retryAfter: 0
      }
      sent.push(entry)
      const [name, answer, pause = 0] =
        chance() < share ? SeededRandom.oneOf(chance, faults) : (["", () => provider] as const)
      const isLost = name === "" && chance() < lost
      yield* Effect.sleep(latency)
      const response = yield* Effect.ensuring(
        answer(request),
        Effect.map(Clock.currentTimeMillis, (now) => {
          entry.outcome = name
          entry.retryAfter = pause
          entry.respondedAt = now
        })
      )
      if (name === "") entry.outcome = `${isLost ? "lost " : ""}${response.status}`
      return isLost ? yield* reset(request) : response
    })

  const countInFlight = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        underWay += 1
        underWayMax = Math.max(underWayMax, underWay)
      }),
      () => effect,
      () =>
        Effect.sync(() => {
          underWay -= 1
        })
    )

  const layer = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.transform((provider, request) =>
        countInFlight(request.url.endsWith("/token") ? transmit(provider, request) : Effect.delay(provider, latency))
      )
    )
  )

  return { layer, sent, maxInFlight: () => underWayMax }
}

const authReqIdOf = ({ body }: HttpClientRequest.HttpClientRequest) =>
  new URLSearchParams(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "").get("auth_req_id") ?? ""
