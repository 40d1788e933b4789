/**
 * The flow step by step: discovery, authentication request, token requests, ID Token validation. Each step is a service;
 * those with an HTTP request can be run in two halves. The polling loop here observes the interval and `slow_down`;
 * `Poll` does the same, and also retries after transport faults.
 */
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  Discovery,
  IdTokenVerifier,
  TokenEndpoint,
  type TokenResponse,
  UserHint
} from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, DateTime, Duration, Effect, Layer } from "effect"

const program = Effect.gen(function* () {
  const metadata = yield* Discovery.metadata
  yield* Console.log(`1  ${metadata.issuer} delivers by ${metadata.backchannel_token_delivery_modes_supported}`)

  const request = yield* AuthenticationRequest.make({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  const backchannel = yield* BackchannelAuthentication.BackchannelAuthentication
  const sent = yield* backchannel.request(request)
  const pending = yield* backchannel.process(sent)
  yield* Console.log(
    `2  acknowledged with status ${sent.response.status}; it expires at ${DateTime.formatIso(pending.expiresAt)}`
  )

  const tokenEndpoint = yield* TokenEndpoint.TokenEndpoint
  const pollAfter = (
    interval: Duration.Duration
  ): Effect.Effect<TokenResponse.TokenResponse, TokenEndpoint.RedeemError> =>
    tokenEndpoint.backchannelAuthenticationGrantRequest(pending.authReqId).pipe(
      Effect.delay(interval),
      Effect.flatMap(tokenEndpoint.processBackchannelAuthenticationGrantResponse),
      Effect.tapError((error) => Console.log(`3  ${error.reason._tag}`)),
      Effect.catchReasons("TokenError", {
        AuthorizationPending: () => pollAfter(interval),
        SlowDown: () => pollAfter(Duration.sum(interval, Duration.seconds(5)))
      })
    )
  const tokenResponse = yield* pollAfter(pending.interval)
  yield* Console.log(`3  a token response, unreadable before verification: ${JSON.stringify(tokenResponse)}`)

  const identity = yield* IdTokenVerifier.verify(tokenResponse, pending)
  yield* Console.log(`4  ${identity.subject}, with an access token of type ${identity.tokenType}`)
})

const CibaLive = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretPost(TestClient.secret)
}).pipe(
  Layer.provide(
    TestProvider.layer({
      client: TestClient.clientSecretPost(),
      user: TestUser.approve({ after: "1500 millis" }),
      interval: "1 second"
    })
  )
)

await Effect.runPromise(Effect.provide(program, CibaLive))
