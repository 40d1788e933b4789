// The notification endpoint on plain http; `e2e/notificationServer.test.ts` has https.
import { connect, type Socket } from "node:net"
import { expect, it } from "@effect/vitest"
import { NotificationInbox, SecurityProfile } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { Context, DateTime, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { HttpServer } from "effect/http"
import { TestClock } from "effect/testing"

const layer = (options: Partial<NodeNotificationServer.Options> = {}) =>
  NodeNotificationServer.layer({ path: "/ciba", port: 0, host: "127.0.0.1", ...options }).pipe(
    Layer.provideMerge(NotificationInbox.layer)
  )

/** Expects a ping with this client notification token. */
const expectPing = Effect.fnUntraced(function* (token: string) {
  const inbox = yield* NotificationInbox.NotificationInbox
  const expiresAt = DateTime.add(yield* DateTime.now, { days: 1 })
  yield* inbox.expect({ token: Redacted.make(token), deliveryMode: "ping", expiresAt })
})

const origin = HttpServer.addressFormattedWith(Effect.succeed)

const headers = (token: string) => ({ "content-type": "application/json", authorization: `Bearer ${token}` })

const body = '{"auth_req_id":"request"}'

/** Sends a notification. */
const call = Effect.fnUntraced(function* (token: string, change: RequestInit = {}, path = "/ciba") {
  const url = `${yield* origin}${path}`
  return yield* Effect.promise(() =>
    fetch(url, { method: "POST", redirect: "manual", headers: headers(token), body, ...change })
  )
})

/** A caller that writes to its socket byte by byte. */
interface Caller {
  readonly socket: Socket
  /** Waits until the server has sent this text. */
  readonly receive: (text: string) => Effect.Effect<void>
  /** Waits until the connection is closed. */
  readonly awaitClose: Effect.Effect<void>
}

const connectCaller = Effect.gen(function* () {
  const { port } = new URL(yield* origin)
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(Number(port), "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => resume(Effect.die("no server listens")))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  let received = ""
  const made: Caller = {
    socket,
    receive: (text) =>
      Effect.callback((resume) => {
        const look = () => {
          if (received.includes(text)) resume(Effect.void)
        }
        socket.on("data", look)
        look()
      }),
    awaitClose: Effect.callback((resume) => {
      if (socket.closed) resume(Effect.void)
      socket.once("close", () => resume(Effect.void))
    })
  }
  socket.on("data", (chunk) => {
    received += chunk
  })
  return made
})

/** Sends the head of a request with a body of `length` bytes, and waits until the server reads the body. */
const sendHead = Effect.fnUntraced(function* ({ receive, socket }: Caller, token: string, length: number) {
  const lines = Object.entries({ ...headers(token), host: "client.test", "content-length": length })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  socket.write(`POST /ciba HTTP/1.1\r\n${head}expect: 100-continue\r\n\r\n`)
  yield* receive("100 Continue")
})

it.live("receives notifications at its path alone, and responds with no redirect (K1, K4, K5, T-20)", () =>
  Effect.gen(function* () {
    yield* expectPing("token")
    const responses: Array<readonly [path: string, status: number, location: string | null, text: string]> = []
    for (const path of ["/ciba", "/ciba/", "/", "/cib", "/ciba/more"]) {
      const response = yield* call("token", {}, path)
      const text = yield* Effect.promise(() => response.text())
      responses.push([path, response.status, response.headers.get("location"), text])
    }
    expect(responses).toEqual([
      ["/ciba", 204, null, ""],
      ["/ciba/", 204, null, ""],
      ["/", 404, null, ""],
      ["/cib", 404, null, ""],
      ["/ciba/more", 404, null, ""]
    ])
    expect((yield* call("token", { method: "GET", body: null })).status).toBe(405)
    expect((yield* call("another")).status).toBe(401)
  }).pipe(Effect.provide(layer()))
)

it.live("responds to two hundred notifications at the same time (K4, K9)", () =>
  Effect.gen(function* () {
    const tokens = Array.from({ length: 100 }, (_, index) => `token-${index}`)
    yield* Effect.forEach(tokens, expectPing)
    const responses = yield* Effect.forEach([...tokens, ...tokens], (token) => call(token), {
      concurrency: "unbounded"
    })
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, () => 204))
  }).pipe(Effect.provide(layer()))
)

it.live("refuses a body beyond the limit, with Content-Length or without, and serves the next request (K17)", () =>
  Effect.gen(function* () {
    yield* expectPing("token")
    const large = `{"auth_req_id":"${"x".repeat(2000)}"}`
    expect((yield* call("token", { body: large })).status).toBe(413)
    const streamed = { body: new Blob([large]).stream(), duplex: "half" }
    expect((yield* call("token", streamed)).status).toBe(413)
    expect((yield* call("token")).status).toBe(204)
  }).pipe(Effect.provide(layer({ maxBodySize: 1000 })))
)

it.effect("responds with 408 to a body that comes at a byte a second (K17)", () =>
  Effect.gen(function* () {
    yield* expectPing("token")
    const slow = yield* connectCaller
    yield* sendHead(slow, "token", 1_000_000)
    const drip = Effect.sync(() => slow.socket.write("{")).pipe(
      Effect.andThen(TestClock.adjust("1 second")),
      Effect.andThen(Effect.promise(() => new Promise(setImmediate)))
    )
    yield* Effect.raceFirst(slow.receive("HTTP/1.1 408 "), Effect.forever(drip))
    expect((yield* call("token")).status).toBe(204)
  }).pipe(Effect.provide(layer()))
)

/** A server, and the effect that stops it. */
const start = Effect.fnUntraced(function* (options?: Partial<NodeNotificationServer.Options>) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(layer(options), scope)
  return { context, stop: Scope.close(scope, Exit.void) }
})

it.live("responds to a request in progress when it stops, ends that connection, and accepts no other", () =>
  Effect.gen(function* () {
    const { context, stop } = yield* start()
    yield* Effect.gen(function* () {
      yield* expectPing("token")
      const first = yield* connectCaller
      yield* sendHead(first, "token", body.length)
      const stopping = yield* Effect.forkChild(stop)
      yield* Effect.yieldNow
      expect(yield* Effect.exit(connectCaller)).toEqual(Exit.die("no server listens"))
      expect(stopping.pollUnsafe()).toBeUndefined()
      first.socket.write(body)
      yield* first.receive("HTTP/1.1 204 ")
      yield* first.awaitClose
      expect(Exit.isSuccess(yield* Fiber.await(stopping))).toBe(true)
    }).pipe(Effect.provide(context))
  })
)

it.effect("stops at once while connections are open on which no request is in progress (K17, K21)", () =>
  Effect.gen(function* () {
    const { context, stop } = yield* start()
    const callers = yield* Effect.gen(function* () {
      yield* expectPing("token")
      const [mute, head, done] = [yield* connectCaller, yield* connectCaller, yield* connectCaller]
      head.socket.write("POST /ci")
      yield* sendHead(done, "token", body.length)
      done.socket.write(body)
      yield* done.receive("HTTP/1.1 204 ")
      return [mute, head, done]
    }).pipe(Effect.provide(context))
    // The clock stands still: no timeout ends the stop.
    yield* stop
    yield* Effect.forEach(callers, ({ awaitClose }) => awaitClose)
    expect(callers.map(({ socket }) => socket.closed)).toEqual([true, true, true])
  })
)

it.effect("stops at once while a connection is open that has not begun the TLS handshake (K17, K21)", () =>
  Effect.gen(function* () {
    const tls = { certificate: "", privateKey: Redacted.make("") }
    const { context, stop } = yield* start({ tls })
    const { awaitClose, socket } = yield* Effect.provide(connectCaller, context)
    yield* stop
    yield* awaitClose
    expect(socket.closed).toBe(true)
  })
)

it.live("destroys a connection with half a body after the timeout of the stop (K17)", () =>
  Effect.gen(function* () {
    const { context, stop } = yield* start({ shutdownTimeout: "50 millis" })
    const { awaitClose, socket } = yield* Effect.gen(function* () {
      yield* expectPing("token")
      const caller = yield* connectCaller
      yield* sendHead(caller, "token", 100)
      return caller
    }).pipe(Effect.provide(context))
    yield* stop
    yield* awaitClose
    expect(socket.closed).toBe(true)
  })
)

it.live("responds to a request to upgrade, and closes the connection", () =>
  Effect.gen(function* () {
    const { awaitClose, receive, socket } = yield* connectCaller
    socket.write("GET /ciba HTTP/1.1\r\nhost: client.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    yield* receive("HTTP/1.1 ")
    yield* awaitClose
    expect(socket.closed).toBe(true)
  }).pipe(Effect.provide(layer()))
)

it.live("fails with a ServeError if its certificate is not PEM", () =>
  Effect.gen(function* () {
    const tls = { certificate: "no PEM", privateKey: Redacted.make("marker-key") }
    const error = yield* Effect.flip(Layer.build(layer({ tls })))
    expect(error._tag).toBe("ServeError")
    expect(String(error.cause)).not.toContain("marker-key")
  }).pipe(Effect.scoped)
)

it.live("does not start without clientAuthorities under a profile that requires the provider's certificate (K19)", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Layer.build(layer({ profile: SecurityProfile.openFinanceBrasil })))
    expect(error).toMatchObject({ _tag: "ProfileViolation", parameter: "tls.clientAuthorities" })
  }).pipe(Effect.scoped)
)

it.live("fails with an InvalidOption if maxBodySize is not a whole number of bytes above zero (K17)", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Layer.build(layer({ maxBodySize: Number.POSITIVE_INFINITY })))
    expect(error).toMatchObject({ _tag: "InvalidOption", option: "maxBodySize" })
  }).pipe(Effect.scoped)
)

it.live("fails with a ServeError if its port is in use", () =>
  Effect.gen(function* () {
    const { port } = new URL(yield* origin)
    const error = yield* Effect.flip(Layer.build(layer({ port: Number(port) })))
    expect(error._tag).toBe("ServeError")
    expect(Context.isContext(yield* Layer.build(layer()))).toBe(true)
  }).pipe(Effect.provide(layer()))
)

it.live("ends each connection with its response: the next notification opens another one (K21)", () =>
  Effect.gen(function* () {
    yield* expectPing("token")
    const response = yield* call("token")
    expect([response.status, response.headers.get("connection")]).toEqual([204, "close"])
  }).pipe(Effect.provide(layer()))
)
