/**
 * The provider of `@effect-ciba/testing` behind a server on loopback whose connections a test can delay, cut, take over and time;
 * `ProviderServer` of the same package is for all other tests. It has what oidc-provider lacks: push delivery and `slow_down`.
 *
 * A request is handled even if the client closes the connection meanwhile, as with real servers.
 */
import { createServer, type IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import { ProviderFetch, type TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { type Duration, Effect, type Scope } from "effect"
import * as Loopback from "./Loopback.ts"

/** One request, and its response; instants are milliseconds of `performance.now()`. */
export interface RecordedRequest {
  readonly path: string
  readonly authReqId: string | undefined
  readonly cookie: string | undefined
  readonly arrivedAt: number
  status: number | undefined
  /** When the whole response was passed to the operating system. */
  writtenAt: number | undefined
  /** When the connection was closed. */
  closedAt: number | undefined
}

export interface Service extends TestProvider.Service {
  readonly recordedRequests: ReadonlyArray<RecordedRequest>
  /** Resets every connection, old or new, for this long. */
  readonly goDown: (duration: Duration.Input) => Effect.Effect<void>
}

export interface Options extends Omit<ProviderOptions, "issuer"> {
  /** Delays before and after the provider handles a request, in milliseconds. */
  readonly latency?: readonly [before: number, after: number] | undefined
  /** If it returns a function for the path of a request, that gets the connection in place of the provider. */
  readonly instead?: ((path: string) => ((socket: Socket) => void) | undefined) | undefined
}

export const make = Effect.fnUntraced(function* ({
  instead,
  latency: [before, after] = [0, 0],
  ...options
}: Options = {}): Effect.fn.Return<Service, never, Scope.Scope> {
  const server = createServer({ keepAliveTimeout: 60_000 })
  const port = yield* Loopback.listen(server)
  const issuer = `http://127.0.0.1:${port}`
  const { fetch, provider } = yield* ProviderFetch.make({ ...options, issuer })
  const recordedRequests: Array<RecordedRequest> = []

  const handle = async ({ headers, method, url }: IncomingMessage, body: Uint8Array<ArrayBuffer>) => {
    const single = Object.entries(headers).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : []
    )
    const init = { method, headers: Object.fromEntries(single), ...(body.byteLength > 0 && { body }) }
    const response = await fetch(`${issuer}${url}`, init)
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  }

  let isDown = false
  server.on("connection", (socket) => {
    socket.setMaxListeners(0)
    if (isDown) socket.resetAndDestroy()
  })
  server.on("request", async (request, response) => {
    const arrivedAt = performance.now()
    const body = new Uint8Array(await buffer(request))
    const recorded: RecordedRequest = {
      path: request.url ?? "",
      authReqId: new URLSearchParams(new TextDecoder().decode(body)).get("auth_req_id") ?? undefined,
      cookie: request.headers.cookie,
      arrivedAt,
      status: undefined,
      writtenAt: undefined,
      closedAt: undefined
    }
    recordedRequests.push(recorded)
    response.once("finish", () => {
      recorded.writtenAt = performance.now()
    })
    request.socket.once("close", () => {
      recorded.closedAt = performance.now()
    })
    const misbehave = instead?.(recorded.path)
    if (misbehave !== undefined) return misbehave(request.socket)
    try {
      await setTimeout(before)
      const { headers, status, text } = await handle(request, body)
      recorded.status = status
      await setTimeout(after)
      response.writeHead(status, headers).end(text)
    } catch {
      request.socket.resetAndDestroy()
    }
  })
  const goDown = (duration: Duration.Input) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        isDown = true
        server.closeAllConnections()
      }),
      () => Effect.sleep(duration),
      () =>
        Effect.sync(() => {
          isDown = false
        })
    )
  return { ...provider, recordedRequests, goDown }
})
