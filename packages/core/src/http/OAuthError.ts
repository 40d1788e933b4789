/**
 * The error answers that more than one endpoint can give, each with its own tag.
 *
 * @see RFC 6749 section 5.2, CIBA Core 1.0 sections 11 and 13
 */
import { type Duration, identity, Option, Schema } from "effect"
import { sanitize } from "../internal/DisplayText.ts"
import type { Redact } from "./SecretRedaction.ts"
import type { JsonResponse } from "./Transport.ts"

/** What every error answer holds. */
export const fields: {
  readonly code: Schema.String
  readonly description: Schema.optionalKey<Schema.String>
  readonly uri: Schema.optionalKey<Schema.String>
  readonly status: Schema.Int
  readonly retryAfter: Schema.optionalKey<Schema.Duration>
} = {
  /** The `error` code, cut at 100 characters. */
  code: Schema.String,
  /** The provider's `error_description`, for developers, cut at 500 characters. */
  description: Schema.optionalKey(Schema.String),
  /** The provider's `error_uri`. */
  uri: Schema.optionalKey(Schema.String),
  status: Schema.Int,
  /** How long the provider asks to wait. */
  retryAfter: Schema.optionalKey(Schema.Duration)
}

/** An error answer as it was read. */
export interface OAuthError {
  readonly code: string
  readonly description?: string
  readonly uri?: string
  readonly status: number
  readonly retryAfter?: Duration.Duration
}

/** The request is malformed, or lacks a parameter. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", fields) {
  override get message(): string {
    return formatMessage(this, "the provider finds the request malformed")
  }
}

/** The provider does not accept the client's authentication. */
export class InvalidClient extends Schema.TaggedError<InvalidClient>()("InvalidClient", fields) {
  override get message(): string {
    return formatMessage(
      this,
      "the provider does not accept the client's authentication; check method, key and audience"
    )
  }
}

/** The client may not do this. */
export class UnauthorizedClient extends Schema.TaggedError<UnauthorizedClient>()("UnauthorizedClient", fields) {
  override get message(): string {
    return formatMessage(this, "the client is not registered for this")
  }
}

/** The scope is unknown, malformed, or not for this client. */
export class InvalidScope extends Schema.TaggedError<InvalidScope>()("InvalidScope", fields) {
  override get message(): string {
    return formatMessage(this, "the provider refuses the scope")
  }
}

/** The request was refused: by the person at the token endpoint, by policy at the authentication endpoint. */
export class AccessDenied extends Schema.TaggedError<AccessDenied>()("AccessDenied", fields) {
  override get message(): string {
    return formatMessage(this, "the request was refused")
  }
}

/** The details are of an unknown type, are malformed, or are not for this client (RFC 9396 5). */
export class InvalidAuthorizationDetails extends Schema.TaggedError<InvalidAuthorizationDetails>()(
  "InvalidAuthorizationDetails",
  fields
) {
  override get message(): string {
    return formatMessage(this, "the provider refuses the authorization details")
  }
}

/** The resource is unknown, malformed, or not for this client (RFC 8707 2). */
export class InvalidTarget extends Schema.TaggedError<InvalidTarget>()("InvalidTarget", fields) {
  override get message(): string {
    return formatMessage(this, "the provider refuses the resource")
  }
}

/** The grant is unknown, or not this client's and this person's (Grant Management for OAuth 2.0). */
export class InvalidGrantId extends Schema.TaggedError<InvalidGrantId>()("InvalidGrantId", fields) {
  override get message(): string {
    return formatMessage(this, "the provider does not accept the grant_id")
  }
}

/** The provider wants a nonce in the DPoP proof (RFC 9449 8), again and again: it was given twice. */
export class UseDpopNonce extends Schema.TaggedError<UseDpopNonce>()("UseDpopNonce", fields) {
  override get message(): string {
    return formatMessage(this, "the provider wants a nonce in the DPoP proof")
  }
}

/** The provider does not accept the DPoP proof (RFC 9449 5). */
export class InvalidDpopProof extends Schema.TaggedError<InvalidDpopProof>()("InvalidDpopProof", fields) {
  override get message(): string {
    return formatMessage(this, "the provider does not accept the DPoP proof")
  }
}

/** A code that this library does not know; `code` holds it. */
export class Unrecognized extends Schema.TaggedError<Unrecognized>()("Unrecognized", fields) {
  override get message(): string {
    return formatMessage(this, "the provider refuses the request")
  }
}

/** One sentence from a reason's fields. */
export const formatMessage = (error: OAuthError, text: string): string =>
  `${text} (${error.code}, status ${error.status})${error.description === undefined ? "" : `: ${error.description}`}`

/**
 * The error in an answer, if there is one. The status does not decide: servers disagree on it (H17, T-6). `echo` takes out
 * what the request told the server in confidence.
 */
export const fromResponse = (
  answer: Pick<JsonResponse, "status" | "body" | "retryAfter">,
  echo: (text: string) => string = identity
): Option.Option<OAuthError> =>
  Option.map(decode(answer.body), ({ error, error_description, error_uri }) => {
    const description = readable(error_description, echo)
    const uri = readable(error_uri, echo)
    return {
      code: sanitizeCode(error, echo),
      status: answer.status,
      ...(description === undefined ? undefined : { description }),
      ...(uri === undefined ? undefined : { uri }),
      ...(answer.retryAfter === undefined ? undefined : { retryAfter: answer.retryAfter })
    }
  })

/** A code as it is shown. One that is written as codes are decides what happens, whatever the request was. */
export const sanitizeCode = (code: string, echo: Redact): string =>
  sanitize(/^[a-z_]+$/.test(code) ? code : echo(code), 100)

/** A text for people to read. A number or a flag will do; anything else is none. */
const readable = (value: unknown, echo: Redact): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? sanitize(echo(`${value}`), 500)
    : undefined

const lenientText = Schema.optionalKey(Schema.Unknown)

const Body = Schema.Struct({ error: Schema.NonEmptyString, error_description: lenientText, error_uri: lenientText })

const decode = Schema.decodeUnknownOption(Body)
