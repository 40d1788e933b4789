import { describe, expect, it } from "@effect/vitest"
import { make, type Service } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as Fault from "@effect-ciba/authorization-server/Fault"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { Ciba, ClientAuthentication, NotificationInbox, type PendingAuthentication, UserHint } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { type Duration, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import * as Loopback from "./Loopback.ts"

/** Waits until `count` token requests have a response. */
const awaitPolls = (server: Service, count: number) =>
  Effect.repeat(
    Effect.map(server.log, (log) => log.filter(({ path, status }) => path === "/token" && status !== undefined)),
    { until: (polls) => polls.length >= count, schedule: Schedule.spaced("20 millis") }
  )

interface Setup {
  readonly server: Service
  /** The client's notification endpoint. */
  readonly url: string
  /** Sends the authentication request; `ref` is the approver's name for it. */
  readonly initiate: Effect.Effect<
    { readonly pending: PendingAuthentication.PendingAuthentication; readonly ref: string },
    unknown,
    Ciba.Ciba
  >
  /** The token requests so far. */
  readonly polls: Effect.Effect<number>
}

/** A provider and a client in ping mode, with an interval of one minute; `listens: false` leaves out the endpoint. */
const withPing = <A, E>(
  use: (setup: Setup) => Effect.Effect<A, E, Ciba.Ciba | NotificationInbox.NotificationInbox>,
  options: {
    readonly interval?: Duration.Input
    readonly pingFallback?: Duration.Input
    readonly listens?: boolean
  } = {}
) =>
  Effect.gen(function* () {
    const port = yield* Loopback.freePort
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
    const setup: Setup = {
      server,
      url: `http://127.0.0.1:${port}/ciba`,
      initiate: Effect.gen(function* () {
        const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
        const { ref } = yield* server.awaitRequest
        return { pending, ref }
      }),
      polls: Effect.map(server.log, (log) => log.filter(({ path }) => path === "/token").length)
    }
    return yield* Effect.provide(
      use(setup),
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
  "a ping ends the wait at once with one token request, after an approval and after a denial (K1, K7, K12, K14)",
  () =>
    withPing(
      Effect.fnUntraced(function* ({ initiate, polls, server }) {
        const first = yield* initiate
        const approved = yield* Effect.forkChild(Ciba.complete(first.pending))
        yield* Effect.orDie(server.approve(first.ref))
        expect((yield* Fiber.join(approved)).subject).toBe("jo")
        expect(yield* polls).toBe(1)
        const second = yield* initiate
        const denied = yield* Effect.forkChild(Effect.flip(Ciba.complete(second.pending)))
        yield* Effect.orDie(server.deny(second.ref))
        expect((yield* Fiber.join(denied)).reason._tag).toBe("AccessDenied")
        expect(yield* polls).toBe(2)
        expect(yield* server.failures).toEqual([])
      })
    )
)

it.live("a repeated ping is acknowledged each time, and the tokens are requested once (K4, K9, T-18)", () =>
  withPing(
    Effect.fnUntraced(function* ({ initiate, polls, server, url }) {
      const { pending, ref } = yield* initiate
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

it.live("a ping before the acknowledgement of the request ends the later wait (K10)", () =>
  withPing(
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
  ["an unknown token (K3)", { headers: { "content-type": "application/json", authorization: "Bearer x" } }, 401],
  ["no token (K3)", { headers: { "content-type": "application/json" } }, 401],
  ["another auth_req_id (K8)", { body: '{"auth_req_id":"another"}' }, 401],
  ["another method (K1)", { method: "PUT" }, 405],
  ["a GET request (K1)", { method: "GET", body: null }, 405],
  ["truncated JSON (K17)", { body: '{"auth_req_id"' }, 400],
  ["a body of a megabyte (K17)", { body: `{"auth_req_id":"${"x".repeat(1_048_576)}"}` }, 413]
]
it.live(
  "forged notifications are rejected without a redirect, end no wait, and cause no token request (K1–K3, K5, K8, K17)",
  () =>
    withPing(
      Effect.fnUntraced(function* ({ initiate, polls, server, url }) {
        const { pending, ref } = yield* initiate
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        for (const [what, change, status] of forgeries) {
          const response = yield* ping(url, pending, change)
          expect([what, response.status]).toEqual([what, status])
        }
        const otherPath = yield* call(`${url}/`, { method: "POST" })
        expect([otherPath.status, otherPath.headers.get("location")]).toEqual([401, null])
        expect(yield* polls).toBe(0)
        expect(wait.pollUnsafe()).toBeUndefined()
        yield* Effect.orDie(server.approve(ref))
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
        expect(yield* polls).toBe(1)
      })
    )
)

it.live("a ping is acknowledged before the response to its token request (K11)", () =>
  withPing(
    Effect.fnUntraced(function* ({ initiate, polls, server }) {
      const { pending, ref } = yield* initiate
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
it.live("a ping may have additional members, a charset, and the Bearer scheme in any case (K1, K6, K20)", () =>
  withPing(
    Effect.fnUntraced(function* ({ initiate, server, url }) {
      for (const [index, spelling] of spellings.entries()) {
        const { pending } = yield* initiate
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        const response = yield* ping(url, pending, spelling(pending, Redacted.value(pending.authReqId)))
        expect(response.status).toBe(204)
        expect(yield* awaitPolls(server, index + 1)).toHaveLength(index + 1)
        yield* Fiber.interrupt(wait)
      }
    })
  )
)

describe.concurrent("the interval of a wait for pings", () => {
  it.live("a lost ping delays the approval until the fallback poll (K15, T-28)", () =>
    withPing(
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

  it.live("repeated pings without a decision cause one poll, and the next poll waits for the interval (K12, K16)", () =>
    withPing(
      Effect.fnUntraced(function* ({ initiate, polls, server, url }) {
        const { pending, ref } = yield* initiate
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        yield* ping(url, pending)
        yield* awaitPolls(server, 1)
        const responses = yield* Effect.replicateEffect(ping(url, pending), 30, { concurrency: "unbounded" })
        expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([204]))
        expect(yield* polls).toBe(1)
        yield* Effect.orDie(server.approve(ref))
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
        const [first, second] = yield* awaitPolls(server, 2)
        expect([first?.error, second?.status]).toEqual(["authorization_pending", 200])
        expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(3000)
      }),
      { interval: "3 seconds" }
    )
  )

  it.live(
    "slow_down after a ping delays the next poll (T-19)",
    () =>
      withPing(
        Effect.fnUntraced(function* ({ initiate, server }) {
          const { pending, ref } = yield* initiate
          yield* server.inject("/token", Fault.status(400, { error: "slow_down" }))
          const wait = yield* Effect.forkChild(Ciba.complete(pending))
          yield* Effect.orDie(server.approve(ref))
          expect((yield* Fiber.join(wait)).subject).toBe("jo")
          const [first, second] = yield* awaitPolls(server, 2)
          expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(6000)
        }),
        { interval: "1 second" }
      ),
    15_000
  )

  it.live(
    "without a ping the wait ends at the expiry by the client's clock, and later pings are rejected (K13, K18, T-21)",
    () =>
      withPing(
        Effect.fnUntraced(function* ({ server, url }) {
          // The server counts whole seconds: its request may expire shortly before the client's.
          yield* server.inject("/token", Fault.status(400, { error: "authorization_pending" }))
          const pending = yield* Ciba.initiate({
            scope: ["openid"],
            hint: UserHint.login("jo@example.com"),
            requestedExpiry: "2 seconds"
          })
          const { reason } = yield* Effect.flip(Ciba.complete(pending))
          expect({ ...reason }).toEqual({ _tag: "ExpiredToken", local: true, polls: 1 })
          expect((yield* ping(url, pending)).status).toBe(401)
          expect(yield* awaitPolls(server, 1)).toHaveLength(1)
        })
      )
  )
})
