// A server of approvals without a socket, at tables of its own in the database of the context.
import { Approvals, WaitStore, WaitWorker } from "@effect-ciba/durable"
import * as ApprovalsApi from "@effect-ciba/durable/ApprovalsApi"
import { Effect, Layer, Option, Redacted, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import type { SqlClient } from "effect/sql"
import { type makeCiba, makeOptions } from "./TestApproval.ts"

export const token = "2YotnFZFEjr1zCsicMWpAA-2YotnFZFEjr1zCsicMWpAA"

/** Two callers: one may use each key, the other one those that begin with `shop-`. */
const CallersTest = Layer.succeed(ApprovalsApi.Callers, {
  authenticate: (given) =>
    Effect.sync(() => {
      if (Redacted.value(given) === token) return Option.some({ mayUse: () => true })
      return Redacted.value(given) === "shop"
        ? Option.some({ mayUse: (key) => key.startsWith("shop-") })
        : Option.none()
    })
})

interface Call {
  readonly body?: unknown
  readonly authorization?: string | undefined
  readonly headers?: Record<string, string>
}

export const ask = { scope: "openid", login_hint: "jo@example.com" }

const Body = Schema.Record(Schema.String, Schema.Unknown)

type Services = Layer.Success<ReturnType<typeof makeCiba>> | SqlClient.SqlClient

interface Options {
  readonly callers?: typeof CallersTest
  /** The tables of another server. */
  readonly place?: Effect.Success<typeof makeOptions>
}

export const makeServerWith = Effect.fnUntraced(function* ({ callers = CallersTest, place }: Options) {
  const options = place ?? (yield* makeOptions)
  const services = yield* Layer.build(
    Layer.merge(Approvals.layer(options), WaitWorker.layer({ claimInterval: "20 millis" })).pipe(
      Layer.provide(WaitStore.layer(options)),
      Layer.provide(Layer.succeedContext(yield* Effect.context<Services>()))
    )
  )
  const Routes = ApprovalsApi.layer({ openapiPath: "/openapi.json", maxWait: "3 seconds" }).pipe(
    Layer.provide([callers, Layer.succeedContext(services), HttpServer.layerServices])
  )
  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() => HttpRouter.toWebHandler(Routes, { disableLogger: true, routerConfig: { maxParamLength: 300 } })),
    ({ dispose }) => Effect.promise(dispose)
  )
  const send = (method: string, path: string, { authorization = `Bearer ${token}`, body, headers }: Call = {}) =>
    Effect.promise(() =>
      handler(
        new Request(`https://approvals.test${path}`, {
          method,
          headers: { authorization, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
          ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) })
        })
      )
    )
  const call = (...request: Parameters<typeof send>) =>
    Effect.flatMap(send(...request), (response) =>
      Effect.map(
        Effect.promise(() => response.text()),
        (text) => ({
          status: response.status,
          headers: response.headers,
          text,
          body: text.startsWith("{") ? Schema.decodeUnknownSync(Schema.fromJsonString(Body))(text) : {}
        })
      )
    )
  return { call, options }
})

export const makeServer = makeServerWith({})
