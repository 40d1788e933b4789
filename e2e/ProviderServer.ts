/**
 * The provider of `@effect-ciba/testing` behind real sockets, with a log of what went over them: what oidc-provider lacks
 * (push) is asked of it.
 *
 * It handles a request also when the client has gone in the meantime, as real ones do.
 */
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import { ProviderFetch, type TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, type Scope } from "effect"

/** A request, and what became of it; instants in milliseconds on a clock that does not jump. */
export interface Exchange {
  readonly path: string
  readonly authReqId: string | undefined
  readonly cookie: string | undefined
  readonly arrivedAt: number
  status: number | undefined
  /** When the whole answer was in the hands of the operating system. */
  writtenAt: number | undefined
  /** When the connection ended. */
  closedAt: number | undefined
}

export interface Service extends TestProvider.Service {
  readonly exchanges: ReadonlyArray<Exchange>
}

export interface Options extends Omit<ProviderOptions, "issuer"> {
  /** How long a request takes before the provider handles it, and after; in milliseconds. */
  readonly latency?: readonly [before: number, after: number] | undefined
  /** What is done with the connection of a request to this path, where that is not the provider's to answer. */
  readonly instead?: ((path: string) => ((socket: Socket) => void) | undefined) | undefined
}

export const make = Effect.fnUntraced(function* ({
  instead,
  latency: [before, after] = [0, 0],
  ...options
}: Options = {}): Effect.fn.Return<Service, never, Scope.Scope> {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer({ keepAliveTimeout: 60_000 })),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  yield* Effect.callback<void>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.void))
  })
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  const { fetch, provider } = yield* ProviderFetch.make({ ...options, issuer })
  const exchanges: Array<Exchange> = []

  const handled = async ({ headers, method, url }: IncomingMessage, body: Uint8Array<ArrayBuffer>) => {
    const named = Object.entries(headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []))
    const sent = { method, headers: Object.fromEntries(named), ...(body.byteLength > 0 && { body }) }
    const answer = await fetch(`${issuer}${url}`, sent)
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
  }

  server.on("connection", (socket) => socket.setMaxListeners(0))
  server.on("request", async (request, response) => {
    const arrivedAt = performance.now()
    const body = new Uint8Array(await buffer(request))
    const exchange: Exchange = {
      path: request.url ?? "",
      authReqId: new URLSearchParams(new TextDecoder().decode(body)).get("auth_req_id") ?? undefined,
      cookie: request.headers.cookie,
      arrivedAt,
      status: undefined,
      writtenAt: undefined,
      closedAt: undefined
    }
    exchanges.push(exchange)
    response.once("finish", () => {
      exchange.writtenAt = performance.now()
    })
    request.socket.once("close", () => {
      exchange.closedAt = performance.now()
    })
    const other = instead?.(exchange.path)
    if (other !== undefined) return other(request.socket)
    try {
      await setTimeout(before)
      const { headers, status, text } = await handled(request, body)
      exchange.status = status
      await setTimeout(after)
      response.writeHead(status, headers).end(text)
    } catch {
      request.socket.resetAndDestroy()
    }
  })
  return { ...provider, exchanges }
})
