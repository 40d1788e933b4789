/**
 * Requests that are authenticated as the client: a form for one of the provider's endpoints, with new credentials and a new
 * proof for each HTTP request.
 */
import { Effect, Redacted } from "effect"
import type { Headers, HttpClientRequest } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as InteractionId from "../http/InteractionId.ts"
import type { SenderConstraint } from "../http/SenderConstraint.ts"
import { form } from "../http/Transport.ts"
import { Discovery } from "./Discovery.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import * as ProviderMetadata from "./ProviderMetadata.ts"

/** The request without its client authentication. */
export interface Content {
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  readonly headers?: Headers.Input | undefined
  /** The sender constraint that adds a proof, if the request needs one. */
  readonly constraint?: SenderConstraint | undefined
}

/** Builds a request from the configured client to the configured provider. */
export type AuthenticatedRequest = (
  endpoint: ProviderMetadata.EndpointName,
  content: Content
) => Effect.Effect<HttpClientRequest.HttpClientRequest, DiscoveryError>

/** Builds authenticated requests. The parameters of client authentication replace those of the content with their names. */
export const make: Effect.Effect<AuthenticatedRequest, never, ClientRegistration | Discovery> = Effect.gen(
  function* () {
    const { authentication, clientId, mutualTls, profile } = yield* ClientRegistration
    const discovery = yield* Discovery

    return Effect.fnUntraced(function* (name, { constraint, headers, parameters }) {
      const metadata = yield* discovery.metadata
      const url = yield* ProviderMetadata.endpoint(metadata, name, mutualTls)
      const credentials = yield* authentication.credentials({ clientId, issuer: metadata.issuer, endpoint: url })
      const proof = constraint === undefined ? {} : yield* constraint.prove({ method: "POST", url })
      const own = Redacted.value(credentials.parameters)
      const taken = new Set(own.map(([parameter]) => parameter))
      return form(
        url,
        [...parameters.filter(([parameter]) => !taken.has(parameter)), ...own],
        headers ?? {},
        profile?.interactionIds === true ? yield* InteractionId.generateHeader : {},
        Redacted.value(credentials.headers),
        proof
      )
    })
  }
)
