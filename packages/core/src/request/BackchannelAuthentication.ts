/**
 * The backchannel authentication request: checked, sent to the provider's backchannel authentication endpoint, and
 * acknowledged with an `auth_req_id`.
 *
 * **When to use**
 *
 * `Ciba.initiate` is the way to start a flow: it also registers with the notification inbox and the store. Use `initiate`
 * of this module for the request alone, and the `request` and `process` of the service for the raw response between.
 *
 * **Details**
 *
 * - Before the request is sent, everything that can be known is checked: its parameters, what the provider supports, and
 *   that the keys for its ID Tokens are available.
 *
 * **Gotchas**
 *
 * - A request is sent once. After a transport error the provider may have received it and contacted the end-user on the
 *   authentication device. Whether to send another one is the caller's decision.
 * - In push mode with `Dpop.layer` the request carries a DPoP proof, as no token request will show the key that the tokens
 *   are bound to. It is sent again if the provider demands a nonce in the proof.
 *
 * **Example** (A request and its acknowledgement)
 *
 * ```ts
 * import { BackchannelAuthentication, Ciba, ClientAuthentication, Discovery, SigningKey, UserHint } from "@effect-ciba/core"
 * import { Duration, Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const { publicJwk } = await Effect.runPromise(SigningKey.generateJwk("RS256"))
 * const keys = { keys: [publicJwk] }
 * const provider = HttpClient.make((request) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(
 *       request,
 *       Response.json(request.method === "GET" ? keys : { auth_req_id: "1c266114", expires_in: 120, interval: 2 })
 *     )
 *   )
 * )
 *
 * const CibaLive = Ciba.layerNoDiscovery({
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 * }).pipe(
 *   Layer.provide(
 *     Discovery.layerStatic({
 *       issuer: "https://op.example.com",
 *       jwks_uri: "https://op.example.com/jwks",
 *       token_endpoint: "https://op.example.com/token",
 *       backchannel_authentication_endpoint: "https://op.example.com/bc",
 *       backchannel_token_delivery_modes_supported: ["poll"]
 *     })
 *   ),
 *   Layer.provide(Layer.succeed(HttpClient.HttpClient, provider))
 * )
 *
 * const pending = await BackchannelAuthentication.initiate({
 *   scope: ["openid"],
 *   hint: UserHint.login("jo@example.com")
 * }).pipe(Effect.provide(CibaLive), Effect.runPromise)
 *
 * ;[pending.deliveryMode, Duration.toSeconds(pending.interval)] // => ["poll", 2]
 * ```
 *
 * @see CIBA Core 1.0 section 7
 */
import { Context, DateTime, Effect, Layer, Redacted } from "effect"
import { memoize } from "effect/Function"
import type { HttpClientResponse } from "effect/http"
import type { RequestTarget } from "../client/ClientAuthentication.ts"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as RsaKey from "../crypto/RsaKey.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { type FailedRequest, Throttle } from "../http/Throttle.ts"
import { Transport } from "../http/Transport.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as AuthenticatedRequest from "../provider/AuthenticatedRequest.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import * as KeyCheck from "../provider/KeyCheck.ts"
import type { ProviderKeys } from "../provider/ProviderKeys.ts"
import type * as ProviderMetadata from "../provider/ProviderMetadata.ts"
import * as RegistrationCheck from "../provider/RegistrationCheck.ts"
import * as Acknowledgement from "./Acknowledgement.ts"
import * as AuthenticationRequest from "./AuthenticationRequest.ts"
import {
  AuthenticationRequestError,
  fromTransportError,
  InvalidParameter,
  Unsupported
} from "./AuthenticationRequestError.ts"
import * as AuthorizationDetails from "./AuthorizationDetails.ts"
import * as BindingMessage from "./BindingMessage.ts"
import * as GrantManagement from "./GrantManagement.ts"
import * as RequestParameters from "./RequestParameters.ts"

/**
 * A request that was sent, and its response: what `request` gives to `process`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface SentRequest extends Acknowledgement.Sent {
  /** The raw response, its body unread. */
  readonly response: HttpClientResponse.HttpClientResponse
}

/**
 * The endpoint in one step, and in two.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** The first half of `send`: checks what the provider supports, and sends the request. */
  readonly request: (
    request: AuthenticationRequest.AuthenticationRequest
  ) => Effect.Effect<SentRequest, AuthenticationRequestError | DiscoveryError>
  /** The second half of `send`: reads the acknowledgement or the error response. */
  readonly process: (sent: SentRequest) => Effect.Effect<PendingAuthentication, AuthenticationRequestError>
  /** Both halves under one time limit, and through the `Throttle`. */
  readonly send: (
    request: AuthenticationRequest.AuthenticationRequest
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
  /** `AuthenticationRequest.make` and `send`. */
  readonly initiate: (
    options: AuthenticationRequest.Options
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
}

/**
 * The backchannel authentication endpoint.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class BackchannelAuthentication extends Context.Service<BackchannelAuthentication, Service>()(
  "@effect-ciba/core/BackchannelAuthentication"
) {}

/**
 * The services that the endpoint needs.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements = ClientRegistration | Discovery | ProviderKeys | Throttle | Transport

/**
 * The endpoint of the configured provider, for the configured client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make: Effect.Effect<Service, never, Requirements> = Effect.gen(function* () {
  const registration = yield* ClientRegistration
  const transport = yield* Transport
  const throttle = yield* Throttle
  const prepare = yield* makePrepare

  const exchange = (request: AuthenticationRequest.AuthenticationRequest) =>
    Effect.flatMap(prepare(request), ({ built, sent }) =>
      Effect.flatMap(Effect.mapError(transport.exchange(built), fromTransportError), (response) =>
        Acknowledgement.read(registration, response, built, sent)
      )
    )

  const constraint = requestConstraint(registration)
  const record = (failure?: FailedRequest) =>
    Effect.clockWith((clock) => Effect.sync(() => throttle.record(failure, clock)))

  const send: Service["send"] = (request) =>
    Effect.matchEffect(throttle.run(SenderConstraint.retryWithNonce(constraint, exchange(request))), {
      onFailure: (error) =>
        error._tag === "AuthenticationRequestError" && "status" in error.reason
          ? Effect.andThen(record(error.reason), Effect.fail(error))
          : Effect.fail(error),
      onSuccess: (pending) => Effect.as(record(), pending)
    })

  return BackchannelAuthentication.of({
    request: Effect.fnUntraced(function* (request) {
      const { built, sent } = yield* prepare(request)
      return { ...sent, response: yield* Effect.mapError(transport.send(built), fromTransportError) }
    }),
    process: Effect.fnUntraced(function* (sent) {
      const response = yield* Effect.mapError(transport.json(sent.response), fromTransportError)
      return yield* Acknowledgement.read(registration, response, sent.response.request, sent)
    }),
    send,
    initiate: (options) =>
      Effect.flatMap(Effect.provideService(AuthenticationRequest.make(options), ClientRegistration, registration), send)
  })
})

/**
 * The endpoint of the configured provider, for the configured client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (): Layer.Layer<BackchannelAuthentication, never, Requirements> =>
  Layer.effect(BackchannelAuthentication, make)

/**
 * Checks a request, sends it, and reads the acknowledgement.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const initiate = (
  options: AuthenticationRequest.Options
): Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError, BackchannelAuthentication> =>
  BackchannelAuthentication.use((endpoint) => endpoint.initiate(options))

/** Whose proof the request carries: only in push mode, which has no token request to carry it. */
const requestConstraint = ({ deliveryMode, senderConstraint }: ClientRegistration["Service"]) =>
  deliveryMode === "push" ? senderConstraint : undefined

/** Checks a request against the metadata, fetches the keys, and builds the HTTP request. */
const makePrepare = Effect.gen(function* () {
  const registration = yield* ClientRegistration
  const discovery = yield* Discovery
  const checkKey = yield* KeyCheck.make
  const endpointOf = yield* AuthenticatedRequest.makeEndpoint(
    (problem) => new AuthenticationRequestError({ reason: new InvalidParameter(problem) })
  )
  const transport = yield* Transport
  const { clientId, deliveryMode, idTokenSignedResponseAlg, requestSigner } = registration
  const ensureKey = JwsAlgorithm.isSymmetric(idTokenSignedResponseAlg)
    ? Effect.void
    : Effect.flatMap(checkKey(idTokenSignedResponseAlg), (finding) =>
        finding === "Usable" ? Effect.void : Effect.fail(makeKeyError(idTokenSignedResponseAlg, finding))
      )
  const ensureSupported = makeEnsureSupported(registration)
  const constraint = requestConstraint(registration)

  const sign = (parameters: ReadonlyArray<RequestParameters.Parameter>, target: RequestTarget) =>
    requestSigner === undefined
      ? Effect.succeed(RequestParameters.toForm(parameters))
      : Effect.map(requestSigner.sign(RequestParameters.toClaims(parameters), target), (signed) => [
          ["request", Redacted.value(signed)] as const,
          ["client_id", clientId] as const
        ])

  const build = (
    request: AuthenticationRequest.AuthenticationRequest,
    endpoint: AuthenticatedRequest.Endpoint<AuthenticationRequestError>,
    issuer: string
  ) =>
    Effect.flatMap(
      sign(Redacted.value(request.parameters), { issuer, clientId, endpoint: endpoint.url }),
      (parameters) => endpoint.build({ constraint, headers: Redacted.value(request.headers), parameters })
    )

  /** The tokens will come from there: a wrong one is found before the end-user is asked. */
  const ensureTokenEndpoint = (metadata: ProviderMetadata.ProviderMetadata) =>
    Effect.flatMap(endpointOf(metadata, "token_endpoint"), ({ url }) =>
      Effect.mapError(transport.ensureAllowed({ method: "POST", url }), fromTransportError)
    )

  return (request: AuthenticationRequest.AuthenticationRequest) =>
    Effect.flatMap(discovery.metadata, (metadata) => {
      const { issuer } = metadata
      return ensureSupported(metadata, request).pipe(
        Effect.andThen(endpointOf(metadata, "backchannel_authentication_endpoint")),
        Effect.tap(() => (deliveryMode === "push" ? Effect.void : ensureTokenEndpoint(metadata))),
        Effect.tap(ensureKey),
        Effect.flatMap((endpoint) => build(request, endpoint, issuer)),
        Effect.zipWith(DateTime.now, (built, sentAt) => ({ built, sent: { request, issuer, sentAt } }))
      )
    })
})

const makeKeyError = (
  algorithm: JwsAlgorithm.Asymmetric,
  finding: "Missing" | "Unusable"
): AuthenticationRequestError => {
  const limits = finding === "Missing" ? RsaKey.describeLimits(algorithm) : undefined
  const problem =
    finding === "Missing"
      ? "the provider publishes no key for it; compare idTokenSignedResponseAlg with the registration"
      : "no key that the provider publishes for it can be imported: they are broken"
  return new AuthenticationRequestError({
    reason: new Unsupported({
      feature: `ID Tokens signed with ${algorithm}`,
      problem: limits === undefined ? problem : `${problem}. ${limits}`
    })
  })
}

/** Fails if the provider does not support what the request needs, and logs why it may refuse the request. */
const makeEnsureSupported = (registration: ClientRegistration["Service"]) => {
  const mismatchesOf = memoize((metadata: ProviderMetadata.ProviderMetadata) =>
    RegistrationCheck.checkRequest(registration, metadata)
  )
  return (
    metadata: ProviderMetadata.ProviderMetadata,
    request: AuthenticationRequest.AuthenticationRequest
  ): Effect.Effect<void, AuthenticationRequestError> => {
    const mismatches = mismatchesOf(metadata)
    const reason = findUnsupported(mismatches, metadata, request)
    if (reason !== undefined) return Effect.fail(new AuthenticationRequestError({ reason }))
    const warnings = request.bindingMessage === undefined ? [] : BindingMessage.warnings(request.bindingMessage)
    const messages = mismatches.map(({ parameter, problem }) => `${parameter}: ${problem}`)
    if (warnings.length > 0) messages.push(`Providers may refuse the binding message: it is ${warnings.join(", ")}`)
    return messages.length === 0
      ? Effect.void
      : Effect.forEach(messages, (message) => Effect.logWarning(message), { discard: true })
  }
}

const findUnsupported = (
  mismatches: ReadonlyArray<RegistrationCheck.Mismatch>,
  metadata: ProviderMetadata.ProviderMetadata,
  { authorizationDetails, grantManagement, parameters }: AuthenticationRequest.AuthenticationRequest
): Unsupported | InvalidParameter | undefined => {
  const hasUserCode = Redacted.value(parameters).some(([name]) => name === "user_code")
  const error =
    mismatches.find(({ severity }) => severity === "error") ??
    (hasUserCode ? RegistrationCheck.checkUserCode(metadata) : undefined)
  return error === undefined
    ? (AuthorizationDetails.findUnsupported(metadata, authorizationDetails) ??
        GrantManagement.findUnsupported(metadata, grantManagement))
    : new Unsupported({ feature: error.feature ?? error.parameter, problem: error.problem })
}
