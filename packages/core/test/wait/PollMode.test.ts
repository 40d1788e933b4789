// What a client that polls can be configured with, and what it does as a wait begins.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, NotificationInbox, PendingAuthentication, Poll } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { hint, requestsTo } from "../support/AuthenticationFlow.ts"

const client = (options: Partial<Ciba.Options> = {}) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  })

const ask = Ciba.initiate({ scope: ["openid"], hint })

describe("a client that polls", () => {
  it.effect("is not built in ping mode without an inbox, where pings could not arrive", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(client({ deliveryMode: "ping" }))))
      expect(error).toMatchObject({ _tag: "InvalidOption", option: "deliveryMode" })
      expect(error.message).toContain("provide NotificationInbox.layer, or register the client for poll")
    }).pipe(Effect.provide(TestProvider.layer({})))
  )

  it.effect("is not built with a negative pingFallback, and names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(client({ deliveryMode: "ping", poll: { pingFallback: "-1 seconds" } })))
      )
      expect(error).toMatchObject({ _tag: "InvalidOption", option: "poll.pingFallback" })
    }).pipe(Effect.provide(Layer.merge(TestProvider.layer({}), NotificationInbox.layer)))
  )

  it.effect("does not poll for what is pushed (H24)", () =>
    Effect.gen(function* () {
      const poll = yield* Poll.Poll
      const pushed = PendingAuthentication.update(yield* ask, { deliveryMode: "push" })
      expect((yield* Effect.flip(poll.wait(pushed))).reason._tag).toBe("PushDelivery")
      expect(yield* requestsTo("token")).toEqual([])
    }).pipe(Effect.provide(Layer.provideMerge(client(), TestProvider.layer({}))))
  )

  it.effect("fetches the provider's keys while it waits for what another process has asked", () =>
    Effect.gen(function* () {
      const asked = yield* Effect.provide(ask, client(), { local: true })
      const before = (yield* requestsTo("keys")).length
      yield* Effect.gen(function* () {
        const poll = yield* Poll.Poll
        yield* Effect.forkChild(poll.wait(asked))
        yield* TestClock.adjust("4 seconds")
        expect(yield* requestsTo("keys")).toHaveLength(before + 1)
        expect(yield* requestsTo("token")).toEqual([])
      }).pipe(Effect.provide(client(), { local: true }))
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve() })))
  )
})
