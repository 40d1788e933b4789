/** A server that requests a client certificate, responds with its subject, and keeps idle connections open. */
import * as Https from "node:https"
import type { SecureVersion, TLSSocket } from "node:tls"
import { Deferred, Effect } from "effect"
import type { Issued } from "./CertificateAuthority.ts"
import * as Loopback from "./Loopback.ts"

export interface Options {
  readonly own: Issued
  readonly maxVersion?: SecureVersion
  readonly ciphers?: string
}

export interface TlsServer {
  readonly url: string
  /** The subject of the client certificate of each connection so far. */
  readonly connections: ReadonlyArray<string | undefined>
  /** Waits until `count` connections are open. */
  readonly awaitOpen: (count: number) => Effect.Effect<void>
  /** Ends the responses to `/held`. */
  readonly release: Effect.Effect<void>
  /** Waits for a request to `/held`. */
  readonly awaitHeld: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* ({ own, ...options }: Options) {
  const connections: Array<string | undefined> = []
  const listeners = new Set<() => void>()
  const released = yield* Deferred.make<void>()
  const held = yield* Deferred.make<void>()
  const subjectOf = (socket: TLSSocket) => socket.getPeerX509Certificate()?.subject
  const server = Https.createServer(
    { ...options, cert: own.certificate, key: own.privateKey, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      const subject = subjectOf(request.socket as TLSSocket) ?? "no certificate"
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
  const changeOpen = (by: number) => {
    open += by
    for (const listener of listeners) listener()
  }
  server.on("secureConnection", (socket) => {
    connections.push(subjectOf(socket))
    changeOpen(1)
    socket.on("close", () => changeOpen(-1))
  })
  const port = yield* Loopback.listen(server)
  const tlsServer: TlsServer = {
    url: `https://127.0.0.1:${port}`,
    connections,
    awaitOpen: (count) =>
      Effect.callback((resume) => {
        const listener = () => {
          if (open === count) resume(Effect.void)
        }
        listeners.add(listener)
        listener()
        return Effect.sync(() => void listeners.delete(listener))
      }),
    release: Deferred.succeed(released, undefined),
    awaitHeld: Deferred.await(held)
  }
  return tlsServer
})
