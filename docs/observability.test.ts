import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Ciba, type CibaEvent, CibaMetrics, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Layer, Metric, Tracer } from "effect"
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
      .map((cells) => [codes(cells[1] ?? "")[0] ?? "", { names: codes(cells.at(-2) ?? "") }])
  )

const codes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)

/** The spans and metrics of a flow at this provider, whatever its outcome. */
const flow = (provider: ProviderOptions) =>
  Effect.gen(function* () {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const layer = Ciba.layer({
      issuer: "https://provider.test",
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
    }).pipe(Layer.provide(TestProvider.layer({ interval: "1 second", ...provider })))
    const program = Effect.gen(function* () {
      yield* Effect.exit(Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }))
      return { spans, metrics: yield* Metric.snapshot }
    })
    return yield* program.pipe(
      Effect.provide(layer),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  })

/** An approval after a fault, a denial, and a rejected request. */
const flows = await Effect.runPromise(
  Effect.all(
    [
      flow({ user: TestUser.approve(), tokenScript: ProviderScript.make([ProviderScript.html(502)]) }),
      flow({ user: TestUser.deny() }),
      flow({ backchannelScript: ProviderScript.make([ProviderScript.error("unknown_user_id")]) })
    ],
    { concurrency: "unbounded" }
  )
)

/** The table of metrics in a text: name, kind, unit and attributes. */
const metricsIn = (text: string) =>
  [...text.matchAll(/^[ *]*\| `(ciba\.[^`]+)` \| (\w+) \| `([^`]+)` \|(.*)\|$/gm)].map(
    ([, name, kind, unit, rest = ""]) => [name, kind, unit, ...codes(rest)].join(" ")
  )

it("the tables of metrics in observability.md and in CibaMetrics have each metric with its kind, unit and attributes", () => {
  const own = flows
    .flatMap(({ metrics }) => metrics)
    .filter(({ id }) => id.startsWith("ciba."))
    .map(({ attributes: { unit, ...attributes } = {}, id, type }) =>
      [id, type.toLowerCase(), unit, ...Object.keys(attributes)].join(" ")
    )
  const source = readFileSync(join(import.meta.dirname, "../packages/core/src/wait/CibaMetrics.ts"), "utf8")
  const exported = Object.values(CibaMetrics).filter((value) => Metric.isMetric(value))
  expect(metricsIn(document).sort()).toEqual([...new Set(own)].sort())
  expect(metricsIn(source).sort()).toEqual([...new Set(own)].sort())
  expect(new Set(exported.map(({ id }) => id))).toEqual(new Set(own.map((line) => line.split(" ")[0])))
})

it("the table of spans in observability.md has each span with its attributes", () => {
  const attributesBySpan = new Map<string, Set<string>>()
  for (const { attributes, name } of flows.flatMap(({ spans }) => spans)) {
    const row = name === "POST" ? "GET" : name
    attributesBySpan.set(row, new Set([...(attributesBySpan.get(row) ?? []), ...attributes.keys()]))
  }
  const table = [...rows("Spans, for a trace")].map(([name, { names }]) => [name, new Set(names)] as const)
  expect(new Map(table)).toEqual(attributesBySpan)
})

/** Every event with its fields besides tag, id and instant; the type checker compares it with the union. */
const events: {
  readonly [Tag in CibaEvent.CibaEvent["_tag"]]: Readonly<
    Record<Exclude<keyof Extract<CibaEvent.CibaEvent, { readonly _tag: Tag }>, "_tag" | "at" | "id">, true>
  >
} = {
  Acknowledged: { deliveryMode: true, expiresAt: true },
  Resumed: { expiresAt: true },
  Polled: {},
  StillPending: { interval: true },
  SlowedDown: { interval: true },
  PollFailed: { kind: true, status: true },
  Pinged: {},
  Pushed: {},
  Completed: { outcome: true }
}

it("the table of events in observability.md has each event with its fields", () => {
  const fields = [...rows("Events, for an interface")].map(([name, { names }]) => [
    name,
    names.filter((field) => field !== "approved")
  ])
  expect(Object.fromEntries(fields)).toEqual(
    Object.fromEntries(Object.entries(events).map(([name, own]) => [name, Object.keys(own)]))
  )
})
