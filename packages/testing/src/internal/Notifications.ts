/** The notifications of ping and push, as requests to the client notification endpoint (CIBA Core 10.2, 10.3 and 12). */
import { Clock, Effect, identity, Schema } from "effect"
import type { JsonObject } from "../ProviderOptions.ts"
import { type AuthenticationRequests, decisionAt, type Entry } from "./AuthenticationRequests.ts"
import type { Issue } from "./IssuedTokens.ts"
import type { RunOnProviderClock } from "./ProviderClock.ts"
import * as ProviderResponse from "./ProviderResponse.ts"

/**
 * The parts of a notification.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Notification {
  /** The client notification endpoint. */
  readonly url: string
  /** The `client_notification_token`, which is sent as a bearer token. */
  readonly token: string
  readonly body: JsonObject
}

/** The request for one `auth_req_id`, or else for the latest; `undefined` if there is nothing to send. */
export type Notify = (
  authReqId: string | undefined,
  forge?: (notification: Notification) => Notification
) => Effect.Effect<Request | undefined>

export const make = (parts: {
  readonly issue: Issue
  readonly requests: AuthenticationRequests
  readonly runOnProviderClock: RunOnProviderClock
}): Notify => {
  const result = Effect.fnUntraced(function* (entry: Entry) {
    const now = yield* Clock.currentTimeMillis
    const decision = decisionAt(entry, now)
    if (decision?.grant !== undefined) {
      parts.requests.redeem(entry.authReqId)
      return yield* Effect.orDie(decodeObject(yield* parts.issue(entry, decision.grant, entry.confirmation)))
    }
    if (decision !== undefined) return { error: "access_denied" }
    return now >= entry.expiresAt ? { error: "expired_token" } : undefined
  })

  const notification = Effect.fnUntraced(function* (entry: Entry): Effect.fn.Return<Notification | undefined> {
    const { authReqId: auth_req_id, client, notificationToken: token } = entry
    if (client.notification === undefined || token === undefined) return undefined
    const { deliveryMode, url } = client.notification
    if (deliveryMode === "ping") return { url, token, body: { auth_req_id } }
    const pushed = yield* result(entry)
    return pushed === undefined ? undefined : { url, token, body: { auth_req_id, ...pushed } }
  })

  return Effect.fnUntraced(function* (authReqId, forge = identity) {
    const entry = parts.requests
      .all()
      .findLast((candidate) =>
        authReqId === undefined ? candidate.notificationToken !== undefined : candidate.authReqId === authReqId
      )
    const honest = entry && (yield* parts.runOnProviderClock(notification(entry)))
    if (honest === undefined) return undefined
    const { body, token, url } = forge(honest)
    return new Request(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: ProviderResponse.json(200, body).body
    })
  })
}

/** A notification has the members of the token response: what a test forges has to be an object. */
const decodeObject = Schema.decodeUnknownEffect(Schema.Record(Schema.String, Schema.Unknown))
