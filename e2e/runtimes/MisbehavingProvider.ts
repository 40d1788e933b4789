// Providers on loopback that misbehave at one path each, and what they have seen.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { text } from "node:stream/consumers"
import { Effect, Scope } from "effect"
import * as Loopback from "../Loopback.ts"
import * as Misbehavior from "../Misbehavior.ts"
import type { SeenRequest } from "./World.ts"

export interface Service {
  /** Starts one that misbehaves at the path that ends in `where`; its issuer. */
  readonly start: (behavior: string, where: string) => Effect.Effect<string>
  readonly requests: (port: number) => ReadonlyArray<SeenRequest>
}

export const make: Effect.Effect<Service, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Scope.Scope
  const seenBy = new Map<number, Array<Seen>>()
  return {
    start: Effect.fnUntraced(function* (behavior, where) {
      const seen: Array<Seen> = []
      const port = yield* Scope.provide(
        listen((request, response) => handle({ behavior, where, seen }, request, response)),
        scope
      )
      seenBy.set(port, seen)
      return `http://127.0.0.1:${port}`
    }),
    requests: (port) => seenBy.get(port) ?? []
  }
})

/** Listens on a free port until the scope closes. */
export const listen = (listener: RequestListener): Effect.Effect<number, never, Scope.Scope> =>
  Effect.suspend(() => Loopback.listen(createServer({ keepAliveTimeout: 60_000 }, listener)))

export const respond = (response: ServerResponse, body: unknown): void => {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
}

type Seen = { -readonly [K in keyof SeenRequest]: SeenRequest[K] }

const used = new WeakSet<Socket>()

const record = (seen: Array<Seen>, { headers, method, socket, url }: IncomingMessage) => {
  const isReused = used.has(socket)
  used.add(socket)
  const request = { method: method ?? "", path: url ?? "", cookie: headers.cookie, isReused, isClosed: socket.closed }
  seen.push(request)
  socket.setMaxListeners(0)
  socket.on("error", () => {})
  socket.once("close", () => {
    request.isClosed = true
  })
}

const behaviors = (issuer: string): Readonly<Record<string, unknown>> => ({
  ...Misbehavior,
  redirect: Misbehavior.redirectTo(`${issuer}/stolen`),
  closeAfterRequest: (socket: Socket) => void socket.end(),
  resetAfterRequest: (socket: Socket) => void socket.resetAndDestroy()
})

const metadata = (issuer: string) => ({
  issuer,
  backchannel_authentication_endpoint: `${issuer}/backchannel`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  authorization_endpoint: `${issuer}/authorize`,
  response_types_supported: ["code"],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["RS256"],
  grant_types_supported: ["urn:openid:params:grant-type:ciba"],
  backchannel_token_delivery_modes_supported: ["poll"]
})

/** A key that nothing is signed with. */
const keys = {
  keys: [
    { kty: "RSA", use: "sig", alg: "RS256", kid: "1", n: Buffer.alloc(256, 0xff).toString("base64url"), e: "AQAB" }
  ]
}

const documentAt = (path: string, issuer: string) => {
  if (path.endsWith("/.well-known/openid-configuration")) return metadata(issuer)
  return path.endsWith("/jwks") ? keys : {}
}

interface Behaving {
  readonly behavior: string
  readonly where: string
  readonly seen: Array<Seen>
}

const handle = async (
  { behavior, seen, where }: Behaving,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> => {
  record(seen, request)
  await text(request)
  const path = request.url ?? ""
  const issuer = `http://${request.headers.host}`
  const misbehavior = behaviors(issuer)[behavior]
  if (path.endsWith(`/${where}`) && typeof misbehavior === "function") return misbehavior(request.socket)
  respond(response, documentAt(path, issuer))
}
