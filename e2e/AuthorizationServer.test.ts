import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Fiber, Schedule, Schema, Stream } from "effect"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as Fault from "./Fault.ts"
import { refOf } from "./Person.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

type Form = Readonly<Record<string, string>>

const Acknowledged = Schema.Struct({ auth_req_id: Schema.String, expires_in: Schema.Number })

const ask = { scope: "openid profile", login_hint: "jo@example.com", binding_message: "W4SCT" }

const post = Effect.fnUntraced(function* (
  server: AuthorizationServer.Service,
  path: string,
  form: Form,
  client = server.clients.secretBasic
) {
  return yield* Effect.tryPromise(async (signal) => {
    const response = await fetch(server.issuer + path, {
      method: "POST",
      redirect: "manual",
      signal,
      headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
      body: new URLSearchParams(form)
    })
    const text = await response.text()
    const json = response.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : {}
    return { status: response.status, headers: response.headers, text, json }
  })
})

const request = Effect.fnUntraced(function* (
  server: AuthorizationServer.Service,
  form: Form = ask,
  client = server.clients.secretBasic
) {
  const answer = yield* post(server, "/backchannel", form, client)
  return yield* Schema.decodeUnknownEffect(Acknowledged)(answer.json)
})

const redeem = (server: AuthorizationServer.Service, authReqId: string, client = server.clients.secretBasic) =>
  post(server, "/token", { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: authReqId }, client)

describe("AuthorizationServer", () => {
  it.live("publishes its metadata and every algorithm", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const metadata = yield* Effect.promise(() =>
        fetch(`${server.issuer}/.well-known/openid-configuration`).then((response) => response.json())
      )
      assert.strictEqual(metadata.issuer, server.issuer)
      assert.strictEqual(metadata.backchannel_authentication_endpoint, `${server.issuer}/backchannel`)
      assert.deepStrictEqual(metadata.backchannel_token_delivery_modes_supported, ["poll", "ping"])
      assert.includeMembers(metadata.id_token_signing_alg_values_supported, ["PS512", "ES512", "EdDSA"])
      assert.includeMembers(metadata.token_endpoint_auth_signing_alg_values_supported, ["HS512", "RS384", "EdDSA"])
    })
  )

  it.live("gives tokens once the person approves", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const { auth_req_id } = yield* request(server)
      assert.strictEqual((yield* redeem(server, auth_req_id)).json.error, "authorization_pending")

      const waiting = yield* server.awaitRequest
      assert.deepInclude(waiting, { ref: refOf(auth_req_id), account: "jo", bindingMessage: "W4SCT" })
      assert.deepStrictEqual(yield* server.pending, [waiting])

      yield* server.approve(waiting.ref)
      const tokens = yield* redeem(server, auth_req_id)
      assert.strictEqual(tokens.status, 200)
      assert.hasAllKeys(tokens.json, ["access_token", "expires_in", "id_token", "scope", "token_type"])
      assert.deepStrictEqual(yield* server.pending, [])
      assert.strictEqual((yield* redeem(server, auth_req_id)).json.error, "invalid_grant")
    })
  )

  it.live("answers access_denied once the person declines", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const { auth_req_id } = yield* request(server)
      yield* server.deny(refOf(auth_req_id))
      const answer = yield* redeem(server, auth_req_id)
      assert.deepStrictEqual(answer.json, { error: "access_denied", error_description: "the person said no" })
    })
  )

  it.live("answers expired_token after the request's time", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make({ expires: "1 second" })
      const { auth_req_id, expires_in } = yield* request(server)
      assert.strictEqual(expires_in, 1)
      const answer = yield* redeem(server, auth_req_id).pipe(
        Effect.repeat({
          until: ({ json }) => json.error !== "authorization_pending",
          schedule: Schedule.spaced("100 millis")
        })
      )
      assert.strictEqual(answer.json.error, "expired_token")
      assert.deepStrictEqual(yield* server.pending, [])
    })
  )

  it.live("keeps a request no longer than it asks for", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      assert.strictEqual((yield* request(server, { ...ask, requested_expiry: "7" })).expires_in, 7)
    })
  )

  it.live("refuses people, codes and messages that it does not know", () =>
    Effect.gen(function* () {
      const coded = RegisteredClients.client("coded", { backchannel_user_code_parameter: true })
      const server = yield* AuthorizationServer.make({ clients: [coded], userCodes: { jo: "2468" } })
      const refusal = (change: Form, client?: RegisteredClients.SecretClient) =>
        Effect.map(post(server, "/backchannel", { ...ask, ...change }, client), ({ json }) => json.error)
      assert.strictEqual(yield* refusal({ login_hint: "nobody" }), "unknown_user_id")
      assert.strictEqual(yield* refusal({ binding_message: "two words" }), "invalid_binding_message")
      assert.strictEqual(yield* refusal({}, coded), "missing_user_code")
      assert.strictEqual(yield* refusal({ user_code: "1" }, coded), "invalid_user_code")
      assert.isUndefined(yield* refusal({ user_code: "2468" }, coded))
    })
  )

  it.live("finds the person behind a login_hint_token", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const token = (payload: object) => `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.`
      const answer = (payload: object) =>
        post(server, "/backchannel", { scope: "openid", login_hint_token: token(payload) })
      assert.strictEqual((yield* answer({ email: "jo@example.com" })).status, 200)
      assert.strictEqual((yield* answer({ sub: "jo", exp: 1 })).json.error, "expired_login_hint_token")
    })
  )

  it.live("pings the client when the person has decided", () =>
    Effect.gen(function* () {
      const receiver = yield* AuthorizationServer.make()
      const pinged = RegisteredClients.pingClient("pinged", `${receiver.issuer.replace("http", "https")}/cb`)
      yield* receiver.inject("/cb", Fault.status(204))
      const server = yield* AuthorizationServer.make({ clients: [pinged] })
      const answer = yield* post(server, "/backchannel", { ...ask, client_notification_token: "token" }, pinged)
      yield* server.approve(refOf(answer.json.auth_req_id))
      const [ping] = yield* receiver.log
      assert.deepInclude(ping, { method: "POST", path: "/cb", status: 204 })
      assert.deepInclude(ping?.headers, { authorization: "Bearer token" })
    })
  )

  it.live("keeps a failed ping and lets the decision stand", () =>
    Effect.gen(function* () {
      const receiver = yield* AuthorizationServer.make()
      const pinged = RegisteredClients.pingClient("pinged", `${receiver.issuer.replace("http", "https")}/cb`)
      const server = yield* AuthorizationServer.make({ clients: [pinged] })
      const form = { ...ask, client_notification_token: "token" }
      const answer = yield* post(server, "/backchannel", form, pinged)
      yield* server.approve(refOf(answer.json.auth_req_id))
      assert.lengthOf(yield* server.failures, 1)
    })
  )

  it.live("says the interval when it has one", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make({ interval: "2 seconds" })
      assert.strictEqual((yield* post(server, "/backchannel", ask)).json.interval, 2)
    })
  )

  it.live("switches features on, without a word", () =>
    Effect.gen(function* () {
      const spoken = [vi.spyOn(console, "info"), vi.spyOn(console, "warn")]
      const payer = RegisteredClients.client("payer", { authorization_details_types: ["payment"] })
      const server = yield* AuthorizationServer.make({
        clients: [payer],
        signedRequests: true,
        features: {
          dPoP: { enabled: true },
          encryption: { enabled: true },
          introspection: { enabled: true },
          mTLS: { enabled: true, certificateBoundAccessTokens: true, tlsClientAuth: true },
          resourceIndicators: { enabled: true },
          revocation: { enabled: true },
          richAuthorizationRequests: {
            enabled: true,
            types: { payment: { validate: () => {} } },
            authorizationDetailsForGrantSource: (_, source) => source.rar,
            authorizationDetailsForAccessToken: (_, source) => source?.rar,
            authorizationDetailsForIntrospection: (_, token) => token.rar
          },
          userinfo: { enabled: true }
        }
      })
      const metadata = yield* Effect.promise(() =>
        fetch(`${server.issuer}/.well-known/openid-configuration`).then((response) => response.json())
      )
      assert.containsAllKeys(metadata, [
        "authorization_details_types_supported",
        "backchannel_authentication_request_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
        "id_token_encryption_alg_values_supported",
        "introspection_endpoint",
        "revocation_endpoint",
        "tls_client_certificate_bound_access_tokens",
        "userinfo_endpoint"
      ])
      const resource = "https://shop.example.com"
      const authorization_details = JSON.stringify([{ type: "payment", amount: 45 }])
      const { auth_req_id } = yield* request(server, { ...ask, resource, authorization_details }, payer)
      yield* server.approve(refOf(auth_req_id))
      const tokens = yield* redeem(server, auth_req_id, payer)
      const [, access] = tokens.json.access_token.split(".")
      const claims = JSON.parse(Buffer.from(access, "base64url").toString())
      assert.strictEqual(claims.aud, resource)
      assert.deepStrictEqual(claims.authorization_details, [{ type: "payment", amount: 45 }])
      assert.deepStrictEqual(
        spoken.flatMap((spy) => spy.mock.calls),
        []
      )
      assert.deepStrictEqual(yield* server.failures, [])
    })
  )

  it.live("knows every ready-made client", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const known = yield* Effect.forEach(RegisteredClients.list(server.clients), ({ client_id }) =>
        Effect.promise(() => server.provider.Client.find(client_id))
      )
      assert.lengthOf(known, 16)
      assert.notInclude(known, undefined)
    })
  )

  it.live("logs what it saw, and streams it", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const streamed = yield* server.exchanges.pipe(Stream.take(2), Stream.runCollect, Effect.forkChild)
      yield* Effect.yieldNow
      const { auth_req_id } = yield* request(server)
      yield* redeem(server, auth_req_id)
      const log = yield* server.log
      assert.deepStrictEqual(yield* Fiber.join(streamed), [...log])
      assert.deepInclude(log[0], { method: "POST", path: "/backchannel", status: 200 })
      assert.deepStrictEqual(log[0]?.form, ask)
      assert.deepInclude(log[1], { path: "/token", status: 400, error: "authorization_pending" })
      assert.deepInclude(log[1]?.form, { auth_req_id })
      assert.isAtLeast(log[1]?.at ?? 0, log[0]?.at ?? 0)
    })
  )

  it.live("stops listening when its scope ends", () =>
    Effect.gen(function* () {
      const issuer = yield* Effect.scoped(Effect.map(AuthorizationServer.make(), (server) => server.issuer))
      const refused = yield* Effect.tryPromise(() => fetch(issuer)).pipe(Effect.flip)
      assert.strictEqual((refused.cause as TypeError).message, "fetch failed")
    })
  )
})

describe("Fault", () => {
  const withFault = Effect.fnUntraced(function* (fault: Fault.Fault) {
    const server = yield* AuthorizationServer.make()
    const { auth_req_id } = yield* request(server)
    yield* server.inject("/token", fault)
    return { server, poll: redeem(server, auth_req_id), ref: refOf(auth_req_id) }
  })

  const passes = Effect.fnUntraced(function* ({ poll }: Effect.Success<ReturnType<typeof withFault>>) {
    assert.strictEqual((yield* poll).json.error, "authorization_pending")
  })

  it.live("answers a status, with Retry-After, one time", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.status(503, { retryAfter: "1" }))
      const answer = yield* faulty.poll
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(answer.headers.get("retry-after"), "1")
      const [, logged] = yield* faulty.server.log
      assert.deepInclude(logged, { status: 503 })
      assert.hasAllKeys(logged?.form, ["grant_type", "auth_req_id"])
      yield* passes(faulty)
    })
  )

  it.live("answers an OAuth error", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.status(400, { error: "slow_down" }))
      assert.deepStrictEqual((yield* faulty.poll).json, { error: "slow_down" })
      yield* passes(faulty)
    })
  )

  it.live("answers a page", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.html(502))
      const answer = yield* faulty.poll
      assert.strictEqual(answer.status, 502)
      assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
      yield* passes(faulty)
    })
  )

  it.live("resets the connection", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.reset)
      const error = yield* Effect.flip(faulty.poll)
      assert.strictEqual((error.cause as Error).message, "fetch failed")
      assert.notProperty((yield* faulty.server.log)[1], "status")
      yield* passes(faulty)
    })
  )

  it.live("never answers", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.hang)
      assert.isTrue((yield* Effect.timeoutOption(faulty.poll, "200 millis"))._tag === "None")
      yield* passes(faulty)
    })
  )

  it.live("redirects", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.redirect("http://127.0.0.1:1/elsewhere"))
      const answer = yield* faulty.poll
      assert.strictEqual(answer.status, 307)
      assert.strictEqual(answer.headers.get("location"), "http://127.0.0.1:1/elsewhere")
      yield* passes(faulty)
    })
  )

  it.live("loses the answer after the server has done its part", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.loseAnswer)
      yield* faulty.server.approve(faulty.ref)
      yield* Effect.flip(faulty.poll)
      assert.strictEqual((yield* faulty.poll).json.error, "invalid_grant")
    })
  )

  it.live("answers late", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.delay("300 millis"))
      const [took] = yield* Effect.timed(passes(faulty))
      assert.isAtLeast(Duration.toMillis(took), 295)
    })
  )

  it.live("rewrites the answer", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.rewrite((body) => ({ ...body, error: "slow_down" })))
      assert.strictEqual((yield* faulty.poll).json.error, "slow_down")
      yield* passes(faulty)
    })
  )

  it.live("is met in order, one for each request", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.none)
      yield* faulty.server.inject("/token", Fault.status(500), Fault.html(502))
      yield* passes(faulty)
      assert.strictEqual((yield* faulty.poll).status, 500)
      assert.strictEqual((yield* faulty.poll).status, 502)
      yield* passes(faulty)
    })
  )
})
