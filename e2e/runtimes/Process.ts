// Runs the suite in a process of Node.js, Bun or Deno, and writes the report of each test as a line of JSON.
import type { Host } from "./Case.ts"
import { cases, run, runTitle } from "./Suite.ts"
import type { World } from "./World.ts"

type Handler = (request: Request) => Promise<Response>

/** What Bun and Deno have in place of `node:http`. */
interface Globals {
  readonly Bun?: { readonly serve: (options: object) => unknown }
  readonly Deno?: { readonly serve: (options: object, handler: Handler) => unknown }
}

const { Bun, Deno } = globalThis as Globals

const world: World = JSON.parse(process.env.WORLD ?? "{}")

let current: Handler = () => Promise.resolve(new Response(null, { status: 503 }))

const fetch: Handler = (request) => current(request)

const listen = { port: world.notificationPort, hostname: "127.0.0.1", onListen: () => {}, fetch }

const serveNode = async () => {
  const { createServer } = await import("node:http")
  const { buffer } = await import("node:stream/consumers")
  const server = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming)
    const { authorization, "content-type": contentType } = incoming.headers
    const request = new Request(`http://127.0.0.1${incoming.url}`, {
      method: incoming.method ?? "",
      headers: { ...(authorization && { authorization }), ...(contentType && { "content-type": contentType }) },
      ...(body.byteLength > 0 && { body: new Uint8Array(body) })
    })
    const response = await fetch(request)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
  })
  await new Promise<void>((resolve) => server.listen(world.notificationPort, "127.0.0.1", () => resolve()))
}

if (Bun !== undefined) Bun.serve(listen)
else if (Deno !== undefined) Deno.serve(listen, fetch)
else await serveNode()

const host: Host = {
  world,
  serve: (handler) => {
    current = handler
  },
  runApart: (title) => runTitle(title, host)
}

for (const each of cases) console.log(JSON.stringify(await run(each, host)))
process.exit()
