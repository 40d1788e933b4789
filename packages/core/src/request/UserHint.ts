/**
 * Who is asked: exactly one hint per request, by construction.
 *
 * @see CIBA Core 1.0 section 7.1
 */
import { Option, Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"

/** A hint at the person, under the name of its request parameter. */
export interface UserHint {
  readonly parameter: "login_hint" | "login_hint_token" | "id_token_hint"
  readonly value: Redacted.Redacted<string>
}

/**
 * A name by which the provider knows the person: an address, a phone number, a subject. What it may look like is the
 * provider's rule; it is sent as it is.
 */
export const login = (hint: string | Redacted.Redacted<string>): UserHint => make("login_hint", hint)

/** A token that names the person, in a form that the provider defines. */
export const loginToken = (token: string | Redacted.Redacted<string>): UserHint => make("login_hint_token", token)

/** An ID Token that the provider issued to this client before. It may have expired (CIBA Core 14). */
export const idToken = (token: string | Redacted.Redacted<string>): UserHint => make("id_token_hint", token)

/** What is wrong with a hint, if something is. */
export const validate = (hint: UserHint): string | undefined => {
  const value = Redacted.value(hint.value)
  if (value.trim() === "") return "it is empty"
  return hint.parameter === "id_token_hint" && value.split(".").length === 5
    ? "it is encrypted; send the signed token inside it (CIBA Core 7.1)"
    : undefined
}

/** The subject that an `id_token_hint` names: the answer must be about the same person. */
export const subject = (hint: UserHint): Option.Option<string> =>
  hint.parameter === "id_token_hint"
    ? Option.map(readSubject(Redacted.value(hint.value).split(".")[1] ?? ""), ({ sub }) => sub)
    : Option.none()

const make = (parameter: UserHint["parameter"], value: string | Redacted.Redacted<string>): UserHint => ({
  parameter,
  value: Redacted.make(Redacted.isRedacted(value) ? Redacted.value(value) : value, { label: parameter })
})

const decodeSubject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ sub: Schema.NonEmptyString })))

const readSubject = (payload: string): Option.Option<{ readonly sub: string }> =>
  Option.flatMap(Result.getSuccess(Base64Url.decodeString(payload)), decodeSubject)
