/**
 * Signed authentication requests: all parameters as claims of one JWT, so that nobody can change what is asked on its
 * way.
 *
 * **Details**
 *
 * - With this layer every request is signed. The provider must publish the algorithm.
 * - The JWT is made anew for each HTTP attempt; it is good for five minutes by default.
 * - Structured parameters, like `authorization_details`, are JSON in the claims, as they are.
 *
 * **Example** (A client that signs)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, SignedRequest, SigningKey } from "@effect-ciba/core"
 * import { Effect, Layer } from "effect"
 *
 * const key = SigningKey.generate("ES256")
 *
 * const CibaLive = Ciba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.privateKeyJwt(key)
 * }).pipe(Layer.provide(SignedRequest.layer({ key })))
 *
 * Layer.isLayer(CibaLive) // => true
 * ```
 *
 * @see CIBA Core 1.0 section 7.1.1
 */
import { Clock, Duration, Effect, Layer } from "effect"
import { RequestSigner } from "../client/RequestSigner.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { InvalidKey, type SigningKey } from "../crypto/SigningKey.ts"
import * as SecureRandomness from "../internal/SecureRandomness.ts"

/** How requests are signed. */
export interface Options<E = never, R = never> {
  /** The private key, or the effect that reads it. Its algorithm is the registered one. */
  readonly key: SigningKey | Effect.Effect<SigningKey, E, R>
  /** How long a request is good for; five minutes by default, an hour at most under FAPI. */
  readonly lifetime?: Duration.Input | undefined
  /** Whether `client_id` is a claim, too: some providers want it inside and outside. `false` by default. */
  readonly clientIdClaim?: boolean | undefined
}

/** Signs with a private key; a shared secret is refused. */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<RequestSigner, InvalidKey | E, R> {
  const key = Effect.isEffect(options.key) ? yield* options.key : options.key
  const { algorithm } = key
  if (JwsAlgorithm.isSymmetric(algorithm)) {
    return yield* new InvalidKey({ problem: `requests are signed with a private key, and not with ${algorithm}` })
  }
  const lifetime = Duration.fromInputUnsafe(options.lifetime ?? "5 minutes")
  return {
    algorithm,
    lifetime,
    sign: Effect.fnUntraced(function* (parameters, { clientId, issuer }) {
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      return yield* JsonWebToken.sign(
        {
          ...parameters,
          ...(options.clientIdClaim === true ? { client_id: clientId } : undefined),
          iss: clientId,
          aud: issuer,
          iat: now,
          nbf: now,
          exp: now + Math.ceil(Duration.toSeconds(lifetime)),
          jti: yield* SecureRandomness.text(20)
        },
        { key, type: "oauth-authz-req+jwt" }
      )
    })
  }
})

/** Every request signed. */
export const layer = <E = never, R = never>(options: Options<E, R>): Layer.Layer<never, InvalidKey | E, R> =>
  Layer.effect(RequestSigner, make(options))
