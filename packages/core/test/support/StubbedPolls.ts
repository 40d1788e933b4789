// The waits of a client whose polls have given outcomes: without a provider, requests and credentials.
import { type PendingAuthentication, TokenResponse } from "@effect-ciba/core"
import { Clock, DateTime, Effect, Exit, type Fiber, Layer, Option, Redacted, Stream } from "effect"
import * as Throttle from "../../src/http/Throttle.ts"
import { makeError } from "../../src/http/TransportError.ts"
import type * as PollRequest from "../../src/token/PollRequest.ts"
import { AccessDenied, fromTransportError, TokenError } from "../../src/token/TokenError.ts"
import { Step } from "../../src/wait/CibaEvent.ts"
import * as CibaEvents from "../../src/wait/CibaEvents.ts"
import type * as Pace from "../../src/wait/Pace.ts"
import * as WaitDriver from "../../src/wait/WaitDriver.ts"
import { pending } from "./PendingAuthentications.ts"

export const url = "https://provider.test/token"

/** A poll, as its wait knows it: it begins an attempt and has an outcome. */
export type Poll = (attempts: PollRequest.Attempts) => Effect.Effect<PollRequest.Outcome>

/** A poll of one attempt. */
export const send =
  (outcome: Effect.Effect<PollRequest.Outcome>): Poll =>
  ({ begin }) =>
    Effect.andThen(begin, outcome)

export const undecided: PollRequest.Outcome = { _tag: "Pending", retryAfter: undefined }
export const slowedDown: PollRequest.Outcome = { _tag: "SlowDown", retryAfter: undefined }
export const denied: PollRequest.Outcome = {
  _tag: "Failed",
  error: new TokenError({ reason: new AccessDenied({ code: "access_denied", status: 400 }) })
}

/** A response with this status, which says nothing of the authentication. */
export const unavailable = (status: number, retryAfter?: Parameters<typeof makeError>[3]): PollRequest.Outcome => ({
  _tag: "Failed",
  error: fromTransportError(makeError("UnexpectedStatus", { method: "POST", url }, status, retryAfter))
})

/** A token response that was received at the beginning. */
export const received = {
  body: Redacted.make({ access_token: "access", token_type: "Bearer", id_token: "a.b.c" }, { label: "token response" }),
  at: DateTime.makeUnsafe(0)
}

export const response = Effect.orDie(TokenResponse.decode(received))

export const tokens = Effect.map(response, (response): PollRequest.Outcome => ({ _tag: "Tokens", response }))

/** A request of two minutes that is polled every five seconds. */
export const makePending = (name: string, changes: Parameters<typeof pending>[1] = {}) =>
  pending(name, { deliveryMode: "poll", ...changes })

export interface Options {
  readonly schedule?: Pace.Compose
  /** The time for an attempt, in milliseconds. */
  readonly timeout?: number
  /** Whether the response is pushed: there are no polls. */
  readonly isPushed?: boolean
  /** What comes before the polls of a wait. */
  readonly prepare?: (pending: PendingAuthentication.PendingAuthentication) => Effect.Effect<void, WaitDriver.WaitError>
}

/** The waits, the last of whose polls is repeated, and when each poll began, in seconds. */
export const stub = Effect.fnUntraced(function* (
  polls: readonly [Poll, ...ReadonlyArray<Poll>],
  { isPushed = false, prepare = () => Effect.void, schedule, timeout = 35_000 }: Options = {}
) {
  const began: Array<number> = []
  const rest = [...polls]
  let current = polls[0]
  const poll: PollRequest.Polls["poll"] = (_, { begin, repeat }) =>
    Effect.suspend(() => {
      current = rest.shift() ?? current
      const record = Effect.map(Clock.currentTimeMillis, (now) => void began.push(now / 1000))
      return current({ begin: Effect.tap(begin, record), repeat })
    })
  const driver = yield* WaitDriver.make({
    prepare: (pending) => Effect.as(prepare(pending), isPushed ? undefined : { url, timeout, poll }),
    pingFallback: 30_000,
    schedule
  })
  return { driver, began }
})

/** Runs a test with services of its own. */
export const provideServices =
  (options?: Throttle.Options) =>
  <A, E, R>(test: Effect.Effect<A, E, R>) =>
    Effect.provide(Effect.scoped(test), Layer.merge(CibaEvents.layer(), Throttle.layer(options)))

/** The events of an authentication, by their names. */
export const recordTags = Effect.fnUntraced(function* ({ expiresAt, id }: PendingAuthentication.PendingAuthentication) {
  const { events, open } = yield* CibaEvents.CibaEvents
  const tags: Array<string> = []
  yield* Effect.forkChild(Stream.runForEach(events, ({ _tag }) => Effect.sync(() => void tags.push(_tag))))
  yield* Effect.yieldNow
  yield* open(Step.Resumed({ id, expiresAt }))
  return tags
})

/** How a wait has ended so far: with tokens, the tag of a reason, an interruption or a defect. */
export const endOf = (fiber: Fiber.Fiber<unknown, WaitDriver.WaitError>): string => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined) return "waiting"
  if (Exit.isSuccess(exit)) return "tokens"
  if (Exit.hasInterrupts(exit)) return "interrupted"
  return Option.getOrUndefined(Exit.findErrorOption(exit))?.reason._tag ?? "defect"
}
