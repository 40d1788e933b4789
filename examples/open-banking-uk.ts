/**
 * Open Banking UK: FAPI-CIBA about a consent. The id of the consent is sent as `openbanking-intent-id`; the profile here
 * refuses a request without it, whose access token would be bound to no consent. The client is that of `fapi.ts`.
 */
import {
  type AuthenticationRequest,
  Ciba,
  ProtectedResource,
  SecurityProfile,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, Layer } from "effect"
import * as Fapi from "./fapi.ts"

const intent = "openbanking-intent-id"

const profile = SecurityProfile.extend(SecurityProfile.fapi1Ciba, {
  name: "Open Banking UK",
  request: [
    {
      reference: "Read/Write Data API Profile, identifying the consent to be authorised",
      parameter: intent,
      problem: ({ parameters }) => (intent in parameters ? undefined : "create a consent, and send its id")
    }
  ]
})

export const layer = (settings: Fapi.Settings) => Fapi.layer(settings, profile)

export const request = (consentId: string): AuthenticationRequest.Options => ({
  scope: ["openid", "accounts"],
  hint: UserHint.login("jo@example.com"),
  bindingMessage: "W4SCT",
  extensionParameters: { [intent]: consentId }
})

/** Asks the end-user to authorise the consent, and reads the accounts. */
export const readAccounts = Effect.fnUntraced(function* (accounts: string, consentId: string) {
  const identity = yield* Ciba.authenticate(request(consentId))
  const api = ProtectedResource.failOnChallengeError(yield* ProtectedResource.make(identity))
  const { status } = yield* api.get(accounts)
  return { subject: identity.subject, status }
})

const program = Effect.gen(function* () {
  const key = yield* SigningKey.generate("PS256")
  const provider = TestProvider.layer({
    client: TestClient.privateKeyJwt(key.publicJwk, { requestKey: key.publicJwk, idTokenSignedResponseAlg: "PS256" }),
    user: TestUser.approve(),
    interval: "1 second"
  })
  const client = layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    key,
    authentication: "private_key_jwt",
    deliveryMode: "poll"
  })
  // The provider in memory has one protected resource, UserInfo.
  const { status, subject } = yield* readAccounts("https://provider.test/userinfo", "aac-1").pipe(
    Effect.provide(Layer.provide(client, provider))
  )
  yield* Console.log(`${subject} authorised the consent; the accounts come with status ${status}.`)
})

if (process.argv[1] === import.meta.filename) await Effect.runPromise(program)
