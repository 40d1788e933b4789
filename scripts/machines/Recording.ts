// Records the requests of a provider, by the process and the connection they come from.
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { nameHeader } from "./Clients.ts"
import * as Log from "./Log.ts"
import type { Mode } from "./Settings.ts"

type Body = Readonly<Record<string, unknown>>

/** Called just before a response is sent. */
type Respond = (status: number, body: Body) => void

export interface Recording {
  readonly record: (mode: Mode, request: IncomingMessage, form: URLSearchParams) => Respond
  /** Breaks the connections of a process. */
  readonly cut: (machine: string) => void
}

/** What of a response the client may not have read when its connection is cut, in milliseconds. */
const unread = 100

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const secretsOf = (form: URLSearchParams, { access_token, auth_req_id, id_token }: Body): ReadonlyArray<string> =>
  [
    form.get("login_hint"),
    form.get("client_notification_token"),
    auth_req_id,
    access_token,
    ...(textOf(id_token)?.split(".").slice(1) ?? [])
  ].flatMap((secret) => textOf(secret) ?? [])

const recordPoll = (log: Log.Log, mode: Mode, machine: string, form: URLSearchParams): Log.TokenRequest => {
  const request: Log.TokenRequest = {
    mode,
    authReqId: form.get("auth_req_id") ?? "",
    machine,
    arrivedAt: Log.now(),
    sentAt: undefined,
    status: 0,
    error: undefined
  }
  log.tokenRequests.push(request)
  return request
}

const recordAuthentication = (log: Log.Log, mode: Mode, form: URLSearchParams): Log.AuthenticationRequest => {
  const request: Log.AuthenticationRequest = {
    mode,
    message: form.get("binding_message") ?? "",
    authReqId: undefined,
    sentAt: undefined
  }
  log.authenticationRequests.push(request)
  return request
}

export const make = (log: Log.Log): Recording => {
  /** The process of each connection, and its last token requests. */
  const connections = new Map<Socket, { readonly machine: string; polls: ReadonlyArray<Log.TokenRequest> }>()

  const connectionOf = ({ headers, socket }: IncomingMessage) => {
    const connection = connections.get(socket) ?? { machine: String(headers[nameHeader]), polls: [] }
    if (!connections.has(socket)) socket.once("close", () => connections.delete(socket))
    connections.set(socket, connection)
    return connection
  }

  return {
    record: (mode, request, form) => {
      const connection = connectionOf(request)
      if (request.url === "/token") {
        const poll = recordPoll(log, mode, connection.machine, form)
        connection.polls = [...connection.polls.slice(-8), poll]
        return (status, body) => {
          log.secrets.push(...secretsOf(form, body))
          poll.status = status
          poll.error = textOf(body.error)
          poll.sentAt = request.socket.destroyed ? undefined : Log.now()
          if (status === 200) log.accessTokens[poll.authReqId] = String(body.access_token)
        }
      }
      if (request.url !== "/backchannel") return () => {}
      const asked = recordAuthentication(log, mode, form)
      return (_status, body) => {
        log.secrets.push(...secretsOf(form, body))
        asked.authReqId = textOf(body.auth_req_id)
        asked.sentAt = Log.now()
      }
    },
    cut: (machine) => {
      const now = Log.now()
      for (const [socket, connection] of connections) {
        if (connection.machine !== machine) continue
        socket.resetAndDestroy()
        for (const poll of connection.polls) {
          if (poll.sentAt !== undefined && poll.sentAt > now - unread) poll.sentAt = undefined
        }
      }
    }
  }
}
