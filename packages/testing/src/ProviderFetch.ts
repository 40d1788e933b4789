/**
 * The test provider as a `fetch` function.
 *
 * **When to use**
 *
 * To test code that uses another library than this one, such as openid-client, with the same provider. It is also a handler
 * for a server of any runtime, such as `Deno.serve` and `Bun.serve`; over a server of Effect there is `ProviderServer`.
 *
 * **Details**
 *
 * - It rejects as `fetch` does: with a `TypeError` if the connection breaks, and with the reason of the signal if that
 *   aborts.
 * - Its time is the `Clock` of the effect that makes it.
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
import { Effect, Result, Stream } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { isBodiless } from "./internal/InMemoryResponse.ts"
import { PresentedCertificate } from "./internal/SenderConstraint.ts"
import type { ProviderOptions } from "./ProviderOptions.ts"
import type { Certificate } from "./TestClient.ts"
import * as TestProvider from "./TestProvider.ts"

/**
 * The members of `RequestInit` that are used; all others are ignored.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Init {
  readonly method?: string | undefined
  readonly headers?: RequestInit["headers"] | undefined
  readonly body?: RequestInit["body"] | Uint8Array | undefined
  readonly signal?: AbortSignal | null | undefined
  /** The certificate of the client, as a server has read it from the connection. */
  readonly certificate?: Certificate | undefined
}

/**
 * A function with the parameters of `fetch`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Fetch = (input: string | URL | Request, init?: Init) => Promise<Response>

/**
 * Makes a provider, and the `fetch` that reaches it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options?: ProviderOptions
): Effect.fn.Return<{ readonly provider: TestProvider.Service; readonly fetch: Fetch }> {
  const { client, provider } = yield* TestProvider.make(options)
  const run = Effect.runPromiseWith(yield* Effect.context())
  const fetch: Fetch = (input, init) =>
    Promise.resolve().then(() => {
      const request = new Request(input, requestInit(init))
      // Not the request's own one, which ceases to follow the caller's when it is collected as garbage.
      const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined)
      const certified = Effect.provideService(execute(client, request), PresentedCertificate, init?.certificate)
      return run(certified, { signal }).catch((error) => Promise.reject(signal?.aborted ? signal.reason : error))
    })
  return { provider, fetch }
})

const requestInit = ({ body, headers, method, signal }: Init = {}): RequestInit => ({
  ...(method === undefined ? undefined : { method }),
  ...(headers === undefined ? undefined : { headers }),
  ...(body === undefined
    ? undefined
    : { body: body instanceof Uint8Array ? Uint8Array.from(body) : body, duplex: "half" }),
  ...(signal === undefined ? undefined : { signal })
})

const execute = Effect.fnUntraced(function* (
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
  const { headers: sent, status, stream } = response
  // A stream costs more: only a body that breaks off needs one.
  const read = yield* Effect.result(response.arrayBuffer)
  const content = Result.isSuccess(read) ? read.success : Stream.toReadableStream(stream)
  return new Response(isBodiless(status) ? null : content, { status, headers: { ...sent } })
})
