// Bodies that are collected as they arrive, over sockets: what fetch and undici's streams give, they give.
import { createServer as createTcpServer } from "node:net"
import { gzipSync } from "node:zlib"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@effect-ciba/core"
import { NodeTls } from "@effect-ciba/platform-node"
import { Deferred, Effect, Exit, Fiber, Layer, Predicate, Schema, Stream } from "effect"
import {
  Cookies,
  FetchHttpClient,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "effect/http"
import { TestClock } from "effect/testing"
import { afterEach, vi } from "vitest"
import { json, sendEndlessly, serve, serveUnfinished } from "../support/SocketServer.ts"

const limit = 1000

const over = <E>(client: Layer.Layer<HttpClient.HttpClient, E>) =>
  Effect.provide(
    Transport.layer({ allowInsecureRequests: "loopback", maxResponseSize: limit }).pipe(
      Layer.provide(Layer.orDie(client))
    )
  )

const exchange = (url: string) => Transport.Transport.use((transport) => transport.exchange(HttpClientRequest.get(url)))

/** A response of which nothing is hidden: what the client's caller sees of it. */
const receive = (request: HttpClientRequest.HttpClientRequest, bodyLimit = limit) =>
  HttpClient.execute(request).pipe(
    Effect.provideService(Transport.BodyLimit, bodyLimit),
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )

/** A server of these bytes, whatever it is asked. */
const serveBytes = (...parts: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createTcpServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => {
          socket.end(parts.join(""), "latin1")
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = Predicate.isObject(address) ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/`, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** A server that notes by which connections it is called. */
const servePorts = Effect.gen(function* () {
  const ports = new Set<number | undefined>()
  const { url } = yield* serve((_request, response) => {
    ports.add(response.socket?.remotePort)
    json(response, {})
  })
  return { ports, url }
})

/** A JSON document of this length, in a chunk for each byte. */
const byteByByte = (length: number) =>
  `${[...`"${"x".repeat(length - 2)}"`].map((byte) => `1\r\n${byte}\r\n`).join("")}0\r\n\r\n`

const head = (status: string, ...headers: ReadonlyArray<string>) =>
  `${[`HTTP/1.1 ${status}`, ...headers, "connection: close"].join("\r\n")}\r\n\r\n`

describe("a response whose body is collected is read as one over fetch is (U14)", () => {
  for (const [what, ...parts] of [
    ["JSON", head("200 OK", "content-length: 7"), '{"a":1}'],
    ["JSON to the end of the connection", head("200 OK"), '{"a":1}'],
    ["JSON in chunks", head("200 OK", "transfer-encoding: chunked"), '3\r\n{"a\r\n', '4\r\n":1}\r\n0\r\n\r\n'],
    ["a response after an interim one", head("103 Early Hints"), head("200 OK", "content-length: 7"), '{"a":1}'],
    ["a response after two interim ones", head("100 Continue"), head("102 Processing"), head("200 OK"), "[]"],
    ["an error with its JSON", head("400 Bad Request", "content-length: 2"), "[]"],
    ["a delay", head("503 Service Unavailable", "retry-after: 7", "content-length: 2"), "[]"],
    ["a page of a gateway", head("502 Bad Gateway", "content-length: 6"), "<html>"],
    ["no body", head("200 OK", "content-length: 0")],
    ["no content", head("204 No Content")],
    ["no content, and a request to begin anew", head("205 Reset Content", "content-length: 0")],
    ["not modified", head("304 Not Modified")],
    ["a redirect", head("302 Found", "location: https://op.example.com/", "content-length: 0")],
    ["bytes of no character", head("200 OK", "content-length: 3"), '"\xff"'],
    ["as many bytes as are read", head("200 OK", `content-length: ${limit}`), `"${"x".repeat(limit - 2)}"`],
    ["a byte more", head("200 OK", `content-length: ${limit + 1}`), `"${"x".repeat(limit - 1)}"`],
    ["a byte more in chunks", head("200 OK", "transfer-encoding: chunked"), `3e9\r\n"${"x".repeat(999)}"\r\n0\r\n\r\n`],
    ["a status that is none", head("600 Strange", "content-length: 2"), "[]"],
    ["one chunk for each byte", head("200 OK", "transfer-encoding: chunked"), byteByByte(limit)],
    ["one chunk for each byte, and a byte more", head("200 OK", "transfer-encoding: chunked"), byteByByte(limit + 1)],
    ["a body that breaks off", head("200 OK", "content-length: 100"), '{"a":1}'],
    ["chunks that break off", head("200 OK", "transfer-encoding: chunked"), '3\r\n{"a\r\n']
  ] as const) {
    it.live(what, () =>
      Effect.gen(function* () {
        const { url } = yield* serveBytes(...parts)
        const ofFetch = yield* Effect.exit(over(FetchHttpClient.layer)(exchange(url)))
        assert.deepStrictEqual(yield* Effect.exit(over(NodeTls.layer({}))(exchange(url))), ofFetch)
      })
    )
  }

  for (const [what, ...parts] of [
    ["a connection that ends without a response"],
    ["a head that breaks off", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["what is no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["two lengths", head("200 OK", "content-length: 2", "content-length: 3"), "[]x"]
  ] as const) {
    it.live(`${what} leaves the server unreachable`, () =>
      Effect.gen(function* () {
        const { url } = yield* serveBytes(...parts)
        const error = yield* Effect.flip(over(NodeTls.layer({}))(exchange(url)))
        assert.isTrue(error instanceof Transport.TransportError && error.kind === "Unreachable")
      })
    )
  }
})

describe("a collected response", () => {
  const text = '{"a":"\u00fc"}'
  const served = serve((_request, response) =>
    response.writeHead(200, { "content-type": "application/json", "set-cookie": ["a=1; Path=/", "b=2"] }).end(text)
  )

  it.live("shows what a response over undici's streams shows", () =>
    Effect.gen(function* () {
      const { url } = yield* served
      const request = HttpClientRequest.get(`${url}/a?b=c#d`)
      const show = (bodyLimit: number | undefined) =>
        Effect.gen(function* () {
          const response = yield* HttpClient.execute(request).pipe(
            Effect.provideService(Transport.BodyLimit, bodyLimit)
          )
          const { date, ...headers } = response.headers
          return {
            url: response.url,
            status: response.status,
            headers,
            cookies: Cookies.toSetCookieHeaders(response.cookies),
            request: [response.request.method, response.request.url, response.request.headers["user-agent"]],
            remoteAddress: response.remoteAddress,
            isResponse: Predicate.hasProperty(response, HttpClientResponse.TypeId),
            text: yield* response.text,
            again: yield* response.text,
            piped: response.pipe(({ status }) => status)
          }
        })
      const ofStream = yield* show(undefined)
      assert.deepStrictEqual(yield* show(limit), ofStream)
      assert.strictEqual(ofStream.text, text)
      assert.deepStrictEqual(ofStream.cookies, ["a=1; Path=/", "b=2"])
    }).pipe(Effect.provide(NodeTls.layer({})))
  )

  for (const [status, method] of [
    [204, "GET"],
    [205, "GET"],
    [304, "GET"],
    [200, "HEAD"]
  ] as const) {
    it.live(`to ${method} with ${status} has no body, however it is read`, () =>
      Effect.gen(function* () {
        const { url } = yield* serve((_request, response) => response.writeHead(status).end())
        const response = yield* receive(HttpClientRequest.make(method)(url))
        assert.strictEqual(response.status, status)
        assert.strictEqual(yield* response.text, "")
        assert.strictEqual((yield* response.arrayBuffer).byteLength, 0)
      }).pipe(Effect.provide(NodeTls.layer({})))
    )
  }

  it.live("is limited as it comes, and decoded (U14)", () =>
    Effect.gen(function* () {
      // What does not get smaller by its coding is larger than what it decodes to.
      const compress = (length: number) => gzipSync(`"${"x".repeat(length - 2)}"`, { level: 0 })
      const { url } = yield* serve(({ path }, response) =>
        response.writeHead(200, { "content-encoding": "gzip" }).end(compress(Number(path.slice(1))))
      )
      const overhead = compress(limit).byteLength - limit
      const fits = yield* exchange(`${url}/${limit - overhead}`)
      assert.strictEqual(fits.body, "x".repeat(limit - overhead - 2))
      assert.strictEqual((yield* Effect.flip(exchange(`${url}/${limit - overhead + 1}`))).kind, "TooLarge")
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("is read in each way that a response has", () =>
    Effect.gen(function* () {
      const form = "x=1&y=%C3%BC"
      const { url } = yield* serve(({ path }, response) => {
        const type = path === "/form" ? "application/x-www-form-urlencoded" : "application/json"
        response.writeHead(200, { "content-type": type }).end(path === "/form" ? form : text)
      })
      const get = (path: string) => receive(HttpClientRequest.get(`${url}${path}`))
      assert.deepStrictEqual(yield* Effect.flatMap(get("/"), ({ json }) => json), { a: "ü" })
      const bytes = yield* Effect.flatMap(get("/"), ({ arrayBuffer }) => arrayBuffer)
      assert.strictEqual(new TextDecoder().decode(bytes), text)
      const streamed = yield* Effect.flatMap(get("/"), ({ stream }) => Stream.mkString(Stream.decodeText(stream)))
      assert.strictEqual(streamed, text)
      const parameters = yield* Effect.flatMap(get("/form"), ({ urlParamsBody }) => urlParamsBody)
      assert.deepStrictEqual(parameters.params, [
        ["x", "1"],
        ["y", "ü"]
      ])
      assert.strictEqual((yield* Effect.flatMap(get("/form"), ({ formData }) => formData)).get("y"), "ü")
      const decoded = Effect.flatMap(get("/"), HttpClientResponse.schemaBodyJson(Schema.Struct({ a: Schema.String })))
      assert.deepStrictEqual(yield* decoded, { a: "ü" })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.flatMap(get("/"), ({ upgrade }) => upgrade))))
    }).pipe(Effect.provide(NodeTls.layer({})))
  )

  it.live("fails where it is read, if the body was too large or broke off", () =>
    Effect.gen(function* () {
      const large = yield* serve((_request, response) => json(response, "x".repeat(limit)))
      const broken = yield* serveBytes(head("200 OK", "content-length: 100"), "[")
      const ways: ReadonlyArray<
        (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<unknown, HttpClientError.HttpClientError>
      > = [({ text }) => text, ({ json }) => json, ({ stream }) => Stream.runDrain(stream)]
      for (const url of [large.url, broken.url]) {
        for (const read of ways) {
          const response = yield* receive(HttpClientRequest.get(url))
          assert.strictEqual(response.status, 200)
          assert.strictEqual((yield* Effect.flip(read(response)))._tag, "HttpClientError")
        }
      }
    }).pipe(Effect.provide(NodeTls.layer({})))
  )

  it.live("is known to be too large also where a wrapper has given it a stream of its own (U14)", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => json(response, "x".repeat(limit)))
      const wrapped = HttpClient.transformResponse(
        yield* HttpClient.HttpClient,
        Effect.map((response) => Object.create(response, { stream: { get: () => response.stream } }))
      )
      const { kind } = yield* exchange(url).pipe(
        Effect.flip,
        Effect.provide(Transport.layer({ allowInsecureRequests: "loopback", maxResponseSize: limit })),
        Effect.provideService(HttpClient.HttpClient, wrapped)
      )
      assert.strictEqual(kind, "TooLarge")
    }).pipe(Effect.provide(NodeTls.layer({})))
  )

  it.live("prints nothing of its body and no secret of its request", () =>
    Effect.gen(function* () {
      const { url } = yield* served
      const request = HttpClientRequest.setHeader(HttpClientRequest.get(url), "authorization", "Bearer marker")
      const response = yield* receive(request)
      assert.notInclude(JSON.stringify(response), "marker")
      assert.notInclude(JSON.stringify(response), "\u00fc")
      assert.include(JSON.stringify(response), '"status":200')
    }).pipe(Effect.provide(NodeTls.layer({})))
  )
})

describe("a request whose response is collected", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it.live("that a proxy refuses has its connection closed, whatever the proxy sends on (U12, U14)", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const proxy = yield* serve((_request, response) => {
        response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        response.writeHead(407)
        sendEndlessly(response)
      })
      for (const name of ["HTTP_PROXY", "http_proxy"]) vi.stubEnv(name, proxy.url)
      for (const name of ["NO_PROXY", "no_proxy"]) vi.stubEnv(name, "")
      vi.stubEnv("NODE_USE_ENV_PROXY", "1")
      yield* Effect.gen(function* () {
        const { code } = yield* Effect.flip(exchange("http://127.0.0.1:1/"))
        assert.strictEqual(code, "PROXY_REFUSED")
        yield* Deferred.await(closed)
      }).pipe(over(NodeTls.layer({})))
    })
  )

  it.live("that is interrupted before it has a connection is never sent (H2)", () =>
    Effect.gen(function* () {
      const server = yield* serve((_request, response) => json(response, {}))
      const running = yield* Effect.forkChild(exchange(`${server.url}/interrupted`), { startImmediately: true })
      yield* Fiber.interrupt(running)
      yield* exchange(`${server.url}/later`)
      assert.deepStrictEqual(
        server.received.map(({ path }) => path),
        ["/later"]
      )
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("that is interrupted in the middle of its body closes its connection", () =>
    Effect.gen(function* () {
      const { begun, closed, url } = yield* serveUnfinished
      const running = yield* Effect.forkChild(exchange(url))
      yield* begun
      yield* Fiber.interrupt(running)
      yield* closed
    }).pipe(over(NodeTls.layer({})))
  )

  it.effect("that lasts too long in the middle of its body closes its connection", () =>
    Effect.gen(function* () {
      const { begun, closed, url } = yield* serveUnfinished
      const running = yield* Effect.forkChild(Effect.flip(exchange(url)))
      yield* begun
      yield* TestClock.adjust("35 seconds")
      assert.strictEqual((yield* Fiber.join(running)).kind, "TimedOut")
      yield* closed
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("to which the response is a redirect does not wait for its body, and closes the connection (C20)", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const server = yield* serve((_request, response) => {
        response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        response.writeHead(307, { location: "https://op.example.com/", "content-length": 100 }).flushHeaders()
      })
      assert.strictEqual((yield* Effect.flip(exchange(server.url))).kind, "Redirected")
      yield* Deferred.await(closed)
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("over a connection that the server closes meanwhile is not sent again (H2)", () =>
    Effect.gen(function* () {
      const server = yield* serve((_request, response) => {
        if (server.received.length === 1) json(response, {})
        else response.socket?.destroy()
      })
      const post = Transport.Transport.use((transport) =>
        transport.exchange(Transport.form(server.url, [["auth_req_id", "1"]]))
      )
      yield* post
      const { code, kind } = yield* Effect.flip(post)
      assert.strictEqual(kind, "Unreachable")
      assert.notStrictEqual(code, "ECONNREFUSED")
      assert.lengthOf(server.received, 2)
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("uses connections again, of which undici has two for requests that follow each other", () =>
    Effect.gen(function* () {
      const { ports, url } = yield* servePorts
      for (let count = 0; count < 20; count++) yield* exchange(url)
      assert.isAtMost(ports.size, 2)
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("has the options of undici that its caller has given", () =>
    Effect.gen(function* () {
      const { ports, url } = yield* servePorts
      const closing = Effect.provideService(exchange(url), NodeHttpClient.UndiciOptions, { reset: true })
      for (let count = 0; count < 3; count++) yield* closing
      assert.strictEqual(ports.size, 3)
    }).pipe(over(NodeTls.layer({})))
  )

  it.live("is sent as it is, with a body that is a stream, too", () =>
    Effect.gen(function* () {
      const server = yield* serve((_request, response) => json(response, { ok: true }))
      const request = HttpClientRequest.bodyStream(
        HttpClientRequest.post(server.url),
        Stream.encodeText(Stream.make("a", "b"))
      )
      assert.deepStrictEqual(yield* Effect.flatMap(receive(request), ({ json }) => json), { ok: true })
      assert.strictEqual(server.received[0]?.body, "ab")
    }).pipe(Effect.provide(NodeTls.layer({})))
  )

  for (const [what, request, reason] of [
    ["is no URL", HttpClientRequest.get("no url"), "InvalidUrlError"],
    [
      "has a header that no server can be sent",
      HttpClientRequest.setHeader(HttpClientRequest.get("http://127.0.0.1:1/"), "x", "a\nb"),
      "TransportError"
    ]
  ] as const) {
    it.live(`fails where it ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(receive(request))).reason._tag, reason)
      }).pipe(Effect.provide(NodeTls.layer({})))
    )
  }
})

it.live("a request whose response is handed over ends with the scope of its caller", () =>
  Effect.gen(function* () {
    const { begun, closed, url } = yield* serveUnfinished
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const response = yield* Effect.scoped(Effect.tap(client.get(url), begun))
    yield* closed
    // It is held until now: what is garbage ends its request, too.
    assert.strictEqual(response.status, 200)
  }).pipe(Effect.provide(NodeTls.layer({})))
)
