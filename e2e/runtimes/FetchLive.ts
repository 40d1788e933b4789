// The layer that docs/runtimes.md names for the runtime: its fetch, which on Deno keeps no connection.
import { Layer } from "effect"
import { FetchHttpClient } from "effect/http"

interface Globals {
  readonly Deno?: { readonly createHttpClient: (options: { poolMaxIdlePerHost: number; http2: boolean }) => object }
}

const { Deno } = globalThis as Globals

const init = (): RequestInit =>
  Deno === undefined
    ? {}
    : Object.assign<RequestInit, object>({}, { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0, http2: false }) })

export const layer: typeof FetchHttpClient.layer = Layer.provideMerge(
  FetchHttpClient.layer,
  Layer.sync(FetchHttpClient.RequestInit, init)
)

export const keepsConnections: boolean = Deno === undefined
