// A network that loses, delays and garbles what goes to the token endpoint, by chance that can be repeated.
import { Clock, Effect, Layer } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import * as Seeded from "./Seeded.ts"

/** One token request as the network saw it; instants in milliseconds. */
export interface Sent {
  readonly authReqId: string
  readonly at: number
  /** What became of it: the provider's status, or the fault that took its place. */
  became: string
  answeredAt: number
  /** How long the answer told to wait, in milliseconds. */
  pause: number
}

/** A fault that takes the place of the provider, which never sees the request. */
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

/** How much goes wrong. */
export interface Options {
  readonly seed: number
  /** The share of token requests that a fault takes. */
  readonly share: number
  /** The share of token answers that are lost after the provider has given them. */
  readonly lost: number
  /** How long each request takes. */
  readonly latency: number
}

/** The network, and what it saw. */
export const make = ({ latency, lost, seed, share }: Options) => {
  const chance = Seeded.numbers(seed)
  const sent: Array<Sent> = []
  let underWay = 0
  let underWayMax = 0

  const carried = (
    provider: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>,
    request: HttpClientRequest.HttpClientRequest
  ) =>
    Effect.gen(function* () {
      const entry: Sent = {
        authReqId: authReqIdOf(request),
        at: yield* Clock.currentTimeMillis,
        became: "abandoned",
        answeredAt: Number.POSITIVE_INFINITY,
        pause: 0
      }
      sent.push(entry)
      const [name, answer, pause = 0] =
        chance() < share ? Seeded.oneOf(chance, faults) : (["", () => provider] as const)
      const isLost = name === "" && chance() < lost
      yield* Effect.sleep(latency)
      const response = yield* Effect.ensuring(
        answer(request),
        Effect.map(Clock.currentTimeMillis, (now) => {
          entry.became = name
          entry.pause = pause
          entry.answeredAt = now
        })
      )
      if (name === "") entry.became = `${isLost ? "lost " : ""}${response.status}`
      return isLost ? yield* reset(request) : response
    })

  const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
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
        counted(request.url.endsWith("/token") ? carried(provider, request) : Effect.delay(provider, latency))
      )
    )
  )

  return { layer, sent, underWayMax: () => underWayMax }
}

const authReqIdOf = ({ body }: HttpClientRequest.HttpClientRequest) =>
  new URLSearchParams(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "").get("auth_req_id") ?? ""
