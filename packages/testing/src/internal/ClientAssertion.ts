/** The client assertions that the provider accepts, each of them once (RFC 7523, OpenID Connect Core 9). */
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Option, type Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import type { Authentication } from "../TestClient.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import * as ClientJwt from "./ClientJwt.ts"
import * as ReplayCache from "./ReplayCache.ts"
import type { Settings } from "./Settings.ts"

type Registered = Extract<Authentication, { readonly method: "client_secret_jwt" | "private_key_jwt" }>

/** What is wrong with an assertion; `undefined` if it authenticates the client. */
export type Verify = (
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

export const make = (settings: Settings): Verify => {
  const isNew = ReplayCache.make()
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
    const type = ClientJwt.typeOf(assertion)
    if (type !== "jwt" && type !== "client-authentication+jwt") return `The assertion's typ is ${type}`
    if (iss !== clientId || sub !== clientId) return "The assertion's iss and sub are not the client"
    if (!settings.assertionAudiences.includes(aud)) return `The assertion's aud is ${aud}`
    if (exp <= now) return "The assertion has expired"
    if (ClientJwt.isInFuture(iat ?? now, now) || ClientJwt.isInFuture(nbf ?? now, now)) {
      return "The assertion's iat or nbf is in the future"
    }
    return isNew(`${clientId} ${jti}`) ? undefined : "The assertion's jti was used before"
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
