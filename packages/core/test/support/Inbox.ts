// An inbox as `NotificationReceiver` uses it: a token is looked up, and what is found takes the notification.
import type { NotificationInbox } from "@effect-ciba/core"
import { Effect, Option, type Redacted } from "effect"

type Inbox = NotificationInbox.Service

export const isExpected = (inbox: Inbox, token: Redacted.Redacted<string>) =>
  Effect.map(inbox.find(token), Option.isSome)

export const deliver = (
  inbox: Inbox,
  token: Redacted.Redacted<string>,
  notification: Parameters<NotificationInbox.Deliver>[0]
) =>
  Effect.flatMap(
    inbox.find(token),
    Option.match({ onNone: () => Effect.succeed("Refused"), onSome: (found) => found(notification) })
  )
