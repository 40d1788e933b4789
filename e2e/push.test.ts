import { createServer } from "node:http"
import { NodeFileSystem, NodeHttpServer, NodePath } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  NotificationInbox,
  type PendingAuthentication,
  PendingStore,
  Sealing,
  UserHint
} from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { ProviderServer, TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import type { JsonObject, ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Clock, Context, Effect, Fiber, FileSystem, Layer, Redacted, Result } from "effect"
import { HttpServer } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"

const url = "https://client.test/ciba"

const client = TestClient.clientSecretBasic({ notification: { deliveryMode: "push", url } })

/** Each test sends the pushes when it is their time. */
const lose = () => Promise.reject(new Error("nothing listens there"))

/** A provider and a client in push mode over sockets, and the client's store on disk. */
const setUp = (options: ProviderOptions = {}) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const directory = yield* files.makeTempDirectoryScoped()
    const key = yield* Sealing.generate("k")
    const services = yield* Layer.build(
      ProviderServer.layer({ client, refreshTokens: true, notify: lose, ...options }).pipe(
        Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
      )
    )
    const provider = Context.get(services, TestProvider.TestProvider)
    /** A process of the client; processes share the store only. */
    const process = NodeCiba.layer({
      deliveryMode: "push",
      issuer: provider.issuer,
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
      allowInsecureRequests: "loopback"
    }).pipe(
      Layer.merge(NodeNotificationServer.layer({ path: "/ciba", port: 0, host: "127.0.0.1" })),
      Layer.provideMerge(NotificationInbox.layer),
      Layer.provideMerge(PendingStore.layerKeyValueStore({ keys: [key] })),
      Layer.provideMerge(KeyValueStore.layerFileSystem(directory)),
      Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
    )
    return { provider, process, stored: files.readDirectory(directory) }
  }).pipe(Effect.provide(NodeFileSystem.layer))

const initiate = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

const endpoint = HttpServer.addressFormattedWith((address) => Effect.succeed(`${address}/ciba`))

/** Sends the provider's push to the client; the status of the response. */
const push = Effect.fnUntraced(function* (
  provider: TestProvider.Service,
  pending: PendingAuthentication.PendingAuthentication,
  forge?: (body: JsonObject) => JsonObject
) {
  const notification = yield* provider.notification({
    authReqId: pending.authReqId,
    forge: (call) => (forge === undefined ? call : { ...call, body: forge(call.body) })
  })
  const target = yield* endpoint
  const body = yield* Effect.promise(() => notification.text())
  const { status } = yield* Effect.promise(() => fetch(target, { method: "POST", headers: notification.headers, body }))
  return status
})

it.live(
  "a push completes the wait, is persisted before it is acknowledged, and is accepted once (L1, L3, L9, L14, L15)",
  () =>
    Effect.gen(function* () {
      const { process, provider, stored } = yield* setUp()
      yield* Effect.gen(function* () {
        const pending = yield* initiate
        const [before] = yield* stored
        yield* provider.approve(pending.authReqId)
        expect(yield* push(provider, pending)).toBe(204)
        const [after] = yield* stored
        expect([before, after]).toEqual([expect.stringMatching(/\.1$/), expect.stringMatching(/\.2$/)])
        expect(yield* push(provider, pending)).toBe(204)
        const identity = yield* Ciba.complete(pending)
        expect(identity.subject).toBe("jo")
        expect(Redacted.isRedacted(identity.refreshToken)).toBe(true)
        expect(yield* push(provider, pending)).toBe(204)
        expect(yield* stored).toEqual([])
        expect(yield* provider.polls).toEqual([])
      }).pipe(Effect.provide(process))
    }).pipe(Effect.scoped)
)

it.live("a push before a restart is completed by the next process without a request to the provider (T-17)", () =>
  Effect.gen(function* () {
    const { process, provider, stored } = yield* setUp()
    yield* Effect.gen(function* () {
      const pending = yield* initiate
      yield* provider.approve(pending.authReqId)
      expect(yield* push(provider, pending)).toBe(204)
    }).pipe(Effect.provide(process))
    const subjects: Array<string> = []
    yield* Ciba.resumeAll((decision) =>
      Effect.sync(() => subjects.push(Result.isSuccess(decision) ? decision.success.subject : "failed"))
    ).pipe(Effect.provide(process))
    expect(subjects).toEqual(["jo"])
    expect(yield* stored).toEqual([])
    expect((yield* provider.requests).filter(({ endpoint }) => endpoint === "backchannel")).toHaveLength(1)
  }).pipe(Effect.scoped)
)

it.live("a push after a restart is accepted before resumption, and a repeated one is acknowledged (L1, T-17)", () =>
  Effect.gen(function* () {
    const { process, provider } = yield* setUp()
    const pending = yield* Effect.provide(initiate, process)
    yield* provider.approve(pending.authReqId)
    const subjects = yield* Effect.gen(function* () {
      expect(yield* push(provider, pending)).toBe(204)
      const subjects: Array<string> = []
      yield* Ciba.resumeAll((decision) =>
        Effect.sync(() => subjects.push(Result.isSuccess(decision) ? decision.success.subject : "failed"))
      )
      return subjects
    }).pipe(Effect.provide(process))
    expect(subjects).toEqual(["jo"])
    const other = yield* Effect.gen(function* () {
      const other = yield* initiate
      yield* provider.approve(other.authReqId)
      expect(yield* push(provider, other)).toBe(204)
      return other
    }).pipe(Effect.provide(process))
    expect(yield* Effect.provide(push(provider, other), process)).toBe(204)
    expect(yield* provider.polls).toEqual([])
  }).pipe(Effect.scoped)
)

it.live("twenty concurrent copies of a push are all acknowledged, and stored once (L1, L14)", () =>
  Effect.gen(function* () {
    const { process, provider, stored } = yield* setUp()
    yield* Effect.gen(function* () {
      const pending = yield* initiate
      yield* provider.approve(pending.authReqId)
      const first = yield* provider.notification({ authReqId: pending.authReqId })
      const body = yield* Effect.promise(() => first.text())
      const target = yield* endpoint
      const call = Effect.promise(() => fetch(target, { method: "POST", headers: first.headers, body }))
      const responses = yield* Effect.replicateEffect(call, 20, { concurrency: "unbounded" })
      expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 204))
      expect(yield* stored).toEqual([expect.stringMatching(/\.2$/)])
      expect((yield* Ciba.complete(pending)).subject).toBe("jo")
    }).pipe(Effect.provide(process))
  }).pipe(Effect.scoped)
)

it.live(
  "a wait without a push fails with ExpiredToken at the expiry, and a later push is rejected (K18, L1, L17)",
  () =>
    Effect.gen(function* () {
      const { process, provider } = yield* setUp({ expiresIn: "1 second" })
      yield* Effect.gen(function* () {
        const pending = yield* initiate
        yield* provider.approve(pending.authReqId)
        const { reason } = yield* Effect.flip(Ciba.complete(pending))
        expect({ ...reason }).toEqual({ _tag: "ExpiredToken", local: true })
        expect(yield* push(provider, pending)).toBe(401)
        expect(yield* provider.polls).toEqual([])
      }).pipe(Effect.provide(process))
    }).pipe(Effect.scoped)
)

const outcomes: ReadonlyArray<readonly [what: string, forge: (body: JsonObject) => JsonObject, tag: string]> = [
  ["access_denied (L12, L13)", ({ auth_req_id }) => ({ auth_req_id, error: "access_denied" }), "AccessDenied"],
  ["expired_token (L12, L13)", ({ auth_req_id }) => ({ auth_req_id, error: "expired_token" }), "ExpiredToken"],
  [
    "transaction_failed (L13)",
    ({ auth_req_id }) => ({ auth_req_id, error: "transaction_failed" }),
    "TransactionFailed"
  ],
  ["an unknown error (L13)", ({ auth_req_id }) => ({ auth_req_id, error: "teapot" }), "Unrecognized"],
  ["another access token (L6)", (body) => ({ ...body, access_token: "another" }), "WrongBinding"],
  ["another refresh token (L7)", (body) => ({ ...body, refresh_token: "another" }), "WrongBinding"],
  ["no ID Token (L3)", ({ id_token: _, ...body }) => body, "InvalidTokenResponse"],
  [
    "an ID Token without a signature (L4)",
    (body) => ({ ...body, id_token: `eyJhbGciOiJub25lIn0.${String(body.id_token).split(".")[1]}.` }),
    "UnexpectedAlgorithm"
  ]
]
it.live(
  "a push with an error or with forged tokens ends the wait with the matching reason (L3, L4, L6, L7, L10, L12, L13)",
  () =>
    Effect.gen(function* () {
      const { process, provider } = yield* setUp()
      yield* Effect.gen(function* () {
        for (const [what, forge, tag] of outcomes) {
          const pending = yield* initiate
          const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
          yield* provider.approve(pending.authReqId)
          expect([what, yield* push(provider, pending, forge)]).toEqual([what, 204])
          expect([what, (yield* Fiber.join(wait)).reason._tag]).toEqual([what, tag])
        }
      }).pipe(Effect.provide(process))
    }).pipe(Effect.scoped)
)

const claims: ReadonlyArray<readonly [what: string, forge: (claims: JsonObject) => JsonObject]> = [
  ["no auth_req_id (L5)", ({ "urn:openid:params:jwt:claim:auth_req_id": _, ...rest }) => rest],
  [
    "the hash of the auth_req_id (L5)",
    (all) => ({ ...all, "urn:openid:params:jwt:claim:auth_req_id": "yjC0WzMiAKcIuP7X-j2JaQ" })
  ],
  ["no at_hash (L6)", ({ at_hash: _, ...rest }) => rest],
  ["no rt_hash (L7)", ({ "urn:openid:params:jwt:claim:rt_hash": _, ...rest }) => rest]
]
for (const [what, idTokenClaims] of claims) {
  it.live(`a push whose ID Token has ${what} is rejected`, () =>
    Effect.gen(function* () {
      const { process, provider } = yield* setUp({ idTokenClaims })
      yield* Effect.gen(function* () {
        const pending = yield* initiate
        const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
        yield* provider.approve(pending.authReqId)
        yield* push(provider, pending)
        expect((yield* Fiber.join(wait)).reason._tag).toBe("WrongBinding")
      }).pipe(Effect.provide(process))
    }).pipe(Effect.scoped)
  )
}

it.live("a push with the token of another request is rejected (L2)", () =>
  Effect.gen(function* () {
    const { process, provider } = yield* setUp({})
    yield* Effect.gen(function* () {
      const pending = yield* initiate
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* provider.approve(pending.authReqId)
      const other = yield* initiate
      expect(
        yield* push(provider, other, (body) => ({ ...body, auth_req_id: Redacted.value(pending.authReqId) })).pipe(
          Effect.catchTag("NoNotification", () => Effect.succeed("no notification"))
        )
      ).toBe("no notification")
      yield* provider.approve(other.authReqId)
      expect(
        yield* push(provider, other, (body) => ({ ...body, auth_req_id: Redacted.value(pending.authReqId) }))
      ).toBe(401)
      expect(wait.pollUnsafe()).toBeUndefined()
      expect(yield* push(provider, pending)).toBe(204)
      yield* Fiber.join(wait)
    }).pipe(Effect.provide(process))
  }).pipe(Effect.scoped)
)

it.live("a push with a signature by another key is rejected, after two minutes in which the key may follow (L4)", () =>
  Effect.gen(function* () {
    const idTokenKey = yield* TestKeys.signing("RS256", "unknown")
    const { process, provider } = yield* setUp({ idTokenKey, idTokenHeaderKeyId: null })
    yield* Effect.gen(function* () {
      const pending = yield* initiate
      const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
      yield* provider.approve(pending.authReqId)
      expect(yield* push(provider, pending)).toBe(204)
      while (wait.pollUnsafe() === undefined) {
        yield* Effect.promise(() => new Promise(setImmediate))
        yield* TestClock.adjust("50 millis")
      }
      expect((yield* Fiber.join(wait)).reason._tag).toBe("InvalidSignature")
      expect(yield* Clock.currentTimeMillis).toBeGreaterThanOrEqual(120_000)
    }).pipe(Effect.provide(process), Effect.provide(TestClock.layer()))
  }).pipe(Effect.scoped)
)
