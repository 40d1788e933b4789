// What the transport guarantees, over sockets with the HTTP clients of Node.js.
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Transport, UserHint } from "@effect-ciba/core"
import { NodeCiba, NodeTls } from "@effect-ciba/platform-node"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { json, sendEndlessly, serve } from "../support/SocketServer.ts"

/** Reads the response after it was received. */
const call = (url: string) => Transport.Transport.use(({ json, send }) => Effect.flatMap(send(post(url)), json))

/** Reads the response while it is received, where the client knows that. */
const exchange = (url: string) => Transport.Transport.use((transport) => transport.exchange(post(url)))

const clients = [
  ["fetch", FetchHttpClient.layer, call],
  ["undici", NodeHttpClient.layerUndici, call],
  ["NodeTls", NodeTls.layer({}), call],
  ["NodeTls, in one exchange", NodeTls.layer({}), exchange]
] as const

const post = (url: string) => Transport.form(url, [["client_secret", "secret"]], { authorization: "Basic c2VjcmV0" })

/** Of an RSA key of 2048 bits. */
const modulus = `v${"A".repeat(340)}Q`

for (const [name, client, call] of clients) {
  const provide = Effect.provide(
    Transport.layer({ allowInsecureRequests: "loopback", maxResponseSize: 100_000 }).pipe(
      Layer.provide(Layer.orDie(client))
    )
  )

  describe(`Transport over ${name}`, () => {
    it.live("sends a form with its credentials, and receives the response", () =>
      Effect.gen(function* () {
        const server = yield* serve((_request, response) => json(response, { ok: true }))
        assert.deepStrictEqual(yield* call(`${server.url}/token`), {
          status: 200,
          body: { ok: true },
          retryAfter: undefined,
          method: "POST",
          url: `${server.url}/token`
        })
        assert.deepStrictEqual(server.received, [
          { method: "POST", path: "/token", authorization: "Basic c2VjcmV0", body: "client_secret=secret" }
        ])
      }).pipe(provide)
    )

    for (const status of [301, 302, 303, 307, 308]) {
      it.live(`fails on a redirect with ${status}, and never calls its target (C20)`, () =>
        Effect.gen(function* () {
          const target = yield* serve((_request, response) => json(response, {}))
          const server = yield* serve((_request, response) => {
            response.writeHead(status, { location: `${target.url}/stolen` }).end()
          })
          const url = `${server.url}/token`
          assert.deepStrictEqual(
            yield* Effect.flip(call(url)),
            new Transport.TransportError({ kind: "Redirected", method: "POST", url, status })
          )
          assert.lengthOf(server.received, 1)
          yield* call(`${target.url}/direct`)
          assert.deepStrictEqual(
            target.received.map(({ path }) => path),
            ["/direct"],
            "the target can be reached"
          )
        }).pipe(provide)
      )
    }

    it.live("closes the connection when a call is interrupted", () =>
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const server = yield* serve((_request, response) => {
          response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
          Deferred.doneUnsafe(arrived, Effect.void)
        })
        const running = yield* Effect.forkChild(call(server.url))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(running)
        yield* Deferred.await(closed)
        assert.lengthOf(server.received, 1)
      }).pipe(provide)
    )

    it.live("stops reading an endless response at the size limit, and closes the connection", () =>
      Effect.gen(function* () {
        const closed = yield* Deferred.make<void>()
        const server = yield* serve((_request, response) => {
          response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
          sendEndlessly(response)
        })
        assert.strictEqual((yield* Effect.flip(call(server.url))).kind, "TooLarge")
        yield* Deferred.await(closed)
      }).pipe(provide)
    )

    it.live("reports a response that breaks off as unreadable", () =>
      Effect.gen(function* () {
        const server = yield* serve((_request, response) => {
          response.writeHead(200, { "content-length": "100" })
          response.write('{"access_token":', () => response.destroy())
        })
        assert.deepStrictEqual(
          yield* Effect.flip(call(server.url)),
          new Transport.TransportError({ kind: "Unreadable", method: "POST", url: server.url, status: 200 })
        )
      }).pipe(provide)
    )

    it.live("reports a server that no longer listens as unreachable", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(serve(() => undefined))
        assert.deepStrictEqual(
          yield* Effect.flip(call(url)),
          new Transport.TransportError({ kind: "Unreachable", code: "ECONNREFUSED", method: "POST", url })
        )
      }).pipe(provide)
    )
  })
}

it.live("sends neither credentials nor the hint to where a provider redirects an authentication request (C20)", () =>
  Effect.gen(function* () {
    const target = yield* serve((_request, response) => json(response, {}))
    const provider = yield* serve(({ path }, response) => {
      if (path === "/jwks") {
        json(response, { keys: [{ kty: "RSA", e: "AQAB", n: modulus }] })
        return
      }
      if (path !== "/.well-known/openid-configuration") {
        response.writeHead(307, { location: `${target.url}/stolen` }).end()
        return
      }
      json(response, {
        issuer: provider.url,
        jwks_uri: `${provider.url}/jwks`,
        token_endpoint: `${provider.url}/token`,
        backchannel_authentication_endpoint: `${provider.url}/backchannel`,
        backchannel_token_delivery_modes_supported: ["poll"]
      })
    })
    const error = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
      Effect.flip,
      Effect.provide(
        NodeCiba.layer({
          issuer: provider.url,
          clientId: "shop",
          authentication: ClientAuthentication.clientSecretPost(Redacted.make("secret")),
          allowInsecureRequests: "loopback"
        }).pipe(Layer.orDie)
      )
    )
    const url = `${provider.url}/backchannel`
    assert.deepStrictEqual<unknown>(
      error.reason,
      new Transport.TransportError({ kind: "Redirected", method: "POST", url, status: 307 })
    )
    assert.deepStrictEqual(
      provider.received.map(({ path }) => path),
      ["/.well-known/openid-configuration", "/jwks", "/backchannel"]
    )
    assert.deepStrictEqual(target.received, [])
  })
)

for (const [name, , call] of clients.slice(2)) {
  describe(`${name}, for a request with a SendCheck`, () => {
    const provide = Effect.provide(
      Transport.layer({ allowInsecureRequests: "loopback" }).pipe(Layer.provideMerge(NodeTls.layer({})))
    )

    it.live(
      "looks at it when there is a connection, and writes nothing if the request may no longer be sent (H2)",
      () =>
        Effect.gen(function* () {
          const server = yield* serve((_request, response) => json(response, { ok: true }))
          let maySend = true
          const running = yield* Effect.forkChild(
            Effect.provideService(Effect.flip(call(server.url)), Transport.SendCheck, () => maySend),
            { startImmediately: true }
          )
          // The connection is still being made.
          maySend = false
          assert.strictEqual((yield* Fiber.join(running)).kind, "Unreachable")
          assert.deepStrictEqual(server.received, [])
        }).pipe(provide)
    )

    it.live("sends what may be sent, and what no one looks at", () =>
      Effect.gen(function* () {
        const server = yield* serve((_request, response) => json(response, { ok: true }))
        const checks: Array<number> = []
        const count = () => checks.push(server.received.length) > 0
        yield* Effect.provideService(call(server.url), Transport.SendCheck, count)
        yield* call(server.url)
        assert.deepStrictEqual(checks, [0])
        assert.lengthOf(server.received, 2)
      }).pipe(provide)
    )
  })
}
