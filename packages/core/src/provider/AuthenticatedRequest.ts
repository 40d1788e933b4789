/**
 * Requests that are authenticated as the client: a form for one of the provider's endpoints, with new credentials and a new
 * proof for each HTTP request.
 */
import { Effect, Redacted, Result } from "effect"
import { memoize } from "effect/Function"
import type { Headers, HttpClientRequest } from "effect/http"
import type { Credentials, RequestTarget } from "../client/ClientAuthentication.ts"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import { setForm } from "../http/Form.ts"
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

/** Builds requests to one endpoint of the provider. */
export interface Endpoint<E> {
  readonly url: string
  readonly build: (content: Content) => Effect.Effect<HttpClientRequest.HttpClientRequest, E>
}

/** Builds a request from the configured client to the configured provider. */
export type AuthenticatedRequest<E> = (
  endpoint: ProviderMetadata.EndpointName,
  content: Content
) => Effect.Effect<HttpClientRequest.HttpClientRequest, DiscoveryError | E>

/** Builds authenticated requests to an endpoint by the provider's present metadata. */
export const make = <E>(
  toError: (problem: Problem) => E
): Effect.Effect<AuthenticatedRequest<E>, never, ClientRegistration | Discovery> =>
  Effect.zipWith(
    Discovery,
    makeEndpoint(toError),
    (discovery, endpointOf) => (name, content) =>
      Effect.flatMap(discovery.metadata, (metadata) =>
        Effect.flatMap(endpointOf(metadata, name), ({ build }) => build(content))
      )
  )

/**
 * The endpoints of a provider. The parameters of client authentication replace those of the content with their names; a
 * request whose credentials have a protocol parameter, or whose headers cannot be sent, fails with the error of `toError`.
 */
export const makeEndpoint = <E>(
  toError: (problem: Problem) => E
): Effect.Effect<
  (
    metadata: ProviderMetadata.ProviderMetadata,
    name: ProviderMetadata.EndpointName
  ) => Effect.Effect<Endpoint<E>, DiscoveryError>,
  never,
  ClientRegistration
> =>
  Effect.gen(function* () {
    const registration = yield* ClientRegistration
    const { authentication, mutualTls, profile } = registration
    const targetOf = makeTargetOf(registration)
    const interaction = profile?.interactionIds === true ? InteractionId.generateHeader : undefined

    const makeBuild = (target: RequestTarget): Endpoint<E>["build"] => {
      const bare = form(target.endpoint, [])
      return (content) =>
        Effect.flatMap(authentication.credentials(target), (credentials) =>
          Effect.flatMap(makeHeaders(target, content.constraint, interaction), (headers) => {
            const built = assemble(bare, content, readOwn(credentials), headers)
            return Result.isSuccess(built) ? Effect.succeed(built.success) : Effect.fail(toError(built.failure))
          })
        )
    }

    const endpointOf = memoize(
      (target: RequestTarget): Endpoint<E> => ({ url: target.endpoint, build: makeBuild(target) })
    )

    return (metadata, name) =>
      Effect.map(ProviderMetadata.endpoint(metadata, name, mutualTls), (url) => endpointOf(targetOf(metadata, url)))
  })

/** The headers that are new for each request: its interaction id, and its proof. */
const makeHeaders = (
  { endpoint }: RequestTarget,
  constraint: SenderConstraint | undefined,
  interaction: typeof InteractionId.generateHeader | undefined
): Effect.Effect<ReadonlyArray<Headers.Input>> => {
  const proof = constraint?.algorithm === undefined ? undefined : constraint.prove({ method: "POST", url: endpoint })
  const made = [interaction, proof].filter((header) => header !== undefined)
  return made.length === 0 ? noHeaders : Effect.all(made)
}

const noHeaders = Effect.succeed([])

/** The request with what client authentication, interaction id and proof add; later headers win. */
const assemble = (
  bare: HttpClientRequest.HttpClientRequest,
  { headers, parameters }: Content,
  own: ReturnType<typeof readOwn>,
  made: ReadonlyArray<Headers.Input>
): Result.Result<HttpClientRequest.HttpClientRequest, Problem> => {
  if (own.conflict !== undefined) return Result.fail(own.conflict)
  const all = [...parameters.filter(([parameter]) => !own.names.has(parameter)), ...own.parameters]
  const given = [headers, own.headers, ...made].filter(isGiven)
  if (given.length === 0) return Result.succeed(setForm(bare, all))
  const request = form(bare.url, all, ...given)
  const unsendable = findUnsendable(request)
  return unsendable === undefined ? Result.succeed(request) : Result.fail(unsendable)
}

const isGiven = (headers: Headers.Input | undefined): headers is Headers.Input =>
  headers !== undefined && (Symbol.iterator in headers || Object.keys(headers).length > 0)

/** The target of requests to an endpoint: one object for all of them, so that client authentication prepares itself once. */
const makeTargetOf = memoize(({ clientId }: ClientRegistration["Service"]) => {
  const targetsOf = memoize((_: ProviderMetadata.ProviderMetadata) => new Map<string, RequestTarget>())
  return (metadata: ProviderMetadata.ProviderMetadata, endpoint: string): RequestTarget => {
    const targets = targetsOf(metadata)
    const target = targets.get(endpoint) ?? { clientId, issuer: metadata.issuer, endpoint }
    targets.set(endpoint, target)
    return target
  }
})

/** What client authentication adds to a request: read once, if it is the same for several. */
const readOwn = memoize((credentials: Credentials) => {
  const parameters = Redacted.value(credentials.parameters)
  return {
    parameters,
    headers: Redacted.value(credentials.headers),
    names: new Set(parameters.map(([name]) => name)),
    conflict: findConflict(parameters)
  }
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
export const findUnsendable = ({ headers }: HttpClientRequest.HttpClientRequest): Problem | undefined => {
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
