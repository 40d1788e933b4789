import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { ClientAuthentication, SigningKey } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import { TestClock } from "effect/testing"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as Jwt from "../support/Jwt.ts"
import * as Randomness from "../support/PredictableRandomness.ts"

const target = { clientId: "shop", issuer: "https://op.example", endpoint: "https://op.example/backchannel" }
const secret = Redacted.make("a secret that is long enough for HS256")
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const opened = (authentication: ClientAuthentication.ClientAuthentication, to = target) =>
  Effect.map(authentication.credentials(to), ({ headers, parameters }) => ({
    headers: Redacted.value(headers),
    parameters: Redacted.value(parameters)
  }))

/** The assertion in what the method sends, and nothing but what belongs with it. */
const assertionOf = Effect.fnUntraced(function* (
  authentication: ClientAuthentication.ClientAuthentication,
  to = target
) {
  const { headers, parameters } = yield* opened(authentication, to)
  const jwt = parameters[2]?.[1] ?? ""
  assert.deepStrictEqual(headers, {})
  assert.deepStrictEqual(parameters, [
    ["client_id", to.clientId],
    ["client_assertion_type", assertionType],
    ["client_assertion", jwt]
  ])
  return { jwt: Redacted.make(jwt), header: yield* Jwt.decodePart(jwt, 0), claims: yield* Jwt.decodePart(jwt, 1) }
})

const signed = (options?: ClientAuthentication.AssertionOptions) =>
  ClientAuthentication.privateKeyJwt(TestKeys.signing("ES256", "client"), options)

describe("without an assertion", () => {
  it.effect("none sends the client id in the form and nothing else", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* opened(ClientAuthentication.none), {
        headers: {},
        parameters: [["client_id", "shop"]]
      })
    })
  )

  it.effect("client_secret_post sends id and secret in the form, as they are", () =>
    Effect.gen(function* () {
      const odd = Redacted.make("p+s s&=:%ü")
      assert.deepStrictEqual(yield* opened(ClientAuthentication.clientSecretPost(odd)), {
        headers: {},
        parameters: [
          ["client_id", "shop"],
          ["client_secret", "p+s s&=:%ü"]
        ]
      })
    })
  )

  it.effect("client_secret_basic sends id and secret in the header alone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* opened(ClientAuthentication.clientSecretBasic(Redacted.make("secret"))), {
        headers: { authorization: "Basic c2hvcDpzZWNyZXQ=" },
        parameters: []
      })
    })
  )

  it.effect("client_secret_basic form-encodes id and secret before it joins them (E10)", () =>
    Effect.gen(function* () {
      const odd = ClientAuthentication.clientSecretBasic(Redacted.make("p+s s&=:%ü*~'"))
      const { headers } = yield* opened(odd, { ...target, clientId: "shop: 1%é" })
      const pair = "shop%3A+1%25%C3%A9:p%2Bs+s%26%3D%3A%25%C3%BC*%7E%27"
      assert.deepStrictEqual(headers, { authorization: `Basic ${Base64.encode(pair)}` })
    })
  )
})

describe("an assertion signed with a private key", () => {
  it.effect(
    "has exactly these claims, at the time of the injected clock and with the injected randomness (E1, E2)",
    () =>
      Effect.gen(function* () {
        const key = yield* TestKeys.signing("ES256", "client")
        yield* TestClock.setTime(1_700_000_000_999)
        const { claims, header, jwt } = yield* assertionOf(yield* signed())
        assert.deepStrictEqual(claims, {
          iss: "shop",
          sub: "shop",
          aud: "https://op.example",
          jti: Base64Url.encode(new Uint8Array(20).fill(1)),
          iat: 1_700_000_000,
          exp: 1_700_000_060
        })
        assert.deepStrictEqual(header, { alg: "ES256", kid: key.keyId, typ: "client-authentication+jwt" })
        assert.deepStrictEqual(
          yield* JsonWebToken.verify(jwt, { algorithm: "ES256", key: key.publicJwk }),
          claims,
          "the signature verifies with the registered key"
        )
      }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("is a new one each time, with a jti of its own (E5, T-9)", () =>
    Effect.gen(function* () {
      const authentication = yield* signed()
      const ids = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(assertionOf(authentication), ({ claims }) => claims.jti)
      )
      assert.deepStrictEqual(
        ids,
        [1, 2, 3].map((draw) => Base64Url.encode(new Uint8Array(20).fill(draw)))
      )
    }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("has a jti that nobody can foresee where the randomness is the platform's", () =>
    Effect.gen(function* () {
      const authentication = yield* signed()
      const one = yield* assertionOf(authentication)
      const other = yield* assertionOf(authentication)
      assert.match(String(one.claims.jti), /^[\w-]{27}$/)
      assert.notStrictEqual(one.claims.jti, other.claims.jti)
    })
  )

  it.effect("never comes from the future: iat is the clock's second, rounded down (E12, T-24)", () =>
    Effect.gen(function* () {
      const authentication = yield* signed()
      for (const [millis, iat] of [
        [10_000, 10],
        [10_001, 10],
        [10_999, 10],
        [11_000, 11]
      ] as const) {
        yield* TestClock.setTime(millis)
        const { claims } = yield* assertionOf(authentication)
        assert.deepStrictEqual([claims.iat, claims.exp, claims.nbf], [iat, iat + 60, undefined])
      }
    })
  )

  it.effect("is for the issuer at every endpoint, as a string (E2, T-11)", () =>
    Effect.gen(function* () {
      const authentication = yield* signed()
      for (const path of ["backchannel", "token"]) {
        const { claims } = yield* assertionOf(authentication, { ...target, endpoint: `https://op.example/${path}` })
        assert.strictEqual(claims.aud, "https://op.example")
      }
    })
  )

  it.effect("is for whom the client says, where a provider wants another audience (E3, T-11)", () =>
    Effect.gen(function* () {
      const fixed = yield* assertionOf(yield* signed({ audience: "https://op.example/token" }))
      assert.strictEqual(fixed.claims.aud, "https://op.example/token")
      const called = yield* assertionOf(yield* signed({ audience: ({ endpoint }) => endpoint }))
      assert.strictEqual(called.claims.aud, "https://op.example/backchannel")
    })
  )

  it.effect("says what it is in typ, unless that is switched off or changed (E4, T-12)", () =>
    Effect.gen(function* () {
      const types = yield* Effect.forEach([{}, { type: null }, { type: "JWT" }], (options) =>
        Effect.flatMap(signed(options), (authentication) =>
          Effect.map(assertionOf(authentication), ({ header }) => header.typ)
        )
      )
      assert.deepStrictEqual(types, ["client-authentication+jwt", undefined, "JWT"])
    })
  )

  it.effect("carries further header members beside its own (E4)", () =>
    Effect.gen(function* () {
      const { header } = yield* assertionOf(yield* signed({ type: null, header: { "x5t#S256": "thumbprint" } }))
      const { kid, ...rest } = header
      assert.isString(kid)
      assert.deepStrictEqual(rest, { alg: "ES256", "x5t#S256": "thumbprint" })
    })
  )

  it.effect("lives as long as it is told, in whole seconds", () =>
    Effect.gen(function* () {
      const { claims } = yield* assertionOf(yield* signed({ lifetime: "4500 millis" }))
      assert.deepStrictEqual([claims.iat, claims.exp], [0, 5])
    })
  )

  it.effect("carries further claims, none of which takes the place of its own (E1)", () =>
    Effect.gen(function* () {
      const claims = { iss: "eve", sub: "eve", aud: "eve", jti: "eve", iat: -1, exp: 1e9, tenant: "one" }
      const made = yield* assertionOf(yield* signed({ claims }))
      assert.deepStrictEqual(made.claims, {
        iss: "shop",
        sub: "shop",
        aud: "https://op.example",
        jti: Base64Url.encode(new Uint8Array(20).fill(1)),
        iat: 0,
        exp: 60,
        tenant: "one"
      })
    }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("carries what a function makes of its own claims, for providers that want others, anew each time", () =>
    Effect.gen(function* () {
      const authentication = yield* signed({
        claims: ({ exp: _exp, ...own }) => ({ ...own, nbf: own.iat, aud: ["one"] })
      })
      for (const now of [10, 20]) {
        yield* TestClock.setTime(now * 1000)
        assert.deepStrictEqual((yield* assertionOf(authentication)).claims, {
          iss: "shop",
          sub: "shop",
          aud: ["one"],
          jti: Base64Url.encode(new Uint8Array(20).fill(now / 10)),
          iat: now,
          nbf: now
        })
      }
    }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("takes the key, or the effect that reads it; a key that cannot be used fails before any flow", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256", "client")
      const { header } = yield* assertionOf(yield* ClientAuthentication.privateKeyJwt(key))
      assert.strictEqual(header.kid, key.keyId)
      const unusable = ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(Redacted.make(key.publicJwk)))
      assert.strictEqual((yield* Effect.flip(unusable))._tag, "InvalidKey")
    })
  )
})

describe("an assertion signed with the shared secret", () => {
  for (const algorithm of ["HS256", "HS384", "HS512"] as const) {
    it.effect(`verifies with the secret and ${algorithm} (E1)`, () =>
      Effect.gen(function* () {
        const options = algorithm === "HS256" ? undefined : { algorithm }
        const made = yield* assertionOf(ClientAuthentication.clientSecretJwt(secret, options))
        assert.deepStrictEqual(made.header, { alg: algorithm, typ: "client-authentication+jwt" })
        assert.deepStrictEqual(yield* JsonWebToken.verify(made.jwt, { algorithm, key: secret }), {
          iss: "shop",
          sub: "shop",
          aud: "https://op.example",
          jti: Base64Url.encode(new Uint8Array(20).fill(1)),
          iat: 0,
          exp: 60
        })
      }).pipe(Effect.provide(Randomness.counting()))
    )
  }

  it.effect("takes the same options (E3, E4)", () =>
    Effect.gen(function* () {
      const options = { audience: "https://op.example/token", type: null, lifetime: "10 seconds" } as const
      const { claims, header } = yield* assertionOf(ClientAuthentication.clientSecretJwt(secret, options))
      assert.deepStrictEqual(header, { alg: "HS256" })
      assert.deepStrictEqual([claims.aud, claims.exp], ["https://op.example/token", 10])
    })
  )
})

it.effect("no secret can be seen in a method or in its credentials", () =>
  Effect.gen(function* () {
    const methods = [
      ClientAuthentication.clientSecretBasic(secret),
      ClientAuthentication.clientSecretPost(secret),
      ClientAuthentication.clientSecretJwt(secret),
      yield* signed()
    ]
    for (const method of methods) {
      const credentials = yield* method.credentials(target)
      const sent = [
        ...Object.values(Redacted.value(credentials.headers)),
        ...Redacted.value(credentials.parameters).flatMap(([name, value]) => (name === "client_id" ? [] : [value]))
      ]
      for (const value of [method, credentials]) {
        for (const shown of [Jwt.encodeJson(value), inspect(value, { depth: 9, showHidden: true })]) {
          for (const hidden of [Redacted.value(secret), ...sent]) assert.notInclude(shown, hidden)
        }
      }
    }
  })
)
