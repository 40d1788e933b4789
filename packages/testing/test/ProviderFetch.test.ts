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

const answers = (options: ProviderOptions, script: ReadonlyArray<ProviderScript.Step>) =>
  ProviderFetch.make({ ...options, discoveryScript: ProviderScript.make(script) })

const discovery = "https://provider.test/.well-known/openid-configuration"

describe("the provider as fetch", () => {
  it.effect("answers with the status, the headers and the body that it has for everybody", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* answers({}, [ProviderScript.json(503, { why: "tired" })])
      const failed = yield* Effect.promise(() => fetch(discovery))
      expect([failed.status, failed.headers.get("content-type")]).toEqual([503, "application/json"])
      expect(yield* Effect.promise(() => failed.json())).toEqual({ why: "tired" })
      const good = yield* Effect.promise(() => fetch(new URL(discovery)))
      expect(yield* Effect.promise(() => good.json())).toMatchObject({ issuer: provider.issuer })
    })
  )

  it.effect("takes a form with its credentials, and a Request as well as a URL", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* ProviderFetch.make()
      const asked = yield* Effect.promise(() =>
        fetch(
          new Request("https://provider.test/backchannel", {
            method: "POST",
            headers: { authorization: basic },
            body: new URLSearchParams({ scope: "openid", login_hint: "jo@example.com" })
          })
        )
      )
      expect(yield* Effect.promise(() => asked.json())).toMatchObject({ expires_in: 300, interval: 5 })
      expect(yield* provider.pending).toMatchObject([{ subject: "jo" }])
    })
  )

  it.effect("rejects with a TypeError where the connection breaks, and where there is none", () =>
    Effect.gen(function* () {
      const { fetch } = yield* answers({}, [ProviderScript.reset])
      const failure = (url: string) =>
        Effect.flip(Effect.tryPromise({ try: () => fetch(url), catch: (error) => error }))
      expect(yield* failure(discovery)).toEqual(new TypeError("fetch failed"))
      expect(yield* failure("https://elsewhere.test/")).toEqual(new TypeError("fetch failed"))
      expect(yield* failure("no URL")).toBeInstanceOf(TypeError)
    })
  )

  it.effect("rejects with the reason of a signal that aborts, and the provider notes that the caller gave up", () =>
    Effect.gen(function* () {
      const { fetch, provider } = yield* answers({}, [ProviderScript.delay("1 minute", ProviderScript.proceed)])
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

  it.effect("is fetch enough for an HttpClient", () =>
    Effect.gen(function* () {
      const { fetch } = yield* answers({}, [ProviderScript.status(204)])
      const status = HttpClient.get(discovery).pipe(
        Effect.map((response) => response.status),
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(FetchHttpClient.Fetch, fetch)
      )
      expect([yield* status, yield* status]).toEqual([204, 200])
    })
  )
})
