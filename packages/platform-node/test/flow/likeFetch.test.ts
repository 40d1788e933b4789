// What fetch does, and the client of NodeCiba does as well.
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@effect-ciba/core"
import { NodeTls } from "@effect-ciba/platform-node"
import { Effect, Layer, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import { userAgent } from "../../src/internal/UserAgent.ts"
import { serve } from "../support/SocketServer.ts"

const transport = Transport.layer({ allowInsecureRequests: "loopback" }).pipe(Layer.provide(NodeTls.layer({})))

const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Transport.Transport.use(({ exchange }) =>
    exchange(HttpClientRequest.setHeaders(HttpClientRequest.get(url), headers))
  ).pipe(Effect.provide(transport))

/** A server that sends this body with this coding, whatever was asked for. */
const serveCoded = (coding: string, body: Uint8Array) =>
  serve((_request, response) =>
    response.writeHead(200, { "content-encoding": coding, "content-length": body.byteLength }).end(body)
  )

const text = Buffer.from('{"name":"\u00e9"}')

describe("the client of NodeCiba", () => {
  for (const [coding, body] of [
    ["gzip", gzipSync(text)],
    ["X-GZIP", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["br", brotliCompressSync(text)],
    ["identity", text]
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
