/** The signed authentication requests that the provider accepts, each of them once (CIBA Core 7.1.1). */
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Option, Redacted, Schema } from "effect"
import type { TestClient } from "../TestClient.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import * as ClientJwt from "./ClientJwt.ts"
import { invalidRequest, type Parameters } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import * as ReplayCache from "./ReplayCache.ts"
import type { Settings } from "./Settings.ts"

/** The parameters of an authentication request: those of the form, or the claims of the signed request in it. */
export type ReadParameters = (
  client: TestClient,
  form: Parameters
) => Effect.Effect<Parameters, ProviderResponse.ProviderResponse>

export const make = (settings: Settings): ReadParameters => {
  const isNew = ReplayCache.make()
  return Effect.fnUntraced(function* ({ clientId, requestSigning: registered }, form) {
    const request = form.get("request")
    if (request === undefined) {
      return registered === undefined ? form : yield* invalidRequest("The client is registered to sign its requests")
    }
    if (registered === undefined) return yield* invalidRequest("The client is not registered to sign its requests")
    const unsigned = [...form.keys()].find((name) => !allowedUnsigned.has(name))
    if (unsigned !== undefined) return yield* invalidRequest(`${unsigned} is outside of the signed request`)
    const jwt = Redacted.make(request)
    const verified = yield* JsonWebToken.verify(jwt, registered).pipe(awaitUnderTestClock, Effect.option)
    if (Option.isNone(verified)) return yield* refuse("The request's signature does not verify")
    const claims = decodeClaims(verified.value)
    if (Option.isNone(claims)) return yield* refuse("The request lacks iss, aud, exp, iat, nbf or jti")
    const { aud, exp, iat, iss, jti, nbf, ...parameters } = claims.value
    const now = (yield* Clock.currentTimeMillis) / 1000
    const type = ClientJwt.typeOf(jwt)
    if (type !== "jwt" && type !== "oauth-authz-req+jwt") return yield* refuse(`The request's typ is ${type}`)
    if (iss !== clientId || (parameters.client_id ?? iss) !== clientId) {
      return yield* refuse("The request's iss or client_id is not the client")
    }
    if (![aud].flat().includes(settings.issuer)) return yield* refuse(`The request's aud is ${aud}`)
    if (exp <= now) return yield* refuse("The request has expired")
    if (ClientJwt.isInFuture(iat, now) || ClientJwt.isInFuture(nbf, now)) {
      return yield* refuse("The request's iat or nbf is in the future")
    }
    if (!isNew(`${clientId} ${jti}`)) return yield* refuse("The request's jti was used before")
    return new Map(Object.entries(parameters).map(([name, value]) => [name, text(value)]))
  })
}

const refuse = (description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error("invalid_request_object", { description }))

/** Parameters beside a signed request: the request itself, and client authentication. */
const allowedUnsigned = new Set(["request", "client_id", "client_secret", "client_assertion", "client_assertion_type"])

const decodeClaims = Schema.decodeUnknownOption(
  Schema.StructWithRest(
    Schema.Struct({
      iss: Schema.String,
      aud: Schema.Union([Schema.String, Schema.Array(Schema.String)]),
      jti: Schema.NonEmptyString,
      exp: Schema.Finite,
      iat: Schema.Finite,
      nbf: Schema.Finite
    }),
    [Schema.Record(Schema.String, Schema.Unknown)]
  )
)

const text = (value: unknown): string => (typeof value === "string" ? value : encode(value))

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))
