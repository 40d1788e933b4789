import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@effect-ciba/core"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import { type Duration, Effect, Fiber, Layer, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as TransportError from "../../src/http/TransportError.ts"

const url = "https://provider.test/jwks"

const call = Transport.Transport.use(({ json, send }) => Effect.flatMap(send(HttpClientRequest.get(url)), json))

/** The bytes of a JSON document that is a text. */
const text = (value: string): Uint8Array => new TextEncoder().encode(`"${value}"`)

/** A client of a server that sends a text, with something done to its responses. */
const clientOf = (wrap: (response: HttpClientResponse.HttpClientResponse) => HttpClientResponse.HttpClientResponse) =>
  HttpClient.transformResponse(
    HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, Response.json("streamed")))),
    Effect.map(wrap)
  )

/** A transport to a provider that sends this response. */
const over = (response: ProviderScript.Step, limits?: Transport.Options) =>
  Transport.layer(limits).pipe(
    Layer.orDie,
    Layer.provideMerge(TestProvider.layer({ keysScript: ProviderScript.make([response]) }))
  )

/** A transport to a server whose body comes in chunks, a hundred at most; counts the chunks, and sees a cancellation. */
const makeServer = (
  pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
  headers: Record<string, string> = {}
) => {
  const seen = { chunks: 0, cancelled: false }
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        seen.chunks += 1
        if (seen.chunks > 100) controller.error(new Error("nothing limits the body"))
        else pull(controller)
      },
      cancel: () => {
        seen.cancelled = true
      }
    },
    { highWaterMark: 0 }
  )
  const client = HttpClient.make((request) =>
    Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { headers })))
  )
  return {
    seen,
    layer: Transport.layer({ maxResponseSize: 1000 }).pipe(
      Layer.orDie,
      Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
    )
  }
}

describe("Transport.json limits the size of a response", () => {
  /** A JSON document with this number of bytes. */
  const document = (bytes: number) => ProviderScript.json(200, "x".repeat(bytes - 2))

  for (const [what, limit, options] of [
    ["of 1 MiB by default", 1_048_576, undefined],
    ["of maxResponseSize", 1000, { maxResponseSize: 1000 }]
  ] as const) {
    it.effect(`reads a response ${what}, and refuses one byte more`, () =>
      Effect.gen(function* () {
        const { body } = yield* Effect.provide(call, over(document(limit), options))
        assert.strictEqual(body, "x".repeat(limit - 2))
        assert.deepStrictEqual(
          yield* Effect.flip(Effect.provide(call, over(document(limit + 1), options))),
          new TransportError.TransportError({ kind: "TooLarge", method: "GET", url, status: 200 })
        )
      })
    )
  }

  it.effect("counts the bytes of a response, not its characters", () =>
    Effect.gen(function* () {
      const characters = ProviderScript.json(200, "ü".repeat(8))
      const { body } = yield* Effect.provide(call, over(characters, { maxResponseSize: 18 }))
      assert.strictEqual(body, "ü".repeat(8))
      const fault = yield* Effect.flip(Effect.provide(call, over(characters, { maxResponseSize: 17 })))
      assert.strictEqual(fault.kind, "TooLarge")
    })
  )

  for (const [what, headers] of [
    ["no length", {}],
    ["a length above the limit", { "content-length": "1001" }],
    ["a length that it does not keep", { "content-length": "100" }],
    ["an encoding with the length that it does not keep", { "content-encoding": "identity", "content-length": "7" }],
    ["a length that is not a number", { "content-length": "1e2" }],
    ["the length of an encoded body", { "content-length": "100", "content-encoding": "gzip" }],
    ["a length that its transfer coding overrides", { "content-length": "100", "transfer-encoding": "chunked" }]
  ] as const) {
    it.effect(`cancels an endless body at the limit when its headers declare ${what} (U14)`, () =>
      Effect.gen(function* () {
        const { layer, seen } = makeServer((controller) => controller.enqueue(new Uint8Array(300)), headers)
        const fault = yield* Effect.flip(Effect.provide(call, layer))
        assert.strictEqual(fault.kind, "TooLarge")
        assert.deepStrictEqual(seen, { chunks: 4, cancelled: true })
      })
    )
  }

  for (const [what, collected, expected] of [
    ["the bytes that its client has collected", text("collected"), "collected"],
    ["no bytes, where the client says that they are too many", "TooLarge", "TooLarge"],
    ["no bytes, where the client says that the body broke off", "Unreadable", "Unreadable"],
    ["no bytes where the client has collected more than this transport reads", text("x".repeat(999)), "TooLarge"],
    ["its stream, where what the client has collected are no bytes", "collected", "streamed"]
  ] as const) {
    it.effect(`reads ${what} (U14)`, () =>
      Effect.gen(function* () {
        const client = clientOf((response) =>
          Object.defineProperty(response, Transport.CollectedBody, { value: collected })
        )
        const outcome = yield* Transport.Transport.use(({ exchange }) => exchange(HttpClientRequest.get(url))).pipe(
          Effect.match({ onFailure: ({ kind }) => kind, onSuccess: ({ body }) => body }),
          Effect.provide(Transport.layer({ maxResponseSize: 1000 })),
          Effect.provideService(HttpClient.HttpClient, client)
        )
        assert.strictEqual(outcome, expected)
      })
    )
  }

  it.effect("tells a client the limit of a body that will be read at once, and of no other (U14)", () =>
    Effect.gen(function* () {
      const limits: Array<number | undefined> = []
      const client = HttpClient.make((request) =>
        Effect.map(Transport.BodyLimit, (limit) => {
          limits.push(limit)
          return HttpClientResponse.fromWeb(request, Response.json(1))
        })
      )
      const request = HttpClientRequest.get(url)
      yield* Transport.Transport.use(({ exchange, send }) => Effect.andThen(exchange(request), send(request))).pipe(
        // A handler of a request may call another provider.
        Effect.provideService(Transport.BodyLimit, 7),
        Effect.provide(Transport.layer({ maxResponseSize: 1000 })),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.deepStrictEqual(limits, [1000, undefined])
    })
  )

  it.effect("does not wait for the cancellation of a body, which may never settle (U14)", () =>
    Effect.gen(function* () {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(300)),
        cancel: () => new Promise(() => {})
      })
      const client = HttpClient.make((request) =>
        Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body)))
      )
      const layer = Transport.layer({ maxResponseSize: 1000 }).pipe(
        Layer.orDie,
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
      )
      assert.strictEqual((yield* Effect.flip(Effect.provide(call, layer))).kind, "TooLarge")
    })
  )

  const decoded = { value: Stream.encodeText(Stream.succeed('"decoded"')) }

  it.effect("reads the stream that a wrapper has given to a response whose body was collected (U14)", () =>
    Effect.gen(function* () {
      const client = clientOf((response) => {
        Object.defineProperty(response, Transport.CollectedBody, { value: text("collected") })
        return Object.create(response, { stream: decoded })
      })
      const { body } = yield* Transport.Transport.use(({ exchange }) => exchange(HttpClientRequest.get(url))).pipe(
        Effect.provide(Transport.layer()),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(body, "decoded")
    })
  )

  for (const [what, wrap] of [
    ["made from it", (response: HttpClientResponse.HttpClientResponse) => Object.create(response, { stream: decoded })],
    ["itself", (response: HttpClientResponse.HttpClientResponse) => Object.defineProperty(response, "stream", decoded)]
  ] as const) {
    it.effect(`reads the stream that a wrapper has given to a response ${what}, and not what it wraps (U14)`, () =>
      Effect.gen(function* () {
        const { body } = yield* call.pipe(
          Effect.provide(Transport.layer()),
          Effect.provideService(HttpClient.HttpClient, clientOf(wrap))
        )
        assert.strictEqual(body, "decoded")
      })
    )
  }

  it.effect("counts the stream of a response that is not the web's, and cancels it at the limit (U14)", () =>
    Effect.gen(function* () {
      const seen = { chunks: 0, cancelled: false }
      const endless = Stream.fromEffectRepeat(
        Effect.sync(() => {
          seen.chunks += 1
          return new Uint8Array(300)
        })
      ).pipe(
        Stream.ensuring(
          Effect.sync(() => {
            seen.cancelled = true
          })
        )
      )
      const client = HttpClient.make((request) => {
        const response = HttpClientResponse.fromWeb(request, new Response(null, { headers: { "content-length": "9" } }))
        return Effect.succeed(Object.defineProperty(response, "stream", { value: endless }))
      })
      const fault = yield* Effect.flip(call).pipe(
        Effect.provide(Transport.layer({ maxResponseSize: 1000 })),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(fault.kind, "TooLarge")
      assert.deepStrictEqual(seen, { chunks: 4, cancelled: true })
    })
  )

  it.effect("fails for a body whose chunks are no bytes, as a fetch of one's own may give them", () =>
    Effect.gen(function* () {
      const fetch = async (): Promise<Response> =>
        new Response(new ReadableStream({ start: (controller) => controller.enqueue(null) }))
      const fault = yield* Effect.flip(call).pipe(
        Effect.provide(Transport.layer()),
        Effect.provide(Layer.provide(FetchHttpClient.layer, Layer.succeed(FetchHttpClient.Fetch, fetch)))
      )
      assert.strictEqual(fault.kind, "Unreadable")
    })
  )

  it.effect("fails for a body that has been read already", () =>
    Effect.gen(function* () {
      const client = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(1))))
      const fault = yield* Transport.Transport.use(({ send, text }) =>
        Effect.flatMap(send(HttpClientRequest.get(url)), (response) =>
          Effect.andThen(response.text, Effect.flip(text(response)))
        )
      ).pipe(Effect.provide(Transport.layer()), Effect.provideService(HttpClient.HttpClient, client))
      assert.strictEqual(fault.kind, "Unreadable")
    })
  )

  it.effect("fails for a body that another reader has begun with", () =>
    Effect.gen(function* () {
      const web = Response.json(1)
      const reader = web.body?.getReader()
      const client = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, web)))
      const fault = yield* Effect.flip(call).pipe(
        Effect.provide(Transport.layer()),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(fault.kind, "Unreadable")
      reader?.releaseLock()
    })
  )

  it.effect("reads a body that comes byte by byte, and refuses one that is too large (U14)", () =>
    Effect.gen(function* () {
      for (const [length, expected] of [
        [2999, "x".repeat(2997)],
        [3001, "TooLarge"]
      ] as const) {
        const bytes = text("x".repeat(length - 2))
        let sent = 0
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            controller.enqueue(bytes.subarray(sent, ++sent))
            if (sent === length) controller.close()
          }
        })
        const client = HttpClient.make((request) =>
          Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body)))
        )
        const outcome = yield* call.pipe(
          Effect.match({ onFailure: ({ kind }) => kind, onSuccess: ({ body }) => body }),
          Effect.provide(Transport.layer({ maxResponseSize: 3000 })),
          Effect.provideService(HttpClient.HttpClient, client)
        )
        assert.strictEqual(outcome, expected)
      }
    })
  )

  for (const lengths of [[], [3], [1, 4], [2, 3, 4]]) {
    it.effect(`reads a body that comes in ${lengths.length + 1} chunks, between the bytes of a character, too`, () =>
      Effect.gen(function* () {
        const text = new TextEncoder().encode('"üß€"')
        const chunks = [...lengths, text.length].map((end, index) => text.slice(lengths[index - 1] ?? 0, end))
        const { layer } = makeServer((controller) => {
          const chunk = chunks.shift()
          if (chunk === undefined) controller.close()
          else controller.enqueue(chunk)
        })
        assert.strictEqual((yield* Effect.provide(call, layer)).body, "üß€")
      })
    )
  }

  it.effect("reads a body with a declared length within the limit", () =>
    Effect.gen(function* () {
      const text = new TextEncoder().encode('{"a":1}')
      const { layer } = makeServer(
        (controller) => {
          controller.enqueue(text)
          controller.close()
        },
        { "content-length": String(text.byteLength) }
      )
      assert.deepStrictEqual((yield* Effect.provide(call, layer)).body, { a: 1 })
    })
  )
})

describe("Transport.make refuses an option that cannot be used", () => {
  for (const [option, value] of [
    ["requestTimeout", 0],
    ["requestTimeout", -1],
    ["requestTimeout", Number.NaN],
    ["requestTimeout", Number.POSITIVE_INFINITY],
    ["requestTimeout", "-2 seconds"],
    ["maxResponseSize", 0],
    ["maxResponseSize", -1],
    ["maxResponseSize", 1.5],
    ["maxResponseSize", Number.NaN],
    ["maxResponseSize", Number.POSITIVE_INFINITY]
  ] as const) {
    it.effect(`refuses ${option}: ${value}, and names the option`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(Transport.make({ [option]: value }), FetchHttpClient.layer))
        assert.deepStrictEqual([error._tag, error.option], ["InvalidOption", option])
        assert.include(error.message, option)
        assert.match(error.message, /it has to be a (finite duration|whole number of bytes) above zero/)
      })
    )
  }
})

describe("Transport limits the time of a request", () => {
  /** The call after that time, whether it has ended, and how many requests were aborted. */
  const after = Effect.fnUntraced(function* (time: Duration.Input) {
    const running = yield* Effect.forkChild(Effect.exit(Effect.flip(call)))
    yield* TestClock.adjust(time)
    const aborted = yield* TestProvider.TestProvider.use((provider) => provider.aborted)
    return { running, over: running.pollUnsafe() !== undefined, aborted }
  })

  const timedOut = new TransportError.TransportError({ kind: "TimedOut", method: "GET", url })

  for (const [what, limit, options] of [
    ["35 seconds by default", 35_000, undefined],
    ["requestTimeout", 2_000, { requestTimeout: "2 seconds" }]
  ] as const) {
    it.effect(`aborts a request after ${what}`, () =>
      Effect.gen(function* () {
        const { aborted, over: early, running } = yield* after(limit - 1)
        assert.deepStrictEqual([early, aborted], [false, 0])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* yield* Fiber.join(running), timedOut)
        assert.strictEqual(yield* TestProvider.TestProvider.use((provider) => provider.aborted), 1)
      }).pipe(Effect.provide(over(ProviderScript.hang, options)))
    )
  }

  it.effect("waits for a response that the provider holds for 30 seconds (H5, T-32)", () =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(call)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual((yield* Fiber.join(running)).body, "late")
    }).pipe(Effect.provide(over(ProviderScript.delay("30 seconds", ProviderScript.json(200, "late")))))
  )

  it.effect("cancels a body that stops arriving when the time is over", () => {
    const { layer, seen } = makeServer((controller) => {
      if (seen.chunks === 1) controller.enqueue(new Uint8Array(3))
    })
    return Effect.gen(function* () {
      const running = yield* Effect.forkChild(Effect.flip(call))
      yield* Effect.whileLoop({ while: () => seen.chunks < 2, body: () => Effect.yieldNow, step: () => undefined })
      yield* TestClock.adjust("34999 millis")
      assert.deepStrictEqual([running.pollUnsafe(), seen.cancelled], [undefined, false])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(running), timedOut)
      assert.isTrue(seen.cancelled)
    }).pipe(Effect.provide(layer))
  })

  it.effect("aborts a request at once when the caller is interrupted", () =>
    Effect.gen(function* () {
      const { running } = yield* after(1)
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* TestProvider.TestProvider.use((provider) => provider.aborted), 1)
    }).pipe(Effect.provide(over(ProviderScript.hang)))
  )
})
