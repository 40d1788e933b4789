// Text of the provider in errors, which end up in logs and terminals: short, and on one line.
import { describe, expect, it } from "@effect/vitest"
import { IdToken, IdTokenVerifier } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { cibaLayer, initiate, withMetadata } from "../support/AuthenticationFlow.ts"

const rejectEndpoint = (endpoint: string) =>
  Effect.flip(initiate()).pipe(
    Effect.provide(cibaLayer(withMetadata({ backchannel_authentication_endpoint: endpoint })))
  )

describe("DisplayText in a flow", () => {
  for (const [what, endpoint, shown] of [
    ["escapes", "\u001b[31mhttp\u0007", " [31mhttp "],
    ["lines", "http://op.example/\nERROR\u2028done", "http://op.example/ ERROR done"],
    ["half characters", "http://op.example/\ud800", "http://op.example/ "],
    ["no end", `http://op.example/${"x".repeat(100_000)}`, `http://op.example/${"x".repeat(282)}`]
  ] as const) {
    it.effect(`shows a published URL with ${what} as one short line`, () =>
      Effect.map(rejectEndpoint(endpoint), ({ message }) =>
        expect(message).toBe(
          `TransportError: POST ${shown}: the URL is not https; plain http works only for loopback, with allowInsecureRequests: "loopback", or for hosts that it names (InsecureUrl)`
        )
      )
    )
  }
})

it.effect("a token with thousands of invalid members is rejected with a short message", () =>
  Effect.gen(function* () {
    const audience = Array.from({ length: 5000 }, () => 0)
    const jwt = yield* JsonWebToken.sign(
      { iss: "https://provider.test", sub: "jo", aud: audience, exp: 1, iat: 1 },
      { key: yield* TestKeys.signing("RS256") }
    )
    const error = yield* Effect.flip(
      IdTokenVerifier.IdTokenVerifier.use((verifier) => verifier.claims(IdToken.make(jwt)))
    )
    expect(error.reason._tag).toBe("InvalidClaims")
    expect(error.message).toMatch(/^InvalidClaims: the claims are not valid: Expected .*at \["aud"\]/)
    expect(error.message.length).toBeLessThan(600)
    expect(JSON.stringify(error).length).toBeLessThan(1000)
  }).pipe(Effect.provide(cibaLayer()))
)
