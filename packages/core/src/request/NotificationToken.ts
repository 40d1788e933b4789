/**
 * The bearer token by which the provider shows, when it calls back, that it is the one that was asked.
 *
 * @see CIBA Core 1.0 sections 7.1 and 9
 */
import { Effect, Redacted } from "effect"
import * as RandomToken from "../internal/RandomToken.ts"

/** A new token of 160 random bits. Every request needs its own. */
export const generate: Effect.Effect<Redacted.Redacted<string>> = Effect.map(RandomToken.generate(20), (token) =>
  labelled(token)
)

/** A caller's own token under the label that a pending authentication wants of it. */
export const withLabel = (token: Redacted.Redacted<string>): Redacted.Redacted<string> =>
  labelled(Redacted.value(token))

/** What is wrong with a caller's own token, if something is. */
export const validate = (token: Redacted.Redacted<string>): string | undefined => {
  const value = Redacted.value(token)
  if (value.length > 1024) return "it is longer than 1024 characters"
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(value)) return "it is not a bearer token in the form of RFC 6750 section 2.1"
  return value.length < 22 ? "it is too short for 128 bits of randomness; let the library make one" : undefined
}

const labelled = (token: string): Redacted.Redacted<string> =>
  Redacted.make(token, { label: "client_notification_token" })
