import { assert, describe, it } from "@effect/vitest"
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

const key = TestKeys.signing("ES256", "client")

/** A valid proof for the token endpoint, with changes. */
const proof = (
  claims: RawClient.Claims = {},
  options: { readonly type?: string; readonly jwk?: JsonWebKey.JsonWebKey } = {}
) =>
  Effect.gen(function* () {
    const pair = yield* key
    const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const valid = { jti: "one", htm: "POST", htu: `${RawClient.issuer}/token`, iat }
    const jwt = yield* JsonWebToken.sign(
      { ...valid, ...claims },
      {
        key: pair,
        type: options.type ?? "dpop+jwt",
        jwk: options.jwk ?? JsonWebKey.requiredMembers(pair.publicJwk)
      }
    )
    return Redacted.value(jwt)
  })

const redeem = (authReqId: string, dpop: string) =>
  Effect.flatMap(
    RawClient.send(
      "/token",
      [
        ["grant_type", "urn:openid:params:grant-type:ciba"],
        ["auth_req_id", authReqId]
      ],
      RawClient.defaultBasic,
      { dpop }
    ),
    RawClient.read
  )

const approving = { user: TestUser.approve() }

describe("a DPoP proof", () => {
  it.effect("binds the access token to its key, and without a proof the token type is Bearer", () =>
    Effect.gen(function* () {
      const provider = yield* RawClient.provider
      const bound = yield* redeem(yield* RawClient.obtainAuthReqId(), yield* proof())
      assert.strictEqual(bound.body.token_type, "DPoP")
      assert.strictEqual(
        yield* provider.keyThumbprint(RawClient.text(bound.body.access_token)),
        yield* JsonWebKey.thumbprint((yield* key).publicJwk)
      )
      const free = yield* RawClient.poll(yield* RawClient.obtainAuthReqId())
      assert.strictEqual(free.body.token_type, "Bearer")
      assert.isUndefined(yield* provider.keyThumbprint(RawClient.text(free.body.access_token)))
      assert.notProperty(bound.headers, "dpop-nonce")
    }).pipe(Effect.provide(TestProvider.layer(approving)))
  )

  it.effect("is accepted with another spelling of the URL, a minute late and ten seconds early", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const id = yield* RawClient.obtainAuthReqId()
      for (const claims of [
        { jti: "1", htu: "https://PROVIDER.test:443/token" },
        { jti: "2", iat: 3540 },
        { jti: "3", iat: 3610 }
      ]) {
        assert.strictEqual(RawClient.outcome(yield* redeem(id, yield* proof(claims))), "authorization_pending")
      }
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off" })))
  )

  const refused: ReadonlyArray<readonly [what: string, forged: Effect.Effect<string>, why: string]> = [
    ["that is no JWT", Effect.succeed("nonsense"), "lacks typ"],
    ["that is two JWTs", Effect.map(proof(), (one) => `${one}, ${one}`), "signature"],
    ["of another type", proof({}, { type: "jwt" }), "lacks typ"],
    ["without jti", proof({ jti: undefined }), "lacks jti"],
    ["for another method", proof({ htm: "GET" }), "htm is GET"],
    ["for another endpoint", proof({ htu: `${RawClient.issuer}/backchannel` }), "htu is"],
    ["for a URL with a query", proof({ htu: `${RawClient.issuer}/token?a=b` }), "htu is"],
    ["for what is no URL", proof({ htu: "token" }), "htu is token"],
    ["that is too old", proof({ iat: 3539 }), "iat"],
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
  for (const [what, forged, why] of refused) {
    it.effect(`is refused with invalid_dpop_proof if it is one ${what}`, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 hour")
        const response = yield* redeem(yield* RawClient.obtainAuthReqId(), yield* forged)
        assert.deepStrictEqual([response.status, response.body.error], [400, "invalid_dpop_proof"])
        assert.include(response.body.error_description, why)
      }).pipe(Effect.provide(TestProvider.layer(approving)))
    )
  }

  it.effect("is refused if it is signed with a shared secret", () =>
    Effect.gen(function* () {
      const secret = SigningKey.fromSecret(TestClient.secret, "HS256")
      const claims = { jti: "one", htm: "POST", htu: `${RawClient.issuer}/token`, iat: 0 }
      const jwk = { kty: "oct", k: "secret" }
      const jwt = yield* JsonWebToken.sign(claims, { key: secret, type: "dpop+jwt", jwk })
      const response = yield* redeem(yield* RawClient.obtainAuthReqId(), Redacted.value(jwt))
      assert.strictEqual(RawClient.outcome(response), "invalid_dpop_proof")
    }).pipe(Effect.provide(TestProvider.layer(approving)))
  )

  it.effect("is accepted once, even if the response was lost", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId()
      const once = yield* proof()
      yield* Effect.flip(redeem(id, once))
      assert.strictEqual(RawClient.outcome(yield* redeem(id, once)), "invalid_dpop_proof")
      assert.strictEqual(RawClient.outcome(yield* redeem(id, yield* proof({ jti: "two" }))), "authorization_pending")
    }).pipe(
      Effect.provide(TestProvider.layer({ pacing: "off", tokenScript: ProviderScript.make([ProviderScript.lost]) }))
    )
  )
})

describe("DPoP nonces", () => {
  const pollWith = (id: string) => {
    let count = 0
    return Effect.fnUntraced(function* (nonce: string | undefined) {
      count += 1
      const response = yield* redeem(id, yield* proof({ jti: `${count}`, ...(nonce === undefined ? {} : { nonce }) }))
      return [response.status, response.body.error, response.headers["dpop-nonce"]]
    })
  }

  it.effect("that are lasting are demanded until a rotation, and are in every response", () =>
    Effect.gen(function* () {
      const provider = yield* RawClient.provider
      const poll = pollWith(yield* RawClient.obtainAuthReqId())
      assert.deepStrictEqual(yield* poll(undefined), [400, "use_dpop_nonce", "nonce-1"])
      assert.deepStrictEqual(yield* poll("nonce-1"), [400, "authorization_pending", "nonce-1"])
      yield* provider.rotateDpopNonce
      assert.deepStrictEqual(yield* poll("nonce-1"), [400, "use_dpop_nonce", "nonce-2"])
      yield* provider.approve()
      assert.deepStrictEqual(yield* poll("nonce-2"), [200, undefined, "nonce-2"])
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off", dpop: { nonces: "lasting" } })))
  )

  it.effect("per response are valid for the next request alone", () =>
    Effect.gen(function* () {
      const poll = pollWith(yield* RawClient.obtainAuthReqId())
      assert.deepStrictEqual(yield* poll(undefined), [400, "use_dpop_nonce", "nonce-2"])
      assert.deepStrictEqual(yield* poll("nonce-2"), [400, "authorization_pending", "nonce-3"])
      assert.deepStrictEqual(yield* poll("nonce-2"), [400, "use_dpop_nonce", "nonce-4"])
    }).pipe(Effect.provide(TestProvider.layer({ pacing: "off", dpop: { nonces: "per-response" } })))
  )

  it.effect("are not demanded of a request without a proof", () =>
    Effect.gen(function* () {
      const response = yield* RawClient.poll(yield* RawClient.obtainAuthReqId())
      assert.strictEqual(response.status, 200)
      assert.strictEqual(response.headers["dpop-nonce"], "nonce-1")
    }).pipe(Effect.provide(TestProvider.layer({ ...approving, dpop: { nonces: "lasting" } })))
  )
})
