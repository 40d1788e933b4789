/** The authentication requests that the provider has acknowledged, with what their end-users decided. */
import { Duration } from "effect"
import type { TestClient } from "../TestClient.ts"
import type { TestUser } from "../TestUser.ts"
import type { Settings } from "./Settings.ts"

/** All times are milliseconds on the `Clock`. */
export interface AuthenticationRequest {
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
  readonly acknowledgedAt: number
  readonly expiresAt: number
}

/** What the end-user decides, from `at` on. */
export interface Decision {
  readonly approved: boolean
  readonly at: number
}

export interface Entry extends AuthenticationRequest {
  readonly interval: number
  readonly nextPollAt: number
  readonly decision: Decision | undefined
  readonly redeemed: boolean
}

export interface AuthenticationRequests {
  readonly add: (request: AuthenticationRequest) => void
  readonly find: (authReqId: string) => Entry | undefined
  /** All entries, oldest first. */
  readonly all: () => ReadonlyArray<Entry>
  /** Those without a decision, oldest first. */
  readonly pending: (now: number) => ReadonlyArray<Entry>
  readonly decide: (authReqId: string, decision: Decision) => void
  readonly redeem: (authReqId: string) => void
  /** Updates interval and earliest next poll after the response to a token request. */
  readonly recordResponse: (
    authReqId: string,
    response: { readonly receivedAt: number; readonly respondedAt: number; readonly error: string | undefined }
  ) => void
}

/** The decision, if it was made by now. */
export const decisionAt = ({ decision }: Entry, now: number): Decision | undefined =>
  decision !== undefined && decision.at <= now ? decision : undefined

export const make = (settings: Settings): AuthenticationRequests => {
  const entries = new Map<string, Entry>()

  const update = (authReqId: string, change: (entry: Entry) => Partial<Entry>): void => {
    const entry = entries.get(authReqId)
    if (entry !== undefined) entries.set(authReqId, { ...entry, ...change(entry) })
  }

  return {
    add: (request) => {
      const { reaction } = request.user
      entries.set(request.authReqId, {
        ...request,
        interval: settings.interval,
        nextPollAt: settings.pacing === "from-acknowledgement" ? request.acknowledgedAt + settings.interval : 0,
        decision:
          reaction._tag === "Ignore"
            ? undefined
            : { approved: reaction._tag === "Approve", at: request.acknowledgedAt + Duration.toMillis(reaction.after) },
        redeemed: false
      })
    },
    find: (authReqId) => entries.get(authReqId),
    all: () => [...entries.values()],
    pending: (now) =>
      [...entries.values()].filter(
        (entry) => !entry.redeemed && now < entry.expiresAt && decisionAt(entry, now) === undefined
      ),
    decide: (authReqId, decision) => update(authReqId, () => ({ decision })),
    redeem: (authReqId) => update(authReqId, () => ({ redeemed: true })),
    recordResponse: (authReqId, { error, receivedAt, respondedAt }) => {
      if (error !== "slow_down" && error !== "authorization_pending") return
      update(authReqId, (entry) => {
        const interval = entry.interval + (error === "slow_down" ? slowDownIncrease : 0)
        return { interval, nextPollAt: respondedAt - receivedAt >= interval ? respondedAt : respondedAt + interval }
      })
    }
  }
}

/** Added to the interval for this and all later requests (CIBA Core 11). */
const slowDownIncrease = 5000
