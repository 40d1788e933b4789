import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, Dpop, Revocation, SigningKey } from "@effect-ciba/core"
import { Duration, Effect, Layer, Redacted } from "effect"
import { decodePart } from "../support/Jwt.ts"
import { issuer, json, providerMetadata, type Responder, scriptedProvider, text } from "../support/ScriptedProvider.ts"

const token = Redacted.make("marker-token /ü")

const done = text(200, "")

const revokeWith = (responder: Responder) =>
  Effect.provide(Revocation.revoke(token), scriptedProvider([responder]).layer())

describe("Revocation.request", () => {
  it.effect(
    "sends the token as a form, with the client's authentication in a header, to the revocation endpoint (R1)",
    () =>
      Effect.gen(function* () {
        const { received, layer } = scriptedProvider([done])
        yield* Effect.provide(Revocation.revoke(token), layer())
        expect(received).toMatchObject([
          {
            path: "/revoke",
            headers: {
              authorization: expect.stringMatching(/^Basic \S+$/),
              "content-type": "application/x-www-form-urlencoded"
            },
            form: [["token", "marker-token /ü"]]
          }
        ])
      })
  )

  it.effect("sends token_type_hint, additional parameters and additional headers with a revocation request (R1)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([done])
      yield* Revocation.revoke(token, {
        tokenTypeHint: "refresh_token",
        additionalParameters: [["tenant", "1"]],
        headers: { "x-fapi-interaction-id": "i-1", authorization: "Basic another" }
      }).pipe(Effect.provide(layer()))
      expect(received[0]?.form.slice(1)).toEqual([
        ["token_type_hint", "refresh_token"],
        ["tenant", "1"]
      ])
      expect(received[0]?.headers["x-fapi-interaction-id"]).toBe("i-1")
      expect(received[0]?.headers.authorization).not.toContain("another")
    })
  )

  it.effect("gives client authentication the same target each time, so that it prepares itself once", () =>
    Effect.gen(function* () {
      const targets: Array<unknown> = []
      const authentication = ClientAuthentication.clientSecretBasic(Redacted.make("secret"))
      const credentials: typeof authentication.credentials = (target) => {
        targets.push(target)
        return authentication.credentials(target)
      }
      const layer = scriptedProvider([done, done]).layer({ authentication: { ...authentication, credentials } })
      yield* Effect.provide(Effect.andThen(Revocation.revoke(token), Revocation.revoke(token)), layer)
      expect(targets).toHaveLength(2)
      expect(targets[1]).toBe(targets[0])
    })
  )

  for (const name of ["token", "token_type_hint", "client_id", "client_secret"]) {
    it.effect(`does not send a revocation request with a second ${name}`, () =>
      Effect.gen(function* () {
        const { received, layer } = scriptedProvider([done])
        const error = yield* Revocation.revoke(token, {
          tokenTypeHint: "access_token",
          additionalParameters: [[name, "another"]]
        }).pipe(Effect.flip, Effect.provide(layer()))
        expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "InvalidParameter", parameter: name } })
        expect(received).toEqual([])
      })
    )
  }

  it.effect(
    "authenticates a revocation request with a secret, with a fresh assertion for the issuer, or with the client id alone (R5)",
    () =>
      Effect.gen(function* () {
        const { forms, layer } = scriptedProvider([done])
        const key = yield* SigningKey.generate("ES256")
        for (const authentication of [
          ClientAuthentication.clientSecretPost(Redacted.make("s")),
          ClientAuthentication.privateKeyJwt(key),
          ClientAuthentication.none
        ]) {
          yield* Effect.provide(
            Effect.andThen(Revocation.revoke(token), Revocation.revoke(token)),
            layer({ authentication })
          )
        }
        const [post, , first, second, none] = forms()
        expect(post).toEqual({ token: "marker-token /ü", client_id: "bank-app", client_secret: "s" })
        expect(none).toEqual({ token: "marker-token /ü", client_id: "bank-app" })
        const claims = yield* Effect.forEach([first, second], (form) => decodePart(form?.client_assertion ?? "", 1))
        expect(claims).toMatchObject([{ aud: "https://provider.test" }, { aud: "https://provider.test" }])
        expect(claims[0]?.jti).not.toBe(claims[1]?.jti)
      })
  )

  it.effect("sends a revocation request to the mutual TLS alias (R5)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([done])
      yield* Revocation.revoke(token).pipe(
        Effect.provide(
          layer(
            { authentication: ClientAuthentication.tlsClientAuth },
            {
              ...providerMetadata,
              mtls_endpoint_aliases: { revocation_endpoint: "https://mtls.provider.test/mtls/revoke" }
            }
          )
        )
      )
      expect(received).toMatchObject([
        {
          path: "/mtls/revoke",
          form: [
            ["token", "marker-token /ü"],
            ["client_id", "bank-app"]
          ]
        }
      ])
    })
  )

  it.effect("sends a revocation request without a DPoP proof, and does not repeat it for a nonce (R5)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([
        json(400, { error: "use_dpop_nonce" }, { "dpop-nonce": "n-1" }),
        done
      ])
      const error = yield* Revocation.revoke(token).pipe(
        Effect.flip,
        Effect.provide(layer().pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
      )
      expect(error.reason._tag).toBe("UseDpopNonce")
      expect(received.map(({ headers }) => headers.dpop)).toEqual([undefined])
    })
  )

  it.effect("fails to revoke a token if the provider publishes no revocation endpoint", () =>
    Effect.gen(function* () {
      const { layer } = scriptedProvider([done])
      const error = yield* Revocation.revoke(token).pipe(Effect.flip, Effect.provide(layer({}, { issuer })))
      expect(error).toMatchObject({ _tag: "DiscoveryError", reason: { endpoint: "revocation_endpoint" } })
    })
  )
})

describe("Revocation.process", () => {
  for (const [what, responder] of [
    ["nothing", done],
    ["a page", text(200, "<h1>Bye</h1>")],
    ["half a document", text(200, '{"error":')],
    ["an error that the status denies", json(200, { error: "invalid_request" })],
    ["more than is ever read", text(200, "x".repeat(2_000_000))]
  ] as const) {
    it.effect(`takes a token for revoked after a 200 with ${what} (R1)`, () =>
      Effect.gen(function* () {
        expect(yield* revokeWith(responder)).toBeUndefined()
      })
    )
  }

  it.effect("gives the raw revocation response, which process reads (R1)", () =>
    Effect.gen(function* () {
      const response = yield* Revocation.request(token)
      expect(response.status).toBe(418)
      const error = yield* Effect.flip(Revocation.process(response))
      expect(error).toMatchObject({ reason: { _tag: "InvalidRequest", status: 418 } })
    }).pipe(Effect.provide(scriptedProvider([json(418, { error: "invalid_request" })]).layer()))
  )

  for (const [code, status, tag] of [
    ["unsupported_token_type", 400, "UnsupportedTokenType"],
    ["invalid_request", 400, "InvalidRequest"],
    ["invalid_client", 401, "InvalidClient"],
    ["unauthorized_client", 400, "UnauthorizedClient"],
    ["teapot", 400, "Unrecognized"]
  ] as const) {
    it.effect(`fails with ${tag} if the revocation endpoint responds ${code} (R1)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(revokeWith(json(status, { error: code, error_description: "why" })))
        expect(error._tag).toBe("TokenError")
        expect({ ...error.reason }).toEqual({ _tag: tag, code, status, description: "why" })
        expect(error.message).toMatch(new RegExp(`^${tag}: .+ \\(${code}, status ${status}\\): why$`))
      })
    )
  }

  for (const [what, responder] of [
    ["a page", text(503, "<h1>Later</h1>", { "retry-after": "30" })],
    ["no error", json(503, {}, { "retry-after": "30" })]
  ] as const) {
    it.effect(
      `fails with a TransportError with retryAfter if the revocation endpoint responds 503 with ${what} (R1)`,
      () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(revokeWith(responder))
          expect({ ...error.reason }).toEqual({
            _tag: "TransportError",
            kind: "UnexpectedStatus",
            method: "POST",
            url: "https://provider.test/revoke",
            status: 503,
            retryAfter: Duration.seconds(30)
          })
          expect(error.message + JSON.stringify(error)).not.toContain("marker")
        })
    )
  }

  it.effect("gives the retryAfter of a 503 with an error code of the revocation endpoint (R1)", () =>
    Effect.gen(function* () {
      const responder = json(503, { error: "temporarily_unavailable" }, { "retry-after": "30" })
      expect({ ...(yield* Effect.flip(revokeWith(responder))).reason }).toEqual({
        _tag: "TemporarilyUnavailable",
        code: "temporarily_unavailable",
        status: 503,
        retryAfter: Duration.seconds(30)
      })
    })
  )

  it.effect("takes a token for revoked after a 204, which is a success without content (R1)", () =>
    Effect.gen(function* () {
      expect(yield* revokeWith(() => Effect.succeed(new Response(null, { status: 204 })))).toBeUndefined()
    })
  )

  for (const status of [201, 202, 404]) {
    it.effect(`does not take a token for revoked after status ${status} (R1)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(revokeWith(() => Effect.succeed(new Response(null, { status }))))
        expect(error.reason).toMatchObject({ _tag: "TransportError", kind: "UnexpectedStatus", status })
      })
    )
  }
})
