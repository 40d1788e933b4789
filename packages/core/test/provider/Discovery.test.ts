import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery, DiscoveryError, Transport, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as TransportError from "../../src/http/TransportError.ts"

const issuer = "https://provider.test"
const url = `${issuer}/.well-known/openid-configuration`

const layer = (provider: ProviderOptions, options?: Partial<Discovery.Options>) =>
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

describe("Discovery.documentUrl", () => {
  const urls: ReadonlyArray<readonly [issuer: string, openid: string, oauth: string]> = [
    ["https://op.example", "https://op.example/W/O", "https://op.example/W/A"],
    ["https://op.example/", "https://op.example/W/O", "https://op.example/W/A"],
    ["https://op.example:8443", "https://op.example:8443/W/O", "https://op.example:8443/W/A"],
    ["https://op.example/a/b", "https://op.example/a/b/W/O", "https://op.example/W/A/a/b"],
    ["https://op.example/a/b/", "https://op.example/a/b/W/O", "https://op.example/W/A/a/b"]
  ]
  for (const [of, openid, oauth] of urls) {
    it(`the well-known path is appended to ${of}, or inserted between host and path (A12)`, () => {
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
    it.effect(`the document is fetched in the layout ${layout}, and in no other (A12)`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* reasonOf)._tag, "TransportError")
        assert.deepStrictEqual(yield* called, [expected])
        assert.strictEqual(yield* tokenEndpoint, "https://provider.test/tenant/token")
        assert.deepStrictEqual(yield* called, [expected, expected])
      }).pipe(
        Effect.provide(
          layer(
            { issuer: `${issuer}/tenant`, discoveryScript: ProviderScript.make([ProviderScript.status(404)]) },
            { issuer: `${issuer}/tenant`, layout }
          )
        )
      )
    )
  }
})

describe("the issuer of the document", () => {
  const others = ["https://provider.test/", "https://PROVIDER.test", "http://provider.test", "https://evil.example"]
  for (const actual of others) {
    it.effect(`the issuer ${actual} is rejected, and nothing else is called (A1)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }))
        assert.deepStrictEqual<unknown>(
          error,
          new DiscoveryError.DiscoveryError({
            reason: new DiscoveryError.IssuerMismatch({ expected: issuer, actual })
          })
        )
        assert.strictEqual(
          error.message,
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

  it.effect("an issuer with a trailing slash is accepted if it is configured with one (A1)", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Discovery.metadata).issuer, `${issuer}/`)
      assert.deepStrictEqual(yield* called, [url])
    }).pipe(Effect.provide(layer({ issuer: `${issuer}/` }, { issuer: `${issuer}/` })))
  )
})

describe("Discovery.layer with an invalid document", () => {
  const invalid: ReadonlyArray<readonly [what: string, document: unknown, issue: string]> = [
    ["that is not an object", ["marker"], "it is no metadata of a provider"],
    ["without an issuer", {}, "issuer"],
    ["with an empty issuer", { issuer: "" }, "issuer"],
    ["with an issuer that is no text", { issuer: { url: "marker" } }, "issuer"]
  ]
  for (const [what, document, issue] of invalid) {
    it.effect(`rejects a document ${what}, and the error says where, without the value`, () =>
      Effect.gen(function* () {
        const reason = yield* reasonOf
        assert.strictEqual(reason._tag, "InvalidDocument")
        if (reason._tag !== "InvalidDocument") return
        assert.strictEqual(reason.url, url)
        assert.include(reason.issues, issue)
        assert.notInclude(reason.issues, "marker")
        assert.notInclude(reason.message, "\n")
      }).pipe(Effect.provide(layer({ metadata: () => document })))
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
    it.effect(`fails if the document is not complete with status 200: ${`${kind} ${status ?? ""}`.trim()}`, () =>
      Effect.gen(function* () {
        const expected = { kind, method: "GET", url, ...(status === undefined ? undefined : { status }) }
        assert.deepStrictEqual(yield* reasonOf, new TransportError.TransportError(expected))
        assert.deepStrictEqual(yield* called, [url])
      }).pipe(Effect.provide(layer({ discoveryScript: ProviderScript.make([answer]) })))
    )
  }

  it.effect("fails with the Retry-After of the response if the provider is not available", () =>
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
      Effect.provide(layer({ discoveryScript: ProviderScript.make([ProviderScript.status(503, { retryAfter: "7" })]) }))
    )
  )

  it.effect("fails without a request if the issuer is not https", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf
      assert.strictEqual(reason._tag === "TransportError" && reason.kind, "InsecureUrl")
      assert.deepStrictEqual(yield* called, [])
    }).pipe(Effect.provide(layer({}, { issuer: "http://provider.test" })))
  )
})

describe("Discovery.metadata", () => {
  for (const [what, millis, options] of [
    ["for one hour by default", 3_600_000, {}],
    ["for its lifetime", 60_000, { lifetime: "1 minute" }]
  ] as const) {
    it.effect(`the metadata is used ${what}, and then fetched again`, () =>
      Effect.gen(function* () {
        yield* Effect.replicateEffect(Discovery.metadata, 3)
        yield* TestClock.adjust(millis - 1)
        yield* Discovery.metadata
        assert.deepStrictEqual(yield* called, [url])
        yield* TestClock.adjust(1)
        yield* Discovery.metadata
        assert.deepStrictEqual(yield* called, [url, url])
      }).pipe(Effect.provide(layer({}, options)))
    )
  }

  it.effect("the metadata is fetched again at once after a failure", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* reasonOf)._tag, "TransportError")
      assert.strictEqual(yield* tokenEndpoint, "https://provider.test/token")
      assert.deepStrictEqual(yield* called, [url, url])
    }).pipe(Effect.provide(layer({ discoveryScript: ProviderScript.make([ProviderScript.status(503)]) })))
  )

  const slow = layer({
    discoveryScript: ProviderScript.make([ProviderScript.delay("3 seconds", ProviderScript.proceed)])
  })

  it.effect("concurrent callers share one fetch of the metadata", () =>
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

  it.effect("the other callers receive the metadata if the first one is interrupted", () =>
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

  it.effect("layerStatic decodes the given metadata, and fetches nothing", () =>
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
