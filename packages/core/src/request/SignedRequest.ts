/**
 * Signed authentication requests: all parameters as claims of one JWT, so that nobody can change what is asked on its
 * way.
 *
 * **Details**
 *
 * - With this layer every request is signed. The provider must publish the algorithm.
 * - The JWT is made anew for each HTTP attempt; it is good for five minutes by default.
 * - Its audience is the issuer, as a string; `audience` overrides it for providers that want their endpoint's URL.
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
import { Clock, Duration, Effect, Layer, Option } from "effect"
import type { RequestTarget } from "../client/ClientAuthentication.ts"
import { ClientRegistrationError } from "../client/ClientRegistration.ts"
import { RequestSigner } from "../client/RequestSigner.ts"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type { SigningKey } from "../crypto/SigningKey.ts"
import * as RandomToken from "../internal/RandomToken.ts"

/** How requests are signed. */
export interface Options<E = never, R = never> {
  /** The private key, or the effect that reads it. Its algorithm is the registered one. */
  readonly key: SigningKey | Effect.Effect<SigningKey, E, R>
  /** Who the request is for; the issuer by default. */
  readonly audience?: string | ((target: RequestTarget) => string) | undefined
  /** How long a request is good for; five minutes by default, an hour at most under FAPI. */
  readonly lifetime?: Duration.Input | undefined
  /** How far `nbf` lies back, for providers whose clocks are behind; not at all by default, an hour at most. */
  readonly backdated?: Duration.Input | undefined
  /** The `typ` header; `oauth-authz-req+jwt` by default, `null` for none. */
  readonly type?: "oauth-authz-req+jwt" | null | undefined
  /** Further header members, `x5t#S256` for one; none takes the place of the library's own. */
  readonly header?: JsonWebToken.AdditionalHeader | undefined
  /** Further claims; or a function of those that the library has made, for providers that want others. */
  readonly claims?: JsonWebToken.AdditionalClaims | undefined
  /** Whether `client_id` is a claim, too: some providers want it inside and outside. `false` by default. */
  readonly clientIdClaim?: boolean | undefined
}

/** Signs with a private key; a shared secret is refused. */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<RequestSigner, ClientRegistrationError | InvalidKey | E, R> {
  const key = Effect.isEffect(options.key) ? yield* options.key : options.key
  const { algorithm } = key
  if (JwsAlgorithm.isSymmetric(algorithm)) {
    return yield* new InvalidKey({ problem: `requests are signed with a private key, and not with ${algorithm}` })
  }
  const lifetime = Option.filter(Duration.fromInput(options.lifetime ?? "5 minutes"), isLifetime)
  if (Option.isNone(lifetime)) return yield* refused("lifetime", "it must be above zero, and have an end")
  const backdated = Option.filter(Duration.fromInput(options.backdated ?? Duration.zero), isBackdating)
  if (Option.isNone(backdated)) return yield* refused("backdated", "it must be between zero and an hour")
  const audience = options.audience ?? (({ issuer }) => issuer)
  return {
    algorithm,
    lifetime: lifetime.value,
    sign: Effect.fnUntraced(function* (parameters, target) {
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      return yield* JsonWebToken.sign(
        JsonWebToken.addClaims(
          {
            ...parameters,
            ...(options.clientIdClaim === true ? { client_id: target.clientId } : undefined),
            iss: target.clientId,
            aud: typeof audience === "string" ? audience : audience(target),
            iat: now,
            nbf: now - Math.floor(Duration.toSeconds(backdated.value)),
            exp: now + Math.ceil(Duration.toSeconds(lifetime.value)),
            jti: yield* RandomToken.generate(20)
          },
          options.claims
        ),
        { key, type: options.type === null ? undefined : "oauth-authz-req+jwt", header: options.header }
      )
    })
  }
})

/** Every request signed. */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<never, ClientRegistrationError | InvalidKey | E, R> => Layer.effect(RequestSigner, make(options))

const isLifetime = (lifetime: Duration.Duration): boolean =>
  Duration.isFinite(lifetime) && Duration.toMillis(lifetime) > 0

const isBackdating = (backdated: Duration.Duration): boolean =>
  Duration.toMillis(backdated) >= 0 && Duration.toMillis(backdated) <= 3_600_000

const refused = (option: string, problem: string): Effect.Effect<never, ClientRegistrationError> =>
  Effect.fail(new ClientRegistrationError({ parameter: `${option} of signed requests`, problem }))
