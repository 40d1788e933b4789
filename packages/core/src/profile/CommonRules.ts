/** Rules that more than one profile contains. Each takes the section of the specification that demands it. */
import * as Duration from "effect/Duration"
import * as RequestedClaims from "./RequestedClaims.ts"
import type { RegistrationContext, RequestContext, ResponseContext, Rule } from "./Rule.ts"

/** A rule that a profile adds its reference to, and the limits that the rule has. */
type Demand<Subject, Limits extends ReadonlyArray<unknown> = []> = (
  reference: string,
  ...limits: Limits
) => Rule<Subject>

/* @__NO_SIDE_EFFECTS__ */
const define =
  <Subject, Limits extends ReadonlyArray<unknown>>(
    parameter: string,
    problem: (subject: Subject, ...limits: Limits) => string | undefined
  ): Demand<Subject, Limits> =>
  (reference, ...limits) => ({ reference, parameter, problem: (subject) => problem(subject, ...limits) })

/** The delivery mode is this one. */
export const requireDelivery: Demand<RegistrationContext, [mode: RegistrationContext["deliveryMode"]]> = define(
  "deliveryMode",
  ({ deliveryMode }, mode) =>
    deliveryMode === mode ? undefined : `${deliveryMode} delivery is not allowed; use ${mode}`
)

/** The delivery mode is poll or ping. */
export const forbidPush: Demand<RegistrationContext> = define("deliveryMode", ({ deliveryMode }) =>
  deliveryMode === "push" ? "push delivery is not allowed; use poll or ping" : undefined
)

/** The method of client authentication is one of these. */
export const allowMethods: Demand<RegistrationContext, [allowed: ReadonlyArray<string>]> = define(
  "authentication",
  ({ authentication: { method } }, allowed) => rejectUnlisted(method, allowed)
)

/** The audience of client assertions is the issuer, as a string. */
export const requireIssuerAudience: Demand<RegistrationContext> = define(
  "authentication",
  ({ authentication: { audience } }) =>
    audience === undefined ? undefined : "the audience of assertions is the issuer; leave the option out"
)

/** ID Tokens, client assertions, signed requests and DPoP proofs use one of these algorithms. */
export const allowAlgorithms = (
  reference: string,
  allowed: ReadonlyArray<string>
): ReadonlyArray<Rule<RegistrationContext>> =>
  Object.entries(algorithms).map(([parameter, algorithmOf]) => ({
    reference,
    parameter,
    problem: (registration) => rejectUnlisted(algorithmOf(registration), allowed)
  }))

const algorithms: Readonly<Record<string, (registration: RegistrationContext) => string | undefined>> = {
  idTokenSignedResponseAlg: ({ idTokenSignedResponseAlg }) => idTokenSignedResponseAlg,
  authentication: ({ authentication }) => authentication.algorithm,
  SignedRequest: ({ requestSigner }) => requestSigner?.algorithm,
  Dpop: ({ senderConstraint }) => senderConstraint.algorithm
}

/** Authentication requests are signed. */
export const requireSignedRequests: Demand<RegistrationContext> = define("SignedRequest", ({ requestSigner }) =>
  requestSigner === undefined ? "requests have to be signed; provide SignedRequest.layer" : undefined
)

/** Signed requests are valid no longer than this. */
export const limitRequestLifetime: Demand<RegistrationContext, [longest: Duration.Input]> = define(
  "SignedRequest",
  ({ requestSigner }, longest) =>
    requestSigner !== undefined && Duration.isGreaterThan(requestSigner.lifetime, Duration.fromInputUnsafe(longest))
      ? `a signed request is valid for ${Duration.format(Duration.fromInputUnsafe(longest))} at most; shorten the lifetime`
      : undefined
)

/** Signed requests use this algorithm. */
export const requireRequestAlgorithm: Demand<RegistrationContext, [algorithm: string]> = define(
  "SignedRequest",
  ({ requestSigner }, algorithm) => rejectUnlisted(requestSigner?.algorithm, [algorithm])
)

/** Signed requests are not backdated by more than this. */
export const limitBackdating: Demand<RegistrationContext, [longest: Duration.Input]> = define(
  "SignedRequest",
  ({ requestSigner }, longest) =>
    requestSigner !== undefined && Duration.isGreaterThan(requestSigner.backdated, Duration.fromInputUnsafe(longest))
      ? `a signed request is valid from ${Duration.format(Duration.fromInputUnsafe(longest))} ago at most; shorten backdated`
      : undefined
)

/** Access tokens are bound to the certificate of the client. */
export const requireCertificateBoundTokens: Demand<RegistrationContext> = define("mutualTls", ({ mutualTls }) =>
  mutualTls?.boundAccessTokens === true
    ? undefined
    : "access tokens have to be bound to a certificate; set mutualTls: MutualTls.make()"
)

/** Access tokens are bound to a certificate or to a DPoP key. */
export const requireSenderConstrainedTokens: Demand<RegistrationContext> = define(
  "mutualTls",
  ({ mutualTls, senderConstraint: { tokenType } }) =>
    mutualTls?.boundAccessTokens === true || tokenType === "DPoP"
      ? undefined
      : "access tokens have to be bound; set mutualTls: MutualTls.make(), or provide Dpop.layer"
)

/** The request has a context that the end-user can recognize. */
export const requireAuthorizationContext: Demand<RequestContext> = define("binding_message", ({ parameters }) =>
  ["binding_message", "authorization_details", "request_context"].some((name) => name in parameters)
    ? undefined
    : "the request needs a context of its own: a binding_message, or authorization_details"
)

/** The `acr` of the ID Token is one of those that `claims` asks for, or else `acr_values`. */
export const enforceRequestedAcr: Demand<ResponseContext> = define(
  "acr",
  ({ claims: { acr }, requestedAcr, requestedClaims }) => {
    const requested = RequestedClaims.valuesOf(requestedClaims, "acr") ?? requestedAcr
    return requested === undefined || requested.some((value) => value === acr)
      ? undefined
      : "the end-user was not authenticated with one of the requested acr values"
  }
)

/** The granted scope is within the requested one. */
export const enforceRequestedScope: Demand<ResponseContext> = define("scope", ({ grantedScope, requestedScope }) =>
  grantedScope.every((value) => requestedScope.includes(value))
    ? undefined
    : "the provider granted more scope than was requested"
)

/** The request has a parameter. */
export const requireParameter = (reference: string, parameter: string): Rule<RequestContext> => ({
  reference,
  parameter,
  problem: ({ parameters }) => (parameter in parameters ? undefined : "it is required")
})

/** A parameter, if present, has a format. */
export const matchPattern = (
  reference: string,
  parameter: string,
  pattern: RegExp,
  what: string
): Rule<RequestContext> => ({
  reference,
  parameter,
  problem: ({ parameters: { [parameter]: value } }) =>
    typeof value !== "string" || pattern.test(value) ? undefined : `it has to be ${what}`
})

const rejectUnlisted = (value: string | undefined, allowed: ReadonlyArray<string>): string | undefined =>
  value === undefined || allowed.includes(value) ? undefined : `${value} is not allowed; use ${allowed.join(" or ")}`
