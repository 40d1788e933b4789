import { assert, describe, it, vi } from "@effect/vitest"
import { refOf } from "@effect-ciba/authorization-server/Approver"
import * as AuthorizationServer from "@effect-ciba/authorization-server/AuthorizationServer"
import * as Fault from "@effect-ciba/authorization-server/Fault"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { Duration, Effect, Fiber, Schedule, Schema, Stream } from "effect"

type Form = Readonly<Record<string, string>>

const Acknowledged = Schema.Struct({ auth_req_id: Schema.String, expires_in: Schema.Number })

const parameters = { scope: "openid profile", login_hint: "jo@example.com", binding_message: "W4SCT" }

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
  form: Form = parameters,
  client = server.clients.secretBasic
) {
  const response = yield* post(server, "/backchannel", form, client)
  return yield* Schema.decodeUnknownEffect(Acknowledged)(response.json)
})

const redeem = (server: AuthorizationServer.Service, authReqId: string, client = server.clients.secretBasic) =>
  post(server, "/token", { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: authReqId }, client)

describe("AuthorizationServer", () => {
  it.live("AuthorizationServer publishes its metadata with every algorithm", () =>
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

  it.live("AuthorizationServer issues tokens after an approval", () =>
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

  it.live("AuthorizationServer responds with access_denied after a denial", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const { auth_req_id } = yield* request(server)
      yield* server.deny(refOf(auth_req_id))
      const response = yield* redeem(server, auth_req_id)
      assert.deepStrictEqual(response.json, {
        error: "access_denied",
        error_description: "the end-user denied the request"
      })
    })
  )

  it.live("AuthorizationServer responds with expired_token after the expiry", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make({ expires: "1 second" })
      const { auth_req_id, expires_in } = yield* request(server)
      assert.strictEqual(expires_in, 1)
      const response = yield* redeem(server, auth_req_id).pipe(
        Effect.repeat({
          until: ({ json }) => json.error !== "authorization_pending",
          schedule: Schedule.spaced("100 millis")
        })
      )
      assert.strictEqual(response.json.error, "expired_token")
      assert.deepStrictEqual(yield* server.pending, [])
    })
  )

  it.live("AuthorizationServer applies requested_expiry", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      assert.strictEqual((yield* request(server, { ...parameters, requested_expiry: "7" })).expires_in, 7)
    })
  )

  it.live("AuthorizationServer rejects unknown login hints, user codes and binding messages", () =>
    Effect.gen(function* () {
      const coded = RegisteredClients.client("coded", { backchannel_user_code_parameter: true })
      const server = yield* AuthorizationServer.make({ clients: [coded], userCodes: { jo: "2468" } })
      const errorOf = (change: Form, client?: RegisteredClients.SecretClient) =>
        Effect.map(post(server, "/backchannel", { ...parameters, ...change }, client), ({ json }) => json.error)
      assert.strictEqual(yield* errorOf({ login_hint: "unknown" }), "unknown_user_id")
      assert.strictEqual(yield* errorOf({ binding_message: "two words" }), "invalid_binding_message")
      assert.strictEqual(yield* errorOf({}, coded), "missing_user_code")
      assert.strictEqual(yield* errorOf({ user_code: "1" }, coded), "invalid_user_code")
      assert.isUndefined(yield* errorOf({ user_code: "2468" }, coded))
    })
  )

  it.live("AuthorizationServer accepts a login_hint_token", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const token = (payload: object) => `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.`
      const respond = (payload: object) =>
        post(server, "/backchannel", { scope: "openid", login_hint_token: token(payload) })
      assert.strictEqual((yield* respond({ email: "jo@example.com" })).status, 200)
      assert.strictEqual((yield* respond({ sub: "jo", exp: 1 })).json.error, "expired_login_hint_token")
    })
  )

  it.live("AuthorizationServer pings the client after a decision", () =>
    Effect.gen(function* () {
      const receiver = yield* AuthorizationServer.make()
      const pinged = RegisteredClients.pingClient("pinged", `${receiver.issuer.replace("http", "https")}/cb`)
      yield* receiver.inject("/cb", Fault.status(204))
      const server = yield* AuthorizationServer.make({ clients: [pinged] })
      const response = yield* post(
        server,
        "/backchannel",
        { ...parameters, client_notification_token: "token" },
        pinged
      )
      yield* server.approve(refOf(response.json.auth_req_id))
      const [ping] = yield* receiver.log
      assert.deepInclude(ping, { method: "POST", path: "/cb", status: 204 })
      assert.deepInclude(ping?.headers, { authorization: "Bearer token" })
    })
  )

  it.live("AuthorizationServer collects a failed ping, and the decision remains", () =>
    Effect.gen(function* () {
      const receiver = yield* AuthorizationServer.make()
      const pinged = RegisteredClients.pingClient("pinged", `${receiver.issuer.replace("http", "https")}/cb`)
      const server = yield* AuthorizationServer.make({ clients: [pinged] })
      const form = { ...parameters, client_notification_token: "token" }
      const response = yield* post(server, "/backchannel", form, pinged)
      yield* server.approve(refOf(response.json.auth_req_id))
      assert.lengthOf(yield* server.failures, 1)
    })
  )

  it.live("AuthorizationServer returns the configured interval", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make({ interval: "2 seconds" })
      assert.strictEqual((yield* post(server, "/backchannel", parameters)).json.interval, 2)
    })
  )

  it.live("AuthorizationServer enables features without output on the console", () =>
    Effect.gen(function* () {
      const output = [vi.spyOn(console, "info"), vi.spyOn(console, "warn")]
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
      const { auth_req_id } = yield* request(server, { ...parameters, resource, authorization_details }, payer)
      yield* server.approve(refOf(auth_req_id))
      const tokens = yield* redeem(server, auth_req_id, payer)
      const [, access] = tokens.json.access_token.split(".")
      const claims = JSON.parse(Buffer.from(access, "base64url").toString())
      assert.strictEqual(claims.aud, resource)
      assert.deepStrictEqual(claims.authorization_details, [{ type: "payment", amount: 45 }])
      assert.deepStrictEqual(
        output.flatMap((spy) => spy.mock.calls),
        []
      )
      assert.deepStrictEqual(yield* server.failures, [])
    })
  )

  it.live("AuthorizationServer has registered every client of RegisteredClients", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const known = yield* Effect.forEach(RegisteredClients.list(server.clients), ({ client_id }) =>
        Effect.promise(() => server.provider.Client.find(client_id))
      )
      assert.lengthOf(known, 16)
      assert.notInclude(known, undefined)
    })
  )

  it.live("AuthorizationServer records requests in a log and in a stream", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer.make()
      const streamed = yield* server.requests.pipe(Stream.take(2), Stream.runCollect, Effect.forkChild)
      yield* Effect.yieldNow
      const { auth_req_id } = yield* request(server)
      yield* redeem(server, auth_req_id)
      const log = yield* server.log
      assert.deepStrictEqual(yield* Fiber.join(streamed), [...log])
      assert.deepInclude(log[0], { method: "POST", path: "/backchannel", status: 200 })
      assert.deepStrictEqual(log[0]?.form, parameters)
      assert.deepInclude(log[1], { path: "/token", status: 400, error: "authorization_pending" })
      assert.deepInclude(log[1]?.form, { auth_req_id })
      assert.isAtLeast(log[1]?.at ?? 0, log[0]?.at ?? 0)
    })
  )

  it.live("AuthorizationServer stops listening when its scope closes", () =>
    Effect.gen(function* () {
      const issuer = yield* Effect.scoped(Effect.map(AuthorizationServer.make(), (server) => server.issuer))
      const error = yield* Effect.tryPromise(() => fetch(issuer)).pipe(Effect.flip)
      assert.strictEqual((error.cause as TypeError).message, "fetch failed")
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

  const assertPending = Effect.fnUntraced(function* ({ poll }: Effect.Success<ReturnType<typeof withFault>>) {
    assert.strictEqual((yield* poll).json.error, "authorization_pending")
  })

  it.live("Fault.status responds once, with Retry-After", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.status(503, { retryAfter: "1" }))
      const response = yield* faulty.poll
      assert.strictEqual(response.status, 503)
      assert.strictEqual(response.headers.get("retry-after"), "1")
      const [, logged] = yield* faulty.server.log
      assert.deepInclude(logged, { status: 503 })
      assert.hasAllKeys(logged?.form, ["grant_type", "auth_req_id"])
      yield* assertPending(faulty)
    })
  )

  it.live("Fault.status responds with an OAuth error", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.status(400, { error: "slow_down" }))
      assert.deepStrictEqual((yield* faulty.poll).json, { error: "slow_down" })
      yield* assertPending(faulty)
    })
  )

  it.live("Fault.html responds with an HTML page", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.html(502))
      const response = yield* faulty.poll
      assert.strictEqual(response.status, 502)
      assert.match(response.headers.get("content-type") ?? "", /^text\/html/)
      yield* assertPending(faulty)
    })
  )

  it.live("Fault.reset resets the connection", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.reset)
      const error = yield* Effect.flip(faulty.poll)
      assert.strictEqual((error.cause as Error).message, "fetch failed")
      assert.notProperty((yield* faulty.server.log)[1], "status")
      yield* assertPending(faulty)
    })
  )

  it.live("Fault.hang sends no response", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.hang)
      assert.isTrue((yield* Effect.timeoutOption(faulty.poll, "200 millis"))._tag === "None")
      yield* assertPending(faulty)
    })
  )

  it.live("Fault.redirect responds with a redirect", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.redirect("http://127.0.0.1:1/elsewhere"))
      const response = yield* faulty.poll
      assert.strictEqual(response.status, 307)
      assert.strictEqual(response.headers.get("location"), "http://127.0.0.1:1/elsewhere")
      yield* assertPending(faulty)
    })
  )

  it.live("Fault.loseResponse resets the connection after the server has handled the request", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.loseResponse)
      yield* faulty.server.approve(faulty.ref)
      yield* Effect.flip(faulty.poll)
      assert.strictEqual((yield* faulty.poll).json.error, "invalid_grant")
    })
  )

  it.live("Fault.delay passes the request on late", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.delay("300 millis"))
      const [took] = yield* Effect.timed(assertPending(faulty))
      assert.isAtLeast(Duration.toMillis(took), 295)
    })
  )

  it.live("Fault.rewrite replaces the body of the response", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.rewrite((body) => ({ ...body, error: "slow_down" })))
      assert.strictEqual((yield* faulty.poll).json.error, "slow_down")
      yield* assertPending(faulty)
    })
  )

  it.live("faults apply in order, one to each request", () =>
    Effect.gen(function* () {
      const faulty = yield* withFault(Fault.none)
      yield* faulty.server.inject("/token", Fault.status(500), Fault.html(502))
      yield* assertPending(faulty)
      assert.strictEqual((yield* faulty.poll).status, 500)
      assert.strictEqual((yield* faulty.poll).status, 502)
      yield* assertPending(faulty)
    })
  )
})
