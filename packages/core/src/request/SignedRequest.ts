/**
 * Signed authentication requests: the parameters as claims of one JWT, so that they cannot be changed on their way to the
 * provider.
 *
 * **When to use**
 *
 * If the client is registered with `backchannel_authentication_request_signing_alg`, or a profile demands it (FAPI-CIBA).
 *
 * **Details**
 *
 * - With this layer every authentication request of the client is signed. The provider must publish the algorithm.
 * - Each HTTP request carries a new JWT, with its own `jti`, `iat`, `nbf` and `exp`.
 * - The audience is the issuer, as a string. `audience` replaces it for providers that require another one.
 * - Structured parameters, such as `authorization_details`, are JSON in the claims.
 *
 * **Example** (A client that signs its requests)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, SignedRequest, SigningKey } from "@effect-ciba/core"
 * import { Layer } from "effect"
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
import { Clock, Duration, Effect, Layer, Option } from "effect"
import type { RequestTarget } from "../client/ClientAuthentication.ts"
import { ClientRegistrationError } from "../client/ClientRegistration.ts"
import { RequestSigner } from "../client/RequestSigner.ts"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as RandomToken from "../crypto/RandomToken.ts"
import type { SigningKey } from "../crypto/SigningKey.ts"
import * as RequestParameters from "./RequestParameters.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { RequestSigner } from "../client/RequestSigner.ts"

/**
 * How requests are signed.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options<E = never, R = never> {
  /** The private key, or the effect that reads it. Its algorithm is the registered one. */
  readonly key: SigningKey | Effect.Effect<SigningKey, E, R>
  /** The `aud` claim; the issuer by default. */
  readonly audience?: string | ((target: RequestTarget) => string) | undefined
  /** The time from `iat` to `exp`; five minutes by default. FAPI allows 60 minutes at most. */
  readonly lifetime?: Duration.Input | undefined
  /** How long before `iat` the request becomes valid (`nbf`), for servers whose clock is slow; zero by default, one hour at most. */
  readonly backdated?: Duration.Input | undefined
  /** What particular providers require beyond the specification. */
  readonly compatibility?: Compatibility | undefined
}

/**
 * Deviations for particular providers. None of them replaces what the library sets.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Compatibility {
  /** Whether `client_id` is also a claim, not only a parameter beside the request; `false` by default. */
  readonly clientIdClaim?: boolean | undefined
  /** `null` leaves the `typ` header parameter out; it is `oauth-authz-req+jwt` by default. */
  readonly type?: null | undefined
  /** Additional header parameters, such as `x5t#S256`. */
  readonly header?: JsonWebToken.AdditionalHeader | undefined
  /** Additional claims, the same in each request: none that is a parameter of the request or that the library sets. */
  readonly additionalClaims?: JsonWebToken.AdditionalClaims | undefined
}

/**
 * Signs with a private key. Fails for a key that is a shared secret, and for a lifetime out of bounds.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<RequestSigner, ClientRegistrationError | InvalidKey | E, R> {
  const key = Effect.isEffect(options.key) ? yield* options.key : options.key
  const { algorithm } = key
  if (JwsAlgorithm.isSymmetric(algorithm)) {
    return yield* new InvalidKey({ problem: `requests are signed with a private key, and not with ${algorithm}` })
  }
  const lifetime = Option.filter(Duration.fromInput(options.lifetime ?? "5 minutes"), isLifetime)
  if (Option.isNone(lifetime)) return yield* reject("lifetime", "it must be above zero, and have an end")
  const backdated = Option.filter(Duration.fromInput(options.backdated ?? Duration.zero), isBackdating)
  if (Option.isNone(backdated)) return yield* reject("backdated", "it must be between zero and an hour")
  const audience = options.audience ?? (({ issuer }) => issuer)
  const { additionalClaims, clientIdClaim, header, type } = options.compatibility ?? {}
  const invalid = JsonWebToken.findInvalidClaim(additionalClaims, reservedClaims)
  if (invalid !== undefined) return yield* reject("additionalClaims", invalid)
  return {
    algorithm,
    lifetime: lifetime.value,
    backdated: backdated.value,
    sign: Effect.fnUntraced(function* (parameters, target) {
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      return yield* JsonWebToken.sign(
        JsonWebToken.addClaims(
          {
            ...parameters,
            client_id: clientIdClaim === true ? target.clientId : undefined,
            iss: target.clientId,
            aud: typeof audience === "string" ? audience : audience(target),
            iat: now,
            nbf: now - Math.floor(Duration.toSeconds(backdated.value)),
            exp: now + Math.ceil(Duration.toSeconds(lifetime.value)),
            jti: yield* RandomToken.uuid
          },
          additionalClaims
        ),
        { key, type: type === null ? undefined : "oauth-authz-req+jwt", header }
      )
    })
  }
})

/**
 * Signs every authentication request of the client that it is provided to.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<never, ClientRegistrationError | InvalidKey | E, R> => Layer.effect(RequestSigner, make(options))

/** `nonce` and `max_age` are parameters of a request, too: a constant value would be the same in each of them. */
const reservedClaims: ReadonlySet<string> = new Set([...RequestParameters.reserved, "nonce", "max_age"])

const isLifetime = (lifetime: Duration.Duration): boolean =>
  Duration.isFinite(lifetime) && Duration.toMillis(lifetime) > 0

const isBackdating = (backdated: Duration.Duration): boolean =>
  Duration.toMillis(backdated) >= 0 && Duration.toMillis(backdated) <= 3_600_000

const reject = (option: string, problem: string): Effect.Effect<never, ClientRegistrationError> =>
  Effect.fail(new ClientRegistrationError({ parameter: `${option} of signed requests`, problem }))
