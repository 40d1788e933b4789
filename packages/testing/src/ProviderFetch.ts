/**
 * The provider in memory as a `fetch` function: for libraries that are not built on Effect, and for tests of your own code
 * with them.
 *
 * **Details**
 *
 * - It rejects as `fetch` does: with a `TypeError` where the connection breaks, with the signal's reason where it aborts.
 * - Its time is the `Clock` of the effect that made it.
 *
 * **Example** (The provider without Effect)
 *
 * ```ts
 * import { ProviderFetch } from "@effect-ciba/testing"
 * import { Effect } from "effect"
 *
 * const { fetch, provider } = await Effect.runPromise(ProviderFetch.make())
 *
 * const response = await fetch(`${provider.issuer}/.well-known/openid-configuration`)
 * response.status // => 200
 * ```
 */
import { Context, Effect, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { ProviderOptions } from "./ProviderOptions.ts"
import * as TestProvider from "./TestProvider.ts"

/** What a request is besides its URL. Other members than these are passed over. */
export interface Init {
  readonly method?: string | undefined
  readonly headers?: RequestInit["headers"] | undefined
  readonly body?: RequestInit["body"] | undefined
  readonly signal?: AbortSignal | null | undefined
}

/** A `fetch` that takes what the platform's takes. */
export type Fetch = (input: string | URL | Request, init?: Init) => Promise<Response>

/** A provider, and the `fetch` that reaches it. */
export const make = (
  options?: ProviderOptions
): Effect.Effect<{ readonly provider: TestProvider.Service; readonly fetch: Fetch }> =>
  Effect.flatMap(TestProvider.make(options), ({ client, provider }) =>
    Effect.map(Effect.provideService(fromHttpClient, HttpClient.HttpClient, client), (fetch) => ({ provider, fetch }))
  )

/** The `HttpClient` at hand as `fetch`. */
export const fromHttpClient: Effect.Effect<Fetch, never, HttpClient.HttpClient> = Effect.map(
  Effect.context<HttpClient.HttpClient>(),
  (context): Fetch => {
    const client = Context.get(context, HttpClient.HttpClient)
    return (input, init) =>
      Promise.resolve().then(() => {
        const request = new Request(input, requestInit(init))
        const { signal } = request
        return Effect.runPromiseWith(context)(answer(client, request), { signal }).catch((error) =>
          Promise.reject(signal.aborted ? signal.reason : error)
        )
      })
  }
)

const requestInit = ({ body, headers, method, signal }: Init = {}): RequestInit => ({
  ...(method === undefined ? undefined : { method }),
  ...(headers === undefined ? undefined : { headers }),
  ...(body === undefined ? undefined : { body, duplex: "half" }),
  ...(signal === undefined ? undefined : { signal })
})

const answer = Effect.fnUntraced(function* (
  client: HttpClient.HttpClient,
  request: Request
): Effect.fn.Return<Response, TypeError> {
  const body = yield* Effect.promise(() => request.text())
  const { headers, method, url } = request
  const type = headers.get("content-type") ?? undefined
  const plain = HttpClientRequest.fromWeb(new Request(url, { method, headers }))
  const response = yield* Effect.mapError(
    client.execute(body === "" ? plain : HttpClientRequest.bodyText(plain, body, type)),
    (cause) => new TypeError("fetch failed", { cause })
  )
  const bodiless = response.status === 204 || response.status === 304
  return new Response(bodiless ? null : Stream.toReadableStream(response.stream), {
    status: response.status,
    headers: { ...response.headers }
  })
})
