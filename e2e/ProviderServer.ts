/** The provider of the testing package behind a real server on loopback: what oidc-provider lacks (push) is asked of it. */
import { createServer } from "node:http"
import { buffer } from "node:stream/consumers"
import { ProviderFetch, type TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, type Scope } from "effect"

export const make = Effect.fnUntraced(function* (
  options: Omit<ProviderOptions, "issuer"> = {},
  port = 0
): Effect.fn.Return<TestProvider.Service, never, Scope.Scope> {
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer()
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const issuer = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
  const { fetch, provider } = yield* ProviderFetch.make({ ...options, issuer })
  server.on("request", async (request, response) => {
    const body = await buffer(request)
    const headers = new Headers(
      Object.entries(request.headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []))
    )
    try {
      const answer = await fetch(`${issuer}${request.url}`, {
        method: request.method,
        headers,
        ...(body.byteLength === 0 ? undefined : { body: new Uint8Array(body) })
      })
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(Buffer.from(await answer.arrayBuffer()))
    } catch {
      request.socket.resetAndDestroy()
    }
  })
  return provider
})
