// The client's notification endpoint on https, and the certificates that its callers show.
import { request } from "node:https"
import * as Undici from "@effect/platform-node/Undici"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, NotificationInbox, UserHint } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { DateTime, Effect, Layer, Redacted } from "effect"
import { HttpServer } from "effect/http"
import type { Configuration } from "oidc-provider"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

/** An endpoint with a certificate; with `clientAuthorities` its callers need one, too. */
const served = (own: CertificateAuthority.Issued, clientAuthorities?: string | ReadonlyArray<string>) =>
  NodeNotificationServer.layer({
    path: "/ciba",
    port: 0,
    host: "127.0.0.1",
    tls: { certificate: own.certificate, privateKey: Redacted.make(own.privateKey), clientAuthorities }
  }).pipe(Layer.provideMerge(NotificationInbox.layer))

const endpoint = HttpServer.addressFormattedWith((address) =>
  Effect.succeed(`${address.replace("http:", "https:")}/ciba`)
)

/** What a caller trusts and shows, as TLS in Node.js takes it. */
const connection = (authority: CertificateAuthority.CertificateAuthority, shown?: CertificateAuthority.Issued) => ({
  ca: authority.certificate,
  ...(shown === undefined ? undefined : { cert: shown.certificate, key: shown.privateKey })
})

/** Calls the endpoint with a good bearer; the status, or what became of the connection. */
const call = Effect.fnUntraced(function* (tls: ReturnType<typeof connection>) {
  const url = yield* endpoint
  const inbox = yield* NotificationInbox.NotificationInbox
  const until = DateTime.add(yield* DateTime.now, { hours: 1 })
  yield* inbox.expect({ token: Redacted.make("token"), deliveryMode: "ping", until })
  const headers = { "content-type": "application/json", authorization: "Bearer token" }
  return yield* Effect.callback<number | undefined, NodeJS.ErrnoException>((resume) => {
    request(url, { ...tls, method: "POST", headers, agent: false })
      .on("response", (response) => resume(Effect.succeed(response.resume().statusCode)))
      .on("error", (error) => resume(Effect.fail(error)))
      .end('{"auth_req_id":"request"}')
  })
})

const authorities = Effect.all([CertificateAuthority.make, CertificateAuthority.make])

it.live("on https a caller that trusts the endpoint is answered, and asked for no certificate (K1, K4)", () =>
  Effect.gen(function* () {
    const [authority, other] = yield* authorities
    const own = yield* authority.issue("client")
    yield* Effect.gen(function* () {
      expect(yield* call(connection(authority))).toBe(204)
      expect((yield* Effect.flip(call(connection(other)))).code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE")
      const plain = (yield* endpoint).replace("https:", "http:")
      const error = yield* Effect.flip(Effect.tryPromise(() => fetch(plain, { method: "POST" })))
      expect(error.cause).toBeInstanceOf(TypeError)
    }).pipe(Effect.provide(served(own)))
  })
)

describe("with the authorities of its callers", () => {
  it.live("it lets in whom one of them vouches for, and refuses everyone else at the handshake (K19)", () =>
    Effect.gen(function* () {
      const [authority, other] = yield* authorities
      const stranger = yield* CertificateAuthority.make
      const own = yield* authority.issue("client")
      yield* Effect.gen(function* () {
        for (const { issue } of [authority, other]) {
          expect(yield* call(connection(authority, yield* issue("provider")))).toBe(204)
        }
        const refused = [
          undefined,
          yield* stranger.issue("provider"),
          yield* CertificateAuthority.selfSigned("provider")
        ]
        for (const shown of refused) {
          const { code } = yield* Effect.flip(call(connection(authority, shown)))
          expect(code).toMatch(/^(ERR_SSL_.*ALERT.*|ECONNRESET|EPIPE)$/)
        }
      }).pipe(Effect.provide(served(own, [authority.certificate, other.certificate])))
    })
  )

  it.live(
    "a real server's pings get through with its certificate, and without it a poll finds the answer (K19, T-28)",
    () =>
      Effect.gen(function* () {
        const authority = yield* CertificateAuthority.make
        const [own, provider] = [yield* authority.issue("client"), yield* authority.issue("provider")]
        yield* Effect.gen(function* () {
          const url = yield* endpoint
          for (const [shown, failures] of [
            [provider, 0],
            [undefined, 1]
          ] as const) {
            const server = yield* AuthorizationServer.make({
              interval: "1 second",
              clients: [RegisteredClients.pingClient("ping", url)],
              configuration: { fetch: yield* pinging(connection(authority, shown)) }
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
        }).pipe(Effect.provide(served(own, authority.certificate)))
      }).pipe(Effect.scoped)
  )
})

/** How the server calls its clients: with connections of its own. */
const pinging = Effect.fnUntraced(function* (tls: ReturnType<typeof connection>) {
  const dispatcher = yield* Effect.acquireRelease(
    Effect.sync(() => new Undici.Agent({ connect: tls })),
    (agent) => Effect.promise(() => agent.destroy())
  )
  const fetch = (url: string | URL, init: object) => Undici.fetch(url, { ...init, dispatcher })
  return fetch as unknown as NonNullable<Configuration["fetch"]>
})
