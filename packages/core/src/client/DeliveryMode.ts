/**
 * How the provider delivers the tokens. A client is registered for one mode. `Ciba.ts` chooses the wait for it, `wait/`
 * has one for each, and `ClientMetadata` says what a registration needs for it.
 *
 * @see CIBA Core 1.0 sections 4 and 5
 */
import { Schema } from "effect"

/** Schema of `backchannel_token_delivery_mode`. */
export const DeliveryMode: Schema.Literals<readonly ["poll", "ping", "push"]> = Schema.Literals([
  "poll",
  "ping",
  "push"
])

/** A value of `backchannel_token_delivery_mode`. */
export type DeliveryMode = typeof DeliveryMode.Type

/** Whether the provider notifies the client, so that a request carries a `client_notification_token`. */
export const usesNotifications = (mode: DeliveryMode): mode is "ping" | "push" => mode !== "poll"

/** The grant type of a token request with an `auth_req_id` (CIBA Core 10.1). */
export const grantType: string = "urn:openid:params:grant-type:ciba"
