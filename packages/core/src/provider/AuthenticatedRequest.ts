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
import { sanitize } from "../internal/DisplayText.ts"
import { Discovery } from "./Discovery.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import * as ParameterNames from "./ParameterNames.ts"
import * as ProviderMetadata from "./ProviderMetadata.ts"

/** The request without its client authentication. */
export interface Content {
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  readonly headers?: Headers.Input | undefined
  /** The sender constraint that adds a proof, if the request needs one. */
  readonly constraint?: SenderConstraint | undefined
}

/** A parameter or header that cannot be sent, and what is wrong with it. */
export interface Problem {
  readonly parameter: string
  readonly problem: string
}

/** Builds a request from the configured client to the configured provider. */
export type AuthenticatedRequest<E> = (
  endpoint: ProviderMetadata.EndpointName,
  content: Content
) => Effect.Effect<HttpClientRequest.HttpClientRequest, DiscoveryError | E>

/**
 * Builds authenticated requests. The parameters of client authentication replace those of the content with their names; a
 * request whose credentials have a protocol parameter, or whose headers cannot be sent, fails with the error of `toError`.
 */
export const make = <E>(
  toError: (problem: Problem) => E
): Effect.Effect<AuthenticatedRequest<E>, never, ClientRegistration | Discovery> =>
  Effect.gen(function* () {
    const { authentication, clientId, mutualTls, profile } = yield* ClientRegistration
    const discovery = yield* Discovery

    return Effect.fnUntraced(function* (name, { constraint, headers, parameters }) {
      const metadata = yield* discovery.metadata
      const url = yield* ProviderMetadata.endpoint(metadata, name, mutualTls)
      const credentials = yield* authentication.credentials({ clientId, issuer: metadata.issuer, endpoint: url })
      const own = Redacted.value(credentials.parameters)
      const taken = new Set(own.map(([parameter]) => parameter))
      const conflict = findConflict(own)
      if (conflict !== undefined) return yield* Effect.fail(toError(conflict))
      const proof = constraint === undefined ? {} : yield* constraint.prove({ method: "POST", url })
      const request = form(
        url,
        [...parameters.filter(([parameter]) => !taken.has(parameter)), ...own],
        headers ?? {},
        profile?.interactionIds === true ? yield* InteractionId.generateHeader : {},
        Redacted.value(credentials.headers),
        proof
      )
      const unsendable = findUnsendable(request)
      return unsendable === undefined ? request : yield* Effect.fail(toError(unsendable))
    })
  })

/** A parameter of client authentication that is one of the protocol, or that is given twice. */
const findConflict = (own: Content["parameters"]): Problem | undefined => {
  const names = own.map(([name]) => name)
  const conflict = names.find(
    (name, index) =>
      names.indexOf(name) !== index ||
      ParameterNames.authenticationRequest.has(name) ||
      ParameterNames.tokenRequest.has(name)
  )
  return conflict === undefined
    ? undefined
    : {
        parameter: sanitize(conflict),
        problem: names.includes(conflict, names.indexOf(conflict) + 1)
          ? "client authentication gives it twice"
          : "client authentication may not set it: it is a parameter of the request"
      }
}

/** A header that no HTTP client sends (RFC 9110 section 5.5). */
const findUnsendable = ({ headers }: HttpClientRequest.HttpClientRequest): Problem | undefined => {
  const header = Object.entries(headers).find(([name, value]) => !fieldName.test(name) || !fieldValue.test(value))
  return header === undefined
    ? undefined
    : {
        parameter: `header ${sanitize(header[0])}`,
        problem: "its name must be a token, and its value Latin-1 without control characters"
      }
}

const fieldName = /^[\w!#$%&'*+.^`|~-]+$/

const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
