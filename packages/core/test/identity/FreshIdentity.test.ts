import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type Ciba, Dpop, FreshIdentity, ProtectedResource, SigningKey, type VerifiedIdentity } from "@effect-ciba/core"
import { Data, DateTime, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { decodePart } from "../support/Jwt.ts"
import {
  json,
  makeIdentity,
  now,
  originalClaims,
  type Responder,
  refreshedClaims,
  refreshedTokens,
  respondWithKeys,
  scriptedProvider,
  setTestClock,
  signToken,
  text,
  tokensOf
} from "../support/ScriptedProvider.ts"

class StoreFull extends Data.TaggedError("StoreFull") {}

const respondNumbered = (number: number, more: object = {}) =>
  json(200, {
    ...refreshedTokens,
    access_token: `marker-access-${number}`,
    refresh_token: `marker-refresh-${number}`,
    ...more
  })

const refreshTokens = ({ forms }: ReturnType<typeof scriptedProvider>) => forms().map((form) => form.refresh_token)

/** A response that is sent after `open`; `arrived` waits for its request. */
const hold = Effect.fnUntraced(function* (responder: Responder) {
  const arrived = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  return {
    arrived: Deferred.await(arrived),
    open: Deferred.succeed(gate, undefined),
    responder: ((request) =>
      Deferred.succeed(arrived, undefined).pipe(
        Effect.andThen(Deferred.await(gate)),
        Effect.andThen(responder(request))
      )) satisfies Responder
  }
})

/** Lets every other fiber run until it waits. */
const settle = Effect.yieldNow.pipe(Effect.repeat({ times: 50 }))

describe("FreshIdentity.refresh", () => {
  it.effect("gives new tokens for the same end-user and approval after a refresh (Q1, Q4)", () =>
    Effect.gen(function* () {
      yield* setTestClock
      const server = scriptedProvider([respondNumbered(2, { device_secret: "marker-device" })])
      const old = makeIdentity()
      const next = yield* Effect.provide(FreshIdentity.refresh(old), server.layer())
      expect(server.forms()).toEqual([{ grant_type: "refresh_token", refresh_token: "marker-refresh-1" }])
      expect(tokensOf(next)).toEqual({ access: "marker-access-2", refresh: "marker-refresh-2", id: "marker-id-1" })
      expect(next.expiresAt).toEqual(DateTime.makeUnsafe((now + 60) * 1000))
      expect(Redacted.value(next.additional)).toEqual({ device_secret: "marker-device" })
      const { accessToken, additional, expiresAt, refreshToken, ...rest } = next
      expect(old).toMatchObject(rest)
      expect(inspect({ accessToken, refreshToken, additional }, { depth: 9, showHidden: true })).not.toContain("marker")
    })
  )

  it.effect("refreshes with the newest refresh token: a returned one, or otherwise the last one (Q1)", () =>
    Effect.gen(function* () {
      const server = scriptedProvider([
        respondNumbered(2),
        respondNumbered(3, { refresh_token: undefined }),
        respondNumbered(4, { refresh_token: null }),
        respondNumbered(5)
      ])
      yield* Effect.gen(function* () {
        const fresh = yield* FreshIdentity.make(makeIdentity())
        for (const access of [2, 3, 4, 5]) {
          const next = yield* fresh.refresh(yield* fresh.current)
          expect(tokensOf(next).access).toBe(`marker-access-${access}`)
          expect(yield* fresh.current).toBe(next)
        }
        expect(tokensOf(yield* fresh.current).refresh).toBe("marker-refresh-5")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
      expect(refreshTokens(server)).toEqual([1, 2, 2, 2].map((number) => `marker-refresh-${number}`))
    })
  )

  it.effect("takes the scope of a refreshed identity from the response, or otherwise keeps the requested one", () =>
    Effect.gen(function* () {
      const scopeOf = (members: object, options?: FreshIdentity.Options) =>
        Effect.gen(function* () {
          const server = scriptedProvider([respondNumbered(2, members)])
          const { scope } = yield* Effect.provide(FreshIdentity.refresh(makeIdentity(), options), server.layer())
          return [scope, server.forms()[0]?.scope]
        })
      expect(yield* scopeOf({})).toEqual([["openid", "email"], undefined])
      expect(yield* scopeOf({ scope: null })).toEqual([["openid", "email"], undefined])
      expect(yield* scopeOf({ scope: " openid" })).toEqual([["openid"], undefined])
      expect(yield* scopeOf({}, { scope: ["email"] })).toEqual([["email"], "email"])
    })
  )

  it.effect(
    "takes the granted details and the grant id from the refresh response, and keeps the grant id if it has none",
    () =>
      Effect.gen(function* () {
        const members = (extra: object) =>
          Effect.map(
            Effect.provide(
              FreshIdentity.refresh(makeIdentity({ authorizationDetails: [{ type: "old" }] })),
              scriptedProvider([respondNumbered(2, extra)]).layer()
            ),
            ({ authorizationDetails, grantId }) => [authorizationDetails, grantId]
          )
        expect(yield* members({})).toEqual([undefined, "grant-1"])
        expect(yield* members({ authorization_details: [{ type: "new" }], grant_id: "grant-2" })).toEqual([
          [{ type: "new" }],
          "grant-2"
        ])
      })
  )

  it.effect("refreshes with the caller's parameters and headers, and proves possession of the identity's key", () =>
    Effect.gen(function* () {
      const server = scriptedProvider([respondNumbered(2, { token_type: "DPoP" })])
      const { privateJwk: dpopKey, publicJwk } = yield* SigningKey.generateJwk("ES256")
      const next = yield* FreshIdentity.refresh(makeIdentity({ dpopKey, tokenType: "DPoP" }), {
        additionalParameters: [["resource", "https://a.test"]],
        headers: { "x-fapi-interaction-id": "i-1" }
      }).pipe(Effect.provide(server.layer().pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })))))
      expect([next.tokenType, next.dpopKey]).toEqual(["DPoP", dpopKey])
      expect(server.forms()).toMatchObject([{ resource: "https://a.test" }])
      expect(server.received[0]?.headers["x-fapi-interaction-id"]).toBe("i-1")
      expect((yield* decodePart(server.received[0]?.headers.dpop ?? "", 0)).jwk).toMatchObject({ x: publicJwk.x })
    })
  )

  it.effect(
    "refreshes for a protected resource that rejects the token, which is then called with the new one (Q1, Q2)",
    () =>
      Effect.gen(function* () {
        const rejected = text(401, "", { "www-authenticate": 'Bearer error="invalid_token"' })
        const server = scriptedProvider([rejected, respondNumbered(2), text(200, "served")])
        const response = yield* FreshIdentity.make(makeIdentity()).pipe(
          Effect.flatMap((fresh) => ProtectedResource.make(fresh)),
          Effect.flatMap((client) => client.get("https://api.test/accounts")),
          Effect.scoped,
          Effect.provide(server.layer())
        )
        expect(response.status).toBe(200)
        expect(server.received.map(({ headers, path }) => [path, headers.authorization])).toEqual([
          ["/accounts", "Bearer marker-access-1"],
          ["/token", expect.stringMatching(/^Basic /)],
          ["/accounts", "Bearer marker-access-2"]
        ])
      })
  )
})

describe("FreshIdentity.refresh, failing", () => {
  const failureOf = (given: VerifiedIdentity.VerifiedIdentity, options?: Partial<Ciba.Options>) =>
    Effect.gen(function* () {
      const { received, layer } = scriptedProvider([respondNumbered(2)])
      const error = yield* Effect.flip(Effect.provide(FreshIdentity.refresh(given), layer(options)))
      expect(received).toEqual([])
      return { stage: error._tag, ...error.reason, message: error.message }
    })

  it.effect("sends nothing for an identity without a refresh token", () =>
    Effect.gen(function* () {
      expect(yield* failureOf(makeIdentity({ refreshToken: undefined }))).toEqual({
        stage: "TokenError",
        _tag: "NoRefreshToken",
        message:
          "NoRefreshToken: the provider has issued no refresh token; many do so only for the scope offline_access"
      })
    })
  )

  it.effect("sends nothing for an identity whose DPoP key the client cannot use", () =>
    Effect.gen(function* () {
      const { privateJwk: dpopKey } = yield* SigningKey.generateJwk("ES256")
      expect(yield* failureOf(makeIdentity({ dpopKey }))).toMatchObject({ stage: "TokenError", _tag: "InvalidKey" })
    })
  )

  it.effect("sends no refresh token to another provider, or of another client", () =>
    Effect.gen(function* () {
      expect(yield* failureOf(makeIdentity({ issuer: "https://other.test" }))).toMatchObject({
        _tag: "ClientMismatch",
        issuer: "https://other.test"
      })
      for (const aud of ["another", ["another", "third"]] as const) {
        expect(yield* failureOf(makeIdentity({ claims: { ...originalClaims, aud } }))).toMatchObject({
          _tag: "ClientMismatch",
          clientId: "another"
        })
      }
    })
  )

  it.effect("keeps the old identity if the provider responds to a refresh with an error", () =>
    Effect.gen(function* () {
      const server = scriptedProvider([json(400, { error: "invalid_grant" }), text(503, "later"), respondNumbered(2)])
      yield* Effect.gen(function* () {
        const old = makeIdentity()
        const fresh = yield* FreshIdentity.make(old)
        expect(yield* Effect.flip(fresh.refresh(old))).toMatchObject({ reason: { _tag: "InvalidGrant" } })
        expect(yield* Effect.flip(fresh.refresh(old))).toMatchObject({
          reason: { _tag: "TransportError", status: 503 }
        })
        expect(yield* fresh.current).toBe(old)
        expect(tokensOf(yield* fresh.refresh(old)).access).toBe("marker-access-2")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
      expect(refreshTokens(server)).toEqual(Array.from({ length: 3 }, () => "marker-refresh-1"))
    })
  )
})

describe("FreshIdentity.refresh, for concurrent callers", () => {
  const hundred = Array.from({ length: 100 }, () => undefined)

  it.effect("sends one refresh request for concurrent callers, who all get its tokens (Q5, T-37)", () =>
    Effect.gen(function* () {
      const { arrived, open, responder } = yield* hold(respondNumbered(2))
      const server = scriptedProvider([responder, respondNumbered(3)])
      yield* Effect.gen(function* () {
        const old = makeIdentity()
        const fresh = yield* FreshIdentity.make(old)
        const all = yield* Effect.forkChild(
          Effect.forEach(hundred, () => fresh.refresh(old), { concurrency: "unbounded" })
        )
        yield* Effect.andThen(arrived, settle)
        const late = yield* Effect.forkChild(fresh.refresh(makeIdentity()))
        yield* Effect.andThen(settle, open)
        const given = [...(yield* Fiber.join(all)), yield* Fiber.join(late)]
        expect(new Set(given)).toEqual(new Set([yield* fresh.current]))
        expect(given).toHaveLength(101)
        expect(given.map((next) => tokensOf(next).access)).toEqual(given.map(() => "marker-access-2"))
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
      expect(refreshTokens(server)).toEqual(["marker-refresh-1"])
    })
  )

  it.effect("fails one refresh for all concurrent callers, and sends another request for the next caller (Q5)", () =>
    Effect.gen(function* () {
      const { arrived, open, responder } = yield* hold(json(400, { error: "invalid_grant" }))
      const server = scriptedProvider([responder, respondNumbered(3)])
      yield* Effect.gen(function* () {
        const fresh = yield* FreshIdentity.make(makeIdentity())
        const all = yield* Effect.forkChild(
          Effect.forEach(hundred, () => Effect.flip(fresh.refresh(makeIdentity())), { concurrency: "unbounded" })
        )
        yield* Effect.andThen(arrived, Effect.andThen(settle, open))
        expect(new Set((yield* Fiber.join(all)).map(({ _tag }) => _tag))).toEqual(new Set(["TokenError"]))
        expect(server.received).toHaveLength(1)
        expect(tokensOf(yield* fresh.refresh(makeIdentity())).access).toBe("marker-access-3")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
    })
  )

  it.effect("gives current tokens without a request to a caller whose tokens have been refreshed meanwhile (Q5)", () =>
    Effect.gen(function* () {
      const server = scriptedProvider([respondNumbered(2), respondNumbered(3)])
      yield* Effect.gen(function* () {
        const old = makeIdentity()
        const fresh = yield* FreshIdentity.make(old)
        const next = yield* fresh.refresh(old)
        for (const rejected of [old, makeIdentity()]) expect(yield* fresh.refresh(rejected)).toBe(next)
        expect(server.received).toHaveLength(1)
        expect(tokensOf(yield* fresh.refresh(next)).access).toBe("marker-access-3")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
      expect(server.received).toHaveLength(2)
    })
  )

  it.effect(
    "continues a refresh after the caller who started it is interrupted, without making that caller wait (Q5, T-37)",
    () =>
      Effect.gen(function* () {
        const { arrived, open, responder } = yield* hold(respondNumbered(2))
        const server = scriptedProvider([responder, respondNumbered(3)])
        yield* Effect.gen(function* () {
          const fresh = yield* FreshIdentity.make(makeIdentity())
          const first = yield* Effect.forkChild(fresh.refresh(makeIdentity()))
          yield* arrived
          const second = yield* Effect.forkChild(fresh.refresh(makeIdentity()))
          yield* settle
          yield* Fiber.interrupt(first)
          expect(tokensOf(yield* fresh.current).access).toBe("marker-access-1")
          yield* open
          expect(tokensOf(yield* Fiber.join(second)).access).toBe("marker-access-2")
        }).pipe(Effect.scoped, Effect.provide(server.layer()))
        expect(server.received).toHaveLength(1)
      })
  )

  it.effect("continues a refresh after all its callers are interrupted, for the next caller (T-37)", () =>
    Effect.gen(function* () {
      const { arrived, open, responder } = yield* hold(respondNumbered(2))
      const server = scriptedProvider([responder, respondNumbered(3)])
      yield* Effect.gen(function* () {
        const fresh = yield* FreshIdentity.make(makeIdentity())
        const callers = [yield* Effect.forkChild(fresh.refresh(makeIdentity()))]
        yield* arrived
        callers.push(yield* Effect.forkChild(fresh.refresh(makeIdentity())))
        yield* settle
        yield* Fiber.interruptAll(callers)
        yield* open
        expect(tokensOf(yield* fresh.refresh(makeIdentity())).access).toBe("marker-access-2")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
      expect(server.received).toHaveLength(1)
    })
  )

  it.effect("waits until refreshed tokens are saved before the scope closes (T-37)", () =>
    Effect.gen(function* () {
      const saved: Array<VerifiedIdentity.VerifiedIdentity> = []
      const { arrived, open, responder } = yield* hold(respondNumbered(2))
      yield* Effect.gen(function* () {
        const scope = yield* Scope.make()
        const fresh = yield* Scope.provide(
          FreshIdentity.make(makeIdentity(), { save: (next) => Effect.sync(() => saved.push(next)) }),
          scope
        )
        const caller = yield* Effect.forkChild(fresh.refresh(makeIdentity()))
        yield* arrived
        yield* Fiber.interrupt(caller)
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* settle
        expect([closing.pollUnsafe(), saved.length]).toEqual([undefined, 0])
        yield* open
        yield* Fiber.join(closing)
      }).pipe(Effect.provide(scriptedProvider([responder]).layer()))
      expect(saved.map((next) => tokensOf(next).refresh)).toEqual(["marker-refresh-2"])
    })
  )

  it.effect("ends a refresh for all callers after the time limit if the provider never responds (Q5)", () =>
    Effect.gen(function* () {
      const server = scriptedProvider([() => Effect.never, respondNumbered(2)])
      yield* Effect.gen(function* () {
        const fresh = yield* FreshIdentity.make(makeIdentity())
        const caller = yield* Effect.forkChild(Effect.flip(fresh.refresh(makeIdentity())))
        yield* settle
        yield* TestClock.adjust("35 seconds")
        expect(yield* Fiber.join(caller)).toMatchObject({ reason: { _tag: "TransportError", kind: "TimedOut" } })
        expect(tokensOf(yield* fresh.refresh(makeIdentity())).access).toBe("marker-access-2")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
    })
  )
})

describe("FreshIdentity.make, with save", () => {
  it.effect("saves a refreshed identity before any caller gets it (T-37)", () =>
    Effect.gen(function* () {
      const saving = yield* Deferred.make<VerifiedIdentity.VerifiedIdentity>()
      const gate = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const old = makeIdentity()
        const fresh = yield* FreshIdentity.make(old, {
          save: (next) => Effect.andThen(Deferred.succeed(saving, next), Deferred.await(gate))
        })
        const callers = yield* Effect.forEach([old, old], (rejected) => Effect.forkChild(fresh.refresh(rejected)))
        const next = yield* Deferred.await(saving)
        yield* settle
        expect(callers.map((caller) => caller.pollUnsafe())).toEqual([undefined, undefined])
        expect(yield* fresh.current).toBe(old)
        yield* Deferred.succeed(gate, undefined)
        expect(yield* Effect.forEach(callers, Fiber.join)).toEqual([next, next])
        expect(yield* fresh.current).toBe(next)
      }).pipe(Effect.scoped, Effect.provide(scriptedProvider([respondNumbered(2), respondNumbered(3)]).layer()))
    })
  )

  it.effect(
    "withholds a refreshed identity until save succeeds, which the next refresh tries without a token request (Q1, T-37)",
    () =>
      Effect.gen(function* () {
        const server = scriptedProvider([respondNumbered(2), respondNumbered(3)])
        const saved: Array<string> = []
        let isFull = true
        yield* Effect.gen(function* () {
          const fresh = yield* FreshIdentity.make(makeIdentity(), {
            save: (next) => {
              saved.push(tokensOf(next).access)
              return isFull ? Effect.fail(new StoreFull()) : Effect.void
            }
          })
          const error = yield* Effect.flip(fresh.refresh(makeIdentity()))
          expect(error).toEqual(new StoreFull())
          expect(tokensOf(yield* fresh.current).access).toBe("marker-access-1")
          isFull = false
          expect(tokensOf(yield* fresh.refresh(makeIdentity())).access).toBe("marker-access-2")
          expect([saved, server.received.length]).toEqual([["marker-access-2", "marker-access-2"], 1])
          expect(tokensOf(yield* fresh.refresh(yield* fresh.current)).access).toBe("marker-access-3")
        }).pipe(Effect.scoped, Effect.provide(server.layer()))
        expect(refreshTokens(server)).toEqual(["marker-refresh-1", "marker-refresh-2"])
      })
  )

  it.effect(
    "keeps a refresh response while the provider's keys cannot be fetched, and verifies it in the next refresh (Q1, T-37)",
    () =>
      Effect.gen(function* () {
        yield* setTestClock
        const idToken = yield* signToken(yield* refreshedClaims())
        const keys = [text(503, "later"), text(503, "later")]
        const server = scriptedProvider([respondNumbered(2, { id_token: idToken }), respondNumbered(3)], (request) =>
          (keys.shift() ?? respondWithKeys)(request)
        )
        yield* Effect.gen(function* () {
          const fresh = yield* FreshIdentity.make(makeIdentity())
          for (const _ of [1, 2]) {
            expect(yield* Effect.flip(fresh.refresh(makeIdentity()))).toMatchObject({ _tag: "DiscoveryError" })
            expect(tokensOf(yield* fresh.current).access).toBe("marker-access-1")
          }
          expect(tokensOf(yield* fresh.refresh(makeIdentity()))).toEqual({
            access: "marker-access-2",
            refresh: "marker-refresh-2",
            id: idToken
          })
        }).pipe(Effect.scoped, Effect.provide(server.layer()))
        expect(server.received).toHaveLength(1)
      })
  )

  for (const [what, broken] of [
    ["dies", () => Effect.die("disk full")],
    ["is interrupted", () => Effect.interrupt],
    [
      "throws",
      () => {
        throw new Error("disk full")
      }
    ]
  ] as const) {
    it.effect(`saves a refreshed identity in the next refresh, without a token request, if save ${what} (T-37)`, () =>
      Effect.gen(function* () {
        const server = scriptedProvider([respondNumbered(2), respondNumbered(3)])
        const saves: Array<() => Effect.Effect<void>> = [broken]
        yield* Effect.gen(function* () {
          const fresh = yield* FreshIdentity.make(makeIdentity(), { save: () => saves.shift()?.() ?? Effect.void })
          expect(Exit.isFailure(yield* Effect.exit(fresh.refresh(makeIdentity())))).toBe(true)
          expect(tokensOf(yield* fresh.current).access).toBe("marker-access-1")
          expect(tokensOf(yield* fresh.refresh(makeIdentity())).access).toBe("marker-access-2")
        }).pipe(Effect.scoped, Effect.provide(server.layer()))
        expect(server.received).toHaveLength(1)
      })
    )
  }

  it.effect("keeps the refresh token of a response whose ID Token is rejected, saves it, and uses it next (Q7)", () =>
    Effect.gen(function* () {
      yield* setTestClock
      const idToken = yield* signToken({ ...(yield* refreshedClaims()), sub: "another" })
      const server = scriptedProvider([respondNumbered(2, { id_token: idToken }), respondNumbered(3)])
      yield* Effect.gen(function* () {
        const saved: Array<ReturnType<typeof tokensOf>> = []
        const save = (next: VerifiedIdentity.VerifiedIdentity) => Effect.sync(() => saved.push(tokensOf(next)))
        const fresh = yield* FreshIdentity.make(makeIdentity(), { save })
        expect(yield* Effect.flip(fresh.refresh(makeIdentity()))).toMatchObject({ reason: { _tag: "WrongSubject" } })
        expect(saved).toEqual([{ ...tokensOf(makeIdentity()), refresh: "marker-refresh-2" }])
        expect(tokensOf(yield* fresh.refresh(makeIdentity())).access).toBe("marker-access-3")
      }).pipe(Effect.scoped, Effect.provide(server.layer()))
      expect(refreshTokens(server)).toEqual(["marker-refresh-1", "marker-refresh-2"])
    })
  )
})
