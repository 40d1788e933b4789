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

const asked = (answer: Responder, options?: Partial<Ciba.Options>) =>
  Effect.provide(Introspection.introspect(token), scriptedProvider([answer]).layer(options))

const refusal = (answer: Responder, options?: Partial<Ciba.Options>) =>
  Effect.map(Effect.flip(asked(answer, options)), (error) => {
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("marker")
    return { stage: error._tag, ...error.reason }
  })

const dpop = Dpop.layer({ key: SigningKey.generate("ES256") })

describe("the introspection request", () => {
  it.effect("is a form of the token, with the client's authentication in a header (R2)", () =>
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

  it.effect("goes to the alias where mutual TLS leads there, and has no DPoP proof (R5)", () =>
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

  it.effect("cannot be made with another token, or where the provider publishes no endpoint", () =>
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

  it.effect("is sent by the first half, which gives the response as it came, and is read by the second (R2)", () =>
    Effect.gen(function* () {
      const introspection = yield* Introspection.Introspection
      const response = yield* introspection.request(token)
      expect(response.headers["x-trace"]).toBe("t-1")
      expect(yield* introspection.process(response)).toEqual({ active: false })
    }).pipe(Effect.provide(scriptedProvider([json(200, { active: false }, { "x-trace": "t-1" })]).layer()))
  )
})

describe("an introspection answer", () => {
  it.effect("tells all about an active token (R2, R3)", () =>
    Effect.gen(function* () {
      const found = yield* asked(
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
      const { additional, ...told } = found
      expect(told).toEqual({
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

  it.effect("needs no more than the word active (R2)", () =>
    Effect.gen(function* () {
      expect(yield* asked(json(200, { active: true, aud: "https://a.test" }))).toMatchObject({
        active: true,
        scope: [],
        audience: ["https://a.test"],
        clientId: undefined,
        expiresAt: undefined,
        subject: undefined,
        confirmation: undefined
      })
      expect(yield* asked(json(200, { active: true }))).toMatchObject({ active: true, audience: [] })
    })
  )

  it.effect("says nothing else of a token that is not active, whatever else it has (R2)", () =>
    Effect.gen(function* () {
      const answer = json(200, { active: false, sub: "marker-subject", scope: 5, exp: "soon", token_type: "Bearer" })
      expect(yield* asked(answer)).toEqual({ active: false })
    })
  )

  for (const [what, body] of [
    ["no active", { sub: "marker" }],
    ['"true" for active', { active: "true" }],
    ["1 for active", { active: 1 }],
    ["null for active", { active: null }],
    ["no object", ["marker"]]
  ] as const) {
    it.effect(`with ${what} is refused (R2)`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(json(200, body))).toMatchObject({
          stage: "IntrospectionError",
          _tag: "InvalidIntrospection"
        })
      })
    )
  }

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
    it.effect(`with ${encodeJson(value)} for ${member} is refused, and the value not shown`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(json(200, { active: true, [member]: value }))).toMatchObject({
          _tag: "InvalidIntrospection",
          issues: expect.stringContaining(`["${member}"]`)
        })
      })
    )
  }

  for (const type of ["Bearer", "N_A"]) {
    it.effect(`about a token that DPoP binds must not call it ${type} (R3)`, () =>
      Effect.gen(function* () {
        const wrong = { stage: "IntrospectionError", _tag: "UnexpectedValue", member: "token_type", expected: "DPoP" }
        const bound = json(200, { active: true, token_type: type, cnf: { jkt: "thumb" } })
        expect(yield* refusal(bound)).toEqual({ ...wrong, actual: type })
        const plain = json(200, { active: true, token_type: type })
        const error = yield* Introspection.introspect(token).pipe(
          Effect.flip,
          Effect.provide(scriptedProvider([plain]).layer().pipe(Layer.provide(dpop)))
        )
        expect({ stage: error._tag, ...error.reason }).toEqual({ ...wrong, actual: type })
        expect(yield* asked(plain)).toMatchObject({ tokenType: type })
      })
    )
  }

  it.effect("about a token that DPoP binds may leave the type out, and shows the key in cnf (R3)", () =>
    Effect.gen(function* () {
      const answer = json(200, { active: true, cnf: { jkt: "thumb" } })
      const found = yield* Introspection.introspect(token).pipe(
        Effect.provide(scriptedProvider([answer]).layer().pipe(Layer.provide(dpop)))
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
    it.effect(`${code} with status ${status} is ${tag}`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(json(status, { error: code, active: true }))).toEqual({
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
    it.effect(`of ${status} ${body} is a fault of transport`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(text(status, body))).toMatchObject({
          stage: "TokenError",
          _tag: "TransportError",
          kind,
          status
        })
      })
    )
  }
})

describe("a signed introspection answer", () => {
  const type = "token-introspection+jwt"

  const registered: Partial<Ciba.Options> = { introspectionSignedResponseAlg: "ES256" }

  const claims = { iss: issuer, aud: clientId, iat: 0, token_introspection: { active: true, sub: "jo" } }

  const jwt = (body: string, contentType = `application/${type}`) => text(200, body, { "content-type": contentType })

  const forged = (change: JsonObject) => Effect.map(signToken({ ...claims, ...change }, { type }), jwt)

  it.effect("is asked for by its media type, and verified (R4)", () =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([jwt(yield* signToken(claims, { type }))])
      const found = yield* Introspection.introspect(token, { headers: { accept: "application/json" } }).pipe(
        Effect.provide(layer(registered))
      )
      expect(found).toMatchObject({ active: true, subject: "jo" })
      expect(received[0]?.headers.accept).toBe("application/token-introspection+jwt")
    })
  )

  it.effect("may name its media type in full, more audiences, and an inactive token (R2, R4)", () =>
    Effect.gen(function* () {
      const full = yield* signToken(
        { ...claims, aud: ["another", clientId], token_introspection: { active: false, sub: "jo" } },
        { type: "application/Token-Introspection+jwt" }
      )
      const answer = jwt(full, "Application/Token-Introspection+JWT; charset=utf-8")
      expect(yield* asked(answer, registered)).toEqual({ active: false })
    })
  )

  it.effect("may be signed with the client secret (R4)", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("a secret that is long enough for HS256")
      const key = SigningKey.fromSecret(secret, "HS256")
      const found = yield* asked(jwt(yield* signToken(claims, { type, key })), {
        authentication: ClientAuthentication.clientSecretBasic(secret),
        introspectionSignedResponseAlg: "HS256"
      })
      expect(found).toMatchObject({ subject: "jo" })
    })
  )

  it.effect("may come encrypted, and the token inside is judged like any other (R4)", () =>
    Effect.gen(function* () {
      const outer = "an encrypted token"
      const answered = Effect.fnUntraced(function* (inside: JsonObject, opens = true) {
        const inner = yield* signToken({ ...claims, ...inside }, { type })
        const open = (jwt: Redacted.Redacted<string>) =>
          !opens
            ? Effect.fail(new DecryptionFailed.DecryptionFailed({ problem: "no key fits" }))
            : Redacted.value(jwt) === outer
              ? Effect.succeed(Redacted.make(inner))
              : Effect.fail(new DecryptionFailed.NotEncrypted())
        const opener = Layer.succeed(Decrypter.Decrypter, { decrypt: open })
        const introspected = (answer: Responder) =>
          Introspection.introspect(token).pipe(
            Effect.provide(scriptedProvider([answer]).layer(registered).pipe(Layer.provide(opener))),
            Effect.result
          )
        return [yield* introspected(jwt(outer)), yield* introspected(jwt(inner))]
      })
      for (const result of yield* answered({})) {
        expect(result).toMatchObject({ success: { active: true, subject: "jo" } })
      }
      for (const result of yield* answered({ iss: "https://evil.test" })) {
        expect(result).toMatchObject({ failure: { reason: { _tag: "UnexpectedValue", member: "iss" } } })
      }
      for (const result of yield* answered({}, false)) {
        expect(result).toMatchObject({ failure: { reason: { _tag: "DecryptionFailed" } } })
      }
    })
  )

  for (const [what, answer] of [
    ["plain JSON", json(200, { active: true })],
    ["plain JSON as plain text", text(200, '{"active":true}')]
  ] as const) {
    it.effect(`is not replaced by ${what} (R4)`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(answer, registered)).toEqual({
          stage: "IntrospectionError",
          _tag: "NotSigned",
          expected: "ES256"
        })
      })
    )
  }

  it.effect("of another media type is refused, good as it is (R4)", () =>
    Effect.gen(function* () {
      const good = yield* signToken(claims, { type })
      for (const media of ["application/jwt", "application/json", "application/token-introspection+jwts"]) {
        expect(yield* refusal(jwt(good, media), registered)).toMatchObject({ _tag: "NotSigned" })
      }
    })
  )

  it.effect("of another type is refused: an ID Token is no introspection (R4)", () =>
    Effect.gen(function* () {
      const wrong = { stage: "IntrospectionError", _tag: "UnexpectedValue", member: "typ", expected: type }
      expect(yield* refusal(jwt(yield* signToken(claims)), registered)).toEqual({ ...wrong, actual: "" })
      expect(yield* refusal(jwt(yield* signToken(claims, { type: "JWT" })), registered)).toEqual({
        ...wrong,
        actual: "JWT"
      })
    })
  )

  it.effect("of another issuer is refused (R4)", () =>
    Effect.gen(function* () {
      expect(yield* refusal(yield* forged({ iss: `${issuer}/` }), registered)).toEqual({
        stage: "IntrospectionError",
        _tag: "UnexpectedValue",
        member: "iss",
        expected: issuer,
        actual: `${issuer}/`
      })
    })
  )

  for (const aud of ["another", ["another", "bank"], []]) {
    it.effect(`for ${encodeJson(aud)} is refused (R4)`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(yield* forged({ aud }), registered)).toEqual({
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
    it.effect(`without ${member} is refused (R4)`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(yield* forged({ [member]: undefined }), registered)).toMatchObject({
          _tag: "InvalidIntrospection"
        })
      })
    )
  }

  it.effect("whose word on the token stands beside it is refused (R4)", () =>
    Effect.gen(function* () {
      const beside = yield* forged({ active: true, token_introspection: {} })
      expect(yield* refusal(beside, registered)).toMatchObject({ _tag: "InvalidIntrospection" })
    })
  )

  it.effect("with another algorithm than the registered one, or with none, is refused (R4)", () =>
    Effect.gen(function* () {
      const wrong = { stage: "IntrospectionError", _tag: "UnexpectedAlgorithm", expected: "ES256" }
      const none = jwt(join({ alg: "none", typ: type }, claims, ""))
      expect(yield* refusal(none, registered)).toEqual({ ...wrong, actual: "none" })
      const rsa = jwt(yield* signToken(claims, { type, key: yield* TestKeys.signing("RS256") }))
      expect(yield* refusal(rsa, registered)).toEqual({ ...wrong, actual: "RS256" })
      const { publicJwk } = yield* TestKeys.signing("ES256")
      const confused = yield* signHmac(
        encodeJson(publicJwk),
        { alg: "HS256", typ: type },
        Base64Url.encode(encodeJson(claims))
      )
      expect(yield* refusal(jwt(Redacted.value(confused)), registered)).toEqual({ ...wrong, actual: "HS256" })
    })
  )

  it.effect("with the signature of another key, or with other claims than the signed ones, is refused (R4)", () =>
    Effect.gen(function* () {
      const stranger = yield* TestKeys.signing("ES256", "stranger")
      const good = Redacted.make(yield* signToken(claims, { type }))
      const { publicJwk } = yield* TestKeys.signing("ES256")
      const header = { alg: "ES256", typ: type, kid: publicJwk.kid }
      const other = Redacted.make(yield* signToken(claims, { type, key: stranger }))
      for (const bad of [
        replace(other, { header }),
        replace(good, { payload: { ...claims, token_introspection: { active: true, sub: "marker" } } })
      ]) {
        expect(yield* refusal(jwt(Redacted.value(bad)), registered)).toMatchObject({ _tag: "InvalidSignature" })
      }
      expect(yield* refusal(jwt(Redacted.value(other)), registered)).toMatchObject({ _tag: "UnknownKey" })
    })
  )

  it.effect("that is no token is refused (R4)", () =>
    Effect.gen(function* () {
      expect(yield* refusal(jwt("marker"), registered)).toEqual({ stage: "IntrospectionError", _tag: "MalformedToken" })
    })
  )

  it.effect("gives way to the provider's error, which comes unsigned (R4)", () =>
    Effect.gen(function* () {
      expect(yield* refusal(json(401, { error: "invalid_client" }), registered)).toMatchObject({
        stage: "TokenError",
        _tag: "InvalidClient"
      })
    })
  )

  it.effect("needs the provider's keys, and says so where they cannot be had", () =>
    Effect.gen(function* () {
      const good = jwt(yield* signToken(claims, { type }))
      const error = yield* Introspection.introspect(token).pipe(
        Effect.flip,
        Effect.provide(scriptedProvider([good], text(503, "")).layer(registered))
      )
      expect(error).toMatchObject({ _tag: "DiscoveryError", reason: { _tag: "TransportError", status: 503 } })
    })
  )

  for (const algorithm of ["HS256", "HS384", "HS512"] satisfies ReadonlyArray<JwsAlgorithm.JwsAlgorithm>) {
    it.effect(`cannot be registered with ${algorithm} for a client without a secret`, () =>
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
