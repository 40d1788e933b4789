import { describe, expect, it } from "@effect/vitest"
import { ProtectedResource } from "@effect-ciba/core"
import { Effect } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { bearer, client, serve } from "../support/ResourceServer.ts"

const url = "https://rs.test/accounts"

describe("ResourceError", () => {
  const respond = (status: number, challenges?: string) =>
    HttpClientResponse.fromWeb(
      HttpClientRequest.get(url),
      new Response(null, { status, ...(challenges && { headers: { "www-authenticate": challenges } }) })
    )

  const reasons: ReadonlyArray<readonly [status: number, challenges: string | undefined, reason: object]> = [
    [400, 'Bearer error="invalid_request"', { _tag: "InvalidRequest", code: "invalid_request", status: 400 }],
    [401, 'Bearer error="invalid_token"', { _tag: "InvalidToken", code: "invalid_token", status: 401 }],
    [401, 'DPoP error="invalid_token"', { _tag: "InvalidToken" }],
    [
      403,
      'Bearer error="insufficient_scope", scope="accounts payments"',
      { _tag: "InsufficientScope", scope: ["accounts", "payments"], status: 403 }
    ],
    [401, 'DPoP error="use_dpop_nonce", algs="ES256"', { _tag: "UseDpopNonce", algs: ["ES256"] }],
    [
      401,
      'DPoP error="invalid_dpop_proof", algs="ES256 PS256"',
      { _tag: "InvalidDpopProof", algs: ["ES256", "PS256"] }
    ],
    [401, 'Bearer error="tired", error_description="Go away"', { _tag: "Unrecognized", description: "Go away" }],
    [401, 'Basic realm="x", DPoP algs="ES256", Bearer error="invalid_token"', { _tag: "InvalidToken" }],
    [401, "Bearer", { _tag: "Unrecognized", status: 401 }],
    [401, 'Basic error="invalid_token"', { _tag: "Unrecognized" }],
    [401, undefined, { _tag: "Unrecognized", status: 401 }]
  ]
  for (const [status, challenges, reason] of reasons) {
    it.effect(`is the failure for ${status} with ${challenges ?? "no challenge"} (S3)`, () =>
      Effect.gen(function* () {
        expect(ProtectedResource.readChallengeError(respond(status, challenges))).toMatchObject({
          _tag: "ResourceError",
          reason
        })
        const { received, layer } = serve(() => new Response(null, respond(status, challenges)))
        const error = yield* ProtectedResource.make(bearer()).pipe(
          Effect.map(ProtectedResource.failOnChallengeError),
          Effect.flatMap((resource) => Effect.flip(resource.get(url))),
          Effect.provide(client(layer))
        )
        expect(error).toMatchObject({ _tag: "ResourceError", reason })
        expect(received).toHaveLength(1)
      })
    )
  }

  for (const [status, challenges] of [
    [200, undefined],
    [200, 'Bearer error="invalid_token"'],
    [403, undefined],
    [403, "Bearer"],
    [400, undefined],
    [404, 'Bearer error="invalid_token"'],
    [500, undefined]
  ] as const) {
    it.effect(`is not the failure for ${status} with ${challenges ?? "no challenge"} (S3)`, () =>
      Effect.gen(function* () {
        expect(ProtectedResource.readChallengeError(respond(status, challenges))).toBeUndefined()
        const { layer } = serve(() => new Response(null, respond(status, challenges)))
        const response = yield* ProtectedResource.make(bearer()).pipe(
          Effect.map(ProtectedResource.failOnChallengeError),
          Effect.flatMap((resource) => resource.get(url)),
          Effect.provide(client(layer))
        )
        expect(response.status).toBe(status)
      })
    )
  }

  it("shows what the challenge says, sanitized and cut (S3)", () => {
    const message = (status: number, challenges: string) =>
      ProtectedResource.readChallengeError(respond(status, challenges))?.message
    expect(message(403, 'Bearer error=insufficient_scope, scope="a b"')).toBe(
      'InsufficientScope: the access token lacks the scope that the resource demands (insufficient_scope, status 403, scope "a b")'
    )
    expect(message(401, "Bearer")).toBe("Unrecognized: the resource server refuses the request (status 401)")
    expect(message(401, 'DPoP error=invalid_dpop_proof, algs="ES256 PS256"')).toBe(
      'InvalidDpopProof: the resource server does not accept the DPoP proof (invalid_dpop_proof, status 401, algs "ES256 PS256")'
    )
    const long = message(401, `Bearer error="${"e".repeat(5000)}", error_description="a\u009fb${"d".repeat(5000)}"`)
    expect(long).toContain(": a bddd")
    expect(long?.length).toBeLessThan(1000)
  })
})
