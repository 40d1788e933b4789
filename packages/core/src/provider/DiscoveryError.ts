/**
 * Why the provider's metadata or keys could not be had.
 */
import { Schema } from "effect"
import { TransportError } from "../http/TransportError.ts"
import { toSingleLine } from "../internal/DisplayText.ts"

/** The document is not what its specification says. */
export class InvalidDocument extends Schema.TaggedError<InvalidDocument>()("InvalidDocument", {
  url: Schema.String,
  issues: Schema.String
}) {
  override get message(): string {
    return `${this.url} is not a valid document: ${toSingleLine(this.issues)}`
  }
}

/** The document names another issuer than the one that was asked for. */
export class IssuerMismatch extends Schema.TaggedError<IssuerMismatch>()("IssuerMismatch", {
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `The provider calls itself "${this.actual}", and not "${this.expected}" to the letter`
  }
}

/** The provider does not publish an endpoint that this step needs. */
export class MissingEndpoint extends Schema.TaggedError<MissingEndpoint>()("MissingEndpoint", {
  issuer: Schema.String,
  endpoint: Schema.String
}) {
  override get message(): string {
    return `The provider ${this.issuer} publishes no ${this.endpoint}`
  }
}

/** A failure of discovery (OpenID Connect Discovery 1.0, RFC 8414). */
export class DiscoveryError extends Schema.TaggedError<DiscoveryError>()("DiscoveryError", {
  reason: Schema.Union([TransportError, InvalidDocument, IssuerMismatch, MissingEndpoint])
}) {
  override get message(): string {
    return `Discovery: ${this.reason.message}`
  }
}
