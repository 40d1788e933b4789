import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery, DiscoveryError, Transport, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as TransportError from "../../src/http/TransportError.ts"

const issuer = "https://provider.test"
const url = `${issuer}/.well-known/openid-configuration`

const over = (provider: ProviderOptions, options?: Partial<Discovery.Options>) =>
  Discovery.layer({ issuer, ...options }).pipe(
    Layer.provide(Transport.layer()),
    Layer.provideMerge(TestProvider.layer(provider))
  )

/** The URLs of all requests so far. */
const called = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (records) => records.map((record) => record.url))
)

const tokenEndpoint = Effect.map(Discovery.metadata, (metadata) => metadata.token_endpoint)

const reasonOf = Effect.map(Effect.flip(Discovery.metadata), ({ reason }) => reason)

describe("the document's URL", () => {
  const urls: ReadonlyArray<readonly [issuer: string, openid: string, oauth: string]> = [
    ["https://op.example", "https://op.example/W/O", "https://op.example/W/A"],
    ["https://op.example/", "https://op.example/W/O", "https://op.example/W/A"],
    ["https://op.example:8443", "https://op.example:8443/W/O", "https://op.example:8443/W/A"],
    ["https://op.example/a/b", "https://op.example/a/b/W/O", "https://op.example/W/A/a/b"],
    ["https://op.example/a/b/", "https://op.example/a/b/W/O", "https://op.example/W/A/a/b"]
  ]
  for (const [of, openid, oauth] of urls) {
    it(`of ${of} has the well-known path at its end, or between host and path (A12)`, () => {
      const full = (short: string) =>
        short
          .replace("W", ".well-known")
          .replace(/\bO\b/, "openid-configuration")
          .replace(/\bA\b/, "oauth-authorization-server")
      assert.strictEqual(Discovery.documentUrl(of, "openid-configuration"), full(openid))
      assert.strictEqual(Discovery.documentUrl(of, "oauth-authorization-server"), full(oauth))
    })
  }

  for (const [layout, expected] of [
    ["openid-configuration", "https://provider.test/tenant/.well-known/openid-configuration"],
    ["oauth-authorization-server", "https://provider.test/.well-known/oauth-authorization-server/tenant"]
  ] as const) {
    it.effect(`is asked in the layout ${layout}, and in no other (A12)`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* reasonOf)._tag, "TransportError")
        assert.deepStrictEqual(yield* called, [expected])
        assert.strictEqual(yield* tokenEndpoint, "https://provider.test/tenant/token")
        assert.deepStrictEqual(yield* called, [expected, expected])
      }).pipe(
        Effect.provide(
          over(
            { issuer: `${issuer}/tenant`, discoveryScript: ProviderScript.make([ProviderScript.status(404)]) },
            { issuer: `${issuer}/tenant`, layout }
          )
        )
      )
    )
  }
})

describe("the issuer in the document", () => {
  const others = ["https://provider.test/", "https://PROVIDER.test", "http://provider.test", "https://evil.example"]
  for (const actual of others) {
    it.effect(`is refused if it is ${actual}, and nothing else is called (A1)`, () =>
      Effect.gen(function* () {
        const asked = yield* Effect.flip(Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }))
        assert.deepStrictEqual<unknown>(
          asked,
          new DiscoveryError.DiscoveryError({
            reason: new DiscoveryError.IssuerMismatch({ expected: issuer, actual })
          })
        )
        assert.strictEqual(
          asked.message,
          `IssuerMismatch: the metadata names another issuer than the configured one; they are compared exactly (expected "${issuer}", actual "${actual}")`
        )
        assert.deepStrictEqual(yield* called, [url])
      }).pipe(
        Effect.provide(
          Ciba.layer({ issuer, clientId: "test-client", authentication: ClientAuthentication.none }).pipe(
            Layer.provideMerge(TestProvider.layer({ metadata: (document) => ({ ...document, issuer: actual }) }))
          )
        )
      )
    )
  }

  it.effect("keeps its trailing slash, if it is the configured one (A1)", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Discovery.metadata).issuer, `${issuer}/`)
      assert.deepStrictEqual(yield* called, [url])
    }).pipe(Effect.provide(over({ issuer: `${issuer}/` }, { issuer: `${issuer}/` })))
  )
})

describe("a document is refused", () => {
  const invalid: ReadonlyArray<readonly [what: string, document: unknown, issue: string]> = [
    ["that is no object", ["marker"], "Expected object"],
    ["without an issuer", {}, "issuer"],
    ["with an empty issuer", { issuer: "" }, "issuer"],
    ["whose endpoint is no text", { issuer, token_endpoint: { url: "marker" } }, "token_endpoint"],
    ["whose delivery modes are no list", { issuer, backchannel_token_delivery_modes_supported: "marker" }, "modes"]
  ]
  for (const [what, document, issue] of invalid) {
    it.effect(`${what}, and the error says where, but not what it read`, () =>
      Effect.gen(function* () {
        const reason = yield* reasonOf
        assert.strictEqual(reason._tag, "InvalidDocument")
        if (reason._tag !== "InvalidDocument") return
        assert.strictEqual(reason.url, url)
        assert.include(reason.issues, issue)
        assert.notInclude(reason.issues, "marker")
        assert.notInclude(reason.message, "\n")
      }).pipe(Effect.provide(over({ metadata: () => document })))
    )
  }

  const faults: ReadonlyArray<readonly [ProviderScript.Step, typeof TransportError.Kind.Type, number?]> = [
    [ProviderScript.html(200), "Unreadable", 200],
    [ProviderScript.json(404, { issuer }), "UnexpectedStatus", 404],
    [ProviderScript.json(201, { issuer }), "UnexpectedStatus", 201],
    [ProviderScript.redirect("https://provider.test/elsewhere", 302), "Redirected", 302],
    [ProviderScript.truncated, "Unreadable", 200],
    [ProviderScript.reset, "Unreachable"]
  ]
  for (const [answer, kind, status] of faults) {
    it.effect(`that does not come whole with status 200: ${kind} ${status ?? ""}`.trim(), () =>
      Effect.gen(function* () {
        const expected = { kind, method: "GET", url, ...(status === undefined ? undefined : { status }) }
        assert.deepStrictEqual(yield* reasonOf, new TransportError.TransportError(expected))
        assert.deepStrictEqual(yield* called, [url])
      }).pipe(Effect.provide(over({ discoveryScript: ProviderScript.make([answer]) })))
    )
  }

  it.effect("that is not to be had for now, with the wait that the provider asks for", () =>
    Effect.gen(function* () {
      const fields = {
        kind: "UnexpectedStatus",
        method: "GET",
        url,
        status: 503,
        retryAfter: Duration.seconds(7)
      } as const
      assert.deepStrictEqual(yield* reasonOf, new TransportError.TransportError(fields))
    }).pipe(
      Effect.provide(over({ discoveryScript: ProviderScript.make([ProviderScript.status(503, { retryAfter: "7" })]) }))
    )
  )

  it.effect("that cannot be had over https", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf
      assert.strictEqual(reason._tag === "TransportError" && reason.kind, "InsecureUrl")
      assert.deepStrictEqual(yield* called, [])
    }).pipe(Effect.provide(over({}, { issuer: "http://provider.test" })))
  )
})

describe("the metadata", () => {
  for (const [what, millis, options] of [
    ["one hour by default", 3_600_000, {}],
    ["as long as the options say", 60_000, { lifetime: "1 minute" }]
  ] as const) {
    it.effect(`is used ${what}, and then fetched again`, () =>
      Effect.gen(function* () {
        yield* Effect.replicateEffect(Discovery.metadata, 3)
        yield* TestClock.adjust(millis - 1)
        yield* Discovery.metadata
        assert.deepStrictEqual(yield* called, [url])
        yield* TestClock.adjust(1)
        yield* Discovery.metadata
        assert.deepStrictEqual(yield* called, [url, url])
      }).pipe(Effect.provide(over({}, options)))
    )
  }

  it.effect("is fetched again at once after a failure", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* reasonOf)._tag, "TransportError")
      assert.strictEqual(yield* tokenEndpoint, "https://provider.test/token")
      assert.deepStrictEqual(yield* called, [url, url])
    }).pipe(Effect.provide(over({ discoveryScript: ProviderScript.make([ProviderScript.status(503)]) })))
  )

  const slow = over({
    discoveryScript: ProviderScript.make([ProviderScript.delay("3 seconds", ProviderScript.proceed)])
  })

  it.effect("is fetched once for all who ask at the same time", () =>
    Effect.gen(function* () {
      const readers = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 10 }, () => tokenEndpoint),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(
        yield* Fiber.join(readers),
        Array.from({ length: 10 }, () => "https://provider.test/token")
      )
      assert.deepStrictEqual(yield* called, [url])
    }).pipe(Effect.provide(slow))
  )

  it.effect("reaches the others when the first who asked gives up", () =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(tokenEndpoint)
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forkChild(tokenEndpoint)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(second), "https://provider.test/token")
      assert.deepStrictEqual(yield* called, [url])
    }).pipe(Effect.provide(slow))
  )

  it.effect("at hand is not fetched", () =>
    Effect.gen(function* () {
      const document = { issuer: "https://op.example", token_endpoint: "https://op.example/token", extra: [1] }
      const metadata = yield* Effect.provide(Discovery.metadata, Discovery.layerStatic(document))
      assert.deepStrictEqual<unknown>(metadata, document)
      const broken = yield* Effect.flip(Effect.provide(Discovery.metadata, Discovery.layerStatic({ issuer: 1 })))
      assert.strictEqual(broken.reason._tag, "InvalidDocument")
      assert.match(broken.message, /^InvalidDocument: the document is not valid \(url "the given metadata"\): .*issuer/)
    })
  )
})
