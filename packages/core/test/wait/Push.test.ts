import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  Dpop,
  NotificationInbox,
  NotificationReceiver,
  type PendingAuthentication,
  PendingStore,
  type Poll,
  type TokenEndpoint,
  UserHint
} from "@effect-ciba/core"
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import { TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import type { JsonObject, ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Deferred, Effect, Fiber, type Layer as L, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import { dpopProof } from "../support/Jwt.ts"
import { advanceUntilDone } from "../support/TestTime.ts"

const client = TestClient.clientSecretBasic({
  notification: { deliveryMode: "push", url: "https://client.test/ciba" }
})

const pushed = Ciba.layer({
  deliveryMode: "push",
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
})

const flow = (provider: ProviderOptions = {}) =>
  pushed.pipe(
    Layer.provideMerge(NotificationInbox.layer),
    Layer.provideMerge(TestProvider.layer({ client, expiresIn: "2 minutes", refreshTokens: true, ...provider }))
  )

const ask = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

/** The provider calls with what was decided; what the client answers. */
const push = Effect.fnUntraced(function* (forge?: (body: JsonObject) => JsonObject) {
  const provider = yield* TestProvider.TestProvider
  const handle = yield* NotificationReceiver.toWebHandler()
  const request = yield* provider.notification({
    forge: (call) => (forge === undefined ? call : { ...call, body: forge(call.body) })
  })
  const { status } = yield* Effect.promise(() => handle(request))
  return status
})

const tokenRequests = TestProvider.TestProvider.use(({ polls }) => polls)

/** How a wait ends after one push. */
const ending = (forge?: (body: JsonObject) => JsonObject, isDoubted = false) =>
  Effect.gen(function* () {
    const provider = yield* TestProvider.TestProvider
    const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* ask)))
    yield* TestClock.adjust("3 seconds")
    yield* provider.approve()
    const status = yield* push(forge)
    if (isDoubted) yield* advanceUntilDone(wait, "30 seconds")
    const { reason } = yield* Fiber.join(wait)
    return { status, reason }
  })

describe("Push", () => {
  it.effect("refuses pushed tokens for other authorization details than the essential ones (O9)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* Ciba.initiate({
        scope: ["openid"],
        hint: UserHint.login("jo@example.com"),
        authorizationDetails: [{ type: "payment" }, { type: "account" }],
        essentialAuthorizationDetails: true
      })
      const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
      yield* TestClock.adjust("3 seconds")
      yield* provider.approve()
      expect(yield* push((body) => ({ ...body, authorization_details: [{ type: "account" }] }))).toBe(204)
      expect((yield* Fiber.join(wait)).reason).toMatchObject({
        _tag: "UnexpectedAuthorizationDetails",
        problem: "payment is not granted"
      })
    }).pipe(Effect.provide(flow()))
  )

  it.effect("verifies the tokens of a push without a token request (L3, L4, L9, L15)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.complete(yield* ask))
      yield* TestClock.adjust("3 seconds")
      yield* provider.approve()
      expect(yield* push()).toBe(204)
      const identity = yield* Fiber.join(wait)
      expect(identity.subject).toBe("jo")
      expect(Redacted.isRedacted(identity.refreshToken)).toBe(true)
      expect(yield* push()).toBe(204)
      expect(yield* tokenRequests).toEqual([])
    }).pipe(Effect.provide(flow()))
  )

  it.effect("accepts a push of a provider whose clock is an hour behind: its auth_req_id decides (J20)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 hours")
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.complete(yield* ask))
      yield* TestClock.adjust("3 seconds")
      yield* provider.approve()
      expect(yield* push()).toBe(204)
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
    }).pipe(Effect.provide(flow({ idTokenClaims: (honest) => ({ ...honest, iat: 3600 }) })))
  )

  it.effect("uses a push that has arrived also after the expiry (L17)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const asked = yield* ask
      yield* TestClock.adjust("50 seconds")
      yield* provider.approve()
      expect(yield* push()).toBe(204)
      yield* TestClock.adjust("100 seconds")
      expect((yield* Ciba.complete(asked)).subject).toBe("jo")
    }).pipe(Effect.provide(flow()))
  )

  for (const error of ["authorization_pending", "slow_down"]) {
    it.effect(
      `ends the authentication with a push of ${error}, which ends no wait: the response is not valid (L9)`,
      () =>
        Effect.gen(function* () {
          const provider = yield* TestProvider.TestProvider
          const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* ask)))
          yield* provider.approve()
          yield* TestClock.adjust("1 second")
          expect(yield* push(({ auth_req_id }) => ({ auth_req_id, error }))).toBe(204)
          const { reason } = yield* Fiber.join(wait)
          expect(reason._tag).toBe("InvalidTokenResponse")
          expect(reason.message).toContain(`its error is ${error}, with which no wait ends`)
        }).pipe(Effect.provide(flow()))
    )
  }

  it.effect("ends the authentication with a push that has only an unknown error code", () =>
    Effect.gen(function* () {
      const store = yield* PendingStore.PendingStore
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* ask)))
      yield* provider.approve()
      yield* TestClock.adjust("1 second")
      expect(yield* push(({ auth_req_id }) => ({ auth_req_id, error: "server_error" }))).toBe(204)
      expect((yield* Fiber.join(wait)).reason._tag).toBe("ServerError")
      expect(yield* store.all).toEqual([])
    }).pipe(Effect.provide(Layer.provideMerge(flow(), PendingStore.layerMemory)))
  )

  it.effect("delivers tokens that are bound to the DPoP key of the authentication request (L16)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.complete(yield* ask))
      yield* provider.approve()
      yield* TestClock.adjust("1 second")
      expect(yield* push()).toBe(204)
      const { accessToken, dpopKey, tokenType } = yield* Fiber.join(wait)
      expect(tokenType).toBe("DPoP")
      expect(dpopKey).toBeDefined()
      const { publicJwk } = yield* TestKeys.signing("ES256", "proof")
      expect(yield* provider.keyThumbprint(accessToken)).toBe(yield* JsonWebKey.thumbprint(publicJwk))
      const proofs = yield* Effect.forEach(yield* requestsTo("backchannel"), dpopProof)
      expect(proofs.map(({ claims }) => claims.nonce)).toEqual([undefined, "nonce-1"])
      expect(new Set(proofs.map(({ claims }) => claims.jti)).size).toBe(2)
    }).pipe(
      Effect.provide(
        flow({ dpop: { nonces: "lasting" } }).pipe(
          Layer.provide(Dpop.layer({ key: TestKeys.signing("ES256", "proof") }))
        )
      )
    )
  )

  it.effect("accepts a push with unknown members, and keeps them apart (L11)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Ciba.complete(yield* ask))
      yield* provider.approve()
      yield* TestClock.adjust("1 second")
      expect(yield* push((body) => ({ ...body, extra: { deep: 1 } }))).toBe(204)
      const { additional } = yield* Fiber.join(wait)
      expect(Redacted.value(additional)).toMatchObject({ extra: { deep: 1 } })
    }).pipe(Effect.provide(flow()))
  )

  for (const member of ["access_token", "id_token"]) {
    it.effect(`ends the wait with a push without ${member}, and discloses nothing (L3, L10)`, () =>
      Effect.gen(function* () {
        const { reason } = yield* ending(({ [member]: _, ...body }) => body)
        expect(reason._tag).toBe("InvalidTokenResponse")
      }).pipe(Effect.provide(flow()))
    )
  }

  const claims: ReadonlyArray<readonly [what: string, provider: ProviderOptions, claim: string]> = [
    ["no auth_req_id (L5, L18, T-16)", { idTokenClaims: without("auth_req_id") }, "auth_req_id"],
    ["another auth_req_id (L5)", { idTokenClaims: replaceClaim("auth_req_id", () => "another") }, "auth_req_id"],
    [
      "the hash of the auth_req_id (L5, T-16)",
      { idTokenClaims: replaceClaim("auth_req_id", () => "yjC0WzMiAKcIuP7X-j2JaQ") },
      "auth_req_id"
    ],
    ["no at_hash (L6)", { idTokenClaims: ({ at_hash: _, ...rest }) => rest }, "at_hash"],
    [
      "another at_hash (L6, L8)",
      { idTokenClaims: (all) => ({ ...all, at_hash: "Wt0kVFXMacqvnHeyU0001w" }) },
      "at_hash"
    ],
    ["no rt_hash beside a refresh token (L7, T-16)", { idTokenClaims: without("rt_hash") }, "rt_hash"],
    ["another rt_hash (L7, L8)", { idTokenClaims: replaceClaim("rt_hash", () => "sHahCuSpXCRg5mkDDvvr4w") }, "rt_hash"]
  ]
  for (const [what, provider, claim] of claims) {
    it.effect(`rejects a push whose ID Token has ${what}`, () =>
      Effect.gen(function* () {
        const { reason, status } = yield* ending()
        expect(status).toBe(204)
        expect({ ...reason }).toEqual({ _tag: "WrongBinding", claim })
      }).pipe(Effect.provide(flow(provider)))
    )
  }

  it.effect("rejects a push with other tokens than those whose hashes its ID Token has (L4, L6, L7)", () =>
    Effect.gen(function* () {
      const access = yield* ending((body) => ({ ...body, access_token: "another" }))
      expect({ ...access.reason }).toEqual({ _tag: "WrongBinding", claim: "at_hash" })
      const refresh = yield* ending((body) => ({ ...body, refresh_token: "another" }))
      expect({ ...refresh.reason }).toEqual({ _tag: "WrongBinding", claim: "rt_hash" })
    }).pipe(Effect.provide(flow()))
  )

  it.effect("rejects a push whose ID Token is signed with another key (L4)", () =>
    Effect.gen(function* () {
      const idTokenKey = yield* TestKeys.signing("RS256", "stranger")
      const { reason } = yield* Effect.provide(ending(undefined, true), flow({ idTokenKey, idTokenHeaderKeyId: null }))
      expect(reason._tag).toBe("InvalidSignature")
    })
  )

  it.effect("rejects a push whose ID Token is not signed (L4)", () =>
    Effect.gen(function* () {
      const { reason } = yield* ending((body) => ({
        ...body,
        id_token: `eyJhbGciOiJub25lIn0.${String(body.id_token).split(".")[1]}.`
      }))
      expect(reason._tag).toBe("UnexpectedAlgorithm")
    }).pipe(Effect.provide(flow()))
  )

  it.effect("ends the wait with the error of a push (L12, L13)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* ask)))
      yield* TestClock.adjust("3 seconds")
      yield* provider.deny()
      expect(yield* push()).toBe(204)
      expect((yield* Fiber.join(wait)).reason._tag).toBe("AccessDenied")
    }).pipe(Effect.provide(flow()))
  )

  for (const [error, tag] of [
    ["access_denied", "AccessDenied"],
    ["expired_token", "ExpiredToken"],
    ["transaction_failed", "TransactionFailed"],
    ["teapot", "Unrecognized"]
  ] as const) {
    it.effect(`ends the wait with ${tag} for a push of the error ${error} (L12, L13)`, () =>
      Effect.gen(function* () {
        const { reason, status } = yield* ending(({ auth_req_id }) => ({
          auth_req_id,
          error,
          error_description: "said the provider"
        }))
        expect(status).toBe(204)
        expect(reason._tag).toBe(tag)
      }).pipe(Effect.provide(flow()))
    )
  }

  it.effect(
    "refuses a push for another request, or with another client notification token, before it reads the tokens (L2)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const wait = yield* Effect.forkChild(Ciba.complete(yield* ask))
        yield* TestClock.adjust("3 seconds")
        yield* provider.approve()
        expect(yield* push((body) => ({ ...body, auth_req_id: "another" }))).toBe(401)
        const handle = yield* NotificationReceiver.toWebHandler()
        const forged = yield* provider.notification({ forge: (call) => ({ ...call, token: "a".repeat(27) }) })
        expect((yield* Effect.promise(() => handle(forged))).status).toBe(401)
        expect(wait.pollUnsafe()).toBeUndefined()
        expect(yield* push()).toBe(204)
        expect((yield* Fiber.join(wait)).subject).toBe("jo")
      }).pipe(Effect.provide(flow()))
  )

  it.effect(
    "stores a push that arrives before the acknowledgement after its pending authentication (K10, L1, T-17)",
    () =>
      Effect.gen(function* () {
        const keeping = yield* Deferred.make<void>()
        const kept = yield* Deferred.make<void>()
        const slowStore = Layer.effect(
          PendingStore.PendingStore,
          Effect.map(PendingStore.PendingStore, (store) => ({
            ...store,
            put: (pending: PendingAuthentication.PendingAuthentication) =>
              pending.received === undefined
                ? Deferred.succeed(keeping, undefined).pipe(
                    Effect.andThen(Deferred.await(kept)),
                    Effect.andThen(store.put(pending))
                  )
                : store.put(pending)
          }))
        ).pipe(Layer.provide(PendingStore.layerMemory))
        yield* Effect.gen(function* () {
          const provider = yield* TestProvider.TestProvider
          const asking = yield* Effect.forkChild(ask)
          yield* Deferred.await(keeping)
          yield* provider.approve()
          const handle = yield* NotificationReceiver.toWebHandler()
          const request = yield* provider.notification()
          const pushing = yield* Effect.forkChild(Effect.promise(() => handle(request)))
          yield* Effect.replicateEffect(
            Effect.promise(() => new Promise(setImmediate)),
            1000
          )
          expect(pushing.pollUnsafe()).toBeUndefined()
          yield* Deferred.succeed(kept, undefined)
          yield* Fiber.join(asking)
          expect((yield* Fiber.join(pushing)).status).toBe(204)
          const [stored] = yield* PendingStore.PendingStore.use((store) => store.all)
          expect(stored?.received && Redacted.value(stored.received.body)).toMatchObject({ token_type: "Bearer" })
        }).pipe(Effect.provide(flow().pipe(Layer.provideMerge(slowStore))))
      })
  )

  it.effect("ends the wait at the expiry by the client's own clock when no push arrives (L17)", () =>
    Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* ask)))
      yield* TestClock.adjust("119 seconds")
      expect(wait.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect({ ...(yield* Fiber.join(wait)).reason }).toEqual({ _tag: "ExpiredToken", local: true })
      expect(yield* tokenRequests).toEqual([])
    }).pipe(Effect.provide(flow()))
  )

  it("gives a push client no access to the CIBA grant in its types (H24, L15)", () => {
    type Provided = typeof pushed extends L.Layer<infer A, infer _E, infer _R> ? A : never
    expectTypeOf<Extract<Provided, TokenEndpoint.TokenEndpoint | Poll.Poll>>().toBeNever()
    expectTypeOf<Extract<Provided, Ciba.Ciba>>().toEqualTypeOf<Ciba.Ciba>()
  })
})

function without(name: string): (claims: JsonObject) => JsonObject {
  return ({ [`urn:openid:params:jwt:claim:${name}`]: _, ...rest }) => rest
}

function replaceClaim(name: string, value: () => string): (claims: JsonObject) => JsonObject {
  return (claims) => ({ ...claims, [`urn:openid:params:jwt:claim:${name}`]: value() })
}
