import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as SenderConstraint from "../../src/http/SenderConstraint.ts"

const bearer = SenderConstraint.SenderConstraint.defaultValue()

const dpop: SenderConstraint.SenderConstraint = { ...bearer, tokenType: "DPoP", algorithm: "ES256" }

interface Failure {
  readonly reason: { readonly _tag: string }
}

/** Runs a request whose attempts give these outcomes: a failure's tag, or a response. */
const run = (
  constraint: SenderConstraint.SenderConstraint | undefined,
  outcomes: ReadonlyArray<{ readonly tag: string } | string>
) => {
  const discarded: Array<string> = []
  let sent = 0
  const request = Effect.suspend((): Effect.Effect<string, Failure> => {
    const outcome = outcomes[sent++] ?? "none left"
    return typeof outcome === "string" ? Effect.succeed(outcome) : Effect.fail({ reason: { _tag: outcome.tag } })
  })
  return SenderConstraint.retryWithNonce(constraint, request, {
    isDemand: (response) => response.startsWith("demand"),
    discard: (response) => Effect.sync(() => void discarded.push(response))
  }).pipe(
    Effect.result,
    Effect.map((result) => ({ result, sent, discarded }))
  )
}

describe("retryWithNonce", () => {
  const demand = { tag: "UseDpopNonce" }

  it.effect("sends a request again when its error is use_dpop_nonce (Q2)", () =>
    Effect.gen(function* () {
      expect(yield* run(dpop, [demand, "tokens"])).toMatchObject({ result: { success: "tokens" }, sent: 2 })
    })
  )

  it.effect("sends a request again when its response demands a nonce, and discards that response (Q2)", () =>
    Effect.gen(function* () {
      const { discarded, result, sent } = yield* run(dpop, ["demand 1", "demand 2", "account"])
      expect({ discarded, sent }).toEqual({ discarded: ["demand 1", "demand 2"], sent: 3 })
      expect(result).toMatchObject({ success: "account" })
    })
  )

  it.effect("gives the third error to the caller", () =>
    Effect.gen(function* () {
      const { result, sent } = yield* run(dpop, [demand, demand, demand, "tokens"])
      expect(sent).toBe(3)
      expect(result).toMatchObject({ failure: { reason: { _tag: "UseDpopNonce" } } })
    })
  )

  it.effect("gives the third response to the caller, its body unread", () =>
    Effect.gen(function* () {
      const { discarded, result, sent } = yield* run(dpop, ["demand 1", "demand 2", "demand 3", "account"])
      expect({ discarded, sent }).toEqual({ discarded: ["demand 1", "demand 2"], sent: 3 })
      expect(result).toMatchObject({ success: "demand 3" })
    })
  )

  it.effect("sends a request once when it fails for another reason", () =>
    Effect.gen(function* () {
      expect(yield* run(dpop, [{ tag: "InvalidDpopProof" }, "tokens"])).toMatchObject({ sent: 1 })
    })
  )

  for (const [client, constraint] of [
    ["a bearer token", bearer],
    ["no proof", undefined]
  ] as const) {
    it.effect(`sends a request with ${client} once, whatever the response demands`, () =>
      Effect.gen(function* () {
        expect(yield* run(constraint, [demand, "tokens"])).toMatchObject({ sent: 1 })
        expect(yield* run(constraint, ["demand", "account"])).toMatchObject({ sent: 1, discarded: [] })
      })
    )
  }
})

describe("the default sender constraint", () => {
  it.effect("refuses a stored DPoP key, and names Dpop.layer", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(bearer.withKey(Redacted.make({ kty: "EC" })))
      expect(error.message).toContain("provide Dpop.layer")
    })
  )
})
