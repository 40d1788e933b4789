/**
 * Verification of JWS signatures of the provider: with its published keys, or for HMAC with the client secret. The algorithm
 * is the registered one, whatever the token's header says.
 *
 * @see OpenID Connect Core 10.1
 */
import { Effect, type Redacted, Result, Schema } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as RsaKey from "../crypto/RsaKey.ts"
import { sanitize } from "../internal/DisplayText.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import { type KeyQuery, ProviderKeys } from "./ProviderKeys.ts"

/** The token is signed with another algorithm than the registered one, or with none. */
export class UnexpectedAlgorithm extends ErrorClass.make<UnexpectedAlgorithm>()(
  "UnexpectedAlgorithm",
  { expected: Schema.String, actual: Schema.String },
  ["the token is signed with another algorithm than the registered one", "fixKeys"],
  {
    hint: ({ actual }) =>
      JwsAlgorithm.isAsymmetric(actual)
        ? "compare idTokenSignedResponseAlg (for UserInfo userInfoSignedResponseAlg, for introspection introspectionSignedResponseAlg) with the client's registration"
        : undefined
  }
) {}

/** The issuer publishes no key that fits the token. */
export class UnknownKey extends ErrorClass.make<UnknownKey>()(
  "UnknownKey",
  { algorithm: Schema.String, keyId: Schema.optionalKey(Schema.String) },
  ["the issuer publishes no key that fits the token", "fixKeys"],
  { hint: ({ algorithm }) => RsaKey.describeLimits(algorithm) }
) {}

const classes = [
  JsonWebToken.MalformedToken,
  UnexpectedAlgorithm,
  UnknownKey,
  JsonWebToken.UnusableKey,
  JsonWebToken.InvalidSignature
] as const

/** Why a signature is not verified. */
export type SignatureError = InstanceType<(typeof classes)[number]>

/** Why nothing is read from a token that is signed, and perhaps encrypted: the reasons of every error about one. */
export const errors: readonly [typeof DecryptionFailed, ...typeof classes] = [DecryptionFailed, ...classes]

/** Whether other keys of the issuer's may make a token verifiable. */
export const mayChange = (error: { readonly _tag: string; readonly unsupported?: true | undefined }): boolean =>
  error._tag === "UnusableKey" ? error.unsupported !== true : ["UnknownKey", "InvalidSignature"].includes(error._tag)

/**
 * Verifies the signature of a token with this algorithm, and returns its payload. `types` are those that its header may have,
 * if it has one.
 */
export type SignatureVerifier = (
  jwt: Redacted.Redacted<string>,
  algorithm: JwsAlgorithm.JwsAlgorithm,
  types?: RegExp
) => Effect.Effect<unknown, SignatureError | DiscoveryError>

/** Verifies with the keys of the configured provider, or the secret of the configured client. */
export const make: Effect.Effect<SignatureVerifier, never, ClientRegistration | ProviderKeys> = Effect.gen(
  function* () {
    const { authentication } = yield* ClientRegistration
    const keys = yield* ProviderKeys

    const readHeader = JsonWebToken.makeReadHeader()

    const verifyWithPublished = (jwt: Redacted.Redacted<string>, query: KeyQuery) =>
      Effect.flatMap(keys.candidates(query), (known) =>
        Effect.catchTag(verifyWithAny(jwt, query, known), keyFaults, (error) =>
          mayChange(error)
            ? Effect.flatMap(keys.refetch(query), (refetched) =>
                refetched.length === 0 || refetched[0] === known[0]
                  ? Effect.fail(error)
                  : verifyWithAny(jwt, query, refetched)
              )
            : Effect.fail(error)
        )
      )

    return (jwt, algorithm, types = ownTypes) => {
      const header = readHeader(jwt)
      if (Result.isFailure(header)) return Effect.fail(header.failure)
      const { alg, crit, kid, typ } = header.success
      if (typ && !types.test(typ)) return refuse(`its type is "${sanitize(typ)}"`)
      if (crit !== undefined) return refuse('it has critical header members ("crit"), and none is known')
      const keyId = kid === "" ? undefined : kid
      if (!JwsAlgorithm.isSame(alg, algorithm))
        return Effect.fail(new UnexpectedAlgorithm({ expected: algorithm, actual: sanitize(alg) }))
      if (!JwsAlgorithm.isSymmetric(algorithm)) return verifyWithPublished(jwt, { algorithm, keyId })
      const { secret } = authentication
      return verifyWithAny(jwt, { algorithm, keyId }, secret === undefined ? [] : [secret])
    }
  }
)

/** Verifies with one key after the other. A signature that one of them refuses is not excused by another that is unusable. */
const verifyWithAny = (
  jwt: Redacted.Redacted<string>,
  token: { readonly algorithm: JwsAlgorithm.JwsAlgorithm; readonly keyId: string | undefined },
  [key, ...others]: ReadonlyArray<Key>
): Effect.Effect<unknown, SignatureError> => {
  const { algorithm, keyId } = token
  if (key === undefined) {
    return Effect.fail(new UnknownKey({ algorithm, ...(keyId === undefined ? undefined : { keyId: sanitize(keyId) }) }))
  }
  const verified = JsonWebToken.verify(jwt, { algorithm, key })
  return others.length === 0
    ? verified
    : Effect.catchTag(verified, keyFaults, (error) =>
        Effect.mapError(verifyWithAny(jwt, token, others), (last) => (last._tag === "UnusableKey" ? error : last))
      )
}

/** What another key may mend. */
const keyFaults = ["InvalidSignature", "UnusableKey"] as const

type Key = JsonWebKey | Redacted.Redacted<string>

const refuse = (problem: string): Effect.Effect<never, JsonWebToken.MalformedToken> =>
  Effect.fail(new JsonWebToken.MalformedToken({ problem }))

/** No explicit type of another kind of token that is signed with the same keys (RFC 8725 section 3.11). */
const ownTypes = /^(?!(application\/)?(at|logout|secevent|dpop)\+jwt$)/i
