import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  ClientAuthentication,
  ClientRegistration,
  Discovery,
  IdTokenDecryption,
  MutualTls,
  ProviderKeys,
  SigningKey,
  Transport,
  UserInfo
} from "@effect-ciba/core"
import { TestClient, TestKeys } from "@effect-ciba/testing"
import { Effect, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { CompactEncrypt, exportJWK, generateKeyPair } from "jose"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { encodeJson, type JsonObject, join } from "../support/Jwt.ts"
import { bearer, challenge, type Reply, serve, tokenExpired } from "../support/ResourceServer.ts"

const issuer = "https://op.test"

const identity = { ...bearer(), subject: "marker-subject" }

const endUser = { sub: "marker-subject", name: "Jo Doe", email: "marker-email" }

/** The requests to a UserInfo endpoint that responds like this, and what comes of them. */
const requestClaims = <E = never>(
  reply: Reply,
  registered: Partial<ClientRegistration.Options> = {},
  options: {
    readonly source?:
      | UserInfo.Identity
      | {
          readonly current: Effect.Effect<UserInfo.Identity, E>
          readonly refresh: () => Effect.Effect<UserInfo.Identity, E>
        }
    readonly metadata?: JsonObject
    readonly decryption?: Layer.Layer<never>
    readonly headers?: Readonly<Record<string, string>>
    readonly use?: Effect.Effect<unknown, unknown, UserInfo.Requirements>
  } = {}
) =>
  Effect.gen(function* () {
    const { received, layer: server } = serve(reply)
    const key = yield* TestKeys.signing("RS256")
    const es = yield* TestKeys.signing("ES256")
    const services = Layer.mergeAll(
      ClientRegistration.layer({
        clientId: "bank-app",
        authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
        ...registered
      }),
      Transport.layer(),
      Discovery.layerStatic({ issuer, userinfo_endpoint: `${issuer}/me`, ...options.metadata }),
      ProviderKeys.layerStatic({ keys: [key.publicJwk, es.publicJwk] })
    ).pipe(Layer.provide([server, options.decryption ?? Layer.empty]))
    const claims = UserInfo.claims(options.source ?? identity, { headers: options.headers })
    const result = yield* (options.use ?? claims).pipe(Effect.provide(services), Effect.result)
    return { received, result }
  })

const json =
  (body: unknown, type = "application/json"): Reply =>
  () =>
    new Response(encodeJson(body), { headers: { "content-type": type } })

const jwt =
  (text: string | Redacted.Redacted<string>, type = "application/jwt"): Reply =>
  () =>
    new Response(Redacted.isRedacted(text) ? Redacted.value(text) : text, { headers: { "content-type": type } })

const sign = (claims: JsonObject, key: Effect.Effect<SigningKey.SigningKey> = TestKeys.signing("RS256")) =>
  Effect.flatMap(key, (by) => JsonWebToken.sign(claims, { key: by }))

const inRs256 = { userInfoSignedResponseAlg: "RS256" } as const

const success = (claims: JsonObject) => Result.succeed(claims)

/** A refusal that shows neither claims nor tokens, however it is printed. */
const expectRefusal = (result: Result.Result<unknown, unknown>, reason: object) => {
  expect(result).toMatchObject({ _tag: "Failure", failure: { _tag: "UserInfoError", reason } })
  const error = Result.getFailure(result)
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain("marker")
}

describe("UserInfo.claims, for JSON", () => {
  it.effect("requests UserInfo with the token in the header, and gives all its claims (S1, S6)", () =>
    Effect.gen(function* () {
      const { received, result } = yield* requestClaims(json(endUser))
      expect(result).toEqual(success(endUser))
      expect(received).toEqual([
        {
          method: "GET",
          url: `${issuer}/me`,
          headers: { accept: "application/json, application/jwt", authorization: "Bearer marker-access" },
          body: "Empty"
        }
      ])
    })
  )

  it.effect("requests UserInfo with additional headers, none of which replaces the token (S1)", () =>
    Effect.gen(function* () {
      const headers = { "x-fapi-interaction-id": "i-1", authorization: "Bearer another" }
      const { received } = yield* requestClaims(json(endUser), {}, { headers })
      expect(received[0]?.headers).toMatchObject({
        "x-fapi-interaction-id": "i-1",
        authorization: "Bearer marker-access"
      })
    })
  )

  it.effect("requests UserInfo from the mutual TLS alias of the endpoint (N3)", () =>
    Effect.gen(function* () {
      const metadata = { mtls_endpoint_aliases: { userinfo_endpoint: "https://mtls.op.test/me" } }
      const { received } = yield* requestClaims(json(endUser), { mutualTls: MutualTls.make() }, { metadata })
      expect(received.map(({ url }) => url)).toEqual(["https://mtls.op.test/me"])
    })
  )

  it.effect("fails with a DiscoveryError if the provider publishes no UserInfo endpoint", () =>
    Effect.gen(function* () {
      const { received, result } = yield* requestClaims(
        json(endUser),
        {},
        { metadata: { userinfo_endpoint: undefined } }
      )
      expect(result).toMatchObject({ failure: { _tag: "DiscoveryError" } })
      expect(received).toEqual([])
    })
  )

  for (const sub of ["another", "marker-subjec", "MARKER-SUBJECT", "marker-subject "]) {
    it.effect(`rejects UserInfo with another subject ("${sub}") (S6)`, () =>
      Effect.gen(function* () {
        const { result } = yield* requestClaims(json({ ...endUser, sub }))
        expectRefusal(result, { _tag: "WrongSubject" })
      })
    )
  }

  it.effect("accepts UserInfo of any subject with skipSubjectCheck, and requires a subject all the same", () =>
    Effect.gen(function* () {
      const use = Effect.flatMap(UserInfo.request(bearer()), (response) =>
        UserInfo.process(response, UserInfo.skipSubjectCheck)
      )
      const another = { ...endUser, sub: "another" }
      expect((yield* requestClaims(json(another), {}, { use })).result).toEqual(success(another))
      expectRefusal((yield* requestClaims(json({ name: "marker" }), {}, { use })).result, { _tag: "InvalidClaims" })
    })
  )

  for (const [what, body] of [
    ["without a subject", { name: "marker" }],
    ["with an empty subject", { ...endUser, sub: "" }],
    ["with an array for its subject", { ...endUser, sub: ["x"] }],
    ["that is an array", [endUser]],
    ["that is null", null]
  ] as const) {
    it.effect(`rejects UserInfo ${what} (S6)`, () =>
      Effect.gen(function* () {
        const { result } = yield* requestClaims(json(body))
        expectRefusal(result, { _tag: "InvalidClaims" })
      })
    )
  }

  it.effect("rejects UserInfo in JSON if a signature is registered (S7)", () =>
    Effect.gen(function* () {
      const { result } = yield* requestClaims(json(endUser), inRs256)
      expectRefusal(result, { _tag: "NotSigned", expected: "RS256" })
    })
  )

  it.effect("fails with a ResourceError for UserInfo that is not JSON", () =>
    Effect.gen(function* () {
      const { result } = yield* requestClaims(() => new Response("<html>marker"))
      expect(result).toMatchObject({ failure: { _tag: "ResourceError", reason: { kind: "Unreadable" } } })
    })
  )
})

describe("UserInfo.claims, for a signed JWT", () => {
  it.effect("accepts UserInfo signed in the registered algorithm with the provider's key (S7)", () =>
    Effect.gen(function* () {
      const claims = { ...endUser, iss: issuer, aud: ["another", "bank-app"], exp: 1 }
      for (const type of ["application/jwt", "Application/JWT; charset=utf-8"]) {
        const { result } = yield* requestClaims(jwt(yield* sign(claims), type), inRs256)
        expect(result).toEqual(success(claims))
      }
    })
  )

  it.effect("accepts signed UserInfo without iss, aud and exp, and a signature with the client secret (S7)", () =>
    Effect.gen(function* () {
      const key = Effect.succeed(SigningKey.fromSecret(TestClient.secret, "HS256"))
      const { result } = yield* requestClaims(jwt(yield* sign(endUser, key)), { userInfoSignedResponseAlg: "HS256" })
      expect(result).toEqual(success(endUser))
    })
  )

  it.effect("rejects HMAC for UserInfo in the registration of a client without a secret (S7)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        ClientRegistration.make({
          clientId: "bank-app",
          authentication: ClientAuthentication.none,
          userInfoSignedResponseAlg: "HS256"
        })
      )
      expect(error).toMatchObject({ parameter: "userInfoSignedResponseAlg" })
    })
  )

  const forged: ReadonlyArray<
    readonly [what: string, text: Effect.Effect<string | Redacted.Redacted<string>>, reason: object]
  > = [
    ["signed with another key", sign(endUser, TestKeys.signing("RS256", "stranger")), { _tag: "UnknownKey" }],
    [
      "signed with another key under the provider's key id",
      Effect.gen(function* () {
        const key = yield* TestKeys.signing("RS256", "stranger")
        return yield* JsonWebToken.sign(endUser, { key: { ...key, keyId: (yield* TestKeys.signing("RS256")).keyId } })
      }),
      { _tag: "InvalidSignature" }
    ],
    ["of the algorithm none", Effect.succeed(join({ alg: "none" }, endUser, "")), { _tag: "UnexpectedAlgorithm" }],
    [
      "signed in another algorithm, with a published key",
      sign(endUser, TestKeys.signing("ES256")),
      { _tag: "UnexpectedAlgorithm", expected: "RS256", actual: "ES256" }
    ],
    ["without a signature", Effect.succeed("a.b"), { _tag: "MalformedToken" }],
    ["with another subject", sign({ ...endUser, sub: "another" }), { _tag: "WrongSubject" }],
    ["of another issuer", sign({ ...endUser, iss: "https://evil.test" }), { _tag: "WrongIssuer", expected: issuer }],
    ["for another client", sign({ ...endUser, aud: "another" }), { _tag: "WrongAudience", actual: "another" }],
    ["for an empty audience", sign({ ...endUser, aud: [] }), { _tag: "WrongAudience" }],
    ["that has expired", sign({ ...endUser, exp: 60 }), { _tag: "Expired" }]
  ]
  for (const [what, text, reason] of forged) {
    it.effect(`rejects UserInfo ${what} (S7)`, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("90 seconds")
        const { result } = yield* requestClaims(jwt(yield* text), inRs256)
        expectRefusal(result, reason)
      })
    )
  }

  it.effect("accepts UserInfo that expired less than the clock tolerance ago (S7)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("89 seconds")
      const { result } = yield* requestClaims(jwt(yield* sign({ ...endUser, exp: 60 })), inRs256)
      expect(result).toEqual(success({ ...endUser, exp: 60 }))
    })
  )

  it.effect("rejects signed UserInfo if no signature is registered (S7)", () =>
    Effect.gen(function* () {
      const { result } = yield* requestClaims(jwt(yield* sign(endUser)))
      expectRefusal(result, { _tag: "UnexpectedJwt" })
    })
  )

  it.effect("rejects UserInfo whose media type is not that of its content (S7)", () =>
    Effect.gen(function* () {
      expectRefusal((yield* requestClaims(json(endUser, "application/jwt"), inRs256)).result, {
        _tag: "MalformedToken"
      })
      const called = jwt(yield* sign(endUser), "application/json")
      expectRefusal((yield* requestClaims(called, inRs256)).result, { _tag: "NotSigned" })
    })
  )
})

describe("UserInfo.claims, for an encrypted JWT", () => {
  const made = Effect.promise(async () => {
    const { privateKey, publicKey } = await generateKeyPair("ECDH-ES", { extractable: true })
    const jwk = await exportJWK(privateKey)
    const encrypt = (content: string) =>
      Effect.promise(() =>
        new CompactEncrypt(new TextEncoder().encode(content))
          .setProtectedHeader({ alg: "ECDH-ES", enc: "A128GCM", cty: "JWT" })
          .encrypt(publicKey)
      )
    const decryption = IdTokenDecryption.layer({
      keys: [Redacted.make<unknown>(jwk)],
      keyAlgorithm: "ECDH-ES",
      contentAlgorithm: "A128GCM"
    }).pipe(Layer.orDie)
    return { decryption, encrypt }
  })

  it.effect("decrypts UserInfo, and verifies the signature inside (S7)", () =>
    Effect.gen(function* () {
      const { decryption, encrypt } = yield* made
      const valid = yield* encrypt(Redacted.value(yield* sign(endUser)))
      expect((yield* requestClaims(jwt(valid), inRs256, { decryption })).result).toEqual(success(endUser))
      const forgedJwt = yield* encrypt(Redacted.value(yield* sign(endUser, TestKeys.signing("RS256", "stranger"))))
      expectRefusal((yield* requestClaims(jwt(forgedJwt), inRs256, { decryption })).result, { _tag: "UnknownKey" })
      const unsigned = yield* encrypt(encodeJson(endUser))
      expectRefusal((yield* requestClaims(jwt(unsigned), inRs256, { decryption })).result, { _tag: "MalformedToken" })
    })
  )

  it.effect(
    "accepts encrypted UserInfo without a signature if none is registered, and compares the subject (S6, S7)",
    () =>
      Effect.gen(function* () {
        const { decryption, encrypt } = yield* made
        const valid = jwt(yield* encrypt(encodeJson(endUser)))
        expect((yield* requestClaims(valid, {}, { decryption })).result).toEqual(success(endUser))
        const other = jwt(yield* encrypt(encodeJson({ ...endUser, sub: "another" })))
        expectRefusal((yield* requestClaims(other, {}, { decryption })).result, { _tag: "WrongSubject" })
      })
  )

  it.effect("rejects UserInfo that is encrypted to another key, or to a client without a Decrypter (S7)", () =>
    Effect.gen(function* () {
      const { encrypt } = yield* made
      const { decryption } = yield* made
      const text = jwt(yield* encrypt(Redacted.value(yield* sign(endUser))))
      expectRefusal((yield* requestClaims(text, inRs256, { decryption })).result, { _tag: "DecryptionFailed" })
      expectRefusal((yield* requestClaims(text, inRs256)).result, { _tag: "MalformedToken" })
    })
  )

  it.effect("accepts signed UserInfo that is not encrypted with IdTokenDecryption.layer (S7)", () =>
    Effect.gen(function* () {
      const { decryption } = yield* made
      expect((yield* requestClaims(jwt(yield* sign(endUser)), inRs256, { decryption })).result).toEqual(
        success(endUser)
      )
    })
  )
})

describe("UserInfo.claims, for an error response", () => {
  for (const [what, reply, reason] of [
    ["rejects the token", tokenExpired, { _tag: "InvalidToken" }],
    [
      "requires more scope",
      challenge(403, 'Bearer error="insufficient_scope", scope="openid"'),
      { _tag: "InsufficientScope" }
    ],
    [
      "responds 503",
      () => new Response("", { status: 503, headers: { "retry-after": "5" } }),
      { kind: "UnexpectedStatus", status: 503 }
    ],
    [
      "responds 500 with claims",
      () => new Response(encodeJson(endUser), { status: 500 }),
      { kind: "UnexpectedStatus", status: 500 }
    ],
    ["responds without content", () => new Response(null, { status: 204 }), { kind: "UnexpectedStatus", status: 204 }]
  ] as const) {
    it.effect(`fails with a ResourceError if the UserInfo endpoint ${what} (S3)`, () =>
      Effect.gen(function* () {
        const { result } = yield* requestClaims(reply)
        expect(result).toMatchObject({ failure: { _tag: "ResourceError", reason } })
      })
    )
  }

  it.effect("requests UserInfo again with a refreshed token (Q2)", () =>
    Effect.gen(function* () {
      const refreshed = { ...bearer("marker-refreshed"), subject: identity.subject }
      const source = { current: Effect.succeed(identity), refresh: () => Effect.succeed(refreshed) }
      const reply: Reply = (request) =>
        (request.headers.authorization === "Bearer marker-refreshed" ? json(endUser) : tokenExpired)(request)
      const { received, result } = yield* requestClaims(reply, {}, { source })
      expect(result).toEqual(success(endUser))
      expect(received).toHaveLength(2)
    })
  )
})
