// Servers of a test, on a free port of this machine.
import { createServer, type Server } from "node:http"
import type { Server as TlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"

/** Listens until the scope closes, which ends all connections; succeeds with the port. */
export const listen = (server: Server | TlsServer): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map(() => (server.address() as AddressInfo).port))

/** A port that nothing listens on now. */
export const freePort: Effect.Effect<number> = Effect.suspend(() => Effect.scoped(listen(createServer())))
