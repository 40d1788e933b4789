import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "@effect/vitest"
import { ProviderFetch, ProviderScript, TestClient } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Redacted } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { TestClock } from "effect/testing"

const basic = `Basic ${btoa(
  [TestClient.clientId, Redacted.value(TestClient.secret)]
    .map((text) => new URLSearchParams([["", text]]).toString().slice(1))
    .join(":")
)}`

const make = (options: ProviderOptions, script: ReadonlyArray<ProviderScript.Step>) =>
  ProviderFetch.make({ ...options, discoveryScript: ProviderScript.make(script) })

const discovery = "https://provider.test/.well-known/openid-configuration"

describe("ProviderFetch", () => {
  it.effect("resolves with the status, headers and body of the provider's response", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* make({}, [ProviderScript.json(503, { reason: "maintenance" })])
      const failed = yield* Effect.promise(() => fetch(discovery))
      expect([failed.status, failed.headers.get("content-type")]).toEqual([503, "application/json"])
      expect(yield* Effect.promise(() => failed.json())).toEqual({ reason: "maintenance" })
      const good = yield* Effect.promise(() => fetch(new URL(discovery)))
      expect(yield* Effect.promise(() => good.json())).toMatchObject({ issuer: provider.issuer })
    })
  )

  it.effect("resolves with a response whose body breaks off in its middle", () =>
    Effect.gen(function* () {
      const { fetch } = yield* make({}, [ProviderScript.truncated])
      const response = yield* Effect.promise(() => fetch(discovery))
      expect(response.status).toBe(200)
      const read = Effect.tryPromise({ try: () => response.text(), catch: (cause) => cause })
      expect(yield* Effect.flip(read)).toBeInstanceOf(Error)
    })
  )

  it.effect("passes on the certificate that a server has read from the client's connection", () =>
    Effect.gen(function* () {
      const certificate = { subject: "CN=bank-app", thumbprint: "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" }
      const { fetch } = yield* make({ client: TestClient.tlsClientAuth(certificate.subject) }, [])
      const send = (init: ProviderFetch.Init) =>
        Effect.promise(() =>
          fetch("https://provider.test/backchannel", {
            ...init,
            method: "POST",
            body: new URLSearchParams({
              client_id: TestClient.clientId,
              scope: "openid",
              login_hint: "jo@example.com"
            })
          })
        )
      expect((yield* send({ certificate })).status).toBe(200)
      expect((yield* send({})).status).toBe(401)
    })
  )

  for (const status of [204, 205, 304]) {
    it.effect(`resolves without a body for the status ${status}`, () =>
      Effect.gen(function* () {
        const { fetch } = yield* make({}, [ProviderScript.status(status)])
        const response = yield* Effect.promise(() => fetch(discovery))
        expect([response.status, response.body]).toEqual([status, null])
      })
    )
  }

  it.effect("sends a form with its credentials, from a Request as well as a URL", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* ProviderFetch.make()
      const response = yield* Effect.promise(() =>
        fetch(
          new Request("https://provider.test/backchannel", {
            method: "POST",
            headers: { authorization: basic },
            body: new URLSearchParams({ scope: "openid", login_hint: "jo@example.com" })
          })
        )
      )
      expect(yield* Effect.promise(() => response.json())).toMatchObject({ expires_in: 300, interval: 5 })
      expect(yield* provider.pending).toMatchObject([{ subject: "jo" }])
    })
  )

  it.effect("takes a form as bytes, as a library may send it", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* make({}, [])
      const body = new TextEncoder().encode("login_hint=jo")
      const headers = { "content-type": "application/x-www-form-urlencoded" }
      yield* Effect.promise(() => fetch("https://provider.test/backchannel", { method: "POST", headers, body }))
      expect((yield* provider.requests).map(({ parameters }) => parameters)).toEqual([[["login_hint", "jo"]]])
    })
  )

  it.effect("rejects with a TypeError if the connection breaks or cannot be made", () =>
    Effect.gen(function* () {
      const { fetch } = yield* make({}, [ProviderScript.reset])
      const failure = (url: string) =>
        Effect.flip(Effect.tryPromise({ try: () => fetch(url), catch: (error) => error }))
      expect(yield* failure(discovery)).toEqual(new TypeError("fetch failed"))
      expect(yield* failure("https://elsewhere.test/")).toEqual(new TypeError("fetch failed"))
      expect(yield* failure("no URL")).toBeInstanceOf(TypeError)
    })
  )

  it.effect("rejects with the reason of a signal that aborts, and the provider counts an aborted request", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* make({}, [ProviderScript.delay("1 minute", ProviderScript.proceed)])
      const controller = new AbortController()
      const call = yield* Effect.forkChild(
        Effect.flip(
          Effect.tryPromise({ try: () => fetch(discovery, { signal: controller.signal }), catch: (error) => error })
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Effect.sync(() => controller.abort("enough"))
      expect(yield* Fiber.join(call)).toBe("enough")
      expect(yield* provider.aborted).toBe(1)
    })
  )

  it.effect("follows a signal also when garbage is collected while it waits", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* make({}, [ProviderScript.hang])
      const controller = new AbortController()
      const call = yield* Effect.forkChild(
        Effect.flip(
          Effect.tryPromise({ try: () => fetch(discovery, { signal: controller.signal }), catch: (error) => error })
        )
      )
      yield* TestClock.adjust("1 second")
      setFlagsFromString("--expose-gc")
      const collectGarbage = runInNewContext("gc")
      yield* Effect.promise(async () => {
        for (let turn = 0; turn < 10; turn++) {
          collectGarbage()
          await new Promise((resolve) => setImmediate(resolve))
        }
      })
      yield* Effect.sync(() => controller.abort("enough"))
      expect(yield* Fiber.join(call)).toBe("enough")
      expect(yield* provider.aborted).toBe(1)
    })
  )

  it.effect("serves as the fetch of FetchHttpClient", () =>
    Effect.gen(function* () {
      const { fetch } = yield* make({}, [ProviderScript.status(204)])
      const status = HttpClient.get(discovery).pipe(
        Effect.map((response) => response.status),
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(FetchHttpClient.Fetch, fetch)
      )
      expect([yield* status, yield* status]).toEqual([204, 200])
    })
  )
})
