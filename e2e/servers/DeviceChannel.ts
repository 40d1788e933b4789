/** The authentication device that Keycloak contacts: it takes requests with a bearer, and the end-user decides later. */
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { Effect } from "effect"
import * as Loopback from "../Loopback.ts"

export const make = Effect.gen(function* () {
  /** The bearer of each request, by its binding message. */
  const bearers = new Map<string, string>()
  const server = createServer(async (request, response) => {
    const { binding_message } = JSON.parse(await text(request))
    bearers.set(binding_message, request.headers.authorization ?? "")
    response.writeHead(201).end()
  })
  const port = yield* Loopback.listen(server)
  return { bearers, url: `http://127.0.0.1:${port}/request` }
})
