/** The calls that the provider makes at the client's notification endpoint (CIBA Core 10.2, 10.3 and 12). */
import { Clock, Effect, Schema } from "effect"
import type { NotificationEndpoint } from "../TestClient.ts"
import { type AuthenticationRequests, decided, type Entry } from "./AuthenticationRequests.ts"
import type { Issue } from "./IssuedTokens.ts"

/** A call, ready to be sent: bearer and body as the specification has them. */
export interface Notification {
  readonly url: string
  readonly token: string
  readonly body: { readonly [member: string]: unknown }
}

/** The call about a request, if its client is to be called, and in push mode if there is something to say. */
export type Notify = (entry: Entry) => Effect.Effect<Notification | undefined>

export const make = (parts: { readonly issue: Issue; readonly requests: AuthenticationRequests }): Notify => {
  const result = Effect.fnUntraced(function* (entry: Entry) {
    const now = yield* Clock.currentTimeMillis
    const decision = decided(entry, now)
    if (decision?.approved === true) {
      parts.requests.redeem(entry.authReqId)
      const { body } = yield* parts.issue(entry, decision, entry.thumbprint)
      return yield* Effect.orDie(decodeBody(body))
    }
    if (decision !== undefined) return { error: "access_denied" }
    return now >= entry.expiresAt ? { error: "expired_token" } : undefined
  })

  return Effect.fnUntraced(function* (entry) {
    const endpoint: NotificationEndpoint | undefined = entry.client.notification
    const { authReqId: auth_req_id, notificationToken: token } = entry
    if (endpoint === undefined || token === undefined) return undefined
    const { deliveryMode, url } = endpoint
    if (deliveryMode === "ping") return { url, token, body: { auth_req_id } }
    const pushed = yield* result(entry)
    return pushed === undefined ? undefined : { url, token, body: { auth_req_id, ...pushed } }
  })
}

const decodeBody = Schema.decodeEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
