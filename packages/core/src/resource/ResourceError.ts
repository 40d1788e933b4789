/**
 * Why a resource server does not serve a request: its own words about the token, and what keeps the request from it.
 *
 * @see RFC 6750 section 3.1, RFC 9449 section 7.1
 */
import { identity, Schema } from "effect"
import { InvalidKey } from "../crypto/SigningKey.ts"
import * as OAuthError from "../http/OAuthError.ts"
import type { Redact } from "../http/SecretRedaction.ts"
import { TransportError } from "../http/TransportError.ts"
import { sanitize } from "../internal/DisplayText.ts"
import type { Challenge } from "./WwwAuthenticate.ts"

const names = Schema.optionalKey(Schema.Array(Schema.String))

/** The request is malformed; 400 goes with it. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the resource server finds the request malformed")
  }
}

/** The token has expired, was revoked, or is not for this resource or this client's key; 401 goes with it. */
export class InvalidToken extends Schema.TaggedError<InvalidToken>()("InvalidToken", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the resource server does not accept the access token")
  }
}

/** The token is good, and not for this; 403 goes with it. `scope` is what the resource needs, where the server says so. */
export class InsufficientScope extends Schema.TaggedError<InsufficientScope>()("InsufficientScope", {
  ...OAuthError.fields,
  scope: names
}) {
  override get message(): string {
    const needed = this.scope === undefined ? "another scope" : `the scope "${this.scope.join(" ")}"`
    return OAuthError.formatMessage(this, `the resource needs ${needed}`)
  }
}

/** The server wants a nonce in the DPoP proof, again and again: the client has answered it as often as it may. */
export class UseDpopNonce extends Schema.TaggedError<UseDpopNonce>()("UseDpopNonce", {
  ...OAuthError.fields,
  algs: names
}) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the resource server wants a nonce in the DPoP proof")
  }
}

/** The server does not accept the DPoP proof. `algs` are the algorithms that it takes, where it says so. */
export class InvalidDpopProof extends Schema.TaggedError<InvalidDpopProof>()("InvalidDpopProof", {
  ...OAuthError.fields,
  algs: names
}) {
  override get message(): string {
    const taken = this.algs === undefined ? "" : `; it takes ${this.algs.join(" or ")}`
    return OAuthError.formatMessage(this, `the resource server does not accept the DPoP proof${taken}`)
  }
}

/** A code that this library does not know, or a 401 without any. */
export class Unrecognized extends Schema.TaggedError<Unrecognized>()("Unrecognized", {
  ...OAuthError.fields,
  code: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return OAuthError.formatMessage(
      { ...this, code: this.code ?? "no code" },
      "the resource server refuses the request"
    )
  }
}

/** The access token is of a type that the client does not understand, and must not use (RFC 6749 7.1); nothing was sent. */
export class UnsupportedTokenType extends Schema.TaggedError<UnsupportedTokenType>()("UnsupportedTokenType", {
  tokenType: Schema.String
}) {
  override get message(): string {
    return `the access token is of type "${this.tokenType}", and the client understands Bearer and DPoP`
  }
}

/** A failure to use a token. */
export class ResourceError extends Schema.TaggedError<ResourceError>()("ResourceError", {
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
}) {
  override get message(): string {
    return `Resource: ${this.reason.message}`
  }
}

/**
 * The failure that a challenge stands for; without one, the status alone speaks. `echo` takes out what the request told the
 * server in confidence.
 */
export const fromChallenge = (
  challenge: Challenge | undefined,
  status: number,
  echo: (text: string) => string = identity
): ResourceError => new ResourceError({ reason: reason(challenge, status, echo) })

const reason = (challenge: Challenge | undefined, status: number, echo: Redact): ResourceError["reason"] => {
  if (challenge?.error === undefined) return new Unrecognized({ status })
  const { algs, error, errorDescription, errorUri, scope } = challenge
  const fields = {
    code: OAuthError.sanitizeCode(error, echo),
    status,
    ...(errorDescription === undefined ? undefined : { description: sanitize(echo(errorDescription), 500) }),
    ...(errorUri === undefined ? undefined : { uri: sanitize(echo(errorUri), 500) })
  }
  const accepted = { ...fields, ...(algs === undefined ? undefined : { algs: shown(algs, echo) }) }
  switch (error) {
    case "invalid_request":
      return new InvalidRequest(fields)
    case "invalid_token":
      return new InvalidToken(fields)
    case "insufficient_scope":
      return new InsufficientScope({ ...fields, ...(scope === undefined ? undefined : { scope: shown(scope, echo) }) })
    case "use_dpop_nonce":
      return new UseDpopNonce(accepted)
    case "invalid_dpop_proof":
      return new InvalidDpopProof(accepted)
    default:
      return new Unrecognized(fields)
  }
}

const shown = (names: ReadonlyArray<string>, echo: Redact): ReadonlyArray<string> =>
  names.slice(0, 20).map((name) => sanitize(echo(name), 100))
