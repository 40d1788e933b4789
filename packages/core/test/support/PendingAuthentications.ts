// Pending authentications, and their notifications.
import { PendingAuthentication } from "@effect-ciba/core"
import { DateTime, Duration, Redacted } from "effect"

export const notificationToken = (text: string) => Redacted.make(text, { label: "client_notification_token" })

export const authReqId = (text: string) =>
  Redacted.make(PendingAuthentication.AuthReqId.make(text), { label: "auth_req_id" })

/** By name: client notification token `token-<name>`, auth_req_id `request-<name>`, two minutes of lifetime. */
export const pending = (name: string, changes: Partial<PendingAuthentication.PendingAuthentication> = {}) =>
  PendingAuthentication.PendingAuthentication.make({
    version: 1,
    id: name,
    issuer: "https://provider.test",
    clientId: "test-client",
    authReqId: authReqId(`request-${name}`),
    deliveryMode: "ping",
    clientNotificationToken: notificationToken(`token-${name}`),
    expiresAt: DateTime.makeUnsafe(120_000),
    interval: Duration.seconds(5),
    scope: ["openid"],
    expectations: {},
    ...changes
  })

export const notification = (name: string, body: Readonly<Record<string, string>> = {}) => ({
  authReqId: authReqId(`request-${name}`),
  body: Redacted.make({ auth_req_id: `request-${name}`, ...body }, { label: "notification" })
})
