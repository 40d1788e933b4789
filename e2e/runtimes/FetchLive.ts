// The layer that the README names for the runtime: its fetch, which on Deno keeps no connection.
import { Layer } from "effect"
import { FetchHttpClient } from "effect/http"

declare global {
  var Deno:
    | { readonly createHttpClient: (options: { poolMaxIdlePerHost: number; http2: boolean }) => object }
    | undefined
}

const init = (): RequestInit => {
  const client = globalThis.Deno?.createHttpClient({ poolMaxIdlePerHost: 0, http2: false })
  return client === undefined ? {} : Object.assign<RequestInit, object>({}, { client })
}

export const layer: typeof FetchHttpClient.layer = Layer.provideMerge(
  FetchHttpClient.layer,
  Layer.sync(FetchHttpClient.RequestInit, init)
)

export const keepsConnections: boolean = globalThis.Deno === undefined
