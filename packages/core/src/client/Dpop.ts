/**
 * DPoP: tokens bound to a key that the client proves to hold, anew on every request.
 *
 * **Details**
 *
 * - A proof names the method and URL that are really called, and carries the nonce that this server sent last.
 * - Nonces are taken from every response, of any status, and kept apart by origin; what is no nonce is passed over.
 * - A server's demand for a nonce is answered at once, with a new proof and new client credentials.
 * - The answer must be of type `DPoP`; an unbound token is refused.
 * - In push mode the request for authentication carries the proof, since no token request follows it.
 *
 * **Gotchas**
 *
 * - At a server that takes nothing but its newest nonce, waits that poll at the same instant get in each other's way. One
 *   that is refused three times in a row ends with `UseDpopNonce`, and can be completed again; `Ciba.authenticateAll` and
 *   `resumeAll` do that by themselves.
 *
 * **Example** (A key made for this process)
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
import { Clock, Effect, Equal, Layer, Redacted } from "effect"
import * as JsonWebKey from "../crypto/JsonWebKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import { fromJwk, type KeyPair } from "../crypto/SigningKey.ts"
import * as TokenHash from "../crypto/TokenHash.ts"
import { origin, stripUrl } from "../http/HttpUrl.ts"
import { SenderConstraint } from "../http/SenderConstraint.ts"
import * as RandomToken from "../internal/RandomToken.ts"

/** What to prove with. */
export interface Options<E = never, R = never> {
  /** The key, or the effect that reads or makes it. */
  readonly key: KeyPair | Effect.Effect<KeyPair, E, R>
  /** Further claims; or a function of the library's own, for servers that want others. */
  readonly claims?: JsonWebToken.AdditionalClaims | undefined
}

/** Proofs with this key. */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<SenderConstraint, E, R> {
  return constraint(Effect.isEffect(options.key) ? yield* options.key : options.key, options.claims, new Map())
})

/** DPoP for every token that is requested and used. */
export const layer = <E = never, R = never>(options: Options<E, R>): Layer.Layer<never, E, R> =>
  Layer.effect(SenderConstraint, make(options))

const constraint = (
  key: KeyPair,
  further: JsonWebToken.AdditionalClaims | undefined,
  nonces: Map<string, string>
): SenderConstraint => {
  const jwk = JsonWebKey.requiredMembers(key.publicJwk)
  return {
    tokenType: "DPoP",
    algorithm: key.algorithm,
    proofKey: key.privateJwk,
    withKey: (proofKey) =>
      Equal.equals(proofKey, key.privateJwk)
        ? Effect.succeed(constraint(key, further, nonces))
        : Effect.map(fromJwk(proofKey), (kept) => constraint(kept, further, nonces)),
    prove: Effect.fnUntraced(function* ({ accessToken, method, url }) {
      const nonce = nonces.get(origin(url) ?? url)
      const proof = yield* JsonWebToken.sign(
        JsonWebToken.addClaims(
          {
            jti: yield* RandomToken.generate(20),
            htm: method,
            htu: stripUrl(url),
            iat: Math.floor((yield* Clock.currentTimeMillis) / 1000),
            ...(accessToken === undefined ? undefined : { ath: yield* TokenHash.sha256(accessToken) }),
            ...(nonce === undefined ? undefined : { nonce })
          },
          further
        ),
        { key, type: "dpop+jwt", jwk }
      )
      return { dpop: Redacted.value(proof) }
    }),
    recordResponse: ({ headers, request }) =>
      Effect.sync(() => {
        const nonce = headers["dpop-nonce"]
        if (nonce !== undefined && isNonce.test(nonce)) remember(nonces, origin(request.url) ?? request.url, nonce)
      })
  }
}

/** A nonce (RFC 9449 section 8.1), and small enough for the header that it has to go into. */
const isNonce = /^[!\x23-\x5b\x5d-\x7e]{1,2048}$/

const servers = 100

/** The last nonce of a server. Where there are too many servers, the one that has been silent longest is forgotten. */
const remember = (nonces: Map<string, string>, server: string, nonce: string): void => {
  nonces.delete(server)
  nonces.set(server, nonce)
  const [silent] = nonces.keys()
  if (nonces.size > servers && silent !== undefined) nonces.delete(silent)
}
