/**
 * The backchannel authentication request, whole (`initiate`) or in its two halves (`request`, `process`).
 *
 * **Gotchas**
 *
 * - A request is sent once. A fault may hide that the provider took it and rang the person's phone; asking again is the
 *   caller's decision.
 * - In push mode with `Dpop.layer` it carries a proof: no token request will show the key that the tokens are bound to. It
 *   is sent again for a provider that took nothing but the nonce from it.
 *
 * @see CIBA Core 1.0 section 7
 */
import { Context, DateTime, Effect, Layer, Option, Redacted, Schema } from "effect"
import type { HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as OAuthError from "../http/OAuthError.ts"
import * as Echo from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { Throttle } from "../http/Throttle.ts"
import { type JsonResponse, makeError, Transport } from "../http/Transport.ts"
import type { TransportError } from "../http/TransportError.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import * as RandomToken from "../internal/RandomToken.ts"
import * as Seconds from "../internal/WireSeconds.ts"
import { AuthReqId, PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as AuthenticatedRequest from "../provider/AuthenticatedRequest.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as ProviderMetadata from "../provider/ProviderMetadata.ts"
import * as AuthenticationRequest from "./AuthenticationRequest.ts"
import {
  AuthenticationRequestError,
  fromOAuthError,
  InvalidAcknowledgement,
  Unsupported
} from "./AuthenticationRequestError.ts"
import * as AuthorizationDetails from "./AuthorizationDetails.ts"
import * as BindingMessage from "./BindingMessage.ts"
import * as GrantManagement from "./GrantManagement.ts"
import * as RequestParameters from "./RequestParameters.ts"

/** What the first half leaves to the second. */
export interface SentRequest {
  /** The raw response, its body unread. */
  readonly response: HttpClientResponse.HttpClientResponse
  readonly request: AuthenticationRequest.AuthenticationRequest
  readonly issuer: string
  /** When the request was sent: the expiry counts from here. */
  readonly sentAt: DateTime.Utc
}

/** The endpoint whole, and in its two halves. */
export interface Service {
  /** Sends the request, and gives the raw response with what reading it needs. */
  readonly request: (
    request: AuthenticationRequest.AuthenticationRequest
  ) => Effect.Effect<SentRequest, AuthenticationRequestError | DiscoveryError>
  /** Reads the response: the acknowledgement, or why there is none. */
  readonly process: (sent: SentRequest) => Effect.Effect<PendingAuthentication, AuthenticationRequestError>
  /** Sends and reads: one call, with one time limit. */
  readonly send: (
    request: AuthenticationRequest.AuthenticationRequest
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
  /** Checks, sends and reads. */
  readonly initiate: (
    options: AuthenticationRequest.Options
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
}

/** The backchannel authentication endpoint. */
export class BackchannelAuthentication extends Context.Service<BackchannelAuthentication, Service>()(
  "@effect-ciba/core/BackchannelAuthentication"
) {}

/** What the endpoint needs. */
export type Requirements = ClientRegistration | Discovery | ProviderKeys | Throttle | Transport

/** The endpoint of the provider at hand, asked as the client at hand. */
export const make: Effect.Effect<Service, never, Requirements> = Effect.gen(function* () {
  const registration = yield* ClientRegistration
  const discovery = yield* Discovery
  const transport = yield* Transport

  const authenticated = yield* AuthenticatedRequest.make
  const { deliveryMode, senderConstraint } = registration
  const proof = deliveryMode === "push" ? senderConstraint : undefined
  const keys = yield* ProviderKeys
  const pace = yield* Throttle
  const keysAtHand = JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg) ? Effect.void : keys.prefetch

  /** What is sent, and to whom: with metadata and keys at hand, so that no answer is lost for want of them. */
  const prepared = Effect.fnUntraced(function* (
    request: AuthenticationRequest.AuthenticationRequest
  ): Effect.fn.Return<
    { readonly built: HttpClientRequest.HttpClientRequest; readonly issuer: string },
    AuthenticationRequestError | DiscoveryError
  > {
    const metadata = yield* discovery.metadata
    const { clientId, mutualTls, requestSigner } = registration
    const parameters = Redacted.value(request.parameters)
    yield* supported(metadata, registration, request)
    yield* warn(metadata, request, deliveryMode)
    const endpoint = yield* ProviderMetadata.endpoint(metadata, "backchannel_authentication_endpoint", mutualTls)
    yield* keysAtHand
    const claims = RequestParameters.toClaims(parameters)
    const target = { issuer: metadata.issuer, clientId, endpoint }
    const built = yield* authenticated("backchannel_authentication_endpoint", {
      constraint: proof,
      headers: Redacted.value(request.headers),
      parameters:
        requestSigner === undefined
          ? RequestParameters.toForm(parameters)
          : [
              ["request", Redacted.value(yield* requestSigner.sign(claims, target))],
              ["client_id", clientId]
            ]
    })
    return { built, issuer: metadata.issuer }
  })

  const acknowledged = Effect.fnUntraced(function* (
    answer: JsonResponse,
    built: HttpClientRequest.HttpClientRequest,
    { issuer, request, sentAt }: Omit<SentRequest, "response">
  ): Effect.fn.Return<PendingAuthentication, AuthenticationRequestError> {
    const error = OAuthError.fromResponse(answer, Echo.ofRequest(built))
    if (Option.isSome(error)) return yield* fromOAuthError(error.value)
    if (answer.status !== 200) {
      return yield* faulty(makeError("UnexpectedStatus", answer, answer.status, answer.retryAfter))
    }
    const acknowledgement = yield* Effect.mapError(
      decodeAcknowledgement(answer.body),
      (error) =>
        new AuthenticationRequestError({ reason: new InvalidAcknowledgement({ issues: truncateIssues(error) }) })
    )
    const { proofKey } = senderConstraint
    return new PendingAuthentication({
      version: 1,
      id: yield* RandomToken.generate(12),
      issuer,
      clientId: registration.clientId,
      authReqId: Redacted.make(acknowledgement.auth_req_id, { label: "auth_req_id" }),
      deliveryMode: deliveryMode,
      ...(request.clientNotificationToken === undefined
        ? undefined
        : { clientNotificationToken: request.clientNotificationToken }),
      ...(proofKey === undefined ? undefined : { proofKey }),
      expiresAt: DateTime.addDuration(sentAt, acknowledgement.expires_in),
      interval: Seconds.decodeInterval(acknowledgement.interval),
      scope: request.scope,
      ...(request.bindingMessage === undefined ? undefined : { bindingMessage: request.bindingMessage }),
      ...(request.acrValues === undefined ? undefined : { acrValues: request.acrValues }),
      ...(request.authorizationDetails === undefined
        ? undefined
        : { authorizationDetails: request.authorizationDetails }),
      expectations: request.expectations
    })
  })

  const send = Effect.fnUntraced(function* (
    request: AuthenticationRequest.AuthenticationRequest
  ): Effect.fn.Return<PendingAuthentication, AuthenticationRequestError | DiscoveryError> {
    const { built, issuer } = yield* prepared(request)
    const sentAt = yield* DateTime.now
    const answer = yield* Effect.mapError(transport.exchange(built), faulty)
    return yield* acknowledged(answer, built, { issuer, request, sentAt })
  })

  const paced: Service["send"] = (request) =>
    pace.run(SenderConstraint.retryWithNonce(proof, send(request))).pipe(
      Effect.tap(() => pace.record(undefined)),
      Effect.tapError(({ _tag, reason }) =>
        _tag === "AuthenticationRequestError" && "status" in reason ? pace.record(reason) : Effect.void
      )
    )

  return BackchannelAuthentication.of({
    request: Effect.fnUntraced(function* (request) {
      const { built, issuer } = yield* prepared(request)
      const sentAt = yield* DateTime.now
      const response = yield* Effect.mapError(transport.send(built), faulty)
      return { response, request, issuer, sentAt }
    }),
    process: Effect.fnUntraced(function* (sent) {
      const answer = yield* Effect.mapError(transport.json(sent.response), faulty)
      return yield* acknowledged(answer, sent.response.request, sent)
    }),
    send: paced,
    initiate: (options) =>
      Effect.flatMap(
        Effect.provideService(AuthenticationRequest.make(options), ClientRegistration, registration),
        paced
      )
  })
})

/** The endpoint as a layer. */
export const layer = (): Layer.Layer<BackchannelAuthentication, never, Requirements> =>
  Layer.effect(BackchannelAuthentication, make)

/** Sends a request, and gives the raw response with what reading it needs. */
export const request = (
  request: AuthenticationRequest.AuthenticationRequest
): Effect.Effect<SentRequest, AuthenticationRequestError | DiscoveryError, BackchannelAuthentication> =>
  BackchannelAuthentication.use((endpoint) => endpoint.request(request))

/** Reads the response: the acknowledgement, or why there is none. */
export const process = (
  sent: SentRequest
): Effect.Effect<PendingAuthentication, AuthenticationRequestError, BackchannelAuthentication> =>
  BackchannelAuthentication.use((endpoint) => endpoint.process(sent))

/** Checks a request, sends it, and reads the response. */
export const initiate = (
  options: AuthenticationRequest.Options
): Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError, BackchannelAuthentication> =>
  BackchannelAuthentication.use((endpoint) => endpoint.initiate(options))

const Acknowledgement = Schema.Struct({
  auth_req_id: AuthReqId,
  expires_in: Seconds.WireSeconds,
  interval: Schema.optionalKey(Schema.Unknown)
})

const decodeAcknowledgement = Schema.decodeUnknownEffect(Acknowledgement, { errors: "all" })

const faulty = (reason: TransportError): AuthenticationRequestError => new AuthenticationRequestError({ reason })

const supported = (
  metadata: ProviderMetadata.ProviderMetadata,
  { deliveryMode, requestSigner, senderConstraint }: ClientRegistration["Service"],
  request: AuthenticationRequest.AuthenticationRequest
): Effect.Effect<void, AuthenticationRequestError> => {
  const modes = metadata.backchannel_token_delivery_modes_supported
  const signing = metadata.backchannel_authentication_request_signing_alg_values_supported
  const proving = metadata.dpop_signing_alg_values_supported
  const missing = [
    modes?.includes(deliveryMode) === true
      ? undefined
      : new Unsupported({
          feature: `${deliveryMode} delivery`,
          problem: `the provider has ${modes === undefined ? "no delivery modes in its metadata" : `only ${sanitize(modes.join(", "))}`}`
        }),
    requestSigner === undefined || signing?.includes(requestSigner.algorithm) === true
      ? undefined
      : new Unsupported({
          feature: `requests signed with ${requestSigner.algorithm}`,
          problem:
            signing === undefined
              ? "the provider takes no signed requests"
              : `the provider takes ${sanitize(signing.join(", "))}`
        }),
    senderConstraint.algorithm === undefined || proving?.includes(senderConstraint.algorithm) !== false
      ? undefined
      : new Unsupported({
          feature: `DPoP proofs signed with ${senderConstraint.algorithm}`,
          problem: `the provider takes ${sanitize(proving.join(", "))}`
        }),
    metadata.backchannel_user_code_parameter_supported === true ||
    Redacted.value(request.parameters).every(([name]) => name !== "user_code")
      ? undefined
      : new Unsupported({ feature: "user_code", problem: "the provider does not support it" }),
    AuthorizationDetails.findUnsupported(metadata, request.authorizationDetails),
    GrantManagement.findUnsupported(metadata, request.grantManagement)
  ].find((problem) => problem !== undefined)
  return missing === undefined ? Effect.void : Effect.fail(new AuthenticationRequestError({ reason: missing }))
}

const warn = Effect.fnUntraced(function* (
  metadata: ProviderMetadata.ProviderMetadata,
  request: AuthenticationRequest.AuthenticationRequest,
  mode: string
): Effect.fn.Return<void> {
  if (mode !== "push" && metadata.grant_types_supported?.includes(DeliveryMode.grantType) === false) {
    yield* Effect.logWarning(
      `The provider does not list the grant type ${DeliveryMode.grantType}; a ${mode} client needs it`
    )
  }
  const advice = request.bindingMessage === undefined ? [] : BindingMessage.warnings(request.bindingMessage)
  if (advice.length > 0) {
    yield* Effect.logWarning(`Providers may refuse the binding message: it is ${advice.join(", ")}`)
  }
})
