import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { AuthenticationRequestError, Ciba, CibaError, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestUser } from "@effect-ciba/testing"
import { Duration, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { TransportError } from "../../src/http/TransportError.ts"
import { acknowledgement, cibaLayer, initiate, requestsTo, withResponses } from "../support/AuthenticationFlow.ts"

describe("AuthenticationRequestError", () => {
  const codes: ReadonlyArray<readonly [row: string, code: string, usual: number, tag: string, sentence: string]> = [
    ["(G1)", "invalid_request", 400, "InvalidRequest", "the provider finds the request malformed"],
    ["(G2)", "invalid_scope", 400, "InvalidScope", "the provider refuses the scope"],
    ["(G3)", "expired_login_hint_token", 400, "ExpiredLoginHintToken", "the login_hint_token has expired"],
    ["(G4)", "unknown_user_id", 400, "UnknownUserId", "the provider does not know the end-user that the hint names"],
    ["(G5)", "unauthorized_client", 400, "UnauthorizedClient", "the client is not registered for this"],
    ["(G6)", "missing_user_code", 400, "MissingUserCode", "the provider demands the end-user's user code"],
    ["(G7)", "invalid_user_code", 400, "InvalidUserCode", "the user code is wrong"],
    [
      "(G8)",
      "invalid_binding_message",
      400,
      "InvalidBindingMessage",
      "the provider does not accept the binding message; BindingMessage.generate makes a plain one"
    ],
    [
      "(G9)",
      "invalid_client",
      401,
      "InvalidClient",
      "the provider does not accept the client's authentication: compare its method, its secret or key, and an assertion's audience"
    ],
    ["(G10)", "access_denied", 403, "AccessDenied", "the provider refuses to ask the end-user"],
    [
      "(G11, O5)",
      "invalid_authorization_details",
      400,
      "InvalidAuthorizationDetails",
      "the provider refuses the authorization details"
    ],
    ["(G11, P3)", "invalid_target", 400, "InvalidTarget", "the provider refuses the resource"],
    ["(G11, U7)", "invalid_grant_id", 400, "InvalidGrantId", "the provider does not accept the grant_id"],
    ["(G11)", "invalid_dpop_proof", 400, "InvalidDpopProof", "the provider does not accept the DPoP proof"],
    ["(G11)", "use_dpop_nonce", 400, "UseDpopNonce", "the provider demands another nonce in each DPoP proof"],
    ["(G11, T-27)", "expired_id_token_hint", 400, "ExpiredIdTokenHint", "the ID Token of the hint has expired"],
    [
      "(G11, T-27)",
      "invalid_id_token_hint",
      400,
      "InvalidIdTokenHint",
      "the provider does not accept the ID Token of the hint"
    ],
    ["(G11, T-27)", "server_error", 500, "ServerError", "the provider failed to handle the request"],
    [
      "(G11, T-27)",
      "temporarily_unavailable",
      503,
      "TemporarilyUnavailable",
      "the provider is overloaded or in maintenance"
    ],
    ...["invalid_login_hint", "invalid_request_object", "invalid_token", "__proto__"].map(
      (code) => ["(G11, T-27)", code, 400, "Unrecognized", "the provider refuses the request"] as const
    )
  ]
  for (const [row, code, usual, tag, sentence] of codes) {
    for (const status of new Set([usual, 400, 401, 403])) {
      it.effect(
        `decodes ${code} with ${status} as ${tag} with its description and URI, and sends nothing again ${row}`,
        () =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(initiate())
            const hint =
              code === "unauthorized_client" && status === 401
                ? ". Keycloak responds so to a wrong client secret, too"
                : ""
            expect(error._tag).toBe("AuthenticationRequestError")
            expect({ ...error.reason }).toEqual({
              _tag: tag,
              code,
              status,
              description: "what happened",
              uri: "https://provider.test/errors"
            })
            expect(error.message).toBe(`${tag}: ${sentence} (${code}, status ${status}): what happened${hint}`)
            yield* TestClock.adjust("1 hour")
            expect(yield* requestsTo("backchannel")).toHaveLength(1)
            expect(yield* requestsTo("token")).toEqual([])
          }).pipe(
            Effect.provide(
              cibaLayer(
                withResponses(
                  ProviderScript.json(status, {
                    error: code,
                    error_description: "what happened",
                    error_uri: "https://provider.test/errors"
                  })
                )
              )
            )
          )
      )
    }
  }

  it.effect("shows the code of an error response without a description (G1)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate())
      expect({ ...error.reason }).toEqual({ _tag: "InvalidRequest", code: "invalid_request", status: 400 })
      expect(error.message).toBe(
        "InvalidRequest: the provider finds the request malformed (invalid_request, status 400)"
      )
    }).pipe(Effect.provide(cibaLayer(withResponses(ProviderScript.error("invalid_request")))))
  )

  it.effect("shows the description on one line, without control characters", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate())
      expect(error.reason).toMatchObject({ code: "bad code", description: "a   [31mb  c", uri: "x y" })
      expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }).pipe(
      Effect.provide(
        cibaLayer(
          withResponses(
            ProviderScript.json(400, {
              error: "bad\u0007code",
              error_description: "a\r\n\u001b[31mb\u202e\u0000c",
              error_uri: "x\ny"
            })
          )
        )
      )
    )
  )

  it.effect("cuts a code at 100 characters, a description and a URI at 500", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate())
      expect(error.reason).toMatchObject({ code: "c".repeat(100), description: "d".repeat(500), uri: "u".repeat(500) })
      expect(error.message.length).toBeLessThan(700)
    }).pipe(
      Effect.provide(
        cibaLayer(
          withResponses(
            ProviderScript.json(400, {
              error: "c".repeat(10_000),
              error_description: "d".repeat(10_000),
              error_uri: "u".repeat(10_000)
            })
          )
        )
      )
    )
  )

  it.effect("keeps the Retry-After of an error response with 503, which is no TransportError (G11, G12, T-27)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate())
      expect(error.reason).toMatchObject({
        _tag: "ServerError",
        code: "server_error",
        description: "Failed to send authentication request",
        status: 503,
        retryAfter: Duration.seconds(7)
      })
      yield* TestClock.adjust("1 hour")
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        cibaLayer(
          withResponses(
            ProviderScript.error("server_error", {
              status: 503,
              retryAfter: "7",
              description: "Failed to send authentication request"
            })
          )
        )
      )
    )
  )

  it.effect("tells an access_denied of this endpoint from the end-user's refusal (G10)", () =>
    Effect.gen(function* () {
      const outcome = yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
        Effect.as("approved"),
        Effect.catchReason("TokenError", "AccessDenied", () => Effect.succeed("declined by the end-user")),
        Effect.catchReason("AuthenticationRequestError", "AccessDenied", ({ status }) =>
          Effect.succeed(`refused with ${status}`)
        )
      )
      expect(outcome).toBe("refused with 403")
    }).pipe(Effect.provide(cibaLayer(withResponses(ProviderScript.error("access_denied", { status: 403 })))))
  )

  it.effect("lets a new request with a user code follow missing_user_code and invalid_user_code (G6, G7)", () =>
    Effect.gen(function* () {
      const withCode = (code: string) => initiate({ userCode: Redacted.make(code) })
      const pending = yield* initiate().pipe(
        Effect.catchReason("AuthenticationRequestError", "MissingUserCode", () => withCode("4321")),
        Effect.catchReason("AuthenticationRequestError", "InvalidUserCode", () => withCode("1234"))
      )
      expect(pending.clientId).toBe("test-client")
      const requests = yield* requestsTo("backchannel")
      expect(requests.map(({ error }) => error)).toEqual(["missing_user_code", "invalid_user_code", undefined])
    }).pipe(Effect.provide(cibaLayer({ user: TestUser.approve({ userCode: "1234" }) }, { userCodeParameter: true })))
  )
})

describe("a response that the authentication endpoint does not define", () => {
  const { delay, html, json, lost, redirect, reset, status, truncated } = ProviderScript
  const faults: ReadonlyArray<readonly [title: string, answer: ProviderScript.Step, fault: object]> = [
    ["201 without an auth_req_id (F11)", json(201, { expires_in: 60 }), { kind: "UnexpectedStatus", status: 201 }],
    ["202 without an auth_req_id (F11)", json(202, {}), { kind: "UnexpectedStatus", status: 202 }],
    ["204 without a body (F11)", status(204), { kind: "UnexpectedStatus", status: 204 }],
    ["200 without a body (F11)", status(200), { kind: "Unreadable", status: 200 }],
    ["a page of HTML (F11)", html(200), { kind: "Unreadable", status: 200 }],
    ["an acknowledgement that breaks off (F11)", truncated, { kind: "Unreadable", status: 200 }],
    ["a page of HTML with 502 (G13)", html(502), { kind: "UnexpectedStatus", status: 502 }],
    ["JSON without an error (G13)", json(400, { message: "marker" }), { kind: "UnexpectedStatus", status: 400 }],
    ["JSON with an empty error (G13)", json(400, { error: "" }), { kind: "UnexpectedStatus", status: 400 }],
    ["JSON with an error that is no text (G13)", json(400, { error: 7 }), { kind: "UnexpectedStatus", status: 400 }],
    ["JSON that is no object (G13)", json(500, ["invalid_request"]), { kind: "UnexpectedStatus", status: 500 }],
    [
      "503 with Retry-After (G12)",
      status(503, { retryAfter: "7" }),
      { kind: "UnexpectedStatus", status: 503, retryAfter: Duration.seconds(7) }
    ],
    ["503 without Retry-After (G12)", status(503), { kind: "UnexpectedStatus", status: 503 }],
    ["429 (G12)", status(429), { kind: "UnexpectedStatus", status: 429 }],
    [
      "429 with a date as Retry-After (G12)",
      status(429, { retryAfter: "Thu, 01 Jan 1970 00:00:20 GMT" }),
      { kind: "UnexpectedStatus", status: 429, retryAfter: Duration.seconds(20) }
    ],
    ["500 with an acknowledgement in it (G12)", json(500, acknowledgement), { kind: "UnexpectedStatus", status: 500 }],
    ["a broken connection (G12)", reset, { kind: "Unreachable" }],
    ["a response that is lost (G12)", lost, { kind: "Unreachable" }],
    ["a response after the timeout (G12)", delay("36 seconds", json(200, acknowledgement)), { kind: "TimedOut" }],
    ...[301, 302, 303, 307, 308].map(
      (code) =>
        [
          `a redirect with ${code} (C20)`,
          redirect("https://elsewhere.test/marker", code),
          { kind: "Redirected", status: code }
        ] as const
    )
  ]
  for (const [title, answer, fault] of faults) {
    it.effect(`fails with a TransportError without confidential values, and sends nothing again: ${title}`, () =>
      Effect.gen(function* () {
        const asked = yield* Effect.forkChild(Effect.flip(initiate({ hint: UserHint.login("marker") })))
        yield* TestClock.adjust("1 hour")
        const error = yield* Fiber.join(asked)
        expect({ ...error.reason }).toEqual({
          _tag: "TransportError",
          method: "POST",
          url: "https://provider.test/backchannel",
          ...fault
        })
        expect([inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error)].join()).not.toContain("marker")
        expect(yield* requestsTo("backchannel")).toHaveLength(1)
        expect(yield* requestsTo("token")).toEqual([])
        expect(yield* requestsTo("elsewhere")).toEqual([])
      }).pipe(
        Effect.provide(cibaLayer({ ...withResponses(answer), user: { ...TestUser.ignore, loginHint: "marker" } }))
      )
    )
  }
})

describe("the end-user", () => {
  const { error, html, json, lost, redirect, reset, status, truncated } = ProviderScript
  const requests: ReadonlyArray<readonly [title: string, answer: ProviderScript.Step, mayHaveAsked: boolean]> = [
    ["was refused with an error code (G1)", error("invalid_request"), false],
    ["was refused by policy (G10)", error("access_denied", { status: 403 }), false],
    ["was refused with 404 and no error code (G13)", html(404), false],
    ["was refused with 408 and no error code (G13)", status(408), false],
    ["was refused with 429 and no error code (G12)", status(429, { retryAfter: "7" }), false],
    ["was refused with 499 and no error code (G13)", json(499, {}), false],
    ["was redirected (C20)", redirect("https://elsewhere.test/", 307), false],
    ["got 500 and no error code (G12)", status(500), true],
    ["got 502 of a gateway (G13)", html(502), true],
    ["got 503 and no error code (G12)", status(503), true],
    ["got another status than 200 (F11)", json(201, {}), true],
    ["got an acknowledgement that breaks off (F11)", truncated, true],
    ["got an acknowledgement without an auth_req_id (F11)", json(200, { expires_in: 60 }), true],
    ["got no response (G12)", lost, true],
    ["met a broken connection (G12)", reset, true]
  ]
  for (const [title, answer, expected] of requests) {
    it.effect(`${expected ? "may" : "cannot"} have been asked by a request that ${title}`, () =>
      Effect.gen(function* () {
        const failure = yield* initiate().pipe(
          Effect.as(undefined),
          Effect.catchTag("AuthenticationRequestError", (error) => Effect.succeed(error))
        )
        expect(failure && AuthenticationRequestError.mayHaveAsked(failure)).toBe(expected)
        if (expected) expect(failure && CibaError.canAskAgain(failure)).toBe(false)
      }).pipe(Effect.provide(cibaLayer(withResponses(answer))))
    )
  }

  const transport = (fields: Pick<TransportError, "kind"> & Partial<TransportError>) =>
    new TransportError({ method: "POST", url: "https://provider.test/backchannel", ...fields })

  it("may have been asked if a response with 404 is to another request", () => {
    const reason = transport({ kind: "InteractionIdMismatch", status: 404 })
    const failure = new AuthenticationRequestError.AuthenticationRequestError({ reason })
    expect(AuthenticationRequestError.mayHaveAsked(failure)).toBe(true)
    expect(failure.next).toBe("confirm")
  })

  it("cannot have been asked by a request for which there was no connection", () => {
    const reason = transport({ kind: "Unreachable", code: "ECONNREFUSED" })
    const failure = new AuthenticationRequestError.AuthenticationRequestError({ reason })
    expect(AuthenticationRequestError.mayHaveAsked(failure)).toBe(false)
    expect(failure.next).toBe("retry")
  })

  it("may have been asked if the acknowledgement has the auth_req_id of another request", () => {
    const reason = new AuthenticationRequestError.DuplicateAuthReqId({})
    const failure = new AuthenticationRequestError.AuthenticationRequestError({ reason })
    expect(AuthenticationRequestError.mayHaveAsked(failure)).toBe(true)
  })
})
