/**
 * Redaction of secrets of a request from the text of its response: servers quote the values that they refuse.
 *
 * **Details**
 *
 * - Credentials, proofs, and every parameter and header that is not known to be public are replaced.
 * - They are found as they were sent, and form-encoded; a signed token is found in each of its parts, too, a header in each
 *   of its words, and JSON in each of its texts.
 *
 * **Gotchas**
 *
 * - A value that the server has shortened or encoded in another way is not found.
 * - Values of less than four characters stay: they occur in words.
 */
import { Option, Result, Schema } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import type { HttpBody, HttpClientRequest } from "effect/http"
import { formEncode } from "./HttpUrl.ts"

/** Replaces secrets in a text. */
export type Redact = (text: string) => string

/** Replaces these values. */
export const ofValues = (values: ReadonlyArray<string>): Redact => {
  const secrets = values
    .flatMap(splitToken)
    .filter((value) => value.length >= minLength)
    .flatMap(encodings)
    .sort((one, other) => other.length - one.length)
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, "<redacted>"), text)
}

/** Replaces the secrets that a request carries, and further ones. They are collected once there is a text. */
export const ofRequest = (
  request: HttpClientRequest.HttpClientRequest,
  further: ReadonlyArray<string> = []
): Redact => {
  let redact: Redact | undefined
  return (text) => {
    redact ??= ofValues([
      ...further,
      ...Object.entries(request.headers).flatMap(([name, value]) => header(name, value)),
      ...parameters(request.body).flatMap(([name, value]) => parameter(name, value))
    ])
    return redact(text)
  }
}

const minLength = 4

const splitToken = (value: string): ReadonlyArray<string> =>
  /^[\w-]+(\.[\w-]*){2,4}$/.test(value) ? [value, ...value.split(".")] : [value]

/** Characters that form encoding leaves as they are. */
const unreserved = /^[\w.*-]+$/

/** The escapes of a form for characters that `encodeURIComponent` leaves as they are. */
const keptByUris = /%(21|27|28|29|7E)/g

const encodings = (value: string): ReadonlyArray<string> => {
  if (unreserved.test(value)) return [value]
  const encoded = formEncode(value)
  const escaped = encoded.replaceAll("+", "%20")
  return [...new Set([value, encoded, escaped, escaped.replaceAll(keptByUris, decodeURIComponent)])]
}

const publicHeaders = new Set(["accept", "content-type", "content-length", "user-agent", "x-fapi-interaction-id"])

const header = (name: string, value: string): ReadonlyArray<string> => {
  if (publicHeaders.has(name)) return []
  const [, scheme = "", credentials = value] = /^(\S+) +(.+)$/s.exec(value) ?? []
  const whole = name === "authorization" ? [] : [value]
  return scheme.toLowerCase() === "basic"
    ? [...whole, credentials, ...password(credentials)]
    : [...whole, credentials, ...words(value)]
}

/** The words of a header, without schemes and the names of authentication parameters (RFC 9110 section 11.2). */
const words = (value: string): ReadonlyArray<string> =>
  value
    .replaceAll(/(?<![^\s,;])[a-z_-]{1,20} *= *(?=[^\s=])/gi, " ")
    .split(/[\s=,;"']+/)
    .filter((word) => !schemes.has(word.toLowerCase()))

const schemes = new Set(["bearer", "digest", "dpop", "hmac", "token"])

/** Both halves are form-encoded before they are joined (RFC 6749 2.3.1). */
const password = (credentials: string): ReadonlyArray<string> =>
  Result.match(Base64.decodeString(credentials), {
    onFailure: () => [],
    onSuccess: (pair) => [...new URLSearchParams(`=${pair.slice(pair.indexOf(":") + 1)}`).values()]
  })

const publicParameters = new Set([
  "acr_values",
  "aud",
  "binding_message",
  "client_assertion_type",
  "client_id",
  "grant_management_action",
  "grant_type",
  "iss",
  "requested_expiry",
  "resource",
  "scope",
  "token_type_hint"
])

const parameter = (name: string, value: string): ReadonlyArray<string> => {
  if (publicParameters.has(name)) return []
  return name === "request" ? [value, ...claims(value)] : withTexts(value)
}

/** A secret, and the texts in it if it is JSON. */
export const withTexts = (value: string): ReadonlyArray<string> =>
  mayHaveTexts.test(value) ? [value, ...leaves(Option.getOrUndefined(decodeJson(value)))] : [value]

/** How JSON begins that has a text. */
const mayHaveTexts = /^\s*["[{]/

/** The texts in JSON, whose names and types are public. */
const leaves = (json: unknown): ReadonlyArray<string> => {
  if (typeof json === "string") return [json]
  if (typeof json !== "object" || json === null) return []
  return Object.entries(json).flatMap(([name, value]) =>
    name === "type" && typeof value === "string" ? [] : leaves(value)
  )
}

/** The parameters inside a signed request. */
const claims = (jwt: string): ReadonlyArray<string> =>
  Result.getSuccess(Base64Url.decodeString(jwt.split(".")[1] ?? "")).pipe(
    Option.flatMap(decodeMembers),
    Option.match({
      onNone: () => [],
      onSome: (members) =>
        Object.entries(members).flatMap(([name, value]) => {
          if (typeof value === "string") return parameter(name, value)
          return publicParameters.has(name) ? [] : leaves(value)
        })
    })
  )

const parameters = (body: HttpBody.HttpBody): ReadonlyArray<readonly [name: string, value: string]> => {
  if (body._tag !== "Uint8Array") return []
  const text = new TextDecoder().decode(body.body)
  if (/^application\/x-www-form-urlencoded/i.test(body.contentType)) return [...new URLSearchParams(text)]
  const members = Option.getOrElse(decodeMembers(text), () => ({}))
  return texts(members).filter(([name]) => secretMembers.has(name))
}

/** The secret members of a JSON document: client metadata is public. */
const secretMembers = new Set(["client_secret", "software_statement"])

const texts = (members: Readonly<Record<string, unknown>>): ReadonlyArray<readonly [name: string, value: string]> =>
  Object.entries(members).flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : []))

const decodeMembers = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
