/**
 * Dynamic client registration over HTTP, and the management of registered clients.
 *
 * **When to use**
 *
 * For a provider that registers clients at a `registration_endpoint`. `ClientMetadata.make` builds the document; its
 * options and those of `ClientRegistration` then have to agree.
 *
 * **Details**
 *
 * - `register` needs `Discovery` and `Transport` alone. `read`, `update` and `remove` call the URL that the provider gave
 *   for the client, with the registration access token that it gave with it.
 * - A provider may replace what was requested: `metadata` holds what it registered, and `changed` names the members that
 *   differ from the request.
 *
 * **Gotchas**
 *
 * - The provider sends the client secret and the registration access token once. Store the whole `RegisteredClient`; its
 *   plain JSON codec refuses to encode them.
 *
 * **Example** (Registering a client)
 *
 * ```ts
 * import { ClientMetadata, Discovery, DynamicRegistration, Transport } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const provider = HttpClient.make((request) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(request, Response.json({ client_id: "c-1", client_secret: "s" }, { status: 201 }))
 *   )
 * )
 *
 * const registered = Effect.gen(function* () {
 *   const metadata = yield* ClientMetadata.make({
 *     deliveryMode: "poll",
 *     tokenEndpointAuthMethod: "client_secret_basic"
 *   })
 *   return yield* DynamicRegistration.register(metadata)
 * }).pipe(
 *   Effect.provide(DynamicRegistration.layer()),
 *   Effect.provide(Transport.layer()),
 *   Effect.provide(
 *     Discovery.layerStatic({ issuer: "https://op.example.com", registration_endpoint: "https://op.example.com/reg" })
 *   ),
 *   Effect.provideService(HttpClient.HttpClient, provider)
 * )
 *
 * const { clientId, clientSecret } = await Effect.runPromise(registered)
 * ;[clientId, clientSecret && Redacted.value(clientSecret)] // => ["c-1", "s"]
 * ```
 *
 * @see RFC 7591, RFC 7592
 */
import { Context, DateTime, Effect, Equal, Layer, Option, Predicate, Redacted, Schema, Struct } from "effect"
import { type Headers, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { ClientMetadata, ForeignClientMetadata } from "../client/ClientMetadata.ts"
import { origin } from "../http/HttpUrl.ts"
import * as OAuthError from "../http/OAuthError.ts"
import * as SecretRedaction from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { cancelBody, type JsonResponse, makeStatusError, Transport } from "../http/Transport.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import { EpochSeconds } from "../internal/EpochSeconds.ts"
import * as ForeignMember from "../internal/ForeignMember.ts"
import * as SecretText from "../internal/SecretText.ts"
import { Discovery } from "./Discovery.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import * as ProviderMetadata from "./ProviderMetadata.ts"
import { fromOAuthError, InvalidRegistration, RegistrationError, Unauthorized, Unmanaged } from "./RegistrationError.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export {
  InvalidClientMetadata,
  InvalidRedirectUri,
  InvalidRegistration,
  InvalidSoftwareStatement,
  RegistrationError,
  UnapprovedSoftwareStatement,
  Unauthorized,
  Unmanaged
} from "./RegistrationError.ts"

const secret = (label: string): Schema.Redacted<Schema.NonEmptyString> =>
  Schema.Redacted(Schema.NonEmptyString, { label, disallowJsonEncode: true })

/**
 * A client as the provider has registered it: the client information response (RFC 7591 section 3.2.1).
 *
 * @since 0.1.0
 * @stability unstable
 */
export class RegisteredClient extends Schema.Class<RegisteredClient>("@effect-ciba/core/RegisteredClient")({
  clientId: Schema.NonEmptyString,
  clientSecret: Schema.optionalKey(secret("client secret")),
  /** When the secret expires; absent if it does not expire. */
  clientSecretExpiresAt: Schema.optionalKey(Schema.DateTimeUtc),
  /** The URL of the client configuration endpoint (RFC 7592). */
  registrationClientUri: Schema.optionalKey(Schema.String),
  registrationAccessToken: Schema.optionalKey(secret("registration_access_token")),
  metadata: ClientMetadata,
  /** The members of the metadata that differ from what was requested. */
  changed: Schema.Array(Schema.String)
}) {}

/**
 * How a registration request is sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The initial access token, for a provider that does not register clients without one (RFC 7591 section 3). */
  readonly initialAccessToken?: Redacted.Redacted<string> | undefined
  /** Whether that token is bound to the key of `Dpop.layer` (RFC 9449 section 7); `false` by default. */
  readonly dpopBound?: boolean | undefined
  /** Additional headers. None replaces one that the library sets. */
  readonly headers?: Headers.Input | undefined
}

/**
 * Registration and management.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** The first half of `register`: sends the request and gives the raw response, its body unread. */
  readonly request: (
    metadata: ClientMetadata,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, RegistrationError | DiscoveryError>
  /** The second half of `register`: reads the response to a request for `requested`. */
  readonly process: (
    response: HttpClientResponse.HttpClientResponse,
    requested: ClientMetadata
  ) => Effect.Effect<RegisteredClient, RegistrationError>
  /** Registers a client (RFC 7591). */
  readonly register: (
    metadata: ClientMetadata,
    options?: Options
  ) => Effect.Effect<RegisteredClient, RegistrationError | DiscoveryError>
  /** Reads the current registration (RFC 7592 section 2.1). */
  readonly read: (client: RegisteredClient) => Effect.Effect<RegisteredClient, RegistrationError>
  /** Replaces the registered metadata (RFC 7592 section 2.2). */
  readonly update: (
    client: RegisteredClient,
    metadata: ClientMetadata
  ) => Effect.Effect<RegisteredClient, RegistrationError>
  /** Deletes the registration (RFC 7592 section 2.3). */
  readonly remove: (client: RegisteredClient) => Effect.Effect<void, RegistrationError>
}

/**
 * The registration endpoint.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class DynamicRegistration extends Context.Service<DynamicRegistration, Service>()(
  "@effect-ciba/core/DynamicRegistration"
) {}

/**
 * The registration endpoint of the configured provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make: Effect.Effect<Service, never, Discovery | Transport> = Effect.gen(function* () {
  const discovery = yield* Discovery
  const transport = yield* Transport
  const constraint = yield* SenderConstraint.SenderConstraint
  const { manage, process, send } = makeExchange(transport)

  const request: Service["request"] = Effect.fnUntraced(function* (metadata, options = {}) {
    const url = yield* ProviderMetadata.endpoint(yield* discovery.metadata, "registration_endpoint")
    const { dpopBound = false, headers = {}, initialAccessToken: accessToken } = options
    if (dpopBound && constraint.tokenType !== "DPoP") return yield* fail(SenderConstraint.missingKeyError())
    /** Each attempt has a fresh proof of the access token's key. */
    const attempt = Effect.gen(function* () {
      const proof = dpopBound && accessToken ? yield* constraint.prove({ method: "POST", url, accessToken }) : {}
      const scheme = dpopBound ? "DPoP" : "Bearer"
      const authorization = accessToken && { authorization: `${scheme} ${Redacted.value(accessToken)}` }
      return yield* HttpClientRequest.post(url).pipe(
        HttpClientRequest.setHeaders(headers),
        HttpClientRequest.acceptJson,
        HttpClientRequest.setHeaders({ ...proof, ...authorization }),
        HttpClientRequest.bodyJsonUnsafe(metadata),
        send
      )
    })
    return yield* SenderConstraint.retryWithNonce(dpopBound ? constraint : undefined, attempt, {
      isDemand: ({ headers, status }) => status === 401 && headers["dpop-nonce"] !== undefined,
      discard: cancelBody
    })
  })

  return DynamicRegistration.of({
    request,
    process,
    register: (metadata, options) =>
      Effect.flatMap(request(metadata, options), (response) => process(response, metadata)),
    read: (client) => Effect.flatMap(manage(client, "GET"), (response) => process(response, client.metadata, client)),
    update: (client, metadata) => {
      const client_secret = client.clientSecret && Redacted.value(client.clientSecret)
      const replaced = manage(client, "PUT", { ...metadata, client_id: client.clientId, client_secret })
      return Effect.flatMap(replaced, (response) => process(response, metadata, client))
    },
    remove: Effect.fnUntraced(function* (client) {
      const response = yield* manage(client, "DELETE")
      yield* [200, 204].includes(response.status) ? cancelBody(response) : readJson(transport, response)
    })
  })
})

/**
 * The registration endpoint. It reads no `ClientRegistration`: there is no client yet.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (): Layer.Layer<DynamicRegistration, never, Discovery | Transport> =>
  Layer.effect(DynamicRegistration, make)

/**
 * Registers a client (RFC 7591).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const register = (
  metadata: ClientMetadata,
  options?: Options
): Effect.Effect<RegisteredClient, RegistrationError | DiscoveryError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.register(metadata, options))

/**
 * Reads the current registration (RFC 7592 section 2.1).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const read = (
  client: RegisteredClient
): Effect.Effect<RegisteredClient, RegistrationError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.read(client))

/**
 * Replaces the registered metadata (RFC 7592 section 2.2).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const update = (
  client: RegisteredClient,
  metadata: ClientMetadata
): Effect.Effect<RegisteredClient, RegistrationError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.update(client, metadata))

/**
 * Deletes the registration (RFC 7592 section 2.3).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const remove = (client: RegisteredClient): Effect.Effect<void, RegistrationError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.remove(client))

/** Without its id and its secret a client is none; a registration with other odd members is made, and its secret sent once. */
const own = Schema.Struct({
  client_id: Schema.NonEmptyString,
  client_secret: ForeignMember.secret("client secret"),
  client_id_issued_at: Schema.optionalKey(Schema.Unknown),
  client_secret_expires_at: ForeignMember.lenient(
    Schema.Union([EpochSeconds, Schema.FiniteFromString.pipe(Schema.decodeTo(EpochSeconds))])
  ),
  registration_client_uri: ForeignMember.text,
  registration_access_token: ForeignMember.lenient(SecretText.make("registration_access_token"))
})

const Body = Schema.StructWithRest(own, [Schema.Record(Schema.String, Schema.Unknown)])

/** The registered metadata: what is not about the registration itself. */
const decodeMetadata = (body: typeof Body.Type) => decodeForeign(Struct.omit(body, Struct.keys(own.fields)))

const decodeForeign = Schema.decodeUnknownEffect(ForeignClientMetadata)

const decodeBody = Schema.decodeUnknownEffect(Body, { errors: "all" })

/** Sends requests and reads their responses: the part that needs the transport alone. */
const makeExchange = (transport: Transport["Service"]) => {
  const send = (request: HttpClientRequest.HttpClientRequest) => Effect.catch(transport.send(request), fail)

  const process = Effect.fnUntraced(function* (
    response: HttpClientResponse.HttpClientResponse,
    requested: ClientMetadata,
    known?: RegisteredClient
  ) {
    const json = yield* readJson(transport, response, isRegistration)
    const body = yield* Effect.catch(decodeBody(json), (error) => invalid(truncateIssues(error)))
    const metadata = yield* Effect.catch(decodeMetadata(body), (error) => invalid(truncateIssues(error)))
    return known === undefined || body.client_id === known.clientId
      ? toRegisteredClient(body, metadata, requested, known)
      : yield* invalid(`client_id is that of another client: ${sanitize(body.client_id)}`)
  })

  /** A request to the client configuration endpoint (RFC 7592 section 2). */
  const manage = Effect.fnUntraced(function* (
    { registrationAccessToken: token, registrationClientUri: url }: RegisteredClient,
    method: "GET" | "PUT" | "DELETE",
    body?: ClientMetadata
  ) {
    if (token === undefined || url === undefined) return yield* fail(new Unmanaged())
    const request = HttpClientRequest.make(method)(url).pipe(
      HttpClientRequest.acceptJson,
      HttpClientRequest.bearerToken(token)
    )
    return yield* send(body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body))
  })

  return { manage, process, send }
}

/** A client that has been registered is not thrown away over the status, which may be 202 or 206 as well. */
const isRegistration = ({ body, status }: JsonResponse): boolean =>
  status === 200 || status === 201 || ([202, 206].includes(status) && Predicate.hasProperty(body, "client_id"))

/** The JSON of an expected response. Everything else is a failure, an error at any status included. */
const readJson = Effect.fnUntraced(function* (
  transport: Transport["Service"],
  response: HttpClientResponse.HttpClientResponse,
  isExpected: (response: JsonResponse) => boolean = () => false
) {
  if (response.status === 401) {
    yield* cancelBody(response)
    return yield* fail(new Unauthorized({ status: 401 }))
  }
  const json = yield* Effect.catch(transport.json(response), fail)
  const error = OAuthError.fromResponse(json, SecretRedaction.ofRequest(response.request))
  if (Option.isSome(error)) return yield* fromOAuthError(error.value)
  return isExpected(json) ? json.body : yield* fail(makeStatusError(json))
})

/** The client that a response describes. What the provider does not repeat is taken from what was known of the client. */
const toRegisteredClient = (
  body: typeof Body.Type,
  metadata: ClientMetadata,
  requested: ClientMetadata,
  known?: RegisteredClient
) => {
  const {
    client_id: clientId,
    client_secret: clientSecret = known?.clientSecret,
    client_secret_expires_at: expiresAt,
    registration_client_uri: registrationClientUri = known?.registrationClientUri,
    registration_access_token: issuedToken
  } = body
  const mayKeepToken = isSameOrigin(registrationClientUri, known?.registrationClientUri)
  const registrationAccessToken = issuedToken ?? (mayKeepToken ? known?.registrationAccessToken : undefined)
  return new RegisteredClient({
    clientId,
    ...(clientSecret && { clientSecret }),
    ...(expiresAt && { clientSecretExpiresAt: DateTime.fromEpochSeconds(expiresAt) }),
    ...(registrationClientUri === undefined ? undefined : { registrationClientUri }),
    ...(registrationAccessToken && { registrationAccessToken }),
    metadata,
    changed: Object.keys(requested).filter((name) => !Equal.equals(requested[name], metadata[name]))
  })
}

/** Whether a registration access token may be sent to `one`: it was issued for `other`, and goes to no other server. */
const isSameOrigin = (one = "", other = ""): boolean => origin(one) !== undefined && origin(one) === origin(other)

const fail = (reason: RegistrationError["reason"]) => Effect.fail(new RegistrationError({ reason }))

const invalid = (issues: string) => fail(new InvalidRegistration({ issues }))
