// The one wait of the model, and its times.
import { PendingAuthentication, TokenResponse } from "@effect-ciba/core"
import { makeTermsOf } from "@effect-ciba/core/unstable/wait"
import { DateTime, Duration, Effect, Redacted } from "effect"

/** The time limit of a poll, in milliseconds: a lease lasts the interval and five seconds. */
export const timeout = 1000

export const termsOf = makeTermsOf(5000, false)

export const received = Effect.runSync(
  TokenResponse.receive({ access_token: "t", token_type: "Bearer", id_token: "a.b.c" })
)

export const tokens = Effect.runSync(TokenResponse.decode(received))

export interface Setting {
  readonly delivery: "poll" | "ping" | "push"
  readonly deadline: number
  readonly interval: number
  /** The times at which something can happen. */
  readonly tick: number
}

export const makePending = ({ deadline, delivery, interval }: Setting): PendingAuthentication.PendingAuthentication =>
  PendingAuthentication.PendingAuthentication.make({
    version: 1,
    id: "a",
    issuer: "https://provider.test",
    clientId: "client",
    authReqId: Redacted.make(PendingAuthentication.AuthReqId.make("handle"), { label: "auth_req_id" }),
    deliveryMode: delivery,
    expiresAt: DateTime.makeUnsafe(deadline),
    interval: Duration.millis(interval),
    scope: ["openid"],
    expectations: {}
  })
