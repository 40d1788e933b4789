/**
 * The span of one HTTP request, by OpenTelemetry's conventions for HTTP clients.
 *
 * | attribute | value |
 * | --- | --- |
 * | `http.request.method` | the method |
 * | `url.full` | the URL without user, query and fragment, cut at 300 characters |
 * | `server.address`, `server.port` | the server |
 * | `http.response.status_code` | the status of the response, if any |
 * | `error.type` | the kind of the transport error, if any |
 *
 * **Details**
 *
 * - The span contains no headers and no bodies, and ends without the response, which a tracer could show.
 * - A status alone does not fail the span: a poll with the response 400 `authorization_pending` succeeded.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
import { Effect, Result } from "effect"
import { HttpClient, type HttpClientRequest, Url } from "effect/http"
import { sanitize } from "../internal/DisplayText.ts"
import * as Span from "../internal/Span.ts"
import type { TransportError } from "./TransportError.ts"

/** Runs a request within its span, if there is a tracer. */
export const trace = <A extends { readonly status: number }>(
  request: HttpClientRequest.HttpClientRequest,
  send: Effect.Effect<A, TransportError>
): Effect.Effect<A, TransportError> =>
  Effect.withFiber(({ cache }) => (cache.tracer === undefined ? send : traceAlways(request, send)))

const traceAlways: typeof trace = (request, send) =>
  Effect.flatMap(HttpClient.SpanNameGenerator, (name) =>
    Span.run(
      name(request),
      send.pipe(
        Effect.tap(({ status }) => Effect.annotateCurrentSpan("http.response.status_code", status)),
        Effect.tapError(({ kind, status }) =>
          Effect.annotateCurrentSpan({
            ...(status === undefined ? undefined : { "http.response.status_code": status }),
            "error.type": kind
          })
        )
      ),
      { kind: "client", attributes: attributes(request) }
    )
  )

const attributes = ({ method, url }: HttpClientRequest.HttpClientRequest): Record<string, string | number> => ({
  "http.request.method": method,
  ...Result.match(Url.fromString(url), {
    onFailure: () => ({}),
    onSuccess: ({ hostname, origin, pathname, port, protocol }) => ({
      "url.full": sanitize(`${origin}${pathname}`, 300),
      "server.address": hostname.replace(/^\[|\]$/g, ""),
      "server.port": port === "" ? (protocol === "http:" ? 80 : 443) : Number(port)
    })
  })
})
