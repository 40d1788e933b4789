/**
 * Open Finance Brasil: the client creates a consent with a token of its own, the end-user authorises it, and the provider
 * pings the client. Access tokens are short-lived: they are refreshed when the bank refuses one. The client is that of
 * `fapi.ts`; `NodeNotificationServer` receives the pings, with the certificate authorities of the ecosystem.
 */
import {
  type AuthenticationRequest,
  Ciba,
  FreshIdentity,
  NotificationInbox,
  NotificationReceiver,
  ProtectedResource,
  SecurityProfile,
  SigningKey,
  TokenEndpoint,
  UserHint
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, Layer, Schema } from "effect"
import { HttpBody, HttpClient, HttpClientResponse } from "effect/http"
import * as Fapi from "./fapi.ts"

export const layer = (settings: Fapi.Settings) => Fapi.layer(settings, SecurityProfile.openFinanceBrasil)

/** The bank's APIs. */
export interface Bank {
  readonly consents: string
  readonly resources: string
}

const Consent = Schema.Struct({ data: Schema.Struct({ consentId: Schema.String }) })

/** Creates a consent for the end-user with this CPF; its id. */
export const createConsent = Effect.fnUntraced(function* (consents: string, cpf: string) {
  const token = yield* TokenEndpoint.requestClientToken({ scope: ["consents"] })
  const api = ProtectedResource.failOnChallengeError(yield* ProtectedResource.make(token))
  const response = yield* api.post(consents, {
    body: HttpBody.jsonUnsafe({
      data: {
        loggedUser: { document: { identification: cpf, rel: "CPF" } },
        permissions: ["RESOURCES_READ", "ACCOUNTS_READ"]
      }
    })
  })
  const { data } = yield* HttpClientResponse.schemaBodyJson(Consent)(response)
  return data.consentId
})

export const request = (consentId: string): AuthenticationRequest.Options => ({
  scope: ["openid", "consents", `consent:${consentId}`, "resources"],
  hint: UserHint.login(consentId),
  bindingMessage: "W4SCT"
})

/** Asks the end-user with this CPF to share their resources, and reads them. */
export const readResources = Effect.fnUntraced(function* ({ consents, resources }: Bank, cpf: string) {
  const consentId = yield* createConsent(consents, cpf)
  const identity = yield* Ciba.authenticate(request(consentId))
  const api = yield* ProtectedResource.make(yield* FreshIdentity.make(identity))
  const { status } = yield* ProtectedResource.failOnChallengeError(api)
    .get(resources)
    .pipe(Effect.retry({ times: 1, while: ({ reason }) => reason._tag === "InvalidToken" }))
  return { subject: identity.subject, status }
}, Effect.scoped)

/** The APIs of a bank in memory, beside the provider. */
const bankLayer = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (provider) =>
    HttpClient.make((request, url) =>
      url.host === "bank.test"
        ? Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ data: { consentId: "urn:bank:1" } })))
        : provider.execute(request)
    )
  )
)

const program = Effect.gen(function* () {
  const key = yield* SigningKey.generate("PS256")
  const provider = TestProvider.layer({
    client: TestClient.privateKeyJwt(key.publicJwk, {
      requestKey: key.publicJwk,
      idTokenSignedResponseAlg: "PS256",
      notification: { deliveryMode: "ping", url: "https://bank-app.test/ciba" }
    }),
    user: TestUser.approve({ subject: "jo", loginHint: "urn:bank:1" }),
    tokenScript: ProviderScript.make([ProviderScript.json(200, { access_token: "for-consents", token_type: "Bearer" })])
  })
  const client = layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    key,
    authentication: "private_key_jwt",
    deliveryMode: "ping"
  }).pipe(Layer.provide(bankLayer), Layer.provideMerge(provider), Layer.provideMerge(NotificationInbox.layer))

  yield* Effect.gen(function* () {
    const bank = yield* TestProvider.TestProvider
    yield* bank.deliverTo(yield* NotificationReceiver.toWebHandler())
    const { status, subject } = yield* readResources(
      { consents: "https://bank.test/consents", resources: "https://bank.test/resources" },
      "76109277673"
    )
    yield* Console.log(`${subject} authorised the consent; the resources come with status ${status}.`)
  }).pipe(Effect.scoped, Effect.provide(client))
})

if (process.argv[1] === import.meta.filename) await Effect.runPromise(program)
