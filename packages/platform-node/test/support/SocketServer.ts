// An HTTP server on a socket of this machine, for as long as the scope is open.
import { createServer, type ServerResponse } from "node:http"
import { Effect, Schema } from "effect"

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

export const json = (response: ServerResponse, body: unknown): void => {
  response.writeHead(200, { "content-type": "application/json" }).end(encode(body))
}

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))
