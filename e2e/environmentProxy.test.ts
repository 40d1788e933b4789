// A process whose environment names a proxy, as Node.js documents it for its own clients.
import { spawn } from "node:child_process"
import { createServer } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const program = `
import { HttpClient } from "effect/http"
import { Effect } from "effect"
import { NodeTls } from "@effect-ciba/platform-node"
await Effect.runPromise(Effect.ignore(Effect.provide(HttpClient.get("http://provider.test/"), NodeTls.layer({}))))
process.exit(0)
`

/** Sends a request that would go through a tunnel, and prints the code of its error. */
const tunnelling = `
import { HttpClientRequest } from "effect/http"
import { Effect, Layer } from "effect"
import { Transport } from "@effect-ciba/core"
import { NodeTls } from "@effect-ciba/platform-node"
const request = HttpClientRequest.post("https://provider.test/token")
const live = Layer.provide(Transport.layer(), NodeTls.layer({}))
const sent = Effect.flip(Transport.Transport.use(({ exchange }) => exchange(request)))
console.log((await Effect.runPromise(Effect.provide(sent, live))).code)
process.exit(0)
`

/** A proxy that refuses, and the targets that it was asked for. */
const proxy = Effect.gen(function* () {
  const targets: Array<string> = []
  const server = createServer((request, response) => {
    targets.push(request.url ?? "")
    response.writeHead(502).end()
  })
  server.on("connect", (request, socket) => {
    targets.push(request.url ?? "")
    socket.end("HTTP/1.1 502 no\r\n\r\n")
  })
  yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
  const address = server.address()
  return { targets, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` }
})

/** What a program prints. */
const run = (environment: Readonly<Record<string, string>>, source = program) =>
  Effect.callback<string>((resume) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      cwd: import.meta.dirname,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "ignore"]
    })
    const output: Array<string> = []
    child.stdout.on("data", (chunk) => void output.push(String(chunk)))
    child.on("close", () => resume(Effect.succeed(output.join("").trim())))
  })

describe("a proxy that the environment names", () => {
  it.live("that refuses CONNECT has kept the request from being sent: no response was lost (H29, U12)", () =>
    Effect.gen(function* () {
      const { targets, url } = yield* proxy
      const environment = { HTTPS_PROXY: url, https_proxy: url, NODE_USE_ENV_PROXY: "1", NO_PROXY: "", no_proxy: "" }
      assert.strictEqual(yield* run(environment, tunnelling), "PROXY_REFUSED")
      assert.deepStrictEqual(targets, ["provider.test:443"])
    })
  )

  for (const [what, environment, isUsed] of [
    ["is used with NODE_USE_ENV_PROXY=1", { NODE_USE_ENV_PROXY: "1" }, true],
    ["is not used for a host in NO_PROXY", { NODE_USE_ENV_PROXY: "1", NO_PROXY: "provider.test" }, false],
    ["is not used without NODE_USE_ENV_PROXY", {}, false]
  ] as const) {
    it.live(`${what} (U12)`, () =>
      Effect.gen(function* () {
        const { targets, url } = yield* proxy
        yield* run({ HTTP_PROXY: url, HTTPS_PROXY: url, http_proxy: url, https_proxy: url, ...environment })
        assert.strictEqual(targets.length > 0, isUsed)
      })
    )
  }
})
