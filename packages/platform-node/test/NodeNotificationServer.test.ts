// The client's notification endpoint as a server of its own, on http; `e2e/notificationServer.test.ts` has https.
import { connect, type Socket } from "node:net"
import { expect, it } from "@effect/vitest"
import { NotificationInbox, SecurityProfile } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { Context, DateTime, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { HttpServer } from "effect/http"
import { TestClock } from "effect/testing"

const served = (options: Partial<NodeNotificationServer.Options> = {}) =>
  NodeNotificationServer.layer({ path: "/ciba", port: 0, host: "127.0.0.1", ...options }).pipe(
    Layer.provideMerge(NotificationInbox.layer)
  )

/** Expects a call with this bearer. */
const expecting = Effect.fnUntraced(function* (token: string) {
  const inbox = yield* NotificationInbox.NotificationInbox
  const expiresAt = DateTime.add(yield* DateTime.now, { days: 1 })
  yield* inbox.expect({ token: Redacted.make(token), deliveryMode: "ping", expiresAt })
})

const origin = HttpServer.addressFormattedWith(Effect.succeed)

const headers = (token: string) => ({ "content-type": "application/json", authorization: `Bearer ${token}` })

const body = '{"auth_req_id":"request"}'

/** Calls the endpoint, and says what it answers. */
const call = Effect.fnUntraced(function* (token: string, change: RequestInit = {}, path = "/ciba") {
  const url = `${yield* origin}${path}`
  return yield* Effect.promise(() =>
    fetch(url, { method: "POST", redirect: "manual", headers: headers(token), body, ...change })
  )
})

/** A caller that says what it likes, when it likes. */
interface Caller {
  readonly socket: Socket
  /** Waits until the server has said this. */
  readonly hears: (text: string) => Effect.Effect<void>
  /** Waits until the server has hung up. */
  readonly cut: Effect.Effect<void>
}

const caller = Effect.gen(function* () {
  const { port } = new URL(yield* origin)
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(Number(port), "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => resume(Effect.die("nobody listens")))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  let heard = ""
  const made: Caller = {
    socket,
    hears: (text) =>
      Effect.callback((resume) => {
        const look = () => {
          if (heard.includes(text)) resume(Effect.void)
        }
        socket.on("data", look)
        look()
      }),
    cut: Effect.callback((resume) => {
      if (socket.closed) resume(Effect.void)
      socket.once("close", () => resume(Effect.void))
    })
  }
  socket.on("data", (chunk) => {
    heard += chunk
  })
  return made
})

/** The head of a call whose body of so many bytes the server has begun to read. */
const begun = Effect.fnUntraced(function* ({ hears, socket }: Caller, token: string, length: number) {
  const lines = Object.entries({ ...headers(token), host: "client.test", "content-length": length })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  socket.write(`POST /ciba HTTP/1.1\r\n${head}expect: 100-continue\r\n\r\n`)
  yield* hears("100 Continue")
})

it.live("it answers its own path, and sends nobody elsewhere (K1, K4, K5, T-20)", () =>
  Effect.gen(function* () {
    yield* expecting("token")
    const answers: Array<readonly [path: string, status: number, location: string | null, text: string]> = []
    for (const path of ["/ciba", "/ciba/", "/", "/cib", "/ciba/more"]) {
      const response = yield* call("token", {}, path)
      const text = yield* Effect.promise(() => response.text())
      answers.push([path, response.status, response.headers.get("location"), text])
    }
    expect(answers).toEqual([
      ["/ciba", 204, null, ""],
      ["/ciba/", 204, null, ""],
      ["/", 404, null, ""],
      ["/cib", 404, null, ""],
      ["/ciba/more", 404, null, ""]
    ])
    expect((yield* call("token", { method: "GET", body: null })).status).toBe(405)
    expect((yield* call("another")).status).toBe(401)
  }).pipe(Effect.provide(served()))
)

it.live("two hundred calls at the same time are all answered (K4, K9)", () =>
  Effect.gen(function* () {
    const tokens = Array.from({ length: 100 }, (_, index) => `token-${index}`)
    yield* Effect.forEach(tokens, expecting)
    const responses = yield* Effect.forEach([...tokens, ...tokens], (token) => call(token), {
      concurrency: "unbounded"
    })
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, () => 204))
  }).pipe(Effect.provide(served()))
)

it.live("a body beyond the limit is refused, with its length or without, and the next call is answered (K17)", () =>
  Effect.gen(function* () {
    yield* expecting("token")
    const large = `{"auth_req_id":"${"x".repeat(2000)}"}`
    expect((yield* call("token", { body: large })).status).toBe(413)
    const streamed = { body: new Blob([large]).stream(), duplex: "half" }
    expect((yield* call("token", streamed)).status).toBe(413)
    expect((yield* call("token")).status).toBe(204)
  }).pipe(Effect.provide(served({ maxBodySize: 1000 })))
)

it.effect("a body that comes a byte a second is not waited for (K17)", () =>
  Effect.gen(function* () {
    yield* expecting("token")
    const slow = yield* caller
    yield* begun(slow, "token", 1_000_000)
    const dripping = Effect.sync(() => slow.socket.write("{")).pipe(
      Effect.andThen(TestClock.adjust("1 second")),
      Effect.andThen(Effect.promise(() => new Promise(setImmediate)))
    )
    yield* Effect.raceFirst(slow.hears("HTTP/1.1 408 "), Effect.forever(dripping))
    expect((yield* call("token")).status).toBe(204)
  }).pipe(Effect.provide(served()))
)

/** A server that stops when the test says so. */
const stoppable = Effect.fnUntraced(function* (options?: Partial<NodeNotificationServer.Options>) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(served(options), scope)
  return { context, stop: Scope.close(scope, Exit.void) }
})

it.live("when it stops, it answers the call under way, ends its connection, and takes no other", () =>
  Effect.gen(function* () {
    const { context, stop } = yield* stoppable()
    yield* Effect.gen(function* () {
      yield* expecting("token")
      const first = yield* caller
      yield* begun(first, "token", body.length)
      const stopping = yield* Effect.forkChild(stop)
      yield* Effect.yieldNow
      expect(yield* Effect.exit(caller)).toEqual(Exit.die("nobody listens"))
      expect(stopping.pollUnsafe()).toBeUndefined()
      first.socket.write(body)
      yield* first.hears("HTTP/1.1 204 ")
      yield* first.cut
      expect(Exit.isSuccess(yield* Fiber.await(stopping))).toBe(true)
    }).pipe(Effect.provide(context))
  })
)

it.live("when it stops, whoever dawdles is cut off: with half a body, half a head, or nothing to say (K17)", () =>
  Effect.gen(function* () {
    const { context, stop } = yield* stoppable({ shutdownTimeout: "50 millis" })
    const dawdlers = yield* Effect.gen(function* () {
      yield* expecting("token")
      const [body, head, mute] = [yield* caller, yield* caller, yield* caller]
      head.socket.write("POST /ci")
      yield* begun(body, "token", 100)
      return [body, head, mute]
    }).pipe(Effect.provide(context))
    yield* stop
    yield* Effect.forEach(dawdlers, ({ cut }) => cut)
    expect(dawdlers.map(({ socket }) => socket.closed)).toEqual([true, true, true])
  })
)

it.live("who wants to upgrade is answered, and holds no connection", () =>
  Effect.gen(function* () {
    const { cut, hears, socket } = yield* caller
    socket.write("GET /ciba HTTP/1.1\r\nhost: client.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    yield* hears("HTTP/1.1 ")
    yield* cut
    expect(socket.closed).toBe(true)
  }).pipe(Effect.provide(served()))
)

it.live("a certificate that is none is a typed failure", () =>
  Effect.gen(function* () {
    const tls = { certificate: "no PEM", privateKey: Redacted.make("marker-key") }
    const error = yield* Effect.flip(Layer.build(served({ tls })))
    expect(error._tag).toBe("ServeError")
    expect(String(error.cause)).not.toContain("marker-key")
  }).pipe(Effect.scoped)
)

it.live("under a profile that wants the provider's certificate it does not start without one's authorities (K19)", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Layer.build(served({ profile: SecurityProfile.brazil })))
    expect(error).toMatchObject({ _tag: "ProfileViolation", parameter: "tls.clientAuthorities" })
  }).pipe(Effect.scoped)
)

it.live("a port that is taken is a typed failure", () =>
  Effect.gen(function* () {
    const { port } = new URL(yield* origin)
    const error = yield* Effect.flip(Layer.build(served({ port: Number(port) })))
    expect(error._tag).toBe("ServeError")
    expect(Context.isContext(yield* Layer.build(served()))).toBe(true)
  }).pipe(Effect.provide(served()))
)
