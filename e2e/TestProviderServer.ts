/**
 * The provider of `@effect-ciba/testing` behind real sockets, with a log of what went over them.
 *
 * A request takes its time: some before the provider handles it, and some after. The provider handles it also when the
 * client has gone in the meantime, as real ones do.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import { HttpClientRequest } from "effect/http"

/** A request, and what became of it; instants in milliseconds on a clock that does not jump. */
export interface Exchange {
  readonly path: string
  readonly authReqId: string | undefined
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
  readonly latency: readonly [before: number, after: number]
}

export const make = Effect.fnUntraced(function* ({
  latency: [before, after],
  ...options
}: Options): Effect.fn.Return<Service, never, Scope.Scope> {
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
  const { client, provider } = yield* TestProvider.make({ ...options, issuer })
  const exchanges: Array<Exchange> = []

  const answer = Effect.fnUntraced(function* (request: IncomingMessage, response: ServerResponse) {
    const arrivedAt = performance.now()
    const body = yield* Effect.promise(() => whole(request))
    const exchange: Exchange = {
      path: request.url ?? "",
      authReqId: new URLSearchParams(new TextDecoder().decode(body)).get("auth_req_id") ?? undefined,
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
    yield* Effect.sleep(before)
    const { headers, status, text } = yield* handled(client, issuer, request, body)
    exchange.status = status
    yield* Effect.sleep(after)
    response.writeHead(status, headers).end(text)
  })

  const runFork = Effect.runForkWith(yield* Effect.context())
  server.on("request", (request, response) => {
    request.socket.setMaxListeners(0)
    runFork(answer(request, response))
  })
  return { ...provider, exchanges }
})

const handled = Effect.fnUntraced(function* (
  client: HttpClient.HttpClient,
  issuer: string,
  { headers, method, url }: IncomingMessage,
  body: Uint8Array
) {
  const named = Object.entries(headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []))
  const request =
    method === "POST"
      ? HttpClientRequest.bodyUint8Array(HttpClientRequest.post(`${issuer}${url}`), body, headers["content-type"])
      : HttpClientRequest.get(`${issuer}${url}`)
  const response = yield* client.execute(HttpClientRequest.setHeaders(request, Object.fromEntries(named)))
  return { status: response.status, headers: { ...response.headers }, text: yield* response.text }
}, Effect.orDie)

const whole = async (request: IncomingMessage): Promise<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}
