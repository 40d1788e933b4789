import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, NotificationInbox, NotificationReceiver, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { DateTime, Effect, Fiber, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { makePending, provideServices, send, stub, tokens, undecided } from "../support/StubbedPolls.ts"
import { advance } from "../support/TestTime.ts"

const client = TestClient.clientSecretBasic({ notification: { deliveryMode: "ping", url: "https://client.test/ciba" } })

const CibaTest = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
  deliveryMode: "ping"
}).pipe(
  Layer.provideMerge(NotificationInbox.layer),
  Layer.provideMerge(TestProvider.layer({ client, expiresIn: "2 minutes" }))
)

/** What was logged beside the result. */
const recordLogs = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const messages: Array<string> = []
  const logger = Logger.make(({ message }) => {
    messages.push(String(message))
  })
  return Effect.as(Effect.provide(effect, Logger.layer([logger])), messages)
}

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

/** An authentication that is approved after ten seconds; with or without a ping then. */
const approve = Effect.fnUntraced(function* (isPinged: boolean) {
  const provider = yield* TestProvider.TestProvider
  const handle = yield* NotificationReceiver.toWebHandler()
  const wait = yield* Effect.forkChild(Ciba.complete(yield* Ciba.initiate(request)))
  yield* TestClock.adjust("10 seconds")
  yield* provider.approve()
  if (isPinged) {
    const ping = yield* provider.notification()
    yield* Effect.promise(() => handle(ping))
  } else yield* advance("1 minute")
  yield* Fiber.join(wait)
})

describe("a ping that is lost", () => {
  it.effect("is warned of once a client, with the likely causes (K15)", () =>
    Effect.gen(function* () {
      const messages = yield* recordLogs(Effect.andThen(approve(false), approve(false)))
      assert.strictEqual(messages.length, 1)
      assert.include(messages[0], "no ping before. Compare backchannel_client_notification_endpoint")
    }).pipe(Effect.provide(CibaTest))
  )

  it.effect("is warned of with the first one (K15)", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* recordLogs(approve(false)), 1)
    }).pipe(Effect.provide(CibaTest))
  )

  for (const [where, poll, isRegistered, count] of [
    ["is suspected where tokens come without it (K15)", send(tokens), true, 1],
    ["is not suspected while the end-user has not decided", send(Effect.succeed(undecided)), true, 0],
    ["is not suspected in another process than that which has asked: it may have arrived there", send(tokens), false, 0]
  ] as const) {
    it.effect(where, () =>
      Effect.gen(function* () {
        const { driver } = yield* stub([poll])
        const pending = makePending("a", { deliveryMode: "ping" })
        if (isRegistered) yield* driver.register(pending)
        const wait = Effect.andThen(Effect.forkChild(driver.wait(pending)), TestClock.adjust("31 seconds"))
        assert.lengthOf(yield* recordLogs(wait), count)
      }).pipe(provideServices(), Effect.provide(NotificationInbox.layer))
    )
  }

  it.effect("is not suspected where the ping has arrived (K7)", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* recordLogs(approve(true)), [])
    }).pipe(Effect.provide(CibaTest))
  )

  it.effect(
    "is not suspected where others have arrived, unless three in a row do not: a poll may overtake one (K15)",
    () =>
      Effect.gen(function* () {
        const overtaken = Effect.andThen(approve(true), Effect.andThen(approve(false), approve(false)))
        assert.deepStrictEqual(yield* recordLogs(Effect.andThen(overtaken, overtaken)), [])
        assert.lengthOf(yield* recordLogs(Effect.andThen(approve(false), approve(false))), 1)
      }).pipe(Effect.provide(CibaTest))
  )
})

describe("a call to the notification endpoint that is refused", () => {
  const callUnknown = Effect.gen(function* () {
    const handle = yield* NotificationReceiver.toWebHandler()
    const call = new Request("https://client.test/ciba", {
      method: "POST",
      headers: { authorization: "Bearer marker" }
    })
    yield* Effect.promise(() => handle(call))
  })

  for (const how of ["text", "json", "arrayBuffer"] as const) {
    it.effect(`is refused with 400 when a framework has read its body by ${how}, and the warning says so (K3)`, () =>
      Effect.gen(function* () {
        const inbox = yield* NotificationInbox.NotificationInbox
        const expiresAt = DateTime.add(yield* DateTime.now, { minutes: 5 })
        yield* inbox.expect({ token: Redacted.make("token-a"), deliveryMode: "ping", expiresAt })
        const headers = { authorization: "Bearer token-a", "content-type": "application/json" }
        const call = new Request("https://client.test/ciba", { method: "POST", headers, body: '{"auth_req_id":"a"}' })
        yield* Effect.promise(() => call[how]())
        const messages = yield* recordLogs(
          Effect.gen(function* () {
            const handle = yield* NotificationReceiver.toWebHandler()
            assert.strictEqual((yield* Effect.promise(() => handle(call))).status, 400)
          })
        )
        assert.strictEqual(messages.length, 1)
        assert.include(messages[0], "its body was read before: put the route before body parsers")
      }).pipe(Effect.provide(NotificationInbox.layer))
    )
  }

  it.effect("is a warning that says what was wrong, without the token, once a minute for each problem (K2)", () =>
    Effect.gen(function* () {
      const minutes = Effect.andThen(callUnknown, TestClock.adjust("31 seconds"))
      const messages = yield* recordLogs(Effect.all([minutes, minutes, minutes]))
      assert.strictEqual(messages.length, 2)
      for (const message of messages) {
        assert.include(message, "refused with 401: no authentication has its client notification token")
        assert.notInclude(message, "marker")
      }
    }).pipe(Effect.provide(NotificationInbox.layer))
  )
})
