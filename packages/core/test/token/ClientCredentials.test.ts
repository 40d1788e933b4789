import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, Dpop, ProtectedResource, SigningKey, TokenEndpoint } from "@effect-ciba/core"
import { DateTime, Effect, Redacted } from "effect"
import { decodePart } from "../support/Jwt.ts"
import { json, type Responder, scriptedProvider } from "../support/ScriptedProvider.ts"

const tokens = { access_token: "marker-token", token_type: "Bearer", expires_in: 300, scope: "consents payments" }

/** A client over a provider with these responses. */
const setUp = (
  answers: readonly [Responder, ...ReadonlyArray<Responder>],
  options?: Parameters<ReturnType<typeof scriptedProvider>["layer"]>[0]
) => {
  const { layer, ...provider } = scriptedProvider(answers)
  return { ...provider, provide: Effect.provide(layer(options)) }
}

describe("TokenEndpoint.requestClientToken", () => {
  it.effect(
    "sends the grant with the client's authentication, and gives the token with its scope and expiry (Q8)",
    () =>
      Effect.gen(function* () {
        const { provide, received } = setUp([json(200, { ...tokens, api: "v2" })])
        const token = yield* provide(TokenEndpoint.requestClientToken({ scope: ["consents", "payments"] }))
        expect(received).toMatchObject([
          {
            path: "/token",
            headers: { authorization: expect.stringMatching(/^Basic \S+$/) },
            form: [
              ["grant_type", "client_credentials"],
              ["scope", "consents payments"]
            ]
          }
        ])
        expect(Redacted.value(token.accessToken)).toBe("marker-token")
        expect([token.tokenType, token.scope]).toEqual(["Bearer", ["consents", "payments"]])
        expect(token.expiresAt).toEqual(DateTime.add(yield* DateTime.now, { seconds: 300 }))
        expect(Redacted.value(token.additional)).toEqual({ api: "v2" })
        expect(inspect(token, { depth: 9 })).not.toContain("marker")
      })
  )

  it.effect("takes the requested scope where the response has none, and sends none that is empty (Q8)", () =>
    Effect.gen(function* () {
      const { forms, provide } = setUp([json(200, { ...tokens, scope: null })])
      expect((yield* provide(TokenEndpoint.requestClientToken({ scope: ["consents"] }))).scope).toEqual(["consents"])
      expect((yield* provide(TokenEndpoint.requestClientToken({ scope: [] }))).scope).toEqual([])
      expect(forms()).toEqual([
        { grant_type: "client_credentials", scope: "consents" },
        { grant_type: "client_credentials" }
      ])
    })
  )

  it.effect("reads a scope with spaces around, and has none where neither side names one (Q8)", () =>
    Effect.gen(function* () {
      const { provide } = setUp([
        json(200, { ...tokens, scope: " consents  payments " }),
        json(200, { ...tokens, scope: "" })
      ])
      expect((yield* provide(TokenEndpoint.requestClientToken())).scope).toEqual(["consents", "payments"])
      expect((yield* provide(TokenEndpoint.requestClientToken())).scope).toEqual([])
    })
  )

  it.effect(
    "is a bearer token where the response has no type, and of another type that the client knows (Q8, I2)",
    () =>
      Effect.gen(function* () {
        const { provide } = setUp(
          [json(200, { ...tokens, token_type: undefined }), json(200, { ...tokens, token_type: "MAC" })],
          { compatibility: { recognizedTokenTypes: ["Mac"] } }
        )
        expect((yield* provide(TokenEndpoint.requestClientToken())).tokenType).toBe("Bearer")
        expect((yield* provide(TokenEndpoint.requestClientToken())).tokenType).toBe("MAC")
      })
  )

  it.effect("is not requested with a scope that would be read as several, or as another one (Q8)", () =>
    Effect.gen(function* () {
      const { forms, provide } = setUp([json(200, tokens)])
      for (const scope of ["consents payments", "", 'a"b', "ä"]) {
        const error = yield* Effect.flip(provide(TokenEndpoint.requestClientToken({ scope: [scope] })))
        expect(error.reason).toMatchObject({ _tag: "InvalidParameter", parameter: "scope" })
      }
      expect(forms()).toEqual([])
    })
  )

  it.effect("hands out neither a refresh token nor an ID Token, which is not verified (Q8)", () =>
    Effect.gen(function* () {
      const { provide } = setUp([
        json(200, { ...tokens, refresh_token: "marker-refresh", id_token: "marker.id.token" })
      ])
      const token = yield* provide(TokenEndpoint.requestClientToken())
      expect(Redacted.value(token.additional)).toEqual({})
    })
  )

  it.effect("is bound by DPoP as other tokens are, repeats a demanded nonce, and is sent with its key (Q8, M6)", () =>
    Effect.gen(function* () {
      const { provide, received } = setUp([
        json(400, { error: "use_dpop_nonce" }, { "dpop-nonce": "n-1" }),
        json(200, { ...tokens, token_type: "DPoP" }),
        json(200, {})
      ])
      const key = yield* SigningKey.generate("ES256")
      yield* provide(
        Effect.gen(function* () {
          const token = yield* TokenEndpoint.requestClientToken()
          expect(token.dpopKey).toBeDefined()
          const client = yield* ProtectedResource.make(token)
          yield* client.get("https://api.test/consents")
        })
      ).pipe(Effect.provide(Dpop.layer({ key })))
      const [first, second, third] = yield* Effect.forEach(received, ({ headers }) => decodePart(headers.dpop ?? "", 1))
      expect([first?.nonce, second?.nonce]).toEqual([undefined, "n-1"])
      expect(third).toMatchObject({ htu: "https://api.test/consents", ath: expect.any(String) })
      expect(received[2]?.headers.authorization).toBe("DPoP marker-token")
    })
  )

  it.effect("refuses a bearer token where the client's tokens are bound by DPoP (Q8, M10)", () =>
    Effect.gen(function* () {
      const { provide } = setUp([json(200, tokens)])
      const key = yield* SigningKey.generate("ES256")
      const error = yield* provide(Effect.flip(TokenEndpoint.requestClientToken())).pipe(
        Effect.provide(Dpop.layer({ key }))
      )
      expect(error.reason).toMatchObject({
        _tag: "InvalidTokenResponse",
        issues: "token_type: expected DPoP, got Bearer"
      })
    })
  )

  it.effect("sends nothing for a public client (Q8)", () =>
    Effect.gen(function* () {
      const { provide, received } = setUp([json(200, tokens)], { authentication: ClientAuthentication.none })
      const error = yield* provide(Effect.flip(TokenEndpoint.requestClientToken()))
      expect(error.reason).toMatchObject({
        _tag: "InvalidParameter",
        parameter: "grant_type",
        problem: expect.stringContaining("register it with a client authentication method")
      })
      expect(received).toEqual([])
    })
  )

  for (const [what, answer, tag] of [
    ["the provider does not offer the grant", json(400, { error: "unsupported_grant_type" }), "UnsupportedGrantType"],
    ["the response has no token", json(200, { token_type: "Bearer" }), "InvalidTokenResponse"],
    ["the token could not be sent in a header", json(200, { ...tokens, access_token: "a\nb" }), "InvalidTokenResponse"]
  ] as const) {
    it.effect(`fails with ${tag} if ${what} (Q8)`, () =>
      Effect.gen(function* () {
        const { provide } = setUp([answer])
        const error = yield* provide(Effect.flip(TokenEndpoint.requestClientToken()))
        expect(error.reason._tag).toBe(tag)
      })
    )
  }
})
