/** The signed authentication requests that the provider accepts (CIBA Core 7.1.1), each of them once. */
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Option, Redacted, Result, Schema } from "effect"
import type { TestClient } from "../TestClient.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import { invalid, type Parameters } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import * as ReplayCache from "./ReplayCache.ts"
import type { Settings } from "./Settings.ts"

/** What a client asks for: the parameters of its form, or the claims of the request that it has signed. */
export type Open = (
  client: TestClient,
  parameters: Parameters
) => Effect.Effect<Parameters, ProviderResponse.ProviderResponse>

export const make = (settings: Settings): Open => {
  const first = ReplayCache.make()
  return Effect.fnUntraced(function* ({ clientId, requestSigning: registered }, parameters) {
    const jwt = parameters.get("request")
    if (jwt === undefined) {
      return registered === undefined ? parameters : yield* invalid("The client is registered to sign its requests")
    }
    if (registered === undefined) return yield* invalid("The client is not registered to sign its requests")
    const beside = [...parameters.keys()].find((name) => !outside.has(name))
    if (beside !== undefined) return yield* invalid(`${beside} stands beside the signed request`)
    const verified = yield* JsonWebToken.verify(Redacted.make(jwt), registered).pipe(awaitUnderTestClock, Effect.option)
    if (Option.isNone(verified)) return yield* refuse("The request's signature does not verify")
    const claims = decodeClaims(verified.value)
    if (Option.isNone(claims)) return yield* refuse("The request lacks iss, aud, exp, iat, nbf or jti")
    const { aud, exp, iat, iss, jti, nbf, ...asked } = claims.value
    const now = (yield* Clock.currentTimeMillis) / 1000
    if (!types.has(typeOf(jwt))) return yield* refuse("The request's typ is another one")
    if (iss !== clientId || (asked.client_id ?? iss) !== clientId) return yield* refuse("The request's iss is another")
    if (![aud].flat().includes(settings.issuer)) return yield* refuse(`The request's aud is ${aud}`)
    if (exp <= now) return yield* refuse("The request has expired")
    if (iat > now + skew || nbf > now + skew) return yield* refuse("The request comes from the future")
    if (!first(`${clientId} ${jti}`)) return yield* refuse("The request's jti was used before")
    return new Map(Object.entries(asked).map(([name, value]) => [name, text(value)]))
  })
}

const refuse = (description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error("invalid_request_object", { description }))

/** What may stand beside a signed request. */
const outside = new Set(["request", "client_id", "client_secret", "client_assertion", "client_assertion_type"])

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

const typeOf = (jwt: string): string =>
  Result.match(JsonWebToken.readHeader(Redacted.make(jwt)), {
    onFailure: () => "",
    onSuccess: (header) => (header.typ ?? "jwt").toLowerCase()
  })

const types = new Set(["jwt", "oauth-authz-req+jwt"])

const text = (value: unknown): string => (typeof value === "string" ? value : encode(value))

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

/** How many seconds a client's clock may be ahead. */
const skew = 10
