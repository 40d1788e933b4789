// What TLS connections of the client are made of: cipher suites, the version of HTTP, and the way past a proxy.
import { createServer, type IncomingMessage } from "node:http"
import { createSecureServer } from "node:http2"
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NodeTls } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted, Result } from "effect"
import { HttpClient } from "effect/http"
import { afterEach, vi } from "vitest"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as TlsServer from "./TlsServer.ts"

const get = (url: string) => Effect.flatMap(HttpClient.get(url), ({ text }) => text)

describe("TLS of the client", () => {
  for (const [suites, isAccepted] of [
    ["ECDHE-ECDSA-AES128-GCM-SHA256", true],
    ["ECDHE-ECDSA-AES256-GCM-SHA384", true],
    ["ECDHE-ECDSA-AES128-SHA256", false],
    ["ECDHE-ECDSA-AES256-SHA", false],
    ["ECDHE-ECDSA-AES128-CCM8", false]
  ] as const) {
    it.live(`${isAccepted ? "is made" : "is not made"} with a server that has ${suites} alone (N7)`, () =>
      Effect.gen(function* () {
        const authority = yield* CertificateAuthority.make
        const own = yield* authority.issue("server")
        const server = yield* TlsServer.make({ own, maxVersion: "TLSv1.2", ciphers: `${suites}:@SECLEVEL=0` })
        const result = yield* Effect.result(
          Effect.provide(get(server.url), NodeTls.layer({ authorities: authority.certificate }))
        )
        assert.strictEqual(Result.isSuccess(result), isAccepted)
      })
    )
  }

  it.live("is HTTP/1.1 with a server that prefers HTTP/2, which a client may send requests over twice (U13)", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const own = yield* authority.issue("server")
      const options = {
        allowHTTP1: true,
        ALPNProtocols: ["h2", "http/1.1"],
        cert: own.certificate,
        key: own.privateKey
      }
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => createSecureServer(options, (request, response) => response.end(request.httpVersion))),
        (server) => Effect.sync(() => server.close())
      )
      yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
      const address = server.address()
      const url = `https://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
      const version = yield* Effect.provide(get(url), NodeTls.layer({ authorities: authority.certificate }))
      assert.strictEqual(version, "1.1")
    })
  )
})

/** A proxy that opens tunnels, what it was asked for, and what it saw of the tunnels. */
const makeProxy = Effect.gen(function* () {
  const asked: Array<string> = []
  const credentials: Array<string | undefined> = []
  const sockets = new Set<Socket>()
  const server = createServer((_request, response) => response.writeHead(502).end())
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? "")
    credentials.push(request.headers["proxy-authorization"])
    const [host = "", port] = (request.url ?? "").split(":")
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      upstream.pipe(socket).pipe(upstream)
    })
    for (const each of [socket, upstream]) {
      sockets.add(each)
      each.on("error", () => each.destroy())
    }
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  const address = server.address()
  return { asked, credentials, host: `127.0.0.1:${typeof address === "object" ? address?.port : ""}` }
})

const setProxy = (environment: Readonly<Record<string, string>>) => {
  for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]) {
    vi.stubEnv(name, environment[name])
  }
  vi.stubEnv("NODE_USE_ENV_PROXY", "1")
}

describe("TLS through a proxy of the environment", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it.live("is with the server, which sees the client's certificate and has to be trusted (U12)", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const server = yield* TlsServer.make({ own: yield* authority.issue("server") })
      const { certificate, privateKey } = yield* authority.issue("shop")
      const client = { certificate, privateKey: Redacted.make(privateKey) }
      const proxy = yield* makeProxy
      setProxy({ HTTPS_PROXY: `http://user:p%40ss@${proxy.host}` })
      const trusting = NodeTls.layer({ client, authorities: authority.certificate })
      assert.strictEqual(yield* Effect.provide(get(server.url), trusting), "CN=shop")
      assert.deepStrictEqual(proxy.asked, [server.url.replace("https://", "")])
      assert.deepStrictEqual(proxy.credentials, [`Basic ${btoa("user:p@ss")}`])
      const error = yield* Effect.flip(Effect.provide(get(server.url), NodeTls.layer({ client })))
      assert.strictEqual(error._tag, "HttpClientError")
      assert.lengthOf(server.connections, 1, "no certificate was sent to a server that is not trusted")
    })
  )

  it.live("is not used for a host of NO_PROXY, as an address or as a suffix (U12)", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const server = yield* TlsServer.make({ own: yield* authority.issue("server") })
      const proxy = yield* makeProxy
      setProxy({ https_proxy: `http://${proxy.host}`, no_proxy: "example.com, 127.0.0.1" })
      const authorities = authority.certificate
      assert.strictEqual(yield* Effect.provide(get(server.url), NodeTls.layer({ authorities })), "no certificate")
      assert.deepStrictEqual(proxy.asked, [])
    })
  )

  for (const value of ["user:p4ss@proxy.example.com:3128", "proxy.example.com", "ftp://proxy.example.com", "http://"]) {
    it.live(`fails before the first request if a proxy is given as "${value}", and shows nothing of it (U12)`, () =>
      Effect.gen(function* () {
        setProxy({ HTTPS_PROXY: value })
        const error = yield* Effect.flip(Layer.build(NodeTls.layer({})))
        assert.strictEqual(error._tag, "InvalidOption")
        assert.strictEqual(
          error.message,
          "HTTPS_PROXY: it has to be the URL of a proxy, such as http://proxy.example.com:3128"
        )
      }).pipe(Effect.scoped)
    )
  }
})
