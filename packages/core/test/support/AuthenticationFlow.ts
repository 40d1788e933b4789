// An authentication at the in-memory provider, and the requests that the provider received.
import {
  type AuthenticationRequest,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  type ClientRegistration,
  NotificationInbox,
  type Transport,
  UserHint
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import type { Endpoint } from "@effect-ciba/testing/RequestRecord"
import { Effect, Layer, Option } from "effect"
import { HttpClient } from "effect/http"
import type * as DeliveryMode from "../../src/client/DeliveryMode.ts"

export const hint = UserHint.login("jo@example.com")

export const acknowledgement = { auth_req_id: "1c266114-a1be-4252-8ad1-04986c5b9ac1", expires_in: 120, interval: 2 }

/** The options of `Ciba.layer`, for a test that is the same in every delivery mode. */
export type AnyModeOptions = Omit<Ciba.Options, "deliveryMode"> & {
  readonly deliveryMode?: DeliveryMode.DeliveryMode | undefined
}

/** `Ciba.layer`, with a notification inbox in push mode, and in ping mode if there is none. */
export const anyModeLayer = ({
  deliveryMode,
  ...options
}: AnyModeOptions): Layer.Layer<
  Ciba.PushServices,
  ClientRegistration.ClientRegistrationError | Transport.InvalidOption,
  HttpClient.HttpClient
> =>
  deliveryMode === "push"
    ? Layer.provide(Ciba.layer({ ...options, deliveryMode }), NotificationInbox.layer)
    : Layer.unwrap(
        Effect.map(Effect.serviceOption(NotificationInbox.NotificationInbox), (inbox) => {
          const client = Ciba.layer({ ...options, deliveryMode })
          return deliveryMode === "ping" && Option.isNone(inbox)
            ? Layer.provide(client, NotificationInbox.layer)
            : client
        })
      )

export const cibaLayer = (provider: ProviderOptions = {}, options?: Partial<AnyModeOptions>) =>
  anyModeLayer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  }).pipe(Layer.provideMerge(TestProvider.layer(provider)))

export const initiate = (options?: Partial<AuthenticationRequest.Options>) =>
  BackchannelAuthentication.initiate({ scope: ["openid"], hint, ...options })

/** The authentication endpoint sends these responses first. */
export const withResponses = (...answers: ReadonlyArray<ProviderScript.Step>): ProviderOptions => ({
  backchannelScript: ProviderScript.make(answers)
})

/** The provider's metadata with some members changed, or left out if `undefined`. */
export const withMetadata = (members: Readonly<Record<string, unknown>>): ProviderOptions => ({
  metadata: (document) => ({ ...document, ...members })
})

export const requestsTo = (endpoint: Endpoint) =>
  TestProvider.TestProvider.use(({ requests }) =>
    Effect.map(requests, (all) => all.filter((request) => request.endpoint === endpoint))
  )

/** The bodies of the POST requests of a program. */
export const postBodies = <E>(
  program: Effect.Effect<unknown, E, Ciba.PushServices>,
  options?: Partial<AnyModeOptions>
) => {
  const bodies: Array<string> = []
  const recorder = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.tapRequest(({ body, method }) =>
        Effect.sync(() => {
          if (method === "POST")
            bodies.push(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : body._tag)
        })
      )
    )
  )
  return program.pipe(
    Effect.as(bodies),
    Effect.provide(
      anyModeLayer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.none,
        ...options
      }).pipe(
        Layer.provide(recorder),
        Layer.provide(
          TestProvider.layer({ ...withResponses(ProviderScript.json(200, acknowledgement)), ...allDeliveryModes })
        )
      )
    )
  )
}

export const allDeliveryModes: ProviderOptions = withMetadata({
  backchannel_token_delivery_modes_supported: ["poll", "ping", "push"],
  backchannel_user_code_parameter_supported: true
})
