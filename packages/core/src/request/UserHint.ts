/**
 * The hint that identifies the end-user. Each request has exactly one: `login_hint`, `login_hint_token` or `id_token_hint`.
 *
 * **Details**
 *
 * - A hint is personal data. It is `Redacted`, and in no log, span or error.
 *
 * **Example** (A login hint)
 *
 * ```ts
 * import { type AuthenticationRequest, UserHint } from "@effect-ciba/core"
 *
 * const request: AuthenticationRequest.Options = { scope: ["openid"], hint: UserHint.login("+49 30 123456") }
 *
 * request.hint.parameter // => "login_hint"
 * String(request.hint.value) // => "<redacted:login_hint>"
 * ```
 *
 * @see CIBA Core 1.0 section 7.1
 */
import { Option, Redacted, Schema } from "effect"

/**
 * A hint and the request parameter that carries it.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface UserHint {
  readonly parameter: "login_hint" | "login_hint_token" | "id_token_hint"
  readonly value: Redacted.Redacted<string>
}

/**
 * An identifier of the end-user: an email address, a phone number, a subject. The provider defines its form; it is sent
 * unchanged.
 *
 * @since 0.1.0
 * @stability stable
 */
export const login = (hint: string | Redacted.Redacted<string>): UserHint => make("login_hint", hint)

/**
 * A token that identifies the end-user. The provider defines its form.
 *
 * @since 0.1.0
 * @stability stable
 */
export const loginToken = (token: string | Redacted.Redacted<string>): UserHint => make("login_hint_token", token)

/**
 * An ID Token that the provider has issued to this client. It may have expired (CIBA Core 14).
 *
 * @since 0.1.0
 * @stability stable
 */
export const idToken = (token: string | Redacted.Redacted<string>): UserHint => make("id_token_hint", token)

/**
 * Why a hint cannot be sent; `undefined` if it can.
 *
 * @since 0.1.0
 * @stability stable
 */
export const validate = (hint: UserHint): string | undefined => {
  const value = Redacted.value(hint.value)
  if (value.trim() === "") return "it is empty"
  return hint.parameter === "id_token_hint" && value.split(".").length === 5
    ? "it is encrypted; send the signed token inside it (CIBA Core 7.1)"
    : undefined
}

/**
 * The `sub` of an `id_token_hint`, which the ID Token of the response must have, too. The hint is not verified.
 *
 * @since 0.1.0
 * @stability stable
 */
export const subject = (hint: UserHint): Option.Option<string> =>
  hint.parameter === "id_token_hint"
    ? Option.map(decodePayload(Redacted.value(hint.value).split(".")[1]), ({ sub }) => sub)
    : Option.none()

const make = (parameter: UserHint["parameter"], value: string | Redacted.Redacted<string>): UserHint => ({
  parameter,
  value: Redacted.make(Redacted.isRedacted(value) ? Redacted.value(value) : value, { label: parameter })
})

const decodePayload = Schema.decodeUnknownOption(
  Schema.StringFromBase64Url.pipe(Schema.decodeTo(Schema.fromJsonString(Schema.Struct({ sub: Schema.NonEmptyString }))))
)
