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

const send = (request: HttpClientRequest.HttpClientRequest) =>
  Transport.Transport.use((transport) => transport.send(request))

const exchange = (request: HttpClientRequest.HttpClientRequest) =>
  Transport.Transport.use(({ json, send }) => Effect.flatMap(send(request), json))

const over = (options: ProviderOptions, limits?: Transport.Options) =>
  Transport.layer(limits).pipe(Layer.provideMerge(TestProvider.layer(options)))

const overScript = (...answers: ReadonlyArray<ProviderScript.Step>) =>
  over({ tokenScript: ProviderScript.make(answers) })

/** The URLs that were called. */
const callsOf = (request: string, allowInsecureRequests?: Transport.Options["allowInsecureRequests"]) => {
  const called: Array<string> = []
  const client = HttpClient.make((asked, at) =>
    Effect.sync(() => {
      called.push(at.href)
      return HttpClientResponse.fromWeb(asked, new Response("{}"))
    })
  )
  return send(HttpClientRequest.get(request)).pipe(
    Effect.match({ onFailure: (fault) => ({ fault, called }), onSuccess: () => ({ fault: undefined, called }) }),
    Effect.provide(Transport.layer({ allowInsecureRequests })),
    Effect.provideService(HttpClient.HttpClient, client)
  )
}

describe("Transport.send to a URL", () => {
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
    it.effect(`does not call "${address}", even if loopback is allowed (C1)`, () =>
      Effect.gen(function* () {
        for (const option of [undefined, "loopback"] as const) {
          const { called, fault } = yield* callsOf(address, option)
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
    it.effect(`calls "${address}" only if loopback is allowed`, () =>
      Effect.gen(function* () {
        const refused = yield* callsOf(address)
        assert.deepStrictEqual(refused.called, [])
        assert.strictEqual(refused.fault?.kind, "InsecureUrl")
        assert.deepStrictEqual(yield* callsOf(address, "loopback"), { called: [address], fault: undefined })
      })
    )
  }

  const own = { sendSecretsInClearTo: ["keycloak", "Provider.internal:8080", "[fd00::1]:80"] }
  for (const [address, isCalled] of [
    ["http://keycloak/realms/shop", true],
    ["http://Keycloak:8080/", true],
    ["http://provider.internal:8080/path?query", true],
    ["http://[fd00::1]/", true],
    ["http://provider.internal/", false],
    ["http://provider.internal:8081/", false],
    ["http://keycloak.evil.example/", false],
    ["http://evil.example/keycloak", false],
    ["http://keycloak@evil.example/", false],
    ["http://keycloak:8080@evil.example/", false],
    ["http://evil.example\\@keycloak/", false],
    ["http://sub.keycloak/", false],
    ["http:keycloak/", false],
    ["ftp://keycloak/", false],
    ["http://localhost/", false]
  ] as const) {
    it.effect(`${isCalled ? "calls" : "does not call"} "${address}" with hosts of one's own network (C1)`, () =>
      Effect.gen(function* () {
        const { called, fault } = yield* callsOf(address, own)
        assert.strictEqual(called.length, isCalled ? 1 : 0)
        assert.strictEqual(fault?.kind, isCalled ? undefined : "InsecureUrl")
      })
    )
  }

  for (const host of ["*", "*.internal", "http://keycloak", "keycloak/", "a@b", "keycloak:port", "", "two hosts"]) {
    it.effect(`does not start with "${host}" as a host for plain http (C1)`, () =>
      Effect.gen(function* () {
        const layer = over({}, { allowInsecureRequests: { sendSecretsInClearTo: ["keycloak", host] } })
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.propertyVal(error, "option", "allowInsecureRequests")
        assert.include(error.message, "exact hosts, each with its port or without: keycloak, keycloak:8080")
      })
    )
  }

  it.effect("calls a URL with https", () =>
    Effect.gen(function* () {
      const { called, fault } = yield* callsOf("HTTPS://op.example/path")
      assert.deepStrictEqual(called, ["https://op.example/path"])
      assert.strictEqual(fault, undefined)
    })
  )
})

describe("Transport.ensureAllowed", () => {
  for (const [address, kind] of [
    ["http://op.example/", "InsecureUrl"],
    ["https://marker@op.example/", "Unreachable"],
    ["https://:marker@op.example/", "Unreachable"],
    ["https://[op.example/", "Unreachable"]
  ] as const) {
    it.effect(`refuses ${address}: ${kind}`, () =>
      Effect.gen(function* () {
        const { ensureAllowed } = yield* Transport.Transport
        const fault = yield* Effect.flip(ensureAllowed(HttpClientRequest.get(address)))
        assert.strictEqual(fault.kind, kind)
        assert.notInclude(inspect(fault), "marker")
      }).pipe(Effect.provide(over({})))
    )
  }

  it.effect("accepts a URL with https", () =>
    Effect.gen(function* () {
      const { ensureAllowed } = yield* Transport.Transport
      assert.isUndefined(yield* ensureAllowed(HttpClientRequest.get("https://op.example/")))
    }).pipe(Effect.provide(over({})))
  )
})

describe("Transport.form", () => {
  it.effect("makes a POST of form parameters in UTF-8 that accepts JSON (C1, C19)", () =>
    Effect.gen(function* () {
      const parameters = [
        ["binding_message", "Größe 5 & +"],
        ["resource", "a"],
        ["resource", "b"]
      ] as const
      yield* Effect.exit(send(Transport.form(url, parameters, { "x-one": "1", "x-two": "1" }, { "x-two": "2" })))
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

describe("Transport.send with redirects", () => {
  for (const code of [300, 301, 302, 303, 304, 305, 307, 308]) {
    it.effect(`fails for a redirect with ${code}, and does not call its target (C20)`, () =>
      Effect.gen(function* () {
        const fault = yield* Effect.flip(send(post))
        assert.deepStrictEqual(
          fault,
          new TransportError.TransportError({ kind: "Redirected", method: "POST", url, status: code })
        )
        const requests = yield* TestProvider.TestProvider.use((provider) => provider.requests)
        assert.deepStrictEqual(
          requests.map((record) => record.url),
          [url]
        )
      }).pipe(Effect.provide(overScript(ProviderScript.redirect("https://provider.test/elsewhere", code))))
    )
  }

  it.effect("sets redirect to manual for fetch, which has no other option then (C20)", () =>
    Effect.gen(function* () {
      const redirects: Array<string | undefined> = []
      yield* send(post).pipe(
        Effect.provide(Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))),
        Effect.provideService(FetchHttpClient.Fetch, (_input, init) => {
          redirects.push(init?.redirect)
          return Promise.resolve(new Response("{}"))
        })
      )
      assert.deepStrictEqual(redirects, ["manual"])
    })
  )

  it.effect("sets redirect to manual for fetch, whatever its defaults (C20)", () =>
    Effect.gen(function* () {
      const redirects: Array<string | undefined> = []
      const opaque = yield* send(post).pipe(
        Effect.flip,
        Effect.provide(Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))),
        Effect.provideService(FetchHttpClient.RequestInit, { redirect: "follow" }),
        Effect.provideService(FetchHttpClient.Fetch, (_input, init) => {
          redirects.push(init?.redirect)
          return Promise.resolve(Response.error())
        })
      )
      assert.deepStrictEqual(redirects, ["manual"])
      assert.deepStrictEqual(
        opaque,
        new TransportError.TransportError({ kind: "Redirected", method: "POST", url, status: 0 }),
        "a browser hides the redirect behind the status 0"
      )
    })
  )
})

it.effect("Transport.send uses the RequestInit of the layer and of the call, except its redirect", () =>
  Effect.gen(function* () {
    const inits: Array<RequestInit | undefined> = []
    const withInit = (init: RequestInit) => Effect.provideService(FetchHttpClient.RequestInit, init)
    const fetch: typeof globalThis.fetch = (_input, init) => {
      inits.push(init)
      return Promise.resolve(new Response("{}"))
    }
    const layer = Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))
    const fetched = send(post).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch))
    yield* fetched.pipe(
      Effect.provide(layer),
      withInit({ redirect: "follow", integrity: "at the layer", cache: "no-store" })
    )
    yield* Effect.gen(function* () {
      yield* fetched.pipe(withInit({ redirect: "error", integrity: "at the call" }))
    }).pipe(Effect.provide(layer), withInit({ integrity: "at the layer", cache: "no-store" }))
    assert.deepStrictEqual(
      inits.map((init) => [init?.integrity, init?.cache, init?.redirect]),
      [
        ["at the layer", "no-store", "manual"],
        ["at the call", "no-store", "manual"]
      ]
    )
  })
)

describe("Transport.send, when the network is unreachable", () => {
  const refuseTunnel = (status: number) => ({
    code: "UND_ERR_ABORTED",
    message: `Proxy response (${status}) !== 200 when HTTP Tunneling`
  })

  const failWith = (cause: object) =>
    send(post).pipe(
      Effect.flip,
      Effect.provide(Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))),
      Effect.provideService(FetchHttpClient.Fetch, () => Promise.reject(new TypeError("fetch failed", { cause })))
    )

  for (const [what, cause, mayHaveArrived] of [
    ["has not sent the request if there was no connection", { code: "EHOSTUNREACH", syscall: "connect" }, false],
    ["has not sent it if there was none to any of the addresses", { code: "ENETUNREACH" }, false],
    ["has not sent it if the proxy refused CONNECT", refuseTunnel(407), false],
    ["has not sent it if the proxy broke the connection", { code: "UND_ERR_PRX_CONN" }, false],
    ["has not sent it if the proxy's certificate was refused", { code: "UND_ERR_PRX_TLS" }, false],
    ["may have sent it if it was aborted", { code: "UND_ERR_ABORTED", message: "Request aborted" }, true],
    ["may have sent it over a connection that broke", { code: "EHOSTUNREACH", syscall: "read" }, true],
    ["may have sent it over one that broke while it was written", { code: "ENETUNREACH", syscall: "write" }, true]
  ] as const) {
    it.effect(`${what} (H14)`, () =>
      Effect.gen(function* () {
        const error = yield* failWith(cause)
        assert.strictEqual(error.kind, "Unreachable")
        assert.strictEqual(TransportError.mayHaveArrived(error), mayHaveArrived)
      })
    )
  }
})

it.effect("Transport.send uses the members that a RequestInit has at the time of the request", () =>
  Effect.gen(function* () {
    const inits: Array<RequestInit | undefined> = []
    const fetch: typeof globalThis.fetch = (_input, init) => {
      inits.push(init)
      return Promise.resolve(new Response("{}"))
    }
    const init = { integrity: "certificate of yesterday" }
    yield* Effect.gen(function* () {
      yield* send(post)
      init.integrity = "certificate of today"
      yield* send(post)
    }).pipe(
      Effect.provide(Transport.layer().pipe(Layer.provide(FetchHttpClient.layer))),
      Effect.provideService(FetchHttpClient.RequestInit, init),
      Effect.provideService(FetchHttpClient.Fetch, fetch)
    )
    assert.deepStrictEqual(
      inits.map((each) => each?.integrity),
      ["certificate of yesterday", "certificate of today"]
    )
  })
)

describe("Transport.json", () => {
  it.effect("reads a JSON response of any status, with its Retry-After", () =>
    Effect.gen(function* () {
      const to = { method: "POST", url }
      yield* TestClock.setTime(Date.UTC(1994, 10, 6, 8, 49, 37))
      assert.deepStrictEqual(yield* exchange(post), { status: 200, body: { a: [1] }, retryAfter: undefined, ...to })
      assert.deepStrictEqual(yield* exchange(post), {
        status: 503,
        body: { error: "busy" },
        retryAfter: Duration.seconds(40),
        ...to
      })
      assert.deepStrictEqual(yield* exchange(post), { status: 201, body: null, retryAfter: undefined, ...to })
    }).pipe(
      Effect.provide(
        overScript(
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
    ["that is a truncated error response", ProviderScript.truncated, { kind: "UnexpectedStatus", status: 400 }],
    ["that is a page of HTML", ProviderScript.html(200), { kind: "Unreadable", status: 200 }],
    ["that is an error page", ProviderScript.html(502), { kind: "UnexpectedStatus", status: 502 }],
    ["that is empty", ProviderScript.status(200), { kind: "Unreadable", status: 200 }],
    ["that has no body by its status", ProviderScript.status(204), { kind: "UnexpectedStatus", status: 204 }],
    ["that is half of a JSON document", text(200, '{"a":'), { kind: "Unreadable", status: 200 }],
    ["that is two JSON documents", text(200, "{}{}"), { kind: "Unreadable", status: 200 }],
    ["that is NaN", text(200, "NaN"), { kind: "Unreadable", status: 200 }],
    [
      "that is empty, with Retry-After",
      ProviderScript.status(503, { retryAfter: "7" }),
      { kind: "UnexpectedStatus", status: 503, retryAfter: Duration.seconds(7) }
    ],
    ["that never arrives, because the connection breaks", ProviderScript.reset, { kind: "Unreachable" }]
  ]
  for (const [what, answer, expected] of unread) {
    it.effect(`fails for a response ${what}: ${expected.kind}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* Effect.flip(exchange(post)), new Fault(expected))
      }).pipe(Effect.provide(overScript(answer)))
    )
  }

  for (const [status, kind] of [
    [200, "Unreadable"],
    [503, "UnexpectedStatus"]
  ] as const) {
    it.effect(`fails for a truncated response with ${status}, and keeps its Retry-After: ${kind}`, () =>
      Effect.gen(function* () {
        const broken = new ReadableStream({ start: (controller) => controller.error("reset") })
        const client = HttpClient.make((request) =>
          Effect.sync(() =>
            HttpClientResponse.fromWeb(request, new Response(broken, { status, headers: { "retry-after": "7" } }))
          )
        )
        const fault = yield* Effect.flip(exchange(post)).pipe(
          Effect.provide(Transport.layer()),
          Effect.provideService(HttpClient.HttpClient, client)
        )
        assert.deepStrictEqual(fault, new Fault({ kind, status, retryAfter: Duration.seconds(7) }))
      })
    )
  }
})

/** The error of the request `post`. */
class Fault extends TransportError.TransportError {
  constructor(fields: Omit<ConstructorParameters<typeof TransportError.TransportError>[0], "method" | "url">) {
    super({ method: "POST", url, ...fields })
  }
}

it.effect("a TransportError shows no header, parameter or body", () =>
  Effect.gen(function* () {
    const request = HttpClientRequest.setUrl(post, `${url}?hint=marker-query#marker-fragment`)
    const faults = [
      ...(yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.flip(exchange(request)))),
      yield* Effect.flip(exchange(HttpClientRequest.setUrl(request, "http://marker-user@op.example/?marker-query")))
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
