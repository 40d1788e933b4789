/**
 * Why the provider did not register a client, or does not let it be managed.
 *
 * @see RFC 7591 section 3.2.2, RFC 7592
 */
import { Schema } from "effect"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import * as ErrorResponse from "../http/ErrorResponse.ts"
import { ServerError, TemporarilyUnavailable, Unrecognized } from "../http/OAuthError.ts"
import { TransportError } from "../http/TransportError.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"

const defineCode = ErrorResponse.fromTable({
  InvalidRedirectUri: ["invalid_redirect_uri", "the provider does not accept a redirect URI", "fixRequest"],
  InvalidClientMetadata: [
    "invalid_client_metadata",
    "the provider does not accept the client's metadata",
    "fixRequest"
  ],
  InvalidSoftwareStatement: ["invalid_software_statement", "the software statement is not valid", "fixRequest"],
  UnapprovedSoftwareStatement: [
    "unapproved_software_statement",
    "the software statement is not approved at this provider",
    "fixRequest"
  ]
})

const define = ErrorClass.fromTable({
  Unauthorized: ["the provider does not accept the access token, or does not know the client any more", "fixClient"],
  InvalidRegistration: ["the response describes no client", "reportToProvider"],
  Unmanaged: ["the provider gave no registration_client_uri and registration_access_token for this client", "fixCall"]
})

/** A redirect URI is not accepted. A CIBA client needs none. */
export class InvalidRedirectUri extends defineCode<InvalidRedirectUri>()("InvalidRedirectUri") {}

/** A member of the metadata is not accepted. */
export class InvalidClientMetadata extends defineCode<InvalidClientMetadata>()("InvalidClientMetadata") {}

/** The software statement is not valid. */
export class InvalidSoftwareStatement extends defineCode<InvalidSoftwareStatement>()("InvalidSoftwareStatement") {}

/** The software statement is not approved at this provider. */
export class UnapprovedSoftwareStatement extends defineCode<UnapprovedSoftwareStatement>()(
  "UnapprovedSoftwareStatement"
) {}

/** The access token of the request is not accepted, or the client was removed. */
export class Unauthorized extends define<Unauthorized>()("Unauthorized", { status: Schema.Int }) {}

/** The status says success, and the response describes no client. */
export class InvalidRegistration extends define<InvalidRegistration>()("InvalidRegistration", {
  issues: Schema.String
}) {}

/** The client cannot be managed: the provider gave no URL, or no access token. */
export class Unmanaged extends define<Unmanaged>()("Unmanaged", {}) {}

const coded = [
  InvalidRedirectUri,
  InvalidClientMetadata,
  InvalidSoftwareStatement,
  UnapprovedSoftwareStatement,
  ServerError,
  TemporarilyUnavailable
] as const

/**
 * A client that was not registered, read, updated or removed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class RegistrationError extends ErrorClass.make<RegistrationError>()(
  "RegistrationError",
  {
    reason: Schema.Union([
      ...coded,
      Unrecognized,
      Unauthorized,
      InvalidRegistration,
      Unmanaged,
      InvalidKey,
      TransportError
    ])
  },
  ["the client was not registered, read, updated or removed", "fixRequest"]
) {}

/** The failure for an error response of the registration endpoint. */
export const fromOAuthError = (error: ErrorResponse.OAuthError): RegistrationError => {
  const Reason = ErrorResponse.findClass(coded, error) ?? Unrecognized
  const isUnauthorized = error.status === 401 || error.code === "invalid_token"
  return new RegistrationError({
    reason: isUnauthorized ? new Unauthorized({ status: error.status }) : new Reason(error)
  })
}
