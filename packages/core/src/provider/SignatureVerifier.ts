/**
 * Tokens that the provider has signed: with its published keys, or with the client secret for HMAC. The expected
 * algorithm comes from the registration, and what the token names decides nothing.
 *
 * @see OpenID Connect Core 10.1
 */
import { Effect, type Redacted, Schema } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { sanitize } from "../internal/DisplayText.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import { ProviderKeys } from "./ProviderKeys.ts"

/** The token is signed with another algorithm than the registered one, or with none. */
export class UnexpectedAlgorithm extends ErrorClass.make<UnexpectedAlgorithm>()(
  "UnexpectedAlgorithm",
  { expected: Schema.String, actual: Schema.String },
  ["the token is signed with another algorithm than the registered one", "fixKeys"]
) {}

/** The issuer publishes no key that fits the token. */
export class UnknownKey extends ErrorClass.make<UnknownKey>()(
  "UnknownKey",
  { algorithm: Schema.String, keyId: Schema.optionalKey(Schema.String) },
  ["the issuer publishes no key that fits the token", "fixKeys"]
) {}

/** Why a signature is not believed. */
export type SignatureError =
  | JsonWebToken.MalformedToken
  | UnexpectedAlgorithm
  | UnknownKey
  | JsonWebToken.InvalidSignature

/** Why nothing is read from a token that is signed, and perhaps encrypted: the reasons of every error about one. */
export const errors: readonly [
  typeof DecryptionFailed,
  typeof JsonWebToken.MalformedToken,
  typeof UnexpectedAlgorithm,
  typeof UnknownKey,
  typeof JsonWebToken.InvalidSignature
] = [DecryptionFailed, JsonWebToken.MalformedToken, UnexpectedAlgorithm, UnknownKey, JsonWebToken.InvalidSignature]

/** The payload of a token, once its signature in this algorithm is believed. */
export type SignatureVerifier = (
  jwt: Redacted.Redacted<string>,
  algorithm: JwsAlgorithm.JwsAlgorithm
) => Effect.Effect<unknown, SignatureError | DiscoveryError>

/** Signatures of the provider at hand, for the client at hand. */
export const make: Effect.Effect<SignatureVerifier, never, ClientRegistration | ProviderKeys> = Effect.gen(
  function* () {
    const { authentication } = yield* ClientRegistration
    const keys = yield* ProviderKeys

    const verified = (
      jwt: Redacted.Redacted<string>,
      algorithm: JwsAlgorithm.JwsAlgorithm,
      [first, ...others]: readonly [Key, ...ReadonlyArray<Key>]
    ): Effect.Effect<unknown, JsonWebToken.InvalidSignature | JsonWebToken.MalformedToken> => {
      const attempt = (key: Key) => JsonWebToken.verify(jwt, { algorithm, key })
      return others.reduce(
        (tried, key) => Effect.catchTag(tried, "InvalidSignature", () => attempt(key)),
        attempt(first)
      )
    }

    return Effect.fnUntraced(function* (jwt, algorithm) {
      const { alg, kid, typ } = yield* Effect.fromResult(JsonWebToken.readHeader(jwt))
      if (typ !== undefined && isOfAnotherKind(typ)) return yield* new JsonWebToken.MalformedToken()
      if (alg !== algorithm) return yield* new UnexpectedAlgorithm({ expected: algorithm, actual: sanitize(alg) })
      const unknown = Effect.suspend(() =>
        Effect.fail(new UnknownKey({ algorithm, ...(kid === undefined ? undefined : { keyId: sanitize(kid) }) }))
      )
      if (JwsAlgorithm.isSymmetric(algorithm)) {
        const { secret } = authentication
        return secret === undefined ? yield* unknown : yield* verified(jwt, algorithm, [secret])
      }
      const wanted = { algorithm, keyId: kid }
      const [known, ...others] = yield* keys.candidates(wanted)
      if (known === undefined) return yield* unknown
      return yield* Effect.catchTag(verified(jwt, algorithm, [known, ...others]), "InvalidSignature", (error) =>
        Effect.flatMap(keys.refetch(wanted), ([renewed, ...more]) =>
          renewed === undefined || renewed === known ? Effect.fail(error) : verified(jwt, algorithm, [renewed, ...more])
        )
      )
    })
  }
)

type Key = JsonWebKey | Redacted.Redacted<string>

/** Tokens that are signed with the same key, and are something else by their own words (RFC 8725 section 3.11). */
const isOfAnotherKind = (typ: string): boolean => /^(application\/)?(at|logout|secevent|dpop)\+jwt$/i.test(typ)
