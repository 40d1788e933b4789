/**
 * What the client and the provider agreed on when the client was registered.
 *
 * **Gotchas**
 *
 * - Expectations come from here and never from what arrives: an ID Token signed with another algorithm than the
 *   registered one is refused, however good its signature (OpenID Connect Core 3.1.3.7).
 *
 * @see CIBA Core 1.0 section 4
 */
import { Context, Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { SenderConstraint } from "../http/SenderConstraint.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import * as Rule from "../profile/Rule.ts"
import type { ClientAuthentication } from "./ClientAuthentication.ts"
import type { DeliveryMode } from "./DeliveryMode.ts"
import type { MutualTls } from "./MutualTls.ts"
import { RequestSigner } from "./RequestSigner.ts"

/** A registration that contradicts itself; `problem` says what to change. */
export class ClientRegistrationError extends ErrorClass.make<ClientRegistrationError>()(
  "ClientRegistrationError",
  { parameter: Schema.String, problem: Schema.String },
  ["the client registration contradicts itself", "fixClient"],
  { message: ({ parameter, problem }) => `${parameter}: ${problem}` }
) {}

/** A registration as it is written down. */
export interface Options<E = never, R = never> {
  readonly clientId: string
  /** How the client authenticates, or the effect that reads its key. */
  readonly authentication: ClientAuthentication | Effect.Effect<ClientAuthentication, E, R>
  /** The registered `backchannel_token_delivery_mode`; `poll` by default. */
  readonly deliveryMode?: DeliveryMode | undefined
  /** The registered `id_token_signed_response_alg`; `RS256` by default. */
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `userinfo_signed_response_alg`; by default UserInfo comes unsigned. */
  readonly userInfoSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `introspection_signed_response_alg`; by default introspection answers come unsigned. */
  readonly introspectionSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `backchannel_user_code_parameter`; `false` by default. */
  readonly userCodeParameter?: boolean | undefined
  /** What the client's certificate means; by default what the method of authentication makes of it. */
  readonly mutualTls?: MutualTls | undefined
  /** The registered `dpop_bound_access_tokens`: without `Dpop.layer` the client does not start. `false` by default. */
  readonly dpopBoundAccessTokens?: boolean | undefined
  /** The registered `default_max_age`: how long ago the person may have authenticated, unless a request says otherwise. */
  readonly defaultMaxAge?: Duration.Input | undefined
  /** The registered `require_auth_time`: an ID Token must say when the person authenticated. `false` by default. */
  readonly requireAuthTime?: boolean | undefined
  /**
   * Types of access tokens beside the one that the client expects (RFC 6749 7.1); none by default. Using them is up to
   * you: `ProtectedResource` knows Bearer and DPoP alone.
   */
  readonly recognizedTokenTypes?: ReadonlyArray<string> | undefined
  /** How far the provider's clock may be off when its tokens are judged; 30 seconds by default. */
  readonly clockTolerance?: Duration.Input | undefined
  /** Rules that registration, requests and answers must keep; none by default. */
  readonly profile?: Rule.SecurityProfile | undefined
}

/** A registration, validated and with its defaults. */
export interface Service extends Rule.RegistrationContext {
  readonly authentication: ClientAuthentication
  readonly mutualTls: MutualTls | undefined
  readonly senderConstraint: SenderConstraint
  readonly requestSigner: RequestSigner | undefined
  /** The greatest permitted age of the end-user's authentication; infinite if an `auth_time` of any age will do. */
  readonly maxAge: Duration.Duration | undefined
  readonly recognizedTokenTypes: ReadonlyArray<string>
  readonly clockTolerance: Duration.Duration
  readonly profile: Rule.SecurityProfile | undefined
}

/** The client's registration at one provider. */
export class ClientRegistration extends Context.Service<ClientRegistration, Service>()(
  "@effect-ciba/core/ClientRegistration"
) {}

/** Checks a registration and completes it with its defaults. */
export const make = Effect.fnUntraced(function* <E = never, R = never>(
  options: Options<E, R>
): Effect.fn.Return<Service, ClientRegistrationError | E, R> {
  const authentication = Effect.isEffect(options.authentication)
    ? yield* options.authentication
    : options.authentication
  const algorithm = options.idTokenSignedResponseAlg ?? "RS256"
  if (options.clientId === "") {
    return yield* new ClientRegistrationError({ parameter: "clientId", problem: "it is empty" })
  }
  if (authentication.secret !== undefined && Redacted.value(authentication.secret) === "") {
    return yield* new ClientRegistrationError({ parameter: "authentication", problem: "the client secret is empty" })
  }
  for (const [parameter, signedWith] of [
    ["idTokenSignedResponseAlg", algorithm],
    ["userInfoSignedResponseAlg", options.userInfoSignedResponseAlg],
    ["introspectionSignedResponseAlg", options.introspectionSignedResponseAlg]
  ] as const) {
    if (signedWith !== undefined && JwsAlgorithm.isSymmetric(signedWith) && authentication.secret === undefined) {
      return yield* new ClientRegistrationError({
        parameter,
        problem: `${signedWith} needs a client secret, and the method ${authentication.method} has none; use an asymmetric algorithm`
      })
    }
  }
  const clockTolerance = Duration.fromInput(options.clockTolerance ?? "30 seconds")
  if (Option.isNone(clockTolerance) || !isTolerable(clockTolerance.value)) {
    return yield* new ClientRegistrationError({
      parameter: "clockTolerance",
      problem: "it must be between zero and ten minutes"
    })
  }
  const maxAge = options.defaultMaxAge ?? (options.requireAuthTime === true ? Duration.infinity : undefined)
  if (maxAge !== undefined && !(Duration.toMillis(maxAge) >= 0)) {
    return yield* new ClientRegistrationError({ parameter: "defaultMaxAge", problem: "it must be zero or more" })
  }
  const { recognizedTokenTypes = [] } = options
  if (recognizedTokenTypes.some((type) => /^(bearer|dpop)$/i.test(type))) {
    return yield* new ClientRegistrationError({
      parameter: "recognizedTokenTypes",
      problem: "Bearer and DPoP do not belong there; Dpop.layer decides between them"
    })
  }
  const senderConstraint = yield* SenderConstraint
  if (options.dpopBoundAccessTokens === true && senderConstraint.tokenType !== "DPoP") {
    return yield* new ClientRegistrationError({
      parameter: "dpopBoundAccessTokens",
      problem: "there is no key to bind the tokens to; provide Dpop.layer"
    })
  }
  const registration = ClientRegistration.of({
    clientId: options.clientId,
    authentication,
    deliveryMode: options.deliveryMode ?? "poll",
    idTokenSignedResponseAlg: algorithm,
    userInfoSignedResponseAlg: options.userInfoSignedResponseAlg,
    introspectionSignedResponseAlg: options.introspectionSignedResponseAlg,
    userCodeParameter: options.userCodeParameter ?? false,
    mutualTls: options.mutualTls ?? authentication.mutualTls,
    senderConstraint,
    requestSigner: yield* RequestSigner,
    maxAge: maxAge === undefined ? undefined : Duration.fromInputUnsafe(maxAge),
    recognizedTokenTypes: recognizedTokenTypes.map((type) => type.toLowerCase()),
    clockTolerance: clockTolerance.value,
    profile: options.profile
  })
  const broken = Rule.validate(options.profile, "registration", registration)
  if (broken !== undefined) {
    return yield* new ClientRegistrationError({
      parameter: broken.parameter,
      problem: `${broken.problem} (${broken.profile}: ${broken.reference})`
    })
  }
  return registration
})

/** The registration as a layer. */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<ClientRegistration, ClientRegistrationError | E, R> => Layer.effect(ClientRegistration, make(options))

const isTolerable = (tolerance: Duration.Duration): boolean =>
  Duration.toMillis(tolerance) >= 0 && Duration.toMillis(tolerance) <= 600_000
