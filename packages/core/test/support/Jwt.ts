// Forges tokens, and decodes those that the client sends.
import type { RequestRecord } from "@effect-ciba/testing/RequestRecord"
import { Effect, Redacted, Schema } from "effect"
import { Base64Url } from "effect/encoding"

export type JsonObject = Readonly<Record<string, unknown>>

const json = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

export const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

/** The JSON object in the header (0) or the payload (1) of a token, unverified. */
export const decodePart = (jwt: string, index: 0 | 1) =>
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
export const signHmac = (secret: string, header: JsonObject, encodedPayload: string) =>
  Effect.promise(() => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    const input = `${Base64Url.encode(encodeJson(header))}.${encodedPayload}`
    return crypto.subtle
      .importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
      .then((key) => crypto.subtle.sign("HMAC", key, bytes(input)))
      .then((signature) => Redacted.make(`${input}.${Base64Url.encode(new Uint8Array(signature))}`))
  })

/** The header and the claims of the DPoP proof of a request. */
export const dpopProof = ({ headers }: RequestRecord) =>
  Effect.all({ header: decodeHeader(headers.dpop ?? ""), claims: decodePart(headers.dpop ?? "", 1) })

/** The claims of a token in the parameters of a request. */
export const claimsOf = ({ parameters }: RequestRecord, name: string) =>
  decodePart(parameters.find(([candidate]) => candidate === name)?.[1] ?? "", 1)

const decodeHeader = (jwt: string) =>
  Effect.flatMap(
    decodePart(jwt, 0),
    Schema.decodeUnknownEffect(
      Schema.Struct({
        typ: Schema.String,
        alg: Schema.String,
        jwk: Schema.StructWithRest(Schema.Struct({ kty: Schema.String }), [
          Schema.Record(Schema.String, Schema.Unknown)
        ])
      })
    )
  )
