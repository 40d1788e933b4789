/** One run of a module against the provider of this folder: its endpoints, and the verdict on the client. */
import { Deferred, Effect, type Scope } from "effect"
import * as IdTokens from "./IdTokens.ts"
import type { Module } from "./Module.ts"
import * as RequestCheck from "./RequestCheck.ts"
import { type Claims, type Script, scripts } from "./Script.ts"
import type { Variant } from "./Variant.ts"

export interface Reply {
  readonly status: number
  readonly body: Claims
  readonly headers?: Readonly<Record<string, string>>
}

export interface Options {
  readonly module: Module
  readonly variant: Variant
  readonly issuer: string
  /** The base of the endpoints for connections with a certificate. */
  readonly aliases: string
  readonly registration: RequestCheck.Registration
  readonly keys: IdTokens.Keys
  /** Sends a ping to the client; the status of its response. */
  readonly ping: (bearer: string, authReqId: string) => Effect.Effect<number>
}

export interface ModuleRun {
  readonly handle: (request: RequestCheck.Incoming) => Effect.Effect<Reply, never, Scope.Scope>
  /** Ends when the module needs no more of the client, although the client goes on. */
  readonly over: Effect.Effect<void>
  /** What the client has done wrong; nothing if the module is passed. */
  readonly failures: Effect.Effect<ReadonlyArray<string>>
}

interface State {
  readonly failures: Array<string>
  readonly used: Set<unknown>
  authReqId: string
  scope: string
  notificationToken: string
  consentId: string | undefined
  accessToken: string
  clientToken: string
  refreshToken: string
  refreshes: number
  polls: number
  interval: number
  nextPollAt: number
  isPinged: boolean
  /** The response that has to end the flow, once it was sent. */
  end: string | undefined
  isRead: boolean
}

const makeState = ({ interval = 1 }: Script): State => ({
  failures: [],
  used: new Set(),
  authReqId: crypto.randomUUID(),
  scope: "",
  notificationToken: "",
  consentId: undefined,
  accessToken: "",
  clientToken: "",
  refreshToken: "",
  refreshes: 0,
  polls: 0,
  interval,
  nextPollAt: 0,
  isPinged: false,
  end: undefined,
  isRead: false
})

const ok = (body: Claims): Reply => ({ status: 200, body })
const refuse = (error: string): Reply => ({ status: 400, body: { error } })

export const make = Effect.fnUntraced(function* (options: Options) {
  const { module } = options
  const script = scripts[module.name] ?? (yield* Effect.die(`${module.name} has no script`))
  const state = makeState(script)
  const over = yield* Deferred.make<void>()
  const context: Context = { ...options, script, state, over }

  const run: ModuleRun = {
    handle: Effect.fnUntraced(function* (request) {
      if (request.endpoint === "discovery") return ok(metadata(options))
      if (request.endpoint === "jwks") return ok({ keys: [options.keys.publicJwk] })
      if (state.end !== undefined) state.failures.push(`${request.endpoint} is called after ${state.end}`)
      const reply = yield* respond(context, request)
      const interactionId = request.headers["x-fapi-interaction-id"]
      return interactionId === undefined
        ? reply
        : { ...reply, headers: { ...reply.headers, "x-fapi-interaction-id": interactionId } }
    }),
    over: Deferred.await(over),
    failures: Effect.sync(() => {
      const missing = script.ends ? state.end === undefined : !state.isRead
      const expected = script.ends ? "the forged response was not asked for" : "the resource was not read"
      return [...state.failures, ...(missing ? [expected] : [])]
    })
  }
  return run
})

interface Context extends Options {
  readonly script: Script
  readonly state: State
  readonly over: Deferred.Deferred<void>
}

const metadata = ({ aliases, issuer, variant }: Options): Claims => {
  const endpoints = (base: string) => ({
    backchannel_authentication_endpoint: `${base}/backchannel`,
    token_endpoint: `${base}/token`,
    userinfo_endpoint: `${base}/userinfo`
  })
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    ...endpoints(issuer),
    mtls_endpoint_aliases: endpoints(aliases),
    tls_client_certificate_bound_access_tokens: true,
    grant_types_supported: ["urn:openid:params:grant-type:ciba", "refresh_token", "client_credentials"],
    backchannel_token_delivery_modes_supported: [variant.delivery],
    backchannel_authentication_request_signing_alg_values_supported: ["PS256"],
    token_endpoint_auth_methods_supported: [variant.authentication === "mtls" ? "tls_client_auth" : "private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported: ["PS256"],
    id_token_signing_alg_values_supported: ["PS256"],
    response_types_supported: ["code"],
    subject_types_supported: ["public"]
  }
}

const respond = (context: Context, request: RequestCheck.Incoming): Effect.Effect<Reply, never, Scope.Scope> => {
  if (request.endpoint === "backchannel") return backchannel(context, request)
  if (request.endpoint === "token") return token(context, request)
  return Effect.sync(() => resource(context, request))
}

const authenticate = (
  { issuer, registration, state, variant: { authentication } }: Context,
  request: RequestCheck.Incoming
) =>
  Effect.promise(() => RequestCheck.authentication(request, registration, { authentication, issuer, used: state.used }))

const backchannel = Effect.fnUntraced(function* (context: Context, request: RequestCheck.Incoming) {
  const { issuer, registration, script, state, variant } = context
  const { consentId } = state
  const { claims, problems } = yield* Effect.promise(() =>
    RequestCheck.authenticationRequest(request, registration, { issuer, variant, consentId })
  )
  state.failures.push(...(yield* authenticate(context, request)), ...problems)
  state.scope = String(claims.scope)
  state.notificationToken = String(claims.client_notification_token)
  if (script.refusal !== undefined) {
    state.end = script.refusal
    return refuse(script.refusal)
  }
  if (script.acknowledge !== undefined) state.end = "a malformed acknowledgement"
  if (variant.delivery === "ping") yield* Effect.forkScoped(ping(context))
  const body = { auth_req_id: state.authReqId, expires_in: 120, interval: state.interval }
  return ok(script.acknowledge?.(body) ?? body)
})

/** Pings before the first interval has passed; a forged ping ends the module soon after. */
const ping = Effect.fnUntraced(function* ({ over, ping, script, state }: Context) {
  yield* Effect.sleep(state.interval * 800)
  const isForged = script.forgesPing === true
  if (isForged) state.end = "a forged ping"
  state.isPinged = !isForged
  const status = yield* ping(isForged ? `${state.notificationToken}1` : state.notificationToken, state.authReqId)
  if (isForged && status !== 401) state.failures.push(`the client responds to a forged ping with ${status}`)
  if (!isForged && status !== 204 && state.end === undefined) {
    state.failures.push(`the client responds to a ping with ${status}`)
  }
  if (!isForged) return
  yield* Effect.sleep("500 millis")
  yield* Deferred.succeed(over, undefined)
})

const token = Effect.fnUntraced(function* (context: Context, request: RequestCheck.Incoming) {
  const { registration, state } = context
  state.failures.push(...RequestCheck.certificate(request, registration), ...(yield* authenticate(context, request)))
  const { auth_req_id, grant_type, refresh_token, scope } = request.form
  if (grant_type === "client_credentials") {
    state.clientToken = crypto.randomUUID()
    return ok({ access_token: state.clientToken, token_type: "Bearer", expires_in: 300, scope })
  }
  if (grant_type === "refresh_token") {
    if (refresh_token !== state.refreshToken) state.failures.push("the refresh token is not the current one")
    state.refreshes += 1
    return ok(issue(state))
  }
  if (auth_req_id !== state.authReqId) state.failures.push("the auth_req_id is another one")
  return yield* poll(context)
})

const issue = (state: State): Claims => {
  state.accessToken = crypto.randomUUID()
  state.refreshToken = crypto.randomUUID()
  return {
    access_token: state.accessToken,
    refresh_token: state.refreshToken,
    token_type: "Bearer",
    expires_in: 300,
    scope: state.scope
  }
}

/** A token request is on time if the interval has passed since the last response, or a ping has come. */
const poll = Effect.fnUntraced(function* ({ keys, script, state, ...options }: Context) {
  const now = performance.now()
  if (!state.isPinged && now < state.nextPollAt) state.failures.push("a poll is sent before the interval has passed")
  const code = state.isPinged ? undefined : (script.polls ?? ["authorization_pending"])[state.polls]
  state.polls += 1
  if (code === "slow_down") state.interval += 5
  state.nextPollAt = now + state.interval * 1000
  if (code !== undefined) {
    if (code !== "authorization_pending" && code !== "slow_down") state.end = code
    return refuse(code)
  }
  const body = issue(state)
  const honest = IdTokens.claims({
    ...options,
    clientId: options.registration.clientId,
    accessToken: state.accessToken
  })
  const idToken = yield* Effect.promise(() => IdTokens.sign(keys, script.claims?.(honest) ?? honest, script.signature))
  if (script.ends) state.end = "an ID Token that is not valid"
  const response = { ...body, id_token: idToken }
  return ok(script.respond?.(response) ?? response)
})

const resource = ({ registration, script, state }: Context, request: RequestCheck.Incoming): Reply => {
  state.failures.push(...RequestCheck.certificate(request, registration))
  const expected = request.endpoint === "consents" ? state.clientToken : state.accessToken
  if (request.headers.authorization !== `Bearer ${expected}`)
    state.failures.push("the access token is not the current one")
  if (request.endpoint === "consents") {
    state.consentId = `urn:bank:${crypto.randomUUID()}`
    return { status: 201, body: { data: { consentId: state.consentId } } }
  }
  if (state.refreshes < (script.refreshes ?? 0)) {
    return { status: 401, body: {}, headers: { "www-authenticate": 'Bearer error="invalid_token"' } }
  }
  state.isRead = true
  return ok({ sub: "jo" })
}
