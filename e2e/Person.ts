import { createHash } from "node:crypto"
import { Effect, Queue, Schema } from "effect"
import {
  type AuthorizationDetail,
  type BackchannelAuthenticationRequest,
  type Client,
  errors,
  type Provider
} from "oidc-provider"

/** A request that waits for the person's decision. */
export interface WaitingRequest {
  readonly ref: string
  readonly account: string
  readonly client: { readonly id: string; readonly name: string }
  readonly scope: ReadonlyArray<string>
  readonly bindingMessage?: string
  /** The request's parameters as the server took them. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly expiresAt: number
}

export interface Approval {
  /** What the person grants; all that was asked for if absent. */
  readonly scope?: ReadonlyArray<string>
  readonly acr?: string
  readonly amr?: ReadonlyArray<string>
}

export class NothingWaiting extends Schema.TaggedError<NothingWaiting>()("NothingWaiting", { ref: Schema.String }) {
  override get message() {
    return `no request waits under ${this.ref}`
  }
}

export interface Person {
  readonly pending: Effect.Effect<ReadonlyArray<WaitingRequest>>
  /** The next request that reaches the person; each is handed out once, in order of arrival. */
  readonly awaitRequest: Effect.Effect<WaitingRequest>
  readonly approve: (ref: string, approval?: Approval) => Effect.Effect<void, NothingWaiting>
  /** Declines with `access_denied`, or ends the request with another error. */
  readonly deny: (ref: string, error?: string) => Effect.Effect<void, NothingWaiting>
}

/** The name under which the person sees an `auth_req_id`, which stays between client and server. */
export const refOf = (authReqId: string): string => createHash("sha256").update(authReqId).digest("base64url")

interface Waiting {
  readonly shown: WaitingRequest
  readonly request: BackchannelAuthenticationRequest
}

export const make = Effect.fnUntraced(function* (onFailedPing: (error: unknown) => void) {
  const arrivals = yield* Queue.make<WaitingRequest>()
  const waiting = new Map<string, Waiting>()

  const reach = (request: BackchannelAuthenticationRequest, client: Client) => {
    const entry = { shown: show(request, client), request }
    waiting.set(entry.shown.ref, entry)
    Queue.offerUnsafe(arrivals, entry.shown)
  }

  const take = (ref: string) =>
    Effect.suspend(() => {
      const entry = waiting.get(ref)
      waiting.delete(ref)
      return entry === undefined ? Effect.fail(new NothingWaiting({ ref })) : Effect.succeed(entry.request)
    })

  const decide = Effect.fnUntraced(function* (
    provider: Provider,
    request: BackchannelAuthenticationRequest,
    settle: () => Promise<void>
  ) {
    const client = yield* Effect.promise(() => provider.Client.find(request.clientId ?? ""))
    yield* client?.backchannelTokenDeliveryMode === "ping"
      ? Effect.tryPromise(settle).pipe(Effect.catch((error) => Effect.sync(() => onFailedPing(error.cause))))
      : Effect.promise(settle)
  })

  const of = (provider: Provider): Person => ({
    pending: Effect.sync(() =>
      [...waiting.values()].map((entry) => entry.shown).filter((shown) => shown.expiresAt > Date.now())
    ),
    awaitRequest: Queue.take(arrivals),
    approve: Effect.fnUntraced(function* (ref, approval) {
      const request = yield* take(ref)
      yield* decide(provider, request, () => grant(provider, request, approval ?? {}))
    }),
    deny: Effect.fnUntraced(function* (ref, error = "access_denied") {
      const request = yield* take(ref)
      request.errorDescription = "the person said no"
      yield* decide(provider, request, () =>
        provider.backchannelResult(request, new errors.CustomOIDCProviderError(error))
      )
    })
  })

  return { reach, of }
})

const show = (request: BackchannelAuthenticationRequest, client: Client): WaitingRequest => {
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
