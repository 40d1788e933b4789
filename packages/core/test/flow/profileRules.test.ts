// Rules of a profile on responses, in a whole flow.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, PendingAuthentication, SecurityProfile } from "@effect-ciba/core"
import { TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Predicate, Record, Schema } from "effect"
import { TestClock } from "effect/testing"
import { cibaLayer, initiate } from "../support/AuthenticationFlow.ts"

const respondingBy = (response: SecurityProfile.SecurityProfile["response"]): SecurityProfile.SecurityProfile => ({
  name: "ours",
  registration: [],
  request: [],
  response
})

/** An essential claim of the ID Token has to come. */
const requireEssential: SecurityProfile.SecurityProfile["response"][number] = {
  reference: "our policy 1",
  parameter: "claims",
  problem: ({ claims, requestedClaims }) => {
    const requested = requestedClaims?.id_token
    const missing = Object.entries(Predicate.isObject(requested) ? requested : {}).filter(
      ([name, how]) => Predicate.isObject(how) && how.essential === true && claims[name] === undefined
    )
    return missing.length === 0 ? undefined : `missing: ${missing.map(([name]) => name).join(", ")}`
  }
}

const claims = { id_token: { txn: { essential: true }, email: { value: "marker@example.com" } } }

/** A flow that goes on in another process after the acknowledgement. */
const authenticate = (
  members: Readonly<Record<string, unknown>>,
  response: SecurityProfile.SecurityProfile["response"]
) =>
  Effect.gen(function* () {
    const stored = yield* Schema.encodeEffect(PendingAuthentication.unsafeJson)(yield* initiate({ claims }))
    const pending = yield* Schema.decodeEffect(PendingAuthentication.unsafeJson)(stored)
    const wait = yield* Effect.forkChild(Effect.result(Ciba.complete(pending)))
    yield* TestClock.adjust("1 minute")
    return yield* Effect.fromResult(yield* Fiber.join(wait))
  }).pipe(
    Effect.provide(
      cibaLayer(
        { user: TestUser.approve(), idTokenClaims: (own) => ({ ...own, ...members }) },
        { profile: respondingBy(response) }
      )
    )
  )

describe("rules on responses", () => {
  it.effect("see the claims that were asked for, also in another process (Tp)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(authenticate({}, [requireEssential]))
      expect(error).toMatchObject({ _tag: "IdTokenError", reason: { _tag: "ProfileViolation", parameter: "claims" } })
      expect(error.message).toContain("missing: txn")
      const identity = yield* authenticate({ txn: "t-1" }, [requireEssential])
      expect(identity.claims.txn).toBe("t-1")
    })
  )

  it.effect("are those of ConnectID, which hand out no token beside an ID Token that breaks one (Tn)", () =>
    Effect.gen(function* () {
      const { response } = SecurityProfile.connectIdAu
      const identity = yield* authenticate({ txn: "t-1", acr: null }, response)
      expect(identity.claims.txn).toBe("t-1")
      const broken = {
        txn: { txn: null },
        acr: { txn: "t-1", acr: "gold" },
        verified_claims: { txn: "t-1", verified_claims: { verification: { trust_framework: "de_aml" }, claims: {} } }
      }
      const found = yield* Effect.all(Record.map(broken, (members) => Effect.flip(authenticate(members, response))))
      for (const [parameter, error] of Object.entries(found)) {
        expect(error).toMatchObject({ reason: { _tag: "ProfileViolation", parameter } })
      }
    })
  )

  it.effect("keep the requested claims out of what shows a pending authentication (I13)", () =>
    Effect.gen(function* () {
      const pending = yield* initiate({ claims })
      expect(pending.requestedClaims).toBeDefined()
      expect(JSON.stringify(pending)).not.toContain("marker")
      const plain = Schema.encodeUnknownEffect(Schema.toCodecJson(PendingAuthentication.PendingAuthentication))
      expect((yield* Effect.flip(plain(pending))).message).not.toContain("marker")
    }).pipe(Effect.provide(cibaLayer()))
  )
})
