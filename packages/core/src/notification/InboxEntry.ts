/**
 * One expected notification as a pure state machine: `NotificationInbox` keeps an entry for each client notification token,
 * and does what `step` says.
 *
 * ```
 * Expected ──acknowledge──► Acknowledged ──notify, save──► Delivered ──close──► Closed
 *    │                          │  ▲                          ▲
 *    └─notify─► Early ──acknowledge┘    save failed ► Unsaved ─┘ notify, save
 * ```
 */
import { Equal, type Redacted } from "effect"
import type { AuthReqId, PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { Notification } from "./Notification.ts"

/**
 * What became of a notification:
 *
 * - `Accepted`: it was the first for its request
 * - `Duplicate`: an earlier one was accepted
 * - `Refused`: no request has its client notification token and its `auth_req_id`
 *
 * @since 0.1.0
 * @stability stable
 */
export type Delivery = "Accepted" | "Duplicate" | "Refused"

/** The states of an entry. */
export type State =
  /** The authentication request is on its way: its `auth_req_id` is unknown. */
  | { readonly _tag: "Expected"; readonly deliveryMode: "ping" | "push" }
  /** A ping has overtaken the acknowledgement. */
  | { readonly _tag: "Early"; readonly notification: Notification }
  /** The provider has acknowledged the request. */
  | { readonly _tag: "Acknowledged"; readonly pending: PendingAuthentication }
  /** The wait has the notification, but it could not be stored: the provider may send it again. */
  | { readonly _tag: "Unsaved"; readonly pending: PendingAuthentication; readonly notification: Notification }
  /** The wait has the notification. */
  | {
      readonly _tag: "Delivered"
      readonly authReqId: Redacted.Redacted<AuthReqId>
      readonly notification: Notification
    }
  /** The wait is over. Until the entry expires, a repeated notification is known as a duplicate. */
  | {
      readonly _tag: "Closed"
      readonly authReqId: Redacted.Redacted<AuthReqId>
      readonly notification: Notification | undefined
    }

/** What happens to an entry. */
export type Event =
  | { readonly _tag: "Acknowledge"; readonly pending: PendingAuthentication }
  | { readonly _tag: "Notify" | "Saved" | "SaveFailed"; readonly notification: Notification }
  | { readonly _tag: "Close"; readonly authReqId: Redacted.Redacted<AuthReqId> }

/** What the inbox has to do about an event. */
export type Action =
  | { readonly _tag: "None" }
  /** The entry expires with its request from now on. */
  | { readonly _tag: "Expire" }
  /** Respond to the provider. */
  | { readonly _tag: "Respond"; readonly delivery: Delivery }
  /** Notify again when the request is acknowledged, or refuse the notification. */
  | { readonly _tag: "AwaitAcknowledgement" }
  /** Store this notification, the first for its request, and report `Saved` or `SaveFailed`. */
  | { readonly _tag: "Save"; readonly pending: PendingAuthentication; readonly notification: Notification }

/** The state after an event, and what to do. An event that comes too late changes nothing. */
export const step = (state: State, event: Event): readonly [State, Action] => {
  if (event._tag === "Acknowledge") return acknowledge(state, event.pending)
  if (event._tag === "Notify") return notify(state, event.notification)
  if (event._tag === "Close") return [close(state, event.authReqId), none]
  return [recordSave(state, event.notification, event._tag === "Saved"), none]
}

/** The notification that a wait for this `auth_req_id` may have: no ping that has overtaken the acknowledgement. */
export const deliveredNotification = (
  state: State,
  authReqId: Redacted.Redacted<AuthReqId>
): Notification | undefined => {
  if (state._tag !== "Unsaved" && state._tag !== "Delivered" && state._tag !== "Closed") return undefined
  return Equal.equals(state.notification?.authReqId, authReqId) ? state.notification : undefined
}

const none: Action = { _tag: "None" }

const respond = (delivery: Delivery): Action => ({ _tag: "Respond", delivery })

const acknowledge = (state: State, pending: PendingAuthentication): readonly [State, Action] => {
  if (state._tag !== "Expected" && state._tag !== "Early") return [state, none]
  const { authReqId } = pending
  return state._tag === "Early" && Equal.equals(state.notification.authReqId, authReqId)
    ? [{ _tag: "Delivered", authReqId, notification: state.notification }, { _tag: "Expire" }]
    : [{ _tag: "Acknowledged", pending }, { _tag: "Expire" }]
}

const notify = (state: State, notification: Notification): readonly [State, Action] => {
  if (state._tag === "Early") return [state, respond("Duplicate")]
  if (state._tag === "Expected") {
    return state.deliveryMode === "ping"
      ? [{ _tag: "Early", notification }, respond("Accepted")]
      : [state, { _tag: "AwaitAcknowledgement" }]
  }
  if (!Equal.equals(authReqIdOf(state), notification.authReqId)) return [state, respond("Refused")]
  if (!("pending" in state)) return [state, respond("Duplicate")]
  return [state, { _tag: "Save", pending: state.pending, notification: firstNotification(state, notification) }]
}

const firstNotification = (state: State, notification: Notification): Notification =>
  ("notification" in state ? state.notification : undefined) ?? notification

const recordSave = (state: State, notification: Notification, isSaved: boolean): State => {
  const first = firstNotification(state, notification)
  if (state._tag === "Closed") return { ...state, notification: first }
  if (state._tag !== "Acknowledged" && state._tag !== "Unsaved") return state
  const { pending } = state
  return isSaved
    ? { _tag: "Delivered", authReqId: pending.authReqId, notification: first }
    : { _tag: "Unsaved", pending, notification: first }
}

/** The end of another request's wait, with the same token, changes nothing. */
const close = (state: State, authReqId: Redacted.Redacted<AuthReqId>): State =>
  state._tag === "Closed" || !mayBelongTo(state, authReqId)
    ? state
    : { _tag: "Closed", authReqId, notification: deliveredNotification(state, authReqId) }

const mayBelongTo = (state: State, authReqId: Redacted.Redacted<AuthReqId>): boolean =>
  state._tag === "Expected" || state._tag === "Early" || Equal.equals(authReqIdOf(state), authReqId)

const authReqIdOf = (state: Exclude<State, { readonly _tag: "Expected" | "Early" }>): Redacted.Redacted<AuthReqId> =>
  ("pending" in state ? state.pending : state).authReqId
