/**
 * The TLS connections of a client: the certificate that it presents, and the certificate authorities that it trusts.
 *
 * **When to use**
 *
 * `NodeCiba.layer` makes it from its option `tls`. Provide it to `Ciba.layer`, or to an HTTP client of your own, if you
 * compose the layers yourself.
 *
 * **Details**
 *
 * - TLS 1.3, and 1.2 with the cipher suites that BCP 195 recommends. The server's certificate is always verified.
 * - Requests have a `User-Agent`, and bodies that a server has compressed (gzip, deflate, br, zstd) are decoded; none is
 *   asked for.
 * - With `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`, as Node.js documents them, requests go by the proxies of `HTTP_PROXY`,
 *   `HTTPS_PROXY` and `NO_PROXY`. TLS is with the server all the same: a proxy sees neither a request to https nor the client's
 *   certificate.
 * - A body that its caller reads at once, within a limit (`Transport.BodyLimit`), is collected as it arrives.
 * - A request with a `Transport.SendCheck` is looked at when it is written: not before it has a connection.
 * - Connections are HTTP/1.1: over HTTP/2, undici may send a request a second time on a new connection.
 * - A certificate or authorities given as an effect, such as `CertificateFiles.pem`, are read again every minute. After a
 *   change new requests use new connections, while requests in flight finish on the old ones. What cannot be used is
 *   logged as a warning, and the connections stay as they are until the next reading.
 *
 * **Example** (Another certificate authority than the system's)
 *
 * ```ts
 * import { CertificateFiles, NodeTls } from "@effect-ciba/platform-node"
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const program = HttpClient.get("https://op.example.com/.well-known/openid-configuration").pipe(
 *   Effect.provide(NodeTls.layer({ authorities: CertificateFiles.authorities("/run/certs/ca.crt") }))
 * )
 *
 * const error = await Effect.runPromise(Effect.flip(program))
 * error._tag // => "CertificateError"
 * ```
 *
 * @see RFC 8705, RFC 9325 (BCP 195)
 */
import { createSecureContext, type SecureContext } from "node:tls"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import type { Transport } from "@effect-ciba/core"
import { Duration, Effect, Equal, Exit, Layer, Scope } from "effect"
import { HttpClient } from "effect/http"
import type { CertificateError, ClientCertificate } from "./ClientCertificate.ts"
import * as CertificateCheck from "./internal/CertificateCheck.ts"
import * as CollectingClient from "./internal/CollectingClient.ts"
import * as EnvironmentProxy from "./internal/EnvironmentProxy.ts"
import * as TlsVersion from "./internal/TlsVersion.ts"
import * as WriteCheck from "./internal/WriteCheck.ts"

/**
 * What the client presents and trusts.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  /** The client's certificate, or the effect that reads it; none by default. */
  readonly client?: ClientCertificate | Effect.Effect<ClientCertificate, CertificateError> | undefined
  /** The certificate authorities that the client trusts, as PEM, or the effect that reads them; the system's by default. */
  readonly authorities?:
    | string
    | ReadonlyArray<string>
    | Effect.Effect<string | ReadonlyArray<string>, CertificateError>
    | undefined
  /** How often the effects are run again; one minute by default, one second at least. */
  readonly reloadEvery?: Duration.Input | undefined
}

/**
 * An HTTP client over undici with connections of its own. It fails if the certificate or the authorities cannot be used,
 * or if a proxy of the environment is not named by its URL.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = (
  options: Options
): Layer.Layer<HttpClient.HttpClient, CertificateError | Transport.InvalidOption> =>
  // A layer of its own for each call: layerUndiciNoDispatcher is a constant that Effect would build once, and a second client
  // in the same program would get the connections of the first, with its certificate. A fresh one, built anew in each place,
  // would make one client two.
  Layer.provide(
    HttpClient.layerMergedContext(CollectingClient.make),
    Layer.effect(NodeHttpClient.Dispatcher, makeDispatcher(options))
  )

/** A dispatcher for requests to connections that can be replaced. */
class ReplaceableDispatcher extends Undici.Dispatcher {
  connections: Connections
  constructor(connections: Connections) {
    super()
    this.connections = connections
  }
  override dispatch(options: Undici.Dispatcher.DispatchOptions, handler: Undici.Dispatcher.DispatchHandler): boolean {
    return this.connections.agent.dispatch(options, WriteCheck.apply(options, handler))
  }
}

/** Connections with the same certificate and authorities. */
interface Connections {
  readonly agent: Undici.Dispatcher
  readonly scope: Scope.Closeable
}

/** The certificate and authorities as read. */
interface Material {
  readonly client: ClientCertificate | undefined
  readonly authorities: ReadonlyArray<string> | undefined
}

const makeDispatcher = Effect.fnUntraced(function* (options: Options) {
  const scope = yield* Effect.scope
  const proxies = yield* EnvironmentProxy.read
  let material = yield* read(options)
  const dispatcher = new ReplaceableDispatcher(yield* connect(material, proxies, scope))

  const reload = Effect.gen(function* () {
    const next = yield* read(options)
    if (Equal.equals(material, next)) return
    const { connections } = dispatcher
    dispatcher.connections = yield* connect(next, proxies, scope)
    material = next
    yield* Effect.forkIn(retire(connections), scope)
    yield* Effect.logInfo("TLS: certificates were replaced, and new connections use them")
  }).pipe(Effect.catch((error) => Effect.logWarning(`${error.message}. Connections keep what was read before`)))

  if (Effect.isEffect(options.client) || Effect.isEffect(options.authorities)) {
    const every = Duration.max(Duration.fromInputUnsafe(options.reloadEvery ?? "1 minute"), Duration.seconds(1))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(reload, every)))
  }
  return dispatcher
})

const read = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Material, CertificateError> {
  const client = Effect.isEffect(options.client) ? yield* options.client : options.client
  const authorities = Effect.isEffect(options.authorities) ? yield* options.authorities : options.authorities
  return { client, authorities: authorities === undefined ? undefined : [authorities].flat() }
})

/** Fails if TLS cannot use the material; the connections in use are those of material that has passed. */
const connect = Effect.fnUntraced(function* (
  material: Material,
  proxies: EnvironmentProxy.Proxies | undefined,
  within: Scope.Scope
): Effect.fn.Return<Connections, CertificateError> {
  const client = material.client && (yield* CertificateCheck.check(material.client))
  const authorities = material.authorities && (yield* CertificateCheck.checkAuthorities(material.authorities))
  const scope = yield* Scope.fork(within)
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => makeAgent({ client, authorities }, proxies)),
    (agent) => Effect.promise(() => agent.destroy())
  ).pipe(Scope.provide(scope))
  return { agent, scope }
})

const makeAgent = (material: Material, proxies: EnvironmentProxy.Proxies | undefined): Undici.Dispatcher => {
  const connect = { secureContext: secureContext(material), rejectUnauthorized: true, allowH2: false }
  return proxies === undefined
    ? new Undici.Agent({ connect, allowH2: false })
    : new Undici.EnvHttpProxyAgent({ connect, allowH2: false, requestTls: connect, ...proxies })
}

const secureContext = ({ authorities, client }: Material): SecureContext =>
  createSecureContext({
    ...TlsVersion.options,
    ...(authorities === undefined ? undefined : { ca: [...authorities] }),
    ...(client === undefined ? undefined : CertificateCheck.secureContextOptions(client))
  })

/** Closes connections when their requests have finished. */
const retire = ({ agent, scope }: Connections): Effect.Effect<void> =>
  Effect.ensuring(
    Effect.promise(() => agent.close()),
    Scope.close(scope, Exit.void)
  )
