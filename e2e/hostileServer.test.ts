// Servers that mean harm, on real sockets: a typed fault within the client's own limits, and the next flow works.
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, type CibaError, ClientAuthentication, Discovery, TokenEndpoint, UserHint } from "@effect-ciba/core"
import { AuthReqId } from "@effect-ciba/core/PendingAuthentication"
import { NodeCiba } from "@effect-ciba/platform-node"
import { TestClient, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Harm from "./Harm.ts"
import * as ProviderServer from "./ProviderServer.ts"

const limits = { requestTimeout: "2 seconds", maxResponseSize: 65_536, allowInsecureRequests: "loopback" } as const

const clients = {
  undici: NodeCiba.layer,
  fetch: (options: Ciba.Options) => Layer.provide(Ciba.layer(options), FetchHttpClient.layer)
}

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const paths = ["/.well-known/openid-configuration", "/backchannel", "/token"] as const

type Place = (typeof paths)[number]

/** The call that reaches each place. */
const calls: Readonly<Record<Place, Effect.Effect<unknown, CibaError.CibaError, Ciba.Services>>> = {
  "/.well-known/openid-configuration": Discovery.metadata,
  "/backchannel": Ciba.initiate(request),
  "/token": TokenEndpoint.redeem(Redacted.make(AuthReqId.make("an-id"), { label: "auth_req_id" }))
}

/** A provider that does harm at one path as long as it is armed, and the connections on which it did. */
const provider = Effect.fnUntraced(function* (at: string, harm: Harm.Harm) {
  const harmed: Array<Socket> = []
  let isArmed = true
  const server = yield* ProviderServer.make({
    user: TestUser.approve(),
    interval: "1 second",
    instead: (path) => {
      if (!isArmed || path !== at) return undefined
      return (socket) => {
        harmed.push(socket)
        socket.on("error", () => {})
        harm(socket)
      }
    }
  })
  const disarmed = Effect.sync(() => {
    isArmed = false
  })
  return { server, harmed, disarmed }
})

/** Waits until a connection has ended. */
const closed = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })

type Client = keyof typeof clients

/** What becomes of a call, and of a whole flow on the same client after it. */
const suffered = (client: Client, at: Place, harm: Harm.Harm, endsConnection: boolean) =>
  Effect.gen(function* () {
    const { disarmed, harmed, server } = yield* provider(at, harm)
    return yield* Effect.gen(function* () {
      const started = performance.now()
      const error = yield* Effect.flip(calls[at])
      const took = performance.now() - started
      yield* disarmed
      if (endsConnection) yield* Effect.timeout(Effect.forEach(harmed, closed), "5 seconds")
      const { subject } = yield* Ciba.authenticate(request)
      expect(subject).toBe("jo")
      expect(server.exchanges.filter(({ cookie }) => cookie !== undefined)).toEqual([])
      expect(took).toBeLessThan(5000)
      expect(harmed).toHaveLength(1)
      return "kind" in error.reason ? error.reason.kind : error.reason._tag
    }).pipe(
      Effect.provide(
        clients[client]({
          issuer: server.issuer,
          clientId: TestClient.clientId,
          authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
          ...limits
        })
      )
    )
  }).pipe(Effect.scoped)

/** Whether the connection has to be ended by us: the server would go on for ever. */
const harms: ReadonlyArray<
  readonly [what: string, harm: Harm.Harm, kinds: string | Readonly<Record<Client, string>>, goesOn?: "goes on"]
> = [
  ["says nothing", Harm.silence, "TimedOut", "goes on"],
  ["sends one header after the other, slowly", Harm.slowHead, "TimedOut", "goes on"],
  ["sends a body byte by byte", Harm.slowBody, "TimedOut", "goes on"],
  ["sends a body without end", Harm.endlessBody, "TooLarge", "goes on"],
  ["sends a terabyte, as it says", Harm.giantLength, "TooLarge", "goes on"],
  ["gives hints without end", Harm.endlessHints, "TimedOut", "goes on"],
  ["says Continue without end", Harm.endlessContinue, "Unreachable", "goes on"],
  ["sends headers without end", Harm.headerFlood, "Unreachable", "goes on"],
  ["sends less than it says", Harm.tooLong, "Unreadable"],
  ["sends more than it says", Harm.tooShort, "Unreadable", "goes on"],
  ["breaks its chunks", Harm.brokenChunk, "Unreadable", "goes on"],
  ["does not end its chunks", Harm.unfinishedChunks, "Unreadable"],
  ["gives two lengths", Harm.twoLengths, "Unreachable", "goes on"],
  ["resets in the middle", Harm.resetInBody, "Unreadable"],
  ["sends a bomb", Harm.gzipBomb, { fetch: "TooLarge", undici: "Unreadable" }],
  ["lies about the encoding", Harm.noGzip, "Unreadable"],
  ["speaks another language", Harm.garbage, "Unreachable"],
  ["has a status that is none", Harm.oddStatus, "Unreachable"],
  ["answers twice", Harm.smuggled, "UnexpectedStatus", "goes on"],
  ["redirects without end", Harm.endlessRedirect, "Redirected", "goes on"],
  ["fails without end", Harm.endlessFailure, "UnexpectedStatus or TooLarge", "goes on"],
  ["sets cookies", Harm.cookies, "UnexpectedStatus"]
]

for (const client of ["undici", "fetch"] as const) {
  describe.concurrent(`over ${client}, a server that`, () => {
    for (const [what, harm, kinds, goesOn] of harms) {
      it.live(
        `${what} is a fault, and the next flow works (G13)`,
        () =>
          Effect.gen(function* () {
            const expected = typeof kinds === "string" ? kinds : kinds[client]
            const found = yield* Effect.forEach(paths, (path) => suffered(client, path, harm, goesOn !== undefined), {
              concurrency: "unbounded"
            })
            if (expected.includes(" or ")) expect(expected.split(" or ")).toEqual(expect.arrayContaining(found))
            else expect(found).toEqual(paths.map(() => expected))
          }),
        30_000
      )
    }
  })
}

it.live(
  "no redirect takes a request to another host (C20)",
  () =>
    Effect.gen(function* () {
      const other = yield* Effect.acquireRelease(
        Effect.callback<{ readonly server: ReturnType<typeof createServer>; readonly called: Array<string> }>(
          (resume) => {
            const called: Array<string> = []
            const server = createServer((request, response) => {
              called.push(request.url ?? "")
              response.end("{}")
            })
            server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, called })))
          }
        ),
        ({ server }) => Effect.sync(() => server.close())
      )
      const { port } = other.server.address() as AddressInfo
      const harm = Harm.redirectTo(`http://127.0.0.1:${port}/stolen`)
      const found = yield* Effect.forEach(["undici", "fetch"] as const, (client) =>
        Effect.forEach(paths, (path) => suffered(client, path, harm, false), { concurrency: "unbounded" })
      )
      expect(found.flat()).toEqual(Array.from({ length: 6 }, () => "Redirected"))
      expect(other.called).toEqual([])
    }).pipe(Effect.scoped),
  30_000
)
