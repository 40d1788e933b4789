/** The provider as an HTTP client of Effect: it routes requests, plays the scripts, and records every exchange. */
import { Clock, Effect } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { Endpoint } from "../RequestRecord.ts"
import type { AuthenticationRequests } from "./AuthenticationRequests.ts"
import * as FormRequest from "./FormRequest.ts"
import * as InMemoryResponse from "./InMemoryResponse.ts"
import type { RequestLog } from "./RequestLog.ts"
import type { Play } from "./ScriptPlayer.ts"
import { PresentedCertificate } from "./SenderConstraint.ts"
import type { Settings } from "./Settings.ts"

export type Handlers = Readonly<Record<Endpoint, FormRequest.Handler>>

export const make = (parts: {
  readonly findEndpoint: (url: URL) => Endpoint | undefined
  readonly handlers: Handlers
  readonly log: RequestLog
  readonly play: Play
  readonly requests: AuthenticationRequests
  readonly settings: Settings
}): HttpClient.HttpClient => {
  const { findEndpoint, handlers, log, play, requests, settings } = parts

  const exchange = Effect.fnUntraced(function* (
    request: HttpClientRequest.HttpClientRequest,
    url: URL
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> {
    const receivedAt = yield* Clock.currentTimeMillis
    const form = FormRequest.make(request, url, (yield* PresentedCertificate) ?? settings.clientCertificate)
    const endpoint = findEndpoint(url)
    const record = log.open(form, endpoint ?? "elsewhere", receivedAt)
    if (endpoint === undefined) {
      record.close()
      return yield* transportError(request, `there is no ${url.host} here`)
    }
    const handled = settings.runOnProviderClock(Effect.catch(handlers[endpoint](form), Effect.succeed))
    const outcome = yield* play(endpoint, handled).pipe(
      Effect.onInterrupt(() => Effect.sync(record.abort)),
      Effect.ensuring(Effect.sync(record.close))
    )
    const respondedAt = yield* Clock.currentTimeMillis
    if (endpoint === "token" && outcome.response !== undefined) {
      const authReqId = form.parameters.find(([name]) => name === "auth_req_id")?.[1] ?? ""
      const { clockSkew } = settings
      requests.recordResponse(authReqId, {
        receivedAt: receivedAt + clockSkew,
        respondedAt: respondedAt + clockSkew,
        error: outcome.response.error
      })
    }
    if (outcome._tag === "Lost") return yield* transportError(request, "the connection was reset")
    record.respond(outcome.response, respondedAt)
    return InMemoryResponse.make(request, outcome.response, { broken: outcome._tag === "BreaksOff" })
  })

  return HttpClient.make((request, url) => exchange(request, url))
}

const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  description: string
): Effect.Effect<never, HttpClientError.HttpClientError> =>
  Effect.fail(
    new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, description }) })
  )
