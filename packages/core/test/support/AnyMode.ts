// The flow as a layer, whatever the delivery mode: what all modes have in common.
import { Ciba, type ClientRegistration, type DeliveryMode, NotificationInbox } from "@effect-ciba/core"
import { Layer } from "effect"
import type { HttpClient } from "effect/http"

export type Options = Omit<Ciba.Options, "deliveryMode"> & {
  readonly deliveryMode?: DeliveryMode.DeliveryMode | undefined
}

export const layer = ({
  deliveryMode,
  ...options
}: Options): Layer.Layer<Ciba.CommonPieces, ClientRegistration.ClientRegistrationError, HttpClient.HttpClient> =>
  deliveryMode === "push"
    ? Layer.provide(Ciba.layerPush(options), NotificationInbox.layer)
    : Ciba.layer({ ...options, deliveryMode })
