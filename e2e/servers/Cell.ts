/**
 * A cell of the matrix: what is tried with every provider that has the feature. It fails if the client does anything else
 * than it should, and returns what the provider sent.
 */

import type { AuthenticationRequest, JwsAlgorithm } from "@effect-ciba/core"
import {
  BindingMessage,
  Ciba,
  type PendingAuthentication,
  SigningKey,
  UserHint,
  type VerifiedIdentity
} from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Redacted, type Scope } from "effect"
import { type Exchange, RealServer, type Registration, type Service } from "./RealServer.ts"

export interface Cell {
  /** The capability, in the words of `Matrix.ts` where it has it. */
  readonly row: string
  readonly name: string
  readonly run: Effect.Effect<string, unknown, RealServer | Scope.Scope>
}

export const secret = "a-secret-of-sixty-four-characters-is-long-enough-for-HS512-too.."

export const redactedSecret = Redacted.make(secret)

/** A client, as the provider registers it and as this library is configured. */
export interface Client {
  readonly registration: Registration
  readonly options: Omit<NodeCiba.Options<SigningKey.InvalidKey>, "issuer" | "clientId">
}

export type Decide = (server: Service, pending: PendingAuthentication.PendingAuthentication) => Effect.Effect<void>

export const approve: Decide = (server, { authReqId }) => server.approve(authReqId)
export const deny: Decide = (server, { authReqId }) => server.deny(authReqId)

export const connect = (server: Service, { options, registration }: Client) => {
  const { tls } = { ...server.connection, ...options }
  return NodeCiba.layer({
    ...server.connection,
    ...options,
    clientId: registration.client_id,
    tls: tls && { ...server.connection.tls, ...tls }
  })
}

export const initiate = (request?: Partial<AuthenticationRequest.Options>) =>
  Effect.flatMap(BindingMessage.generate, (bindingMessage) =>
    Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com"), bindingMessage, ...request })
  )

/** The whole flow with a decision, and what the provider sent in it. */
export const decide = Effect.fnUntraced(function* (
  decision: Decide,
  request?: Partial<AuthenticationRequest.Options>
): Effect.fn.Return<
  {
    readonly identity: VerifiedIdentity.VerifiedIdentity
    readonly sent: string
    readonly exchanges: ReadonlyArray<Exchange>
  },
  unknown,
  RealServer | Ciba.Ciba
> {
  const server = yield* RealServer
  const pending = yield* initiate(request)
  yield* decision(server, pending)
  const identity = yield* Ciba.complete(pending)
  const exchanges = yield* exchangesOf(pending)
  return { identity, sent: describe(exchanges), exchanges }
})

/** The whole flow with a decision that fails it; the reason's tag, and what the provider sent. */
export const decideAndFail = Effect.fnUntraced(function* (
  decision: Decide,
  request?: Partial<AuthenticationRequest.Options>
) {
  const server = yield* RealServer
  const pending = yield* initiate(request)
  yield* decision(server, pending)
  const { reason } = yield* Effect.flip(Ciba.complete(pending))
  return { tag: reason._tag, sent: describe(yield* exchangesOf(pending)) }
})

/** Every exchange about an authentication. */
export const exchangesOf = Effect.fnUntraced(function* (pending: PendingAuthentication.PendingAuthentication) {
  const { log } = yield* RealServer
  const id = Redacted.value(pending.authReqId)
  return (yield* log).filter(({ body, form }) => form.auth_req_id === id || body.includes(id))
})

/** Where each response came from, its status, and the names of its members or its error code; the same in each run. */
export const describe = (exchanges: ReadonlyArray<Exchange>): string => {
  const lines = exchanges.map(({ body, path, status }) => {
    const endpoint = path.split("/").at(-1)
    return `${endpoint}${endpoint === "notification" ? "" : ` ${status}`}: ${describeBody(body)}`
  })
  const shown = [...new Set(lines)].filter((line) => !line.includes("authorization_pending"))
  // A token response and the provider's record of its ping come in either order.
  const isToken = (line: string) => line.startsWith("token ")
  return [...shown.filter((line) => !isToken(line)), ...shown.filter(isToken)].join("; ")
}

const describeBody = (body: string): string => {
  if (!body.startsWith("{")) return body === "" ? "nothing" : "a JWT"
  const json: Record<string, unknown> = JSON.parse(body)
  if (typeof json.error === "string") return `\`${json.error}\``
  return Object.keys(json)
    .sort()
    .map((name) => (name === "token_type" ? `${name} ${json[name]}` : name))
    .join(", ")
}

/** A key pair of the client, and its registration. */
export const generateKey = (algorithm: JwsAlgorithm.Asymmetric) =>
  Effect.map(SigningKey.generate(algorithm), (key) => ({ key, jwks: { keys: [{ ...key.publicJwk, use: "sig" }] } }))
