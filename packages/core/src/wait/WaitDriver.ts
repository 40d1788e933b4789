/**
 * All waits of a client. One that sleeps is an entry of a heap; a single fiber sleeps until the first is due, and polls are
 * short fibers. `ActiveWait` is what happens to one of them.
 */
import { Clock, Context, DateTime, Deferred, Effect, Exit, Fiber, Option, Redacted, type Scope } from "effect"
import { constVoid } from "effect/Function"
import * as Throttle from "../http/Throttle.ts"
import { makeError } from "../http/Transport.ts"
import type { TransportError } from "../http/TransportError.ts"
import { cappedExponential } from "../internal/Backoff.ts"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import * as Sweep from "../internal/Sweep.ts"
import * as Timeline from "../internal/Timeline.ts"
import * as NotificationInbox from "../notification/NotificationInbox.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as PendingStore from "../pending/PendingStore.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type * as PollRequest from "../token/PollRequest.ts"
import { AlreadyRedeemed, TokenError } from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import * as ActiveWait from "./ActiveWait.ts"
import * as CibaEvents from "./CibaEvents.ts"
import * as DuePoll from "./DuePoll.ts"
import * as LostPing from "./LostPing.ts"
import type * as Pace from "./Pace.ts"
import * as StoredWait from "./StoredWait.ts"
import * as Wait from "./Wait.ts"

/** Why a wait brings no response. */
export type WaitError = TokenError | DiscoveryError

/** What the verification of the response said. */
export type Verdict = Extract<
  Wait.Event<never, never>,
  { readonly _tag: "Verified" | "Rejected" | "KeysUnavailable" | "Doubted" }
>

/** The waits of a client; concurrent ones for the same `auth_req_id` are one. */
export interface Service {
  /** Registers an authentication that has been acknowledged. `false` if another one has its `auth_req_id`. */
  readonly register: (pending: PendingAuthentication) => Effect.Effect<boolean>
  /** Waits for the token response, which is not verified. */
  readonly wait: (pending: PendingAuthentication) => Effect.Effect<TokenResponse, WaitError>
  /** Reports what the verification of the response said. Succeeds with whether to wait for it again, and to verify again. */
  readonly report: (pending: PendingAuthentication, verdict: Verdict) => Effect.Effect<boolean>
  /** Waits until nothing of the wait is being stored: what is removed from the store after that does not come back. */
  readonly awaitSave: (pending: PendingAuthentication) => Effect.Effect<void>
  /** Removes the wait, with its response. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
}

/** The waits of a client. */
export class WaitDriver extends Context.Service<WaitDriver, Service>()("@effect-ciba/core/WaitDriver") {}

/** How a client waits. */
export interface Mode {
  /** Checks that the authentication is one of this client, and prepares its polls: `undefined` in push mode. */
  readonly prepare: (pending: PendingAuthentication) => Effect.Effect<PollRequest.Polls | undefined, WaitError>
  /** The least time between two polls until a ping arrives, in milliseconds. */
  readonly pingFallback: number
  readonly schedule: Pace.Compose | undefined
}

/** The services that a driver uses. */
export type Requirements = CibaEvents.CibaEvents | Throttle.Throttle

/** The waits of a client, in this mode, until the scope is closed. */
export const make = Effect.fnUntraced(function* (
  mode: Mode
): Effect.fn.Return<Service, never, Requirements | Scope.Scope> {
  const driver = yield* makeDriver(mode)
  yield* Effect.addFinalizer(() => close(driver))
  return WaitDriver.of({
    register: (pending) =>
      Effect.zipWith(driver.sweep, Clock.currentTimeMillis, (_, now) => register(driver, pending, now)),
    wait: (pending) =>
      Effect.suspend(() => {
        const known = driver.waits.get(keyOf(pending))
        return known !== undefined && isSame(known.pending, pending)
          ? join(driver, { wait: known, commands: [] })
          : Effect.flatMap(admit(driver, pending), (begun) => join(driver, begun))
      }),
    report: (pending, verdict) =>
      Effect.sync(() => {
        const wait = driver.waits.get(keyOf(pending))
        if (wait === undefined) return false
        ActiveWait.report(wait, verdict)
        return wait.state.phase._tag === "Verifying"
      }),
    awaitSave: (pending) => awaitSave(driver, pending),
    forget: (pending) =>
      Effect.andThen(
        awaitSave(driver, pending),
        Effect.map(monotonicNow, (now) => forget(driver, pending, now))
      )
  })
})

/** A wait, and what is to be done when its first caller has joined. */
interface Begun {
  readonly wait: ActiveWait.ActiveWait
  readonly commands: ReadonlyArray<Wait.Command<TokenResponse>>
}

interface Driver extends ActiveWait.Shared {
  readonly mode: Mode
  readonly inbox: NotificationInbox.Service
  readonly hasInbox: boolean
  /** By `auth_req_id`. */
  readonly waits: Map<string, ActiveWait.ActiveWait>
  /** Those that have been acknowledged, and are not waited for yet; by `auth_req_id`. */
  readonly acknowledged: Map<string, PendingAuthentication>
  /** Those that are forgotten: when their `id` is, too. */
  readonly redeemed: Map<string, number>
  readonly sweep: Effect.Effect<void>
  readonly termsOf: ReturnType<typeof makeTermsOf>
  readonly timelineOf: (clock: Clock.Clock) => Timeline.Timeline
  /** Done when the waits are closed. */
  readonly closed: Deferred.Deferred<never>
}

const makeDriver = Effect.fnUntraced(function* (mode: Mode): Effect.fn.Return<Driver, never, Requirements> {
  const store = yield* PendingStore.bestEffort
  const acknowledged: Driver["acknowledged"] = new Map()
  const waits: Driver["waits"] = new Map()
  const redeemed: Driver["redeemed"] = new Map()
  const removeExpired = Effect.zipWith(monotonicNow, Clock.currentTimeMillis, (now, wallClock) => {
    for (const [key, pending] of acknowledged) if (isOver(pending, wallClock)) acknowledged.delete(key)
    for (const [id, until] of redeemed) if (until <= now) redeemed.delete(id)
    for (const wait of waits.values()) {
      const until = wait.state.deadline + (wait.response === undefined ? 0 : retention)
      if (wait.callers.length === 0 && until <= wait.timeline.now()) remove(waits, wait)
    }
  })
  return {
    mode,
    throttle: yield* Throttle.Throttle,
    events: yield* CibaEvents.CibaEvents,
    store,
    inbox: yield* NotificationInbox.orNone,
    hasInbox: Option.isSome(yield* Effect.serviceOption(NotificationInbox.NotificationInbox)),
    schedule: mode.schedule,
    lostPings: LostPing.make(),
    acknowledged,
    waits,
    redeemed,
    sweep: Sweep.make(() => acknowledged.size + waits.size + redeemed.size, removeExpired),
    termsOf: makeTermsOf(mode.pingFallback, store.isPresent),
    timelineOf: Timeline.makeTimelines(),
    closed: Deferred.makeUnsafe()
  }
})

/** The terms of waits that poll at `url`: the same object for all waits with the same ones. */
export const makeTermsOf = (
  pingFallback: number,
  isStored: boolean
): ((delivery: Wait.Terms<never>["delivery"], url: string) => Wait.Terms<TransportError>) => {
  const made = new Map<string, Wait.Terms<TransportError>>()
  return (delivery, url) => {
    const key = `${delivery} ${url}`
    const terms = made.get(key) ?? {
      ...Wait.defaults,
      delivery,
      pingFallback,
      isStored: isStored && delivery !== "push",
      interrupted: makeError("Interrupted", { method: "POST", url })
    }
    made.set(key, terms)
    return terms
  }
}

const admit = (driver: Driver, pending: PendingAuthentication): Effect.Effect<Begun, WaitError> =>
  Effect.flatMap(prepareBeforeExpiry(driver, pending), (polls) =>
    driver.redeemed.has(pending.id)
      ? Effect.fail(new TokenError({ reason: new AlreadyRedeemed() }))
      : Effect.flatMap(driver.sweep, () =>
          Effect.withFiber(({ context }) =>
            Effect.flatMap(
              StoredWait.get(pending, StoredWait.offsetOf(Context.get(context, Clock.Clock))),
              (progress) => awaitSubscription(driver, begin(driver, { pending, polls, progress, context }))
            )
          )
        )
  )

/** A push that has arrived counts also after the expiry: it comes first. */
const awaitSubscription = (driver: Driver, begun: Begun): Effect.Effect<Begun> =>
  begun.wait.state.terms.delivery === "push" ? Effect.as(subscribe(driver, begun.wait), begun) : Effect.succeed(begun)

const subscribe = ({ inbox }: Driver, wait: ActiveWait.ActiveWait): Effect.Effect<void> =>
  Effect.map(
    inbox.subscribe(wait.pending, (notification) => ActiveWait.notify(wait, notification)),
    (unsubscribe) => {
      wait.unsubscribe = unsubscribe
    }
  )

/** A ping is not waited for: the wait may be over when the subscription is there. */
const subscribeToPing = (driver: Driver, wait: ActiveWait.ActiveWait): void => {
  const unsubscribeLate = Effect.sync(() => {
    if (Deferred.isDoneUnsafe(driver.closed) || driver.waits.get(keyOf(wait.pending)) !== wait) wait.unsubscribe()
  })
  Effect.runForkWith(wait.context)(Effect.andThen(subscribe(driver, wait), unsubscribeLate))
}

const begin = (
  driver: Driver,
  {
    context,
    pending,
    polls,
    progress
  }: Pick<ActiveWait.ActiveWait, "pending" | "polls" | "context"> & {
    readonly progress: StoredWait.Saved | undefined
  }
): Begun => {
  const clock = Context.get(context, Clock.Clock)
  const timeline = driver.timelineOf(clock)
  const isPinged = pending.deliveryMode === "ping" && driver.hasInbox
  const delivery = polls === undefined ? "push" : isPinged ? "ping" : "poll"
  const terms = driver.termsOf(delivery, polls?.url ?? "")
  const now = timeline.now()
  const isOwn = driver.acknowledged.has(keyOf(pending))
  const [state, commands] =
    progress === undefined
      ? Wait.start<TokenResponse, TransportError>(
          terms,
          StoredWait.start(pending, StoredWait.offsetOf(clock), isOwn),
          now
        )
      : Wait.restore(terms, progress, now)
  const wait: ActiveWait.ActiveWait = {
    at: 0,
    index: -1,
    onDue: ActiveWait.wake,
    shared: driver,
    pending,
    polls,
    timeline,
    isPingDue: isPinged && isOwn,
    state,
    callers: [],
    context,
    duePoll: undefined,
    save: undefined,
    pace: undefined,
    error: undefined,
    response: undefined,
    unsubscribe: constVoid
  }
  return { wait, commands }
}

/** Waits with the other callers. It is the caller's context in which the wait goes on, if there are none. */
const join = (driver: Driver, begun: Begun): Effect.Effect<TokenResponse, TokenError> =>
  Effect.withFiber(({ context }) => {
    if (Deferred.isDoneUnsafe(driver.closed)) {
      begun.wait.unsubscribe()
      return Effect.interrupt
    }
    return Effect.callback((resume) => {
      const { commands, wait } = enlist(driver, begun)
      if (wait.callers.length === 0) {
        wait.context = context
        wait.pace = undefined
      }
      ActiveWait.setCallers(wait, wait.callers.concat(resume))
      ActiveWait.carryOut(wait, commands)
      ActiveWait.resume(wait)
      return leave(wait, resume)
    })
  })

/** The wait for an `auth_req_id` that has begun first. */
const enlist = (driver: Driver, begun: Begun): Begun => {
  const { acknowledged, waits } = driver
  const key = keyOf(begun.wait.pending)
  const first = waits.get(key)
  if (first === begun.wait) return begun
  if (first !== undefined) {
    begun.wait.unsubscribe()
    return { wait: first, commands: [] }
  }
  waits.set(key, begun.wait)
  acknowledged.delete(key)
  if (begun.wait.state.terms.delivery === "ping") subscribeToPing(driver, begun.wait)
  return begun
}

/** The last caller that leaves stops the wait. */
const leave = (wait: ActiveWait.ActiveWait, caller: ActiveWait.Caller): Effect.Effect<void> =>
  Effect.suspend(() => {
    const others = wait.callers.filter((other) => other !== caller)
    if (others.length === wait.callers.length) return Effect.void
    ActiveWait.setCallers(wait, others)
    if (others.length > 0) return Effect.void
    const fiber = DuePoll.fiberOf(wait.duePoll)
    ActiveWait.interrupt(wait)
    return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.await(fiber))
  })

const register = ({ acknowledged, waits }: Driver, pending: PendingAuthentication, now: number): boolean => {
  const known = waits.get(keyOf(pending))?.pending ?? acknowledged.get(keyOf(pending))
  if (known !== undefined && known.id !== pending.id && !isOver(known, now)) return false
  acknowledged.set(keyOf(pending), pending)
  return true
}

/** `now` is in epoch milliseconds. */
const isOver = ({ expiresAt }: PendingAuthentication, now: number): boolean => DateTime.toEpochMillis(expiresAt) <= now

const awaitSave = ({ waits }: Driver, pending: PendingAuthentication): Effect.Effect<void> =>
  Effect.suspend(() => {
    const save = waits.get(keyOf(pending))?.save
    return save === undefined ? Effect.void : Effect.asVoid(Fiber.await(save))
  })

const forget = ({ acknowledged, redeemed, waits }: Driver, pending: PendingAuthentication, now: number): void => {
  const wait = waits.get(keyOf(pending))
  if (wait !== undefined && wait.callers.length > 0) return
  acknowledged.delete(keyOf(pending))
  if (wait === undefined) return
  if (wait.response !== undefined || wait.error?.reason._tag === "InvalidTokenResponse") {
    redeemed.set(pending.id, now + retention)
  }
  remove(waits, wait)
}

/** One without callers, for which nothing is due. */
const remove = (waits: Driver["waits"], wait: ActiveWait.ActiveWait): void => {
  wait.unsubscribe()
  waits.delete(keyOf(wait.pending))
}

/** Interrupts all callers and polls. What is being stored is stored. */
const close = (driver: Driver): Effect.Effect<void> =>
  Effect.suspend(() => {
    Deferred.doneUnsafe(driver.closed, Effect.interrupt)
    const fibers = [...driver.waits.values()].flatMap((wait) => {
      const fiber = DuePoll.fiberOf(wait.duePoll)
      ActiveWait.respond(wait, Exit.interrupt())
      ActiveWait.interrupt(wait)
      wait.unsubscribe()
      return [fiber, wait.save].filter((under) => under !== undefined)
    })
    return Effect.asVoid(Fiber.awaitAll(fibers))
  })

/**
 * Prepares the polls: mostly at once, since what they need is cached. While the provider cannot be reached, it is tried again
 * until the request expires, or the waits are closed.
 */
const prepareBeforeExpiry = ({ closed, mode }: Driver, pending: PendingAuthentication): ReturnType<Mode["prepare"]> =>
  Effect.withFiber(({ context }) => {
    const prepare = mode.prepare(pending)
    const fiber = Effect.runForkWith(context)(prepare)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined && Exit.isSuccess(exit)) return exit
    const first = Effect.onInterrupt(Fiber.join(fiber), () => Fiber.interrupt(fiber))
    return Effect.raceFirst(retryBeforeExpiry(first, prepare, pending), Deferred.await(closed))
  })

const retryBeforeExpiry = Effect.fnUntraced(function* <A>(
  first: Effect.Effect<A, WaitError>,
  others: Effect.Effect<A, WaitError>,
  pending: PendingAuthentication
): Effect.fn.Return<A, WaitError> {
  const left = DateTime.toEpochMillis(pending.expiresAt) - (yield* Clock.currentTimeMillis)
  if (left <= 0) return yield* Effect.catchIf(first, isUnreachable, () => failExpired(pending))
  let attempt = first
  const next = Effect.suspend(() => {
    const current = attempt
    attempt = others
    return current
  })
  return yield* Effect.timeoutOrElse(Effect.retry(next, { schedule: cappedExponential, while: isUnreachable }), {
    duration: left,
    orElse: () => failExpired(pending)
  })
})

const failExpired = (pending: PendingAuthentication): Effect.Effect<never, TokenError> =>
  Effect.fail(ActiveWait.makeExpiryError(pending.wait?.lost))

const isUnreachable = ({ _tag, reason }: WaitError): boolean =>
  _tag === "DiscoveryError" && reason._tag === "TransportError"

const keyOf = ({ authReqId }: PendingAuthentication): string => Redacted.value(authReqId)

const isSame = (known: PendingAuthentication, { clientId, issuer }: PendingAuthentication): boolean =>
  known.clientId === clientId && known.issuer === issuer

/** How long a response is kept beyond the deadline, and what is forgotten known as redeemed, in milliseconds. */
const retention = 3_600_000
