/**
 * The client notification endpoint as a server of its own, on https or http.
 *
 * **When to use**
 *
 * For a ping or push client that has no web server. One that has serves `NotificationReceiver.route` or
 * `NotificationReceiver.toWebHandler` there, or `toHandler` with Express and other servers of Node.js.
 *
 * **Details**
 *
 * - It responds at one path as `NotificationReceiver` does, and with 404 at every other.
 * - With `clientAuthorities` only callers with a certificate of these authorities can connect, as Open Finance Brasil
 *   requires.
 * - Each connection ends with its response.
 * - When its scope closes, it accepts no new connection, destroys those without a request in progress, waits for the responses
 *   to the others for `shutdownTimeout` at most, and then destroys the connections that remain.
 *
 * **Gotchas**
 *
 * CIBA requires https. Plain http is for tests, and for a reverse proxy that terminates TLS.
 *
 * **Example** (Pings on port 8443)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, NotificationInbox } from "@effect-ciba/core"
 * import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
 * import { Layer, Redacted } from "effect"
 *
 * const CibaLive = NodeCiba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "point-of-sale",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret")),
 *   deliveryMode: "ping"
 * })
 *
 * const Live = Layer.merge(CibaLive, NodeNotificationServer.layer({ path: "/ciba", port: 8443 })).pipe(
 *   Layer.provide(NotificationInbox.layer)
 * )
 *
 * Layer.isLayer(Live) // => true
 * ```
 *
 * @see CIBA Core 1.0 sections 9, 10.2 and 10.3
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { type NotificationInbox, NotificationReceiver, SecurityProfile, type Transport } from "@effect-ciba/core"
import { Duration, Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer, HttpServerError } from "effect/http"
import * as IncomingRequest from "./internal/IncomingRequest.ts"
import * as ServerConnections from "./internal/ServerConnections.ts"
import * as TlsVersion from "./internal/TlsVersion.ts"

/**
 * The certificate that the server presents, and those that it requires of callers.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Tls {
  /** The server's certificate as PEM, followed by the intermediate certificates. */
  readonly certificate: string
  /** Its private key as PEM. */
  readonly privateKey: Redacted.Redacted<string>
  /** The certificate authorities of callers, as PEM. By default no client certificate is requested. */
  readonly clientAuthorities?: string | ReadonlyArray<string> | undefined
}

/**
 * The address of the endpoint, and the limits of a request.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options extends NotificationReceiver.Options {
  readonly path: HttpRouter.PathInput
  /** 0 takes a free port; `HttpServer.HttpServer` has the address. */
  readonly port: number
  /** The address to listen on; all addresses by default. */
  readonly host?: string | undefined
  /** Plain http by default. */
  readonly tls?: Tls | undefined
  /** The client's profile. If it requires a certificate of the provider, the layer fails without `tls.clientAuthorities`. */
  readonly profile?: SecurityProfile.SecurityProfile | undefined
  /** How long requests in progress may take when the server stops; 10 seconds by default. */
  readonly shutdownTimeout?: Duration.Input | undefined
}

/**
 * Listens as long as its scope is open. It needs the inbox that the client waits on.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = (
  options: Options
): Layer.Layer<
  HttpServer.HttpServer,
  HttpServerError.ServeError | SecurityProfile.ProfileViolation | Transport.InvalidOption,
  NotificationInbox.NotificationInbox
> =>
  Layer.unwrap(
    Effect.sync(() => {
      const connections = ServerConnections.make()
      // Runs before the server waits for the responses to requests in progress.
      return Layer.effectDiscard(Effect.addFinalizer(() => Effect.sync(connections.stop))).pipe(
        Layer.provideMerge(
          HttpRouter.serve(NotificationReceiver.route(options.path, options), {
            disableLogger: true,
            disableListenLog: true
          })
        ),
        Layer.provideMerge(Layer.effect(HttpServer.HttpServer, listen(options, connections)))
      )
    })
  )

/**
 * The endpoint as a function for `node:http`, Express and what is like it. A body that a parser has read before, as text, bytes or an
 * object, is taken as `request.body` has it.
 *
 * **Example** (With Express)
 *
 * ```ts no-run
 * import { NotificationInbox } from "@effect-ciba/core"
 * import { NodeNotificationServer } from "@effect-ciba/platform-node"
 * import { Effect } from "effect"
 *
 * declare const app: { post: (path: string, handler: NodeNotificationServer.Handler) => void }
 *
 * export const mount = Effect.map(NodeNotificationServer.toHandler(), (handler) => app.post("/ciba", handler)).pipe(
 *   Effect.provide(NotificationInbox.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @stability stable
 */
export const toHandler = (
  options?: NotificationReceiver.Options
): Effect.Effect<Handler, Transport.InvalidOption, NotificationInbox.NotificationInbox> =>
  Effect.map(
    NotificationReceiver.toWebHandler(options),
    (handle): Handler =>
      (request, response) =>
        void handle(IncomingRequest.toWeb(request)).then(({ headers, status }) => {
          // A time limit of the server may have responded before.
          if (!response.headersSent) response.writeHead(status, Object.fromEntries(headers)).end()
        })
  )

/**
 * What `toHandler` makes.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void

const listen = Effect.fnUntraced(function* (options: Options, connections: ServerConnections.ServerConnections) {
  const { profile, tls } = options
  if (profile?.notificationClientCertificate === true && tls?.clientAuthorities === undefined) {
    return yield* new SecurityProfile.ProfileViolation({
      profile: profile.name,
      reference: "the provider has to present a certificate when it calls",
      parameter: "tls.clientAuthorities",
      problem: "no client certificate is requested; name the authorities of the provider's certificate"
    })
  }
  const server = yield* Effect.try({
    try: () => createNodeServer(tls),
    catch: (cause) => new HttpServerError.ServeError({ cause })
  })
  connections.track(server, timeouts.requestTimeout)
  const listening = yield* NodeHttpServer.make(() => server, {
    port: options.port,
    ...(options.host === undefined ? undefined : { host: options.host }),
    gracefulShutdownTimeout: options.shutdownTimeout ?? "10 seconds"
  })
  yield* Effect.addFinalizer(() => Effect.sync(connections.destroy))
  return listening
})

/** Limits of the time that a slow caller can take. */
const timeouts = {
  headersTimeout: Duration.toMillis("10 seconds"),
  requestTimeout: Duration.toMillis("20 seconds"),
  connectionsCheckingInterval: Duration.toMillis("5 seconds")
}

const createNodeServer = (tls: Tls | undefined): Server =>
  tls === undefined
    ? createServer(timeouts)
    : createSecureServer({
        ...timeouts,
        handshakeTimeout: Duration.toMillis("10 seconds"),
        ...TlsVersion.options,
        cert: tls.certificate,
        key: Redacted.value(tls.privateKey),
        ...(tls.clientAuthorities === undefined
          ? undefined
          : { ca: [tls.clientAuthorities].flat(), requestCert: true, rejectUnauthorized: true })
      })
