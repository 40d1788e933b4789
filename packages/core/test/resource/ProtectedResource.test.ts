import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  ClientRegistration,
  Dpop,
  ProtectedResource,
  SecurityProfile,
  SigningKey,
  type Transport
} from "@effect-ciba/core"
import { Effect, Layer, Redacted, Result, Schema, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import * as TokenHash from "../../src/crypto/TokenHash.ts"
import { decodePart, encodeJson } from "../support/Jwt.ts"
import {
  bearer,
  challenge,
  client,
  nonceRequired,
  ok,
  type Reply,
  serve,
  tokenExpired
} from "../support/ResourceServer.ts"

const url = "https://rs.test/accounts"

/** Calls a server with a token; gives what the server received, and its response. */
const call = <E = never>(
  replies: Parameters<typeof serve>,
  request: HttpClientRequest.HttpClientRequest = HttpClientRequest.get(url),
  source: ProtectedResource.Tokens | ProtectedResource.RefreshableTokens<ProtectedResource.Tokens, E> = bearer(),
  options: ProtectedResource.Options & { readonly dpop?: Layer.Layer<never>; readonly limits?: Transport.Options } = {}
) => {
  const { received, layer } = serve(...replies)
  return ProtectedResource.make(source, options).pipe(
    Effect.flatMap((resource) => Effect.result(resource.execute(request))),
    Effect.map((result) => ({
      received,
      result,
      status: result._tag === "Success" ? result.success.status : undefined
    })),
    Effect.provide(client(layer, options.limits).pipe(Layer.provide(options.dpop ?? Layer.empty)))
  )
}

/** What only the end-user's device would know. */
const about = { "x-fapi-customer-ip-address": "192.0.2.1", "x-fapi-auth-date": "today" }

/** A token bound to a key, and the layer that proves it. */
const bound = Effect.gen(function* () {
  const key = yield* SigningKey.generate("ES256")
  return {
    key,
    tokens: { accessToken: Redacted.make("marker-bound"), tokenType: "DPoP", dpopKey: key.privateJwk },
    dpop: Layer.orDie(Dpop.layer({ key }))
  }
})

const proofs = (received: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>> }>) =>
  Effect.forEach(received, ({ headers }) => decodePart(headers.dpop ?? "", 1))

/** Tokens that are numbered, and counted. */
const numberTokens = () => {
  let number = 1
  const refreshed: Array<string> = []
  const refreshable: ProtectedResource.RefreshableTokens = {
    current: Effect.sync(() => bearer(`t-${number}`)),
    refresh: ({ accessToken }) =>
      Effect.sync(() => {
        refreshed.push(Redacted.value(accessToken))
        if (Redacted.value(accessToken) === `t-${number}`) number += 1
        return bearer(`t-${number}`)
      })
  }
  return { refreshed, refreshable }
}

const only =
  (accessToken: string, otherwise: Reply = tokenExpired): Reply =>
  (request) =>
    (request.headers.authorization === `Bearer ${accessToken}` ? ok : otherwise)(request)

const authorizations = (received: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>> }>) =>
  received.map(({ headers }) => headers.authorization)

describe("ProtectedResource.make", () => {
  it.effect("sends the token in the Authorization header, and nowhere else (S1)", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.post(`${url}?a=b%20c&d`).pipe(HttpClientRequest.bodyText("some text"))
      const { received, status } = yield* call([ok], request)
      expect(status).toBe(200)
      expect(received).toEqual([
        {
          method: "POST",
          url: `${url}?a=b%20c&d`,
          headers: { authorization: "Bearer marker-access", "content-length": "9", "content-type": "text/plain" },
          body: "some text"
        }
      ])
    })
  )

  it.effect("replaces the caller's own Authorization by the token, and sends other headers (S1)", () =>
    Effect.gen(function* () {
      const headers = { Authorization: "Bearer another", "X-Fapi-Interaction-Id": "i-1", accept: "text/csv" }
      const { received } = yield* call([ok], HttpClientRequest.get(url, { headers }))
      expect(received[0]?.headers).toEqual({
        authorization: "Bearer marker-access",
        "x-fapi-interaction-id": "i-1",
        accept: "text/csv"
      })
    })
  )

  it.effect("does not send withheld headers, in any case (S5)", () =>
    Effect.gen(function* () {
      const headers = { "x-fapi-customer-ip-address": "192.0.2.1", "X-Fapi-Auth-Date": "today", "x-other": "1" }
      const withheldHeaders = ["X-FAPI-Customer-IP-Address", "x-fapi-auth-date", "authorization"]
      const { received } = yield* call([ok], HttpClientRequest.get(url, { headers }), bearer(), { withheldHeaders })
      expect(received[0]?.headers).toEqual({ authorization: "Bearer marker-access", "x-other": "1" })
    })
  )

  const { connectIdAu, fapi1Ciba, fapi2Ciba, openFinanceBrasil } = SecurityProfile
  for (const profile of [fapi1Ciba, fapi2Ciba, connectIdAu, openFinanceBrasil]) {
    it.effect(`leaves out what only the end-user's device would know, by the profile ${profile.name} (S5)`, () =>
      Effect.gen(function* () {
        const name = "x-fapi-interaction-id"
        const { layer, received } = serve(({ headers }) =>
          Response.json({}, { headers: headers[name] === undefined ? {} : { [name]: headers[name] } })
        )
        const headers = { "X-FAPI-Customer-IP-Address": "192.0.2.1", "x-fapi-auth-date": "today", "x-other": "1" }
        const get = (options?: ProtectedResource.Options) =>
          Effect.flatMap(ProtectedResource.make(bearer(), options), (resource) => resource.get(url, { headers }))
        const program = Effect.gen(function* () {
          const registration = yield* ClientRegistration.ClientRegistration
          const withProfile = Effect.provideService(ClientRegistration.ClientRegistration, { ...registration, profile })
          yield* withProfile(get())
          yield* withProfile(get({ withheldHeaders: [] }))
        })
        yield* Effect.provide(program, client(layer))
        const names = received.map(({ headers }) => Object.keys(headers).filter((name) => name in about))
        expect(names).toEqual([[], Object.keys(about)])
        expect(received.map(({ headers }) => headers["x-other"])).toEqual(["1", "1"])
      })
    )
  }

  for (const tokenType of ["N_A", "mac", "", "DPoP2"]) {
    it.effect(`sends nothing with a token of the type "${tokenType}"`, () =>
      Effect.gen(function* () {
        const { received, result } = yield* call([ok], undefined, { ...bearer(), tokenType })
        expect(result).toMatchObject({ failure: { _tag: "ResourceError", reason: { _tag: "UnsupportedTokenType" } } })
        expect(received).toEqual([])
      })
    )
  }

  it.effect("sends nothing with a token that is bound by DPoP if the client has no DPoP key", () =>
    Effect.gen(function* () {
      const { tokens } = yield* bound
      for (const dpopKey of [tokens.dpopKey, undefined]) {
        const { received, result } = yield* call([ok], undefined, { ...tokens, dpopKey })
        expect(result).toMatchObject({ failure: { reason: { _tag: "InvalidKey" } } })
        expect(received).toEqual([])
      }
    })
  )

  it.effect("sends no token over plain http, except to loopback if that is allowed", () =>
    Effect.gen(function* () {
      const local = HttpClientRequest.get("http://127.0.0.1:8080/accounts")
      for (const request of [local, HttpClientRequest.get("http://rs.test/")]) {
        const { received, result } = yield* call([ok], request)
        expect(result).toMatchObject({ failure: { reason: { _tag: "TransportError", kind: "InsecureUrl" } } })
        expect(received).toEqual([])
      }
      const { status } = yield* call([ok], local, bearer(), { limits: { allowInsecureRequests: "loopback" } })
      expect(status).toBe(200)
    })
  )

  for (const status of [301, 302, 303, 307, 308]) {
    it.effect(`does not follow a redirect (${status}) with a token`, () =>
      Effect.gen(function* () {
        const away: Reply = () => new Response(null, { status, headers: { location: "https://evil.test/" } })
        const { received, result } = yield* call([away, ok])
        expect(result).toMatchObject({ failure: { reason: { _tag: "TransportError", kind: "Redirected", status } } })
        expect(received.map((request) => request.url)).toEqual([url])
      })
    )
  }

  it.effect("shows no token in an error, however that is printed", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const away: Reply = () => Response.redirect("https://rs.test/marker-location")
      for (const [reply, address] of [
        [away, url],
        [ok, "http://rs.test/?marker-query"]
      ] as const) {
        const { result } = yield* call([reply], HttpClientRequest.get(address), tokens, { dpop })
        const error = Result.getOrThrow(Result.flip(result))
        expect(error._tag).toBe("ResourceError")
        const shown = [
          error.message,
          String(error),
          encodeJson(error),
          inspect(error, { depth: null, showHidden: true })
        ]
        expect(shown.join("\n")).not.toContain("marker")
      }
    })
  )
})

describe("ProtectedResource.make, for a token bound by DPoP", () => {
  it.effect(
    "sends a bound token in the DPoP scheme, with a proof for the method and URL of the request (M4, M11)",
    () =>
      Effect.gen(function* () {
        const { dpop, key, tokens } = yield* bound
        for (const tokenType of ["DPoP", "dpop"]) {
          const request = HttpClientRequest.put("https://RS.test:443/a/../accounts?from=1#top")
          const { received } = yield* call([ok], request, { ...tokens, tokenType }, { dpop })
          expect(authorizations(received)).toEqual(["DPoP marker-bound"])
          const [proof] = yield* proofs(received)
          expect(proof).toMatchObject({ htm: "PUT", htu: url, ath: yield* TokenHash.sha256(tokens.accessToken) })
          expect(received[0]?.url).toBe(`${url}?from=1#top`)
          const header = yield* decodePart(received[0]?.headers.dpop ?? "", 0)
          expect(header).toMatchObject({ jwk: { x: key.publicJwk.x } })
        }
      })
  )

  it.effect("proves possession of the token's own key, or of the client's if the token comes without one (M4)", () =>
    Effect.gen(function* () {
      const { dpop, key, tokens } = yield* bound
      const other = yield* SigningKey.generate("ES256")
      for (const [dpopKey, expected] of [
        [other.privateJwk, other],
        [undefined, key]
      ] as const) {
        const { received } = yield* call([ok], undefined, { ...tokens, dpopKey }, { dpop })
        const header = yield* decodePart(received[0]?.headers.dpop ?? "", 0)
        expect(header).toMatchObject({ jwk: { x: expected.publicJwk.x } })
      }
    })
  )

  it.effect("replaces the caller's own DPoP header by its proof", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const { received } = yield* call([ok], HttpClientRequest.get(url, { headers: { DPoP: "another" } }), tokens, {
        dpop
      })
      expect((yield* proofs(received))[0]).toMatchObject({ htm: "GET", htu: url })
    })
  )

  it.effect("sends no proof with a bearer token", () =>
    Effect.gen(function* () {
      const { dpop } = yield* bound
      const { received } = yield* call([ok], undefined, bearer(), { dpop })
      expect(received[0]?.headers).toEqual({ authorization: "Bearer marker-access" })
    })
  )
})

describe("ProtectedResource.make, for a demanded nonce", () => {
  const demands: ReadonlyArray<readonly [what: string, challenges: string]> = [
    ["by itself", 'DPoP error="use_dpop_nonce"'],
    ["in another case and unquoted", "dpop ERROR=use_dpop_nonce"],
    ["among other challenges", 'Bearer realm="a, b", DPoP error="use_dpop_nonce", algs="PS256 ES256", Basic realm=x']
  ]
  for (const [what, challenges] of demands) {
    it.effect(`repeats a request with a new proof if a nonce is demanded ${what} (M9)`, () =>
      Effect.gen(function* () {
        const { dpop, tokens } = yield* bound
        const request = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("body"))
        const { received, status } = yield* call([challenge(401, challenges, "n-1"), ok], request, tokens, { dpop })
        expect(status).toBe(200)
        expect(received.map(({ body }) => body)).toEqual(["body", "body"])
        const [first, second] = yield* proofs(received)
        expect([first?.nonce, second?.nonce]).toEqual([undefined, "n-1"])
        expect(second?.jti).not.toBe(first?.jti)
      })
    )
  }

  it.effect("repeats a request for a nonce twice, then gives the response to the caller (M9)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const replies = [nonceRequired("n-1"), nonceRequired("n-2"), nonceRequired("n-3"), nonceRequired("n-4")] as const
      const { received, result, status } = yield* call([...replies], undefined, tokens, { dpop })
      expect(status).toBe(401)
      expect((yield* proofs(received)).map(({ nonce }) => nonce)).toEqual([undefined, "n-1", "n-2"])
      const response = Result.getOrThrow(result)
      expect(ProtectedResource.readChallengeError(response)).toMatchObject({ reason: { _tag: "UseDpopNonce" } })
      expect(yield* response.text).toBe("no")
    })
  )

  const unanswerable: ReadonlyArray<readonly [what: string, reply: Reply]> = [
    ["without a nonce", challenge(401, 'DPoP error="use_dpop_nonce"')],
    ["under another scheme", challenge(401, 'Bearer error="use_dpop_nonce"', "n-1")],
    ["with another status", challenge(400, 'DPoP error="use_dpop_nonce"', "n-1")],
    ["in the text of another error", challenge(401, 'DPoP error="no", error_description="error=use_dpop_nonce"', "n-1")]
  ]
  for (const [what, reply] of unanswerable) {
    it.effect(`does not repeat a request for use_dpop_nonce ${what} (M9)`, () =>
      Effect.gen(function* () {
        const { dpop, tokens } = yield* bound
        const { received, status } = yield* call([reply, ok], undefined, tokens, { dpop })
        expect(status).toBeGreaterThan(399)
        expect(received).toHaveLength(1)
      })
    )
  }

  it.effect("repeats a request for a nonce only if the challenge lists the algorithm of the proof, or none (M13)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      for (const [algs, calls] of [
        ["EdDSA PS256", 1],
        ["EdDSA ES256", 2]
      ] as const) {
        const demand = challenge(401, `DPoP error="use_dpop_nonce", algs="${algs}"`, "n-1")
        const { received } = yield* call([demand, ok], undefined, tokens, { dpop })
        expect(received).toHaveLength(calls)
      }
    })
  )

  it.effect("does not repeat a request with a bearer token for a nonce (M9)", () =>
    Effect.gen(function* () {
      const { received, status } = yield* call([nonceRequired("n-1"), ok])
      expect([status, received.length]).toEqual([401, 1])
    })
  )

  it.effect("remembers a nonce for its own server, whose name may be written in other ways (M8)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const noncing: Reply = ({ url: address }) =>
        new Response(null, { headers: { "dpop-nonce": address.startsWith("https://rs.test/") ? "n-rs" : "n-op" } })
      const { received, layer } = serve(noncing)
      yield* ProtectedResource.make(tokens).pipe(
        Effect.flatMap((resource) =>
          Effect.forEach(
            ["https://RS.test:443/a", "https://op.test/me", "https://rs.test/b", "https://OP.test/c"],
            (address) => resource.get(address)
          )
        ),
        Effect.provide(client(layer).pipe(Layer.provide(dpop)))
      )
      expect((yield* proofs(received)).map(({ nonce }) => nonce)).toEqual([undefined, undefined, "n-rs", "n-op"])
    })
  )
})

describe("ProtectedResource.make, for refreshable tokens", () => {
  it.effect("refreshes a rejected token once, and sends the request again with the new one (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, refreshable } = numberTokens()
      const request = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("body"))
      const { received, status } = yield* call([only("t-2")], request, refreshable)
      expect(status).toBe(200)
      expect(refreshed).toEqual(["t-1"])
      expect(received.map(({ body, headers }) => [headers.authorization, body])).toEqual([
        ["Bearer t-1", "body"],
        ["Bearer t-2", "body"]
      ])
    })
  )

  it.effect("gives the response to the caller if the refreshed token is rejected, too (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, refreshable } = numberTokens()
      const { received, result, status } = yield* call([tokenExpired], undefined, refreshable)
      expect([status, refreshed, received.length]).toEqual([401, ["t-1"], 2])
      expect(yield* Result.getOrThrow(result).text).toBe("no")
    })
  )

  it.effect("fails with the error of the refresh if a rejected token cannot be refreshed (Q2)", () =>
    Effect.gen(function* () {
      const refusing = { ...numberTokens().refreshable, refresh: () => Effect.fail("no refresh token" as const) }
      const { result } = yield* call([tokenExpired], undefined, refusing)
      expect(result).toMatchObject({ failure: "no refresh token" })
    })
  )

  it.effect("gives the response to the caller if tokens without a refresh are rejected (Q2)", () =>
    Effect.gen(function* () {
      const { received, status } = yield* call([tokenExpired, ok])
      expect([status, received.length]).toEqual([401, 1])
    })
  )

  it.effect("refreshes a token once for a 401 without a challenge (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, refreshable } = numberTokens()
      const bare: Reply = () => new Response("{}", { status: 401 })
      const { received, status } = yield* call([bare, bare, ok], undefined, refreshable)
      expect([status, refreshed.length, received.length]).toEqual([401, 1, 2])
    })
  )

  const other: ReadonlyArray<readonly [what: string, reply: Reply]> = [
    ["a 401 with another error code", challenge(401, 'Bearer error="invalid_request"')],
    ["a 401 without an error code", challenge(401, "Bearer")],
    ["a 401 of another scheme", challenge(401, 'Basic error="invalid_token"')],
    ["another status", challenge(403, 'Bearer error="invalid_token"')]
  ]
  for (const [what, reply] of other) {
    it.effect(`does not refresh a token for ${what} (Q2)`, () =>
      Effect.gen(function* () {
        const { refreshed, refreshable } = numberTokens()
        const { received } = yield* call([reply, ok], undefined, refreshable)
        expect([refreshed, received.length]).toEqual([[], 1])
      })
    )
  }

  it.effect("refreshes a rejected DPoP token, then repeats the request for a demanded nonce (M9, Q2)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const refreshedTokens = { ...tokens, accessToken: Redacted.make("marker-refreshed") }
      const refreshable = { current: Effect.succeed(tokens), refresh: () => Effect.succeed(refreshedTokens) }
      const invalid = challenge(401, 'DPoP error="invalid_token", algs="ES256"')
      const { received, status } = yield* call([invalid, nonceRequired("n-1"), ok], undefined, refreshable, { dpop })
      expect(status).toBe(200)
      expect(authorizations(received)).toEqual(["DPoP marker-bound", "DPoP marker-refreshed", "DPoP marker-refreshed"])
      expect((yield* proofs(received)).map(({ ath, nonce }) => [ath, nonce])).toEqual([
        [yield* TokenHash.sha256(tokens.accessToken), undefined],
        [yield* TokenHash.sha256(refreshedTokens.accessToken), undefined],
        [yield* TokenHash.sha256(refreshedTokens.accessToken), "n-1"]
      ])
    })
  )

  it.effect("gives the rejected token to every refresh of concurrent requests (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, refreshable } = numberTokens()
      const { received, layer } = serve(only("t-2"))
      const statuses = yield* ProtectedResource.make(refreshable).pipe(
        Effect.flatMap((resource) =>
          Effect.all(
            Array.from({ length: 5 }, () => resource.get(url)),
            { concurrency: "unbounded" }
          )
        ),
        Effect.map((responses) => responses.map(({ status }) => status)),
        Effect.provide(client(layer))
      )
      expect(statuses).toEqual([200, 200, 200, 200, 200])
      expect(new Set(refreshed)).toEqual(new Set(["t-1"]))
      expect(new Set(authorizations(received))).toEqual(new Set(["Bearer t-1", "Bearer t-2"]))
    })
  )

  it.effect("reads the response that rejects a token before the next request, so that its connection is free", () =>
    Effect.gen(function* () {
      let ended = 0
      const countReads =
        (reply: Reply): Reply =>
        (request) => {
          const response = reply(request)
          if (!(response instanceof Response)) return response
          const body = new ReadableStream<Uint8Array>(
            {
              pull: (controller) => {
                ended += 1
                controller.close()
              }
            },
            { highWaterMark: 0 }
          )
          return new Response(body, response)
        }
      const { status } = yield* call([countReads(only("t-2"))], undefined, numberTokens().refreshable)
      expect([status, ended]).toEqual([200, 1])
    })
  )
})

describe("ProtectedResource.make, for a body that can be sent once", () => {
  const bytes = () => Stream.make(new TextEncoder().encode("streamed"))
  for (const [what, body] of [
    ["a stream for a body", HttpBody.stream(bytes())],
    ["a body of the runtime's", HttpBody.raw(new ReadableStream())]
  ] as const) {
    it.effect(`does not send ${what} again, and gives the response to the caller`, () =>
      Effect.gen(function* () {
        const { dpop, tokens } = yield* bound
        const request = HttpClientRequest.post(url, { body })
        const { refreshed, refreshable } = numberTokens()
        const stale = yield* call([tokenExpired, ok], request, refreshable)
        expect([stale.status, refreshed, stale.received.length]).toEqual([401, [], 1])
        const unproven = yield* call([nonceRequired("n-1"), ok], request, tokens, { dpop })
        expect([unproven.status, unproven.received.length]).toEqual([401, 1])
      })
    )
  }

  it.effect("sends a form again with a refreshed token", () =>
    Effect.gen(function* () {
      const { refreshable } = numberTokens()
      const request = HttpClientRequest.post(url, { body: HttpBody.formData(new FormData()) })
      expect((yield* call([only("t-2")], request, refreshable)).status).toBe(200)
    })
  )
})

it.effect("ProtectedResource.make gives an HttpClient that works with the functions of HttpClient", () =>
  Effect.gen(function* () {
    const { received, layer } = serve(ok)
    const body = yield* ProtectedResource.make(bearer()).pipe(
      Effect.map(HttpClient.mapRequest(HttpClientRequest.prependUrl("https://rs.test/v1"))),
      Effect.map(HttpClient.mapRequest(HttpClientRequest.setHeader("authorization", "Basic another"))),
      Effect.map(HttpClient.filterStatusOk),
      Effect.flatMap((resource) => resource.get("/accounts")),
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Schema.Struct({ served: Schema.Boolean }))),
      Effect.provide(client(layer))
    )
    expect(body).toEqual({ served: true })
    expect(received.map(({ headers, url: address }) => [address, headers.authorization])).toEqual([
      ["https://rs.test/v1/accounts", "Bearer marker-access"]
    ])
  })
)
