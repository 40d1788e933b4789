import { assert, describe, expect, it } from "@effect/vitest"
import {
  type Ciba,
  ClientAuthentication,
  ClientRegistration,
  Dpop,
  Introspection,
  type JwsAlgorithm,
  SigningKey
} from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { DateTime, Effect, Layer, Redacted } from "effect"
import { Base64Url } from "effect/encoding"
import * as Decrypter from "../../src/client/Decrypter.ts"
import * as DecryptionFailed from "../../src/crypto/DecryptionFailed.ts"
import { encodeJson, type JsonObject, join, replace, signHmac } from "../support/Jwt.ts"
import {
  clientId,
  issuer,
  json,
  providerMetadata,
  type Responder,
  scriptedProvider,
  signToken,
  text
} from "../support/ScriptedProvider.ts"

const token = Redacted.make("marker-token")

const introspect = (responder: Responder, options?: Partial<Ciba.Options>) =>
  Effect.provide(Introspection.introspect(token), scriptedProvider([responder]).layer(options))

const failureOf = (responder: Responder, options?: Partial<Ciba.Options>) =>
  Effect.map(Effect.flip(introspect(responder, options)), (error) => {
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("marker")
    return { stage: error._tag, ...error.reason }
  })

const dpop = Dpop.layer({ key: SigningKey.generate("ES256") })

describe("Introspection.request", () => {
  it.effect(
    "sends the token as a form, with the client's authentication in a header, to the introspection endpoint (R2)",
    () =>
      Effect.gen(function* () {
        const { received, layer } = scriptedProvider([json(200, { active: false })])
        yield* Introspection.introspect(token, {
          tokenTypeHint: "access_token",
          additionalParameters: [["tenant", "1"]],
          headers: { "x-fapi-interaction-id": "i-1", accept: "text/html" }
        }).pipe(Effect.provide(layer()))
        expect(received).toMatchObject([
          {
            path: "/introspect",
            headers: {
              accept: "application/json",
              authorization: expect.stringMatching(/^Basic \S+$/),
              "x-fapi-interaction-id": "i-1"
            },
            form: [
              ["token", "marker-token"],
              ["token_type_hint", "access_token"],
              ["tenant", "1"]
            ]
          }
        ])
      })
  )

  it.effect("sends an introspection request to the mutual TLS alias, without a DPoP proof (R5)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([json(200, { active: false })])
      yield* Introspection.introspect(token).pipe(
        Effect.provide(
          layer(
            { authentication: ClientAuthentication.tlsClientAuth },
            {
              ...providerMetadata,
              mtls_endpoint_aliases: { introspection_endpoint: "https://mtls.provider.test/mtls/introspect" }
            }
          ).pipe(Layer.provide(dpop))
        )
      )
      expect(received.map(({ form, headers, path }) => [path, form.at(-1), headers.dpop])).toEqual([
        ["/mtls/introspect", ["client_id", "bank-app"], undefined]
      ])
    })
  )

  it.effect("sends no introspection request with a second token, or to a provider without the endpoint", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([json(200, { active: false })])
      const double = yield* Introspection.introspect(token, { additionalParameters: [["token", "another"]] }).pipe(
        Effect.flip,
        Effect.provide(layer())
      )
      expect(double).toMatchObject({ _tag: "TokenError", reason: { _tag: "InvalidParameter", parameter: "token" } })
      const missing = yield* Effect.flip(Effect.provide(Introspection.introspect(token), layer({}, { issuer })))
      expect(missing).toMatchObject({ _tag: "DiscoveryError", reason: { endpoint: "introspection_endpoint" } })
      expect(received).toEqual([])
    })
  )

  it.effect("gives the raw introspection response, which process reads (R2)", () =>
    Effect.gen(function* () {
      const response = yield* Introspection.request(token)
      expect(response.headers["x-trace"]).toBe("t-1")
      expect(yield* Introspection.process(response)).toEqual({ active: false })
    }).pipe(Effect.provide(scriptedProvider([json(200, { active: false }, { "x-trace": "t-1" })]).layer()))
  )
})

describe("Introspection.process", () => {
  it.effect("reads every member of the response for an active token (R2, R3)", () =>
    Effect.gen(function* () {
      const found = yield* introspect(
        json(200, {
          active: true,
          scope: " openid  email",
          client_id: "another-app",
          username: "jo",
          token_type: "dpop",
          exp: 120,
          iat: 60,
          nbf: 61.5,
          sub: "marker-subject",
          aud: ["https://a.test", "https://b.test"],
          iss: issuer,
          jti: "t-1",
          cnf: { jkt: "thumb", "x5t#S256": "print", kid: "k" },
          authorization_details: [{ type: "payment" }],
          tenant: "marker-tenant"
        })
      )
      assert(found.active)
      const { additional, ...state } = found
      expect(state).toEqual({
        active: true,
        scope: ["openid", "email"],
        clientId: "another-app",
        username: "jo",
        tokenType: "DPoP",
        expiresAt: DateTime.makeUnsafe(120_000),
        issuedAt: DateTime.makeUnsafe(60_000),
        notBefore: DateTime.makeUnsafe(61_500),
        subject: "marker-subject",
        audience: ["https://a.test", "https://b.test"],
        issuer,
        tokenId: "t-1",
        confirmation: { jkt: "thumb", "x5t#S256": "print", kid: "k" },
        authorizationDetails: [{ type: "payment" }]
      })
      expect(JSON.stringify(additional)).not.toContain("marker")
      expect(Redacted.value(additional)).toEqual({ tenant: "marker-tenant" })
    })
  )

  it.effect("accepts an introspection response that has only active (R2)", () =>
    Effect.gen(function* () {
      expect(yield* introspect(json(200, { active: true, aud: "https://a.test" }))).toMatchObject({
        active: true,
        scope: [],
        audience: ["https://a.test"],
        clientId: undefined,
        expiresAt: undefined,
        subject: undefined,
        confirmation: undefined
      })
      expect(yield* introspect(json(200, { active: true }))).toMatchObject({ active: true, audience: [] })
    })
  )

  it.effect("gives nothing but the state of an inactive token, whatever else the response has (R2)", () =>
    Effect.gen(function* () {
      const responder = json(200, { active: false, sub: "marker-subject", scope: 5, exp: "soon", token_type: "Bearer" })
      expect(yield* introspect(responder)).toEqual({ active: false })
    })
  )

  for (const [what, body] of [
    ["no active member", { sub: "marker" }],
    ['"true" for active', { active: "true" }],
    ["1 for active", { active: 1 }],
    ["null for active", { active: null }],
    ["an array for its body", ["marker"]]
  ] as const) {
    it.effect(`rejects an introspection response with ${what} (R2)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(json(200, body))).toMatchObject({
          stage: "IntrospectionError",
          _tag: "InvalidIntrospection"
        })
      })
    )
  }

  it.effect("takes null for absent in an introspection response (R2)", () =>
    Effect.gen(function* () {
      const names = ["scope", "client_id", "username", "token_type", "exp", "iat", "nbf", "sub", "aud", "iss", "jti"]
      const members = Object.fromEntries([...names, "cnf", "authorization_details"].map((name) => [name, null]))
      const bare = yield* introspect(json(200, { active: true }))
      expect(yield* introspect(json(200, { active: true, ...members }))).toEqual(bare)
    })
  )

  for (const [member, value] of [
    ["scope", ["marker"]],
    ["client_id", 5],
    ["token_type", ""],
    ["exp", "marker"],
    ["iat", -1],
    ["nbf", 1e20],
    ["sub", { marker: 1 }],
    ["aud", 5],
    ["cnf", "marker"],
    ["cnf", { jkt: 5 }],
    ["cnf", { "x5t#S256": "" }],
    ["authorization_details", {}]
  ] as const) {
    it.effect(
      `rejects an introspection response with ${encodeJson(value)} for ${member}, without showing the value`,
      () =>
        Effect.gen(function* () {
          expect(yield* failureOf(json(200, { active: true, [member]: value }))).toMatchObject({
            _tag: "InvalidIntrospection",
            issues: expect.stringContaining(`["${member}"]`)
          })
        })
    )
  }

  for (const type of ["Bearer", "N_A"]) {
    it.effect(`rejects the token_type ${type} for a token that is bound by DPoP (R3)`, () =>
      Effect.gen(function* () {
        const wrong = { stage: "IntrospectionError", _tag: "UnexpectedValue", member: "token_type", expected: "DPoP" }
        const bound = json(200, { active: true, token_type: type, cnf: { jkt: "thumb" } })
        expect(yield* failureOf(bound)).toEqual({ ...wrong, actual: type })
        const plain = json(200, { active: true, token_type: type })
        const error = yield* Introspection.introspect(token).pipe(
          Effect.flip,
          Effect.provide(scriptedProvider([plain]).layer().pipe(Layer.provide(dpop)))
        )
        expect({ stage: error._tag, ...error.reason }).toEqual({ ...wrong, actual: type })
        expect(yield* introspect(plain)).toMatchObject({ tokenType: type })
      })
    )
  }

  it.effect("accepts the token_type Bearer of a refresh token that the client does not bind by DPoP (R3)", () =>
    Effect.gen(function* () {
      const ask = (body: JsonObject) =>
        Introspection.introspect(token, { tokenTypeHint: "refresh_token" }).pipe(
          Effect.result,
          Effect.provide(
            scriptedProvider([json(200, body)])
              .layer()
              .pipe(Layer.provide(dpop))
          )
        )
      expect(yield* ask({ active: true, token_type: "Bearer" })).toMatchObject({ success: { active: true } })
      const bound = yield* ask({ active: true, token_type: "Bearer", cnf: { jkt: "thumb" } })
      expect(bound).toMatchObject({ failure: { reason: { _tag: "UnexpectedValue", member: "token_type" } } })
    })
  )

  it.effect(
    "accepts a response without token_type for a token that is bound by DPoP, and gives the key in cnf (R3)",
    () =>
      Effect.gen(function* () {
        const responder = json(200, { active: true, cnf: { jkt: "thumb" } })
        const found = yield* Introspection.introspect(token).pipe(
          Effect.provide(scriptedProvider([responder]).layer().pipe(Layer.provide(dpop)))
        )
        expect(found).toMatchObject({ tokenType: undefined, confirmation: { jkt: "thumb" } })
      })
  )

  for (const [code, status, tag] of [
    ["invalid_request", 400, "InvalidRequest"],
    ["invalid_client", 401, "InvalidClient"],
    ["access_denied", 403, "AccessDenied"],
    ["unsupported_token_type", 400, "UnsupportedTokenType"],
    ["invalid_request", 200, "InvalidRequest"]
  ] as const) {
    it.effect(`fails with ${tag} if the introspection endpoint responds ${code} with status ${status}`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(json(status, { error: code, active: true }))).toEqual({
          stage: "TokenError",
          _tag: tag,
          code,
          status
        })
      })
    )
  }

  for (const [status, body, kind] of [
    [503, "<h1>marker</h1>", "UnexpectedStatus"],
    [201, '{"active":true}', "UnexpectedStatus"],
    [200, "<h1>marker</h1>", "Unreadable"]
  ] as const) {
    it.effect(`fails with a TransportError if the introspection endpoint responds ${status} ${body}`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(text(status, body))).toMatchObject({
          stage: "TokenError",
          _tag: "TransportError",
          kind,
          status
        })
      })
    )
  }
})

describe("Introspection with introspectionSignedResponseAlg", () => {
  const type = "token-introspection+jwt"

  const registered: Partial<Ciba.Options> = { introspectionSignedResponseAlg: "ES256" }

  const claims = { iss: issuer, aud: clientId, iat: 0, token_introspection: { active: true, sub: "jo" } }

  const jwt = (body: string, contentType = `application/${type}`) => text(200, body, { "content-type": contentType })

  const respondWith = (change: JsonObject) => Effect.map(signToken({ ...claims, ...change }, { type }), jwt)

  it.effect("requests a signed introspection response by its media type, and verifies it (R4)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([jwt(yield* signToken(claims, { type }))])
      const found = yield* Introspection.introspect(token, { headers: { accept: "application/json" } }).pipe(
        Effect.provide(layer(registered))
      )
      expect(found).toMatchObject({ active: true, subject: "jo" })
      expect(received[0]?.headers.accept).toBe("application/token-introspection+jwt")
    })
  )

  it.effect(
    "accepts a signed response with the full media type in typ, several audiences and an inactive token (R2, R4)",
    () =>
      Effect.gen(function* () {
        const full = yield* signToken(
          { ...claims, aud: ["another", clientId], token_introspection: { active: false, sub: "jo" } },
          { type: "application/Token-Introspection+jwt" }
        )
        const responder = jwt(full, "Application/Token-Introspection+JWT; charset=utf-8")
        expect(yield* introspect(responder, registered)).toEqual({ active: false })
      })
  )

  it.effect("accepts an introspection response that is signed with the client secret (R4)", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("a secret that is long enough for HS256")
      const key = SigningKey.fromSecret(secret, "HS256")
      const found = yield* introspect(jwt(yield* signToken(claims, { type, key })), {
        authentication: ClientAuthentication.clientSecretBasic(secret),
        introspectionSignedResponseAlg: "HS256"
      })
      expect(found).toMatchObject({ subject: "jo" })
    })
  )

  it.effect("decrypts an introspection response, and verifies the signed token inside like any other (R4)", () =>
    Effect.gen(function* () {
      const outer = "an encrypted token"
      const introspectBoth = Effect.fnUntraced(function* (inside: JsonObject, isDecryptable = true) {
        const inner = yield* signToken({ ...claims, ...inside }, { type })
        const decrypt = (jwt: Redacted.Redacted<string>) =>
          !isDecryptable
            ? Effect.fail(new DecryptionFailed.DecryptionFailed({ problem: "no key fits" }))
            : Redacted.value(jwt) === outer
              ? Effect.succeed(Redacted.make(inner))
              : Effect.fail(new DecryptionFailed.NotEncrypted())
        const decrypter = Layer.succeed(Decrypter.Decrypter, { decrypt })
        const introspectWith = (responder: Responder) =>
          Introspection.introspect(token).pipe(
            Effect.provide(scriptedProvider([responder]).layer(registered).pipe(Layer.provide(decrypter))),
            Effect.result
          )
        return [yield* introspectWith(jwt(outer)), yield* introspectWith(jwt(inner))]
      })
      for (const result of yield* introspectBoth({})) {
        expect(result).toMatchObject({ success: { active: true, subject: "jo" } })
      }
      for (const result of yield* introspectBoth({ iss: "https://evil.test" })) {
        expect(result).toMatchObject({ failure: { reason: { _tag: "UnexpectedValue", member: "iss" } } })
      }
      for (const result of yield* introspectBoth({}, false)) {
        expect(result).toMatchObject({ failure: { reason: { _tag: "DecryptionFailed" } } })
      }
    })
  )

  for (const [what, responder] of [
    ["plain JSON", json(200, { active: true })],
    ["plain JSON as plain text", text(200, '{"active":true}')]
  ] as const) {
    it.effect(`rejects ${what} in place of a signed introspection response (R4)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(responder, registered)).toEqual({
          stage: "IntrospectionError",
          _tag: "NotSigned",
          expected: "ES256"
        })
      })
    )
  }

  it.effect("rejects a signed introspection response of another media type (R4)", () =>
    Effect.gen(function* () {
      const valid = yield* signToken(claims, { type })
      for (const media of ["application/jwt", "application/json", "application/token-introspection+jwts"]) {
        expect(yield* failureOf(jwt(valid, media), registered)).toMatchObject({ _tag: "NotSigned" })
      }
    })
  )

  it.effect("rejects a JWT of another typ, such as an ID Token, as an introspection response (R4)", () =>
    Effect.gen(function* () {
      const wrong = { stage: "IntrospectionError", _tag: "UnexpectedValue", member: "typ", expected: type }
      expect(yield* failureOf(jwt(yield* signToken(claims)), registered)).toEqual({ ...wrong, actual: "" })
      expect(yield* failureOf(jwt(yield* signToken(claims, { type: "JWT" })), registered)).toEqual({
        ...wrong,
        actual: "JWT"
      })
    })
  )

  it.effect("rejects a signed introspection response of another issuer (R4)", () =>
    Effect.gen(function* () {
      expect(yield* failureOf(yield* respondWith({ iss: `${issuer}/` }), registered)).toEqual({
        stage: "IntrospectionError",
        _tag: "UnexpectedValue",
        member: "iss",
        expected: issuer,
        actual: `${issuer}/`
      })
    })
  )

  for (const aud of ["another", ["another", "bank"], []]) {
    it.effect(`rejects a signed introspection response for the audience ${encodeJson(aud)} (R4)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(yield* respondWith({ aud }), registered)).toEqual({
          stage: "IntrospectionError",
          _tag: "UnexpectedValue",
          member: "aud",
          expected: clientId,
          actual: [aud].flat().join(" ")
        })
      })
    )
  }

  for (const member of ["iss", "aud", "token_introspection"]) {
    it.effect(`rejects a signed introspection response without ${member} (R4)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(yield* respondWith({ [member]: undefined }), registered)).toMatchObject({
          _tag: "InvalidIntrospection"
        })
      })
    )
  }

  it.effect("rejects a signed response with the token's state outside of token_introspection (R4)", () =>
    Effect.gen(function* () {
      const beside = yield* respondWith({ active: true, token_introspection: {} })
      expect(yield* failureOf(beside, registered)).toMatchObject({ _tag: "InvalidIntrospection" })
    })
  )

  it.effect(
    "rejects an introspection response that is signed with another algorithm than the registered one, or with none (R4)",
    () =>
      Effect.gen(function* () {
        const wrong = { stage: "IntrospectionError", _tag: "UnexpectedAlgorithm", expected: "ES256" }
        const none = jwt(join({ alg: "none", typ: type }, claims, ""))
        expect(yield* failureOf(none, registered)).toEqual({ ...wrong, actual: "none" })
        const rsa = jwt(yield* signToken(claims, { type, key: yield* TestKeys.signing("RS256") }))
        expect(yield* failureOf(rsa, registered)).toEqual({ ...wrong, actual: "RS256" })
        const { publicJwk } = yield* TestKeys.signing("ES256")
        const confused = yield* signHmac(
          encodeJson(publicJwk),
          { alg: "HS256", typ: type },
          Base64Url.encode(encodeJson(claims))
        )
        expect(yield* failureOf(jwt(Redacted.value(confused)), registered)).toEqual({ ...wrong, actual: "HS256" })
      })
  )

  it.effect(
    "rejects an introspection response with the signature of another key, or with claims that were not signed (R4)",
    () =>
      Effect.gen(function* () {
        const otherKey = yield* TestKeys.signing("ES256", "stranger")
        const valid = Redacted.make(yield* signToken(claims, { type }))
        const { publicJwk } = yield* TestKeys.signing("ES256")
        const header = { alg: "ES256", typ: type, kid: publicJwk.kid }
        const other = Redacted.make(yield* signToken(claims, { type, key: otherKey }))
        for (const bad of [
          replace(other, { header }),
          replace(valid, { payload: { ...claims, token_introspection: { active: true, sub: "marker" } } })
        ]) {
          expect(yield* failureOf(jwt(Redacted.value(bad)), registered)).toMatchObject({ _tag: "InvalidSignature" })
        }
        expect(yield* failureOf(jwt(Redacted.value(other)), registered)).toMatchObject({ _tag: "UnknownKey" })
      })
  )

  it.effect("rejects an introspection response that is not a JWT (R4)", () =>
    Effect.gen(function* () {
      expect(yield* failureOf(jwt("marker"), registered)).toEqual({
        stage: "IntrospectionError",
        _tag: "MalformedToken"
      })
    })
  )

  it.effect("reads an unsigned error response of the introspection endpoint (R4)", () =>
    Effect.gen(function* () {
      expect(yield* failureOf(json(401, { error: "invalid_client" }), registered)).toMatchObject({
        stage: "TokenError",
        _tag: "InvalidClient"
      })
    })
  )

  it.effect("fails with a DiscoveryError if the keys for a signed introspection response cannot be fetched", () =>
    Effect.gen(function* () {
      const valid = jwt(yield* signToken(claims, { type }))
      const error = yield* Introspection.introspect(token).pipe(
        Effect.flip,
        Effect.provide(scriptedProvider([valid], text(503, "")).layer(registered))
      )
      expect(error).toMatchObject({ _tag: "DiscoveryError", reason: { _tag: "TransportError", status: 503 } })
    })
  )

  for (const algorithm of ["HS256", "HS384", "HS512"] satisfies ReadonlyArray<JwsAlgorithm.JwsAlgorithm>) {
    it.effect(`rejects ${algorithm} for introspection responses in the registration of a client without a secret`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          ClientRegistration.make({
            clientId,
            authentication: ClientAuthentication.none,
            introspectionSignedResponseAlg: algorithm
          })
        )
        expect(error.parameter).toBe("introspectionSignedResponseAlg")
      })
    )
  }
})
