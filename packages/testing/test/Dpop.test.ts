import { assert, describe, it } from "@effect/vitest"
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const key = TestKeys.signing("ES256", "client")

/** A good proof for the token endpoint, but for what is changed. */
const proof = (
  claims: Raw.Claims = {},
  options: { readonly type?: string; readonly jwk?: JsonWebKey.JsonWebKey } = {}
) =>
  Effect.gen(function* () {
    const signing = yield* key
    const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const honest = { jti: "one", htm: "POST", htu: `${Raw.issuer}/token`, iat }
    const jwt = yield* JsonWebToken.sign(
      { ...honest, ...claims },
      {
        key: signing,
        type: options.type ?? "dpop+jwt",
        jwk: options.jwk ?? JsonWebKey.requiredMembers(signing.publicJwk)
      }
    )
    return Redacted.value(jwt)
  })

const redeem = (authReqId: string, dpop: string) =>
  Effect.flatMap(
    Raw.send(
      "/token",
      [
        ["grant_type", "urn:openid:params:grant-type:ciba"],
        ["auth_req_id", authReqId]
      ],
      Raw.defaultBasic,
      { dpop }
    ),
    Raw.answered
  )

const approved = { user: TestUser.approve() }

describe("a DPoP proof", () => {
  it.effect("binds the token to its key, and without one the token is a bearer's", () =>
    Effect.gen(function* () {
      const provider = yield* Raw.provider
      const bound = yield* redeem(yield* Raw.acknowledged(), yield* proof())
      assert.strictEqual(bound.body.token_type, "DPoP")
      assert.strictEqual(
        yield* provider.keyThumbprint(Raw.text(bound.body.access_token)),
        yield* JsonWebKey.thumbprint((yield* key).publicJwk)
      )
      const free = yield* Raw.poll(yield* Raw.acknowledged())
      assert.strictEqual(free.body.token_type, "Bearer")
      assert.isUndefined(yield* provider.keyThumbprint(Raw.text(free.body.access_token)))
      assert.notProperty(bound.headers, "dpop-nonce")
    }).pipe(Effect.provide(TestProvider.layer(approved)))
  )

  it.effect("is taken in another spelling of the URL, a minute late and ten seconds early", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const id = yield* Raw.acknowledged()
      for (const claims of [
        { jti: "1", htu: "https://PROVIDER.test:443/token" },
        { jti: "2", iat: 3540 },
        { jti: "3", iat: 3610 }
      ]) {
        assert.strictEqual(Raw.outcome(yield* redeem(id, yield* proof(claims))), "authorization_pending")
      }
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off" })))
  )

  const refused: ReadonlyArray<readonly [what: string, made: Effect.Effect<string>, why: string]> = [
    ["no proof at all", Effect.succeed("nonsense"), "lacks typ"],
    ["two in one header", Effect.map(proof(), (one) => `${one}, ${one}`), "signature"],
    ["of another type", proof({}, { type: "jwt" }), "lacks typ"],
    ["without jti", proof({ jti: undefined }), "lacks jti"],
    ["for another method", proof({ htm: "GET" }), "htm is GET"],
    ["for another endpoint", proof({ htu: `${Raw.issuer}/backchannel` }), "htu is"],
    ["for a URL with a query", proof({ htu: `${Raw.issuer}/token?a=b` }), "htu is"],
    ["for what is no URL", proof({ htu: "token" }), "htu is token"],
    ["too old", proof({ iat: 3539 }), "iat"],
    ["from the future", proof({ iat: 3611 }), "iat"],
    [
      "with the private key in it",
      Effect.flatMap(key, ({ privateJwk }) =>
        proof({}, { jwk: privateJwk === undefined ? { kty: "EC" } : Redacted.value(privateJwk) })
      ),
      "private key"
    ],
    [
      "with another key in it",
      Effect.flatMap(SigningKey.generate("ES256"), ({ publicJwk }) =>
        proof({}, { jwk: JsonWebKey.requiredMembers(publicJwk) })
      ),
      "signature"
    ]
  ]
  for (const [what, made, why] of refused) {
    it.effect(`is refused with invalid_dpop_proof: ${what}`, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 hour")
        const answer = yield* redeem(yield* Raw.acknowledged(), yield* made)
        assert.deepStrictEqual([answer.status, answer.body.error], [400, "invalid_dpop_proof"])
        assert.include(answer.body.error_description, why)
      }).pipe(Effect.provide(TestProvider.layer(approved)))
    )
  }

  it.effect("is refused when it is signed with a shared secret", () =>
    Effect.gen(function* () {
      const secret = SigningKey.fromSecret(TestClient.secret, "HS256")
      const claims = { jti: "one", htm: "POST", htu: `${Raw.issuer}/token`, iat: 0 }
      const jwk = { kty: "oct", k: "secret" }
      const jwt = yield* JsonWebToken.sign(claims, { key: secret, type: "dpop+jwt", jwk })
      const answer = yield* redeem(yield* Raw.acknowledged(), Redacted.value(jwt))
      assert.strictEqual(Raw.outcome(answer), "invalid_dpop_proof")
    }).pipe(Effect.provide(TestProvider.layer(approved)))
  )

  it.effect("is good for one request, even if its answer was lost", () =>
    Effect.gen(function* () {
      const id = yield* Raw.acknowledged()
      const once = yield* proof()
      yield* Effect.flip(redeem(id, once))
      assert.strictEqual(Raw.outcome(yield* redeem(id, once)), "invalid_dpop_proof")
      assert.strictEqual(Raw.outcome(yield* redeem(id, yield* proof({ jti: "two" }))), "authorization_pending")
    }).pipe(
      Effect.provide(TestProvider.layer({ pacing: "off", tokenScript: ProviderScript.make([ProviderScript.lost]) }))
    )
  )
})

describe("nonces", () => {
  const polled = (id: string) => {
    let count = 0
    return Effect.fnUntraced(function* (nonce: string | undefined) {
      count += 1
      const answer = yield* redeem(id, yield* proof({ jti: `${count}`, ...(nonce === undefined ? {} : { nonce }) }))
      return [answer.status, answer.body.error, answer.headers["dpop-nonce"]]
    })
  }

  it.effect("that last are demanded until the test rotates them, and are in every answer", () =>
    Effect.gen(function* () {
      const provider = yield* Raw.provider
      const poll = polled(yield* Raw.acknowledged())
      assert.deepStrictEqual(yield* poll(undefined), [400, "use_dpop_nonce", "nonce-1"])
      assert.deepStrictEqual(yield* poll("nonce-1"), [400, "authorization_pending", "nonce-1"])
      yield* provider.rotateDpopNonce
      assert.deepStrictEqual(yield* poll("nonce-1"), [400, "use_dpop_nonce", "nonce-2"])
      yield* provider.approve()
      assert.deepStrictEqual(yield* poll("nonce-2"), [200, undefined, "nonce-2"])
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off", dpop: { nonces: "lasting" } })))
  )

  it.effect("per answer are good for the next request alone", () =>
    Effect.gen(function* () {
      const poll = polled(yield* Raw.acknowledged())
      assert.deepStrictEqual(yield* poll(undefined), [400, "use_dpop_nonce", "nonce-2"])
      assert.deepStrictEqual(yield* poll("nonce-2"), [400, "authorization_pending", "nonce-3"])
      assert.deepStrictEqual(yield* poll("nonce-2"), [400, "use_dpop_nonce", "nonce-4"])
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off", dpop: { nonces: "per-response" } })))
  )

  it.effect("are not asked of a request without a proof", () =>
    Effect.gen(function* () {
      const answer = yield* Raw.poll(yield* Raw.acknowledged())
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers["dpop-nonce"], "nonce-1")
    }).pipe(Effect.provide(TestProvider.layer({ ...approved, dpop: { nonces: "lasting" } })))
  )
})
