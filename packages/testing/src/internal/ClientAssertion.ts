/** The client assertions that the provider accepts (RFC 7523), each of them once. */
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Option, type Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import type { Authentication } from "../TestClient.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import * as ReplayCache from "./ReplayCache.ts"
import type { Settings } from "./Settings.ts"

type Registered = Extract<Authentication, { readonly method: "client_secret_jwt" | "private_key_jwt" }>

/** What is wrong with an assertion; nothing, where it proves the client. */
export type Judge = (
  assertion: Redacted.Redacted<string>,
  clientId: string,
  registered: Registered
) => Effect.Effect<string | undefined>

export const type: string = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/** The subject of an assertion, unverified. */
export const subject = (assertion: string): string | undefined =>
  Base64Url.decodeString(assertion.split(".")[1] ?? "").pipe(
    Result.flatMap(Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ sub: Schema.String })))),
    Result.match({ onFailure: () => undefined, onSuccess: ({ sub }) => sub })
  )

export const make = (settings: Settings): Judge => {
  const first = ReplayCache.make()
  return Effect.fnUntraced(function* (assertion, clientId, registered) {
    const now = (yield* Clock.currentTimeMillis) / 1000
    const verified = yield* JsonWebToken.verify(assertion, {
      algorithm: registered.algorithm,
      key: registered.method === "private_key_jwt" ? registered.key : registered.secret
    }).pipe(awaitUnderTestClock, Effect.option)
    if (Option.isNone(verified)) return "The assertion's signature does not verify"
    const decoded = decode(verified.value)
    if (Option.isNone(decoded)) return "The assertion lacks iss, sub, aud, jti or exp, or aud is not one string"
    const { aud, exp, iat, iss, jti, nbf, sub } = decoded.value
    if (!types.has(typeOf(assertion))) return "The assertion's typ is another one"
    if (iss !== clientId || sub !== clientId) return "The assertion's iss and sub are not the client"
    if (!settings.assertionAudiences.includes(aud)) return `The assertion's aud is ${aud}`
    if (exp <= now) return "The assertion has expired"
    if ((iat ?? now) > now + skew || (nbf ?? now) > now + skew) return "The assertion comes from the future"
    return first(`${clientId} ${jti}`) ? undefined : "The assertion's jti was used before"
  })
}

const decode = Schema.decodeUnknownOption(
  Schema.Struct({
    iss: Schema.String,
    sub: Schema.String,
    aud: Schema.String,
    jti: Schema.NonEmptyString,
    exp: Schema.Finite,
    iat: Schema.optionalKey(Schema.Finite),
    nbf: Schema.optionalKey(Schema.Finite)
  })
)

const typeOf = (assertion: Redacted.Redacted<string>): string =>
  Result.match(JsonWebToken.readHeader(assertion), {
    onFailure: () => "",
    onSuccess: (header) => (header.typ ?? "jwt").toLowerCase()
  })

const types = new Set(["jwt", "client-authentication+jwt"])

/** How many seconds a client's clock may be ahead (FAPI 2.0 Security Profile 5.3.2.1). */
const skew = 10
