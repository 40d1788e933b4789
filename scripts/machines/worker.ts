// A machine: a worker for each client, and the endpoint that the provider sends pings to. It reports the endpoint's port.
import { WaitWorker } from "@effect-ciba/durable"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { Context, Effect, Layer, Logger } from "effect"
import { HttpServer } from "effect/http"
import * as Child from "./Child.ts"
import { clientOf, databaseOf } from "./Clients.ts"
import * as Planted from "./Planted.ts"
import { type Mode, readConfiguration } from "./Settings.ts"

const configuration = readConfiguration()

const ReportedLog = Logger.layer([
  Logger.map(Logger.formatStructured, ({ annotations, cause, level, message }) => {
    const parts = [message, cause ?? ""].flat().map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
    return Child.report({ type: "log", value: { level, message: parts.join(" ").trim(), ...annotations } })
  })
])

const workerOf = (mode: Mode) =>
  WaitWorker.layer(Planted.workerOptions(configuration)).pipe(Layer.provide(Planted.storeOf(configuration, mode)))

const server = NodeNotificationServer.layer({ path: "/ciba", port: 0, host: "127.0.0.1" })

const heapUsed = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const program = Effect.gen(function* () {
  const database = Layer.succeedContext(yield* Layer.build(databaseOf(configuration.database)))
  const build = <A, E, R>(mode: Mode, layer: Layer.Layer<A, E, R>) =>
    Effect.annotateLogs(
      Layer.build(layer.pipe(Layer.provide(clientOf(configuration, mode)), Layer.provide(database))),
      { mode }
    )
  yield* build("poll", workerOf("poll"))
  const { address } = Context.get(yield* build("ping", Layer.merge(workerOf("ping"), server)), HttpServer.HttpServer)
  Child.listen(() => Child.report({ type: "answer", value: heapUsed() }))
  Child.report({ type: "ready", value: "port" in address ? address.port : 0 })
  return yield* Effect.never
})

Child.runMain(program.pipe(Effect.scoped, Effect.provide(ReportedLog)))
