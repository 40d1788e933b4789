/** A server that asks for a certificate, says whose it saw, and leaves it to the client to end a connection. */
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import type { SecureVersion, TLSSocket } from "node:tls"
import { Deferred, Effect } from "effect"
import type { Issued } from "./CertificateAuthority.ts"

export interface Options {
  readonly own: Issued
  readonly maxVersion?: SecureVersion
  readonly ciphers?: string
}

export interface TlsServer {
  readonly url: string
  /** Whose certificate each connection so far has shown. */
  readonly connections: ReadonlyArray<string | undefined>
  /** Waits until so many connections are open. */
  readonly open: (count: number) => Effect.Effect<void>
  /** Answers to `/held` wait for this. */
  readonly release: Effect.Effect<void>
  /** A request to `/held` has come. */
  readonly holding: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* ({ own, ...options }: Options) {
  const connections: Array<string | undefined> = []
  const waiting = new Set<() => void>()
  const released = yield* Deferred.make<void>()
  const held = yield* Deferred.make<void>()
  const subjectOf = (socket: TLSSocket) => socket.getPeerX509Certificate()?.subject
  const server = Https.createServer(
    { ...options, cert: own.certificate, key: own.privateKey, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      const subject = subjectOf(request.socket as TLSSocket) ?? "nobody"
      if (request.url === "/held") {
        response.write("held by ")
        Deferred.doneUnsafe(held, Effect.void)
        await Effect.runPromise(Deferred.await(released))
      }
      response.end(subject)
    }
  )
  server.keepAliveTimeout = 600_000
  let open = 0
  const changed = (by: number) => {
    open += by
    for (const look of waiting) look()
  }
  server.on("secureConnection", (socket) => {
    connections.push(subjectOf(socket))
    changed(1)
    socket.on("close", () => changed(-1))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const { port } = server.address() as AddressInfo
  const tlsServer: TlsServer = {
    url: `https://127.0.0.1:${port}`,
    connections,
    open: (count) =>
      Effect.callback((resume) => {
        const look = () => {
          if (open === count) resume(Effect.void)
        }
        waiting.add(look)
        look()
        return Effect.sync(() => void waiting.delete(look))
      }),
    release: Deferred.succeed(released, undefined),
    holding: Deferred.await(held)
  }
  return tlsServer
})
