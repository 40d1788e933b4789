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

const run = (environment: Readonly<Record<string, string>>) =>
  Effect.callback<void>((resume) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
      env: { ...process.env, ...environment },
      stdio: "ignore"
    })
    child.on("exit", () => resume(Effect.void))
  })

describe("a proxy that the environment names", () => {
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
