// The flow as a layer, whatever the delivery mode: what all modes have in common.
import { Ciba, type ClientRegistration, NotificationInbox } from "@effect-ciba/core"
import { Layer } from "effect"
import type { HttpClient } from "effect/http"
import type * as DeliveryMode from "../../src/client/DeliveryMode.ts"

export type Options = Omit<Ciba.Options, "deliveryMode"> & {
  readonly deliveryMode?: DeliveryMode.DeliveryMode | undefined
}

export const layer = ({
  deliveryMode,
  ...options
}: Options): Layer.Layer<Ciba.PushServices, ClientRegistration.ClientRegistrationError, HttpClient.HttpClient> =>
  deliveryMode === "push"
    ? Layer.provide(Ciba.layer({ ...options, deliveryMode }), NotificationInbox.layer)
    : Ciba.layer({ ...options, deliveryMode })
