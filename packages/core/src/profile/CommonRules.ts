/** Rules that more than one profile contains. Each takes the section of the specification that demands it. */
import * as Duration from "effect/Duration"
import type { RegistrationContext, RequestContext, ResponseContext, Rule } from "./Rule.ts"

/** The delivery mode is poll or ping. */
export const forbidPush = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "deliveryMode",
  problem: ({ deliveryMode }) =>
    deliveryMode === "push" ? "push delivery is not allowed; use poll or ping" : undefined
})

/** The method of client authentication is one of these. */
export const allowMethods = (reference: string, allowed: ReadonlyArray<string>): Rule<RegistrationContext> => ({
  reference,
  parameter: "authentication",
  problem: ({ authentication: { method } }) => rejectUnlisted(method, allowed)
})

/** The audience of client assertions is the issuer, as a string. */
export const requireIssuerAudience = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "authentication",
  problem: ({ authentication: { audience } }) =>
    audience === undefined ? undefined : "the audience of assertions is the issuer; leave the option out"
})

/** ID Tokens, client assertions, signed requests and DPoP proofs use one of these algorithms. */
export const allowAlgorithms = (
  reference: string,
  allowed: ReadonlyArray<string>
): ReadonlyArray<Rule<RegistrationContext>> => [
  {
    reference,
    parameter: "idTokenSignedResponseAlg",
    problem: ({ idTokenSignedResponseAlg }) => rejectUnlisted(idTokenSignedResponseAlg, allowed)
  },
  {
    reference,
    parameter: "authentication",
    problem: ({ authentication: { algorithm } }) => algorithm && rejectUnlisted(algorithm, allowed)
  },
  {
    reference,
    parameter: "SignedRequest",
    problem: ({ requestSigner }) => requestSigner && rejectUnlisted(requestSigner.algorithm, allowed)
  },
  {
    reference,
    parameter: "Dpop",
    problem: ({ senderConstraint: { algorithm } }) => algorithm && rejectUnlisted(algorithm, allowed)
  }
]

/** Authentication requests are signed. */
export const requireSignedRequests = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "SignedRequest",
  problem: ({ requestSigner }) =>
    requestSigner === undefined ? "requests have to be signed; provide SignedRequest.layer" : undefined
})

/** Signed requests are valid no longer than this. */
export const limitRequestLifetime = (reference: string, longest: Duration.Input): Rule<RegistrationContext> => ({
  reference,
  parameter: "SignedRequest",
  problem: ({ requestSigner }) =>
    requestSigner !== undefined && Duration.isGreaterThan(requestSigner.lifetime, Duration.fromInputUnsafe(longest))
      ? `a signed request is valid for ${Duration.format(Duration.fromInputUnsafe(longest))} at most; shorten the lifetime`
      : undefined
})

/** Access tokens are bound to the certificate of the client. */
export const requireCertificateBoundTokens = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "mutualTls",
  problem: ({ mutualTls }) =>
    mutualTls?.boundAccessTokens === true
      ? undefined
      : "access tokens have to be bound to a certificate; set mutualTls: MutualTls.make()"
})

/** Access tokens are bound to a certificate or to a DPoP key. */
export const requireSenderConstrainedTokens = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "mutualTls",
  problem: ({ mutualTls, senderConstraint: { tokenType } }) =>
    mutualTls?.boundAccessTokens === true || tokenType === "DPoP"
      ? undefined
      : "access tokens have to be bound; set mutualTls: MutualTls.make(), or provide Dpop.layer"
})

/** The request has a context that the end-user can recognize. */
export const requireAuthorizationContext = (reference: string): Rule<RequestContext> => ({
  reference,
  parameter: "binding_message",
  problem: ({ parameters }) =>
    ["binding_message", "authorization_details", "request_context"].some((name) => name in parameters)
      ? undefined
      : "the request needs a context of its own: a binding_message, or authorization_details"
})

/** The `acr` of the ID Token is one of the requested ones. */
export const enforceRequestedAcr = (reference: string): Rule<ResponseContext> => ({
  reference,
  parameter: "acr",
  problem: ({ claims: { acr }, requestedAcr }) =>
    requestedAcr === undefined || requestedAcr.some((value) => value === acr)
      ? undefined
      : "the end-user was not authenticated with one of the requested acr values"
})

/** The granted scope is within the requested one. */
export const enforceRequestedScope = (reference: string): Rule<ResponseContext> => ({
  reference,
  parameter: "scope",
  problem: ({ grantedScope, requestedScope }) =>
    grantedScope.every((value) => requestedScope.includes(value))
      ? undefined
      : "the provider granted more scope than was requested"
})

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

const rejectUnlisted = (value: string, allowed: ReadonlyArray<string>): string | undefined =>
  allowed.includes(value) ? undefined : `${value} is not allowed; use ${allowed.join(" or ")}`
