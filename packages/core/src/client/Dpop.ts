/**
 * DPoP: access tokens bound to a key, of which the client proves possession with each request (RFC 9449).
 *
 * **When to use**
 *
 * Provide `Dpop.layer` below `Ciba.layer` if the client is registered with `dpop_bound_access_tokens`, or if a security profile
 * requires sender-constrained tokens and the client has no certificate.
 *
 * **Details**
 *
 * - A proof contains the method and URL of its request, and the last nonce of that server.
 * - Nonces are taken from responses of any status, and stored by origin; malformed ones are ignored.
 * - When a server demands a nonce, the request is sent again with a new proof and new client credentials, twice at most.
 * - A token response must have the type `DPoP`; an unbound token is refused.
 * - In push mode the authentication request carries the proof, since no token request follows.
 *
 * **Gotchas**
 *
 * - If a server accepts only its newest nonce, requests that are sent at the same moment invalidate each other's. One that is
 *   refused three times in a row fails with `UseDpopNonce`; `Ciba.complete` can then be called again, and
 *   `Ciba.authenticateAll` and `resumeAll` do so.
 *
 * **Example** (A key generated for this process)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Dpop, SigningKey } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const CibaLive = Ciba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 * }).pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })))
 *
 * Layer.isLayer(CibaLive) // => true
 * ```
 *
 * @see RFC 9449
 */
import { Clock, Effect, Layer, Redacted } from "effect"
import * as JsonWebKey from "../crypto/JsonWebKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as RandomToken from "../crypto/RandomToken.ts"
import { fromJwk, type KeyPair } from "../crypto/SigningKey.ts"
import * as TokenHash from "../crypto/TokenHash.ts"
import { origin, stripUrl } from "../http/HttpUrl.ts"
import { SenderConstraint } from "../http/SenderConstraint.ts"
import { type ClientRegistrationError, ensureValid } from "./ClientRegistrationError.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { type ProofTarget, SenderConstraint } from "../http/SenderConstraint.ts"

/**
 * The key of the proofs.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options<E = never, R = never> {
  /** The key, or an effect that reads or generates it. */
  readonly key: KeyPair | Effect.Effect<KeyPair, E, R>
  /** For servers that deviate from the specification: claims that a proof has beside those of RFC 9449. */
  readonly compatibility?: { readonly additionalClaims?: JsonWebToken.AdditionalClaims | undefined } | undefined
}

/**
 * The sender constraint for this key. Fails for an additional claim that the library sets, or that is not JSON.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<SenderConstraint, ClientRegistrationError | E, R> {
  const additionalClaims = options.compatibility?.additionalClaims
  const problem = JsonWebToken.findInvalidClaim(additionalClaims, proofClaims)
  yield* ensureValid({ "additionalClaims of DPoP proofs": problem })
  const key = Effect.isEffect(options.key) ? yield* options.key : options.key
  return makeConstraint(key, additionalClaims, new Map())
})

/**
 * DPoP for all access tokens that this client requests and uses.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<never, ClientRegistrationError | E, R> => Layer.effect(SenderConstraint, make(options))

/** The claims of a proof (RFC 9449 section 4.2). */
const proofClaims: ReadonlySet<string> = new Set(["jti", "htm", "htu", "iat", "ath", "nonce"])

const makeConstraint = (
  key: KeyPair,
  additionalClaims: JsonWebToken.AdditionalClaims | undefined,
  nonces: Map<string, string>
): SenderConstraint => {
  const jwk = JsonWebKey.requiredMembers(key.publicJwk)
  const members = Object.entries(jwk)
  /** A private key is known by its public members. A key that is not extractable is in no pending authentication. */
  const isOwn = (stored: JsonWebKey.JsonWebKey) =>
    key.privateJwk !== undefined && members.every(([name, value]) => stored[name] === value)
  const constraint: SenderConstraint = {
    tokenType: "DPoP",
    algorithm: key.algorithm,
    dpopKey: key.privateJwk,
    withKey: (dpopKey) =>
      isOwn(Redacted.value(dpopKey))
        ? Effect.succeed(constraint)
        : Effect.map(fromJwk(dpopKey), (stored) => makeConstraint(stored, additionalClaims, nonces)),
    prove: Effect.fnUntraced(function* ({ accessToken, method, url }) {
      const nonce = nonces.get(origin(url) ?? url)
      const proof = yield* JsonWebToken.sign(
        JsonWebToken.addClaims(
          {
            jti: yield* RandomToken.uuid,
            htm: method,
            htu: stripUrl(url),
            iat: Math.floor((yield* Clock.currentTimeMillis) / 1000),
            ...(accessToken === undefined ? undefined : { ath: yield* TokenHash.sha256(accessToken) }),
            ...(nonce === undefined ? undefined : { nonce })
          },
          additionalClaims
        ),
        { key, type: "dpop+jwt", jwk }
      )
      return { dpop: Redacted.value(proof) }
    }),
    recordResponse: ({ headers, request }) =>
      Effect.sync(() => {
        const nonce = headers["dpop-nonce"]
        if (nonce !== undefined && nonceSyntax.test(nonce))
          recordNonce(nonces, origin(request.url) ?? request.url, nonce)
      })
  }
  return constraint
}

/** RFC 9449 section 8.1, with a limit on the size: the nonce is sent in a header. */
const nonceSyntax = /^[!\x23-\x5b\x5d-\x7e]{1,2048}$/

const maxOrigins = 100

/** Stores the nonce of an origin, and deletes the least recently updated one if there are too many. */
const recordNonce = (nonces: Map<string, string>, origin: string, nonce: string): void => {
  nonces.delete(origin)
  nonces.set(origin, nonce)
  const [oldest] = nonces.keys()
  if (nonces.size > maxOrigins && oldest !== undefined) nonces.delete(oldest)
}
