import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Metric, Stream, Tracer } from "effect"
import { expect, it } from "vitest"

const document = readFileSync(join(import.meta.dirname, "observability.md"), "utf8")

/** The rows of a table, by the name in their first cell: the names in code in the last one. */
const rows = (heading: string) =>
  new Map(
    (document.split(`## ${heading}`)[1]?.split("\n## ")[0] ?? "")
      .split("\n")
      .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"))
      .slice(1)
      .map((line) => line.split("|").map((cell) => cell.trim()))
      .map((cells) => [cells[1]?.match(/`([^`]+)`/)?.[1] ?? "", { cells, names: codes(cells.at(-2) ?? "") }])
  )

const codes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)

/** What a flow with a pending answer and a fault tells. */
const told = await Effect.runPromise(
  Effect.gen(function* () {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const provider = TestProvider.layer({
      user: TestUser.approve(),
      interval: "1 second",
      tokenScript: ProviderScript.make([ProviderScript.html(502)])
    })
    const flow = Ciba.layer({
      issuer: "https://provider.test",
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
    }).pipe(Layer.provide(provider))
    const program = Effect.gen(function* () {
      const events: Array<object> = []
      yield* Effect.forkChild(Stream.runForEach(Ciba.events, (event) => Effect.sync(() => events.push(event))))
      yield* Effect.yieldNow
      yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
      return { events, spans, metrics: yield* Metric.snapshot }
    })
    return yield* program.pipe(
      Effect.provide(flow),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  })
)

it("the table of metrics names each with its kind, its unit and its attributes", () => {
  const shown = [...rows("Metrics, for a dashboard")].map(([name, { cells, names }]) => [
    name,
    cells[2],
    cells[3],
    names
  ])
  const own = told.metrics
    .filter(({ id }) => id.startsWith("ciba."))
    .map(({ attributes: { unit, ...attributes } = {}, id, type }) => [
      id,
      type.toLowerCase(),
      `\`${unit}\``,
      Object.keys(attributes)
    ])
  expect(shown.sort()).toEqual(own.sort())
})

it("the table of spans names each with its attributes", () => {
  const table = rows("Spans, for a trace")
  for (const { attributes, name } of told.spans) {
    const names = table.get(name === "POST" ? "GET" : name)?.names ?? []
    expect(names, name).toEqual(expect.arrayContaining([...attributes.keys()]))
  }
  const seen = new Set(told.spans.flatMap(({ attributes }) => [...attributes.keys()]))
  expect(new Set([...table.values()].flatMap(({ names }) => names))).toEqual(seen)
})

it("the table of events names what each tells", () => {
  const table = rows("Events, for an interface")
  for (const { _tag, at: _, id: __, ...rest } of told.events as ReadonlyArray<Record<string, unknown>>) {
    expect(table.get(String(_tag))?.names, String(_tag)).toEqual(expect.arrayContaining(Object.keys(rest)))
  }
  expect(told.events).toHaveLength(5)
})
