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
 * @see OpenID Connect Core 2 and 5.7, CIBA Core 1.0 section 10.1.1
 */
import { Data, type DateTime, type Redacted } from "effect"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import type { IdTokenClaims } from "./IdTokenClaims.ts"

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
