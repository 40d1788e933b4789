import { X509Certificate } from "node:crypto"
import { expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import * as Loopback from "../Loopback.ts"
import { thumbprint } from "../MutualTlsServer.ts"
import * as ConformanceProvider from "./ConformanceProvider.ts"
import { type Cell, modules, prefix } from "./Module.ts"
import * as Suite from "./Suite.ts"
import * as SuiteRun from "./SuiteRun.ts"
import { variants } from "./Variant.ts"

const Configuration = Schema.fromJsonString(
  Schema.Struct({
    client: Schema.Struct({
      client_id: Schema.String,
      certificate: Schema.String,
      jwks: Schema.Struct({ keys: Schema.Tuple([Schema.Record(Schema.String, Schema.Unknown)]) }),
      backchannel_client_notification_endpoint: Schema.String
    })
  })
)

/** What the REST API of a suite has, over the modules of the provider here; `distort` changes what it responds. */
const makeApi = Effect.fnUntraced(function* (distort: (path: string, body: object) => object = (_, body) => body) {
  const provider = yield* ConformanceProvider.make
  const plans = new Map<string, { readonly variant: string; readonly configuration: string }>()
  const runs = new Map<string, ConformanceProvider.Started>()
  const calls: Array<string> = []

  const start = Effect.fnUntraced(function* (query: URLSearchParams) {
    const plan = plans.get(query.get("plan") ?? "")
    const { client } = yield* Schema.decodeEffect(Configuration)(plan?.configuration ?? "")
    const module = modules.find(({ name }) => prefix + name === query.get("test"))
    const { ciba_mode, client_auth_type, fapi_ciba_profile } = JSON.parse(plan?.variant ?? "{}")
    const variant = variants.find(
      ({ authentication, delivery, profile }) =>
        authentication === client_auth_type && delivery === ciba_mode && profile === fapi_ciba_profile
    )
    if (module === undefined || variant === undefined) return yield* Effect.die("no such module")
    return yield* provider.start(module, variant, client.backchannel_client_notification_endpoint, {
      clientId: client.client_id,
      key: { ...client.jwks.keys[0] },
      thumbprint: thumbprint(new X509Certificate(client.certificate))
    })
  })

  const respond = Effect.fnUntraced(function* (call: string, { searchParams }: URL, body: string) {
    if (call === "GET /api/server") return { version: "0.0.0" }
    const id = String(runs.size + plans.size)
    if (call === "POST /api/plan") {
      plans.set(id, { variant: searchParams.get("variant") ?? "", configuration: body })
      return { id }
    }
    if (call === "POST /api/runner") {
      runs.set(id, yield* start(searchParams))
      return { id }
    }
    const run = runs.get(call.split("/").at(-1) ?? "")
    const failures = (yield* run?.failures ?? Effect.die(`no response to ${call}`)) ?? []
    if (call.startsWith("GET /api/info")) {
      return failures.length === 0 ? { status: "FINISHED", result: "PASSED" } : { status: "WAITING", result: null }
    }
    if (call.startsWith("GET /api/log")) return []
    return { exposed: { issuer: run?.world.issuer, accounts_endpoint: run?.world.accounts } }
  })

  const client = HttpClient.make((request, url) => {
    const call = `${request.method} ${url.pathname}`
    calls.push(call)
    const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
    return respond(call, url, body).pipe(
      Effect.map((json) => HttpClientResponse.fromWeb(request, Response.json(distort(call, json)))),
      Effect.orDie
    )
  })
  const suite = yield* Effect.provideService(Suite.make("https://suite.test", "a token"), HttpClient.HttpClient, client)
  const port = yield* Loopback.freePort
  const run = yield* SuiteRun.make({
    suite,
    authorities: provider.authorities,
    host: "127.0.0.1",
    port,
    stallAfter: "1 second",
    settleWithin: "1 second"
  })
  return { calls, run }
})

const cell = (name: string, delivery: "poll" | "ping"): Cell => {
  const module = modules.find((module) => module.name === name)
  const variant = variants.find((variant) => variant.delivery === delivery)
  if (module === undefined || variant === undefined) throw new Error(name)
  return { module, variant }
}

it.live("a run by the suite's API has the suite's verdict, and how the application has ended beside it", () =>
  Effect.gen(function* () {
    const { calls, run } = yield* makeApi()
    const results = yield* Effect.forEach(
      [
        cell("test", "poll"),
        cell("test", "ping"),
        cell("invalid-iss-test", "poll"),
        cell("invalid-access-denied-test", "poll")
      ],
      run,
      { concurrency: "unbounded" }
    )
    expect(results.map(({ outcome, result }) => [result, outcome])).toEqual([
      ["PASSED", "approved"],
      ["PASSED", "approved"],
      ["PASSED", "IdTokenError: WrongIssuer"],
      ["PASSED", "TokenError: AccessDenied"]
    ])
    expect(calls.filter((call) => call === "POST /api/plan")).toHaveLength(2)
  }).pipe(Effect.scoped)
)

it.live("a module that waits for another request than the application sends is cancelled, and is not passed", () =>
  Effect.gen(function* () {
    const { calls, run } = yield* makeApi((call, body) =>
      call.startsWith("GET /api/info") ? { status: "WAITING", result: null } : body
    )
    const { outcome, result } = yield* run(cell("test", "poll"))
    expect([result, outcome]).toEqual(["STALLED", "approved"])
    expect(calls.at(-1)).toMatch(/^DELETE \/api\/runner\//)
  }).pipe(Effect.scoped)
)

it.live(
  "a module that fails by a race of the suite is run again, and one that fails otherwise is not",
  () =>
    Effect.gen(function* () {
      const fail = (msg: string) => (call: string, body: object) => {
        if (call.startsWith("GET /api/info")) return { status: "FINISHED", result: "FAILED" }
        return call.startsWith("GET /api/log")
          ? [
              { result: "FAILURE", msg },
              { result: "SUCCESS", msg: "fine" }
            ]
          : body
      }
      const races = yield* makeApi(fail("setStatus() called but status is the same: WAITING -> WAITING"))
      const raced = yield* races.run(cell("ping-with-invalid-bearer-token-test", "ping"))
      expect(raced.findings).toEqual(["FAILURE: setStatus() called but status is the same: WAITING -> WAITING"])
      expect(races.calls.filter((call) => call === "POST /api/runner")).toHaveLength(10)
      const failures = yield* makeApi(fail("the client is wrong"))
      const failed = yield* failures.run(cell("ping-with-invalid-bearer-token-test", "ping"))
      expect(failed.result).toBe("FAILED")
      expect(failures.calls.filter((call) => call === "POST /api/runner")).toHaveLength(1)
    }).pipe(Effect.scoped),
  120_000
)

it.live("a response that is not of the suite's API is an error that names the request", () =>
  Effect.gen(function* () {
    const { run } = yield* makeApi((call, body) => (call === "POST /api/plan" ? {} : body))
    const error = yield* Effect.flip(run(cell("test", "poll")))
    expect(error.message).toContain("Conformance suite, POST /api/plan:")
  }).pipe(Effect.scoped)
)
