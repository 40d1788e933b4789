import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Dpop, ProtectedResource, SigningKey, type Transport } from "@effect-ciba/core"
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

/** Calls a server with a token; gives what it heard, and the answer. */
const calling = <E = never>(
  replies: Parameters<typeof serve>,
  request: HttpClientRequest.HttpClientRequest = HttpClientRequest.get(url),
  source: ProtectedResource.Tokens | ProtectedResource.RefreshableTokens<ProtectedResource.Tokens, E> = bearer(),
  options: ProtectedResource.Options & { readonly dpop?: Layer.Layer<never>; readonly limits?: Transport.Options } = {}
) => {
  const { received, layer } = serve(...replies)
  return ProtectedResource.make(source, options).pipe(
    Effect.flatMap((resource) => Effect.result(resource.execute(request))),
    Effect.map((result) => ({
      heard: received,
      result,
      status: result._tag === "Success" ? result.success.status : undefined
    })),
    Effect.provide(client(layer, options.limits).pipe(Layer.provide(options.dpop ?? Layer.empty)))
  )
}

/** A token bound to a key, and the layer that proves it. */
const bound = Effect.gen(function* () {
  const key = yield* SigningKey.generate("ES256")
  return {
    key,
    tokens: { accessToken: Redacted.make("marker-bound"), tokenType: "DPoP", proofKey: key.privateJwk },
    dpop: Dpop.layer({ key })
  }
})

const proofs = (heard: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>> }>) =>
  Effect.forEach(heard, ({ headers }) => decodePart(headers.dpop ?? "", 1))

/** Tokens that are numbered, and counted. */
const numbered = () => {
  let number = 1
  const refreshed: Array<string> = []
  const renewable: ProtectedResource.RefreshableTokens = {
    current: Effect.sync(() => bearer(`t-${number}`)),
    refresh: ({ accessToken }) =>
      Effect.sync(() => {
        refreshed.push(Redacted.value(accessToken))
        if (Redacted.value(accessToken) === `t-${number}`) number += 1
        return bearer(`t-${number}`)
      })
  }
  return { refreshed, renewable }
}

const only =
  (accessToken: string, otherwise: Reply = tokenExpired): Reply =>
  (heard) =>
    (heard.headers.authorization === `Bearer ${accessToken}` ? ok : otherwise)(heard)

const authorizations = (heard: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>> }>) =>
  heard.map(({ headers }) => headers.authorization)

describe("a token", () => {
  it.effect("goes into the Authorization header, and nowhere else (S1)", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.post(`${url}?a=b%20c&d`).pipe(HttpClientRequest.bodyText("some text"))
      const { heard, status } = yield* calling([ok], request)
      expect(status).toBe(200)
      expect(heard).toEqual([
        {
          method: "POST",
          url: `${url}?a=b%20c&d`,
          headers: { authorization: "Bearer marker-access", "content-length": "9", "content-type": "text/plain" },
          body: "some text"
        }
      ])
    })
  )

  it.effect("is not replaced by the caller's own Authorization; other headers pass (S1)", () =>
    Effect.gen(function* () {
      const headers = { Authorization: "Bearer another", "X-Fapi-Interaction-Id": "i-1", accept: "text/csv" }
      const { heard } = yield* calling([ok], HttpClientRequest.get(url, { headers }))
      expect(heard[0]?.headers).toEqual({
        authorization: "Bearer marker-access",
        "x-fapi-interaction-id": "i-1",
        accept: "text/csv"
      })
    })
  )

  it.effect("goes out without the headers that the client withholds, in any case", () =>
    Effect.gen(function* () {
      const headers = { "x-fapi-customer-ip-address": "192.0.2.1", "X-Fapi-Auth-Date": "today", "x-other": "1" }
      const withheldHeaders = ["X-FAPI-Customer-IP-Address", "x-fapi-auth-date", "authorization"]
      const { heard } = yield* calling([ok], HttpClientRequest.get(url, { headers }), bearer(), { withheldHeaders })
      expect(heard[0]?.headers).toEqual({ authorization: "Bearer marker-access", "x-other": "1" })
    })
  )

  for (const tokenType of ["N_A", "mac", "", "DPoP2"]) {
    it.effect(`of the type "${tokenType}" is not used`, () =>
      Effect.gen(function* () {
        const { heard, result } = yield* calling([ok], undefined, { ...bearer(), tokenType })
        expect(result).toMatchObject({ failure: { _tag: "ResourceError", reason: { _tag: "UnsupportedTokenType" } } })
        expect(heard).toEqual([])
      })
    )
  }

  it.effect("that is bound is not used without somebody who proves it", () =>
    Effect.gen(function* () {
      const { tokens } = yield* bound
      for (const proofKey of [tokens.proofKey, undefined]) {
        const { heard, result } = yield* calling([ok], undefined, { ...tokens, proofKey })
        expect(result).toMatchObject({ failure: { reason: { _tag: "InvalidKey" } } })
        expect(heard).toEqual([])
      }
    })
  )

  it.effect("never leaves over plain http, but for loopback where that is allowed", () =>
    Effect.gen(function* () {
      const local = HttpClientRequest.get("http://127.0.0.1:8080/accounts")
      for (const request of [local, HttpClientRequest.get("http://rs.test/")]) {
        const { heard, result } = yield* calling([ok], request)
        expect(result).toMatchObject({ failure: { reason: { _tag: "TransportError", kind: "InsecureUrl" } } })
        expect(heard).toEqual([])
      }
      const { status } = yield* calling([ok], local, bearer(), { limits: { allowInsecureRequests: "loopback" } })
      expect(status).toBe(200)
    })
  )

  for (const status of [301, 302, 303, 307, 308]) {
    it.effect(`does not follow a redirect (${status}) to another server`, () =>
      Effect.gen(function* () {
        const away: Reply = () => new Response(null, { status, headers: { location: "https://evil.test/" } })
        const { heard, result } = yield* calling([away, ok])
        expect(result).toMatchObject({ failure: { reason: { _tag: "TransportError", kind: "Redirected", status } } })
        expect(heard.map((request) => request.url)).toEqual([url])
      })
    )
  }

  it.effect("is not in an error, however that is printed", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const away: Reply = () => Response.redirect("https://rs.test/marker-location")
      for (const [reply, address] of [
        [away, url],
        [ok, "http://rs.test/?marker-query"]
      ] as const) {
        const { result } = yield* calling([reply], HttpClientRequest.get(address), tokens, { dpop })
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

describe("a bound token", () => {
  it.effect("goes under the DPoP scheme, with a proof for the method and URL that are called (M4, M11)", () =>
    Effect.gen(function* () {
      const { dpop, key, tokens } = yield* bound
      for (const tokenType of ["DPoP", "dpop"]) {
        const request = HttpClientRequest.put("https://RS.test:443/a/../accounts?from=1#top")
        const { heard } = yield* calling([ok], request, { ...tokens, tokenType }, { dpop })
        expect(authorizations(heard)).toEqual(["DPoP marker-bound"])
        const [proof] = yield* proofs(heard)
        expect(proof).toMatchObject({ htm: "PUT", htu: url, ath: yield* TokenHash.sha256(tokens.accessToken) })
        expect(heard[0]?.url).toBe(`${url}?from=1#top`)
        const header = yield* decodePart(heard[0]?.headers.dpop ?? "", 0)
        expect(header).toMatchObject({ jwk: { x: key.publicJwk.x } })
      }
    })
  )

  it.effect("is proven with its own key, or with the client's where its own was not kept (M4)", () =>
    Effect.gen(function* () {
      const { dpop, key, tokens } = yield* bound
      const other = yield* SigningKey.generate("ES256")
      for (const [proofKey, expected] of [
        [other.privateJwk, other],
        [undefined, key]
      ] as const) {
        const { heard } = yield* calling([ok], undefined, { ...tokens, proofKey }, { dpop })
        const header = yield* decodePart(heard[0]?.headers.dpop ?? "", 0)
        expect(header).toMatchObject({ jwk: { x: expected.publicJwk.x } })
      }
    })
  )

  it.effect("leaves another client's own proof behind", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const { heard } = yield* calling([ok], HttpClientRequest.get(url, { headers: { DPoP: "another" } }), tokens, {
        dpop
      })
      expect((yield* proofs(heard))[0]).toMatchObject({ htm: "GET", htu: url })
    })
  )

  it.effect("without a key is a bearer token, and has no proof", () =>
    Effect.gen(function* () {
      const { dpop } = yield* bound
      const { heard } = yield* calling([ok], undefined, bearer(), { dpop })
      expect(heard[0]?.headers).toEqual({ authorization: "Bearer marker-access" })
    })
  )
})

describe("a demand for a nonce", () => {
  const demands: ReadonlyArray<readonly [what: string, challenges: string]> = [
    ["alone", 'DPoP error="use_dpop_nonce"'],
    ["in another case and unquoted", "dpop ERROR=use_dpop_nonce"],
    ["among other challenges", 'Bearer realm="a, b", DPoP error="use_dpop_nonce", algs="PS256 ES256", Basic realm=x']
  ]
  for (const [what, challenges] of demands) {
    it.effect(`${what} is answered with a new proof (M9)`, () =>
      Effect.gen(function* () {
        const { dpop, tokens } = yield* bound
        const request = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("body"))
        const { heard, status } = yield* calling([challenge(401, challenges, "n-1"), ok], request, tokens, { dpop })
        expect(status).toBe(200)
        expect(heard.map(({ body }) => body)).toEqual(["body", "body"])
        const [first, second] = yield* proofs(heard)
        expect([first?.nonce, second?.nonce]).toEqual([undefined, "n-1"])
        expect(second?.jti).not.toBe(first?.jti)
      })
    )
  }

  it.effect("is answered twice, and then given to the caller (M9)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const replies = [nonceRequired("n-1"), nonceRequired("n-2"), nonceRequired("n-3"), nonceRequired("n-4")] as const
      const { heard, result, status } = yield* calling([...replies], undefined, tokens, { dpop })
      expect(status).toBe(401)
      expect((yield* proofs(heard)).map(({ nonce }) => nonce)).toEqual([undefined, "n-1", "n-2"])
      const response = Result.getOrThrow(result)
      expect(ProtectedResource.readRefusal(response)).toMatchObject({ reason: { _tag: "UseDpopNonce" } })
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
    it.effect(`${what} is given to the caller (M9)`, () =>
      Effect.gen(function* () {
        const { dpop, tokens } = yield* bound
        const { heard, status } = yield* calling([reply, ok], undefined, tokens, { dpop })
        expect(status).toBeGreaterThan(399)
        expect(heard).toHaveLength(1)
      })
    )
  }

  it.effect("is answered only in an algorithm that the challenge lists, where it lists some (M13)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      for (const [algs, calls] of [
        ["EdDSA PS256", 1],
        ["EdDSA ES256", 2]
      ] as const) {
        const demand = challenge(401, `DPoP error="use_dpop_nonce", algs="${algs}"`, "n-1")
        const { heard } = yield* calling([demand, ok], undefined, tokens, { dpop })
        expect(heard).toHaveLength(calls)
      }
    })
  )

  it.effect("is nothing to a bearer token (M9)", () =>
    Effect.gen(function* () {
      const { heard, status } = yield* calling([nonceRequired("n-1"), ok])
      expect([status, heard.length]).toEqual([401, 1])
    })
  )

  it.effect("is remembered for its own server, however its name is written (M8)", () =>
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

describe("a refused token", () => {
  it.effect("is renewed once, and the request sent again with the new one (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, renewable } = numbered()
      const request = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("body"))
      const { heard, status } = yield* calling([only("t-2")], request, renewable)
      expect(status).toBe(200)
      expect(refreshed).toEqual(["t-1"])
      expect(heard.map(({ body, headers }) => [headers.authorization, body])).toEqual([
        ["Bearer t-1", "body"],
        ["Bearer t-2", "body"]
      ])
    })
  )

  it.effect("that is refused again after its renewal gives the caller the answer (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, renewable } = numbered()
      const { heard, result, status } = yield* calling([tokenExpired], undefined, renewable)
      expect([status, refreshed, heard.length]).toEqual([401, ["t-1"], 2])
      expect(yield* Result.getOrThrow(result).text).toBe("no")
    })
  )

  it.effect("that cannot be renewed gives the caller the reason (Q2)", () =>
    Effect.gen(function* () {
      const refusing = { ...numbered().renewable, refresh: () => Effect.fail("no refresh token" as const) }
      const { result } = yield* calling([tokenExpired], undefined, refusing)
      expect(result).toMatchObject({ failure: "no refresh token" })
    })
  )

  it.effect("without a way to renew it gives the caller the answer (Q2)", () =>
    Effect.gen(function* () {
      const { heard, status } = yield* calling([tokenExpired, ok])
      expect([status, heard.length]).toEqual([401, 1])
    })
  )

  const other: ReadonlyArray<readonly [what: string, reply: Reply]> = [
    ["a 401 for another reason", challenge(401, 'Bearer error="invalid_request"')],
    ["a 401 without a reason", challenge(401, "Bearer")],
    ["a 401 of another scheme", challenge(401, 'Basic error="invalid_token"')],
    ["another status", challenge(403, 'Bearer error="invalid_token"')]
  ]
  for (const [what, reply] of other) {
    it.effect(`is not renewed for ${what} (Q2)`, () =>
      Effect.gen(function* () {
        const { refreshed, renewable } = numbered()
        const { heard } = yield* calling([reply, ok], undefined, renewable)
        expect([refreshed, heard.length]).toEqual([[], 1])
      })
    )
  }

  it.effect("is renewed under either scheme, and a nonce's demand answered after it (M9, Q2)", () =>
    Effect.gen(function* () {
      const { dpop, tokens } = yield* bound
      const renewed = { ...tokens, accessToken: Redacted.make("marker-renewed") }
      const renewable = { current: Effect.succeed(tokens), refresh: () => Effect.succeed(renewed) }
      const invalid = challenge(401, 'DPoP error="invalid_token", algs="ES256"')
      const { heard, status } = yield* calling([invalid, nonceRequired("n-1"), ok], undefined, renewable, { dpop })
      expect(status).toBe(200)
      expect(authorizations(heard)).toEqual(["DPoP marker-bound", "DPoP marker-renewed", "DPoP marker-renewed"])
      expect((yield* proofs(heard)).map(({ ath, nonce }) => [ath, nonce])).toEqual([
        [yield* TokenHash.sha256(tokens.accessToken), undefined],
        [yield* TokenHash.sha256(renewed.accessToken), undefined],
        [yield* TokenHash.sha256(renewed.accessToken), "n-1"]
      ])
    })
  )

  it.effect("is named to those who renew it, by every call that it failed (Q2)", () =>
    Effect.gen(function* () {
      const { refreshed, renewable } = numbered()
      const { received, layer } = serve(only("t-2"))
      const statuses = yield* ProtectedResource.make(renewable).pipe(
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

  it.effect("has its answer read before the next try, so that no connection stays taken", () =>
    Effect.gen(function* () {
      let ended = 0
      const counted =
        (reply: Reply): Reply =>
        (heard) => {
          const response = reply(heard)
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
      const { status } = yield* calling([counted(only("t-2"))], undefined, numbered().renewable)
      expect([status, ended]).toEqual([200, 1])
    })
  )
})

describe("a body that can be sent once", () => {
  const bytes = () => Stream.make(new TextEncoder().encode("streamed"))
  for (const [what, body] of [
    ["a stream", HttpBody.stream(bytes())],
    ["a body of the runtime's", HttpBody.raw(new ReadableStream())]
  ] as const) {
    it.effect(`(${what}) is not sent again: the caller has the answer`, () =>
      Effect.gen(function* () {
        const { dpop, tokens } = yield* bound
        const request = HttpClientRequest.post(url, { body })
        const { refreshed, renewable } = numbered()
        const stale = yield* calling([tokenExpired, ok], request, renewable)
        expect([stale.status, refreshed, stale.heard.length]).toEqual([401, [], 1])
        const unproven = yield* calling([nonceRequired("n-1"), ok], request, tokens, { dpop })
        expect([unproven.status, unproven.heard.length]).toEqual([401, 1])
      })
    )
  }

  it.effect("does not matter to a form, which can be sent again", () =>
    Effect.gen(function* () {
      const { renewable } = numbered()
      const request = HttpClientRequest.post(url, { body: HttpBody.formData(new FormData()) })
      expect((yield* calling([only("t-2")], request, renewable)).status).toBe(200)
    })
  )
})

it.effect("the client is an HttpClient, and takes what HttpClients take", () =>
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
