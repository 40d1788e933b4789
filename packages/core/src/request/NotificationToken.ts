/**
 * The client notification token: the bearer token with which the provider authenticates its ping and push callbacks.
 *
 * @see CIBA Core 1.0 sections 7.1 and 9
 */
import { Effect, Redacted } from "effect"
import * as RandomToken from "../crypto/RandomToken.ts"

/** A new client notification token of 160 random bits. Each request needs its own. */
export const generate: Effect.Effect<Redacted.Redacted<string>> = Effect.map(RandomToken.generate(20), (token) =>
  redact(token)
)

/** The caller's client notification token under the label that `PendingAuthentication` requires. */
export const withLabel = (token: Redacted.Redacted<string>): Redacted.Redacted<string> => redact(Redacted.value(token))

/** Why a caller's client notification token cannot be used; `undefined` if it can. */
export const validate = (token: Redacted.Redacted<string>): string | undefined => {
  const value = Redacted.value(token)
  if (value.length > 1024) return "it is longer than 1024 characters"
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(value)) return "it is not a bearer token in the form of RFC 6750 section 2.1"
  return value.length < 22
    ? "it is too short for 128 bits of randomness; leave it out to use a generated one"
    : undefined
}

const redact = (token: string): Redacted.Redacted<string> =>
  Redacted.make(token, { label: "client_notification_token" })
