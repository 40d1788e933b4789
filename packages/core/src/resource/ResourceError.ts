/**
 * Why a resource server does not serve a request: its challenge, or what keeps the client from sending the request.
 *
 * @see RFC 6750 section 3.1, RFC 9449 section 7.1
 */
import { Schema } from "effect"
import { InvalidKey } from "../crypto/SigningKey.ts"
import * as ErrorResponse from "../http/ErrorResponse.ts"
import * as OAuthError from "../http/OAuthError.ts"
import type { Redact } from "../http/SecretRedaction.ts"
import { TransportError } from "../http/TransportError.ts"
import { sanitize } from "../internal/DisplayText.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import type { Challenge } from "./WwwAuthenticate.ts"

const define = ErrorClass.fromTable({
  InvalidRequest: ["the resource server finds the request malformed", "fixRequest"],
  InvalidToken: ["the resource server does not accept the access token", "refreshTokens"],
  InsufficientScope: ["the access token lacks the scope that the resource demands", "fixGrant"],
  UseDpopNonce: ["the resource server demands another nonce in each DPoP proof", "retry"],
  InvalidDpopProof: ["the resource server does not accept the DPoP proof", "fixClient"],
  Unrecognized: ["the resource server refuses the request", "lookUp"],
  UnsupportedTokenType: ["the access token is neither Bearer nor DPoP; nothing was sent", "fixCall"]
})

const fields = ErrorResponse.fields
const names = Schema.optionalKey(Schema.Array(Schema.String))

/** The request is malformed (status 400). */
export class InvalidRequest extends define<InvalidRequest>()("InvalidRequest", fields) {}

/** The token has expired, was revoked, or is not for this resource or this client's key (status 401). */
export class InvalidToken extends define<InvalidToken>()("InvalidToken", fields) {}

/** The token is valid, and not for this (status 403). `scope` is what the resource demands, if the server says so. */
export class InsufficientScope extends define<InsufficientScope>()("InsufficientScope", { ...fields, scope: names }) {}

/** The server demands a nonce in the DPoP proof, also after the proof had the last one. */
export class UseDpopNonce extends define<UseDpopNonce>()("UseDpopNonce", { ...fields, algs: names }) {}

/** The server does not accept the DPoP proof. `algs` are the algorithms that it accepts, if it says so. */
export class InvalidDpopProof extends define<InvalidDpopProof>()("InvalidDpopProof", { ...fields, algs: names }) {}

/** A code that this library does not know, or none: `code` is absent without one. */
export class Unrecognized extends define<Unrecognized>()("Unrecognized", {
  ...fields,
  code: Schema.optionalKey(Schema.String)
}) {}

/** The access token is of a type that the client does not know, and must not use (RFC 6749 7.1); nothing was sent. */
export class UnsupportedTokenType extends define<UnsupportedTokenType>()("UnsupportedTokenType", {
  tokenType: Schema.String
}) {}

/**
 * A failure to use a token at a resource server.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ResourceError extends ErrorClass.make<ResourceError>()(
  "ResourceError",
  {
    reason: Schema.Union([
      InvalidRequest,
      InvalidToken,
      InsufficientScope,
      UseDpopNonce,
      InvalidDpopProof,
      Unrecognized,
      UnsupportedTokenType,
      InvalidKey,
      TransportError
    ])
  },
  ["the resource server did not serve the request", "refreshTokens"]
) {}

const coded = [
  ["invalid_request", InvalidRequest],
  ["invalid_token", InvalidToken],
  ["insufficient_scope", InsufficientScope],
  ["use_dpop_nonce", UseDpopNonce],
  ["invalid_dpop_proof", InvalidDpopProof]
] as const

/** The failure for a challenge, or for the status alone. `redact` takes out the confidential values of the request. */
export const fromChallenge = (challenge: Challenge | undefined, status: number, redact: Redact): ResourceError => {
  if (challenge?.error === undefined) return fromReason(new Unrecognized({ status }))
  const { algs, error, errorDescription, errorUri, scope } = challenge
  const Reason = coded.find(([code]) => code === error)?.[1] ?? Unrecognized
  const members = {
    code: OAuthError.sanitizeCode(error, redact),
    status,
    ...(errorDescription === undefined ? undefined : { description: sanitize(redact(errorDescription), 500) }),
    ...(errorUri === undefined ? undefined : { uri: sanitize(redact(errorUri), 500) }),
    ...(scope === undefined ? undefined : { scope: sanitizeNames(scope, redact) }),
    ...(algs === undefined ? undefined : { algs: sanitizeNames(algs, redact) })
  }
  return fromReason(new Reason(members))
}

/** The failure for a reason. */
export const fromReason = (reason: ResourceError["reason"]): ResourceError => new ResourceError({ reason })

const sanitizeNames = (names: ReadonlyArray<string>, redact: Redact): ReadonlyArray<string> =>
  names.slice(0, 20).map((name) => sanitize(redact(name), 100))
