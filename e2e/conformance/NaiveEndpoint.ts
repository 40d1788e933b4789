/** The notification endpoint of naive clients: a path for each, which may accept any bearer token. */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Https from "node:https"
import { Deferred, Effect, Redacted } from "effect"
import type { Issued } from "../CertificateAuthority.ts"
import * as Loopback from "../Loopback.ts"

export interface NaiveEndpoint {
  readonly url: string
  readonly expect: (token: Redacted.Redacted<string> | undefined) => void
  readonly pinged: Effect.Effect<void>
}

/** Listens, and makes endpoints; one that is open accepts every bearer token. */
export const make = Effect.fnUntraced(function* ({ certificate, privateKey }: Issued) {
  const handlers = new Map<string, (request: IncomingMessage) => number>()
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(handlers.get(request.url ?? "")?.(request) ?? 404).end()
  }
  const port = yield* Loopback.listen(Https.createServer({ cert: certificate, key: privateKey }, listener))

  return Effect.fnUntraced(function* (isOpen: boolean) {
    const path = `/${crypto.randomUUID()}`
    const pinged = yield* Deferred.make<void>()
    let expected: string | undefined
    handlers.set(path, ({ headers }) => {
      if (!isOpen && headers.authorization !== `Bearer ${expected}`) return 401
      Deferred.doneUnsafe(pinged, Effect.void)
      return 204
    })
    const endpoint: NaiveEndpoint = {
      url: `https://127.0.0.1:${port}${path}`,
      expect: (token) => {
        expected = token && Redacted.value(token)
      },
      pinged: Deferred.await(pinged)
    }
    return endpoint
  })
})
