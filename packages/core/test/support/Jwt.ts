// Tokens as an attacker writes them, and a look inside those that the client sends.
import { Effect, Redacted, Schema } from "effect"
import { Base64Url } from "effect/encoding"

export type JsonObject = Readonly<Record<string, unknown>>

const json = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

export const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

/** The JSON object in the header (0) or the payload (1) of a token, unverified. */
export const part = (jwt: string, index: 0 | 1) =>
  Effect.flatMap(
    Effect.fromResult(Base64Url.decodeString(jwt.split(".")[index] ?? "")),
    Schema.decodeUnknownEffect(json)
  )

/** Three parts as they are given; the JSON of the first two is encoded. */
export const join = (header: JsonObject, payload: JsonObject, signature: string): string =>
  [encodeJson(header), encodeJson(payload)].map(Base64Url.encode).concat(signature).join(".")

/** The same token with some parts replaced. */
export const replace = (
  jwt: Redacted.Redacted<string>,
  parts: { readonly header?: JsonObject; readonly payload?: JsonObject; readonly signature?: string }
): Redacted.Redacted<string> => {
  const [header = "", payload = "", signature = ""] = Redacted.value(jwt).split(".")
  return Redacted.make(
    [
      parts.header === undefined ? header : Base64Url.encode(encodeJson(parts.header)),
      parts.payload === undefined ? payload : Base64Url.encode(encodeJson(parts.payload)),
      parts.signature ?? signature
    ].join(".")
  )
}

/** Signs any two parts with HMAC and SHA-256, whatever the header says. */
export const hmac = (secret: string, header: JsonObject, encodedPayload: string) =>
  Effect.promise(() => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    const input = `${Base64Url.encode(encodeJson(header))}.${encodedPayload}`
    return crypto.subtle
      .importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
      .then((key) => crypto.subtle.sign("HMAC", key, bytes(input)))
      .then((signature) => Redacted.make(`${input}.${Base64Url.encode(new Uint8Array(signature))}`))
  })
