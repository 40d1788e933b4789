/** The warning that pings do not arrive: nothing else would tell, since the tokens come by a poll, only later. */
import { Effect } from "effect"

export interface LostPings {
  /** A ping has arrived. */
  readonly recordPing: () => void
  /** Tokens came by a poll, and no ping before. */
  readonly recordLoss: Effect.Effect<void>
}

/** Warns once: of the first ping that is lost, and where others have arrived, of three in a row. A poll may overtake a ping. */
export const make = (): LostPings => {
  let [lost, limit] = [0, 1]
  return {
    recordPing: () => {
      lost = 0
      limit = Math.max(limit, 3)
    },
    recordLoss: Effect.suspend(() => {
      lost += 1
      if (lost < limit) return Effect.void
      limit = Number.POSITIVE_INFINITY
      return Effect.logWarning(text)
    })
  }
}

const text =
  "Tokens came by a poll, and no ping before. Compare backchannel_client_notification_endpoint of the client's registration with the URL of the notification endpoint, and look whether the provider can reach it, and whether it is served over the NotificationInbox of this client"
