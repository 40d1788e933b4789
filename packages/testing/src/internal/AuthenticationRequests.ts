/** The authentication requests that the provider has acknowledged, and what the people decided. */
import { Duration } from "effect"
import type { TestClient } from "../TestClient.ts"
import type { TestUser } from "../TestUser.ts"
import type { Settings } from "./Settings.ts"

/** What was asked. */
export interface Asked {
  readonly authReqId: string
  readonly client: TestClient
  readonly user: TestUser
  readonly scope: string
  readonly acrValues: string | undefined
  readonly nonce: string | undefined
  readonly bindingMessage: string | undefined
  readonly notificationToken: string | undefined
  /** The thumbprint of the key that pushed tokens will be bound to. */
  readonly thumbprint: string | undefined
  /** In milliseconds on the `Clock`, as all times here. */
  readonly acknowledgedAt: number
  readonly expiresAt: number
}

/** What the person decided, or will have decided. */
export interface Decision {
  readonly approved: boolean
  readonly at: number
}

export interface Entry extends Asked {
  readonly interval: number
  readonly nextPollAt: number
  readonly decision: Decision | undefined
  readonly redeemed: boolean
}

export interface AuthenticationRequests {
  readonly open: (asked: Asked) => void
  readonly find: (authReqId: string) => Entry | undefined
  /** All, oldest first. */
  readonly all: () => ReadonlyArray<Entry>
  /** Those that wait for the person, oldest first. */
  readonly pending: (now: number) => ReadonlyArray<Entry>
  readonly decide: (authReqId: string, decision: Decision) => void
  readonly redeem: (authReqId: string) => void
  /** A token request was answered: the pace is measured from here, if the answer was to wait. */
  readonly answered: (
    authReqId: string,
    answer: { readonly receivedAt: number; readonly respondedAt: number; readonly error: string | undefined }
  ) => void
}

/** The decision, if it has been made by now. */
export const decided = ({ decision }: Entry, now: number): Decision | undefined =>
  decision !== undefined && decision.at <= now ? decision : undefined

export const make = (settings: Settings): AuthenticationRequests => {
  const entries = new Map<string, Entry>()

  const update = (authReqId: string, change: (entry: Entry) => Partial<Entry>): void => {
    const entry = entries.get(authReqId)
    if (entry !== undefined) entries.set(authReqId, { ...entry, ...change(entry) })
  }

  return {
    open: (asked) => {
      const { reaction } = asked.user
      entries.set(asked.authReqId, {
        ...asked,
        interval: settings.interval,
        nextPollAt: settings.pacing === "from-acknowledgement" ? asked.acknowledgedAt + settings.interval : 0,
        decision:
          reaction._tag === "Ignore"
            ? undefined
            : { approved: reaction._tag === "Approve", at: asked.acknowledgedAt + Duration.toMillis(reaction.after) },
        redeemed: false
      })
    },
    find: (authReqId) => entries.get(authReqId),
    all: () => [...entries.values()],
    pending: (now) =>
      [...entries.values()].filter(
        (entry) => !entry.redeemed && now < entry.expiresAt && decided(entry, now) === undefined
      ),
    decide: (authReqId, decision) => update(authReqId, () => ({ decision })),
    redeem: (authReqId) => update(authReqId, () => ({ redeemed: true })),
    answered: (authReqId, { respondedAt, error, receivedAt }) => {
      if (error !== "slow_down" && error !== "authorization_pending") return
      update(authReqId, (entry) => {
        const interval = entry.interval + (error === "slow_down" ? slowDown : 0)
        return { interval, nextPollAt: respondedAt - receivedAt >= interval ? respondedAt : respondedAt + interval }
      })
    }
  }
}

/** Five seconds more for this and all later requests (CIBA Core 11). */
const slowDown = 5000
