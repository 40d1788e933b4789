// What can be known beforehand is found out before the end-user is contacted.
import { describe, expect, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  IdTokenDecryption,
  NotificationInbox,
  type Poll,
  SigningKey
} from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Exit, Layer } from "effect"
import { Base64Url } from "effect/encoding"
import { TestClock } from "effect/testing"
import { type AnyModeOptions, cibaLayer, hint, requestsTo, withMetadata } from "../support/AuthenticationFlow.ts"

const request = { scope: ["openid"], hint }

/** A key, and the same with a point that is not on its curve. */
const es256Keys = Effect.map(SigningKey.generate("ES256"), ({ publicJwk }) => ({
  good: publicJwk,
  broken: { ...publicJwk, x: publicJwk.y, y: publicJwk.x }
}))

const decryption = IdTokenDecryption.layer({
  secret: TestClient.secret,
  keyAlgorithm: "dir",
  contentAlgorithm: "A128GCM"
})

/** Why a request is not sent; fails if it is. */
const refusalOf = (provider: ProviderOptions, options?: Partial<AnyModeOptions>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Ciba.initiate(request))
    expect(yield* requestsTo("backchannel")).toEqual([])
    return error
  }).pipe(Effect.provide(cibaLayer(provider, options)))

describe("a provider with which the flow cannot end well", () => {
  it.effect("is refused if it signs ID Tokens with other algorithms, which are named (B12)", () =>
    Effect.gen(function* () {
      const error = yield* refusalOf(withMetadata({ id_token_signing_alg_values_supported: ["ES256", "EdDSA"] }))
      expect(error.reason).toMatchObject({ _tag: "Unsupported", feature: "ID Tokens signed with RS256" })
      expect(error.message).toContain("ES256, EdDSA")
    })
  )

  for (const [listed, feature] of [
    [{ id_token_encryption_alg_values_supported: ["RSA-OAEP"] }, "ID Tokens encrypted with dir"],
    [{ id_token_encryption_enc_values_supported: ["A256GCM"] }, "ID Tokens encrypted with A128GCM"]
  ] as const) {
    it.effect(`is refused if it does not encrypt as the client decrypts: ${feature} (B12)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Ciba.initiate(request))
        expect(error.reason).toMatchObject({ _tag: "Unsupported", feature })
        expect(yield* requestsTo("backchannel")).toEqual([])
      }).pipe(Effect.provide(Layer.provide(cibaLayer(withMetadata(listed)), decryption)))
    )
  }

  it.effect("is asked if it lists the client's algorithms of encryption, or none (B12)", () =>
    Effect.gen(function* () {
      for (const listed of [[], ["RSA-OAEP", "dir"]]) {
        const provider = withMetadata({ id_token_encryption_alg_values_supported: listed })
        yield* Effect.gen(function* () {
          yield* Ciba.initiate(request)
          expect(yield* requestsTo("backchannel")).toHaveLength(1)
        }).pipe(Effect.provide(Layer.provide(cibaLayer(provider), decryption)))
      }
    })
  )

  it.effect("is refused if it publishes no key for the algorithm (B12)", () =>
    Effect.gen(function* () {
      const error = yield* refusalOf(withMetadata({ id_token_signing_alg_values_supported: undefined }), {
        idTokenSignedResponseAlg: "PS512"
      })
      expect(error.reason).toMatchObject({ _tag: "Unsupported", feature: "ID Tokens signed with PS512" })
      expect(error.message).toContain("idTokenSignedResponseAlg")
    })
  )

  it.effect("is refused if its RSA key is too short, and the error says how long one has to be (A18, B12)", () =>
    Effect.gen(function* () {
      const short = { kty: "RSA", e: "AQAB", n: Base64Url.encode(new Uint8Array(128).fill(0xc1)) }
      const error = yield* refusalOf({ keys: () => ({ keys: [short] }) })
      expect(error.reason).toMatchObject({ _tag: "Unsupported", feature: "ID Tokens signed with RS256" })
      expect(error.message).toContain("2048 to 8192 bits")
    })
  )

  for (const [what, members] of [
    ["encryption", { use: "enc" }],
    ["wrapping other keys", { key_ops: ["wrapKey", "unwrapKey"] }]
  ] as const) {
    it.effect(`is refused if its key is for ${what} alone (A17, B12)`, () =>
      Effect.gen(function* () {
        const keys: ProviderOptions["keys"] = (document) => ({
          keys: document.keys.map(({ alg: _alg, use: _use, ...key }) => ({ ...key, ...members }))
        })
        expect((yield* refusalOf({ keys })).reason).toMatchObject({ _tag: "Unsupported" })
      })
    )
  }

  for (const [what, members] of [
    ["a point that is not on its curve", { x: "AAAA" }],
    ["no second coordinate", { y: null }],
    ["a coordinate that is no text", { x: 17 }]
  ] as const) {
    it.effect(`is refused if its only key cannot be imported, for ${what} (B15)`, () =>
      Effect.gen(function* () {
        const { publicJwk } = yield* SigningKey.generate("ES256")
        const error = yield* refusalOf(
          {
            keys: () => ({ keys: [{ ...publicJwk, ...members }] }),
            ...withMetadata({ id_token_signing_alg_values_supported: undefined })
          },
          { idTokenSignedResponseAlg: "ES256" }
        )
        expect(error.reason).toMatchObject({ _tag: "Unsupported", feature: "ID Tokens signed with ES256" })
        expect(error.message).toContain("can be imported")
      })
    )
  }

  it.effect("is asked again for its keys, and the request is sent once a broken one is mended (B15)", () =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(Ciba.initiate(request))).reason).toMatchObject({ _tag: "Unsupported" })
      yield* TestClock.adjust("31 seconds")
      yield* Ciba.initiate(request)
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        Layer.unwrap(
          Effect.map(es256Keys, ({ broken, good }) => {
            let fetched = 0
            return cibaLayer(
              {
                ...withMetadata({ id_token_signing_alg_values_supported: undefined }),
                keys: () => {
                  fetched += 1
                  return { keys: [fetched === 1 ? broken : good] }
                }
              },
              { idTokenSignedResponseAlg: "ES256" }
            )
          })
        )
      )
    )
  )

  it.effect("is not refused for a broken key beside a good one (B15)", () =>
    Effect.gen(function* () {
      yield* Ciba.initiate(request)
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        Layer.unwrap(
          Effect.map(es256Keys, ({ broken, good }) =>
            cibaLayer(
              {
                ...withMetadata({ id_token_signing_alg_values_supported: undefined }),
                keys: () => ({ keys: [broken, good] })
              },
              { idTokenSignedResponseAlg: "ES256" }
            )
          )
        )
      )
    )
  )

  it.effect("is refused without a token endpoint (B12)", () =>
    Effect.gen(function* () {
      const error = yield* refusalOf(withMetadata({ token_endpoint: undefined }))
      expect(error.reason).toMatchObject({ _tag: "MissingEndpoint", endpoint: "token_endpoint" })
    })
  )

  it.effect("is refused with a token endpoint that is not https (B12)", () =>
    Effect.gen(function* () {
      const error = yield* refusalOf(withMetadata({ token_endpoint: "http://provider.test/token" }))
      expect(error.reason).toMatchObject({ _tag: "TransportError", kind: "InsecureUrl" })
    })
  )

  for (const url of [
    "https://",
    "https://provider.test:99999/token",
    "https://[/token",
    "https://pro vider/token",
    "https://user:password@provider.test/token"
  ]) {
    it.effect(`is refused with a token endpoint that nothing is sent to: ${url} (B12)`, () =>
      Effect.gen(function* () {
        const error = yield* refusalOf(withMetadata({ token_endpoint: url }))
        expect(error.reason).toMatchObject({ _tag: "TransportError", kind: "Unreachable" })
      })
    )
  }

  it.effect("needs no token endpoint for a push client", () =>
    Effect.gen(function* () {
      yield* Ciba.initiate(request)
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        cibaLayer(
          {
            ...withMetadata({ token_endpoint: undefined }),
            client: TestClient.clientSecretBasic({
              notification: { deliveryMode: "push", url: "https://client.test/ciba" }
            }),
            user: TestUser.ignore
          },
          { deliveryMode: "push" }
        )
      )
    )
  )
})

describe("a client that could not wait", () => {
  const polls: ReadonlyArray<readonly [option: string, poll: Poll.Options]> = [
    ["poll: header x-tenant", { headers: { "x-tenant": "a\r\nb" } }],
    ["poll: header x-tenant", { headers: { "x-tenant": "Ł" } }],
    ["poll: header x tenant", { headers: { "x tenant": "a" } }],
    ["poll: auth_req_id", { additionalParameters: [["auth_req_id", "another"]] }],
    ["poll: client_secret", { additionalParameters: [["client_secret", "another"]] }],
    ["poll: tenant", { additionalParameters: [["tenant", "\ud800"]] }],
    ["poll: resource", { resource: "not a URI" }],
    ["poll.pingFallback", { pingFallback: 0 }],
    ["poll.pingFallback", { pingFallback: Number.POSITIVE_INFINITY }]
  ]
  const clients: ReadonlyArray<readonly [option: string, options: Partial<AnyModeOptions>]> = [
    ...polls.map(([option, poll]) => [option, { poll }] as const),
    ["keys.lifetime", { keys: { lifetime: -1 } }],
    ["keys.coolDown", { keys: { coolDown: Number.POSITIVE_INFINITY } }],
    ["lifetime", { lifetime: Number.NaN }],
    ["requestTimeout", { requestTimeout: 0 }]
  ]
  for (const [option, options] of clients) {
    it.effect(`does not start with ${JSON.stringify(options)}, and names ${option} (B13)`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(cibaLayer({}, options))))
        const error = yield* Effect.flip(exit)
        expect(error).toMatchObject({ _tag: "InvalidOption", option })
        expect(Exit.isFailure(exit)).toBe(true)
      })
    )
  }

  it.effect("does not start in ping mode without an inbox, and says what to provide (B13)", () =>
    Effect.gen(function* () {
      const client = Ciba.layer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
        deliveryMode: "ping"
      }).pipe(Layer.provide(TestProvider.layer()))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(client)))
      expect(error).toMatchObject({ _tag: "InvalidOption", option: "deliveryMode" })
      expect(error.message).toContain("NotificationInbox.layer")
      yield* Effect.scoped(Layer.build(Layer.provide(client, NotificationInbox.layer)))
    })
  )
})
