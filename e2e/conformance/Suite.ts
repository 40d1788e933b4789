/** The REST API of a running OpenID conformance suite. */
import { Effect, Schedule, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

export interface Suite {
  readonly version: Effect.Effect<string, SuiteError>
  readonly createPlan: (
    name: string,
    variant: Readonly<Record<string, string>>,
    configuration: Schema.JsonObject
  ) => Effect.Effect<typeof Plan.Type, SuiteError>
  /** Starts a module, and waits until it expects requests; the values that it exposes. */
  readonly start: (plan: string, module: string) => Effect.Effect<Started, SuiteError>
  /** Waits until the module has ended. */
  readonly verdict: (test: string) => Effect.Effect<Verdict, SuiteError>
  readonly cancel: (test: string) => Effect.Effect<void, SuiteError>
}

export interface Started {
  readonly id: string
  /** The URLs of the module's endpoints. */
  readonly exposed: Readonly<Record<string, string>>
}

export interface Verdict {
  /** PASSED, WARNING, REVIEW, FAILED, or what the suite says of a module that has not ended. */
  readonly result: string
  /** The conditions that failed, or of which it warns. */
  readonly findings: ReadonlyArray<string>
}

/** The suite cannot be reached, or does not respond as its API does. */
export class SuiteError extends Schema.TaggedError<SuiteError>()("SuiteError", {
  request: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Conformance suite, ${this.request}: ${this.problem}`
  }
}

const Server = Schema.Struct({ version: Schema.String })
const Plan = Schema.Struct({ id: Schema.String })
const Test = Schema.Struct({ id: Schema.String })
const Status = Schema.Struct({ exposed: Schema.Record(Schema.String, Schema.Unknown) })
const Info = Schema.Struct({ status: Schema.String, result: Schema.optionalKey(Schema.NullOr(Schema.String)) })
const Log = Schema.Array(
  Schema.Struct({ result: Schema.optionalKey(Schema.String), msg: Schema.optionalKey(Schema.String) })
)

const ended = ["FINISHED", "INTERRUPTED"]

export const make = Effect.fnUntraced(function* (url: string, token: string | undefined) {
  const client = (yield* HttpClient.HttpClient).pipe(
    HttpClient.mapRequest((request) => HttpClientRequest.prependUrl(request, url)),
    HttpClient.mapRequest((request) => (token === undefined ? request : HttpClientRequest.bearerToken(request, token))),
    HttpClient.filterStatusOk
  )
  const call = <A>(request: HttpClientRequest.HttpClientRequest, schema: Schema.Decoder<A>) =>
    client.execute(request).pipe(
      Effect.flatMap(HttpClientResponse.schemaBodyJson(schema)),
      Effect.mapError(
        (error) => new SuiteError({ request: `${request.method} ${request.url}`, problem: error.message })
      )
    )
  const get = <A>(path: string, schema: Schema.Decoder<A>) =>
    Effect.retry(call(HttpClientRequest.get(path), schema), { times: 3, schedule: Schedule.spaced("1 second") })
  const post = (path: string, urlParams: Readonly<Record<string, string>>, body: Schema.Json = null) =>
    HttpClientRequest.post(path, { urlParams }).pipe(
      body === null
        ? HttpClientRequest.setHeader("content-type", "application/json")
        : HttpClientRequest.bodyJsonUnsafe(body)
    )
  const awaitStatus = (test: string, statuses: ReadonlyArray<string>) =>
    Effect.repeat(get(`/api/info/${test}`, Info), {
      until: ({ status }) => statuses.includes(status),
      schedule: Schedule.spaced("250 millis")
    })

  const suite: Suite = {
    version: Effect.map(get("/api/server", Server), ({ version }) => version),
    createPlan: (planName, variant, configuration) =>
      call(post("/api/plan", { planName, variant: JSON.stringify(variant) }, configuration), Plan),
    start: Effect.fnUntraced(function* (plan, module) {
      const { id } = yield* call(post("/api/runner", { plan, test: module }), Test)
      yield* awaitStatus(id, ["WAITING", ...ended])
      const { exposed } = yield* get(`/api/runner/${id}`, Status)
      return { id, exposed: Object.fromEntries(Object.entries(exposed).map(([name, value]) => [name, String(value)])) }
    }),
    verdict: Effect.fnUntraced(function* (test) {
      const { result, status } = yield* awaitStatus(test, ended)
      const log = yield* get(`/api/log/${test}`, Log)
      return {
        result: result ?? status,
        findings: log.flatMap((entry) =>
          entry.result === "FAILURE" || entry.result === "WARNING" ? [`${entry.result}: ${entry.msg}`] : []
        )
      }
    }),
    cancel: (test) => Effect.asVoid(call(HttpClientRequest.delete(`/api/runner/${test}`), Schema.Unknown))
  }
  return suite
})
