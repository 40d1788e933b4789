/**
 * The connections of a server that stops: those without a request in progress end at once, and each other one with its
 * response. `closeIdleConnections` misses connections on which nothing has been sent, and those before the TLS handshake.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"

export interface ServerConnections {
  /** Tracks the connections of a server; an upgraded one ends after `idleTimeout` milliseconds without traffic. */
  readonly track: (server: Server, idleTimeout: number) => void
  /** Destroys the connections without a request in progress, now and from now on. */
  readonly stop: () => void
  /** Destroys all connections. */
  readonly destroy: () => void
}

export const make = (): ServerConnections => {
  const sockets = new Set<Socket>()
  /** The callers whose request is in progress. Under TLS a request has another socket than its connection. */
  const callers = new Set<string>()
  let isStopping = false

  const track = (socket: Socket): void => {
    if (isStopping) {
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  }

  /** A provider that keeps its connection would send its next notification into a server that is stopping. */
  const endWithResponse = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const caller = nameCaller(socket)
    callers.add(caller)
    response.shouldKeepAlive = false
    response.once("close", () => callers.delete(caller))
  }

  const destroy = (isEnded: (socket: Socket) => boolean): void => {
    for (const socket of sockets) if (isEnded(socket)) socket.destroy()
  }

  return {
    track: (server, idleTimeout) => {
      server.on("connection", track).on("request", endWithResponse).on("checkContinue", endWithResponse)
      server.on("upgrade", ({ socket }: IncomingMessage) => {
        socket.setTimeout(idleTimeout, () => socket.destroy())
        socket.once("finish", () => socket.destroy())
      })
    },
    stop: () => {
      isStopping = true
      destroy((socket) => !callers.has(nameCaller(socket)))
    },
    destroy: () => destroy(() => true)
  }
}

const nameCaller = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
