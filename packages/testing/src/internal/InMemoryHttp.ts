/** The provider behind Effect's HTTP client: routes, plays the scripts, and keeps the record. */
import { Clock, Effect } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { Endpoint } from "../RequestRecord.ts"
import type { AuthenticationRequests } from "./AuthenticationRequests.ts"
import * as FormRequest from "./FormRequest.ts"
import * as InMemoryResponse from "./InMemoryResponse.ts"
import type * as ProviderResponse from "./ProviderResponse.ts"
import type { RequestLog } from "./RequestLog.ts"
import type { Play } from "./ScriptPlayer.ts"

export type Handlers = Readonly<
  Record<
    Endpoint,
    (
      form: FormRequest.FormRequest
    ) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>
  >
>

export const make = (parts: {
  readonly route: (url: URL) => Endpoint | undefined
  readonly handlers: Handlers
  readonly log: RequestLog
  readonly play: Play
  readonly requests: AuthenticationRequests
}): HttpClient.HttpClient => {
  const { handlers, log, play, requests, route } = parts

  const exchange = Effect.fnUntraced(function* (
    request: HttpClientRequest.HttpClientRequest,
    url: URL
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> {
    const receivedAt = yield* Clock.currentTimeMillis
    const form = FormRequest.read(request, url)
    const endpoint = route(url)
    const opened = log.open(form, endpoint ?? "elsewhere", receivedAt)
    if (endpoint === undefined) {
      opened.closed()
      return yield* broken(request, `there is no ${url.host} here`)
    }
    const handled = Effect.catch(handlers[endpoint](form), Effect.succeed)
    const outcome = yield* play(endpoint, handled).pipe(
      Effect.onInterrupt(() => Effect.sync(opened.aborted)),
      Effect.ensuring(Effect.sync(opened.closed))
    )
    const respondedAt = yield* Clock.currentTimeMillis
    if (endpoint === "token" && outcome.response !== undefined) {
      const authReqId = form.parameters.find(([name]) => name === "auth_req_id")?.[1] ?? ""
      requests.answered(authReqId, { receivedAt, respondedAt, error: outcome.response.error })
    }
    if (outcome._tag === "Lost") return yield* broken(request, "the connection was reset")
    opened.answered(outcome.response, respondedAt)
    return InMemoryResponse.make(request, outcome.response, { broken: outcome._tag === "BreaksOff" })
  })

  return HttpClient.make((request, url) => exchange(request, url))
}

const broken = (
  request: HttpClientRequest.HttpClientRequest,
  description: string
): Effect.Effect<never, HttpClientError.HttpClientError> =>
  Effect.fail(
    new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, description }) })
  )
