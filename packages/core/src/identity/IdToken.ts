/**
 * An ID Token that is not verified: no claim can be read from it.
 *
 * **When to use**
 *
 * - For an ID Token that came by other means than this library; the service of `IdTokenVerifier` verifies it by itself.
 *
 * **Example** (The claims of an ID Token alone)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, IdToken, IdTokenVerifier } from "@effect-ciba/core"
 * import { TestClient, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const idToken = IdToken.make("not.an-id-token")
 *
 * const program = IdTokenVerifier.IdTokenVerifier.use((verifier) => verifier.claims(idToken)).pipe(
 *   Effect.map(({ sub }) => sub),
 *   Effect.catchReason("IdTokenError", "MalformedToken", () => Effect.succeed("rejected"))
 * )
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer()))
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => "rejected"
 * ```
 *
 * @see OpenID Connect Core 3.1.3.7
 */
import { Redacted } from "effect"
import { Opaque } from "../internal/Opaque.ts"

/**
 * An ID Token in compact form, opaque.
 *
 * @since 0.1.0
 * @stability stable
 */
export class IdToken extends Opaque<Redacted.Redacted<string>> {}

/**
 * Wraps an ID Token in compact form, signed or encrypted.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = (token: string | Redacted.Redacted<string>): IdToken =>
  new IdToken(Redacted.isRedacted(token) ? token : Redacted.make(token, { label: "id_token" }))
