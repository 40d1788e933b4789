// Runs the suite on workerd, in a Durable Object: a wait that a notification ends has to live where the notification arrives.
import type { Host } from "./Case.ts"
import { cases, run, runTitle } from "./Suite.ts"
import type { World } from "./World.ts"

interface Environment {
  readonly WORLD: World
  readonly SUITE: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
}

export class Suite {
  readonly #host: Host
  #handler: (request: Request) => Promise<Response> = () => Promise.resolve(new Response(null, { status: 503 }))

  constructor(_state: unknown, { WORLD }: Environment) {
    this.#host = {
      world: WORLD,
      serve: (handler) => {
        this.#handler = handler
      },
      runApart: async (title) => {
        const url = `http://127.0.0.1:${WORLD.notificationPort}/apart/${encodeURIComponent(title)}`
        const report: { readonly failure?: string } = await (await fetch(url)).json()
        return report.failure
      }
    }
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const found = cases[Number(/^\/run\/(\d+)$/.exec(pathname)?.[1] ?? "none")]
    return found === undefined ? this.#handler(request) : Response.json(await run(found, this.#host))
  }
}

/** Runs a test in the request itself, outside the Durable Object. */
const runApart = async (title: string, world: World): Promise<Response> => {
  const runNested = () => Promise.reject(new Error("this test runs no other one"))
  return Response.json({ failure: await runTitle(title, { world, serve: () => {}, runApart: runNested }) })
}

export default {
  fetch: (request: Request, { SUITE, WORLD }: Environment): Promise<Response> => {
    const title = /\/apart\/(.+)$/.exec(request.url)?.[1]
    return title === undefined
      ? SUITE.get(SUITE.idFromName("suite")).fetch(request)
      : runApart(decodeURIComponent(title), WORLD)
  }
}
