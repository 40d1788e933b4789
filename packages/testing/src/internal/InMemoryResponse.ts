/** A response of the provider as one of Effect's HTTP client, which is read without real asynchronous work. */
import { Effect, Schema, Stream } from "effect"
import { HttpClientError, type HttpClientRequest, HttpClientResponse, UrlParams } from "effect/http"
import type { ProviderResponse } from "./ProviderResponse.ts"

/** The response to a request; a `broken` one fails after the first half of its body. */
export const make = (
  request: HttpClientRequest.HttpClientRequest,
  { body, headers, status }: ProviderResponse,
  options: { readonly broken: boolean }
): HttpClientResponse.HttpClientResponse => {
  // The body is not in the web response: a reader of that would have to wait for promises.
  const response = HttpClientResponse.fromWeb(request, new Response(null, { status, headers }))
  const unreadable = (cause: unknown): HttpClientError.HttpClientError =>
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request, response, cause, description: "the body cannot be read" })
    })
  const bytes = new TextEncoder().encode(body)
  const broken = Effect.suspend(() => Effect.fail(unreadable("the connection broke in the middle of the body")))
  const text = options.broken ? broken : Effect.succeed(body)
  return Object.defineProperties(response, {
    stream: {
      value: options.broken
        ? Stream.concat(chunk(bytes.subarray(0, Math.floor(bytes.length / 2))), Stream.fromEffect(broken))
        : chunk(bytes)
    },
    text: { value: text },
    arrayBuffer: { value: options.broken ? broken : Effect.sync(() => bytes.slice().buffer) },
    json: {
      value: Effect.flatMap(text, (json) =>
        json === "" ? Effect.succeed(null) : Effect.mapError(decodeJson(json), unreadable)
      )
    },
    urlParamsBody: { value: Effect.map(text, (form) => UrlParams.fromInput(new URLSearchParams(form))) }
  })
}

/** Whether a `Response` with this status has no body, not even an empty one. */
export const isBodiless = (status: number): boolean => [204, 205, 304].includes(status)

const chunk = (bytes: Uint8Array): Stream.Stream<Uint8Array> =>
  bytes.length === 0 ? Stream.empty : Stream.succeed(bytes)

const decodeJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Json))
