// What docs/security.md says must not be put around the client, shown.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { hint, requestsTo } from "../support/AuthenticationFlow.ts"

type Around = (client: HttpClient.HttpClient) => HttpClient.HttpClient

/** A flow over the client of the provider with a layer around it: how it ends, and how often each endpoint was called. */
const flowOver = (around: Around, provider: ProviderOptions) =>
  Effect.gen(function* () {
    const flow = yield* Effect.forkChild(Effect.exit(Ciba.authenticate({ scope: ["openid"], hint })))
    yield* TestClock.adjust("10 minutes")
    const exit = yield* Fiber.join(flow)
    const count = (endpoint: "backchannel" | "token") => Effect.map(requestsTo(endpoint), ({ length }) => length)
    return { exit, prompts: yield* count("backchannel"), polls: yield* count("token") }
  }).pipe(
    Effect.provide(
      Ciba.layer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.clientSecretPost(TestClient.secret)
      }).pipe(
        Layer.provide(Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, around))),
        Layer.provideMerge(TestProvider.layer({ client: TestClient.clientSecretPost(), ...provider }))
      )
    )
  )

const retry: Around = HttpClient.retryTransient({ times: 2 })

const bare: Around = (client) => client

describe("a layer around the client", () => {
  it.effect("that retries contacts the end-user twice, where the library does not (G12)", () =>
    Effect.gen(function* () {
      const provider = () => ({ backchannelScript: ProviderScript.make([ProviderScript.lost]), user: TestUser.ignore })
      expect((yield* flowOver(bare, provider())).prompts).toBe(1)
      expect((yield* flowOver(retry, provider())).prompts).toBeGreaterThan(1)
    })
  )

  it.effect("that retries loses an approval without a word, where the library says that it may be lost (H19)", () =>
    Effect.gen(function* () {
      const provider = () => ({ tokenScript: ProviderScript.make([ProviderScript.lost]), user: TestUser.approve() })
      const alone = yield* flowOver(bare, provider())
      const retried = yield* flowOver(retry, provider())
      expect(inspect(alone.exit, { depth: 9 })).toContain("OutcomeUnknown")
      expect(inspect(retried.exit, { depth: 9 })).not.toContain("OutcomeUnknown")
      expect(retried.exit._tag).toBe("Failure")
    })
  )

  it.effect("that logs bodies has the secrets, which the library shows nowhere (I13)", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const log: Around = HttpClient.tapRequest(({ body }) =>
        Effect.sync(() => void logged.push(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""))
      )
      yield* flowOver(log, { user: TestUser.approve() })
      expect(logged.join()).toMatch(/login_hint=.*client_secret=/)
    })
  )
})
