/**
 * The client's notification endpoint as a server of its own, on http or https.
 *
 * **Details**
 *
 * - It answers one path, as `NotificationReceiver` says, and 404 everywhere else.
 * - With `clientAuthorities` only callers with a certificate from one of them get through: what Open Finance Brazil asks
 *   of providers.
 * - When its scope closes it takes no new call, answers those that are under way, and then cuts every connection that is
 *   left: whoever dawdles on one does not keep the process alive.
 *
 * **Gotchas**
 *
 * - CIBA wants https. Plain http is for a proxy in front that speaks it, and for tests.
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
 * @see CIBA Core 1.0 section 9
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Socket } from "node:net"
import { NodeHttpServer } from "@effect/platform-node"
import { type NotificationInbox, NotificationReceiver, SecurityProfile } from "@effect-ciba/core"
import { Duration, Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer, HttpServerError } from "effect/http"

/** What the server shows, and whom it lets in. */
export interface Tls {
  /** The certificate, and the chain behind it, as PEM. */
  readonly certificate: string
  /** Its private key as PEM. */
  readonly privateKey: Redacted.Redacted<string>
  /** The authorities of the callers' certificates, as PEM; without them nobody is asked for one. */
  readonly clientAuthorities?: string | ReadonlyArray<string> | undefined
}

/** Where the endpoint is. */
export interface Options extends NotificationReceiver.Options {
  readonly path: HttpRouter.PathInput
  readonly port: number
  /** The address to listen on; all of them by default. */
  readonly host?: string | undefined
  /** For https; plain http by default. */
  readonly tls?: Tls | undefined
  /** The client's profile: where it wants the provider to show a certificate, the server does not start without `tls`. */
  readonly profile?: SecurityProfile.SecurityProfile | undefined
  /** How long calls that are under way may take when the server stops; 10 seconds by default. */
  readonly shutdownTimeout?: Duration.Input | undefined
}

/** The server as a layer. It listens as long as its scope is open. */
export const layer = (
  options: Options
): Layer.Layer<
  HttpServer.HttpServer,
  HttpServerError.ServeError | SecurityProfile.ProfileViolation,
  NotificationInbox.NotificationInbox
> =>
  HttpRouter.serve(NotificationReceiver.route(options.path, options), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(Layer.provideMerge(Layer.effect(HttpServer.HttpServer, listen(options))))

const listen = Effect.fnUntraced(function* (options: Options) {
  const { profile, tls } = options
  if (profile?.notificationClientCertificate === true && tls?.clientAuthorities === undefined) {
    return yield* new SecurityProfile.ProfileViolation({
      profile: profile.name,
      reference: "the provider has to show a certificate when it calls",
      parameter: "tls.clientAuthorities",
      problem: "nobody is asked for one; name the authorities of the provider's certificate"
    })
  }
  const listener = yield* Effect.try({
    try: () => server(tls),
    catch: (cause) => new HttpServerError.ServeError({ cause })
  })
  const connections = new Set<Socket>()
  listener.on("connection", (socket: Socket) => {
    connections.add(socket)
    socket.once("close", () => connections.delete(socket))
  })
  /** A connection that was kept alive for a next call would hold up the stop. */
  const answering = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    response.once("finish", () => {
      if (!listener.listening) socket.end()
    })
  }
  /** Nothing here can be upgraded to: the connection ends with the answer. */
  listener.on("upgrade", ({ socket }: IncomingMessage) => {
    socket.setTimeout(timeouts.requestTimeout, () => socket.destroy())
    socket.once("finish", () => socket.destroy())
  })
  listener.on("request", answering).on("checkContinue", answering)
  const listening = yield* NodeHttpServer.make(() => listener, {
    port: options.port,
    ...(options.host === undefined ? undefined : { host: options.host }),
    gracefulShutdownTimeout: options.shutdownTimeout ?? "10 seconds"
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const socket of connections) socket.destroy()
    })
  )
  return listening
})

/** Who dawdles is not waited for. */
const timeouts = {
  headersTimeout: Duration.toMillis("10 seconds"),
  requestTimeout: Duration.toMillis("20 seconds"),
  connectionsCheckingInterval: Duration.toMillis("5 seconds")
}

const server = (tls: Tls | undefined): Server =>
  tls === undefined
    ? createServer(timeouts)
    : createSecureServer({
        ...timeouts,
        handshakeTimeout: Duration.toMillis("10 seconds"),
        minVersion: "TLSv1.2",
        cert: tls.certificate,
        key: Redacted.value(tls.privateKey),
        ...(tls.clientAuthorities === undefined
          ? undefined
          : { ca: [tls.clientAuthorities].flat(), requestCert: true, rejectUnauthorized: true })
      })
