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

const person = { sub: "marker-subject", name: "Jo Doe", email: "marker-email" }

/** What a client sees of a UserInfo endpoint that answers like this. */
const told = <E = never>(
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
    readonly use?: Effect.Effect<unknown, unknown, UserInfo.UserInfo>
  } = {}
) =>
  Effect.gen(function* () {
    const { received, layer: server } = serve(reply)
    const key = yield* TestKeys.signing("RS256")
    const es = yield* TestKeys.signing("ES256")
    const services = UserInfo.layer().pipe(
      Layer.provide([
        ClientRegistration.layer({
          clientId: "bank-app",
          authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
          ...registered
        }),
        Transport.layer(),
        Discovery.layerStatic({ issuer, userinfo_endpoint: `${issuer}/me`, ...options.metadata }),
        ProviderKeys.layerStatic({ keys: [key.publicJwk, es.publicJwk] })
      ]),
      Layer.provide([server, options.decryption ?? Layer.empty])
    )
    const claims = UserInfo.claims(options.source ?? identity, { headers: options.headers })
    const result = yield* (options.use ?? claims).pipe(Effect.provide(services), Effect.result)
    return { heard: received, result }
  })

const json =
  (body: unknown, type = "application/json"): Reply =>
  () =>
    new Response(encodeJson(body), { headers: { "content-type": type } })

const jwt =
  (text: string | Redacted.Redacted<string>, type = "application/jwt"): Reply =>
  () =>
    new Response(Redacted.isRedacted(text) ? Redacted.value(text) : text, { headers: { "content-type": type } })

const signed = (claims: JsonObject, key: Effect.Effect<SigningKey.SigningKey> = TestKeys.signing("RS256")) =>
  Effect.flatMap(key, (by) => JsonWebToken.sign(claims, { key: by }))

const inRs256 = { userInfoSignedResponseAlg: "RS256" } as const

const success = (claims: JsonObject) => Result.succeed(claims)

/** A refusal that shows neither claims nor tokens, however it is printed. */
const expectRefusal = (result: Result.Result<unknown, unknown>, reason: object) => {
  expect(result).toMatchObject({ _tag: "Failure", failure: { _tag: "UserInfoError", reason } })
  const error = Result.getFailure(result)
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain("marker")
}

describe("UserInfo as JSON", () => {
  it.effect("is asked for with the token in the header, and its claims pass through (S1, S6)", () =>
    Effect.gen(function* () {
      const { heard, result } = yield* told(json(person))
      expect(result).toEqual(success(person))
      expect(heard).toEqual([
        {
          method: "GET",
          url: `${issuer}/me`,
          headers: { accept: "application/json, application/jwt", authorization: "Bearer marker-access" },
          body: "Empty"
        }
      ])
    })
  )

  it.effect("may be asked for with further headers, none of them in place of the token (S1)", () =>
    Effect.gen(function* () {
      const headers = { "x-fapi-interaction-id": "i-1", authorization: "Bearer another" }
      const { heard } = yield* told(json(person), {}, { headers })
      expect(heard[0]?.headers).toMatchObject({ "x-fapi-interaction-id": "i-1", authorization: "Bearer marker-access" })
    })
  )

  it.effect("comes from the endpoint's alias with a certificate (N3)", () =>
    Effect.gen(function* () {
      const metadata = { mtls_endpoint_aliases: { userinfo_endpoint: "https://mtls.op.test/me" } }
      const { heard } = yield* told(json(person), { mutualTls: MutualTls.make() }, { metadata })
      expect(heard.map(({ url }) => url)).toEqual(["https://mtls.op.test/me"])
    })
  )

  it.effect("is not there where the provider publishes no endpoint", () =>
    Effect.gen(function* () {
      const { heard, result } = yield* told(json(person), {}, { metadata: { userinfo_endpoint: undefined } })
      expect(result).toMatchObject({ failure: { _tag: "DiscoveryError" } })
      expect(heard).toEqual([])
    })
  )

  for (const sub of ["another", "marker-subjec", "MARKER-SUBJECT", "marker-subject "]) {
    it.effect(`about another person ("${sub}") is refused (S6)`, () =>
      Effect.gen(function* () {
        const { result } = yield* told(json({ ...person, sub }))
        expectRefusal(result, { _tag: "WrongSubject" })
      })
    )
  }

  it.effect("about anybody is taken where its reader says that no subject is known, and has one all the same", () =>
    Effect.gen(function* () {
      const use = UserInfo.UserInfo.use((userInfo) =>
        Effect.flatMap(userInfo.request(bearer()), (response) => userInfo.process(response, UserInfo.skipSubjectCheck))
      )
      const another = { ...person, sub: "another" }
      expect((yield* told(json(another), {}, { use })).result).toEqual(success(another))
      expectRefusal((yield* told(json({ name: "marker" }), {}, { use })).result, { _tag: "InvalidClaims" })
    })
  )

  for (const [what, body] of [
    ["without a subject", { name: "marker" }],
    ["with an empty subject", { ...person, sub: "" }],
    ["with another thing for a subject", { ...person, sub: ["x"] }],
    ["that is a list", [person]],
    ["that is nothing", null]
  ] as const) {
    it.effect(`${what} is refused (S6)`, () =>
      Effect.gen(function* () {
        const { result } = yield* told(json(body))
        expectRefusal(result, { _tag: "InvalidClaims" })
      })
    )
  }

  it.effect("is refused where a signature is registered (S7)", () =>
    Effect.gen(function* () {
      const { result } = yield* told(json(person), inRs256)
      expectRefusal(result, { _tag: "NotSigned", expected: "RS256" })
    })
  )

  it.effect("that is not JSON is a fault", () =>
    Effect.gen(function* () {
      const { result } = yield* told(() => new Response("<html>marker"))
      expect(result).toMatchObject({ failure: { _tag: "ResourceError", reason: { kind: "Unreadable" } } })
    })
  )
})

describe("UserInfo as a signed JWT", () => {
  it.effect("is believed with the registered algorithm and the provider's key (S7)", () =>
    Effect.gen(function* () {
      const claims = { ...person, iss: issuer, aud: ["another", "bank-app"], exp: 1 }
      for (const type of ["application/jwt", "Application/JWT; charset=utf-8"]) {
        const { result } = yield* told(jwt(yield* signed(claims), type), inRs256)
        expect(result).toEqual(success(claims))
      }
    })
  )

  it.effect("needs neither issuer nor audience nor end, and may be signed with the secret (S7)", () =>
    Effect.gen(function* () {
      const key = Effect.succeed(SigningKey.fromSecret(TestClient.secret, "HS256"))
      const { result } = yield* told(jwt(yield* signed(person, key)), { userInfoSignedResponseAlg: "HS256" })
      expect(result).toEqual(success(person))
    })
  )

  it.effect("needs a secret for HMAC (S7)", () =>
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
    ["signed by another", signed(person, TestKeys.signing("RS256", "stranger")), { _tag: "UnknownKey" }],
    [
      "signed by another in the name of the provider",
      Effect.gen(function* () {
        const key = yield* TestKeys.signing("RS256", "stranger")
        return yield* JsonWebToken.sign(person, { key: { ...key, keyId: (yield* TestKeys.signing("RS256")).keyId } })
      }),
      { _tag: "InvalidSignature" }
    ],
    ["of the algorithm none", Effect.succeed(join({ alg: "none" }, person, "")), { _tag: "UnexpectedAlgorithm" }],
    [
      "signed in another algorithm, with a good key",
      signed(person, TestKeys.signing("ES256")),
      { _tag: "UnexpectedAlgorithm", expected: "RS256", actual: "ES256" }
    ],
    ["without a signature", Effect.succeed("a.b"), { _tag: "MalformedToken" }],
    ["about another person", signed({ ...person, sub: "another" }), { _tag: "WrongSubject" }],
    ["of another issuer", signed({ ...person, iss: "https://evil.test" }), { _tag: "WrongIssuer", expected: issuer }],
    ["for another client", signed({ ...person, aud: "another" }), { _tag: "WrongAudience", actual: "another" }],
    ["for nobody", signed({ ...person, aud: [] }), { _tag: "WrongAudience" }],
    ["that has expired", signed({ ...person, exp: 60 }), { _tag: "Expired" }]
  ]
  for (const [what, text, reason] of forged) {
    it.effect(`${what} is refused (S7)`, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("90 seconds")
        const { result } = yield* told(jwt(yield* text), inRs256)
        expectRefusal(result, reason)
      })
    )
  }

  it.effect("whose end passed less than the tolerance ago is believed (S7)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("89 seconds")
      const { result } = yield* told(jwt(yield* signed({ ...person, exp: 60 })), inRs256)
      expect(result).toEqual(success({ ...person, exp: 60 }))
    })
  )

  it.effect("is refused where none is registered, whatever it is signed with (S7)", () =>
    Effect.gen(function* () {
      const { result } = yield* told(jwt(yield* signed(person)))
      expectRefusal(result, { _tag: "UnexpectedJwt" })
    })
  )

  it.effect("is refused as JSON that is called something else (S7)", () =>
    Effect.gen(function* () {
      expectRefusal((yield* told(json(person, "application/jwt"), inRs256)).result, { _tag: "MalformedToken" })
      const called = jwt(yield* signed(person), "application/json")
      expectRefusal((yield* told(called, inRs256)).result, { _tag: "NotSigned" })
    })
  )
})

describe("encrypted UserInfo", () => {
  const made = Effect.promise(async () => {
    const { privateKey, publicKey } = await generateKeyPair("ECDH-ES", { extractable: true })
    const jwk = await exportJWK(privateKey)
    const encrypted = (content: string) =>
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
    return { decryption, encrypted }
  })

  it.effect("is opened, and the signature inside judged (S7)", () =>
    Effect.gen(function* () {
      const { decryption, encrypted } = yield* made
      const good = yield* encrypted(Redacted.value(yield* signed(person)))
      expect((yield* told(jwt(good), inRs256, { decryption })).result).toEqual(success(person))
      const bad = yield* encrypted(Redacted.value(yield* signed(person, TestKeys.signing("RS256", "stranger"))))
      expectRefusal((yield* told(jwt(bad), inRs256, { decryption })).result, { _tag: "UnknownKey" })
      const unsigned = yield* encrypted(encodeJson(person))
      expectRefusal((yield* told(jwt(unsigned), inRs256, { decryption })).result, { _tag: "MalformedToken" })
    })
  )

  it.effect("may be unsigned where no signature is registered, and is about the same person (S6, S7)", () =>
    Effect.gen(function* () {
      const { decryption, encrypted } = yield* made
      const good = jwt(yield* encrypted(encodeJson(person)))
      expect((yield* told(good, {}, { decryption })).result).toEqual(success(person))
      const other = jwt(yield* encrypted(encodeJson({ ...person, sub: "another" })))
      expectRefusal((yield* told(other, {}, { decryption })).result, { _tag: "WrongSubject" })
    })
  )

  it.effect("to another key is refused, and so is any without the means to open it (S7)", () =>
    Effect.gen(function* () {
      const { encrypted } = yield* made
      const { decryption } = yield* made
      const text = jwt(yield* encrypted(Redacted.value(yield* signed(person))))
      expectRefusal((yield* told(text, inRs256, { decryption })).result, { _tag: "DecryptionFailed" })
      expectRefusal((yield* told(text, inRs256)).result, { _tag: "MalformedToken" })
    })
  )

  it.effect("is no duty: what is signed alone passes beside encrypted ID Tokens (S7)", () =>
    Effect.gen(function* () {
      const { decryption } = yield* made
      expect((yield* told(jwt(yield* signed(person)), inRs256, { decryption })).result).toEqual(success(person))
    })
  )
})

describe("a UserInfo endpoint that does not serve", () => {
  for (const [what, reply, reason] of [
    ["refuses the token", tokenExpired, { _tag: "InvalidToken" }],
    [
      "wants more scope",
      challenge(403, 'Bearer error="insufficient_scope", scope="openid"'),
      { _tag: "InsufficientScope" }
    ],
    [
      "is unwell",
      () => new Response("", { status: 503, headers: { "retry-after": "5" } }),
      { kind: "UnexpectedStatus", status: 503 }
    ],
    [
      "is unwell, with claims",
      () => new Response(encodeJson(person), { status: 500 }),
      { kind: "UnexpectedStatus", status: 500 }
    ],
    ["has no content", () => new Response(null, { status: 204 }), { kind: "UnexpectedStatus", status: 204 }]
  ] as const) {
    it.effect(`since it ${what} says so (S3)`, () =>
      Effect.gen(function* () {
        const { result } = yield* told(reply)
        expect(result).toMatchObject({ failure: { _tag: "ResourceError", reason } })
      })
    )
  }

  it.effect("at first is asked again with a renewed token (Q2)", () =>
    Effect.gen(function* () {
      const renewed = { ...bearer("marker-renewed"), subject: identity.subject }
      const source = { current: Effect.succeed(identity), refresh: () => Effect.succeed(renewed) }
      const reply: Reply = (heard) =>
        (heard.headers.authorization === "Bearer marker-renewed" ? json(person) : tokenExpired)(heard)
      const { heard, result } = yield* told(reply, {}, { source })
      expect(result).toEqual(success(person))
      expect(heard).toHaveLength(2)
    })
  )
})
