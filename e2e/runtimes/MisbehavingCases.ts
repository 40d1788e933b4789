// A provider that misbehaves in one way: each call fails with the typed error of that way, once, and its connection ends.
import { Ciba, type CibaError, ClientAuthentication, Discovery, TokenEndpoint, UserHint } from "@effect-ciba/core"
import { AuthReqId } from "@effect-ciba/core/PendingAuthentication"
import { Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { assertSame, type Case, seenRequests, startMisbehaving } from "./Case.ts"
import * as FetchLive from "./FetchLive.ts"
import type { SeenRequest, World } from "./World.ts"

const client = (issuer: string, options: Partial<Ciba.Options> = {}) =>
  Ciba.layer({
    issuer,
    clientId: "shop",
    authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret")),
    requestTimeout: "2 seconds",
    maxResponseSize: 65_536,
    allowInsecureRequests: "loopback",
    ...options
  }).pipe(Layer.provide(FetchLive.layer))

const initiate = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

type Call = Effect.Effect<unknown, CibaError.CibaError, Ciba.Services>

/** A call that sends a request to each path. */
const calls: Readonly<Record<string, Call>> = {
  "/.well-known/openid-configuration": Discovery.metadata,
  "/backchannel": initiate,
  "/token": TokenEndpoint.redeem(Redacted.make(AuthReqId.make("an-id"), { label: "auth_req_id" }))
}

/** The requests under an issuer when they are as `until` says, or after three seconds. */
const awaitSeen = (
  world: World,
  issuer: string,
  until: (seen: ReadonlyArray<SeenRequest>) => boolean
): Effect.Effect<ReadonlyArray<SeenRequest>, unknown> =>
  Effect.repeat(seenRequests(world, issuer), {
    until,
    schedule: Schedule.upTo(Schedule.spaced("50 millis"), { times: 60 })
  }).pipe(Effect.andThen(seenRequests(world, issuer)))

const kindOf = (error: CibaError.CibaError | { readonly _tag: string }): string => {
  if (!("reason" in error)) return error._tag
  return "kind" in error.reason ? error.reason.kind : error.reason._tag
}

/** Fails a call at each path. */
const failCalls = (world: World, behavior: string, expected: ReadonlyArray<string>) =>
  Effect.forEach(
    Object.entries(calls),
    Effect.fnUntraced(function* ([path, call]) {
      const issuer = yield* startMisbehaving(world, behavior, path.split("/").at(-1) ?? "")
      const error = yield* Effect.flip(Effect.provide(call, client(issuer)))
      const isHere = (request: SeenRequest) => request.path.endsWith(path)
      const seen = yield* awaitSeen(world, issuer, (seen) => seen.filter(isHere).every(({ isClosed }) => isClosed))
      const here = seen.filter(isHere)
      const kind = kindOf(error)
      yield* assertSame(`the error at ${path}`, expected.includes(kind) ? expected : [kind], expected)
      yield* assertSame(`the number of requests to ${path}`, here.length, 1)
      yield* assertSame(`whether the connection of ${path} ended`, here[0]?.isClosed, true)
    }),
    { concurrency: "unbounded", discard: true }
  )

const misbehaviors: ReadonlyArray<readonly [behavior: string, what: string, ...kinds: ReadonlyArray<string>]> = [
  ["silence", "sends no response", "TimedOut"],
  ["slowHead", "sends headers slowly without end", "TimedOut"],
  ["slowBody", "sends a body byte by byte", "TimedOut"],
  ["endlessBody", "sends a body without end", "TooLarge"],
  ["giantLength", "declares a terabyte", "TooLarge"],
  ["endlessHints", "sends 103 Early Hints without end", "TimedOut"],
  ["endlessContinue", "sends 100 Continue without end", "TimedOut", "Unreachable"],
  ["headerFlood", "sends headers without end", "Unreachable"],
  ["shortBody", "sends less than Content-Length", "Unreadable"],
  ["brokenChunk", "sends a malformed chunk", "Unreadable"],
  ["unfinishedChunks", "sends no last chunk", "Unreadable"],
  ["twoLengths", "sends Content-Length and Transfer-Encoding", "Unreachable"],
  ["resetInBody", "resets the connection within the body", "Unreadable"],
  ["gzipBomb", "sends a gzip bomb", "TooLarge"],
  ["noGzip", "declares gzip for plain text", "Unreadable"],
  ["garbage", "does not speak HTTP", "Unreachable"],
  ["oddStatus", "sends a malformed status", "Unreachable"],
  ["redirect", "redirects", "Redirected"],
  ["endlessRedirect", "redirects with an endless body", "Redirected"],
  ["endlessFailure", "fails with an endless body", "UnexpectedStatus", "TooLarge"],
  ["cookies", "fails and sets cookies", "UnexpectedStatus"]
]

const typedFailures: ReadonlyArray<Case> = misbehaviors.map(([behavior, what, ...kinds]) => ({
  title: `a provider that ${what} fails each call once, with a typed error, and the connection ends (G13)`,
  run: ({ world }) => failCalls(world, behavior, kinds)
}))

/** Leaves used connections that are idle. */
const openConnections = (issuer: string) =>
  Effect.promise(async () => {
    const responses = await Promise.all(Array.from({ length: 4 }, () => fetch(`${issuer}/jwks`)))
    await Promise.all(responses.map((response) => response.arrayBuffer()))
    await new Promise((resolve) => setTimeout(resolve, 100))
  })

/** A POST on a connection that has been used, if any is kept, which the server ends when it has read the request. */
const loseOnReuse = (behavior: string, path: "/backchannel" | "/token") =>
  Effect.fnUntraced(function* ({ world }: { readonly world: World }) {
    const issuer = yield* startMisbehaving(world, behavior, path.slice(1))
    yield* Effect.gen(function* () {
      yield* Discovery.metadata
      yield* openConnections(issuer)
      yield* assertSame("the error", kindOf(yield* Effect.flip(calls[path] ?? Effect.void)), "Unreachable")
    }).pipe(Effect.provide(client(issuer)))
    yield* Effect.sleep("300 millis")
    const seen = yield* seenRequests(world, issuer)
    const posts = seen.filter(({ method }) => method === "POST")
    yield* assertSame("the number of POST requests", posts.length, 1)
    yield* assertSame("whether its connection was used", posts[0]?.isReused, FetchLive.keepsConnections)
  })

export const misbehavingCases: ReadonlyArray<Case> = [
  ...typedFailures,
  {
    title: "no redirect is followed to another path, and no cookie is sent back (C20)",
    run: Effect.fnUntraced(function* ({ world }) {
      for (const behavior of ["redirect", "cookies"]) {
        const issuer = yield* startMisbehaving(world, behavior, "token")
        const twice = Effect.andThen(Effect.flip(calls["/token"] ?? Effect.void), Effect.flip(initiate))
        yield* Effect.provide(Effect.ignore(Effect.timeout(twice, "5 seconds")), client(issuer))
        const seen = yield* seenRequests(world, issuer)
        yield* assertSame(
          "redirected requests",
          seen.filter(({ path }) => path.endsWith("/stolen")),
          []
        )
        yield* assertSame(
          "cookies",
          seen.filter(({ cookie }) => cookie !== undefined),
          []
        )
      }
    })
  },
  ...(["closeAfterRequest", "resetAfterRequest"] as const).flatMap((behavior) =>
    (["/backchannel", "/token"] as const).map((path) => ({
      title: `a POST to ${path} is sent once on a used connection that the server ${behavior === "closeAfterRequest" ? "closes" : "resets"}`,
      run: loseOnReuse(behavior, path)
    }))
  ),
  {
    title: "a call that is interrupted ends its request",
    run: Effect.fnUntraced(function* ({ world }) {
      const issuer = yield* startMisbehaving(world, "silence", "backchannel")
      const isPost = ({ method }: SeenRequest) => method === "POST"
      const fiber = yield* Effect.forkChild(Effect.provide(initiate, client(issuer, { requestTimeout: "1 minute" })))
      const sent = yield* awaitSeen(world, issuer, (seen) => seen.some(isPost))
      yield* assertSame(
        "requests that are open",
        sent.filter(isPost).map(({ isClosed }) => isClosed),
        [false]
      )
      yield* Fiber.interrupt(fiber)
      const ended = yield* awaitSeen(world, issuer, (seen) => seen.filter(isPost).every(({ isClosed }) => isClosed))
      yield* assertSame(
        "requests that have ended",
        ended.filter(isPost).map(({ isClosed }) => isClosed),
        [true]
      )
    })
  },
  {
    title: "a body that is interrupted is cancelled",
    run: Effect.fnUntraced(function* ({ world }) {
      const issuer = yield* startMisbehaving(world, "slowBody", "openid-configuration")
      const fiber = yield* Effect.forkChild(
        Effect.provide(Discovery.metadata, client(issuer, { requestTimeout: "1 minute" }))
      )
      yield* awaitSeen(world, issuer, (seen) => seen.length > 0)
      yield* Effect.sleep("300 millis")
      yield* Fiber.interrupt(fiber)
      const ended = yield* awaitSeen(world, issuer, (seen) => seen.every(({ isClosed }) => isClosed))
      yield* assertSame(
        "requests that have ended",
        ended.map(({ isClosed }) => isClosed),
        [true]
      )
    })
  }
]
