// The client's notification endpoint on https, with and without client certificates.
import { request } from "node:https"
import { connect, type TLSSocket } from "node:tls"
import * as Undici from "@effect/platform-node/Undici"
import { describe, expect, it } from "@effect/vitest"
import * as AuthorizationServer from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { Ciba, ClientAuthentication, NotificationInbox, UserHint } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { DateTime, Deferred, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { HttpServer } from "effect/http"
import type { Configuration } from "oidc-provider"
import * as CertificateAuthority from "./CertificateAuthority.ts"

/** A notification endpoint on https; with `clientAuthorities` it requires client certificates. */
const serve = (own: CertificateAuthority.Issued, clientAuthorities?: string | ReadonlyArray<string>) =>
  NodeNotificationServer.layer({
    path: "/ciba",
    port: 0,
    host: "127.0.0.1",
    tls: { certificate: own.certificate, privateKey: Redacted.make(own.privateKey), clientAuthorities }
  }).pipe(Layer.provideMerge(NotificationInbox.layer))

const endpoint = HttpServer.addressFormattedWith((address) =>
  Effect.succeed(`${address.replace("http:", "https:")}/ciba`)
)

/** TLS options of a caller: the authority it trusts, and its certificate. */
const connection = (authority: CertificateAuthority.CertificateAuthority, client?: CertificateAuthority.Issued) => ({
  ca: authority.certificate,
  ...(client === undefined ? undefined : { cert: client.certificate, key: client.privateKey })
})

const expectPing = Effect.gen(function* () {
  const inbox = yield* NotificationInbox.NotificationInbox
  const expiresAt = DateTime.add(yield* DateTime.now, { hours: 1 })
  yield* inbox.expect({ token: Redacted.make("token"), deliveryMode: "ping", expiresAt })
})

const headers = { "content-type": "application/json", authorization: "Bearer token" }

/** Sends a valid ping; the status, or the error of the connection. */
const ping = Effect.fnUntraced(function* (tls: ReturnType<typeof connection>) {
  const url = yield* endpoint
  yield* expectPing
  return yield* Effect.callback<number | undefined, NodeJS.ErrnoException>((resume) => {
    request(url, { ...tls, method: "POST", headers, agent: false })
      .on("response", (response) => resume(Effect.succeed(response.resume().statusCode)))
      .on("error", (error) => resume(Effect.fail(error)))
      .end('{"auth_req_id":"request"}')
  })
})

const authorities = Effect.all([CertificateAuthority.make, CertificateAuthority.make])

it.live("a notification endpoint on https accepts callers without a certificate (K1, K4)", () =>
  Effect.gen(function* () {
    const [authority, other] = yield* authorities
    const own = yield* authority.issue("client")
    yield* Effect.gen(function* () {
      expect(yield* ping(connection(authority))).toBe(204)
      expect((yield* Effect.flip(ping(connection(other)))).code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE")
      const plain = (yield* endpoint).replace("https:", "http:")
      const error = yield* Effect.flip(Effect.tryPromise(() => fetch(plain, { method: "POST" })))
      expect(error.cause).toBeInstanceOf(TypeError)
    }).pipe(Effect.provide(serve(own)))
  })
)

describe("a notification endpoint on https that stops", () => {
  const start = Effect.gen(function* () {
    const authority = yield* CertificateAuthority.make
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(serve(yield* authority.issue("client")), scope)
    yield* Effect.provide(expectPing, context)
    return { authority, url: yield* Effect.provide(endpoint, context), stop: Scope.close(scope, Exit.void) }
  })

  it.effect(
    "a notification endpoint on https stops at once while a connection is open on which nothing was sent (K21)",
    () =>
      Effect.gen(function* () {
        const { authority, stop, url } = yield* start
        const { hostname, port } = new URL(url)
        const socket = yield* Effect.callback<TLSSocket>((resume) => {
          const socket = connect({ host: hostname, port: Number(port), ca: authority.certificate }, () =>
            resume(Effect.succeed(socket))
          )
          socket.on("error", () => socket.destroy())
        })
        const closed = Effect.callback<void>((resume) => void socket.once("close", () => resume(Effect.void)))
        // The clock stands still: no timeout ends the stop.
        yield* Effect.all([stop, closed], { concurrency: "unbounded" })
        expect(socket.closed).toBe(true)
      })
  )

  it.live("a notification endpoint on https responds to a request in progress when it stops (K17, K21)", () =>
    Effect.gen(function* () {
      const { authority, stop, url } = yield* start
      const stopping = yield* Deferred.make<void>()
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const options = { ...connection(authority), method: "POST", agent: false }
        const call = request(url, { ...options, headers: { ...headers, expect: "100-continue" } })
          .on("response", (response) => resume(Effect.succeed(response.resume().statusCode)))
          .on("error", () => resume(Effect.succeed(undefined)))
          .on("continue", () => {
            Effect.runFork(Effect.ensuring(stop, Deferred.succeed(stopping, undefined)))
            setImmediate(() => call.end('{"auth_req_id":"request"}'))
          })
        call.flushHeaders()
      })
      expect(status).toBe(204)
      yield* Deferred.await(stopping)
    })
  )
})

describe("a notification endpoint with client authorities", () => {
  it.live(
    "a notification endpoint with client authorities accepts their certificates, and fails the handshake with others (K19)",
    () =>
      Effect.gen(function* () {
        const [authority, other] = yield* authorities
        const unlisted = yield* CertificateAuthority.make
        const own = yield* authority.issue("client")
        yield* Effect.gen(function* () {
          for (const { issue } of [authority, other]) {
            expect(yield* ping(connection(authority, yield* issue("provider")))).toBe(204)
          }
          const rejected = [
            undefined,
            yield* unlisted.issue("provider"),
            yield* CertificateAuthority.selfSigned("provider")
          ]
          for (const certificate of rejected) {
            const { code } = yield* Effect.flip(ping(connection(authority, certificate)))
            expect(code).toMatch(/^(ERR_SSL_.*ALERT.*|ECONNRESET|EPIPE)$/)
          }
        }).pipe(Effect.provide(serve(own, [authority.certificate, other.certificate])))
      })
  )

  it.live(
    "pings of oidc-provider are accepted with its certificate, and without it a poll gets the tokens (K19, T-28)",
    () =>
      Effect.gen(function* () {
        const authority = yield* CertificateAuthority.make
        const [own, provider] = [yield* authority.issue("client"), yield* authority.issue("provider")]
        yield* Effect.gen(function* () {
          const url = yield* endpoint
          for (const [certificate, failures] of [
            [provider, 0],
            [undefined, 1]
          ] as const) {
            const server = yield* AuthorizationServer.make({
              interval: "1 second",
              clients: [RegisteredClients.pingClient("ping", url)],
              configuration: { fetch: yield* pingFetch(connection(authority, certificate)) }
            })
            const flow = NodeCiba.layer({
              issuer: server.issuer,
              clientId: "ping",
              authentication: ClientAuthentication.clientSecretBasic(Redacted.make(RegisteredClients.secret)),
              deliveryMode: "ping",
              allowInsecureRequests: "loopback",
              poll: { pingFallback: failures === 0 ? "1 minute" : "1 second" }
            })
            yield* Effect.gen(function* () {
              const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
              const { ref } = yield* server.awaitRequest
              yield* server.approve(ref)
              expect((yield* Ciba.complete(pending)).subject).toBe("jo")
              expect(yield* server.failures).toHaveLength(failures)
            }).pipe(Effect.provide(flow))
          }
        }).pipe(Effect.provide(serve(own, authority.certificate)))
      }).pipe(Effect.scoped)
  )
})

/** The `fetch` of the server for its pings. */
const pingFetch = Effect.fnUntraced(function* (tls: ReturnType<typeof connection>) {
  const dispatcher = yield* Effect.acquireRelease(
    Effect.sync(() => new Undici.Agent({ connect: tls })),
    (agent) => Effect.promise(() => agent.destroy())
  )
  const fetch = (url: string | URL, init: object) => Undici.fetch(url, { ...init, dispatcher })
  return fetch as unknown as NonNullable<Configuration["fetch"]>
})
