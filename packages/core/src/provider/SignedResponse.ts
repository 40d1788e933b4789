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

/** Reads the claims of a response, once all of it is verified. */
export type SignedResponse<A> = (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, ReadError>

/** Reads responses of the configured provider for the configured client. */
export const make = Effect.fnUntraced(function* <A extends Parties>({
  algorithm,
  claims,
  mediaType,
  type
}: Expected<A>): Effect.fn.Return<SignedResponse<A>, never, ClientRegistration | Discovery | ProviderKeys | Transport> {
  const { clientId, decrypter } = yield* ClientRegistration
  const discovery = yield* Discovery
  const transport = yield* Transport
  const verify = yield* SignatureVerifier.make
  const decodeClaims = Schema.decodeUnknownEffect(claims, { errors: "all" })

  const readPayload = Effect.fnUntraced(function* (jwt: Redacted.Redacted<string>) {
    if (algorithm === undefined) {
      return yield* Effect.catch(decodeJson(Redacted.value(jwt)), () => reject("alg", "none", "JWT"))
    }
    if (type !== undefined) {
      const { typ = "" } = yield* Effect.fromResult(JsonWebToken.readHeader(jwt))
      if (typ.toLowerCase().replace(/^application\//, "") !== type) yield* reject("typ", type, typ)
    }
    return yield* verify(jwt, algorithm)
  })

  return Effect.fnUntraced(function* (response) {
    const { text } = yield* transport.text(response)
    if (!hasMediaType(response, mediaType)) yield* reject("alg", algorithm ?? "none", "none")
    const received = Redacted.make(text, { label: "signed response" })
    const jwt = yield* Effect.catchTag(decrypter.decrypt(received), "NotEncrypted", () => Effect.succeed(received))
    const read = yield* decodeClaims(yield* readPayload(jwt))
    const { issuer } = yield* discovery.metadata
    const { aud = clientId, iss = issuer } = read
    const audience = typeof aud === "string" ? [aud] : aud
    if (iss !== issuer) yield* reject("iss", issuer, iss)
    if (!audience.includes(clientId)) yield* reject("aud", clientId, audience.join(" "))
    return read
  })
})

/** Whether the response has this media type, whatever its parameters. */
export const hasMediaType = ({ headers }: HttpClientResponse.HttpClientResponse, mediaType: string): boolean =>
  headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() === mediaType

const decodeJson = Schema.decodeUnknownEffect(BoundedJson.fromJsonString(Schema.Unknown))

const reject = (member: Mismatch["member"], expected: string, actual: string): Effect.Effect<never, Mismatch> =>
  Effect.fail(new Mismatch({ member, expected, actual: sanitize(actual) }))
