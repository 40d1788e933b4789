// Runs the suite on workerd, in a Durable Object: a wait that a notification ends has to live where the notification arrives.
import type { Host } from "./Case.ts"
import { cases, run } from "./Suite.ts"
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
      }
    }
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const found = cases[Number(/^\/run\/(\d+)$/.exec(pathname)?.[1] ?? "none")]
    return found === undefined ? this.#handler(request) : Response.json(await run(found, this.#host))
  }
}

export default {
  fetch: (request: Request, { SUITE }: Environment): Promise<Response> =>
    SUITE.get(SUITE.idFromName("suite")).fetch(request)
}
