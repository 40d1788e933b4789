/**
 * Token responses that are valid but for one thing: each is a provider that an honest client has to refuse.
 *
 * **When to use**
 *
 * To iterate over, in a test that shows that a program grants nothing to any of them.
 *
 * **Details**
 *
 * `reason` is the tag of the reason with which this library refuses; most of them are of `IdTokenError`. Let the end-user
 * take three minutes: the time of a test begins at 0, and a token that has expired needs a past.
 *
 * **Example** (None of them is accepted)
 *
 * ```ts
 * import { Ciba, UserHint } from "@effect-ciba/core"
 * import { CibaTest, ForgedToken, TestTime, TestUser } from "@effect-ciba/testing"
 * import { Effect } from "effect"
 *
 * const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }
 *
 * const tryOut = Effect.fnUntraced(function* (forged: ForgedToken.ForgedToken) {
 *   const options = { ...(yield* forged.provider), user: TestUser.approve({ after: "3 minutes" }) }
 *   const { reason } = yield* TestTime.fastForward(Effect.flip(Ciba.authenticate(request))).pipe(
 *     Effect.provide(CibaTest.layer(options))
 *   )
 *   return reason._tag === forged.reason
 * })
 *
 * const refused = await Effect.runPromise(Effect.forEach(ForgedToken.inEveryMode, tryOut))
 * refused.every((isRefused) => isRefused) // => true
 * ```
 */
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { Effect, Redacted } from "effect"
import type { JsonObject, ProviderOptions } from "./ProviderOptions.ts"
import * as TestKeys from "./TestKeys.ts"

/**
 * One thing that is wrong.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ForgedToken {
  /** What is wrong, to be read after "a token response with". */
  readonly name: string
  /** The tag of the reason with which it is refused. */
  readonly reason: string
  /** The options that make a provider send it. */
  readonly provider: Effect.Effect<
    Pick<ProviderOptions, "idTokenClaims" | "idTokenHeaderKeyId" | "idTokenKey" | "refreshTokens" | "tokenResponse">
  >
}

const response = (name: string, reason: string, tokenResponse: (body: JsonObject) => JsonObject): ForgedToken => ({
  name,
  reason,
  provider: Effect.succeed({ tokenResponse, refreshTokens: true })
})

const claims = (name: string, reason: string, idTokenClaims: (claims: JsonObject) => JsonObject): ForgedToken => ({
  name,
  reason,
  provider: Effect.succeed({ idTokenClaims, refreshTokens: true })
})

const key = (name: string, reason: string, idTokenKey: Effect.Effect<SigningKey.SigningKey>): ForgedToken => ({
  name,
  reason,
  provider: Effect.map(idTokenKey, (idTokenKey) => ({ idTokenKey, idTokenHeaderKeyId: idTokenKey.keyId }))
})

const stranger = TestKeys.signing("RS256", "stranger")

const without =
  (...names: ReadonlyArray<string>) =>
  (all: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)))

const seconds = (claim: unknown): number => Number(claim)

/**
 * Those of every delivery mode.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const inEveryMode: ReadonlyArray<ForgedToken> = [
  claims("another issuer", "WrongIssuer", (all) => ({ ...all, iss: "https://attacker.test" })),
  claims("an audience without the client", "WrongAudience", (all) => ({ ...all, aud: "another-client" })),
  claims("an untrusted further audience", "WrongAudience", (all) => ({ ...all, aud: [all.aud, "another-client"] })),
  claims("another authorized party", "WrongAuthorizedParty", (all) => ({ ...all, azp: "another-client" })),
  claims("no subject", "InvalidClaims", without("sub")),
  claims("an ID Token that has expired", "Expired", (all) => ({ ...all, exp: seconds(all.iat) - 120 })),
  claims("an ID Token without an expiry", "InvalidClaims", without("exp")),
  claims("an ID Token from the future", "NotYetValid", (all) => ({ ...all, iat: seconds(all.iat) + 3600 })),
  claims("a hash of another access token", "WrongBinding", (all) => ({ ...all, at_hash: "AAAAAAAAAAAAAAAAAAAAAA" })),
  response("another access token", "WrongBinding", (all) => ({ ...all, access_token: "another" })),
  response("no ID Token", "InvalidTokenResponse", without("id_token")),
  response("an ID Token without a signature", "UnexpectedAlgorithm", (all) => ({
    ...all,
    id_token: `eyJhbGciOiJub25lIn0.${String(all.id_token).split(".")[1]}.`
  })),
  key("a signature of a key that is not published", "UnknownKey", stranger),
  {
    name: "a signature of another key than its header says",
    reason: "InvalidSignature",
    provider: Effect.map(Effect.all([stranger, TestKeys.signing("RS256")]), ([idTokenKey, { keyId }]) => ({
      idTokenKey,
      idTokenHeaderKeyId: keyId
    }))
  },
  key("a signature with another algorithm", "UnexpectedAlgorithm", TestKeys.signing("ES256")),
  key(
    "a signature with the public key as a secret",
    "UnexpectedAlgorithm",
    Effect.map(TestKeys.signing("RS256"), ({ publicJwk }) =>
      SigningKey.fromSecret(Redacted.make(String(publicJwk.n)), "HS256")
    )
  )
]

/**
 * Those that only a push can have, whose ID Token binds all that comes with it (CIBA Core 10.3.1).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const inPushMode: ReadonlyArray<ForgedToken> = [
  claims("no auth_req_id", "WrongBinding", without("urn:openid:params:jwt:claim:auth_req_id")),
  claims("another auth_req_id", "WrongBinding", (all) => ({
    ...all,
    "urn:openid:params:jwt:claim:auth_req_id": "another"
  })),
  claims("no hash of the access token", "WrongBinding", without("at_hash")),
  claims("no hash of the refresh token", "WrongBinding", without("urn:openid:params:jwt:claim:rt_hash")),
  response("another refresh token", "WrongBinding", (all) => ({ ...all, refresh_token: "another" }))
]
