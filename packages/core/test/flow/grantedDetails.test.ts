// Authorization details, resources and grants in a whole flow.
import { inspect } from "node:util"
import { assert, describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, Ciba, IdTokenError, PendingAuthentication, Revocation } from "@effect-ciba/core"
import { ProviderScript, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Effect, Fiber, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { cibaLayer, initiate, requestsTo } from "../support/AuthenticationFlow.ts"

const approving: ProviderOptions = { user: TestUser.approve() }

/** A provider that approves, and names no details. */
const withoutDetails: ProviderOptions = {
  ...approving,
  tokenResponse: ({ authorization_details: _, ...body }) => body
}

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
    }).pipe(Effect.provide(cibaLayer(withoutDetails)))
  )

  const granting = (granted: unknown, changes: ProviderOptions = {}): ProviderOptions => ({
    ...approving,
    tokenResponse: (body) => ({ ...body, authorization_details: granted }),
    ...changes
  })

  const essential = { authorizationDetails: details, essentialAuthorizationDetails: true }

  it.effect("succeeds where exactly the essential details are granted (O9)", () =>
    Effect.gen(function* () {
      const identity = yield* outcome(essential)
      expect(identity.authorizationDetails).toEqual([{ amount: "12.30", type: "payment" }])
    }).pipe(Effect.provide(cibaLayer(granting([{ amount: "12.30", type: "payment" }]))))
  )

  it.effect(
    "fails for other ones than the essential details, and lets the caller revoke or use what was granted (O9)",
    () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(outcome(essential))
        expect(error.message).toBe(
          "UnexpectedAuthorizationDetails: other authorization_details were granted than were requested: payment differs in amount"
        )
        expect(error.next).toBe("settleGrant")
        assert(error.reason._tag === "UnexpectedAuthorizationDetails" && error.reason.identity !== undefined)
        const identity = Redacted.value(error.reason.identity)
        expect(identity).toMatchObject({ subject: "jo", authorizationDetails: [{ type: "payment", amount: "10.00" }] })
        yield* Revocation.revoke(identity.accessToken)
        expect(yield* requestsTo("token")).toHaveLength(1)
        expect(yield* requestsTo("revocation")).toHaveLength(1)
      }).pipe(Effect.provide(cibaLayer(granting([{ type: "payment", amount: "10.00" }]))))
  )

  it.effect("fails if the token response does not name the essential details (O4, O9)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(outcome(essential))
      expect(error.reason).toMatchObject({
        _tag: "UnexpectedAuthorizationDetails",
        problem: "the response has none"
      })
    }).pipe(Effect.provide(cibaLayer(withoutDetails)))
  )

  it.effect("refuses a forged ID Token before it compares details, and hands out nothing of it (I5, O9)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(outcome(essential))
      expect(error.reason).toMatchObject({ _tag: "WrongAudience" })
      expect(error.reason).not.toHaveProperty("identity")
    }).pipe(
      Effect.provide(cibaLayer(granting([], { idTokenClaims: (claims) => ({ ...claims, aud: "another-client" }) })))
    )
  )

  it.effect("demands the essential details in the process that goes on with a stored request, too (O9)", () =>
    Effect.gen(function* () {
      const stored = yield* Schema.encodeEffect(PendingAuthentication.unsafeJson)(yield* initiate(essential))
      const pending = yield* Schema.decodeEffect(PendingAuthentication.unsafeJson)(stored)
      const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
      yield* TestClock.adjust("1 minute")
      const { reason } = yield* Fiber.join(wait)
      expect(reason).toMatchObject({ _tag: "UnexpectedAuthorizationDetails", problem: "payment is not granted" })
    }).pipe(Effect.provide(cibaLayer(granting([]))))
  )

  it.effect("shows and encodes the error without tokens, claims and values (I13, O9)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(outcome(essential))
      const codec = Schema.toCodecJson(IdTokenError.IdTokenError)
      const encoded = yield* Schema.encodeUnknownEffect(codec)(error)
      const decoded = yield* Schema.decodeUnknownEffect(codec)(encoded)
      expect(decoded.message).toBe(error.message)
      expect(decoded.reason).not.toHaveProperty("identity")
      for (const shown of [
        JSON.stringify(error),
        JSON.stringify(encoded),
        inspect(error, { depth: 10 }),
        String(error)
      ]) {
        expect(shown).toContain("payment differs in amount")
        expect(shown).not.toMatch(/marker|eyJ|"jo"/)
      }
    }).pipe(Effect.provide(cibaLayer(granting([{ type: "payment", amount: "marker" }]))))
  )

  it.effect("is refused before it is sent without details that could be essential (O9)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate({ essentialAuthorizationDetails: true }))
      expect(error.message).toContain("essentialAuthorizationDetails needs at least one detail")
      expect(yield* requestsTo("backchannel")).toEqual([])
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
