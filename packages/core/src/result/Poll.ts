/**
 * The wait for the person's answer by polling.
 *
 * **Details**
 *
 * - It ends on a terminal answer of the provider, or when the request expires, and on nothing else: resets, timeouts,
 *   429, 5xx and pages of HTML are ridden out.
 * - One wait per `auth_req_id`, however many callers: they share it, and it stops when the last of them is interrupted.
 * - The provider's keys are fetched before the first poll, so that no spent id has to wait for them.
 * - The expiry runs on the monotonic clock from the moment the wait begins; a jump of the wall clock neither ends nor
 *   prolongs it.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import {
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  Equal,
  Hash,
  Layer,
  MutableHashMap,
  Option,
  Pull,
  RcMap,
  type Redacted,
  Schedule,
  type Scope
} from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { HttpFault } from "../client/HttpFault.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { Discovery } from "../discovery/Discovery.ts"
import type { DiscoveryError } from "../discovery/DiscoveryError.ts"
import { ProviderKeys } from "../discovery/ProviderKeys.ts"
import * as ProviderMetadata from "../discovery/ProviderMetadata.ts"
import type { AuthReqId, PendingAuthentication } from "../request/PendingAuthentication.ts"
import * as TokenEndpoint from "../token/TokenEndpoint.ts"
import {
  AlreadyRedeemed,
  ExpiredToken,
  ForeignAuthentication,
  OutcomeUnknown,
  PollingStopped,
  PushDelivery,
  TokenError
} from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import * as PollPolicy from "./PollPolicy.ts"

/** How to poll. */
export interface Options extends TokenEndpoint.Options {
  /** A slower pace than the policy's, or a cap; nothing makes it faster. */
  readonly schedule?: PollPolicy.Compose | undefined
}

/** The wait, shared by all who wait for the same id through this layer. */
export interface Service {
  /** Polls until the provider has given an answer that ends the wait. The tokens are not verified yet. */
  readonly wait: (pending: PendingAuthentication) => Effect.Effect<TokenResponse, TokenError | DiscoveryError>
}

/** The wait by polling. */
export class Poll extends Context.Service<Poll, Service>()("@effect-ciba/core/result/Poll") {}

/** Waits at the token endpoint at hand. */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<
  Service,
  never,
  ClientRegistration | Discovery | ProviderKeys | TokenEndpoint.TokenEndpoint | Scope.Scope
> {
  const registration = yield* ClientRegistration
  const discovery = yield* Discovery
  const endpoint = yield* TokenEndpoint.TokenEndpoint
  const keys = yield* ProviderKeys
  const keysAtHand = JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg) ? Effect.void : keys.prefetch
  const redeemed = MutableHashMap.empty<Redacted.Redacted<AuthReqId>, number>()
  const waited = MutableHashMap.empty<Redacted.Redacted<AuthReqId>, Progress>()

  const admit = Effect.fnUntraced(function* (
    pending: PendingAuthentication
  ): Effect.fn.Return<void, TokenError | DiscoveryError> {
    const metadata = yield* discovery.metadata
    yield* ProviderMetadata.endpoint(metadata, "token_endpoint", registration.mutualTls)
    const { clientId, deliveryMode, issuer } = pending
    if (issuer !== metadata.issuer || clientId !== registration.clientId) {
      return yield* new TokenError({ reason: new ForeignAuthentication({ issuer, clientId }) })
    }
    if (deliveryMode === "push") return yield* new TokenError({ reason: new PushDelivery() })
  })

  const unspent = (pending: PendingAuthentication): Effect.Effect<void, TokenError> =>
    Effect.suspend(() =>
      MutableHashMap.has(redeemed, pending.authReqId)
        ? Effect.fail(new TokenError({ reason: new AlreadyRedeemed() }))
        : Effect.void
    )

  const remember = (pending: PendingAuthentication): Effect.Effect<void> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      for (const [id, until] of redeemed) {
        if (until <= now) MutableHashMap.remove(redeemed, id)
      }
      MutableHashMap.set(redeemed, pending.authReqId, DateTime.toEpochMillis(pending.expiresAt))
    })

  const poll = (pending: PendingAuthentication): Effect.Effect<TokenResponse, TokenError | DiscoveryError> =>
    endpoint.redeem(pending.authReqId, { ...options, proofKey: pending.proofKey }).pipe(
      Effect.tap(() => remember(pending)),
      Effect.tapError((error) => (error.reason._tag === "InvalidTokenResponse" ? remember(pending) : Effect.void))
    )

  const flights = yield* RcMap.make({
    lookup: ({ pending }: Flight) =>
      unspent(pending).pipe(
        Effect.andThen(keysAtHand),
        Effect.andThen(
          Effect.suspend(() =>
            untilDecided(pending, {
              poll: poll(pending),
              prepare: Effect.ignore(discovery.metadata),
              before: Option.getOrUndefined(MutableHashMap.get(waited, pending.authReqId)),
              note: (progress) => {
                for (const [id, { until }] of waited) {
                  if (until <= progress.at) MutableHashMap.remove(waited, id)
                }
                MutableHashMap.set(waited, pending.authReqId, progress)
              },
              compose: options?.schedule
            })
          )
        )
      )
  })

  return Poll.of({
    wait: (pending) => Effect.andThen(admit(pending), Effect.scoped(RcMap.get(flights, new Flight(pending))))
  })
})

/** The wait as a layer. */
export const layer = (
  options?: Options
): Layer.Layer<Poll, never, ClientRegistration | Discovery | ProviderKeys | TokenEndpoint.TokenEndpoint> =>
  Layer.effect(Poll, make(options))

/** Two waits are one when they are about the same id. */
class Flight implements Equal.Equal {
  readonly pending: PendingAuthentication
  constructor(pending: PendingAuthentication) {
    this.pending = pending
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Flight && Equal.equals(this.pending.authReqId, that.pending.authReqId)
  }
  [Hash.symbol](): number {
    return Hash.hash(this.pending.authReqId)
  }
}

/** What an earlier wait for the same id has learned; instants as in `PollPolicy`. */
interface Progress {
  readonly interval: Duration.Duration
  readonly at: number
  readonly until: number
  readonly lost: HttpFault | undefined
}

interface Wait {
  readonly poll: Effect.Effect<TokenResponse, TokenError | DiscoveryError>
  /** What a poll needs and may have to fetch, so that its sending is the moment of its sending. */
  readonly prepare: Effect.Effect<void>
  readonly before: Progress | undefined
  readonly note: (progress: Progress) => void
  readonly compose: PollPolicy.Compose | undefined
}

const untilDecided = Effect.fnUntraced(function* (
  pending: PendingAuthentication,
  { before, compose, note, poll, prepare }: Wait
): Effect.fn.Return<TokenResponse, TokenError | DiscoveryError> {
  const now = yield* PollPolicy.instant
  const left = DateTime.toEpochMillis(pending.expiresAt) - (yield* Clock.currentTimeMillis)
  const deadline = now + left
  let interval = before?.interval ?? pending.interval
  let lost = before?.lost
  const state = { interval, deadline, faults: 0 }
  const first = before === undefined ? PollPolicy.start(state, now) : PollPolicy.resume(state, before.at, now)
  if (first._tag !== "Poll") return yield* ended(first, lost)
  const next = yield* Schedule.toStepWithSleep(PollPolicy.schedule(state, compose))
  yield* Effect.sleep(Duration.millis(first.at - now))

  while (true) {
    yield* prepare
    const sentAt = yield* PollPolicy.instant
    if (sentAt >= deadline) return yield* ended({ _tag: "Expired" }, lost)
    const answer = yield* Effect.match(poll, {
      onSuccess: (response) => ({ _tag: "Success" as const, response }),
      onFailure: (error) => read(error, sentAt)
    })
    if (answer._tag === "Success") return answer.response
    if (answer._tag === "Failure") return yield* judged(answer.error, lost)
    lost = answer.lost ?? (answer._tag === "Fault" ? lost : undefined)
    interval = PollPolicy.intervalAfter(interval, answer)
    note({ interval, at: yield* PollPolicy.instant, until: deadline, lost })
    yield* Pull.catchDone(next(answer), (decision) => ended(decision, lost))
  }
})

type Read =
  | (PollPolicy.Answer & { readonly lost?: HttpFault })
  | { readonly _tag: "Failure"; readonly error: TokenError | DiscoveryError }

const read = (error: TokenError | DiscoveryError, sentAt: number): Read => {
  if (error._tag === "DiscoveryError") return { _tag: "Fault", sentAt }
  const { reason } = error
  switch (reason._tag) {
    case "AuthorizationPending":
      return { _tag: "Pending", sentAt, retryAfter: reason.retryAfter }
    case "SlowDown":
      return { _tag: "SlowDown", sentAt, retryAfter: reason.retryAfter }
    case "HttpFault":
      return reason.kind === "InsecureUrl"
        ? { _tag: "Failure", error }
        : {
            _tag: "Fault",
            sentAt,
            retryAfter: reason.retryAfter,
            timedOut: reason.kind === "TimedOut",
            ...(mayHideTokens(reason) ? { lost: reason } : undefined)
          }
    case "Unrecognized":
      return reason.status >= 500 || reason.status === 429
        ? { _tag: "Fault", sentAt, retryAfter: reason.retryAfter }
        : { _tag: "Failure", error }
    default:
      return { _tag: "Failure", error }
  }
}

/** Whether the provider may have answered, and the answer did not come through. */
const mayHideTokens = ({ kind, status }: HttpFault): boolean =>
  kind === "UnexpectedStatus" ? status === 502 || status === 504 : kind !== "Redirected"

/** A refused id whose last answer was lost may be an approval: it must not look like a refusal. */
const judged = (
  error: TokenError | DiscoveryError,
  lost: HttpFault | undefined
): Effect.Effect<never, TokenError | DiscoveryError> =>
  Effect.fail(
    lost !== undefined && error.reason._tag === "InvalidGrant"
      ? new TokenError({ reason: new OutcomeUnknown({ lost }) })
      : error
  )

const ended = (decision: PollPolicy.Decision, lost: HttpFault | undefined): Effect.Effect<never, TokenError> => {
  if (decision._tag === "Stopped") return Effect.fail(new TokenError({ reason: new PollingStopped() }))
  return Effect.fail(
    new TokenError({ reason: lost === undefined ? new ExpiredToken({ local: true }) : new OutcomeUnknown({ lost }) })
  )
}
