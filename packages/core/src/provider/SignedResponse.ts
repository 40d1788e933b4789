/**
 * A response that is a JWT: UserInfo and introspection responses, which the provider signs, encrypts to the client, or
 * both.
 *
 * **Details**
 *
 * - The signature has the registered algorithm. Without a registered one, the content has to be JSON.
 * - Encryption is optional: the registration's `decrypter` has what was registered for ID Tokens, and a response that is not encrypted is
 *   read as it is.
 * - `iss` and `aud` are compared if present. The schema of the claims says whether they are required.
 *
 * @see OpenID Connect Core 5.3.2, RFC 9701 section 5
 */
import { Data, Effect, Redacted, Schema } from "effect"
import type { HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import type { JwsAlgorithm } from "../crypto/JwsAlgorithm.ts"
import { Transport } from "../http/Transport.ts"
import type { TransportError } from "../http/TransportError.ts"
import * as BoundedJson from "../internal/BoundedJson.ts"
import { sanitize } from "../internal/DisplayText.ts"
import { Discovery } from "./Discovery.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import type { ProviderKeys } from "./ProviderKeys.ts"
import * as SignatureVerifier from "./SignatureVerifier.ts"

/** A value of the response is not the only one that is accepted; `alg` if it is not signed as it has to be. */
export class Mismatch extends Data.TaggedError("Mismatch")<{
  readonly member: "alg" | "typ" | "iss" | "aud"
  readonly expected: string
  /** One line of at most 200 characters. */
  readonly actual: string
}> {}

/** Why a response gives no claims. */
export type ReadError =
  | Mismatch
  | SignatureVerifier.SignatureError
  | DecryptionFailed
  | Schema.SchemaError
  | TransportError
  | DiscoveryError

/** The claims by which the response is tied to the provider and the client. */
export interface Parties {
  readonly iss?: string
  readonly aud?: string | ReadonlyArray<string>
}

/** What the response has to be. */
export interface Expected<A extends Parties> {
  readonly mediaType: string
  /** `typ` of the JWS header, in lower case and without `application/`; not compared by default. */
  readonly type?: string
  readonly algorithm: JwsAlgorithm | undefined
  readonly claims: Schema.Decoder<A>
}

/** The claims of a response of the configured provider for the configured client, once all of it is verified. */
export const read = Effect.fnUntraced(function* <A extends Parties>(
  response: HttpClientResponse.HttpClientResponse,
  expected: Expected<A>
): Effect.fn.Return<A, ReadError, ClientRegistration | Discovery | ProviderKeys | Transport> {
  const { algorithm, claims, mediaType } = expected
  const { clientId, decrypter } = yield* ClientRegistration
  const { text } = yield* Transport.use((transport) => transport.text(response))
  if (!hasMediaType(response, mediaType)) yield* reject("alg", algorithm ?? "none", "none")
  const received = Redacted.make(text, { label: "signed response" })
  const jwt = yield* Effect.catchTag(decrypter.decrypt(received), "NotEncrypted", () => Effect.succeed(received))
  const payload = yield* readPayload(jwt, expected)
  const decoded = yield* Schema.decodeUnknownEffect(claims, { errors: "all" })(payload)
  const { issuer } = yield* Discovery.use(({ metadata }) => metadata)
  const { aud = clientId, iss = issuer } = decoded
  const audience = typeof aud === "string" ? [aud] : aud
  if (iss !== issuer) yield* reject("iss", issuer, iss)
  if (!audience.includes(clientId)) yield* reject("aud", clientId, audience.join(" "))
  return decoded
})

const readPayload = Effect.fnUntraced(function* (
  jwt: Redacted.Redacted<string>,
  { algorithm, type }: Pick<Expected<never>, "algorithm" | "type">
) {
  if (algorithm === undefined) {
    return yield* Effect.catch(decodeJson(Redacted.value(jwt)), () => reject("alg", "none", "JWT"))
  }
  if (type !== undefined) {
    const { typ = "" } = yield* Effect.fromResult(JsonWebToken.readHeader(jwt))
    if (typ.toLowerCase().replace(/^application\//, "") !== type) yield* reject("typ", type, typ)
  }
  const verify = yield* SignatureVerifier.make
  return yield* verify(jwt, algorithm)
})

/** Whether the response has this media type, whatever its parameters. */
export const hasMediaType = ({ headers }: HttpClientResponse.HttpClientResponse, mediaType: string): boolean =>
  headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() === mediaType

const decodeJson = Schema.decodeUnknownEffect(BoundedJson.fromJsonString(Schema.Unknown))

const reject = (member: Mismatch["member"], expected: string, actual: string): Effect.Effect<never, Mismatch> =>
  Effect.fail(new Mismatch({ member, expected, actual: sanitize(actual) }))
