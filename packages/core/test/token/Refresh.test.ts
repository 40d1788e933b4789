import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, Dpop, Refresh, SigningKey, type TokenError, TokenResponse } from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { decodePart } from "../support/Jwt.ts"
import { json, refreshedTokens, scriptedProvider, text } from "../support/ScriptedProvider.ts"

const token = Redacted.make("1/ü = &")

const reasonOf = (error: { readonly reason: object }) => ({ ...error.reason })

describe("Refresh.request", () => {
  it.effect("sends grant type and refresh token as a form, with the client's authentication in a header (Q1)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([json(200, refreshedTokens)])
      yield* Effect.provide(Refresh.refresh(token), layer())
      expect(received).toMatchObject([
        {
          path: "/token",
          headers: { accept: "application/json", authorization: expect.stringMatching(/^Basic \S+$/) },
          form: [
            ["grant_type", "refresh_token"],
            ["refresh_token", "1/ü = &"]
          ]
        }
      ])
    })
  )

  it.effect("sends a part of the scope, resources and headers with a refresh token", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([json(200, refreshedTokens)])
      yield* Refresh.refresh(token, {
        scope: ["openid", "email"],
        additionalParameters: [
          ["resource", "https://a.test"],
          ["resource", "https://b.test"],
          ["authorization_details", "[]"]
        ],
        headers: { "x-fapi-interaction-id": "i-1" }
      }).pipe(Effect.provide(layer({ authentication: ClientAuthentication.none })))
      expect(received[0]?.form.slice(2)).toEqual([
        ["scope", "openid email"],
        ["resource", "https://a.test"],
        ["resource", "https://b.test"],
        ["authorization_details", "[]"],
        ["client_id", "bank-app"]
      ])
      expect(received[0]?.headers["x-fapi-interaction-id"]).toBe("i-1")
    })
  )

  it.effect("sends no scope with a refresh token if the requested scope is empty", () =>
    Effect.gen(function* () {
      const { forms, layer } = scriptedProvider([json(200, refreshedTokens)])
      yield* Effect.provide(Refresh.refresh(token, { scope: [] }), layer())
      expect(Object.keys(forms()[0] ?? {})).toEqual(["grant_type", "refresh_token"])
    })
  )

  for (const name of ["grant_type", "refresh_token", "client_id", "client_assertion"]) {
    it.effect(`does not send a refresh request with a second ${name}`, () =>
      Effect.gen(function* () {
        const { received, layer } = scriptedProvider([json(200, refreshedTokens)])
        const error = yield* Refresh.refresh(token, { additionalParameters: [[name, "another"]] }).pipe(
          Effect.flip,
          Effect.provide(layer())
        )
        expect(reasonOf(error)).toMatchObject({ _tag: "InvalidParameter", parameter: name })
        expect(received).toEqual([])
      })
    )
  }

  it.effect("does not send a refresh request whose scope would be read as several", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([json(200, refreshedTokens)])
      const error = yield* Effect.flip(Refresh.refresh(token, { scope: ["openid email"] })).pipe(
        Effect.provide(layer())
      )
      expect(reasonOf(error)).toMatchObject({ _tag: "InvalidParameter", parameter: "scope" })
      expect(received).toEqual([])
    })
  )

  it.effect("sends the refresh request of a push client (Q6)", () =>
    Effect.gen(function* () {
      const { forms, pushLayer } = scriptedProvider([json(200, refreshedTokens)])
      yield* Effect.provide(Refresh.refresh(token), pushLayer())
      expect(forms()).toMatchObject([{ grant_type: "refresh_token" }])
    })
  )

  it.effect(
    "proves possession of the given key in a refresh request, and repeats it with a demanded nonce (M5, M6)",
    () =>
      Effect.gen(function* () {
        const { received, layer } = scriptedProvider([
          json(400, { error: "use_dpop_nonce" }, { "dpop-nonce": "n-1" }),
          json(200, { ...refreshedTokens, token_type: "DPoP" })
        ])
        const stored = yield* SigningKey.generateJwk("ES256")
        yield* Refresh.refresh(token, { dpopKey: stored.privateJwk }).pipe(
          Effect.provide(layer().pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
        )
        const proofs = yield* Effect.forEach(received, ({ headers: { dpop = "" } }) =>
          Effect.all([decodePart(dpop, 0), decodePart(dpop, 1)])
        )
        expect(proofs.map(([, claims]) => claims.nonce)).toEqual([undefined, "n-1"])
        for (const [header] of proofs) expect(header.jwk).toMatchObject({ x: stored.publicJwk.x })
      })
  )

  it.effect("gives the raw response to a refresh request, which process reads", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([json(418, { error: "invalid_grant" }, { "x-trace": "t-1" })])
      const error = yield* Effect.gen(function* () {
        const response = yield* Refresh.request(token)
        expect([response.status, response.headers["x-trace"]]).toEqual([418, "t-1"])
        return yield* Effect.flip(Refresh.process(response))
      }).pipe(Effect.provide(layer()))
      expect(reasonOf(error)).toEqual({ _tag: "InvalidGrant", code: "invalid_grant", status: 418 })
      expect(error.message).toBe(
        "InvalidGrant: the provider does not accept the auth_req_id or the refresh token: it is unknown, expired, revoked, of another client, or was used before (invalid_grant, status 418)"
      )
      expect(received).toHaveLength(1)
    })
  )
})

describe("Refresh.process", () => {
  for (const [what, more] of [
    ["no ID Token", {}],
    ["null for an ID Token", { id_token: null, refresh_token: null, scope: null }],
    ["empty tokens beside the access token", { id_token: "", refresh_token: "" }],
    ["a list of scopes, and no token_type", { scope: ["openid"], token_type: undefined }],
    ["an ID Token", { id_token: "a.b.c" }]
  ] as const) {
    it.effect(`accepts a refresh response with ${what}, and shows nothing of it (Q4)`, () =>
      Effect.gen(function* () {
        const response = yield* Effect.provide(
          Refresh.refresh(token),
          scriptedProvider([json(200, { ...refreshedTokens, ...more })]).layer()
        )
        expect(response).toBeInstanceOf(TokenResponse.RefreshResponse)
        expect(JSON.stringify(response)).toBe("{}")
      })
    )
  }

  for (const [member, value] of [
    ["access_token", undefined],
    ["token_type", 7],
    ["id_token", "marker".length]
  ] as const) {
    it.effect(`rejects a refresh response with ${JSON.stringify(value)} for ${member}`, () =>
      Effect.gen(function* () {
        const error = yield* Refresh.refresh(token).pipe(
          Effect.flip,
          Effect.provide(scriptedProvider([json(200, { ...refreshedTokens, [member]: value })]).layer())
        )
        expect(error.reason._tag).toBe("InvalidTokenResponse")
        expect(error.message).toContain(`["${member}"]`)
        expect(error.message).not.toContain("marker")
      })
    )
  }

  for (const [code, tag] of [
    ["invalid_grant", "InvalidGrant"],
    ["invalid_scope", "InvalidScope"],
    ["invalid_client", "InvalidClient"],
    ["unauthorized_client", "UnauthorizedClient"],
    ["unsupported_grant_type", "UnsupportedGrantType"]
  ] satisfies ReadonlyArray<readonly [string, TokenError.TokenError["reason"]["_tag"]]>) {
    it.effect(`fails with ${tag} if the response to a refresh token is ${code}`, () =>
      Effect.gen(function* () {
        const error = yield* Refresh.refresh(token).pipe(
          Effect.flip,
          Effect.provide(scriptedProvider([json(400, { error: code })]).layer())
        )
        expect(reasonOf(error)).toEqual({ _tag: tag, code, status: 400 })
      })
    )
  }

  it.effect("fails with a TransportError if the response to a refresh token is a page of HTML with status 502", () =>
    Effect.gen(function* () {
      const error = yield* Refresh.refresh(token).pipe(
        Effect.flip,
        Effect.provide(scriptedProvider([text(502, "<h1>Bad gateway</h1>")]).layer())
      )
      expect(reasonOf(error)).toMatchObject({ _tag: "TransportError", kind: "UnexpectedStatus", status: 502 })
    })
  )
})
