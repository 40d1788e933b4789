// No error about a token shows a claim or a part of the token.
import { describe, expect, it } from "@effect/vitest"
import {
  type Ciba,
  FreshIdentity,
  IdToken,
  IdTokenDecryption,
  IdTokenError,
  IdTokenVerifier,
  Introspection,
  type PendingAuthentication,
  SigningKey,
  TokenEndpoint,
  TokenResponse,
  UserInfo
} from "@effect-ciba/core"
import { TestClient, TestKeys } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Layer, Redacted } from "effect"
import * as UserInfoError from "../../src/resource/UserInfoError.ts"
import * as IntrospectionError from "../../src/token/IntrospectionError.ts"
import * as Jwe from "../support/Jwe.ts"
import { type JsonObject, join } from "../support/Jwt.ts"
import { authReqId, pending } from "../support/PendingAuthentications.ts"
import {
  brokenKey,
  issuer,
  json,
  makeIdentity,
  now,
  originalClaims,
  providerMetadata,
  type Responder,
  refreshedTokens,
  scriptedProvider,
  setTestClock,
  signToken,
  text
} from "../support/ScriptedProvider.ts"
import * as SecretScanner from "../support/SecretScanner.ts"

const good = { ...originalClaims, exp: now + 100, iat: now, marker: "marker-claim", nonce: "marker-nonce", acr: "gold" }

const forge = (claims: JsonObject) => signToken({ ...good, ...claims })

/** Signed by another key, with the kid of the provider's. */
const signedByAnotherKey = Effect.gen(function* () {
  const { keyId } = yield* TestKeys.signing("ES256")
  const { privateJwk } = yield* SigningKey.generateJwk("ES256")
  return yield* signToken(good, { key: yield* Effect.orDie(SigningKey.fromJwk(privateJwk, { keyId })) })
})

const byAnotherSecret = Effect.map(signToken(good), (jwt) =>
  Jwe.seal(jwt, { key: Jwe.deriveKey("another secret", "sha256", 256), header: { alg: "dir", enc: "A256GCM" } })
)

/** Tokens that are invalid for every use. */
const invalidTokens: ReadonlyArray<Effect.Effect<string>> = [
  Effect.succeed("marker-token"),
  Effect.succeed(join({ alg: "none" }, good, "")),
  Effect.succeed(join({ alg: "ES256", kid: "unknown" }, good, "marker-signature")),
  Effect.succeed(join({ alg: "ES256", kid: brokenKey.kid }, good, "marker-signature")),
  signedByAnotherKey
]

interface Given {
  readonly options?: Partial<Ciba.Options>
  readonly keys?: Layer.Layer<never>
}

const encryption: Given = {
  keys: Layer.orDie(
    IdTokenDecryption.layer({ secret: TestClient.secret, keyAlgorithm: "dir", contentAlgorithm: "A256GCM" })
  )
}

type Pieces = Layer.Success<ReturnType<ReturnType<typeof scriptedProvider>["layer"]>>

const failing = (
  answer: Responder,
  program: Effect.Effect<unknown, unknown, Pieces>,
  { keys, options }: Given = {}
) => ({
  program: Effect.andThen(setTestClock, program),
  layer: Layer.provide(
    scriptedProvider([answer]).layer(options, { ...providerMetadata, userinfo_endpoint: `${issuer}/me` }),
    keys ?? Layer.empty
  )
})

describe("no reason shows a secret:", () => {
  it.effect("IdTokenError (I13)", () =>
    Effect.gen(function* () {
      const expected: ReadonlyArray<readonly [Effect.Effect<string>, PendingAuthentication.Expectations?, Given?]> = [
        ...invalidTokens.map((token) => [token] as const),
        [forge({}), {}, encryption],
        [byAnotherSecret, {}, encryption],
        [forge({ sub: ["marker-subject"] })],
        [forge({ iss: "https://another.test" })],
        [forge({ aud: "another" })],
        [forge({ azp: "another" })],
        [forge({ exp: now - 100 })],
        [forge({ iat: now + 100 })],
        [forge({ iat: now - 100_000 })],
        [forge({}), { nonce: Redacted.make("marker-other") }],
        [forge({}), { subject: Redacted.make("marker-other") }],
        [forge({}), { acrValues: ["silver"] }],
        [forge({}), { maxAge: Duration.seconds(1) }]
      ]
      const refreshed: ReadonlyArray<readonly [claims: JsonObject, body?: JsonObject, given?: Given]> = [
        [{ at_hash: "marker-hash" }],
        [{ auth_time: 1, nonce: undefined }],
        [{ nonce: undefined }, { token_type: "strange" }],
        [
          { nonce: undefined },
          {},
          { options: { profile: { name: "ours", registration: [], request: [], response: [rule] } } }
        ]
      ]
      const idTokens = yield* Effect.forEach(expected, ([token]) => token)
      const claims = expected.map(([, expectations, given], index) =>
        failing(
          json(500, {}),
          IdTokenVerifier.IdTokenVerifier.use((verifier) =>
            verifier.claims(IdToken.make(idTokens[index] ?? ""), expectations)
          ),
          given
        )
      )
      const refreshes = yield* Effect.forEach(refreshed, ([claims, body, given]) =>
        Effect.map(forge(claims), (id_token) =>
          failing(json(200, { ...refreshedTokens, id_token, ...body }), FreshIdentity.refresh(makeIdentity()), given)
        )
      )
      const early = yield* forge({ iat: now - 100, nonce: undefined })
      const requestedAt = DateTime.makeUnsafe(now * 1000)
      const earlier = failing(
        json(200, { ...refreshedTokens, id_token: early }),
        Effect.flatMap(TokenEndpoint.redeem(authReqId("request-a")), (response) =>
          IdTokenVerifier.verify(response, pending("a", { requestedAt, deliveryMode: "poll" }))
        )
      )
      const idToken = yield* forge({})
      const granted = {
        ...refreshedTokens,
        id_token: idToken,
        authorization_details: [{ type: "payment", amount: "marker" }]
      }
      const changed = pending("one", {
        authorizationDetails: [{ type: "payment", amount: "marker-amount" }],
        essentialAuthorizationDetails: true
      })
      const verified = failing(
        json(500, {}),
        Effect.flatMap(Effect.flatMap(TokenResponse.receive(granted), TokenResponse.decode), (response) =>
          IdTokenVerifier.verify(response, changed)
        )
      )
      const all = [...claims, ...refreshes, earlier, verified]
      expect(yield* SecretScanner.failureReasons(all, ...idTokens, early, idToken)).toEqual(
        SecretScanner.reasonTags(IdTokenError.IdTokenError.fields.reason)
      )
    })
  )

  it.effect("UserInfoError (I13)", () =>
    Effect.gen(function* () {
      const jwt = (body: string) => text(200, body, { "content-type": "application/jwt" })
      const signedOnly: Given = { options: { userInfoSignedResponseAlg: "ES256" } }
      const ask = UserInfo.claims(makeIdentity())
      const jwts = yield* Effect.all([
        ...invalidTokens,
        forge({ sub: ["marker-subject"] }),
        forge({ iss: "https://another.test" }),
        forge({ aud: "another" }),
        forge({ exp: now - 100 }),
        forge({ sub: "marker-other" })
      ])
      const sealed = yield* byAnotherSecret
      const failures = [
        ...jwts.map((body) => failing(jwt(body), ask, signedOnly)),
        failing(jwt(sealed), ask, { ...signedOnly, ...encryption }),
        failing(json(200, good), ask, signedOnly),
        failing(jwt(yield* forge({})), ask)
      ]
      expect(yield* SecretScanner.failureReasons(failures, sealed, ...jwts)).toEqual(
        SecretScanner.reasonTags(UserInfoError.UserInfoError.fields.reason)
      )
    })
  )

  it.effect("IntrospectionError (I13)", () =>
    Effect.gen(function* () {
      const jwt = (body: string) => text(200, body, { "content-type": "application/token-introspection+jwt" })
      const signedOnly: Given = { options: { introspectionSignedResponseAlg: "ES256" } }
      const ask = Introspection.introspect(Redacted.make("marker-access-1"))
      const type = "token-introspection+jwt"
      const stranger = yield* signedByAnotherKey
      const jwts = [
        "marker-token",
        join({ alg: "none", typ: type }, good, ""),
        join({ alg: "ES256", kid: "unknown", typ: type }, good, "marker-signature"),
        join({ alg: "ES256", kid: brokenKey.kid, typ: type }, good, "marker-signature"),
        `${join({ alg: "ES256", typ: type }, {}, "").split(".")[0]}.${stranger.split(".").slice(1).join(".")}`,
        yield* signToken(good)
      ]
      const sealed = yield* byAnotherSecret
      const failures = [
        ...jwts.map((body) => failing(jwt(body), ask, signedOnly)),
        failing(jwt(sealed), ask, { ...signedOnly, ...encryption }),
        failing(json(200, good), ask, signedOnly),
        failing(json(200, { active: "marker-active" }), ask)
      ]
      expect(yield* SecretScanner.failureReasons(failures, sealed, ...jwts)).toEqual(
        SecretScanner.reasonTags(IntrospectionError.IntrospectionError.fields.reason)
      )
    })
  )
})

const rule = { reference: "1", parameter: "acr", problem: () => "not this one" }
