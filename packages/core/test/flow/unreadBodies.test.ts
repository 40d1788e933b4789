// Responses whose status is enough: their bodies, which may never end, are cancelled without being read.
import { expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery, DynamicRegistration, Transport, UserInfo } from "@effect-ciba/core"
import { Effect, Exit, Layer, Redacted } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

const issuer = "https://op.example"

const get = HttpClientRequest.get(issuer)

const registered = new DynamicRegistration.RegisteredClient({
  clientId: "c-1",
  registrationClientUri: `${issuer}/register/c-1`,
  registrationAccessToken: Redacted.make("r-1", { label: "registration_access_token" }),
  metadata: {},
  changed: []
})

const claims = Effect.gen(function* () {
  const transport = yield* Transport.Transport
  return yield* UserInfo.process(yield* transport.send(get), "jo")
})

type Pieces = Ciba.Services | DynamicRegistration.DynamicRegistration

const calls: ReadonlyArray<readonly [what: string, status: number, call: Effect.Effect<unknown, unknown, Pieces>]> = [
  ["a redirect", 302, Transport.Transport.use(({ send }) => send(get))],
  ["metadata that cannot be had", 500, Discovery.metadata],
  [
    "a registration that is not shown",
    401,
    DynamicRegistration.DynamicRegistration.use(({ read }) => read(registered))
  ],
  ["a registration that is gone", 200, DynamicRegistration.DynamicRegistration.use(({ remove }) => remove(registered))],
  ["UserInfo claims that are refused", 401, claims],
  ["UserInfo claims that are unavailable", 500, claims]
]

/** A client whose responses have a body that never ends, and whether it was aborted. */
const endless = (status: number) => {
  const seen = { chunks: 0, isAborted: false }
  const client = HttpClient.make((request, _url, signal) =>
    Effect.sync(() => {
      signal.addEventListener("abort", () => {
        seen.isAborted = true
      })
      const body = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            seen.chunks += 1
            controller.enqueue(new Uint8Array(1000))
          }
        },
        { highWaterMark: 0 }
      )
      return HttpClientResponse.fromWeb(request, new Response(body, { status }))
    })
  )
  const layer = DynamicRegistration.layer().pipe(
    Layer.provideMerge(
      Ciba.layer({
        issuer,
        clientId: "c-1",
        authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s"))
      })
    ),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
  return { seen, layer }
}

for (const [what, status, call] of calls) {
  it.effect(`the body of ${what} is cancelled at once (C20)`, () =>
    Effect.gen(function* () {
      const { layer, seen } = endless(status)
      const exit = yield* Effect.exit(Effect.provide(call, layer))
      expect(Exit.isSuccess(exit)).toBe(status === 200)
      expect(seen).toEqual({ chunks: 0, isAborted: true })
    })
  )
}

it.effect("a response whose body was already read fails like any other", () =>
  Effect.gen(function* () {
    const web = new Response("no more", { status: 401 })
    const response = HttpClientResponse.fromWeb(get, web)
    const reader = web.body?.getReader()
    yield* Effect.promise(() => reader?.read() ?? Promise.resolve(undefined))
    const error = yield* Effect.flip(UserInfo.process(response, "jo"))
    expect(error.reason._tag).toBe("Unrecognized")
  }).pipe(Effect.provide(endless(200).layer))
)
