/** The authentication requests that the provider has acknowledged, with what their end-users decided. */
import { Duration } from "effect"
import type { JsonObject } from "../ProviderOptions.ts"
import type { TestClient } from "../TestClient.ts"
import type { Approval, TestUser } from "../TestUser.ts"
import type { Confirmation } from "./SenderConstraint.ts"
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
  readonly authorizationDetails: ReadonlyArray<JsonObject> | undefined
  readonly notificationToken: string | undefined
  /** What pushed tokens will be bound to. */
  readonly confirmation: Confirmation
  readonly acknowledgedAt: number
  readonly expiresAt: number
}

/** What the end-user decides, from `at` on. */
export interface Decision {
  readonly at: number
  /** What is approved; `undefined` if the end-user denies. */
  readonly grant: Grant | undefined
}

/** An approval, and what tokens and claims say about it. */
export interface Grant {
  readonly at: number
  readonly subject: string
  readonly scope: string
  readonly acr: string | undefined
  readonly amr: ReadonlyArray<string> | undefined
  readonly authorizationDetails: ReadonlyArray<JsonObject> | undefined
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
  /** The end-user decides, from `at` on: an approval, or a denial without one. */
  readonly decide: (authReqId: string, at: number, approval: Approval | undefined) => void
  /** Calls back for every request: now for those that exist, and whenever one is added or decided. */
  readonly observe: (onChange: (authReqId: string) => void) => () => void
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
  const observers = new Set<(authReqId: string) => void>()

  const update = (authReqId: string, change: (entry: Entry) => Partial<Entry>): void => {
    const entry = entries.get(authReqId)
    if (entry !== undefined) entries.set(authReqId, { ...entry, ...change(entry) })
  }

  const notifyObservers = (authReqId: string): void => {
    for (const onChange of observers) onChange(authReqId)
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
            : decide(
                request,
                request.acknowledgedAt + Duration.toMillis(reaction.after),
                reaction._tag === "Approve" ? reaction.approval : undefined
              ),
        redeemed: false
      })
      notifyObservers(request.authReqId)
    },
    find: (authReqId) => entries.get(authReqId),
    all: () => [...entries.values()],
    pending: (now) =>
      [...entries.values()].filter(
        (entry) => !entry.redeemed && now < entry.expiresAt && decisionAt(entry, now) === undefined
      ),
    decide: (authReqId, at, approval) => {
      update(authReqId, (entry) => ({ decision: decide(entry, at, approval) }))
      notifyObservers(authReqId)
    },
    observe: (onChange) => {
      for (const authReqId of entries.keys()) onChange(authReqId)
      observers.add(onChange)
      return () => void observers.delete(onChange)
    },
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

const decide = (request: AuthenticationRequest, at: number, approval: Approval | undefined): Decision => ({
  at,
  grant: approval && {
    at,
    subject: approval.as ?? request.user.subject,
    scope: approval.scope?.join(" ") ?? request.scope,
    acr: approval.acr ?? request.acrValues?.split(" ")[0],
    amr: approval.amr,
    authorizationDetails: grantDetails(request.authorizationDetails, approval.authorizationDetails)
  }
})

const grantDetails = (
  requested: ReadonlyArray<JsonObject> | undefined,
  granted: Approval["authorizationDetails"]
): ReadonlyArray<JsonObject> | undefined =>
  granted === undefined ? requested : typeof granted === "function" ? granted(requested ?? []) : granted
