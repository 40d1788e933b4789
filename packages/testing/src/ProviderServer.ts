/**
 * The test provider behind a real HTTP server, for programs that are tested over sockets: with their own HTTP client, in
 * another process, in another language.
 *
 * **When to use**
 *
 * Over any `HttpServer` of Effect: `NodeHttpServer.layer` of `@effect/platform-node`, for example. A server without Effect
 * takes the `fetch` of `ProviderFetch` as its handler.
 *
 * **Details**
 *
 * - The issuer is the server's address, by default.
 * - Notifications go to the URL that the client has registered, by `fetch`.
 * - Over TLS, a server that requests certificates (`requestCert`) passes on that of the client. `tls_client_auth` needs one
 *   that the server has verified, and `self_signed_tls_client_auth` a server with `rejectUnauthorized: false`.
 * - A request is handled to its end, also if the client closes the connection meanwhile.
 *
 * **Gotchas**
 *
 * - `reset`, `lost` and `truncated` break the connection on Node.js. A runtime whose server gives no access to its sockets
 *   gets a 502 in their place.
 *
 * **Example** (On a free port)
 *
 * ```ts
 * import { createServer } from "node:http"
 * import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
 * import { ProviderServer, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const Server = ProviderServer.layer({ interval: "1 second" }).pipe(
 *   Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
 * )
 *
 * const program = TestProvider.TestProvider.use(({ issuer }) =>
 *   Effect.promise(() => fetch(`${issuer}/.well-known/openid-configuration`))
 * )
 *
 * const { status } = await Effect.runPromise(Effect.provide(program, Server))
 * status // => 200
 * ```
 */
import { Effect, Fiber, Layer, Result, Stream } from "effect"
import {
  type HttpClient,
  HttpClientRequest,
  type HttpClientResponse,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { NetAddress } from "effect/net"
import * as Connection from "./internal/Connection.ts"
import { PresentedCertificate } from "./internal/SenderConstraint.ts"
import type { ProviderOptions } from "./ProviderOptions.ts"
import * as TestProvider from "./TestProvider.ts"

/**
 * The provider, and how it is reached.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends Omit<ProviderOptions, "clientCertificate"> {
  /** What the server listens with; `http` by default. */
  readonly protocol?: "http" | "https" | undefined
  /** What notifications are sent with; `fetch` by default. */
  readonly notify?: TestProvider.Endpoint | undefined
}

/**
 * A provider of its own for each call, as long as the scope is open.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options: Options = {}): Layer.Layer<TestProvider.TestProvider, never, HttpServer.HttpServer> =>
  Layer.effect(
    TestProvider.TestProvider,
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const issuer = options.issuer ?? toUrl(address, options.protocol)
      const { client, provider } = yield* TestProvider.make({ ...options, issuer })
      const scope = yield* Effect.scope
      const handle = respond(client, issuer)
      yield* HttpServer.serveEffect(Effect.flatMap(Effect.forkIn(handle, scope), Fiber.join))
      yield* provider.deliverTo(options.notify ?? ((request) => fetch(request)))
      return provider
    })
  )

const toUrl = (address: NetAddress.SocketAddress, protocol: "http" | "https" = "http"): string => {
  const isUnspecified = NetAddress.isInetAddress(address) && NetAddress.isUnspecified(address.address)
  const url = NetAddress.formatUrlUnsafe(address, protocol)
  return isUnspecified ? url.replace(/\/\/[^/]*:/, "//127.0.0.1:") : url
}

const respond = Effect.fnUntraced(function* (
  client: HttpClient.HttpClient,
  issuer: string
): Effect.fn.Return<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> {
  const request = yield* HttpServerRequest.HttpServerRequest
  const connection = Connection.make(request.source)
  const body = yield* Effect.orDie(request.text)
  const { headers, method, url } = request
  const plain = HttpClientRequest.fromWeb(new Request(new URL(url, issuer), { method, headers }))
  const response = yield* client
    .execute(body === "" ? plain : HttpClientRequest.bodyText(plain, body, headers["content-type"]))
    .pipe(Effect.provideService(PresentedCertificate, yield* connection.certificate), Effect.result)
  return Result.isFailure(response) ? yield* connection.reset : yield* send(response.success, connection)
})

/** Sends a response as a whole, or the half of it that is there. */
const send = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse,
  connection: Connection.Connection
): Effect.fn.Return<HttpServerResponse.HttpServerResponse> {
  const { headers, status } = response
  const whole = yield* Effect.result(response.text)
  return Result.isSuccess(whole)
    ? HttpServerResponse.text(whole.success, { status, headers })
    : HttpServerResponse.stream(
        Stream.tapError(response.stream, () => connection.breakOff),
        { status, headers }
      )
})
