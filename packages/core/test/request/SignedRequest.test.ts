import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  Discovery,
  SignedRequest,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { decodePart } from "../support/Jwt.ts"
import { uuid } from "../support/PredictableRandomness.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"

const algorithmsMember = "backchannel_authentication_request_signing_alg_values_supported"

/** A provider that acknowledges every request, and the forms that it received. */
const provider = () => {
  const bodies: Array<URLSearchParams> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      if (request.method === "GET") return HttpClientResponse.fromWeb(request, Response.json(publishedKeys))
      bodies.push(
        new URLSearchParams(request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "")
      )
      return HttpClientResponse.fromWeb(request, Response.json({ auth_req_id: "id", expires_in: 60 }))
    })
  )
  return { bodies, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const initiate = (
  signing: Partial<SignedRequest.Options>,
  options?: {
    readonly algorithms?: ReadonlyArray<string>
    readonly request?: Partial<AuthenticationRequest.Options>
    readonly authentication?: Ciba.Options["authentication"]
    readonly program?: Effect.Effect<unknown, unknown, Exclude<Ciba.Services, Discovery.Discovery>>
  }
) => {
  const { bodies, layer } = provider()
  const algorithms = options?.algorithms ?? ["ES256"]
  const program =
    options?.program ?? Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo"), ...options?.request })
  return program.pipe(
    Effect.as(bodies),
    Effect.provide(
      Ciba.layerNoDiscovery({
        clientId: "shop",
        authentication: options?.authentication ?? ClientAuthentication.none
      }).pipe(
        Layer.provide(layer),
        Layer.provide(
          Discovery.layerStatic({
            issuer: "https://op.test",
            jwks_uri: "https://op.test/jwks",
            token_endpoint: "https://op.test/token",
            backchannel_authentication_endpoint: "https://op.test/bc",
            backchannel_token_delivery_modes_supported: ["poll"],
            ...(algorithms.length === 0 ? undefined : { [algorithmsMember]: algorithms })
          })
        ),
        Layer.provide(SignedRequest.layer({ key: SigningKey.generate("ES256"), ...signing }))
      )
    )
  )
}

describe("SignedRequest", () => {
  it.effect(
    "a signed request has every parameter as a claim with its JSON type, and its own times (D1, D2, D3, D5–D9, D14, O2, U6)",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("100 seconds")
        const [form] = yield* initiate(
          {},
          {
            request: {
              requestedExpiry: "2 minutes",
              authorizationDetails: [{ type: "payment", amount: 1 }],
              requestContext: { channel: "till 3" },
              resource: ["https://a.test", "https://b.test"],
              claims: { id_token: { email: null } },
              grantManagement: { action: "merge", grantId: "g-1" },
              extensionParameters: { count: 1, flag: false, text: "1", list: ["1", 2] }
            }
          }
        )
        expect([...(form?.keys() ?? [])]).toEqual(["request", "client_id"])
        expect(yield* decodePart(form?.get("request") ?? "", 1)).toEqual({
          scope: "openid",
          login_hint: "jo",
          requested_expiry: "120",
          authorization_details: [{ type: "payment", amount: 1 }],
          request_context: { channel: "till 3" },
          resource: ["https://a.test", "https://b.test"],
          claims: { id_token: { email: null } },
          grant_management_action: "merge",
          grant_id: "g-1",
          count: 1,
          flag: false,
          text: "1",
          list: ["1", 2],
          iss: "shop",
          aud: "https://op.test",
          iat: 100,
          nbf: 100,
          exp: 400,
          jti: expect.stringMatching(uuid)
        })
      })
  )

  for (const [what, signing, authentication] of [
    ["a public client", {}, undefined],
    [
      "a client with a secret",
      { compatibility: { type: null } },
      ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
    ],
    ["a client whose request has a client_id claim", { compatibility: { clientIdClaim: true } }, undefined],
    ["a client with claims of its own", { compatibility: { additionalClaims: { issuer: "eve" } } }, undefined],
    ["a client whose requests are for another audience", { audience: "https://gateway.test" }, undefined]
  ] satisfies ReadonlyArray<
    readonly [string, Partial<SignedRequest.Options>, Ciba.Options["authentication"] | undefined]
  >) {
    it.effect(`the iss of a signed request is the client id, for ${what} (D6)`, () =>
      Effect.gen(function* () {
        const [form] = yield* initiate(signing, authentication === undefined ? {} : { authentication })
        expect((yield* decodePart(form?.get("request") ?? "", 1)).iss).toBe("shop")
      })
    )
  }

  it.effect("a signed request can have a client_id claim and another lifetime (D8, D15, T-13)", () =>
    Effect.gen(function* () {
      const [form] = yield* initiate({ compatibility: { clientIdClaim: true }, lifetime: "1 minute" })
      expect(yield* decodePart(form?.get("request") ?? "", 1)).toMatchObject({ client_id: "shop", nbf: 0, exp: 60 })
      expect(form?.get("client_id")).toBe("shop")
    })
  )

  it.effect("a signed request is a JWS that is not encrypted, whose header has kid and typ (D4, D11, D12, D13)", () =>
    Effect.gen(function* () {
      const key = yield* SigningKey.generate("ES256")
      const [form] = yield* initiate({ key })
      const jwt = form?.get("request") ?? ""
      expect(jwt).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
      expect(yield* decodePart(jwt, 0)).toEqual({ alg: "ES256", kid: key.keyId, typ: "oauth-authz-req+jwt" })
      expect(yield* JsonWebToken.verify(Redacted.make(jwt), { algorithm: "ES256", key: key.publicJwk })).toEqual(
        yield* decodePart(jwt, 1)
      )
    })
  )

  it.effect(
    "a signed request can do without typ and have additional header parameters, none of which replaces its own (D12)",
    () =>
      Effect.gen(function* () {
        const key = yield* SigningKey.generate("ES256")
        const [form] = yield* initiate({
          key,
          compatibility: { type: null, header: { "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" } }
        })
        expect(yield* decodePart(form?.get("request") ?? "", 0)).toEqual({
          alg: "ES256",
          kid: key.keyId,
          "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"
        })
        const forged: JsonWebToken.AdditionalHeader = JSON.parse('{"alg":"none","kid":"another","typ":"JWT"}')
        const [unchanged] = yield* initiate({ key, compatibility: { header: forged } })
        expect(yield* decodePart(unchanged?.get("request") ?? "", 0)).toEqual({
          alg: "ES256",
          kid: key.keyId,
          typ: "oauth-authz-req+jwt"
        })
      })
  )

  it.effect("a signed request can have additional claims, unless the request has a parameter with the name", () =>
    Effect.gen(function* () {
      const [form] = yield* initiate(
        { compatibility: { additionalClaims: { tenant: "one", channel: "app" } } },
        { request: { extensionParameters: { channel: "till 3" } } }
      )
      expect(yield* decodePart(form?.get("request") ?? "", 1)).toMatchObject({ tenant: "one", channel: "till 3" })
    })
  )

  for (const claim of [
    "iss",
    "aud",
    "iat",
    "nbf",
    "exp",
    "jti",
    "sub",
    "client_id",
    "scope",
    "login_hint_token",
    "request",
    "nonce",
    "max_age"
  ]) {
    it.effect(`the layer fails if ${claim} is among the additional claims (C5, D2, D5, D6, D7, D8, D16)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(initiate({ compatibility: { additionalClaims: { [claim]: "eve" } } }))
        expect(error).toMatchObject({
          _tag: "ClientRegistrationError",
          message: `additionalClaims of signed requests: ${claim} is a parameter of the request or set by the library`
        })
      })
    )
  }

  it.effect("the layer fails if an additional claim is not JSON, such as a toJSON that replaces all claims (D5)", () =>
    Effect.gen(function* () {
      const additionalClaims = Object({ toJSON: () => ({ iss: "eve" }) })
      const error = yield* Effect.flip(initiate({ compatibility: { additionalClaims } }))
      expect(error).toMatchObject({
        _tag: "ClientRegistrationError",
        message: "additionalClaims of signed requests: toJSON is not JSON"
      })
    })
  )

  it("a function that makes claims does not type-check: it could reuse jti and the times (D7, D16)", () => {
    const options: SignedRequest.Options = {
      key: SigningKey.fromSecret(Redacted.make("unused"), "HS256"),
      // @ts-expect-error claims are a record
      compatibility: { additionalClaims: (own: object) => own }
    }
    expect(options.compatibility?.additionalClaims).toBeTypeOf("function")
  })

  for (const [what, audience, expected] of [
    ["the issuer", undefined, "https://op.test"],
    ["the configured URL", "https://gateway.test", "https://gateway.test"],
    ["the endpoint", ({ endpoint }) => endpoint, "https://op.test/bc"]
  ] satisfies ReadonlyArray<readonly [string, SignedRequest.Options["audience"], string]>) {
    it.effect(`the audience of a signed request is ${what} (D5, T-11)`, () =>
      Effect.gen(function* () {
        const [form] = yield* initiate({ audience })
        expect((yield* decodePart(form?.get("request") ?? "", 1)).aud).toBe(expected)
      })
    )
  }

  const secret = Redacted.make("a secret of thirty-two bytes here")
  for (const [method, authentication, outside] of [
    ["none", ClientAuthentication.none, ["client_id"]],
    ["client_secret_basic", ClientAuthentication.clientSecretBasic(secret), ["client_id"]],
    ["client_secret_post", ClientAuthentication.clientSecretPost(secret), ["client_id", "client_secret"]],
    [
      "client_secret_jwt",
      ClientAuthentication.clientSecretJwt(secret),
      ["client_id", "client_assertion_type", "client_assertion"]
    ],
    [
      "private_key_jwt",
      ClientAuthentication.privateKeyJwt(SigningKey.generate("ES256")),
      ["client_id", "client_assertion_type", "client_assertion"]
    ],
    ["tls_client_auth", ClientAuthentication.tlsClientAuth, ["client_id"]],
    ["self_signed_tls_client_auth", ClientAuthentication.selfSignedTlsClientAuth, ["client_id"]]
  ] as const) {
    it.effect(
      `a signed request has client_id and credentials beside it and not as claims, for ${method} (D2, D3, D15, D18, T-13)`,
      () =>
        Effect.gen(function* () {
          const [form] = yield* initiate({}, { authentication })
          expect([...(form?.keys() ?? [])]).toEqual(["request", ...outside])
          expect(form?.get("client_id")).toBe("shop")
          const claims = yield* decodePart(form?.get("request") ?? "", 1)
          expect(Object.keys(claims).filter((name) => name.startsWith("client_"))).toEqual([])
        })
    )
  }

  it.effect("a backdated request has an earlier nbf, and iat and exp as without (D8, T-24)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const [form] = yield* initiate({ backdated: "10 minutes" })
      expect(yield* decodePart(form?.get("request") ?? "", 1)).toMatchObject({ nbf: 3000, iat: 3600, exp: 3900 })
    })
  )

  for (const [option, input, problem] of [
    ["lifetime", 0, "it must be above zero, and have an end"],
    ["lifetime", "-1 seconds", "it must be above zero, and have an end"],
    ["lifetime", Number.POSITIVE_INFINITY, "it must be above zero, and have an end"],
    ["lifetime", Number.NaN, "it must be above zero, and have an end"],
    ["backdated", "-1 seconds", "it must be between zero and an hour"],
    ["backdated", "61 minutes", "it must be between zero and an hour"],
    ["backdated", Number.POSITIVE_INFINITY, "it must be between zero and an hour"]
  ] as const) {
    it.effect(`the layer fails if ${option} is ${input} (D8)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(initiate({ [option]: input }))
        expect(error).toMatchObject({
          _tag: "ClientRegistrationError",
          message: `${option} of signed requests: ${problem}`
        })
      })
    )
  }

  it.effect("each HTTP request of one authentication request carries a new JWT with its own times (D7, D16)", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const request = yield* AuthenticationRequest.make({ scope: ["openid"], hint: UserHint.login("jo") })
        yield* BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.request(request))
        yield* TestClock.adjust("7 seconds")
        yield* BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.request(request))
      })
      const forms = yield* initiate({}, { program })
      const [first, second] = yield* Effect.forEach(forms, (form) => decodePart(form.get("request") ?? "", 1))
      expect(first).toMatchObject({ iat: 0, nbf: 0, exp: 300 })
      expect(second).toEqual({ ...first, iat: 7, nbf: 7, exp: 307, jti: expect.not.stringMatching(String(first?.jti)) })
    })
  )

  it.effect("each authentication request has its own jti (D7)", () =>
    Effect.gen(function* () {
      const key = yield* SigningKey.generate("ES256")
      const [first] = yield* initiate({ key })
      const [second] = yield* initiate({ key })
      const ids = yield* Effect.forEach([first, second], (form) => decodePart(form?.get("request") ?? "", 1))
      expect(ids[0]?.jti).not.toBe(ids[1]?.jti)
    })
  )

  for (const [what, algorithms] of [
    ["publishes no algorithms", []],
    ["publishes others", ["PS256"]]
  ] as const) {
    it.effect(`no signed request is sent to a provider that ${what} (A5, D10)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(initiate({}, { algorithms }))
        expect(error).toMatchObject({ reason: { _tag: "Unsupported", feature: "requests signed with ES256" } })
      })
    )
  }

  it.effect("the layer fails if the key is a shared secret (B4, D4)", () =>
    Effect.gen(function* () {
      const key = SigningKey.fromSecret(Redacted.make("a secret of thirty-two bytes here"), "HS256")
      expect(yield* Effect.flip(initiate({ key }))).toMatchObject({ _tag: "InvalidKey" })
    })
  )
})
