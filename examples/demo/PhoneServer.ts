/** The phone as a web page on loopback: renders the screen, sends each change as an event, and accepts the decision. */

import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Clock, Effect, Layer, Schema, Stream, SubscriptionRef } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Phone, type Screen } from "./Phone.ts"
import * as PhonePage from "./PhonePage.ts"

const Decision = Schema.Struct({ token: Schema.String, decision: Schema.Literals(["approve", "deny"]) })

const Touch = Schema.Struct({ token: Schema.String })

const headers = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff"
}

const policy = (nonce: string) =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'"
  ].join("; ")

const show = Effect.fnUntraced(function* (screen: Screen) {
  const nonce = randomBytes(16).toString("base64")
  const page = PhonePage.page(screen, nonce, yield* Clock.currentTimeMillis)
  return HttpServerResponse.html(page).pipe(
    HttpServerResponse.setHeaders({ ...headers, "content-security-policy": policy(nonce) })
  )
})

const event = Effect.fnUntraced(function* (screen: Screen) {
  const main = PhonePage.main(screen, yield* Clock.currentTimeMillis)
  return `${main.replace(/^/gm, "data: ")}\n\n`
})

const forbidden = HttpServerResponse.text("Forbidden", { status: 403, headers })

/** Rejects requests of other sites, and requests to this address under another name. */
const fromThisPage = Effect.fnUntraced(function* <E, R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) {
  const { headers, method } = yield* HttpServerRequest.HttpServerRequest
  const { host, origin } = headers
  const here = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const isOwn = `http://${host}` === here && (method !== "POST" || origin === here)
  return isOwn ? yield* handler : forbidden
})

const routes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const phone = yield* Phone
    const current = SubscriptionRef.get(phone.screen)

    yield* router.add("GET", "/", fromThisPage(Effect.flatMap(current, show)))

    yield* router.add(
      "GET",
      "/events",
      fromThisPage(
        Effect.succeed(
          HttpServerResponse.stream(
            SubscriptionRef.changes(phone.screen).pipe(Stream.mapEffect(event), Stream.encodeText),
            { contentType: "text/event-stream", headers }
          )
        )
      )
    )

    yield* router.add(
      "POST",
      "/decision",
      fromThisPage(
        Effect.gen(function* () {
          const { token, decision } = yield* HttpServerRequest.schemaBodyUrlParams(Decision)
          const screen = yield* phone.decide(token, decision)
          return screen === undefined ? forbidden : yield* show(screen)
        }).pipe(Effect.catchTag("SchemaError", () => Effect.succeed(forbidden)))
      )
    )

    yield* router.add(
      "POST",
      "/touch",
      fromThisPage(
        Effect.gen(function* () {
          const { token } = yield* HttpServerRequest.schemaBodyUrlParams(Touch)
          yield* phone.touch(token)
          return HttpServerResponse.empty({ headers })
        }).pipe(Effect.catchTag("SchemaError", () => Effect.succeed(forbidden)))
      )
    )
  })
)

/** Closes all connections at the end, since browsers keep unused ones open. */
export const layer = Layer.suspend(() => {
  const server = createServer()
  const closeConnections = Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  return HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(Layer.effectDiscard(closeConnections)),
    Layer.provideMerge(
      NodeHttpServer.layer(() => server, { host: "127.0.0.1", port: 0, gracefulShutdownTimeout: "200 millis" })
    )
  )
})
