// An HTTP server on a socket of this machine, for as long as the scope is open.
import { createServer, type ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { Deferred, Effect, Schema } from "effect"

/** A request, as it was received. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}

export interface SocketServer {
  readonly url: string
  /** Every request so far. */
  readonly received: ReadonlyArray<Received>
}

/** Starts a server; a request is recorded before `respond` is called. */
export const serve = (respond: (request: Received, response: ServerResponse) => void) => {
  const received: Array<Received> = []
  const server = createServer((incoming, response) => {
    const chunks: Array<Buffer> = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const request = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        authorization: incoming.headers.authorization,
        body: Buffer.concat(chunks).toString()
      }
      received.push(request)
      respond(request, response)
    })
  })
  return Effect.acquireRelease(
    Effect.callback<SocketServer>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, received }))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
}

/** Starts a server that begins a body and never ends it; `begun` when a part is sent, `closed` when the connection is. */
export const serveUnfinished = Effect.gen(function* () {
  const [begun, closed] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const { url } = yield* serve((_request, response) => {
    response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
    response.writeHead(200, { "content-length": 100 })
    response.write("{", () => Deferred.doneUnsafe(begun, Effect.void))
  })
  return { url, begun: Deferred.await(begun), closed: Deferred.await(closed) }
})

/** Sends a body without end, until the connection is closed. */
export const sendEndlessly = (response: ServerResponse): void => {
  const endless = Readable.from(
    (function* () {
      while (true) yield Buffer.alloc(10_000)
    })()
  )
  response.on("close", () => endless.destroy())
  endless.pipe(response)
}

export const json = (response: ServerResponse, body: unknown): void => {
  response.writeHead(200, { "content-type": "application/json" }).end(encode(body))
}

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))
