/**
 * Registration over HTTP, and the management of what was registered.
 *
 * **Details**
 *
 * - `register` asks the provider for a client; `read`, `update` and `remove` manage it with its own access token.
 * - A provider may change what was asked: what it has is in `metadata`, and `changed` names the members.
 *
 * **Gotchas**
 *
 * - The client secret and the registration access token are shown once. Keep the whole `RegisteredClient`: its plain JSON
 *   codec refuses to encode them.
 *
 * **Example** (A client of one's own)
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
import { Context, DateTime, Effect, Equal, Layer, Option, Redacted, Schema } from "effect"
import { type Headers, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { ClientMetadata } from "../client/ClientMetadata.ts"
import { origin } from "../http/HttpUrl.ts"
import * as OAuthError from "../http/OAuthError.ts"
import * as Echo from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { cancelBody, type JsonResponse, makeError, Transport } from "../http/Transport.ts"
import type { TransportError } from "../http/TransportError.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import { Discovery } from "./Discovery.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import * as ProviderMetadata from "./ProviderMetadata.ts"
import { fromOAuthError, InvalidRegistration, RegistrationError, Unauthorized, Unmanaged } from "./RegistrationError.ts"

export { RegistrationError } from "./RegistrationError.ts"

const secret = (label: string): Schema.Redacted<Schema.NonEmptyString> =>
  Schema.Redacted(Schema.NonEmptyString, { label, disallowJsonEncode: true })

/** A client as the provider has it. */
export class RegisteredClient extends Schema.Class<RegisteredClient>("@effect-ciba/core/RegisteredClient")({
  clientId: Schema.NonEmptyString,
  clientSecret: Schema.optionalKey(secret("client secret")),
  /** When the secret ends; never, where there is no date. */
  clientSecretExpiresAt: Schema.optionalKey(Schema.DateTimeUtc),
  registrationClientUri: Schema.optionalKey(Schema.String),
  registrationAccessToken: Schema.optionalKey(secret("registration_access_token")),
  metadata: ClientMetadata,
  /** The members of the metadata that differ from what was asked. */
  changed: Schema.Array(Schema.String)
}) {}

/** What a registration may carry. */
export interface Options {
  /** The token that the provider gave for registering, where it wants one. */
  readonly initialAccessToken?: Redacted.Redacted<string> | undefined
  /** Whether that token is bound to the key of `Dpop.layer` (RFC 9449 7); `false` by default. */
  readonly dpopBound?: boolean | undefined
  /** Further headers; none takes the place of the library's own. */
  readonly headers?: Headers.Input | undefined
}

/** Registration and management. */
export interface Service {
  /** Sends the request for a new client, and gives the raw response. */
  readonly request: (
    metadata: ClientMetadata,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, RegistrationError | DiscoveryError>
  /** Reads a response: the client, or why there is none. */
  readonly process: (
    response: HttpClientResponse.HttpClientResponse,
    asked: ClientMetadata
  ) => Effect.Effect<RegisteredClient, RegistrationError>
  /** Sends and reads. */
  readonly register: (
    metadata: ClientMetadata,
    options?: Options
  ) => Effect.Effect<RegisteredClient, RegistrationError | DiscoveryError>
  /** The client as the provider has it now. */
  readonly read: (client: RegisteredClient) => Effect.Effect<RegisteredClient, RegistrationError>
  /** Puts other metadata in the place of what is registered. */
  readonly update: (
    client: RegisteredClient,
    metadata: ClientMetadata
  ) => Effect.Effect<RegisteredClient, RegistrationError>
  /** Ends the registration. */
  readonly remove: (client: RegisteredClient) => Effect.Effect<void, RegistrationError>
}

/** The registration endpoint. */
export class DynamicRegistration extends Context.Service<DynamicRegistration, Service>()(
  "@effect-ciba/core/DynamicRegistration"
) {}

/** The endpoint of the provider at hand. */
export const make: Effect.Effect<Service, never, Discovery | Transport> = /* @__PURE__ */ Effect.gen(function* () {
  const discovery = yield* Discovery
  const transport = yield* Transport
  const constraint = yield* SenderConstraint.SenderConstraint

  const send = (
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, RegistrationError> =>
    Effect.mapError(transport.send(request), faulty)

  const answered = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<JsonResponse, RegistrationError> =>
    response.status === 401
      ? Effect.andThen(
          cancelBody(response),
          Effect.fail(new RegistrationError({ reason: new Unauthorized({ status: 401 }) }))
        )
      : Effect.mapError(transport.json(response), faulty)

  const process = Effect.fnUntraced(function* (
    response: HttpClientResponse.HttpClientResponse,
    asked: ClientMetadata,
    known?: RegisteredClient
  ): Effect.fn.Return<RegisteredClient, RegistrationError> {
    const answer = yield* answered(response)
    const error = OAuthError.fromResponse(answer, Echo.ofRequest(response.request))
    if (Option.isSome(error)) return yield* fromOAuthError(error.value)
    if (answer.status !== 200 && answer.status !== 201) {
      return yield* faulty(makeError("UnexpectedStatus", answer, answer.status, answer.retryAfter))
    }
    const body = yield* Effect.mapError(
      decodeBody(answer.body),
      (error) => new RegistrationError({ reason: new InvalidRegistration({ issues: truncateIssues(error) }) })
    )
    if (known !== undefined && body.client_id !== known.clientId) {
      const issues = `client_id is that of another client: ${sanitize(body.client_id)}`
      return yield* new RegistrationError({ reason: new InvalidRegistration({ issues }) })
    }
    return registered(body, asked, known)
  })

  const managed = Effect.fnUntraced(function* (
    client: RegisteredClient,
    method: "GET" | "PUT" | "DELETE"
  ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, RegistrationError> {
    const { registrationAccessToken: token, registrationClientUri: url } = client
    if (token === undefined || url === undefined) return yield* new RegistrationError({ reason: new Unmanaged() })
    return HttpClientRequest.make(method)(url).pipe(
      HttpClientRequest.acceptJson,
      HttpClientRequest.setHeader("authorization", `Bearer ${Redacted.value(token)}`)
    )
  })

  /** The token with a fresh proof. */
  const bound = (
    accessToken: Redacted.Redacted<string>,
    url: string
  ): Effect.Effect<Readonly<Record<string, string>>> =>
    Effect.map(constraint.prove({ method: "POST", url, accessToken }), (proof) => ({
      ...proof,
      authorization: `DPoP ${Redacted.value(accessToken)}`
    }))

  const request: Service["request"] = Effect.fnUntraced(function* (metadata, options = {}) {
    const url = yield* ProviderMetadata.endpoint(yield* discovery.metadata, "registration_endpoint")
    const { dpopBound = false, headers = {}, initialAccessToken: token } = options
    if (dpopBound && constraint.tokenType !== "DPoP")
      return yield* new RegistrationError({ reason: SenderConstraint.missingKeyError() })
    const bearer = token === undefined ? {} : { authorization: `Bearer ${Redacted.value(token)}` }
    const attempt = Effect.flatMap(
      dpopBound && token !== undefined ? bound(token, url) : Effect.succeed(bearer),
      (authorization) =>
        send(
          HttpClientRequest.post(url).pipe(
            HttpClientRequest.setHeaders(headers),
            HttpClientRequest.acceptJson,
            HttpClientRequest.setHeaders(authorization),
            HttpClientRequest.bodyText(encodeJson(metadata), "application/json")
          )
        )
    )
    return yield* SenderConstraint.retryWithNonce(dpopBound ? constraint : undefined, attempt, {
      isDemand: ({ headers, status }) => status === 401 && headers["dpop-nonce"] !== undefined,
      discard: cancelBody
    })
  })

  return DynamicRegistration.of({
    request,
    process: (response, asked) => process(response, asked),
    register: (metadata, options) =>
      Effect.flatMap(request(metadata, options), (response) => process(response, metadata)),
    read: Effect.fnUntraced(function* (client) {
      const response = yield* send(yield* managed(client, "GET"))
      return yield* process(response, client.metadata, client)
    }),
    update: Effect.fnUntraced(function* (client, metadata) {
      const { clientId: client_id, clientSecret } = client
      const body = encodeJson({
        ...metadata,
        client_id,
        ...(clientSecret === undefined ? undefined : { client_secret: Redacted.value(clientSecret) })
      })
      const built = HttpClientRequest.bodyText(yield* managed(client, "PUT"), body, "application/json")
      return yield* process(yield* send(built), metadata, client)
    }),
    remove: Effect.fnUntraced(function* (client) {
      const response = yield* send(yield* managed(client, "DELETE"))
      if (response.status === 204 || response.status === 200) return yield* cancelBody(response)
      const answer = yield* answered(response)
      return yield* Option.match(OAuthError.fromResponse(answer, Echo.ofRequest(response.request)), {
        onNone: () => Effect.fail(faulty(makeError("UnexpectedStatus", answer, answer.status, answer.retryAfter))),
        onSome: (error) => Effect.fail(fromOAuthError(error))
      })
    })
  })
})

/** The endpoint as a layer. There is no client yet: it needs metadata and transport alone. */
export const layer = (): Layer.Layer<DynamicRegistration, never, Discovery | Transport> =>
  Layer.effect(DynamicRegistration, make)

/** Registers a client. */
export const register = (
  metadata: ClientMetadata,
  options?: Options
): Effect.Effect<RegisteredClient, RegistrationError | DiscoveryError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.register(metadata, options))

/** The client as the provider has it now. */
export const read = (
  client: RegisteredClient
): Effect.Effect<RegisteredClient, RegistrationError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.read(client))

/** Puts other metadata in the place of what is registered. */
export const update = (
  client: RegisteredClient,
  metadata: ClientMetadata
): Effect.Effect<RegisteredClient, RegistrationError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.update(client, metadata))

/** Ends the registration. */
export const remove = (client: RegisteredClient): Effect.Effect<void, RegistrationError, DynamicRegistration> =>
  DynamicRegistration.use((registration) => registration.remove(client))

const seconds = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000 })))

const own = Schema.Struct({
  client_id: Schema.NonEmptyString,
  client_secret: Schema.optionalKey(Schema.NonEmptyString),
  client_id_issued_at: seconds,
  client_secret_expires_at: seconds,
  registration_client_uri: Schema.optionalKey(Schema.String),
  registration_access_token: Schema.optionalKey(Schema.NonEmptyString)
})

const Body = /* @__PURE__ */ Schema.StructWithRest(own, [Schema.Record(Schema.String, Schema.Unknown)]).pipe(
  Schema.check(Schema.makeFilter((body) => Schema.is(ClientMetadata)(body), { expected: "the metadata of a client" }))
)

const decodeBody = /* @__PURE__ */ Schema.decodeUnknownEffect(Body, { errors: "all" })

const encodeJson = /* @__PURE__ */ Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const registered = (
  body: typeof Body.Type,
  asked: ClientMetadata,
  known: RegisteredClient | undefined
): RegisteredClient => {
  const {
    client_id,
    client_id_issued_at: _issued,
    client_secret,
    client_secret_expires_at,
    registration_access_token,
    registration_client_uri,
    ...metadata
  } = body
  const clientSecret =
    client_secret === undefined ? known?.clientSecret : Redacted.make(client_secret, { label: "client secret" })
  const uri = registration_client_uri ?? known?.registrationClientUri
  const token =
    registration_access_token !== undefined
      ? Redacted.make(registration_access_token, { label: "registration_access_token" })
      : isSameOrigin(uri, known?.registrationClientUri)
        ? known?.registrationAccessToken
        : undefined
  return new RegisteredClient({
    clientId: client_id,
    ...(clientSecret === undefined ? undefined : { clientSecret }),
    ...(client_secret_expires_at
      ? { clientSecretExpiresAt: DateTime.fromEpochSeconds(client_secret_expires_at) }
      : undefined),
    ...(uri === undefined ? undefined : { registrationClientUri: uri }),
    ...(token === undefined ? undefined : { registrationAccessToken: token }),
    metadata,
    changed: Object.keys(asked).filter((name) => !Equal.equals(asked[name], metadata[name]))
  })
}

/** A token goes where it was issued for, and not to another server. */
const isSameOrigin = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && origin(one) !== undefined && origin(one) === origin(other)

const faulty = (reason: TransportError): RegistrationError => new RegistrationError({ reason })
