/**
 * Rules that more than one profile has.
 */
import * as Duration from "effect/Duration"
import type { RegistrationContext, RequestContext, ResponseContext, Rule } from "./Rule.ts"

/** No push delivery. */
export const forbidPush = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "deliveryMode",
  problem: ({ deliveryMode }) =>
    deliveryMode === "push" ? "push delivery is not allowed; use poll or ping" : undefined
})

/** These methods of client authentication alone. */
export const allowMethods = (reference: string, allowed: ReadonlyArray<string>): Rule<RegistrationContext> => ({
  reference,
  parameter: "authentication",
  problem: ({ authentication: { method } }) => unlisted(method, allowed)
})

/** Client assertions for the issuer, as a string. */
export const requireIssuerAudience = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "authentication",
  problem: ({ authentication: { audience } }) =>
    audience === undefined ? undefined : "the audience of assertions is the issuer; leave the option out"
})

/** These algorithms alone, for ID Tokens, assertions, signed requests and proofs. */
export const allowAlgorithms = (
  reference: string,
  allowed: ReadonlyArray<string>
): ReadonlyArray<Rule<RegistrationContext>> => [
  {
    reference,
    parameter: "idTokenSignedResponseAlg",
    problem: ({ idTokenSignedResponseAlg }) => unlisted(idTokenSignedResponseAlg, allowed)
  },
  {
    reference,
    parameter: "authentication",
    problem: ({ authentication: { algorithm } }) => algorithm && unlisted(algorithm, allowed)
  },
  {
    reference,
    parameter: "SignedRequest",
    problem: ({ requestSigner }) => requestSigner && unlisted(requestSigner.algorithm, allowed)
  },
  {
    reference,
    parameter: "Dpop",
    problem: ({ senderConstraint: { algorithm } }) => algorithm && unlisted(algorithm, allowed)
  }
]

/** Every request signed. */
export const requireSignedRequests = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "SignedRequest",
  problem: ({ requestSigner }) =>
    requestSigner === undefined ? "requests have to be signed; provide SignedRequest.layer" : undefined
})

/** Signed requests that are good no longer than this. */
export const limitRequestLifetime = (reference: string, longest: Duration.Input): Rule<RegistrationContext> => ({
  reference,
  parameter: "SignedRequest",
  problem: ({ requestSigner }) =>
    requestSigner !== undefined && Duration.isGreaterThan(requestSigner.lifetime, Duration.fromInputUnsafe(longest))
      ? `a signed request is good for ${Duration.format(Duration.fromInputUnsafe(longest))} at most; shorten the lifetime`
      : undefined
})

/** Tokens bound to a certificate. */
export const requireCertificateBoundTokens = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "mutualTls",
  problem: ({ mutualTls }) =>
    mutualTls?.boundAccessTokens === true
      ? undefined
      : "access tokens have to be bound to a certificate; set mutualTls: MutualTls.make()"
})

/** Tokens bound to a certificate or to a key. */
export const requireSenderConstrainedTokens = (reference: string): Rule<RegistrationContext> => ({
  reference,
  parameter: "mutualTls",
  problem: ({ mutualTls, senderConstraint: { tokenType } }) =>
    mutualTls?.boundAccessTokens === true || tokenType === "DPoP"
      ? undefined
      : "access tokens have to be bound; set mutualTls: MutualTls.make(), or provide Dpop.layer"
})

/** Something by which the person knows this request from another. */
export const requireTransactionContext = (reference: string): Rule<RequestContext> => ({
  reference,
  parameter: "binding_message",
  problem: ({ parameters }) =>
    ["binding_message", "authorization_details", "request_context"].some((name) => name in parameters)
      ? undefined
      : "the request needs a context of its own: a binding_message, or authorization_details"
})

/** One of the authentication context classes that were asked for. */
export const enforceRequestedAcr = (reference: string): Rule<ResponseContext> => ({
  reference,
  parameter: "acr",
  problem: ({ claims: { acr }, requestedAcr }) =>
    requestedAcr === undefined || requestedAcr.some((value) => value === acr)
      ? undefined
      : "the person was not authenticated in a way that was asked for"
})

/** No scope but what was asked for. */
export const enforceRequestedScope = (reference: string): Rule<ResponseContext> => ({
  reference,
  parameter: "scope",
  problem: ({ grantedScope, requestedScope }) =>
    grantedScope.every((value) => requestedScope.includes(value))
      ? undefined
      : "the provider granted more than was asked for"
})

/** A parameter that every request has. */
export const requireParameter = (reference: string, parameter: string): Rule<RequestContext> => ({
  reference,
  parameter,
  problem: ({ parameters }) => (parameter in parameters ? undefined : "it is needed")
})

/** A parameter that has a form, where it is there. */
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

const unlisted = (value: string, allowed: ReadonlyArray<string>): string | undefined =>
  allowed.includes(value) ? undefined : `${value} is not allowed; use ${allowed.join(" or ")}`
