/**
 * Why the provider's metadata or keys are not available.
 *
 * **Example** (A provider without an endpoint)
 *
 * ```ts
 * import { DiscoveryError } from "@effect-ciba/core"
 *
 * const reason = new DiscoveryError.MissingEndpoint({ issuer: "https://op.example.com", endpoint: "revocation_endpoint" })
 *
 * const error = new DiscoveryError.DiscoveryError({ reason })
 *
 * error.message.startsWith("MissingEndpoint: the provider does not publish an endpoint") // => true
 * error.advice // => "Check the configured issuer, and the metadata that it publishes."
 * ```
 *
 * @see OpenID Connect Discovery 1.0, RFC 8414
 */
import { Schema } from "effect"
import { TransportError } from "../http/TransportError.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"

const define = ErrorClass.fromTable({
  InvalidDocument: ["the document is not valid", "fixDiscovery"],
  IssuerMismatch: [
    "the metadata names another issuer than the configured one; they are compared exactly",
    "fixDiscovery"
  ],
  MissingEndpoint: ["the provider does not publish an endpoint", "fixDiscovery"]
})

/**
 * The document is not what its specification says.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidDocument extends define<InvalidDocument>()("InvalidDocument", {
  url: Schema.String,
  issues: Schema.String
}) {}

/**
 * The document names another issuer than the configured one.
 *
 * @since 0.1.0
 * @stability stable
 */
export class IssuerMismatch extends define<IssuerMismatch>()("IssuerMismatch", {
  expected: Schema.String,
  actual: Schema.String
}) {}

/**
 * The provider does not publish an endpoint that this step needs.
 *
 * @since 0.1.0
 * @stability stable
 */
export class MissingEndpoint extends define<MissingEndpoint>()("MissingEndpoint", {
  issuer: Schema.String,
  endpoint: Schema.String
}) {}

/**
 * A failure of discovery.
 *
 * @since 0.1.0
 * @stability stable
 */
export class DiscoveryError extends ErrorClass.make<DiscoveryError>()(
  "DiscoveryError",
  { reason: Schema.Union([TransportError, InvalidDocument, IssuerMismatch, MissingEndpoint]) },
  ["the provider's metadata or keys are not available", "fixDiscovery"]
) {}
