/**
 * Events as a stream for a user interface; traces and metrics over OTLP for operators.
 *
 * The program runs a collector of its own, prints what that received, and fails if something is missing. With
 * `OTEL_EXPORTER_OTLP_ENDPOINT` in the environment (`http://localhost:4318`) it exports to that collector instead.
 */
import assert from "node:assert/strict"
import { createServer } from "node:http"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Config, Console, Context, Effect, Layer, Option, Schema, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Otlp } from "effect/observability"

const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.Record(Schema.String, Schema.Json) }))

const Span = Schema.Struct({
  name: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  attributes: Attributes
})

const Points = Schema.Struct({
  dataPoints: Schema.Array(
    Schema.Struct({
      attributes: Attributes,
      asDouble: Schema.optionalKey(Schema.Finite),
      sum: Schema.optionalKey(Schema.Finite)
    })
  )
})

const Figure = Schema.Struct({
  name: Schema.String,
  unit: Schema.String,
  sum: Schema.optionalKey(Points),
  gauge: Schema.optionalKey(Points),
  histogram: Schema.optionalKey(Points)
})

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({ scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) })) }))
})

const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(
    Schema.Struct({ scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Figure) })) })
  )
})

class Received extends Context.Service<
  Received,
  { readonly spans: Array<typeof Span.Type>; readonly figures: Map<string, typeof Figure.Type> }
>()("examples/Received") {
  static readonly layer = Layer.sync(Received, () => ({ spans: [], figures: new Map() }))
}

const Routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { figures, spans } = yield* Received
    const ok = HttpServerResponse.jsonUnsafe({})
    yield* router.add(
      "POST",
      "/v1/traces",
      Effect.gen(function* () {
        const { resourceSpans } = yield* HttpServerRequest.schemaBodyJson(Traces)
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)))
        return ok
      })
    )
    yield* router.add(
      "POST",
      "/v1/metrics",
      Effect.gen(function* () {
        const { resourceMetrics } = yield* HttpServerRequest.schemaBodyJson(Metrics)
        for (const { scopeMetrics } of resourceMetrics) {
          for (const figure of scopeMetrics.flatMap((scope) => scope.metrics)) figures.set(figure.name, figure)
        }
        return ok
      })
    )
    yield* router.add("POST", "/v1/logs", ok)
  })
)

const Collector = HttpRouter.serve(Routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const Telemetry = (baseUrl: string) =>
  Otlp.layerJson({ baseUrl, resource: { serviceName: "point-of-sale" } }).pipe(
    Layer.provide(NodeHttpClient.layerUndici)
  )

const CibaLive = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}).pipe(
  Layer.provide(
    TestProvider.layer({
      user: TestUser.approve(),
      interval: "1 second",
      tokenScript: ProviderScript.make([ProviderScript.pending, ProviderScript.html(502)])
    })
  )
)

const flow = Effect.gen(function* () {
  yield* Effect.forkChild(
    Stream.runForEach(Ciba.events, ({ _tag, id }) => Console.log(`  ${id.slice(0, 4)}…  ${_tag}`))
  )
  yield* Effect.yieldNow
  yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
}).pipe(Effect.provide(CibaLive))

const formatAttributes = (attributes: typeof Attributes.Type) =>
  attributes
    .filter(
      ({ key }) => key.startsWith("ciba.") || ["url.full", "http.response.status_code", "error.type"].includes(key)
    )
    .map(({ key, value }) => `${key}=${Object.values(value)[0]}`)
    .join("  ")

const report = Effect.gen(function* () {
  const { figures, spans } = yield* Received
  const print = (parent: string | undefined, depth: number): Effect.Effect<void> =>
    Effect.forEach(
      spans.filter(({ parentSpanId }) => parentSpanId === parent),
      ({ attributes, name, spanId }) =>
        Effect.andThen(
          Console.log(`${"  ".repeat(depth)}${name.padEnd(22 - 2 * depth)}${formatAttributes(attributes)}`.trimEnd()),
          print(spanId, depth + 1)
        ),
      { discard: true }
    )
  yield* Console.log("\nThe trace:")
  yield* print(undefined, 1)
  yield* Console.log("\nThe metrics:")
  for (const { gauge, histogram, name, sum, unit } of figures.values()) {
    for (const { asDouble, attributes, sum: total } of (gauge ?? sum ?? histogram)?.dataPoints ?? []) {
      const value = `${asDouble ?? total} ${unit}`
      yield* Console.log(`  ${name.padEnd(36)}${value.padEnd(20)}${formatAttributes(attributes)}`.trimEnd())
    }
  }
})

/** Fails unless the collector has received the whole trace and all metrics. */
const check = Effect.gen(function* () {
  const { figures, spans } = yield* Received
  const tree = (parent?: string): string =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .map(({ name, spanId }) => `${name}(${tree(spanId)})`)
      .join(" ")
      .replaceAll("()", "")
  assert.equal(tree(), "Ciba.authenticate(Ciba.initiate(GET GET POST) Ciba.complete(POST POST POST))")
  const points = [...figures.values()].flatMap(({ gauge, histogram, name, sum, unit }) =>
    ((gauge ?? sum ?? histogram)?.dataPoints ?? []).map(({ asDouble, attributes, sum: total }) =>
      [name, unit, name.endsWith("duration") ? "…" : (asDouble ?? total), formatAttributes(attributes)]
        .join(" ")
        .trimEnd()
    )
  )
  assert.deepEqual(points.sort(), [
    "ciba.client.authentications.pending {authentication} 0",
    "ciba.client.decision.duration s … ciba.outcome=approved",
    "ciba.client.decision.polls {poll} 3 ciba.outcome=approved",
    "ciba.client.decisions {authentication} 1 ciba.outcome=approved",
    "ciba.client.faults {fault} 1 error.type=UnexpectedStatus"
  ])
})

const program = Effect.gen(function* () {
  const endpoint = yield* Config.option(Config.NonEmptyString("OTEL_EXPORTER_OTLP_ENDPOINT"))
  yield* Console.log("The events:")
  if (Option.isSome(endpoint)) return yield* Effect.provide(flow, Telemetry(endpoint.value))
  const { address } = yield* HttpServer.HttpServer
  yield* Effect.provide(flow, Telemetry(HttpServer.formatAddress(address)))
  yield* report
  yield* check
})

await Effect.runPromise(Effect.provide(program, Layer.provideMerge(Collector, Received.layer)))
