/** The warning that pings do not arrive: nothing else would tell, since the tokens come by a poll, only later. */
import { Effect } from "effect"

/** Warns the first time it runs. */
export const makeWarn = (): Effect.Effect<void> => {
  let isWarned = false
  return Effect.suspend(() => {
    if (isWarned) return Effect.void
    isWarned = true
    return Effect.logWarning(text)
  })
}

const text =
  "Tokens came by a poll, and no ping before. Compare backchannel_client_notification_endpoint of the client's registration with the URL of the notification endpoint, and look whether the provider can reach it, and whether it is served over the NotificationInbox of this client"
