/**
 * How the provider hands over the result, chosen at registration: one mode per client.
 *
 * @see CIBA Core 1.0 sections 4 and 5
 */
import { Schema } from "effect"

/** Schema of a delivery mode's name. */
export const DeliveryMode: Schema.Literals<readonly ["poll", "ping", "push"]> = Schema.Literals([
  "poll",
  "ping",
  "push"
])

/** A delivery mode's name. */
export type DeliveryMode = typeof DeliveryMode.Type

/** Whether the provider calls the client back, so that a request carries a `client_notification_token`. */
export const usesNotifications = (mode: DeliveryMode): mode is "ping" | "push" => mode !== "poll"

/** The grant by which poll and ping clients redeem an `auth_req_id` (CIBA Core 10.1). */
export const grantType: string = "urn:openid:params:grant-type:ciba"
