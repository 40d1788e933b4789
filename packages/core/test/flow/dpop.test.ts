// DPoP in a whole flow, at a provider that verifies the proofs.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery, Dpop, MutualTls, SigningKey, TokenEndpoint } from "@effect-ciba/core"
import { AuthReqId } from "@effect-ciba/core/PendingAuthentication"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import type { RequestRecord } from "@effect-ciba/testing/RequestRecord"
import { Effect, Fiber, Layer, Redacted, Result } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { cibaLayer, hint, initiate, requestsTo, withMetadata } from "../support/AuthenticationFlow.ts"
import { decodePart, dpopProof } from "../support/Jwt.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"
import { advance, waitUntil } from "../support/TestTime.ts"

const request = { scope: ["openid"], hint }

const dpopLayer = (provider: ProviderOptions) =>
  cibaLayer(provider).pipe(
    Layer.provide(Dpop.layer({ key: TestKeys.signing("ES256", "proof") })),
    Layer.provideMerge(TestTime.layer)
  )

const isPending = ({ error }: RequestRecord) => error === "authorization_pending"

/** A demand for this nonce. */
const demand = (nonce: string) => ProviderScript.error("use_dpop_nonce", { headers: { "dpop-nonce": nonce } })

/** Runs a flow until its first poll is over; returns its error and the token requests. */
const completeAfter = (provider: ProviderOptions) =>
  Effect.gen(function* () {
    const waiting = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* Ciba.initiate(request))))
    yield* TestTime.advance("5 seconds")
    return { error: yield* Fiber.join(waiting), requests: yield* requestsTo("token") }
  }).pipe(Effect.provide(dpopLayer(provider)))

describe("DPoP nonces", () => {
  it.effect("uses the nonce of each response, also of authorization_pending, in the next request (M5, M7, T-10)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const first = yield* Effect.forkChild(Ciba.complete(yield* Ciba.initiate(request)))
      yield* TestTime.advance("5 seconds")
      yield* TestTime.advance("5 seconds")
      yield* provider.approve()
      yield* TestTime.advance("5 seconds")
      expect((yield* Fiber.join(first)).tokenType).toBe("DPoP")
      const second = yield* Effect.forkChild(Ciba.complete(yield* Ciba.initiate(request)))
      yield* provider.approve()
      yield* TestTime.advance("5 seconds")
      expect((yield* Fiber.join(second)).tokenType).toBe("DPoP")
      const requests = yield* requestsTo("token")
      const proofs = yield* Effect.forEach(requests, dpopProof)
      expect(requests.map(({ error }, index) => [proofs[index]?.claims.nonce, error])).toEqual([
        [undefined, "use_dpop_nonce"],
        ["nonce-2", "authorization_pending"],
        ["nonce-3", "authorization_pending"],
        ["nonce-4", undefined],
        ["nonce-5", undefined]
      ])
      expect(new Set(proofs.map(({ claims }) => claims.jti)).size).toBe(5)
    }).pipe(Effect.provide(dpopLayer({ dpop: { nonces: "per-response" } })))
  )

  it.effect("ends at the expiry while a poll with another nonce is being signed, and nothing is lost (H14, H18)", () =>
    Effect.gen(function* () {
      let uses = 0
      const method = ClientAuthentication.clientSecretBasic(TestClient.secret)
      const authentication: ClientAuthentication.ClientAuthentication = {
        ...method,
        credentials: (target) => Effect.suspend(() => (uses++ < 2 ? method.credentials(target) : Effect.never))
      }
      const client = cibaLayer({ dpop: { nonces: "lasting" }, expiresIn: "20 seconds" }, { authentication }).pipe(
        Layer.provide(Dpop.layer({ key: TestKeys.signing("ES256", "proof") })),
        Layer.provideMerge(TestTime.layer)
      )
      yield* Effect.gen(function* () {
        const waiting = yield* Effect.forkChild(Effect.flip(Ciba.complete(yield* Ciba.initiate(request))))
        yield* TestTime.advance("5 seconds")
        yield* waitUntil(
          Effect.sync(() => uses),
          (count) => count === 3
        )
        yield* TestClock.adjust("15 seconds")
        expect((yield* Fiber.join(waiting)).reason._tag).toBe("ExpiredToken")
      }).pipe(Effect.provide(client))
    })
  )

  it.effect(
    "sends at most one more request per wait when the nonce changes while many waits poll (H27, M6, T-10)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const pending = yield* Effect.replicateEffect(Ciba.initiate(request), 4)
        const waits = yield* Effect.forEach(pending, (one) => Effect.forkChild(Ciba.complete(one)))
        yield* advance("5 seconds")
        yield* waitUntil(requestsTo("token"), (sent) => sent.filter(isPending).length === 4)
        yield* provider.rotateDpopNonce
        yield* Effect.forEach(pending, ({ authReqId }) => provider.approve(authReqId))
        yield* advance("5 seconds")
        yield* Effect.forEach(waits, Fiber.join)
        const sent = yield* requestsTo("token")
        for (const { authReqId } of pending) {
          const own = sent.filter(
            ({ parameters }) => Object.fromEntries(parameters).auth_req_id === Redacted.value(authReqId)
          )
          expect(own.map(({ error, status }) => error ?? status).join()).toMatch(
            /^(use_dpop_nonce,)?authorization_pending,(use_dpop_nonce,)?200$/
          )
        }
        expect(sent.filter(({ error }) => error === "use_dpop_nonce").length).toBeGreaterThan(1)
      }).pipe(Effect.provide(dpopLayer({ dpop: { nonces: "lasting" } })))
  )

  it.effect("ends a wait after too many demands for a nonce, and lets it be completed again (H27, T-10)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      const waiting = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
      yield* TestTime.advance("5 seconds")
      expect((yield* Fiber.join(waiting)).reason._tag).toBe("UseDpopNonce")
      const again = yield* Effect.forkChild(Ciba.complete(pending))
      yield* TestTime.advance("5 seconds")
      expect((yield* Fiber.join(again)).subject).toBe("jo")
    }).pipe(
      Effect.provide(
        dpopLayer({ user: TestUser.approve(), tokenScript: ProviderScript.make(["a", "b", "c"].map(demand)) })
      )
    )
  )

  it.effect("delays one of many waits after too many demands for a nonce, and does not end it (H27, T-10)", () =>
    Effect.gen(function* () {
      const ends: Array<string> = []
      const all = yield* Effect.forkChild(
        Ciba.authenticateAll([request], (decision) =>
          Effect.sync(
            () =>
              void ends.push(
                Result.match(decision, { onFailure: ({ reason }) => reason._tag, onSuccess: ({ subject }) => subject })
              )
          )
        )
      )
      yield* waitUntil(requestsTo("backchannel"), ({ length }) => length === 1)
      yield* TestTime.advance("5 seconds")
      yield* TestTime.advance("1 second")
      yield* TestTime.advance("4 seconds")
      yield* Fiber.join(all)
      expect(ends).toEqual(["jo"])
    }).pipe(
      Effect.provide(
        dpopLayer({ user: TestUser.approve(), tokenScript: ProviderScript.make(["a", "b", "c"].map(demand)) })
      )
    )
  )

  it.effect("retries twice with a demanded nonce, and then fails (H27, T-10)", () =>
    Effect.gen(function* () {
      const tokenScript = ProviderScript.make(["a", "b", "c", "d"].map(demand))
      const { error, requests } = yield* completeAfter({ tokenScript })
      expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "UseDpopNonce" } })
      const nonces = yield* Effect.forEach(requests, (one) => Effect.map(dpopProof(one), ({ claims }) => claims.nonce))
      expect(nonces).toEqual([undefined, "a", "b"])
      expect(requests.map(({ at }) => at)).toEqual([5000, 5000, 5000])
    })
  )
})

describe("the response to a DPoP request", () => {
  it.effect("ends the wait at once with invalid_dpop_proof (M15)", () =>
    Effect.gen(function* () {
      const tokenScript = ProviderScript.make([ProviderScript.error("invalid_dpop_proof")])
      const { error, requests } = yield* completeAfter({ tokenScript })
      expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "InvalidDpopProof" } })
      expect(requests).toHaveLength(1)
    })
  )

  it.effect("is rejected when its token type is Bearer although a proof was sent (M10, T-15)", () =>
    Effect.gen(function* () {
      const tokenResponse: ProviderOptions["tokenResponse"] = (body) => ({ ...body, token_type: "Bearer" })
      const { error } = yield* completeAfter({ user: TestUser.approve(), tokenResponse })
      expect(error).toMatchObject({
        _tag: "IdTokenError",
        reason: { _tag: "UnexpectedTokenType", expected: "DPoP", actual: "Bearer" }
      })
    })
  )
})

describe("the algorithm of DPoP proofs", () => {
  const dpop_signing_alg_values_supported = "dpop_signing_alg_values_supported"

  it.effect("must be one that the provider lists, or no authentication request is sent (M13)", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(initiate())).toMatchObject({
        _tag: "AuthenticationRequestError",
        reason: {
          _tag: "Unsupported",
          feature: "DPoP proofs signed with ES256",
          problem: "the provider accepts proofs signed with ES384, PS256, and not ES256"
        }
      })
      expect(yield* requestsTo("backchannel")).toEqual([])
    }).pipe(Effect.provide(dpopLayer(withMetadata({ [dpop_signing_alg_values_supported]: ["ES384", "PS256"] }))))
  )

  for (const listed of [["PS256", "ES256"], undefined]) {
    it.effect(`may be ES256 when the provider lists ${listed ?? "none"} (M13)`, () =>
      Effect.gen(function* () {
        yield* initiate()
        expect(yield* requestsTo("backchannel")).toHaveLength(1)
      }).pipe(Effect.provide(dpopLayer(withMetadata({ [dpop_signing_alg_values_supported]: listed }))))
    )
  }
})

it.effect(
  "a DPoP proof has the URL of the called alias without its query, and none is sent to the authentication endpoint (M1, M3, M16, T-23)",
  () =>
    Effect.gen(function* () {
      const heard: Array<HttpClientRequest.HttpClientRequest> = []
      const listener = HttpClient.make((request) => {
        if (request.method === "GET") {
          return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(publishedKeys)))
        }
        heard.push(request)
        const body = request.url.includes("/bc") ? { auth_req_id: "id", expires_in: 60 } : { error: "slow_down" }
        return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(body)))
      })
      const id = Redacted.make(AuthReqId.make("id"))
      yield* Effect.gen(function* () {
        yield* initiate()
        yield* Effect.flip(TokenEndpoint.redeem(id))
        yield* Effect.flip(TokenEndpoint.redeem(id))
      }).pipe(
        Effect.provide(
          Ciba.layerNoDiscovery({
            clientId: "shop",
            authentication: ClientAuthentication.none,
            mutualTls: MutualTls.make()
          }).pipe(
            Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })),
            Layer.provide(Layer.succeed(HttpClient.HttpClient, listener)),
            Layer.provide(
              Discovery.layerStatic({
                issuer: "https://op.test",
                jwks_uri: "https://op.test/jwks",
                backchannel_authentication_endpoint: "https://op.test/bc",
                token_endpoint: "https://op.test/token",
                backchannel_token_delivery_modes_supported: ["poll"],
                mtls_endpoint_aliases: { token_endpoint: "https://mtls.op.test:8443/token?tenant=1" }
              })
            )
          )
        )
      )
      expect(heard.map(({ url }) => url)).toEqual([
        "https://op.test/bc",
        "https://mtls.op.test:8443/token?tenant=1",
        "https://mtls.op.test:8443/token?tenant=1"
      ])
      const [asked, ...redeemed] = heard.map(({ headers }) => headers.dpop)
      expect(asked).toBeUndefined()
      const [first, second] = yield* Effect.forEach(redeemed, (proof = "") => decodePart(proof, 1))
      expect(first).toMatchObject({ htm: "POST", htu: "https://mtls.op.test:8443/token" })
      expect(second?.jti).not.toBe(first?.jti)
    })
)
