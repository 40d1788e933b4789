// Misbehaving servers on real sockets: each call fails with a typed error within the client's limits, and the next flow succeeds.
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Ciba, type CibaError, ClientAuthentication, Discovery, TokenEndpoint, UserHint } from "@effect-ciba/core"
import { AuthReqId } from "@effect-ciba/core/PendingAuthentication"
import { NodeCiba } from "@effect-ciba/platform-node"
import { TestClient, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Misbehavior from "./Misbehavior.ts"
import * as ProviderServer from "./ProviderServer.ts"

const limits = { requestTimeout: "2 seconds", maxResponseSize: 65_536, allowInsecureRequests: "loopback" } as const

const clients = {
  undici: NodeCiba.layer,
  fetch: (options: Ciba.Options) => Layer.provide(Ciba.layer(options), FetchHttpClient.layer)
}

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const paths = ["/.well-known/openid-configuration", "/backchannel", "/token"] as const

type Path = (typeof paths)[number]

/** A call that sends a request to each path. */
const calls: Readonly<Record<Path, Effect.Effect<unknown, CibaError.CibaError, Ciba.Services>>> = {
  "/.well-known/openid-configuration": Discovery.metadata,
  "/backchannel": Ciba.initiate(request),
  "/token": TokenEndpoint.redeem(Redacted.make(AuthReqId.make("an-id"), { label: "auth_req_id" }))
}

/** A provider that misbehaves at one path until `repair`, and the connections on which it did. */
const provider = Effect.fnUntraced(function* (at: string, misbehavior: Misbehavior.Misbehavior) {
  const connections: Array<Socket> = []
  let isMisbehaving = true
  const server = yield* ProviderServer.make({
    user: TestUser.approve(),
    interval: "1 second",
    instead: (path) => {
      if (!isMisbehaving || path !== at) return undefined
      return (socket) => {
        connections.push(socket)
        socket.on("error", () => {})
        misbehavior(socket)
      }
    }
  })
  const repair = Effect.sync(() => {
    isMisbehaving = false
  })
  return { server, connections, repair }
})

/** Waits until a connection is closed. */
const awaitClose = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })

type Client = keyof typeof clients

/** The error of a call to the misbehaving server; a whole flow of the same client succeeds after it. */
const failCall = (client: Client, at: Path, misbehavior: Misbehavior.Misbehavior, endsConnection: boolean) =>
  Effect.gen(function* () {
    const { connections, repair, server } = yield* provider(at, misbehavior)
    return yield* Effect.gen(function* () {
      const started = performance.now()
      const error = yield* Effect.flip(calls[at])
      const took = performance.now() - started
      yield* repair
      if (endsConnection) yield* Effect.timeout(Effect.forEach(connections, awaitClose), "5 seconds")
      const { subject } = yield* Ciba.authenticate(request)
      expect(subject).toBe("jo")
      expect(server.recordedRequests.filter(({ cookie }) => cookie !== undefined)).toEqual([])
      expect(took).toBeLessThan(5000)
      expect(connections).toHaveLength(1)
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

/** With "stays open" the client has to close the connection, since the server does not. */
const misbehaviors: ReadonlyArray<
  readonly [what: string, misbehavior: Misbehavior.Misbehavior, kind: string, open?: "stays open"]
> = [
  ["sends no response", Misbehavior.silence, "TimedOut", "stays open"],
  ["sends headers slowly without end", Misbehavior.slowHead, "TimedOut", "stays open"],
  ["sends a body byte by byte", Misbehavior.slowBody, "TimedOut", "stays open"],
  ["sends a body without end", Misbehavior.endlessBody, "TooLarge", "stays open"],
  ["declares a terabyte", Misbehavior.giantLength, "TooLarge", "stays open"],
  ["sends 103 Early Hints without end", Misbehavior.endlessHints, "TimedOut", "stays open"],
  ["sends 100 Continue without end", Misbehavior.endlessContinue, "Unreachable", "stays open"],
  ["sends headers without end", Misbehavior.headerFlood, "Unreachable", "stays open"],
  ["sends less than Content-Length", Misbehavior.shortBody, "Unreadable"],
  ["sends more than Content-Length", Misbehavior.longBody, "Unreadable", "stays open"],
  ["sends a malformed chunk", Misbehavior.brokenChunk, "Unreadable", "stays open"],
  ["sends no last chunk", Misbehavior.unfinishedChunks, "Unreadable"],
  ["sends Content-Length and Transfer-Encoding", Misbehavior.twoLengths, "Unreachable", "stays open"],
  ["resets the connection within the body", Misbehavior.resetInBody, "Unreadable"],
  ["sends a gzip bomb", Misbehavior.gzipBomb, "TooLarge"],
  ["declares gzip for plain text", Misbehavior.noGzip, "Unreadable"],
  ["does not speak HTTP", Misbehavior.garbage, "Unreachable"],
  ["sends a malformed status", Misbehavior.oddStatus, "Unreachable"],
  ["sends a second response", Misbehavior.secondResponse, "UnexpectedStatus", "stays open"],
  ["redirects with an endless body", Misbehavior.endlessRedirect, "Redirected", "stays open"],
  ["fails with an endless body", Misbehavior.endlessFailure, "UnexpectedStatus or TooLarge", "stays open"],
  ["sets cookies", Misbehavior.cookies, "UnexpectedStatus"]
]

for (const client of ["undici", "fetch"] as const) {
  describe.concurrent(`a misbehaving server, over ${client}`, () => {
    for (const [what, misbehavior, expected, open] of misbehaviors) {
      it.live(
        `a server that ${what} fails the call with a typed error over ${client}, and the next flow succeeds (G13)`,
        () =>
          Effect.gen(function* () {
            const found = yield* Effect.forEach(
              paths,
              (path) => failCall(client, path, misbehavior, open !== undefined),
              {
                concurrency: "unbounded"
              }
            )
            if (expected.includes(" or ")) expect(expected.split(" or ")).toEqual(expect.arrayContaining(found))
            else expect(found).toEqual(paths.map(() => expected))
          })
      )
    }
  })
}

it.live("no redirect sends a request to another host (C20)", () =>
  Effect.gen(function* () {
    const other = yield* Effect.acquireRelease(
      Effect.callback<{ readonly server: ReturnType<typeof createServer>; readonly requests: Array<string> }>(
        (resume) => {
          const requests: Array<string> = []
          const server = createServer((request, response) => {
            requests.push(request.url ?? "")
            response.end("{}")
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, requests })))
        }
      ),
      ({ server }) => Effect.sync(() => server.close())
    )
    const { port } = other.server.address() as AddressInfo
    const misbehavior = Misbehavior.redirectTo(`http://127.0.0.1:${port}/stolen`)
    const found = yield* Effect.forEach(["undici", "fetch"] as const, (client) =>
      Effect.forEach(paths, (path) => failCall(client, path, misbehavior, false), { concurrency: "unbounded" })
    )
    expect(found.flat()).toEqual(Array.from({ length: 6 }, () => "Redirected"))
    expect(other.requests).toEqual([])
  }).pipe(Effect.scoped)
)
