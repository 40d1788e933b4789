/**
 * ConnectID Australia: an end-user proves to be over 18, with claims that their bank has verified under `au_connectid`, and
 * a transaction number (`txn`) in the ID Token. The profile refuses a response without either. The client is that of `fapi.ts`.
 */
import { type AuthenticationRequest, Ciba, SecurityProfile, UserHint, UserInfo } from "@effect-ciba/core"
import { Console, Effect, Layer, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import * as Fapi from "./fapi.ts"

export const layer = (settings: Fapi.Settings) => Fapi.layer(settings, SecurityProfile.connectIdAu)

export const request: AuthenticationRequest.Options = {
  scope: ["openid"],
  hint: UserHint.login("jo@example.com"),
  bindingMessage: "Age check for order W4SCT",
  claims: {
    id_token: {
      txn: { essential: true },
      verified_claims: {
        verification: { trust_framework: { value: "au_connectid" } },
        claims: { over18: { essential: true } }
      }
    }
  }
}

/** Asks the end-user for their age, and for their claims. */
export const verifyAge = Effect.gen(function* () {
  const identity = yield* Ciba.authenticate(request)
  const { sub } = yield* UserInfo.claims(identity)
  return { subject: sub, verified: identity.claims.verified_claims }
})

/** The provider in memory does not return `x-fapi-interaction-id`; a bank of ConnectID has to. */
const interactionIds = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (provider) =>
    HttpClient.make((request) =>
      Effect.map(provider.execute(request), ({ headers, stream, status }) =>
        HttpClientResponse.fromWeb(
          request,
          new Response(Stream.toReadableStream(stream), {
            status,
            headers: { ...headers, "x-fapi-interaction-id": request.headers["x-fapi-interaction-id"] ?? "" }
          })
        )
      )
    )
  )
)

const program = Effect.gen(function* () {
  const { provider, settings } = yield* Fapi.makeTrial({
    idTokenClaims: (claims) => ({
      ...claims,
      txn: "1c2b7a",
      verified_claims: { verification: { trust_framework: "au_connectid" }, claims: { over18: true } }
    })
  })
  const { subject, verified } = yield* Effect.provide(
    verifyAge,
    layer(settings).pipe(Layer.provide(interactionIds), Layer.provide(provider))
  )
  yield* Console.log(`${subject} approved: ${JSON.stringify(verified)}`)
})

if (process.argv[1] === import.meta.filename) await Effect.runPromise(program)
