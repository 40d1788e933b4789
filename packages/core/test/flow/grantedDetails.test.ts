// Authorization details, resources and grants in a whole flow.
import { describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, Ciba } from "@effect-ciba/core"
import { ProviderScript, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { cibaLayer, initiate, requestsTo } from "../support/AuthenticationFlow.ts"

const approving: ProviderOptions = { user: TestUser.approve() }

/** How a flow ends within the hour. */
const outcome = (options?: Partial<AuthenticationRequest.Options>) =>
  Effect.gen(function* () {
    const pending = yield* initiate(options)
    const wait = yield* Effect.forkChild(Effect.result(Ciba.complete(pending)))
    yield* TestClock.adjust("1 hour")
    return yield* Effect.fromResult(yield* Fiber.join(wait))
  })

const details = [{ type: "payment", amount: "12.30" }]

describe("granted authorization details, scope and lifetime", () => {
  it.effect("narrows the token with each poll, and leaves the authentication request unchanged (O3, P2, P4)", () =>
    Effect.gen(function* () {
      yield* outcome({ authorizationDetails: [...details, { type: "account" }], resource: "https://a.test" })
      const [asked] = yield* requestsTo("backchannel")
      expect(asked?.parameters.slice(2)).toEqual([
        ["authorization_details", '[{"type":"payment","amount":"12.30"},{"type":"account"}]'],
        ["resource", "https://a.test"]
      ])
      const polls = yield* requestsTo("token")
      expect(polls).toHaveLength(2)
      for (const { parameters } of polls) {
        expect(parameters.slice(2)).toEqual([
          ["authorization_details", '[{"type":"payment","amount":"12.30"}]'],
          ["resource", "https://a.test/accounts"]
        ])
      }
    }).pipe(
      Effect.provide(
        cibaLayer(
          { ...approving, tokenScript: ProviderScript.make([ProviderScript.pending]) },
          { poll: { authorizationDetails: details, resource: "https://a.test/accounts" } }
        )
      )
    )
  )

  it.effect("has the authorization details of the token response, although others were requested (O4)", () =>
    Effect.gen(function* () {
      const identity = yield* outcome({ authorizationDetails: details })
      expect(identity.authorizationDetails).toEqual([{ type: "payment", amount: "10.00", account: "…42" }])
    }).pipe(
      Effect.provide(
        cibaLayer({
          ...approving,
          tokenResponse: (body) => ({
            ...body,
            authorization_details: [{ type: "payment", amount: "10.00", account: "…42" }]
          })
        })
      )
    )
  )

  it.effect("has no authorization details when the token response has none, although they were requested (O4)", () =>
    Effect.gen(function* () {
      const identity = yield* outcome({ authorizationDetails: details })
      expect(identity.authorizationDetails).toBeUndefined()
    }).pipe(Effect.provide(cibaLayer(approving)))
  )

  it.effect("has the grant_id of the token response, and not that of the acknowledgement (U6)", () =>
    Effect.gen(function* () {
      const pending = yield* initiate({ grantManagement: { action: "create" } })
      expect(Object.keys(pending)).not.toContain("grantId")
      const identity = yield* outcome({ grantManagement: { action: "create" } })
      expect(identity.grantId).toBe("g-2")
    }).pipe(
      Effect.provide(
        cibaLayer({
          ...approving,
          acknowledgement: (body) => ({ ...body, grant_id: "g-1" }),
          tokenResponse: (body) => ({ ...body, grant_id: "g-2" })
        })
      )
    )
  )

  it.effect("has no grant_id when only the acknowledgement has one (U6)", () =>
    Effect.gen(function* () {
      expect((yield* outcome({ grantManagement: { action: "create" } })).grantId).toBeUndefined()
    }).pipe(Effect.provide(cibaLayer({ ...approving, acknowledgement: (body) => ({ ...body, grant_id: "g-1" }) })))
  )

  for (const [code, tag, row] of [
    ["invalid_authorization_details", "InvalidAuthorizationDetails", "O5"],
    ["invalid_target", "InvalidTarget", "P3"],
    ["invalid_grant_id", "InvalidGrantId", "U7"]
  ] as const) {
    it.effect(`ends the wait with ${code} from the token endpoint (${row})`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(outcome())
        expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: tag, code, status: 400 } })
        expect(yield* requestsTo("token")).toHaveLength(1)
      }).pipe(
        Effect.provide(cibaLayer({ ...approving, tokenScript: ProviderScript.make([ProviderScript.error(code)]) }))
      )
    )
  }

  for (const granted of [30, 600]) {
    it.effect(`expires after the granted ${granted} seconds when two minutes were requested (T-25)`, () =>
      Effect.gen(function* () {
        const pending = yield* initiate({ requestedExpiry: "2 minutes" })
        expect(pending.expiresAt).toEqual(DateTime.makeUnsafe(granted * 1000))
      }).pipe(
        Effect.provide(cibaLayer({ ...approving, acknowledgement: (body) => ({ ...body, expires_in: granted }) }))
      )
    )
  }
})
