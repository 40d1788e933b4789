/**
 * The error responses that more than one endpoint can send, each as a class with a tag.
 *
 * **Example** (Telling one from another)
 *
 * ```ts
 * import { OAuthError } from "@effect-ciba/core"
 *
 * const error = new OAuthError.InvalidScope({ code: "invalid_scope", status: 400, description: "no such scope" })
 *
 * String(error) // => "InvalidScope: the provider refuses the scope (invalid_scope, status 400): no such scope"
 * error.advice // => "Request only what the client is registered for, or have its registration extended."
 * ```
 *
 * @see RFC 6749 section 5.2, CIBA Core 1.0 sections 11 and 13
 */
import { identity, Option, Predicate, Record, Redacted, Schema } from "effect"
import { sanitize } from "../internal/DisplayText.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import * as ErrorResponse from "./ErrorResponse.ts"
import { findHint } from "./ProviderHabits.ts"
import type { Redact } from "./SecretRedaction.ts"
import type { JsonResponse } from "./Transport.ts"

/**
 * An error response, decoded.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type { OAuthError } from "./ErrorResponse.ts"

const define = ErrorResponse.fromTable({
  InvalidRequest: ["invalid_request", "the provider finds the request malformed", "fixRequest"],
  InvalidClient: [
    "invalid_client",
    "the provider does not accept the client's authentication: compare its method, its secret or key, and an assertion's audience",
    "fixClient"
  ],
  UnauthorizedClient: ["unauthorized_client", "the client is not registered for this", "fixClient"],
  InvalidScope: ["invalid_scope", "the provider refuses the scope", "fixGrant"],
  InvalidAuthorizationDetails: [
    "invalid_authorization_details",
    "the provider refuses the authorization details",
    "fixGrant"
  ],
  InvalidTarget: ["invalid_target", "the provider refuses the resource", "fixGrant"],
  InvalidGrantId: ["invalid_grant_id", "the provider does not accept the grant_id", "fixGrant"],
  UseDpopNonce: ["use_dpop_nonce", "the provider demands another nonce in each DPoP proof", "retry"],
  InvalidDpopProof: ["invalid_dpop_proof", "the provider does not accept the DPoP proof", "fixClient"],
  ServerError: ["server_error", "the provider failed to handle the request", "retry"],
  TemporarilyUnavailable: ["temporarily_unavailable", "the provider is overloaded or in maintenance", "retry"]
})

/**
 * The request is malformed, or lacks a parameter.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidRequest extends define<InvalidRequest>()("InvalidRequest") {}

/**
 * The provider does not accept the client's authentication: its method, key, secret or audience.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidClient extends define<InvalidClient>()("InvalidClient") {}

/**
 * The client may not do this, or, at some providers, has not authenticated.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class UnauthorizedClient extends define<UnauthorizedClient>()("UnauthorizedClient") {}

/**
 * The scope is unknown, malformed, or not for this client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidScope extends define<InvalidScope>()("InvalidScope") {}

/**
 * The details are of an unknown type, are malformed, or are not for this client (RFC 9396 section 5).
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidAuthorizationDetails extends define<InvalidAuthorizationDetails>()("InvalidAuthorizationDetails") {}

/**
 * The resource is unknown, malformed, or not for this client (RFC 8707 section 2).
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidTarget extends define<InvalidTarget>()("InvalidTarget") {}

/**
 * The grant is unknown, or is another client's or end-user's (Grant Management for OAuth 2.0).
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidGrantId extends define<InvalidGrantId>()("InvalidGrantId") {}

/**
 * The provider demands a nonce in the DPoP proof (RFC 9449 section 8), also after the proof had the last one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class UseDpopNonce extends define<UseDpopNonce>()("UseDpopNonce") {}

/**
 * The provider does not accept the DPoP proof (RFC 9449 section 5).
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidDpopProof extends define<InvalidDpopProof>()("InvalidDpopProof") {}

/**
 * The provider failed; the request may be in order.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ServerError extends define<ServerError>()("ServerError") {}

/**
 * The provider does not serve requests for now.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class TemporarilyUnavailable extends define<TemporarilyUnavailable>()("TemporarilyUnavailable") {}

/**
 * A code that this library does not know; `code` holds it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Unrecognized extends ErrorClass.make<Unrecognized>()(
  "Unrecognized",
  ErrorResponse.fields,
  ["the provider refuses the request", "lookUp"],
  {
    next: ({ status }) => {
      if (ErrorResponse.isTransientStatus(status)) return "retry"
      return status === 401 || status === 403 ? "fixClient" : "lookUp"
    },
    hint: (error) => findHint("Unrecognized", error)
  }
) {}

const classes = [
  InvalidRequest,
  InvalidClient,
  UnauthorizedClient,
  InvalidScope,
  InvalidAuthorizationDetails,
  InvalidTarget,
  InvalidGrantId,
  UseDpopNonce,
  InvalidDpopProof,
  ServerError,
  TemporarilyUnavailable
] as const

/**
 * The classes for error codes that every endpoint of the provider can send.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const common: typeof classes = classes

/**
 * The error in a response, if it has one. The status does not decide: servers differ in it (H17, T-6). `redact` takes out
 * the confidential values of the request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const fromResponse = (
  response: Pick<JsonResponse, "status" | "body" | "retryAfter">,
  redact: (text: string) => string = identity
): Option.Option<ErrorResponse.OAuthError> =>
  Option.map(
    Predicate.hasProperty(response.body, "error") ? decode(response.body) : Option.none(),
    ({ error, error_description, error_uri, ...additional }) => {
      const description = readText(error_description, redact)
      const uri = readText(error_uri, redact)
      return {
        code: sanitizeCode(error, redact),
        status: response.status,
        ...(description === undefined ? undefined : { description }),
        ...(uri === undefined ? undefined : { uri }),
        ...(response.retryAfter === undefined ? undefined : { retryAfter: response.retryAfter }),
        ...(Record.isEmptyRecord(additional)
          ? undefined
          : { additional: Redacted.make(additional, { label: "error response" }) })
      }
    }
  )

/**
 * A code for display. One of lower-case letters decides what happens, whatever the request was: it is left as it is.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const sanitizeCode = (code: string, redact: Redact): string =>
  sanitize(/^[a-z_]+$/.test(code) ? code : redact(code), 100)

/** A text of the response. A number or a boolean counts as text. */
const readText = (value: unknown, redact: Redact): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? sanitize(redact(`${value}`), 500)
    : undefined

const lenientText = Schema.optionalKey(Schema.Unknown)

const Body = Schema.StructWithRest(
  Schema.Struct({ error: Schema.NonEmptyString, error_description: lenientText, error_uri: lenientText }),
  [Schema.Record(Schema.String, Schema.Json)]
)

const decode = Schema.decodeUnknownOption(Body)
