/**
 * The end-user who approved, and the tokens that were issued: all of it verified.
 *
 * **When to use**
 *
 * - `Ciba.authenticate` and `Ciba.complete` give one. It is what `UserInfo`, `ProtectedResource` and `FreshIdentity`
 *   take.
 *
 * **Gotchas**
 *
 * - Tokens are `Redacted`. Claims are not: they are personal data, and a log of an identity shows them.
 * - An end-user is identified by `subject` and `issuer` together: another issuer may use the same subject.
 *
 * **Example** (Who approved)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const program = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
 *   Effect.map(({ issuer, subject }) => [issuer, subject])
 * )
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ subject: "jo" }), interval: "1 second" })))
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => ["https://provider.test", "jo"]
 * ```
 *
 * **Example** (Claims of one's own)
 *
 * A schema reads them from verified claims. If it fails, the identity and its tokens are still there.
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Employee = Schema.Struct({ "https://corp.example/department": Schema.String, email: Schema.String })
 *
 * const program = Effect.gen(function* () {
 *   const identity = yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   const employee = yield* Schema.decodeUnknownEffect(Employee)(identity.claims)
 *   return [employee["https://corp.example/department"], identity.claims.email_verified]
 * })
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(
 *   Layer.provide(
 *     TestProvider.layer({
 *       user: TestUser.approve(),
 *       interval: "1 second",
 *       idTokenClaims: (claims) => ({
 *         ...claims,
 *         email: "jo@example.com",
 *         email_verified: true,
 *         "https://corp.example/department": "sales"
 *       })
 *     })
 *   )
 * )
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => ["sales", true]
 * ```
 *
 * **Example** (An identity that is stored)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Sealing, UserHint, VerifiedIdentity } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const keys = [yield* Sealing.generate("2030-01")] as const
 *   const identity = yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   const stored = yield* VerifiedIdentity.seal(identity, keys, ["session", "17"])
 *   const { subject } = yield* VerifiedIdentity.open(stored, keys, ["session", "17"])
 *   return subject
 * })
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ subject: "jo" }), interval: "1 second" })))
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => "jo"
 * ```
 *
 * @see OpenID Connect Core 2 and 5.7, CIBA Core 1.0 section 10.1.1
 */
import { Data, type DateTime, Effect, Redacted, Schema, SchemaGetter } from "effect"
import type { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as SealedJson from "../crypto/SealedJson.ts"
import type * as Sealing from "../crypto/Sealing.ts"
import { IdTokenClaims } from "./IdTokenClaims.ts"

/**
 * An end-user who approved, and their tokens.
 *
 * @since 0.1.0
 * @stability stable
 */
export class VerifiedIdentity extends Data.Class<{
  /** `sub` of the ID Token: unique and stable only together with `issuer`. */
  readonly subject: string
  readonly issuer: string
  /** The claims of the ID Token, without the `auth_req_id` that it has in push mode, which is a secret. */
  readonly claims: IdTokenClaims
  readonly accessToken: Redacted.Redacted<string>
  readonly tokenType: string
  /** The private key that the tokens are bound to, if they are bound by DPoP and the key can be exported. */
  readonly dpopKey: Redacted.Redacted<JsonWebKey> | undefined
  /** When the access token expires; `undefined` if the provider does not say. */
  readonly expiresAt: DateTime.Utc | undefined
  readonly refreshToken: Redacted.Redacted<string> | undefined
  /** The signed ID Token, decrypted: the next request's `UserHint.idToken`. */
  readonly idToken: Redacted.Redacted<string>
  /** The granted scope; the requested one if the response has none. */
  readonly scope: ReadonlyArray<string>
  /** The granted `authorization_details` (RFC 9396); `undefined` if the response has none. */
  readonly authorizationDetails: ReadonlyArray<unknown> | undefined
  /** The grant's id (Grant Management for OAuth 2.0). */
  readonly grantId: string | undefined
  /** Every other member of the token response. */
  readonly additional: Redacted.Redacted<Readonly<Record<string, unknown>>>
}> {}

/**
 * Encrypts an identity and its tokens with the first of the keys, for one place: the name of the entry as context, for one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const seal = (
  { issuer: _issuer, subject: _subject, ...identity }: VerifiedIdentity,
  keys: Sealing.Keys,
  context: Sealing.Context = []
): Effect.Effect<string> => sealedJson.seal({ version: 1, ...identity }, keys, context)

/**
 * Decrypts what `seal` has made in this context with any of the keys; fails if none of them decrypts it. It is as true as it was
 * when it was sealed: tokens may have expired or been revoked since.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const open = (
  sealed: string,
  keys: Sealing.Keys,
  context: Sealing.Context = []
): Effect.Effect<VerifiedIdentity, DecryptionFailed> =>
  Effect.map(
    sealedJson.open(sealed, keys, context),
    ({ version: _version, ...identity }) =>
      new VerifiedIdentity({ ...identity, issuer: identity.claims.iss, subject: identity.claims.sub })
  )

const Stored = (() => {
  /** A secret with this label when it is decoded, whichever it had. */
  const secret = <A, E>(schema: Schema.Codec<A, E>, label: string) =>
    schema.pipe(
      Schema.decodeTo(Schema.Redacted(Schema.toType(schema)), {
        decode: SchemaGetter.transform((value: A) => Redacted.make(value, { label })),
        encode: SchemaGetter.transform(Redacted.value)
      })
    )
  return Schema.Struct({
    version: Schema.Literal(1),
    claims: IdTokenClaims,
    accessToken: secret(Schema.String, "access_token"),
    tokenType: Schema.String,
    dpopKey: Schema.UndefinedOr(secret(JsonWebKey, "private JWK")),
    expiresAt: Schema.UndefinedOr(Schema.DateTimeUtc),
    refreshToken: Schema.UndefinedOr(secret(Schema.String, "refresh_token")),
    idToken: secret(Schema.String, "id_token"),
    scope: Schema.Array(Schema.String),
    authorizationDetails: Schema.UndefinedOr(Schema.Array(Schema.Unknown)),
    grantId: Schema.UndefinedOr(Schema.String),
    additional: secret(Schema.Record(Schema.String, Schema.Unknown), "token response")
  })
})()

const sealedJson = SealedJson.make({
  kind: "VerifiedIdentity",
  noun: "verified identity",
  schema: Schema.fromJsonString(Schema.toCodecJson(Stored))
})
