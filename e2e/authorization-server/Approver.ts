/** The end-user's part: which authentication requests are pending, and the decision on each. */
import { createHash } from "node:crypto"
import { Effect, Queue, Schema } from "effect"
import {
  type AuthorizationDetail,
  type BackchannelAuthenticationRequest,
  type Client,
  errors,
  type Provider
} from "oidc-provider"

/** An authentication request without a decision yet. */
export interface PendingRequest {
  readonly ref: string
  readonly account: string
  readonly client: { readonly id: string; readonly name: string }
  readonly scope: ReadonlyArray<string>
  readonly bindingMessage?: string
  /** The request's parameters as the server accepted them. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly expiresAt: number
}

export interface Approval {
  /** The scope that is granted; by default the requested one. */
  readonly scope?: ReadonlyArray<string>
  readonly acr?: string
  readonly amr?: ReadonlyArray<string>
}

export class NoPendingRequest extends Schema.TaggedError<NoPendingRequest>()("NoPendingRequest", {
  ref: Schema.String
}) {
  override get message() {
    return `no request is pending under ${this.ref}`
  }
}

export interface Approver {
  readonly pending: Effect.Effect<ReadonlyArray<PendingRequest>>
  /** The next request that arrives; each is returned once, in order of arrival. */
  readonly awaitRequest: Effect.Effect<PendingRequest>
  readonly approve: (ref: string, approval?: Approval) => Effect.Effect<void, NoPendingRequest>
  /** Denies with `access_denied`, or with another error code. */
  readonly deny: (ref: string, error?: string) => Effect.Effect<void, NoPendingRequest>
}

/** The approver's name for an `auth_req_id`: its hash, since the id itself stays between client and server. */
export const refOf = (authReqId: string): string => createHash("sha256").update(authReqId).digest("base64url")

interface Entry {
  readonly pending: PendingRequest
  readonly request: BackchannelAuthenticationRequest
}

export const make = Effect.fnUntraced(function* (onPingFailure: (error: unknown) => void) {
  const arrivals = yield* Queue.make<PendingRequest>()
  const entries = new Map<string, Entry>()

  const contact = (request: BackchannelAuthenticationRequest, client: Client) => {
    const entry = { pending: toPendingRequest(request, client), request }
    entries.set(entry.pending.ref, entry)
    Queue.offerUnsafe(arrivals, entry.pending)
  }

  const take = (ref: string) =>
    Effect.suspend(() => {
      const entry = entries.get(ref)
      entries.delete(ref)
      return entry === undefined ? Effect.fail(new NoPendingRequest({ ref })) : Effect.succeed(entry.request)
    })

  const decide = Effect.fnUntraced(function* (
    provider: Provider,
    request: BackchannelAuthenticationRequest,
    saveResult: () => Promise<void>
  ) {
    const client = yield* Effect.promise(() => provider.Client.find(request.clientId ?? ""))
    yield* client?.backchannelTokenDeliveryMode === "ping"
      ? Effect.tryPromise(saveResult).pipe(Effect.catch((error) => Effect.sync(() => onPingFailure(error.cause))))
      : Effect.promise(saveResult)
  })

  const of = (provider: Provider): Approver => ({
    pending: Effect.sync(() =>
      [...entries.values()].map(({ pending }) => pending).filter(({ expiresAt }) => expiresAt > Date.now())
    ),
    awaitRequest: Queue.take(arrivals),
    approve: Effect.fnUntraced(function* (ref, approval) {
      const request = yield* take(ref)
      yield* decide(provider, request, () => grant(provider, request, approval ?? {}))
    }),
    deny: Effect.fnUntraced(function* (ref, error = "access_denied") {
      const request = yield* take(ref)
      request.errorDescription = "the end-user denied the request"
      yield* decide(provider, request, () =>
        provider.backchannelResult(request, new errors.CustomOIDCProviderError(error))
      )
    })
  })

  return { contact, of }
})

const toPendingRequest = (request: BackchannelAuthenticationRequest, client: Client): PendingRequest => {
  const since = Date.now()
  const { binding_message: bindingMessage } = { ...request.params }
  return {
    ref: refOf(request.jti),
    account: request.accountId ?? "",
    client: { id: client.clientId, name: client.clientName ?? client.clientId },
    scope: (request.scope ?? "").split(" "),
    ...(typeof bindingMessage === "string" && { bindingMessage }),
    parameters: { ...request.params },
    since,
    expiresAt: (Math.floor(since / 1000) + request.expiration) * 1000
  }
}

const detailsOf = (request: BackchannelAuthenticationRequest): ReadonlyArray<AuthorizationDetail> => {
  const { authorization_details: details } = { ...request.params }
  return typeof details === "string" ? JSON.parse(details) : []
}

const grant = async (provider: Provider, request: BackchannelAuthenticationRequest, approval: Approval) => {
  const scope = approval.scope?.join(" ") ?? request.scope ?? ""
  const grant = new provider.Grant({ accountId: request.accountId, clientId: request.clientId })
  grant.addOIDCScope(scope)
  grant.addOIDCClaims(Object.keys({ ...request.claims?.id_token, ...request.claims?.userinfo }))
  for (const resource of [request.resource ?? []].flat()) grant.addResourceScope(resource, scope)
  const details = detailsOf(request)
  for (const detail of details) grant.addRar(detail)
  await grant.save()
  await provider.backchannelResult(request, grant, {
    acr: approval.acr,
    amr: approval.amr && [...approval.amr],
    authTime: Math.floor(Date.now() / 1000),
    ...(details.length > 0 && { rar: [...details] })
  })
}
