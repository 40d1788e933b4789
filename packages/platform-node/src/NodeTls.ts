/**
 * What the client shows and trusts on a TLS connection: its certificate, and the authorities it believes.
 *
 * **Details**
 *
 * - TLS 1.2 or later; the server's certificate is always checked.
 * - What an effect reads, such as `CertificateFiles.pem`, is read again and again. When it has changed, new requests
 *   have new connections, and those under way end on the old ones. Until it is whole again, a broken one is ignored
 *   with a warning.
 *
 * @see RFC 8705
 */
import { createSecureContext, type SecureContext } from "node:tls"
import { NodeHttpClient } from "@effect/platform-node"
import * as Undici from "@effect/platform-node/Undici"
import { Duration, Effect, Equal, Exit, Layer, Scope } from "effect"
import type { HttpClient } from "effect/http"
import * as ClientCertificate from "./ClientCertificate.ts"

/** What is shown and trusted. */
export interface Options {
  /** The client's certificate, or the effect that reads it; none by default. */
  readonly client?:
    | ClientCertificate.ClientCertificate
    | Effect.Effect<ClientCertificate.ClientCertificate, ClientCertificate.CertificateError>
    | undefined
  /** The authorities that are trusted in the place of the system's, as PEM, or the effect that reads them. */
  readonly authorities?:
    | string
    | ReadonlyArray<string>
    | Effect.Effect<string | ReadonlyArray<string>, ClientCertificate.CertificateError>
    | undefined
  /** How often the effects are run again; one minute by default, one second at least. */
  readonly reloadEvery?: Duration.Input | undefined
}

/** An HTTP client over undici whose connections show this certificate and trust these authorities. */
export const layer = (options: Options): Layer.Layer<HttpClient.HttpClient, ClientCertificate.CertificateError> =>
  Layer.provide(
    Layer.fresh(NodeHttpClient.layerUndiciNoDispatcher),
    Layer.effect(NodeHttpClient.Dispatcher, makeDispatcher(options))
  )

/** Dispatches to connections that can be replaced. */
class Replaceable extends Undici.Dispatcher {
  connections: Connections
  constructor(connections: Connections) {
    super()
    this.connections = connections
  }
  override dispatch(options: Undici.Dispatcher.DispatchOptions, handler: Undici.Dispatcher.DispatchHandler): boolean {
    return this.connections.agent.dispatch(options, handler)
  }
}

/** Connections that all show and trust the same. */
interface Connections {
  readonly agent: Undici.Dispatcher
  readonly scope: Scope.Closeable
}

/** What was read. */
interface Material {
  readonly client: ClientCertificate.ClientCertificate | undefined
  readonly authorities: ReadonlyArray<string> | undefined
}

const makeDispatcher = Effect.fnUntraced(function* (options: Options) {
  const scope = yield* Effect.scope
  let material = yield* read(options)
  const dispatcher = new Replaceable(yield* connect(material, scope))

  const reload = Effect.gen(function* () {
    const next = yield* read(options)
    if (Equal.equals(material, next)) return
    const { connections } = dispatcher
    dispatcher.connections = yield* connect(next, scope)
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

const read = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Material, ClientCertificate.CertificateError> {
  const client = Effect.isEffect(options.client) ? yield* options.client : options.client
  const authorities = Effect.isEffect(options.authorities) ? yield* options.authorities : options.authorities
  return {
    client: client === undefined ? undefined : yield* ClientCertificate.check(client),
    authorities: authorities === undefined ? undefined : yield* ClientCertificate.checkAuthorities(authorities)
  }
})

const connect = Effect.fnUntraced(function* (material: Material, within: Scope.Scope): Effect.fn.Return<Connections> {
  const scope = yield* Scope.fork(within)
  const agent = yield* Scope.provide(
    NodeHttpClient.makeDispatcherOptions({
      connect: { secureContext: secureContext(material), rejectUnauthorized: true }
    }),
    scope
  )
  return { agent, scope }
})

const secureContext = ({ authorities, client }: Material): SecureContext =>
  createSecureContext({
    minVersion: "TLSv1.2",
    ...(authorities === undefined ? undefined : { ca: [...authorities] }),
    ...(client === undefined ? undefined : ClientCertificate.material(client))
  })

/** Closes connections when nothing is under way on them. */
const retire = ({ agent, scope }: Connections): Effect.Effect<void> =>
  Effect.ensuring(
    Effect.promise(() => agent.close()),
    Scope.close(scope, Exit.void)
  )
