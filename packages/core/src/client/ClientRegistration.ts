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
import { Context, Duration, Effect, Layer, Redacted, Schema } from "effect"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type { ClientAuthentication } from "./ClientAuthentication.ts"
import type { DeliveryMode } from "./DeliveryMode.ts"
import type { SecurityProfile } from "./SecurityProfile.ts"

/** A registration that contradicts itself; `problem` says what to change. */
export class ClientRegistrationError extends Schema.TaggedError<ClientRegistrationError>()("ClientRegistrationError", {
  parameter: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Client registration, ${this.parameter}: ${this.problem}`
  }
}

/** A registration as it is written down. */
export interface Options<E = never, R = never> {
  readonly clientId: string
  /** How the client authenticates, or the effect that reads its key. */
  readonly authentication: ClientAuthentication | Effect.Effect<ClientAuthentication, E, R>
  /** The registered `backchannel_token_delivery_mode`; `poll` by default. */
  readonly deliveryMode?: DeliveryMode | undefined
  /** The registered `id_token_signed_response_alg`; `RS256` by default. */
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The registered `backchannel_user_code_parameter`; `false` by default. */
  readonly userCodeParameter?: boolean | undefined
  /** The registered `tls_client_certificate_bound_access_tokens`; `false` by default. */
  readonly certificateBoundAccessTokens?: boolean | undefined
  /**
   * Whether the provider's `mtls_endpoint_aliases` are called. By default they are where a certificate authenticates the
   * client or binds its tokens (RFC 8705 5); a client may be registered for them besides (FAPI 2.0 5.2.2.1.1).
   */
  readonly useMtlsEndpointAliases?: boolean | undefined
  /** How far the provider's clock may be off when its tokens are judged; 30 seconds by default. */
  readonly clockTolerance?: Duration.Input | undefined
  /** Rules that the registration must keep; none by default. */
  readonly profile?: SecurityProfile | undefined
}

/** A registration, checked and complete. */
export interface Service {
  readonly clientId: string
  readonly authentication: ClientAuthentication
  readonly deliveryMode: DeliveryMode
  readonly idTokenSignedResponseAlg: JwsAlgorithm.JwsAlgorithm
  readonly userCodeParameter: boolean
  readonly useMtlsEndpointAliases: boolean
  readonly clockTolerance: Duration.Duration
}

/** The client's registration at one provider. */
export class ClientRegistration extends Context.Service<ClientRegistration, Service>()(
  "@effect-ciba/core/client/ClientRegistration"
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
  if (JwsAlgorithm.isSymmetric(algorithm) && authentication.secret === undefined) {
    return yield* new ClientRegistrationError({
      parameter: "idTokenSignedResponseAlg",
      problem: `${algorithm} needs a client secret, and the method ${authentication.method} has none; use an asymmetric algorithm`
    })
  }
  const registration = ClientRegistration.of({
    clientId: options.clientId,
    authentication,
    deliveryMode: options.deliveryMode ?? "poll",
    idTokenSignedResponseAlg: algorithm,
    userCodeParameter: options.userCodeParameter ?? false,
    useMtlsEndpointAliases:
      options.useMtlsEndpointAliases ??
      (options.certificateBoundAccessTokens === true || authentication.method.endsWith("tls_client_auth")),
    clockTolerance: Duration.fromInputUnsafe(options.clockTolerance ?? "30 seconds")
  })
  for (const { parameter, problem, reference } of options.profile?.rules ?? []) {
    const broken = problem(registration)
    if (broken !== undefined) {
      return yield* new ClientRegistrationError({
        parameter,
        problem: `${broken} (${options.profile?.name}: ${reference})`
      })
    }
  }
  return registration
})

/** The registration as a layer. */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<ClientRegistration, ClientRegistrationError | E, R> => Layer.effect(ClientRegistration, make(options))
