import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, PendingStore, SigningKey } from "@effect-ciba/core"
import { TestClient } from "@effect-ciba/testing"
import { Effect, Fiber, Layer, Schema, SchemaAST } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { hint } from "../support/AuthenticationFlow.ts"
import { storeOverKeyValue } from "../support/ProcessRestarts.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"
import { awaitCrypto } from "../support/TestTime.ts"

const issuer = "https://provider.test"

const documents: Readonly<Record<string, unknown>> = {
  "/.well-known/openid-configuration": {
    issuer,
    token_endpoint: `${issuer}/token`,
    backchannel_authentication_endpoint: `${issuer}/backchannel`,
    jwks_uri: `${issuer}/jwks`,
    backchannel_token_delivery_modes_supported: ["poll"]
  },
  "/jwks": publishedKeys,
  "/backchannel": { auth_req_id: "request", expires_in: 3600, interval: 5 }
}

/** A provider whose end-user never decides, and the number of polls. */
const makeProvider = () => {
  const counted = { polls: 0 }
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      const document = documents[url.pathname]
      if (document !== undefined) return HttpClientResponse.fromWeb(request, Response.json(document))
      counted.polls += 1
      return HttpClientResponse.fromWeb(request, Response.json({ error: "authorization_pending" }, { status: 400 }))
    })
  )
  return { counted, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

/** Counts the schemas that are compiled or derived: Effect keeps each result in a weak map by the schema's AST. */
const countSchemas = () => {
  const counted = { built: 0 }
  const { set } = WeakMap.prototype
  vi.spyOn(WeakMap.prototype, "set").mockImplementation(function (this: WeakMap<WeakKey, unknown>, key, value) {
    if (SchemaAST.isAST(key)) counted.built += 1
    return Reflect.apply(set, this, [key, value])
  })
  return counted
}

const signing = Effect.map(SigningKey.generate("ES256"), (key) => ({
  authentication: ClientAuthentication.privateKeyJwt(key),
  keys: Layer.orDie(Dpop.layer({ key }))
}))

const clients = {
  "with a secret": Effect.succeed({
    authentication: Effect.succeed(ClientAuthentication.clientSecretBasic(TestClient.secret)),
    keys: Layer.empty
  }),
  "with assertions, proofs and a store in memory": Effect.map(signing, ({ authentication, keys }) => ({
    authentication,
    keys: Layer.merge(keys, PendingStore.layerMemory)
  })),
  "with assertions, proofs and a sealed store": Effect.map(signing, ({ authentication, keys }) => ({
    authentication,
    keys: Layer.merge(keys, storeOverKeyValue)
  }))
}

describe("the schemas of a wait", () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  for (const [what, make] of Object.entries(clients)) {
    it.effect(`are built by its first polls: no later poll builds one, ${what}`, () =>
      Effect.gen(function* () {
        const { authentication, keys } = yield* make
        const { counted, layer } = makeProvider()
        const client = Ciba.layer({ issuer, clientId: TestClient.clientId, authentication: yield* authentication })
        const advancePoll = Effect.andThen(TestClock.adjust("5 seconds"), Effect.repeat(awaitCrypto, { times: 5 }))
        yield* Effect.gen(function* () {
          const wait = yield* Effect.forkChild(Effect.exit(Ciba.authenticate({ scope: ["openid"], hint })))
          yield* awaitCrypto
          yield* Effect.repeat(advancePoll, { times: 4 })
          const before = counted.polls
          const schemas = countSchemas()
          yield* Effect.repeat(advancePoll, { times: 10 })
          expect(counted.polls - before).toBeGreaterThan(5)
          expect(schemas.built).toBe(0)
          yield* Fiber.interrupt(wait)
        }).pipe(Effect.provide(client.pipe(Layer.provide(keys), Layer.provide(layer)), { local: true }))
      })
    )
  }

  it("are counted if they are built: a decoder for each call would show", () => {
    const schemas = countSchemas()
    const decode = () => Schema.decodeUnknownOption(Schema.Struct({ error: Schema.String }))({ error: "a" })
    decode()
    const first = schemas.built
    decode()
    expect(first).toBeGreaterThan(0)
    expect(schemas.built).toBe(2 * first)
  })
})
