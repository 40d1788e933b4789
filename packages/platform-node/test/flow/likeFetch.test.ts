// What fetch does, and the client of NodeCiba does as well.

import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { buffer } from "node:stream/consumers"
import { brotliCompressSync, createGzip, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, ProtectedResource, Transport } from "@effect-ciba/core"
import { NodeTls } from "@effect-ciba/platform-node"
import { Duration, Effect, Layer, Redacted, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import { userAgent } from "../../src/internal/UserAgent.ts"
import { serve } from "../support/SocketServer.ts"

const transport = Transport.layer({ allowInsecureRequests: "loopback" }).pipe(Layer.provide(NodeTls.layer({})))

const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Transport.Transport.use(({ exchange }) =>
    exchange(HttpClientRequest.setHeaders(HttpClientRequest.get(url), headers))
  ).pipe(Effect.provide(transport))

/** A server that sends this body with this coding, whatever was asked for. */
const serveCoded = (coding: string, body: Uint8Array, status = 200) =>
  serve((_request, response) =>
    response.writeHead(status, { "content-encoding": coding, "content-length": body.byteLength }).end(body)
  )

/** 400 MiB of blanks in a few hundred kilobytes. */
const bomb = Effect.promise(async () => {
  const gzip = createGzip()
  const blanks = Buffer.alloc(2 ** 20, " ")
  const whole = buffer(gzip)
  for (let count = 0; count < 400; count++) {
    if (!gzip.write(blanks)) await once(gzip, "drain")
  }
  gzip.end()
  return whole
})

const text = Buffer.from('{"name":"\u00e9"}')

describe("the client of NodeCiba", () => {
  for (const [coding, body] of [
    ["gzip", gzipSync(text)],
    ["X-GZIP", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
    ["deflate, gzip,  Br", brotliCompressSync(gzipSync(deflateSync(text)))],
    ["identity", text],
    // Names of what every object has are no codings.
    ["constructor", text],
    ["__proto__", text],
    ["unknown", text]
  ] as const) {
    it.live(`decodes a body that was sent with the coding ${coding} (U10)`, () =>
      Effect.gen(function* () {
        const { url } = yield* serveCoded(coding, body)
        assert.deepStrictEqual((yield* get(url)).body, { name: "é" })
      })
    )
  }

  for (const [coding, compress] of [
    ["gzip", gzipSync],
    ["br", brotliCompressSync]
  ] as const) {
    it.live(`refuses a body that is larger than the limit once ${coding} is decoded (U10)`, () =>
      Effect.gen(function* () {
        const { url } = yield* serveCoded(coding, compress(Buffer.alloc(100 * 2 ** 20, " ")))
        assert.propertyVal(yield* Effect.flip(get(url)), "kind", "TooLarge")
      })
    )
  }

  it.live("decodes an error response, and one without a body (U10)", () =>
    Effect.gen(function* () {
      const refusing = yield* serveCoded("gzip", gzipSync(text), 400)
      const { body, status } = yield* get(refusing.url)
      assert.deepStrictEqual([status, body], [400, { name: "é" }])
      const empty = yield* serveCoded("gzip", Buffer.alloc(0))
      assert.propertyVal(yield* Effect.flip(get(empty.url)), "kind", "Unreadable")
    })
  )

  it.live("stops decoding at the limit: 400 MiB in one response cost no memory (U10)", () =>
    Effect.gen(function* () {
      const { url } = yield* serveCoded("gzip", yield* bomb)
      const before = process.memoryUsage()
      assert.propertyVal(yield* Effect.flip(get(url)), "kind", "TooLarge")
      const after = process.memoryUsage()
      assert.isBelow(after.arrayBuffers + after.external - before.arrayBuffers - before.external, 40 * 2 ** 20)
    })
  )

  it.live("hands a gzip bomb of a protected resource over as far as the limit (U15, U10)", () =>
    Effect.gen(function* () {
      const { url } = yield* serveCoded("gzip", yield* bomb)
      const resource = yield* ProtectedResource.make({
        accessToken: Redacted.make("a token"),
        tokenType: "Bearer",
        dpopKey: undefined
      })
      for (const read of ["json", "text"] as const) {
        const { reason } = yield* Effect.flip((yield* resource.get(url))[read])
        assert.propertyVal("cause" in reason ? reason.cause : reason, "kind", "TooLarge")
      }
    }).pipe(
      Effect.provide([
        transport,
        ClientRegistration.layer({ clientId: "shop", authentication: ClientAuthentication.none })
      ])
    )
  )

  it.live("refuses a body with six codings, each of which would cost a decoder (U10)", () =>
    Effect.gen(function* () {
      const codings = Array.from({ length: 6 }, () => "gzip").join(",")
      const { url } = yield* serveCoded(
        codings,
        Array.from({ length: 6 }).reduce<Buffer>((body) => gzipSync(body), text)
      )
      assert.propertyVal(yield* Effect.flip(get(url)), "kind", "Unreadable")
    })
  )

  it.live("hands on the other headers of a decoded response as they came (U10)", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => {
        const headers = { "content-encoding": "gzip", "retry-after": "7", "x-name": "Zoë" }
        response.writeHead(503, headers).end(gzipSync(text))
      })
      const { retryAfter } = yield* get(url)
      assert.deepStrictEqual(retryAfter, Duration.seconds(7))
    })
  )

  it.live("fails for a body that is not what its coding says (U10)", () =>
    Effect.gen(function* () {
      const { url } = yield* serveCoded("gzip", text)
      assert.propertyVal(yield* Effect.flip(get(url)), "kind", "Unreadable")
    })
  )

  it.live("names itself and its version, unless a request has a User-Agent of its own (U11)", () =>
    Effect.gen(function* () {
      const agents: Array<string | undefined> = []
      const server = createServer((request, response) => {
        agents.push(request.headers["user-agent"])
        response.end("{}")
      })
      yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const address = server.address()
      const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
      yield* get(url)
      yield* get(url, { "user-agent": "shop/1" })
      assert.deepStrictEqual(agents, [userAgent, "shop/1"])
    })
  )

  it("has the version of its package in its name (U11)", () => {
    const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
    const { version } = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))(
      manifest
    )
    assert.strictEqual(userAgent, `effect-ciba/${version}`)
  })
})
