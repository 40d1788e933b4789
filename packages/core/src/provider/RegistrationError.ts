/**
 * Why the provider did not register a client, or does not let it be managed.
 *
 * @see RFC 7591 section 3.2.2, RFC 7592
 */
import { Schema } from "effect"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import * as OAuthError from "../http/OAuthError.ts"
import { TransportError } from "../http/TransportError.ts"
import { toSingleLine } from "../internal/DisplayText.ts"

/** A redirect URI is not accepted. A CIBA client needs none. */
export class InvalidRedirectUri extends Schema.TaggedError<InvalidRedirectUri>()(
  "InvalidRedirectUri",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not accept a redirect URI")
  }
}

/** A member of the metadata is not accepted. */
export class InvalidClientMetadata extends Schema.TaggedError<InvalidClientMetadata>()(
  "InvalidClientMetadata",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not accept the client's metadata")
  }
}

/** The software statement is not valid. */
export class InvalidSoftwareStatement extends Schema.TaggedError<InvalidSoftwareStatement>()(
  "InvalidSoftwareStatement",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the software statement is not valid")
  }
}

/** The software statement is not approved at this provider. */
export class UnapprovedSoftwareStatement extends Schema.TaggedError<UnapprovedSoftwareStatement>()(
  "UnapprovedSoftwareStatement",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not approve of the software statement")
  }
}

/** The access token of the request is not accepted, or the client is gone. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", { status: Schema.Int }) {
  override get message(): string {
    return `the provider does not accept the access token, or the client is gone (status ${this.status})`
  }
}

/** The provider said success, and what it sent describes no client. */
export class InvalidRegistration extends Schema.TaggedError<InvalidRegistration>()("InvalidRegistration", {
  issues: Schema.String
}) {
  override get message(): string {
    return `the registration is not valid: ${toSingleLine(this.issues)}`
  }
}

/** The client has no way to be managed: the provider gave no URL, or no access token. */
export class Unmanaged extends Schema.TaggedError<Unmanaged>()("Unmanaged", {}) {
  override get message(): string {
    return "the provider gave no registration_client_uri and registration_access_token for this client"
  }
}

/** A registration that failed. */
export class RegistrationError extends Schema.TaggedError<RegistrationError>()("RegistrationError", {
  reason: Schema.Union([
    InvalidRedirectUri,
    InvalidClientMetadata,
    InvalidSoftwareStatement,
    UnapprovedSoftwareStatement,
    Unauthorized,
    OAuthError.Unrecognized,
    InvalidRegistration,
    Unmanaged,
    InvalidKey,
    TransportError
  ])
}) {
  override get message(): string {
    return `Client registration: ${this.reason.message}`
  }
}

/** The failure that an error answer of the registration endpoint stands for. */
export const fromOAuthError = (error: OAuthError.OAuthError): RegistrationError => {
  if (error.status === 401 || error.code === "invalid_token") {
    return new RegistrationError({ reason: new Unauthorized({ status: error.status }) })
  }
  const Reason = reasons.get(error.code) ?? OAuthError.Unrecognized
  return new RegistrationError({ reason: new Reason(error) })
}

const reasons = new Map<string, new (error: OAuthError.OAuthError) => RegistrationError["reason"]>([
  ["invalid_redirect_uri", InvalidRedirectUri],
  ["invalid_client_metadata", InvalidClientMetadata],
  ["invalid_software_statement", InvalidSoftwareStatement],
  ["unapproved_software_statement", UnapprovedSoftwareStatement]
])
