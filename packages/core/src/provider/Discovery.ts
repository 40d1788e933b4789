/**
 * Discovery of the provider's metadata: fetched from its well-known URL, checked against the issuer, and cached.
 *
 * **When to use**
 *
 * `Ciba.layer` includes it. Use `layerStatic` for a provider without a discovery document, together with
 * `Ciba.layerNoDiscovery`; and `check` at the start of a program, to compare its registration with the metadata.
 *
 * **Details**
 *
 * - OpenID Connect Discovery appends the well-known path to the issuer; RFC 8414 inserts it between host and path. One
 *   `layout` is fetched, not both.
 * - The `issuer` of the document must equal the configured one by exact string comparison.
 * - Concurrent callers share one fetch. A failure is not cached.
 *
 * **Example** (Configured metadata)
 *
 * ```ts
 * import { Discovery } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.map(Discovery.metadata, (metadata) => metadata.token_endpoint).pipe(
 *   Effect.provide(
 *     Discovery.layerStatic({ issuer: "https://op.example.com", token_endpoint: "https://op.example.com/token" })
 *   )
 * )
 *
 * await Effect.runPromise(program) // => "https://op.example.com/token"
 * ```
 *
 * @see OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3
 */
import { Clock, Context, Duration, Effect, Layer, Predicate, Result, Schema, type Scope } from "effect"
import { HttpClientRequest, Url } from "effect/http"
import { redactUrl } from "../http/HttpUrl.ts"
import { ensureDuration, InvalidOption } from "../http/InvalidOption.ts"
import { failStatus, Transport } from "../http/Transport.ts"
import { sanitize, truncateIssues } from "../internal/DisplayText.ts"
import { DiscoveryError, InvalidDocument, IssuerMismatch } from "./DiscoveryError.ts"
import * as LastGood from "./LastGood.ts"
import { ProviderMetadata } from "./ProviderMetadata.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export { check, type Mismatch } from "./RegistrationCheck.ts"

/**
 * How the URL of the document is built from the issuer.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Layout = "openid-configuration" | "oauth-authorization-server"

/**
 * Which provider, and how its document is fetched.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  /** The issuer identifier, exactly as in the document. */
  readonly issuer: string
  /** How the URL is built from the issuer; `openid-configuration` by default. */
  readonly layout?: Layout | undefined
  /** How long a fetched document is used; one hour by default. */
  readonly lifetime?: Duration.Input | undefined
}

/**
 * The provider's metadata, from wherever a layer takes it.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Service {
  readonly metadata: Effect.Effect<ProviderMetadata, DiscoveryError>
}

/**
 * The source of the provider's metadata.
 *
 * @since 0.1.0
 * @stability stable
 */
export class Discovery extends Context.Service<Discovery, Service>()("@effect-ciba/core/Discovery") {}

/**
 * The provider's metadata.
 *
 * @since 0.1.0
 * @stability stable
 */
export const metadata: Effect.Effect<ProviderMetadata, DiscoveryError, Discovery> = Discovery.use(
  (discovery) => discovery.metadata
)

/**
 * Discovery over HTTP, cached as `Options` say.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, InvalidOption, Transport | Scope.Scope> {
  const problem = findIssuerProblem(options.issuer)
  if (problem !== undefined) return yield* new InvalidOption({ option: "issuer", problem })
  const url = documentUrl(options.issuer, options.layout ?? "openid-configuration")
  const lifetime = yield* ensureDuration("lifetime", options.lifetime ?? "1 hour")
  const transport = yield* Transport
  const fetch = Effect.provideService(fetchDocument(url, options.issuer), Transport, transport)
  const documents = yield* LastGood.make({
    fetch: Effect.zipWith(fetch, Clock.currentTimeMillis, (document, fetchedAt) => ({ document, fetchedAt })),
    lifetime: Duration.toMillis(lifetime)
  })
  return Discovery.of({ metadata: Effect.map(documents.current, ({ document }) => document) })
})

/**
 * Discovery over HTTP, cached as `Options` say.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = (options: Options): Layer.Layer<Discovery, InvalidOption, Transport> =>
  Layer.effect(Discovery, make(options))

/**
 * The metadata of a given document; nothing is fetched.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layerStatic = (document: unknown): Layer.Layer<Discovery, DiscoveryError> =>
  Layer.effect(
    Discovery,
    Effect.map(decode("the given metadata", document), (decoded) => Discovery.of({ metadata: Effect.succeed(decoded) }))
  )

/**
 * The URL of the document of an issuer.
 *
 * @since 0.1.0
 * @stability stable
 */
export const documentUrl = (issuer: string, layout: Layout): string => {
  const bare = issuer.replace(/\/$/, "")
  return layout === "openid-configuration"
    ? `${bare}/.well-known/${layout}`
    : bare.replace(/^([a-z]+:\/\/[^/]+)/i, `$1/.well-known/${layout}`)
}

/**
 * OpenID Connect Discovery 1.0 section 3: scheme, host, port and path alone. Errors show the issuer: a password would be in them.
 * Whether plain http may be sent, the transport says.
 */
const findIssuerProblem = (issuer: string): string | undefined => {
  if (/\s/.test(issuer)) return "it contains white space; remove it"
  if (/\/\.well-known(\/|$)/.test(issuer)) return "it is the URL of the metadata; give what precedes /.well-known/"
  if (/[?#]/.test(issuer)) return "it has a query or a fragment, which no issuer has"
  if (/^[^/]*\/\/[^/]*@/.test(issuer)) return "it has a user name or a password, which no issuer has"
  return /^https?:\/\/[^/]/i.test(issuer) && Result.isSuccess(Url.fromString(issuer))
    ? undefined
    : "it is no URL; an issuer begins with https://"
}

const fetchDocument = Effect.fnUntraced(function* (url: string, issuer: string) {
  const fetched = yield* fetchJson(url)
  if (!Predicate.hasProperty(fetched, "issuer")) {
    return yield* new DiscoveryError({ reason: new InvalidDocument({ url: redactUrl(url), issues: noIssuer }) })
  }
  const document = yield* decode(url, fetched)
  if (document.issuer === issuer) return document
  const reason = new IssuerMismatch({ expected: issuer, actual: sanitize(document.issuer) })
  return yield* new DiscoveryError({ reason })
})

/**
 * Fetches a JSON document with GET; fails for any status but 200. `accept` is for documents with a media type of their own.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fetchJson = (
  url: string,
  accept = "application/json"
): Effect.Effect<Schema.Json, DiscoveryError, Transport> =>
  Effect.mapError(getJson(url, accept), (reason) => new DiscoveryError({ reason }))

const getJson = Effect.fnUntraced(function* (url: string, accept: string) {
  const transport = yield* Transport
  const request = HttpClientRequest.accept(HttpClientRequest.get(url), accept)
  const response = yield* transport.send(request)
  return response.status === 200 ? (yield* transport.json(response)).body : yield* failStatus(response)
})

const noIssuer = "it is no metadata of a provider, which names its issuer; check the configured issuer"

const decode = (url: string, document: unknown) =>
  Effect.mapError(
    Schema.decodeUnknownEffect(ProviderMetadata)(document),
    (error) =>
      new DiscoveryError({ reason: new InvalidDocument({ url: redactUrl(url), issues: truncateIssues(error) }) })
  )
