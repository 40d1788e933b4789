/**
 * The client as the provider has registered it: what both sides agreed on before the first request.
 *
 * **When to use**
 *
 * `Ciba.layer` takes these options. Use `ClientRegistration.layer` to build a client from single steps.
 *
 * **Details**
 *
 * - Options bear the names of the registered metadata. What they contradict is found when the layer is built.
 *
 * **Gotchas**
 *
 * - What a response must look like is decided by the registration, and never by the response: an ID Token that is signed with
 *   another algorithm than the registered one is refused (OpenID Connect Core 3.1.3.7).
 *
 * **Example** (A registration that contradicts itself)
 *
 * ```ts
 * import { ClientAuthentication, ClientRegistration } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const registration = ClientRegistration.make({
 *   clientId: "shop",
 *   authentication: ClientAuthentication.none,
 *   idTokenSignedResponseAlg: "HS256"
 * })
 *
 * const error = await Effect.runPromise(Effect.flip(registration))
 * error.parameter // => "idTokenSignedResponseAlg"
 * ```
 *
 * @see CIBA Core 1.0 section 4
 */
import { Context, Duration, Effect, Layer, Option, Redacted } from "effect"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { SenderConstraint } from "../http/SenderConstraint.ts"
import * as Rule from "../profile/Rule.ts"
import type { ClientAuthentication } from "./ClientAuthentication.ts"
import { ClientRegistrationError, ensureValid } from "./ClientRegistrationError.ts"
import { Decrypter } from "./Decrypter.ts"
import type { DeliveryMode } from "./DeliveryMode.ts"
import type { MutualTls } from "./MutualTls.ts"
import { RequestSigner } from "./RequestSigner.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export { ClientRegistrationError } from "./ClientRegistrationError.ts"

/**
 * The registered metadata of the client, and how strictly it validates.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options<E = never, R = never> {
  readonly clientId: string
  /**
   * The method of client authentication, or an effect that reads its key. The effect runs once for each client: make a layer of
   * its own for each service that it reads the key from.
   */
  readonly authentication: ClientAuthentication | Effect.Effect<ClientAuthentication, E, R>
  /** The registered `backchannel_token_delivery_mode`; `poll` by default. */
  readonly deliveryMode?: DeliveryMode | undefined
  /** The registered `id_token_signed_response_alg`; `RS256` by default. */
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `userinfo_signed_response_alg`; UserInfo responses are not signed by default. */
  readonly userInfoSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `introspection_signed_response_alg`; introspection responses are not signed by default. */
  readonly introspectionSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `backchannel_user_code_parameter`; `false` by default. */
  readonly userCodeParameter?: boolean | undefined
  /** Whether the client's certificate binds access tokens, and which endpoints are called; by default as `authentication` has it. */
  readonly mutualTls?: MutualTls | undefined
  /** The registered `dpop_bound_access_tokens`: if `true`, `Dpop.layer` must be provided; `false` by default. */
  readonly dpopBoundAccessTokens?: boolean | undefined
  /** The registered `default_max_age`: the greatest age of the end-user's authentication, unless a request has its own. */
  readonly defaultMaxAge?: Duration.Input | undefined
  /** The registered `require_auth_time`: ID Tokens must have an `auth_time`; `false` by default. */
  readonly requireAuthTime?: boolean | undefined
  /** The difference that is tolerated between the clocks of provider and client, ten minutes at most; 30 seconds by default. */
  readonly clockTolerance?: Duration.Input | undefined
  /**
   * Other audiences that ID Tokens may have beside the client: each of them accepts the same ID Token (OpenID Connect Core
   * 3.1.3.7). None by default.
   */
  readonly trustedAudiences?: ReadonlyArray<string> | undefined
  /** The security profile that registration, requests and responses must comply with; none by default. */
  readonly profile?: Rule.SecurityProfile | undefined
  /** For providers that deviate from the specifications. */
  readonly compatibility?: Compatibility | undefined
}

/**
 * What some providers require beside the specifications.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Compatibility {
  /**
   * Types of access tokens that are accepted beside the expected one (RFC 6749 7.1). `ProtectedResource` cannot use them: it
   * knows `Bearer` and `DPoP`.
   */
  readonly recognizedTokenTypes?: ReadonlyArray<string> | undefined
}

/**
 * A validated registration with its defaults.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Service extends Rule.RegistrationContext {
  readonly authentication: ClientAuthentication
  readonly mutualTls: MutualTls | undefined
  readonly senderConstraint: SenderConstraint
  readonly requestSigner: RequestSigner | undefined
  readonly decrypter: Decrypter
  /** The greatest age of the end-user's authentication; infinite if an `auth_time` of any age is enough. */
  readonly maxAge: Duration.Duration | undefined
  /** In lower case. */
  readonly recognizedTokenTypes: ReadonlyArray<string>
  readonly clockTolerance: Duration.Duration
  readonly trustedAudiences: ReadonlyArray<string>
  readonly profile: Rule.SecurityProfile | undefined
}

/**
 * The registration of the client at one provider.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ClientRegistration extends Context.Service<ClientRegistration, Service>()(
  "@effect-ciba/core/ClientRegistration"
) {}

/**
 * Validates a registration and adds its defaults.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<Service, ClientRegistrationError | E, R> {
  const authentication = Effect.isEffect(options.authentication)
    ? yield* options.authentication
    : options.authentication
  const maxAge = options.defaultMaxAge ?? (options.requireAuthTime === true ? Duration.infinity : undefined)
  const registration = ClientRegistration.of({
    clientId: options.clientId,
    authentication,
    deliveryMode: options.deliveryMode ?? "poll",
    idTokenSignedResponseAlg: options.idTokenSignedResponseAlg ?? "RS256",
    userInfoSignedResponseAlg: options.userInfoSignedResponseAlg,
    introspectionSignedResponseAlg: options.introspectionSignedResponseAlg,
    userCodeParameter: options.userCodeParameter ?? false,
    mutualTls: options.mutualTls ?? authentication.mutualTls,
    senderConstraint: yield* SenderConstraint,
    requestSigner: yield* RequestSigner,
    decrypter: yield* Decrypter,
    maxAge: maxAge === undefined ? undefined : decodeDuration(maxAge),
    recognizedTokenTypes: (options.compatibility?.recognizedTokenTypes ?? []).map((type) => type.toLowerCase()),
    clockTolerance: decodeDuration(options.clockTolerance ?? "30 seconds"),
    trustedAudiences: options.trustedAudiences ?? [],
    profile: options.profile
  })
  yield* validate(registration, options.dpopBoundAccessTokens === true)
  const violation = Rule.validate(registration.profile, "registration", registration)
  if (violation === undefined) return registration
  const { parameter, problem, profile, reference } = violation
  return yield* new ClientRegistrationError({ parameter, problem: `${problem} (${profile}: ${reference})` })
})

/**
 * The registration of one client.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<ClientRegistration, ClientRegistrationError | E, R> => Layer.effect(ClientRegistration, make(options))

/** What is no duration becomes a negative one, which no option accepts. */
const decodeDuration = (input: Duration.Input): Duration.Duration =>
  Option.getOrElse(Duration.fromInput(input), () => Duration.millis(-1))

const validate = (registration: Service, dpopBoundAccessTokens: boolean) => {
  const { authentication, clockTolerance, maxAge, recognizedTokenTypes, senderConstraint } = registration
  const { method, secret } = authentication
  const missingSecret = (algorithm: JwsAlgorithm.JwsAlgorithm | undefined) =>
    algorithm !== undefined &&
    JwsAlgorithm.isSymmetric(algorithm) &&
    secret === undefined &&
    `${algorithm} needs a client secret, and the method ${method} has none; use an asymmetric algorithm`
  return ensureValid({
    clientId: registration.clientId === "" && "it is empty",
    authentication: secret !== undefined && Redacted.value(secret) === "" && "the client secret is empty",
    idTokenSignedResponseAlg: missingSecret(registration.idTokenSignedResponseAlg),
    userInfoSignedResponseAlg: missingSecret(registration.userInfoSignedResponseAlg),
    introspectionSignedResponseAlg: missingSecret(registration.introspectionSignedResponseAlg),
    clockTolerance:
      !Duration.between(clockTolerance, { minimum: Duration.zero, maximum: Duration.minutes(10) }) &&
      "it must be between zero and ten minutes",
    defaultMaxAge: maxAge !== undefined && Duration.isNegative(maxAge) && "it must be zero or more",
    recognizedTokenTypes:
      recognizedTokenTypes.some((type) => type === "bearer" || type === "dpop") &&
      "Bearer and DPoP do not belong there; Dpop.layer decides between them",
    dpopBoundAccessTokens:
      dpopBoundAccessTokens &&
      senderConstraint.tokenType !== "DPoP" &&
      "there is no key to bind the tokens to; provide Dpop.layer"
  })
}
