import { createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, NotificationInbox, type PendingAuthentication, UserHint } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { type Duration, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { make, type Service } from "./AuthorizationServer.ts"
import * as Fault from "./Fault.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

const freePort = Effect.callback<number>((resume) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const address = probe.address()
    probe.close(() => resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0)))
  })
})

/** Waits until so many token requests have been answered. */
const answered = (server: Service, count: number) =>
  Effect.repeat(
    Effect.map(server.log, (log) => log.filter(({ path, status }) => path === "/token" && status !== undefined)),
    { until: (polls) => polls.length >= count, schedule: Schedule.spaced("20 millis") }
  )

interface Stage {
  readonly server: Service
  /** The client's notification endpoint. */
  readonly url: string
  /** Asks, and says under which name the person sees it. */
  readonly ask: Effect.Effect<
    { readonly pending: PendingAuthentication.PendingAuthentication; readonly ref: string },
    unknown,
    Ciba.Ciba
  >
  /** The token requests so far. */
  readonly polls: Effect.Effect<number>
}

/** A provider that pings, a client that listens, and polls that would come every minute. */
const staged = <A, E>(
  use: (stage: Stage) => Effect.Effect<A, E, Ciba.Ciba | NotificationInbox.NotificationInbox>,
  options: {
    readonly interval?: Duration.Input
    readonly pingFallback?: Duration.Input
    readonly listens?: boolean
  } = {}
) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const server = yield* make({
      interval: options.interval ?? "1 minute",
      clients: [RegisteredClients.pingClient("ping", `https://127.0.0.1:${port}/ciba`)]
    })
    const flow = NodeCiba.layer({
      issuer: server.issuer,
      clientId: "ping",
      authentication: ClientAuthentication.clientSecretBasic(Redacted.make(RegisteredClients.secret)),
      deliveryMode: "ping",
      allowInsecureRequests: "loopback",
      poll: { pingFallback: options.pingFallback }
    })
    const endpoint = NodeNotificationServer.layer({ path: "/ciba", port, host: "127.0.0.1" })
    const stage: Stage = {
      server,
      url: `http://127.0.0.1:${port}/ciba`,
      ask: Effect.gen(function* () {
        const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
        const { ref } = yield* server.awaitRequest
        return { pending, ref }
      }),
      polls: Effect.map(server.log, (log) => log.filter(({ path }) => path === "/token").length)
    }
    return yield* Effect.provide(
      use(stage),
      (options.listens === false ? flow : Layer.merge(flow, endpoint)).pipe(Layer.provideMerge(NotificationInbox.layer))
    )
  }).pipe(Effect.scoped)

const call = (url: string, init: RequestInit) => Effect.promise(() => fetch(url, { redirect: "manual", ...init }))

const bearerOf = ({ clientNotificationToken: token }: PendingAuthentication.PendingAuthentication) =>
  `Bearer ${token === undefined ? "" : Redacted.value(token)}`

const ping = (url: string, pending: PendingAuthentication.PendingAuthentication, change: RequestInit = {}) =>
  call(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: bearerOf(pending) },
    body: `{"auth_req_id":"${Redacted.value(pending.authReqId)}"}`,
    ...change
  })

it.live(
  "a ping ends the wait at once, with one token request, for an approval and for a denial (K1, K7, K12, K14)",
  () =>
    staged(
      Effect.fnUntraced(function* ({ ask, polls, server }) {
        const first = yield* ask
        const approved = yield* Effect.forkChild(Ciba.complete(first.pending))
        yield* Effect.orDie(server.approve(first.ref))
        expect((yield* Fiber.join(approved)).subject).toBe("jo")
        expect(yield* polls).toBe(1)
        const second = yield* ask
        const denied = yield* Effect.forkChild(Effect.flip(Ciba.complete(second.pending)))
        yield* Effect.orDie(server.deny(second.ref))
        expect((yield* Fiber.join(denied)).reason._tag).toBe("AccessDenied")
        expect(yield* polls).toBe(2)
        expect(yield* server.failures).toEqual([])
      })
    )
)

it.live("a ping that is sent twice is answered twice, and redeems once (K4, K9, T-18)", () =>
  staged(
    Effect.fnUntraced(function* ({ ask, polls, server, url }) {
      const { pending, ref } = yield* ask
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* Effect.orDie(server.approve(ref))
      const responses = yield* Effect.all([ping(url, pending), ping(url, pending)], { concurrency: "unbounded" })
      yield* Fiber.join(wait)
      responses.push(yield* ping(url, pending))
      expect(responses.map(({ status }) => status)).toEqual([204, 204, 204])
      expect(yield* polls).toBe(1)
    })
  )
)

it.live("a ping that overtakes the acknowledgement is kept for the wait (K10)", () =>
  staged(
    Effect.fnUntraced(function* ({ polls, server }) {
      yield* server.inject("/backchannel", async (_, next) => {
        await next()
        await new Promise((resolve) => setTimeout(resolve, 500))
      })
      const approval = yield* Effect.forkChild(
        Effect.flatMap(server.awaitRequest, ({ ref }) => Effect.orDie(server.approve(ref)))
      )
      const identity = yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
      yield* Fiber.join(approval)
      expect(yield* server.failures).toEqual([])
      expect(identity.subject).toBe("jo")
      expect(yield* polls).toBe(1)
    })
  )
)

const forgeries: ReadonlyArray<readonly [what: string, change: RequestInit, status: number]> = [
  ["a strange bearer (K3)", { headers: { "content-type": "application/json", authorization: "Bearer x" } }, 401],
  ["no bearer (K3)", { headers: { "content-type": "application/json" } }, 401],
  ["another id (K8)", { body: '{"auth_req_id":"another"}' }, 401],
  ["another method (K1)", { method: "PUT" }, 405],
  ["a question (K1)", { method: "GET", body: null }, 405],
  ["half a document (K17)", { body: '{"auth_req_id"' }, 400],
  ["a megabyte (K17)", { body: `{"auth_req_id":"${"x".repeat(1_048_576)}"}` }, 413]
]
it.live(
  "forged calls are refused, redirected nowhere, wake nobody, and cost no token request (K1–K3, K5, K8, K17)",
  () =>
    staged(
      Effect.fnUntraced(function* ({ ask, polls, server, url }) {
        const { pending, ref } = yield* ask
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        for (const [what, change, status] of forgeries) {
          const response = yield* ping(url, pending, change)
          expect([what, response.status]).toEqual([what, status])
        }
        const elsewhere = yield* call(`${url}/`, { method: "POST" })
        expect([elsewhere.status, elsewhere.headers.get("location")]).toEqual([401, null])
        expect(yield* polls).toBe(0)
        expect(wait.pollUnsafe()).toBeUndefined()
        yield* Effect.orDie(server.approve(ref))
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
        expect(yield* polls).toBe(1)
      })
    )
)

it.live("a ping is answered before its token request is, which may take its time (K11)", () =>
  staged(
    Effect.fnUntraced(function* ({ ask, polls, server }) {
      const { pending, ref } = yield* ask
      yield* server.inject("/token", Fault.hang)
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* Effect.orDie(server.approve(ref))
      expect(yield* server.failures).toEqual([])
      yield* Effect.repeat(polls, { until: (count) => count === 1, schedule: Schedule.spaced("20 millis") })
      expect(wait.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(wait)
    })
  )
)

const spellings: ReadonlyArray<
  (pending: PendingAuthentication.PendingAuthentication, id: string) => Pick<RequestInit, "headers" | "body">
> = [
  (pending, id) => ({
    headers: { "content-type": "application/json", authorization: bearerOf(pending).replace("Bearer", "bEARER") },
    body: `{"auth_req_id":"${id}"}`
  }),
  (pending, id) => ({
    headers: { "content-type": "application/json; charset=utf-8", authorization: bearerOf(pending) },
    body: `{"auth_req_id":"${id}","urgent":[true]}`
  })
]
it.live("a ping may have more members, a charset, and its scheme in any case (K1, K6, K20)", () =>
  staged(
    Effect.fnUntraced(function* ({ ask, server, url }) {
      for (const [index, spelling] of spellings.entries()) {
        const { pending } = yield* ask
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        const response = yield* ping(url, pending, spelling(pending, Redacted.value(pending.authReqId)))
        expect(response.status).toBe(204)
        expect(yield* answered(server, index + 1)).toHaveLength(index + 1)
        yield* Fiber.interrupt(wait)
      }
    })
  )
)

describe.concurrent("the clock of a wait", () => {
  it.live("a ping that nobody hears costs time, and the approval arrives by a poll (K15, T-28)", () =>
    staged(
      Effect.fnUntraced(function* ({ polls, server }) {
        const pending = yield* Ciba.initiate({
          scope: ["openid"],
          hint: UserHint.login("jo@example.com")
        })
        const { ref } = yield* server.awaitRequest
        yield* Effect.orDie(server.approve(ref))
        expect(yield* server.failures).toHaveLength(1)
        expect((yield* Ciba.complete(pending)).subject).toBe("jo")
        expect(yield* polls).toBe(1)
      }),
      { interval: "1 second", pingFallback: "2 seconds", listens: false }
    )
  )

  it.live("a ping without a decision costs one poll, however often it comes; then the interval holds (K12, K16)", () =>
    staged(
      Effect.fnUntraced(function* ({ ask, polls, server, url }) {
        const { pending, ref } = yield* ask
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        yield* ping(url, pending)
        yield* answered(server, 1)
        const responses = yield* Effect.replicateEffect(ping(url, pending), 30, { concurrency: "unbounded" })
        expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([204]))
        expect(yield* polls).toBe(1)
        yield* Effect.orDie(server.approve(ref))
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
        const [first, second] = yield* answered(server, 2)
        expect([first?.error, second?.status]).toEqual(["authorization_pending", 200])
        expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(3000)
      }),
      { interval: "3 seconds" }
    )
  )

  it.live(
    "slow_down right after a ping is waited out (T-19)",
    () =>
      staged(
        Effect.fnUntraced(function* ({ ask, server }) {
          const { pending, ref } = yield* ask
          yield* server.inject("/token", Fault.status(400, { error: "slow_down" }))
          const wait = yield* Effect.forkChild(Ciba.complete(pending))
          yield* Effect.orDie(server.approve(ref))
          expect((yield* Fiber.join(wait)).subject).toBe("jo")
          const [first, second] = yield* answered(server, 2)
          expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(6000)
        }),
        { interval: "1 second" }
      ),
    15_000
  )

  it.live(
    "no ping announces an expiry: the client's own clock ends the wait, and later pings are refused (K13, K18, T-21)",
    () =>
      staged(
        Effect.fnUntraced(function* ({ server, url }) {
          // The server counts whole seconds: it may say expired a moment before the client's own clock does.
          yield* server.inject("/token", Fault.status(400, { error: "authorization_pending" }))
          const pending = yield* Ciba.initiate({
            scope: ["openid"],
            hint: UserHint.login("jo@example.com"),
            requestedExpiry: "2 seconds"
          })
          const { reason } = yield* Effect.flip(Ciba.complete(pending))
          expect({ ...reason }).toEqual({ _tag: "ExpiredToken", local: true })
          expect((yield* ping(url, pending)).status).toBe(401)
          expect(yield* answered(server, 1)).toHaveLength(1)
        })
      )
  )
})
