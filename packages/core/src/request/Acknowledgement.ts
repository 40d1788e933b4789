/**
 * The response to an authentication request: its acknowledgement with an `auth_req_id`, or an error.
 *
 * @see CIBA Core 1.0 sections 7.3 and 13
 */
import { DateTime, Effect, Option, Predicate, Redacted, Result, Schema } from "effect"
import type { HttpClientRequest } from "effect/http"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import * as RandomToken from "../crypto/RandomToken.ts"
import * as OAuthError from "../http/OAuthError.ts"
import * as SecretRedaction from "../http/SecretRedaction.ts"
import type { JsonResponse } from "../http/Transport.ts"
import { makeStatusError } from "../http/TransportError.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import * as WireSeconds from "../internal/WireSeconds.ts"
import { AuthReqId, type PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { AuthenticationRequest } from "./AuthenticationRequest.ts"
import {
  AuthenticationRequestError,
  fromOAuthError,
  fromTransportError,
  InvalidAcknowledgement
} from "./AuthenticationRequestError.ts"

/** A request that was sent, as far as its acknowledgement needs it. */
export interface Sent {
  readonly request: AuthenticationRequest
  readonly issuer: string
  /** When the request was sent: `expires_in` counts from here. */
  readonly sentAt: DateTime.Utc
}

const Acknowledgement = Schema.Struct({
  auth_req_id: AuthReqId,
  expires_in: WireSeconds.WireSeconds,
  interval: Schema.optionalKey(Schema.Unknown)
})

const decodeAcknowledgement = Schema.decodeUnknownResult(Acknowledgement, { errors: "all" })

/** The authentication that a response has begun; fails with its error. What it quotes of `built` is redacted. */
export const read = (
  registration: ClientRegistration["Service"],
  response: JsonResponse,
  built: HttpClientRequest.HttpClientRequest,
  sent: Sent
): Effect.Effect<PendingAuthentication, AuthenticationRequestError> => {
  const error = OAuthError.fromResponse(response, SecretRedaction.ofRequest(built))
  if (Option.isSome(error)) return Effect.fail(fromOAuthError(error.value))
  if (!isAcknowledged(response)) return Effect.fail(fromTransportError(makeStatusError(response)))
  return Result.match(decodeAcknowledgement(response.body), {
    onFailure: (error) =>
      Effect.fail(
        new AuthenticationRequestError({ reason: new InvalidAcknowledgement({ issues: truncateIssues(error) }) })
      ),
    onSuccess: (acknowledgement) =>
      Effect.map(RandomToken.uuid, (id) => toPending(id, registration, acknowledgement, sent))
  })
}

/** With an id the end-user is being asked, whichever status of success it came with. */
const isAcknowledged = ({ body, status }: JsonResponse): boolean =>
  status === 200 || (status < 300 && Predicate.hasProperty(body, "auth_req_id"))

const toPending = (
  id: string,
  { clientId, deliveryMode, senderConstraint: { dpopKey } }: ClientRegistration["Service"],
  { auth_req_id, expires_in, interval }: typeof Acknowledgement.Type,
  { issuer, request, sentAt }: Sent
): PendingAuthentication => {
  const { acrValues, authorizationDetails, bindingMessage, clientNotificationToken, expectations, scope } = request
  const { essentialAuthorizationDetails, hints, requestedClaims } = request
  return {
    version: 1,
    id,
    issuer,
    clientId,
    authReqId: Redacted.make(auth_req_id, { label: "auth_req_id" }),
    deliveryMode,
    ...(clientNotificationToken === undefined ? undefined : { clientNotificationToken }),
    ...(dpopKey === undefined ? undefined : { dpopKey }),
    requestedAt: sentAt,
    expiresAt: DateTime.addDuration(sentAt, expires_in),
    interval: WireSeconds.decodeInterval(interval),
    scope,
    ...(bindingMessage === undefined ? undefined : { bindingMessage }),
    ...(acrValues === undefined ? undefined : { acrValues }),
    ...(requestedClaims === undefined ? undefined : { requestedClaims }),
    ...(authorizationDetails === undefined ? undefined : { authorizationDetails }),
    ...(essentialAuthorizationDetails ? { essentialAuthorizationDetails } : undefined),
    hints,
    expectations
  }
}
