/**
 * What a provider sends to the client's notification endpoint: a ping says that the result is ready, a push is the result.
 *
 * @see CIBA Core 1.0 sections 10.2, 10.3 and 12
 */
import { Option, Redacted, Schema } from "effect"
import { AuthReqId } from "../pending/PendingAuthentication.ts"

/** A notification as received: nothing in it is verified. */
export interface Notification {
  readonly authReqId: Redacted.Redacted<AuthReqId>
  /** The whole body: in push mode the tokens, or the error. */
  readonly body: Redacted.Redacted<Schema.Json>
}

/** Decodes a body that has an `auth_req_id`; unknown members are retained. */
export const decode = (body: Schema.Json): Option.Option<Notification> =>
  Option.map(decodeBody(body), ({ auth_req_id }) => ({
    authReqId: Redacted.make(auth_req_id, { label: "auth_req_id" }),
    body: Redacted.make(body, { label: "notification" })
  }))

const decodeBody = Schema.decodeUnknownOption(Schema.Struct({ auth_req_id: AuthReqId }))
