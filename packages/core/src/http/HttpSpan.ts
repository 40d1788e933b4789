/**
 * The span of one call over HTTP, by OpenTelemetry's conventions for HTTP clients.
 *
 * | attribute | value |
 * | --- | --- |
 * | `http.request.method` | the method |
 * | `url.full` | the URL without user, query and fragment, cut at 300 characters |
 * | `server.address`, `server.port` | who was called |
 * | `http.response.status_code` | the status, where an answer came |
 * | `error.type` | the kind of the fault, where the call failed |
 *
 * **Details**
 *
 * - Neither headers nor bodies are shown.
 * - A status alone does not fail a span: a poll that is answered with 400 and `authorization_pending` went well.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
import { Effect, Result } from "effect"
import { HttpClient, type HttpClientRequest, Url } from "effect/http"
import { sanitize } from "../internal/DisplayText.ts"
import type { TransportError } from "./TransportError.ts"

/** A call with its span. */
export const trace = <A extends { readonly status: number }>(
  request: HttpClientRequest.HttpClientRequest,
  call: Effect.Effect<A, TransportError>
): Effect.Effect<A, TransportError> =>
  Effect.flatMap(HttpClient.SpanNameGenerator, (name) =>
    Effect.useSpan(name(request), { kind: "client", attributes: attributes(request) }, (span) => {
      const answered = (status: number | undefined): void => {
        if (status !== undefined) span.attribute("http.response.status_code", status)
      }
      return Effect.withParentSpan(call, span).pipe(
        Effect.tap(({ status }) => Effect.sync(() => answered(status))),
        Effect.tapError(({ kind, status }) =>
          Effect.sync(() => {
            answered(status)
            span.attribute("error.type", kind)
          })
        )
      )
    })
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
