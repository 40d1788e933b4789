/**
 * Tokens that the provider has signed: with its published keys, or with the client secret for HMAC. The expected
 * algorithm comes from the registration, and what the token names decides nothing.
 *
 * @see OpenID Connect Core 10.1
 */
import { Effect, type Redacted, Schema } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { printable } from "../internal/ForeignText.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import { ProviderKeys } from "./ProviderKeys.ts"

/** The token is signed with another algorithm than the registered one, or with none. */
export class UnexpectedAlgorithm extends Schema.TaggedError<UnexpectedAlgorithm>()("UnexpectedAlgorithm", {
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `it is signed with "${this.actual}"; the client is registered for ${this.expected}`
  }
}

/** The issuer publishes no key that fits the token. */
export class UnknownKey extends Schema.TaggedError<UnknownKey>()("UnknownKey", {
  algorithm: Schema.String,
  keyId: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `the issuer publishes no ${this.algorithm} key${this.keyId === undefined ? "" : ` "${this.keyId}"`}`
  }
}

/** Why a signature is not believed. */
export type SignatureError =
  | JsonWebToken.MalformedToken
  | UnexpectedAlgorithm
  | UnknownKey
  | JsonWebToken.InvalidSignature

/** The payload of a token, once its signature in this algorithm is believed. */
export type ProviderSignature = (
  jwt: Redacted.Redacted<string>,
  algorithm: JwsAlgorithm.JwsAlgorithm
) => Effect.Effect<unknown, SignatureError | DiscoveryError>

/** Signatures of the provider at hand, for the client at hand. */
export const make: Effect.Effect<ProviderSignature, never, ClientRegistration | ProviderKeys> = Effect.gen(
  function* () {
    const { authentication } = yield* ClientRegistration
    const keys = yield* ProviderKeys

    const candidates = (
      algorithm: JwsAlgorithm.JwsAlgorithm,
      keyId: string | undefined
    ): Effect.Effect<ReadonlyArray<JsonWebKey | Redacted.Redacted<string>>, DiscoveryError> =>
      JwsAlgorithm.isSymmetric(algorithm)
        ? Effect.succeed(authentication.secret === undefined ? [] : [authentication.secret])
        : keys.candidates({ algorithm, keyId })

    return Effect.fnUntraced(function* (jwt, algorithm) {
      const { alg, kid } = yield* Effect.fromResult(JsonWebToken.header(jwt))
      if (alg !== algorithm) return yield* new UnexpectedAlgorithm({ expected: algorithm, actual: printable(alg) })
      const [first, ...others] = yield* candidates(algorithm, kid)
      if (first === undefined) {
        return yield* new UnknownKey({ algorithm, ...(kid === undefined ? undefined : { keyId: printable(kid) }) })
      }
      const attempt = (key: JsonWebKey | Redacted.Redacted<string>) => JsonWebToken.verify(jwt, { algorithm, key })
      return yield* others.reduce(
        (tried, key) => Effect.catchTag(tried, "InvalidSignature", () => attempt(key)),
        attempt(first)
      )
    })
  }
)
