import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@effect-ciba/core"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Duration, Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as TransportError from "../../src/http/TransportError.ts"
import * as Jwt from "../support/Jwt.ts"

const url = "https://provider.test/token"

const post = Transport.form(url, [["client_secret", "marker-parameter"]], { authorization: "Basic marker-header" })

const sent = (request: HttpClientRequest.HttpClientRequest) => Transport.Transport.use(({ send }) => send(request))

const answered = (request: HttpClientRequest.HttpClientRequest) =>
  Transport.Transport.use(({ json, send }) => Effect.flatMap(send(request), json))

const over = (options: ProviderOptions, limits?: Transport.Options) =>
  Transport.layer(limits).pipe(Layer.provideMerge(TestProvider.layer(options)))

const answering = (...answers: ReadonlyArray<ProviderScript.Step>) =>
  over({ tokenScript: ProviderScript.make(answers) })

/** The addresses that requests really went to. */
const addressed = (request: string, allowInsecureRequests?: "loopback") => {
  const called: Array<string> = []
  const client = HttpClient.make((asked, at) =>
    Effect.sync(() => {
      called.push(at.href)
      return HttpClientResponse.fromWeb(asked, new Response("{}"))
    })
  )
  return sent(HttpClientRequest.get(request)).pipe(
    Effect.match({ onFailure: (fault) => ({ fault, called }), onSuccess: () => ({ fault: undefined, called }) }),
    Effect.provide(Transport.layer({ allowInsecureRequests })),
    Effect.provideService(HttpClient.HttpClient, client)
  )
}

describe("a URL", () => {
  const never = [
    "http://op.example/",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://localhost@evil.example/",
    "http://127.0.0.1:80@evil.example/",
    "http://evil.example/?http://localhost/",
    "http://10.0.0.1/",
    "http://128.0.0.1/",
    "http://0.0.0.0/",
    "http://[::2]/",
    "http://[::ffff:127.0.0.1]/",
    "http:localhost/",
    "//localhost/",
    "ftp://localhost/",
    "file:///etc/passwd",
    "data:application/json,{}",
    " https://op.example/",
    "https:op.example",
    ""
  ]
  for (const address of never) {
    it.effect(`"${address}" is never called, not even where loopback is allowed (C1)`, () =>
      Effect.gen(function* () {
        for (const option of [undefined, "loopback"] as const) {
          const { called, fault } = yield* addressed(address, option)
          assert.deepStrictEqual(called, [])
          assert.strictEqual(fault?.kind, "InsecureUrl")
        }
      })
    )
  }

  const loopback = [
    "http://127.0.0.1/",
    "http://127.1.2.3:8080/path",
    "http://[::1]/",
    "http://[::1]:8080/path",
    "http://localhost/",
    "http://localhost:8080/path?query"
  ]
  for (const address of loopback) {
    it.effect(`"${address}" is called where loopback is allowed, and only there`, () =>
      Effect.gen(function* () {
        const refused = yield* addressed(address)
        assert.deepStrictEqual(refused.called, [])
        assert.strictEqual(refused.fault?.kind, "InsecureUrl")
        assert.deepStrictEqual(yield* addressed(address, "loopback"), { called: [address], fault: undefined })
      })
    )
  }

  it.effect("with https is called", () =>
    Effect.gen(function* () {
      const { called, fault } = yield* addressed("HTTPS://op.example/path")
      assert.deepStrictEqual(called, ["https://op.example/path"])
      assert.strictEqual(fault, undefined)
    })
  )
})

describe("a request", () => {
  it.effect("of form parameters is a POST that asks for JSON, its text encoded as UTF-8 (C1, C19)", () =>
    Effect.gen(function* () {
      const parameters = [
        ["binding_message", "Größe 5 & +"],
        ["resource", "a"],
        ["resource", "b"]
      ] as const
      yield* Effect.exit(sent(Transport.form(url, parameters, { "x-one": "1", "x-two": "1" }, { "x-two": "2" })))
      const [record] = yield* TestProvider.TestProvider.use((provider) => provider.requests)
      assert.strictEqual(record?.method, "POST")
      assert.deepStrictEqual(record?.parameters, parameters)
      assert.strictEqual(record?.headers["content-type"], "application/x-www-form-urlencoded")
      assert.strictEqual(record?.headers.accept, "application/json")
      assert.deepStrictEqual([record?.headers["x-one"], record?.headers["x-two"]], ["1", "2"])
      const body = Transport.form(url, parameters).body
      assert.strictEqual(
        body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : body._tag,
        "binding_message=Gr%C3%B6%C3%9Fe+5+%26+%2B&resource=a&resource=b"
      )
    }).pipe(Effect.provide(over({})))
  )
})

describe("a redirect", () => {
  for (const code of [300, 301, 302, 303, 304, 305, 307, 308]) {
    it.effect(`with ${code} is a fault, and its target is not called (C20)`, () =>
      Effect.gen(function* () {
        const fault = yield* Effect.flip(sent(post))
        assert.deepStrictEqual(
          fault,
          new TransportError.TransportError({ kind: "Redirected", method: "POST", url, status: code })
        )
        const requests = yield* TestProvider.TestProvider.use((provider) => provider.requests)
        assert.deepStrictEqual(
          requests.map((record) => record.url),
          [url]
        )
      }).pipe(Effect.provide(answering(ProviderScript.redirect("https://provider.test/elsewhere", code))))
    )
  }

  it.effect("is never left to fetch, whatever its defaults (C20)", () =>
    Effect.gen(function* () {
      const asked: Array<string | undefined> = []
      const opaque = yield* sent(post).pipe(
        Effect.flip,
        Effect.provide(Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))),
        Effect.provideService(FetchHttpClient.RequestInit, { redirect: "follow" }),
        Effect.provideService(FetchHttpClient.Fetch, (_input, init) => {
          asked.push(init?.redirect)
          return Promise.resolve(Response.error())
        })
      )
      assert.deepStrictEqual(asked, ["manual"])
      assert.deepStrictEqual(
        opaque,
        new TransportError.TransportError({ kind: "Redirected", method: "POST", url, status: 0 }),
        "a browser hides the redirect behind the status 0"
      )
    })
  )
})

it.effect("what a caller tells fetch, such as a certificate, is kept, and no redirect is followed all the same", () =>
  Effect.gen(function* () {
    const told: Array<RequestInit | undefined> = []
    const tell = (init: RequestInit) => Effect.provideService(FetchHttpClient.RequestInit, init)
    const fetch: typeof globalThis.fetch = (_input, init) => {
      told.push(init)
      return Promise.resolve(new Response("{}"))
    }
    const layer = Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))
    const fetched = sent(post).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch))
    yield* fetched.pipe(
      Effect.provide(layer),
      tell({ redirect: "follow", integrity: "at the layer", cache: "no-store" })
    )
    yield* Effect.gen(function* () {
      yield* fetched.pipe(tell({ redirect: "error", integrity: "at the call" }))
    }).pipe(Effect.provide(layer), tell({ integrity: "at the layer", cache: "no-store" }))
    assert.deepStrictEqual(
      told.map((init) => [init?.integrity, init?.cache, init?.redirect]),
      [
        ["at the layer", "no-store", "manual"],
        ["at the call", "no-store", "manual"]
      ]
    )
  })
)

describe("an answer", () => {
  it.effect("of any status is read if it is JSON, with the wait that it asks for", () =>
    Effect.gen(function* () {
      const to = { method: "POST", url }
      yield* TestClock.setTime(Date.UTC(1994, 10, 6, 8, 49, 37))
      assert.deepStrictEqual(yield* answered(post), { status: 200, body: { a: [1] }, retryAfter: undefined, ...to })
      assert.deepStrictEqual(yield* answered(post), {
        status: 503,
        body: { error: "busy" },
        retryAfter: Duration.seconds(40),
        ...to
      })
      assert.deepStrictEqual(yield* answered(post), { status: 201, body: null, retryAfter: undefined, ...to })
    }).pipe(
      Effect.provide(
        answering(
          ProviderScript.json(200, { a: [1] }),
          ProviderScript.error("busy", { status: 503, retryAfter: "Sun, 06 Nov 1994 08:50:17 GMT" }),
          ProviderScript.json(201, null)
        )
      )
    )
  )

  const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
    ProviderScript.respond({ status, body, headers })

  const unread: ReadonlyArray<readonly [string, ProviderScript.Step, ConstructorParameters<typeof Fault>[0]]> = [
    ["that is an error and breaks off", ProviderScript.truncated, { kind: "UnexpectedStatus", status: 400 }],
    ["that is a page of HTML", ProviderScript.html(200), { kind: "Unreadable", status: 200 }],
    ["that is an error page", ProviderScript.html(502), { kind: "UnexpectedStatus", status: 502 }],
    ["that is empty", ProviderScript.status(200), { kind: "Unreadable", status: 200 }],
    ["that has no body by its status", ProviderScript.status(204), { kind: "UnexpectedStatus", status: 204 }],
    ["that is half of a JSON document", text(200, '{"a":'), { kind: "Unreadable", status: 200 }],
    ["that is two JSON documents", text(200, "{}{}"), { kind: "Unreadable", status: 200 }],
    ["that is no JSON, as JavaScript's NaN", text(200, "NaN"), { kind: "Unreadable", status: 200 }],
    [
      "that is empty, and asks for patience",
      ProviderScript.status(503, { retryAfter: "7" }),
      { kind: "UnexpectedStatus", status: 503, retryAfter: Duration.seconds(7) }
    ],
    ["that never comes, because the connection breaks", ProviderScript.reset, { kind: "Unreachable" }]
  ]
  for (const [what, answer, expected] of unread) {
    it.effect(`${what} is a fault: ${expected.kind}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* Effect.flip(answered(post)), new Fault(expected))
      }).pipe(Effect.provide(answering(answer)))
    )
  }

  for (const [status, kind] of [
    [200, "Unreadable"],
    [503, "UnexpectedStatus"]
  ] as const) {
    it.effect(`with ${status} that breaks off is a fault, and keeps the wait that it asks for: ${kind}`, () =>
      Effect.gen(function* () {
        const broken = new ReadableStream({ start: (controller) => controller.error("reset") })
        const client = HttpClient.make((request) =>
          Effect.sync(() =>
            HttpClientResponse.fromWeb(request, new Response(broken, { status, headers: { "retry-after": "7" } }))
          )
        )
        const fault = yield* Effect.flip(answered(post)).pipe(
          Effect.provide(Transport.layer()),
          Effect.provideService(HttpClient.HttpClient, client)
        )
        assert.deepStrictEqual(fault, new Fault({ kind, status, retryAfter: Duration.seconds(7) }))
      })
    )
  }
})

/** A fault of the request `post`. */
class Fault extends TransportError.TransportError {
  constructor(fields: Omit<ConstructorParameters<typeof TransportError.TransportError>[0], "method" | "url">) {
    super({ method: "POST", url, ...fields })
  }
}

it.effect("no fault shows a header, a parameter or a body", () =>
  Effect.gen(function* () {
    const request = HttpClientRequest.setUrl(post, `${url}?hint=marker-query#marker-fragment`)
    const faults = [
      ...(yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.flip(answered(request)))),
      yield* Effect.flip(answered(HttpClientRequest.setUrl(request, "http://marker-user@op.example/?marker-query")))
    ]
    assert.deepStrictEqual(
      faults.map(({ kind }) => kind),
      ["Redirected", "UnexpectedStatus", "Unreadable", "TooLarge", "Unreachable", "InsecureUrl"]
    )
    for (const fault of faults) {
      for (const shown of [fault.message, String(fault), Jwt.encodeJson(fault), inspect(fault, { depth: 9 })]) {
        assert.notInclude(shown, "marker")
      }
      assert.include(fault.message, fault.kind === "InsecureUrl" ? "http://op.example/" : url)
    }
  }).pipe(
    Effect.provide(
      over(
        {
          tokenScript: ProviderScript.make([
            ProviderScript.redirect("https://provider.test/marker-location"),
            ProviderScript.respond({ status: 500, body: "marker-body", headers: { "x-header": "marker-header" } }),
            ProviderScript.html(200, "marker-body"),
            ProviderScript.html(200, "marker-body".repeat(10)),
            ProviderScript.lost
          ])
        },
        { maxResponseSize: 100 }
      )
    )
  )
)
