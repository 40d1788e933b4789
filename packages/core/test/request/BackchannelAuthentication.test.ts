import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  PendingAuthentication,
  UserHint
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Duration, Effect, Fiber, Inspectable, Layer, Logger, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"

const flow = (provider: ProviderOptions = {}, options?: Partial<Ciba.Options>) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  }).pipe(Layer.provideMerge(TestProvider.layer(provider)))

const hint = UserHint.login("jo@example.com")

const ask = (options?: Partial<AuthenticationRequest.Options>) =>
  BackchannelAuthentication.BackchannelAuthentication.use(({ initiate }) =>
    initiate({ scope: ["openid"], hint, ...options })
  )

const requestsTo = (endpoint: string) =>
  TestProvider.TestProvider.use(({ requests }) =>
    Effect.map(requests, (all) => all.filter((request) => request.endpoint === endpoint))
  )

const answering = (status: number, body: unknown) => ({
  backchannelScript: ProviderScript.make([ProviderScript.json(status, body)])
})

const acknowledgement = { auth_req_id: "1c266114-a1be-4252-8ad1-04986c5b9ac1", expires_in: 120, interval: 2 }

describe("the request", () => {
  it.effect("is a form by POST that asks for JSON, with the registered authentication (C1, C2, C19)", () =>
    Effect.gen(function* () {
      yield* ask({ bindingMessage: "Grüße & {1+1=2}" })
      const [request] = yield* requestsTo("backchannel")
      expect(request).toMatchObject({ method: "POST", status: 200 })
      expect(request?.headers).toMatchObject({
        accept: "application/json",
        "content-type": expect.stringMatching(/^application\/x-www-form-urlencoded/)
      })
      expect(request?.authorization && Redacted.value(request.authorization)).toMatch(/^Basic /)
      expect(request?.parameters).toEqual([
        ["scope", "openid"],
        ["login_hint", "jo@example.com"],
        ["binding_message", "Grüße & {1+1=2}"]
      ])
    }).pipe(Effect.provide(flow()))
  )

  it.effect("is sent by the first half, and read by the second", () =>
    Effect.gen(function* () {
      const endpoint = yield* BackchannelAuthentication.BackchannelAuthentication
      const request = yield* AuthenticationRequest.make({ scope: ["openid"], hint, bindingMessage: "W4SCT" })
      const response = yield* endpoint.request(request)
      expect(response.status).toBe(200)
      const pending = yield* endpoint.process(response, { request, sentAt: DateTime.makeUnsafe(1000) })
      expect(pending).toMatchObject({ bindingMessage: "W4SCT", clientId: TestClient.clientId, deliveryMode: "poll" })
      expect(DateTime.toEpochMillis(pending.expiresAt)).toBe(301_000)
    }).pipe(Effect.provide(flow()))
  )

  const unsent: ReadonlyArray<
    readonly [title: string, metadata: Record<string, unknown>, options: Partial<Ciba.Options>, reason: object]
  > = [
    [
      "where the provider has no endpoint for it (A3)",
      { backchannel_authentication_endpoint: undefined },
      {},
      { _tag: "MissingEndpoint", endpoint: "backchannel_authentication_endpoint" }
    ],
    [
      "where the provider does not have the registered mode (A4)",
      { backchannel_token_delivery_modes_supported: ["poll"] },
      { deliveryMode: "push" },
      { _tag: "Unsupported", feature: "push delivery" }
    ],
    [
      "where the provider names no modes (A4)",
      { backchannel_token_delivery_modes_supported: undefined },
      {},
      { _tag: "Unsupported", feature: "poll delivery" }
    ],
    [
      "with a user code where the provider has none (A6)",
      { backchannel_user_code_parameter_supported: undefined },
      { userCodeParameter: true },
      { _tag: "Unsupported", feature: "user_code" }
    ]
  ]
  for (const [title, change, options, reason] of unsent) {
    it.effect(`is not sent ${title}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          ask(options.userCodeParameter === true ? { userCode: Redacted.make("1234") } : undefined)
        )
        expect(error.reason).toMatchObject(reason)
        expect(yield* requestsTo("backchannel")).toEqual([])
      }).pipe(Effect.provide(flow({ metadata: (document) => ({ ...document, ...change }) }, options)))
    )
  }

  it.effect("goes to the top-level endpoint without mutual TLS, whatever aliases there are (A9, A10)", () =>
    Effect.gen(function* () {
      yield* ask()
      expect(yield* requestsTo("elsewhere")).toEqual([])
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        flow({
          metadata: (document) => ({
            ...document,
            mtls_endpoint_aliases: { backchannel_authentication_endpoint: "https://mtls.provider.test/backchannel" }
          })
        })
      )
    )
  )

  it.effect("is sent with a warning where the grant is not listed, and a push client needs none (A7)", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const listener = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
      const ping = { deliveryMode: "ping" } as const
      const push = { deliveryMode: "push" } as const
      const provider = {
        metadata: (document: object) => ({
          ...document,
          grant_types_supported: [],
          backchannel_token_delivery_modes_supported: ["ping", "push"]
        })
      }
      yield* ask().pipe(Effect.ignore, Effect.provide(Layer.merge(flow(provider, push), listener)))
      expect(logged).toEqual([])
      yield* ask({ bindingMessage: "https://marker.test" }).pipe(
        Effect.ignore,
        Effect.provide(Layer.merge(flow(provider, ping), listener))
      )
      expect(JSON.stringify(logged)).toContain("urn:openid:params:grant-type:ciba")
      expect(JSON.stringify(logged)).toContain("contains a URL")
      expect(JSON.stringify(logged)).not.toContain("marker")
    })
  )
})

describe("the acknowledgement", () => {
  it.effect("becomes a pending authentication, unknown members ignored (F7, F8)", () =>
    Effect.gen(function* () {
      const pending = yield* ask()
      expect(Redacted.value(pending.authReqId)).toBe(acknowledgement.auth_req_id)
      expect(pending).toMatchObject({
        issuer: "https://provider.test",
        interval: Duration.seconds(2),
        scope: ["openid"]
      })
    }).pipe(Effect.provide(flow(answering(200, { ...acknowledgement, extra: { deep: [1] } }))))
  )

  it.effect("counts its lifetime from sending, and not from the answer (F10)", () =>
    Effect.gen(function* () {
      const asked = yield* Effect.forkChild(ask())
      yield* TestClock.adjust("20 seconds")
      expect((yield* Fiber.join(asked)).expiresAt).toEqual(DateTime.makeUnsafe(120_000))
    }).pipe(
      Effect.provide(
        flow({
          backchannelScript: ProviderScript.make([
            ProviderScript.delayed("20 seconds", ProviderScript.json(200, acknowledgement))
          ])
        })
      )
    )
  )

  for (const id of ["a+b/c=%20&d", "ü ? #", "x".repeat(1000)]) {
    it.effect(`gives back an id as it came: ${id.slice(0, 12)} (F2)`, () =>
      Effect.gen(function* () {
        const pending = yield* ask()
        const ciba = yield* Ciba.Ciba
        yield* Effect.forkChild(Effect.ignore(ciba.complete(pending)))
        yield* TestClock.adjust("2 seconds")
        const [poll] = yield* requestsTo("token")
        expect(poll?.parameters).toContainEqual(["auth_req_id", id])
      }).pipe(Effect.provide(flow(answering(200, { ...acknowledgement, auth_req_id: id }))))
    )
  }

  const { auth_req_id: _id, ...withoutId } = acknowledgement
  const { expires_in: _lifetime, ...withoutLifetime } = acknowledgement
  const invalid: ReadonlyArray<readonly [title: string, body: unknown]> = [
    ["no auth_req_id (F1)", withoutId],
    ["an empty auth_req_id (F2)", { ...acknowledgement, auth_req_id: "" }],
    ["an auth_req_id that is no string (F2)", { ...acknowledgement, auth_req_id: 7 }],
    ["no expires_in (F1)", withoutLifetime],
    ...[0, -1, 1.5, "abc", "1.5", "", null, 1e12].map(
      (value) => [`expires_in ${JSON.stringify(value)} (F3)`, { ...acknowledgement, expires_in: value }] as const
    ),
    ["an array", []],
    ["null", null]
  ]
  for (const [title, body] of invalid) {
    it.effect(`is refused with ${title}, and nothing is polled`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ask())
        expect(error.reason._tag).toBe("InvalidAcknowledgement")
        expect(yield* requestsTo("token")).toEqual([])
      }).pipe(Effect.provide(flow(answering(200, body))))
    )
  }

  const intervals: ReadonlyArray<readonly [interval: unknown, seconds: number]> = [
    [undefined, 5],
    [2, 2],
    ["7", 7],
    [0, 1],
    ["0", 1],
    [-3, 5],
    [null, 5],
    ["", 5],
    ["soon", 5],
    [1.5, 5],
    [{}, 5],
    [3600, 3600]
  ]
  for (const [interval, seconds] of intervals) {
    it.effect(`with interval ${JSON.stringify(interval)} means ${seconds} seconds between polls (F4, F5, T-8)`, () =>
      Effect.gen(function* () {
        expect((yield* ask()).interval).toEqual(Duration.seconds(seconds))
      }).pipe(Effect.provide(flow(answering(200, { ...acknowledgement, interval }))))
    )
  }

  it.effect("may have its lifetime in a string (F3, T-8)", () =>
    Effect.gen(function* () {
      expect((yield* ask()).expiresAt).toEqual(DateTime.makeUnsafe(120_000))
    }).pipe(Effect.provide(flow(answering(200, { ...acknowledgement, expires_in: "120" }))))
  )

  const faults: ReadonlyArray<readonly [title: string, answer: ProviderScript.Answer, fault: object]> = [
    ["201 (F11)", ProviderScript.json(201, acknowledgement), { kind: "UnexpectedStatus", status: 201 }],
    ["204 without a body (F11)", ProviderScript.status(204), { kind: "UnexpectedStatus", status: 204 }],
    ["a page of HTML (F11)", ProviderScript.html(200), { kind: "Unreadable", status: 200 }],
    ["a page of HTML with 502 (G13)", ProviderScript.html(502), { kind: "UnexpectedStatus", status: 502 }],
    ["JSON without an error (G13)", ProviderScript.json(400, { message: "no" }), { kind: "UnexpectedStatus" }],
    [
      "503 with a wish (G12)",
      ProviderScript.status(503, { retryAfter: "7" }),
      { kind: "UnexpectedStatus", status: 503, retryAfter: Duration.seconds(7) }
    ],
    ["429 (G12)", ProviderScript.status(429), { kind: "UnexpectedStatus", status: 429 }],
    ["a broken connection (G12)", ProviderScript.reset, { kind: "Unreachable" }],
    ["a redirect (C20)", ProviderScript.redirect("https://elsewhere.test"), { kind: "Redirected", status: 307 }]
  ]
  for (const [title, answer, fault] of faults) {
    it.effect(`that is ${title} is a fault, and the request is not sent again`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ask())
        expect(error.reason).toMatchObject({ _tag: "HttpFault", method: "POST", ...fault })
        yield* TestClock.adjust("1 hour")
        expect(yield* requestsTo("backchannel")).toHaveLength(1)
        expect(yield* requestsTo("elsewhere")).toEqual([])
      }).pipe(Effect.provide(flow({ backchannelScript: ProviderScript.make([answer]) })))
    )
  }
})

describe("an error answer", () => {
  const codes: ReadonlyArray<readonly [row: string, code: string, statuses: ReadonlyArray<number>, tag: string]> = [
    ["(G1)", "invalid_request", [400], "InvalidRequest"],
    ["(G2)", "invalid_scope", [400], "InvalidScope"],
    ["(G3)", "expired_login_hint_token", [400], "ExpiredLoginHintToken"],
    ["(G4)", "unknown_user_id", [400], "UnknownUserId"],
    ["(G5)", "unauthorized_client", [400], "UnauthorizedClient"],
    ["(G6)", "missing_user_code", [400], "MissingUserCode"],
    ["(G7)", "invalid_user_code", [400], "InvalidUserCode"],
    ["(G8)", "invalid_binding_message", [400], "InvalidBindingMessage"],
    ["(G9)", "invalid_client", [401, 400], "InvalidClient"],
    ["(G10)", "access_denied", [403, 400], "AccessDenied"],
    ["(G11)", "invalid_authorization_details", [400], "Unrecognized"],
    ["(G11, T-27)", "invalid_login_hint", [400], "Unrecognized"],
    ["(G11, T-27)", "server_error", [503], "Unrecognized"]
  ]
  for (const [row, code, statuses, tag] of codes) {
    for (const status of statuses) {
      it.effect(`${code} with ${status} is ${tag}, with what the provider said ${row}`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(ask())
          expect(error._tag).toBe("AuthenticationRequestError")
          expect(error.reason).toMatchObject({
            _tag: tag,
            code,
            status,
            description: "what    happened",
            uri: "https://provider.test/errors"
          })
          expect(error.message).toContain(code)
          yield* TestClock.adjust("1 hour")
          expect(yield* requestsTo("backchannel")).toHaveLength(1)
          expect(yield* requestsTo("token")).toEqual([])
        }).pipe(
          Effect.provide(
            flow(
              answering(status, {
                error: code,
                error_description: "what \u0007\u202e happened",
                error_uri: "https://provider.test/errors"
              })
            )
          )
        )
      )
    }
  }

  it.effect("keeps a description to 500 characters", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ask())
      expect(error.reason).toMatchObject({ description: "x".repeat(500) })
    }).pipe(Effect.provide(flow(answering(400, { error: "invalid_request", error_description: "x".repeat(10_000) }))))
  )

  it.effect("can be answered by the person: the code is asked for, and a new request is sent (G6)", () =>
    Effect.gen(function* () {
      const pending = yield* ask().pipe(
        Effect.catchReason("AuthenticationRequestError", "MissingUserCode", () =>
          ask({ userCode: Redacted.make("1234") })
        )
      )
      expect(pending.clientId).toBe(TestClient.clientId)
      expect(yield* requestsTo("backchannel")).toHaveLength(2)
    }).pipe(Effect.provide(flow({ user: TestUser.approve({ userCode: "1234" }) }, { userCodeParameter: true })))
  )
})

describe("a pending authentication", () => {
  it.effect("shows no secret, and its plain JSON is refused (C11, I13)", () =>
    Effect.gen(function* () {
      const pending = yield* ask({ userCode: Redacted.make("marker-code"), bindingMessage: "W4SCT" })
      const shown = JSON.stringify(pending) + Inspectable.toStringUnknown(pending) + String(pending)
      expect(shown).not.toContain(acknowledgement.auth_req_id)
      expect(shown).not.toContain("marker")
      expect(shown).toContain("W4SCT")
      const encode = Schema.encodeEffect(Schema.toCodecJson(PendingAuthentication.PendingAuthentication))
      expect((yield* Effect.flip(encode(pending))).message).toContain("Cannot serialize Redacted")
    }).pipe(
      Effect.provide(
        flow(
          { ...answering(200, acknowledgement), user: TestUser.approve({ userCode: "marker-code" }) },
          { userCodeParameter: true }
        )
      )
    )
  )
})
