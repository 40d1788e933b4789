/** The modules of the plan `fapi-ciba-id1-client-test-plan`, and how this library's client ends in each. */
import { type Variant, variants } from "./Variant.ts"

export interface Module {
  /** The conformance suite's name, without what all of them share. */
  readonly name: string
  /** How the client ends: `approved`, `waits on`, or the error with its reason. */
  readonly outcome: string
  /** How it ends with the suite, if that ends its own endpoints first. */
  readonly outcomeAtSuite?: string
  readonly profile?: Variant["profile"]
  readonly delivery?: Variant["delivery"]
}

export const plan = "fapi-ciba-id1-client-test-plan"

export const prefix = "fapi-ciba-id1-client-"

const brazil = { profile: "openbanking_brazil" } as const
const connectId = { profile: "connectid_au" } as const
const poll = { delivery: "poll" } as const

export const modules: ReadonlyArray<Module> = [
  { name: "test", outcome: "approved" },
  { name: "refresh-token-test", outcome: "approved", ...brazil },
  { name: "valid-aud-as-array-test", outcome: "approved" },
  { name: "no-scope-in-token-endpoint-response-test", outcome: "approved" },
  { name: "respects-interval-test", outcome: "approved" },
  { name: "slow-down-test", outcome: "approved", ...poll },
  { name: "invalid-missing-authreqid-test", outcome: "AuthenticationRequestError: InvalidAcknowledgement" },
  { name: "invalid-missing-expiresin-test", outcome: "AuthenticationRequestError: InvalidAcknowledgement" },
  { name: "invalid-expired-id-token-hint-test", outcome: "AuthenticationRequestError: ExpiredIdTokenHint", ...brazil },
  { name: "invalid-unknown-user-id-test", outcome: "AuthenticationRequestError: UnknownUserId" },
  { name: "invalid-id-token-hint-test", outcome: "AuthenticationRequestError: InvalidIdTokenHint", ...brazil },
  { name: "invalid-request-test", outcome: "TokenError: InvalidRequest", ...poll },
  { name: "invalid-access-denied-test", outcome: "TokenError: AccessDenied", ...poll },
  { name: "invalid-expired-token-test", outcome: "TokenError: ExpiredToken", ...poll },
  { name: "invalid-iss-test", outcome: "IdTokenError: WrongIssuer" },
  { name: "invalid-aud-test", outcome: "IdTokenError: WrongAudience" },
  { name: "invalid-secondary-aud-test", outcome: "IdTokenError: WrongAudience" },
  // The signature is verified again for two minutes, in case that new keys are published; the suite publishes none by then.
  { name: "invalid-signature-test", outcome: "IdTokenError: InvalidSignature", outcomeAtSuite: "waits on" },
  { name: "invalid-null-alg-test", outcome: "IdTokenError: UnexpectedAlgorithm" },
  { name: "invalid-alternate-alg-test", outcome: "IdTokenError: UnexpectedAlgorithm" },
  { name: "invalid-expired-exp-test", outcome: "IdTokenError: Expired" },
  { name: "invalid-iat-is-week-in-past-test", outcome: "IdTokenError: IssuedTooLongAgo" },
  { name: "invalid-missing-aud-test", outcome: "IdTokenError: InvalidClaims" },
  { name: "invalid-missing-exp-test", outcome: "IdTokenError: InvalidClaims" },
  { name: "invalid-missing-iss-test", outcome: "IdTokenError: InvalidClaims" },
  { name: "connectid-invalid-missing-txn-test", outcome: "IdTokenError: ProfileViolation", ...connectId },
  { name: "connectid-invalid-missing-trust-framework-test", outcome: "IdTokenError: ProfileViolation", ...connectId },
  { name: "connectid-invalid-wrong-trust-framework-test", outcome: "IdTokenError: ProfileViolation", ...connectId },
  { name: "ping-with-invalid-bearer-token-test", outcome: "waits on", delivery: "ping" }
]

/** A module in a variant. */
export interface Cell {
  readonly module: Module
  readonly variant: Variant
}

/** Whether the plan has the module in this variant. */
export const applies = ({ delivery, profile }: Module, variant: Variant): boolean =>
  (delivery ?? variant.delivery) === variant.delivery && (profile ?? variant.profile) === variant.profile

/** The whole plan. */
export const cells: ReadonlyArray<Cell> = modules.flatMap((module) =>
  variants.flatMap((variant) => (applies(module, variant) ? [{ module, variant }] : []))
)
