// What must not compile. `npm run check` fails at each @ts-expect-error below which there is no error: a type became too
// wide. What compiles stands beside it and differs in nothing else, so that a rename cannot be the error.
import {
  Ciba,
  ClientAuthentication,
  Dpop,
  type IdTokenVerifier,
  NotificationInbox,
  Poll,
  SigningKey,
  TokenEndpoint,
  type TokenResponse,
  UserHint
} from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"

declare const run: <A, E>(effect: Effect.Effect<A, E>) => void

declare const keyPair: SigningKey.KeyPair
declare const secretKey: SigningKey.SigningKey

const client = {
  issuer: "https://op.example.com",
  clientId: "shop",
  authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
}

const http = FetchHttpClient.layer
const pollClient = Ciba.layer(client).pipe(Layer.provide(http))
const pushClient = Ciba.layer({ ...client, deliveryMode: "push" }).pipe(
  Layer.provide(NotificationInbox.layer),
  Layer.provide(http)
)

export const aRequestHasOneHint = (): void => {
  const hint = UserHint.login("jo")
  Ciba.authenticate({ scope: ["openid"], hint })
  // @ts-expect-error
  Ciba.authenticate({ scope: ["openid"] })
  // @ts-expect-error
  Ciba.authenticate({ scope: ["openid"], hint: [hint, hint] })
  // @ts-expect-error
  Ciba.authenticate({ scope: ["openid"], hint, loginHintToken: "a token" })
  // @ts-expect-error
  Ciba.authenticate({ scope: ["openid"], hint, idTokenHint: "a token" })
  // @ts-expect-error
  Ciba.authenticate({ scope: ["openid"], hint: { ...hint, parameter: ["login_hint", "login_hint_token"] } })
}

export const aFlowNeedsItsLayers = (): void => {
  const flow = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo") })
  run(Effect.provide(flow, pollClient))
  run(Effect.provide(flow, pushClient))
  // @ts-expect-error
  run(flow)
  // @ts-expect-error
  run(Effect.provide(flow, http))
  // @ts-expect-error
  run(Effect.provide(flow, Ciba.layer(client)))
  // @ts-expect-error
  run(Effect.provide(flow, Ciba.layer({ ...client, deliveryMode: "push" }).pipe(Layer.provide(http))))
}

export const aPushClientHasNoTokenRequestToTheCibaGrant = (): void => {
  const poll = Poll.Poll.use(Effect.succeed)
  const tokenRequest = TokenEndpoint.TokenEndpoint.use(Effect.succeed)
  run(Effect.provide(poll, pollClient))
  run(Effect.provide(tokenRequest, pollClient))
  // @ts-expect-error
  run(Effect.provide(poll, pushClient))
  // @ts-expect-error
  run(Effect.provide(tokenRequest, pushClient))
}

export const aDeliveryModeIsOneOfTheSpecification = (): void => {
  Ciba.layer({ ...client, deliveryMode: "poll" })
  Ciba.layer({ ...client, deliveryMode: "ping" })
  // @ts-expect-error
  Ciba.layer({ ...client, deliveryMode: "pull" })
  const mode: string = "poll"
  // @ts-expect-error
  Ciba.layer({ ...client, deliveryMode: mode })
}

type UnverifiedIdToken = Parameters<IdTokenVerifier.Service["claims"]>[0]

export const nothingIsReadBeforeVerification = (
  response: TokenResponse.TokenResponse,
  idToken: UnverifiedIdToken,
  verifier: IdTokenVerifier.Service
): void => {
  Effect.map(verifier.claims(idToken), (claims) => claims.sub)
  // @ts-expect-error
  idToken.sub
  // @ts-expect-error
  idToken.value
  // @ts-expect-error
  Redacted.value(idToken)
  // @ts-expect-error
  const text: string = idToken
  // @ts-expect-error
  response.access_token
  // @ts-expect-error
  response.accessToken
  // @ts-expect-error
  response.idToken
  // @ts-expect-error
  response.members
  // @ts-expect-error
  Redacted.value(response)
  run(Effect.succeed(text))
}

export const onlyTheLibraryMakesUnverifiedThings = (verifier: IdTokenVerifier.Service): void => {
  // @ts-expect-error
  verifier.claims("eyJ…")
  // @ts-expect-error
  verifier.claims(Redacted.make("eyJ…"))
  // @ts-expect-error
  verifier.claims({})
}

export const aProofNeedsAKeyPair = (): void => {
  Dpop.layer({ key: keyPair })
  Dpop.layer({ key: Effect.succeed(keyPair) })
  // @ts-expect-error
  Dpop.layer({ key: secretKey })
  // @ts-expect-error
  Dpop.layer({ key: Effect.succeed(secretKey) })
  // @ts-expect-error
  Dpop.layer({ key: keyPair.publicJwk })
}

export const aPublicKeyDoesNotSign = (privateJwk: Redacted.Redacted<unknown>): void => {
  ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(privateJwk))
  // @ts-expect-error
  ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(keyPair.publicJwk))
  // @ts-expect-error
  ClientAuthentication.privateKeyJwt(keyPair.publicJwk)
}

type ReasonOf<E> = E extends { readonly _tag: "TokenError"; readonly reason: { readonly _tag: infer Tag } }
  ? Tag
  : never

type TokenReason<Call extends (...given: never) => Effect.Effect<unknown, unknown, unknown>> = ReasonOf<
  Effect.Error<ReturnType<Call>>
>

export const aWaitFailsWithNothingThatItGoesOnAfter = (): void => {
  const report = <Tag>(_tag: Tag): void => {}
  report<TokenReason<TokenEndpoint.Service["redeem"]>>("AuthorizationPending")
  report<TokenReason<TokenEndpoint.Service["redeem"]>>("SlowDown")
  report<TokenReason<typeof Ciba.complete>>("AccessDenied")
  // @ts-expect-error
  report<TokenReason<typeof Ciba.complete>>("AuthorizationPending")
  // @ts-expect-error
  report<TokenReason<typeof Ciba.complete>>("SlowDown")
  report<TokenReason<typeof Ciba.authenticate>>("AccessDenied")
  // @ts-expect-error
  report<TokenReason<typeof Ciba.authenticate>>("AuthorizationPending")
  // @ts-expect-error
  report<TokenReason<typeof Ciba.authenticate>>("SlowDown")
}
