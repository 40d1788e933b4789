import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, PendingAuthentication, TokenEndpoint, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Effect, Fiber, Inspectable, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"

const flow = (provider: ProviderOptions = {}, options?: Partial<Ciba.Options>) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  }).pipe(Layer.provideMerge(TestProvider.layer({ user: TestUser.approve(), pacing: "off", ...provider })))

const id = Redacted.make(PendingAuthentication.AuthReqId.make("1c26+6114/ü"), { label: "auth_req_id" })

const answering = (status: number, body: unknown) => ({
  tokenScript: ProviderScript.make([ProviderScript.json(status, body)])
})

const redeem = (options?: TokenEndpoint.Options) =>
  TokenEndpoint.TokenEndpoint.use((endpoint) => endpoint.redeem(id, options))

const polls = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (all) => all.filter((request) => request.endpoint === "token"))
)

const tokens = {
  access_token: "marker-access",
  token_type: "Bearer",
  id_token: "marker-id",
  refresh_token: "marker-refresh",
  device_secret: "marker-device"
}

describe("the token request", () => {
  it.effect("is a form with grant type, id and client authentication (H1, C2, E11)", () =>
    Effect.gen(function* () {
      yield* Effect.flip(redeem())
      const [poll] = yield* polls
      expect(poll).toMatchObject({ method: "POST", url: "https://provider.test/token" })
      expect(poll?.headers).toMatchObject({
        accept: "application/json",
        "content-type": expect.stringMatching(/^application\/x-www-form-urlencoded/)
      })
      expect(poll?.authorization && Redacted.value(poll.authorization)).toMatch(/^Basic /)
      expect(poll?.parameters).toEqual([
        ["grant_type", "urn:openid:params:grant-type:ciba"],
        ["auth_req_id", "1c26+6114/ü"]
      ])
    }).pipe(Effect.provide(flow()))
  )

  it.effect("takes further parameters and headers, and none of them replaces its own (C16)", () =>
    Effect.gen(function* () {
      yield* Effect.flip(
        redeem({
          additionalParameters: [
            ["resource", "https://a.test"],
            ["resource", "https://b.test"],
            ["grant_type", "password"],
            ["auth_req_id", "another"]
          ],
          headers: { "x-fapi-interaction-id": "i-1", authorization: "Basic another" }
        })
      )
      const [poll] = yield* polls
      expect(poll?.parameters).toEqual([
        ["grant_type", "urn:openid:params:grant-type:ciba"],
        ["auth_req_id", "1c26+6114/ü"],
        ["resource", "https://a.test"],
        ["resource", "https://b.test"]
      ])
      expect(poll?.headers["x-fapi-interaction-id"]).toBe("i-1")
      expect(poll?.authorization && Redacted.value(poll.authorization)).not.toContain("another")
    }).pipe(Effect.provide(flow()))
  )

  it.effect("is sent by the first half, and read by the second", () =>
    Effect.gen(function* () {
      const endpoint = yield* TokenEndpoint.TokenEndpoint
      const response = yield* endpoint.backchannelAuthenticationGrantRequest(id)
      expect(response.status).toBe(400)
      const error = yield* Effect.flip(endpoint.processBackchannelAuthenticationGrantResponse(response))
      expect(error.reason).toMatchObject({ _tag: "AuthorizationPending", status: 400 })
    }).pipe(Effect.provide(flow(answering(400, { error: "authorization_pending" }))))
  )

  it.effect("is not sent by a push client, by either way (H24, L15)", () =>
    Effect.gen(function* () {
      const endpoint = yield* TokenEndpoint.TokenEndpoint
      for (const attempt of [
        Effect.asVoid(endpoint.redeem(id)),
        Effect.asVoid(endpoint.backchannelAuthenticationGrantRequest(id))
      ]) {
        expect((yield* Effect.flip(attempt)).reason._tag).toBe("PushDelivery")
      }
      expect(yield* polls).toEqual([])
    }).pipe(Effect.provide(flow({}, { deliveryMode: "push" })))
  )
})

describe("an error answer", () => {
  const codes: ReadonlyArray<readonly [rows: string, code: string, tag: string]> = [
    ["(H10, H17, T-6)", "authorization_pending", "AuthorizationPending"],
    ["(H11, H17, T-6)", "slow_down", "SlowDown"],
    ["(H13, H17, T-6)", "access_denied", "AccessDenied"],
    ["(H14, H17, T-6)", "invalid_grant", "InvalidGrant"],
    ["(H15, H17, T-6)", "invalid_request", "InvalidRequest"],
    ["(H16, H17, T-6)", "invalid_client", "InvalidClient"],
    ["(H16, H17, T-6)", "unauthorized_client", "UnauthorizedClient"],
    ["(H16, H17, T-6)", "invalid_scope", "InvalidScope"],
    ["(H16, H17, T-6)", "unsupported_grant_type", "UnsupportedGrantType"],
    ["(H16, H17, T-6)", "transaction_failed", "TransactionFailed"],
    ["(H16, T-7, H17, T-6)", "teapot", "Unrecognized"]
  ]
  for (const [rows, code, tag] of codes) {
    for (const status of [400, 401, 403, 200]) {
      it.effect(`${code} with ${status} is ${tag} ${rows}`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(redeem())
          expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: tag, code, status, description: "why" } })
        }).pipe(Effect.provide(flow(answering(status, { error: code, error_description: "why" }))))
      )
    }
  }

  it.effect("expired_token is the provider's word, and not the client's (H12)", () =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(redeem())).reason).toMatchObject({ _tag: "ExpiredToken", local: false })
    }).pipe(Effect.provide(flow(answering(400, { error: "expired_token" }))))
  )
})

describe("a success", () => {
  for (const member of ["access_token", "token_type", "id_token"]) {
    it.effect(`without ${member} is refused (I1)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(redeem())
        expect(error.reason._tag).toBe("InvalidTokenResponse")
        expect(error.message).toContain(member)
        expect(error.message + JSON.stringify(error)).not.toContain("marker")
      }).pipe(Effect.provide(flow(answering(200, { ...tokens, [member]: undefined }))))
    )
  }

  it.effect("shows neither token nor claim before it is verified (I5, I13)", () =>
    Effect.gen(function* () {
      const response = yield* redeem()
      const names = [...Object.getOwnPropertyNames(response), ...Object.getOwnPropertySymbols(response)]
      expect(names).toEqual([])
      expect(JSON.stringify(response) + Inspectable.toStringUnknown(response) + String(response)).not.toContain(
        "marker"
      )
    }).pipe(Effect.provide(flow(answering(200, tokens))))
  )

  const identity = Ciba.authenticate({ scope: ["openid", "email"], hint: UserHint.login("jo@example.com") })
  const verified = (change: (body: Readonly<Record<string, unknown>>) => unknown) =>
    Effect.provide(
      Effect.flatMap(Effect.forkChild(identity), (fiber) =>
        Effect.andThen(TestClock.adjust("5 seconds"), Fiber.join(fiber))
      ),
      flow({ tokenResponse: change })
    )

  it.effect("may leave out scope and lifetime: the scope is the requested one (I3)", () =>
    Effect.gen(function* () {
      const { expiresAt, refreshToken, scope } = yield* verified(({ expires_in: _, scope: __, ...body }) => body)
      expect({ expiresAt, refreshToken, scope }).toEqual({
        expiresAt: undefined,
        refreshToken: undefined,
        scope: ["openid", "email"]
      })
    })
  )

  for (const lifetime of [120, "120"]) {
    it.effect(`may have its lifetime as ${JSON.stringify(lifetime)} (I12, T-8)`, () =>
      Effect.gen(function* () {
        const { expiresAt } = yield* verified((body) => ({ ...body, expires_in: lifetime }))
        expect(expiresAt).toEqual(DateTime.makeUnsafe(5000 + 120_000))
      })
    )
  }

  it.effect("with odd optional members is still a success: the id is spent (H19)", () =>
    Effect.gen(function* () {
      const odd = { expires_in: "soon", scope: null, refresh_token: null, authorization_details: "none" }
      const { authorizationDetails, expiresAt, refreshToken, scope } = yield* verified((body) => ({ ...body, ...odd }))
      expect({ authorizationDetails, expiresAt, refreshToken, scope }).toEqual({
        authorizationDetails: undefined,
        expiresAt: undefined,
        refreshToken: undefined,
        scope: ["openid", "email"]
      })
    })
  )

  for (const type of ["Bearer", "bEARER", "BEARER"]) {
    it.effect(`may call its type ${type} (I2)`, () =>
      Effect.gen(function* () {
        expect((yield* verified((body) => ({ ...body, token_type: type }))).tokenType).toBe("Bearer")
      })
    )
  }

  it.effect("surfaces the grant, its details and unknown members; nothing secret shows by itself (I13, I14, O4)", () =>
    Effect.gen(function* () {
      const identity = yield* verified((body) => ({
        ...body,
        refresh_token: "marker-refresh",
        device_secret: "marker-device",
        grant_id: "g-1",
        authorization_details: [{ type: "payment" }]
      }))
      expect(identity.refreshToken && Redacted.value(identity.refreshToken)).toBe("marker-refresh")
      expect(Redacted.value(identity.additional)).toEqual({ device_secret: "marker-device" })
      expect(identity.grantId).toBe("g-1")
      expect(identity.authorizationDetails).toEqual([{ type: "payment" }])
      const shown = JSON.stringify(identity) + Inspectable.toStringUnknown(identity)
      for (const secret of ["marker", Redacted.value(identity.accessToken), Redacted.value(identity.idToken)]) {
        expect(shown).not.toContain(secret)
      }
    })
  )

  it.effect("with more scope than was asked for is noticed in the log (I4)", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const listener = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
      const { scope } = yield* Effect.provide(
        verified((body) => ({ ...body, scope: "openid email admin" })),
        listener
      )
      expect(scope).toEqual(["openid", "email", "admin"])
      expect(logged).toEqual([["The provider granted more scope than was requested"]])
    })
  )
})
