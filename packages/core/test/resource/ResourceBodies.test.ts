// The size limit of what a protected resource responds with, however its body is read.
import { createServer } from "node:http"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { ProtectedResource, Transport } from "@effect-ciba/core"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { FetchHttpClient, HttpClient, type HttpClientError, HttpClientResponse } from "effect/http"
import { bearer, client, ok, type Reply, serve } from "../support/ResourceServer.ts"

const url = "https://rs.test/accounts"

const maxResponseSize = 1000

/** The response of a resource server, with a limit of 1,000 bytes. */
const get = (reply: Reply) =>
  Effect.flatMap(ProtectedResource.make(bearer()), (resource) => resource.get(url)).pipe(
    Effect.provide(client(serve(reply).layer, { maxResponseSize }))
  )

const causeOf = ({ reason }: HttpClientError.HttpClientError) => ("cause" in reason ? reason.cause : undefined)

const tooLarge = new Transport.TransportError({ kind: "TooLarge", method: "GET", url, status: 200 })

const ways = {
  json: (response: HttpClientResponse.HttpClientResponse) => response.json,
  text: (response: HttpClientResponse.HttpClientResponse) => response.text,
  arrayBuffer: (response: HttpClientResponse.HttpClientResponse) => response.arrayBuffer,
  urlParamsBody: (response: HttpClientResponse.HttpClientResponse) => response.urlParamsBody,
  formData: (response: HttpClientResponse.HttpClientResponse) => response.formData,
  stream: (response: HttpClientResponse.HttpClientResponse) => Stream.runDrain(response.stream)
} as const

/** An endless body, which declares a short length. */
const endless = () => {
  const seen = { chunks: 0, cancelled: false }
  const reply: Reply = () =>
    new Response(
      new ReadableStream(
        {
          pull: (controller) => {
            seen.chunks += 1
            controller.enqueue(new Uint8Array(300))
          },
          cancel: () => {
            seen.cancelled = true
          }
        },
        { highWaterMark: 0 }
      ),
      { headers: { "content-length": "10", "content-type": "application/x-www-form-urlencoded" } }
    )
  return { reply, seen }
}

describe("the response of ProtectedResource", () => {
  for (const [name, read] of Object.entries(ways)) {
    it.effect(`fails as ${name} once its body is larger than the limit (U15)`, () =>
      Effect.gen(function* () {
        const { reply, seen } = endless()
        const error = yield* Effect.flip<unknown, HttpClientError.HttpClientError, never>(read(yield* get(reply)))
        assert.deepStrictEqual(causeOf(error), tooLarge)
        assert.deepStrictEqual(seen, { chunks: 4, cancelled: true })
      })
    )
  }

  it.effect("fails as the Response of the web once its body is larger than the limit (U15)", () =>
    Effect.gen(function* () {
      const { reply, seen } = endless()
      const web = Option.getOrThrow(HttpClientResponse.toWeb(yield* get(reply)))
      assert.deepStrictEqual(
        yield* Effect.flip(Effect.tryPromise({ try: () => web.text(), catch: String })),
        String(tooLarge)
      )
      assert.isTrue(seen.cancelled)
    })
  )

  it.effect("fails with TooLarge when Transport reads it (U15)", () =>
    Effect.gen(function* () {
      const { reply } = endless()
      const program = Effect.gen(function* () {
        const resource = yield* ProtectedResource.make(bearer())
        const { text } = yield* Transport.Transport
        return yield* Effect.flip(text(yield* resource.get(url)))
      })
      const error = yield* Effect.provide(program, client(serve(reply).layer, { maxResponseSize }))
      assert.deepStrictEqual<unknown>(error, tooLarge)
    })
  )

  it.effect("is not read before its reader asks, and aborted when the reader is interrupted (U15)", () =>
    Effect.gen(function* () {
      const seen = { chunks: 0, isAborted: false }
      const hanging = HttpClient.make((request, _url, signal) => {
        signal.addEventListener("abort", () => {
          seen.isAborted = true
        })
        const pull = () => {
          seen.chunks += 1
          return new Promise<void>(() => {})
        }
        const body = new ReadableStream({ pull }, { highWaterMark: 0 })
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body)))
      })
      const response = yield* Effect.flatMap(ProtectedResource.make(bearer()), (resource) => resource.get(url)).pipe(
        Effect.provide(client(Layer.succeed(HttpClient.HttpClient, hanging)))
      )
      assert.strictEqual(seen.chunks, 0)
      const reading = yield* Effect.forkChild(response.text)
      yield* Effect.whileLoop({ while: () => seen.chunks < 1, body: () => Effect.yieldNow, step: () => undefined })
      assert.isFalse(seen.isAborted)
      yield* Fiber.interrupt(reading)
      yield* Effect.whileLoop({ while: () => !seen.isAborted, body: () => Effect.yieldNow, step: () => undefined })
    })
  )

  it.effect("is handed over as it came within the limit: status, headers, cookies and body (U15)", () =>
    Effect.gen(function* () {
      const response = yield* get(() => {
        const headers = new Headers({ "x-name": "a", "content-type": "application/json" })
        headers.append("set-cookie", "a=1; Path=/")
        headers.append("set-cookie", "b=2; Path=/")
        return new Response('{"a":1}', { status: 404, headers })
      })
      assert.deepStrictEqual([response.status, response.headers["x-name"]], [404, "a"])
      assert.deepStrictEqual(Object.keys(response.cookies.cookies), ["a", "b"])
      assert.deepStrictEqual([yield* response.json, yield* response.text], [{ a: 1 }, '{"a":1}'])
    })
  )

  for (const status of [100, 199, 600, 999]) {
    it.effect(`counts as 500 with status ${status}, which no response ends with (U15)`, () =>
      Effect.gen(function* () {
        const http = HttpClient.make((request) =>
          Effect.succeed(
            Object.create(HttpClientResponse.fromWeb(request, new Response("odd")), { status: { value: status } })
          )
        )
        const response = yield* Effect.provide(
          Effect.flatMap(ProtectedResource.make(bearer()), (resource) => resource.get(url)),
          client(Layer.succeed(HttpClient.HttpClient, http))
        )
        assert.deepStrictEqual([response.status, yield* response.text], [500, "odd"])
      })
    )
  }

  for (const status of [204, 205, 304]) {
    it.effect(`has no body with status ${status}, which is no redirect to follow (U15)`, () =>
      Effect.gen(function* () {
        const response = yield* Effect.result(get(() => new Response(null, { status })))
        if (response._tag === "Failure") return assert.strictEqual(status, 304)
        assert.deepStrictEqual([response.success.status, yield* response.success.text], [status, ""])
      })
    )
  }

  it.effect("is empty where there is no body at all (U15)", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* (yield* get(() => new Response(null))).text, "")
      assert.deepStrictEqual(yield* (yield* get(ok)).json, { served: true })
    })
  )

  it.live("counts the decoded bytes of a gzip bomb (U15)", () =>
    Effect.gen(function* () {
      const bomb = gzipSync(Buffer.alloc(50 * 2 ** 20, " "))
      const server = createServer((_request, response) => {
        response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.byteLength }).end(bomb)
      })
      yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const address = server.address()
      const port = typeof address === "object" ? address?.port : ""
      const limits = { maxResponseSize: 10_000, allowInsecureRequests: "loopback" } as const
      const error = yield* Effect.flatMap(ProtectedResource.make(bearer()), (resource) =>
        Effect.flatMap(resource.get(`http://127.0.0.1:${port}/`), (response) => Effect.flip(response.json))
      ).pipe(Effect.provide(client(FetchHttpClient.layer, limits)))
      assert.propertyVal(causeOf(error), "kind", "TooLarge")
    }).pipe(Effect.scoped)
  )
})
