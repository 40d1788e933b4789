/** Delivers the notifications of ping and push to the client's endpoint, as soon as there is one. */
import { Clock, Effect, Queue, Redacted, type Scope } from "effect"
import type { Step } from "../ProviderScript.ts"
import type { AuthenticationRequests } from "./AuthenticationRequests.ts"
import type { Notify } from "./Notifications.ts"
import type { RunOnProviderClock } from "./ProviderClock.ts"
import type { Rotations, ScriptPlayer } from "./ScriptPlayer.ts"

/**
 * A notification that the provider has sent by itself.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Delivery {
  /** When it was sent, in milliseconds on the `Clock`. */
  readonly at: number
  readonly authReqId: Redacted.Redacted<string>
  /** The status of the client's response; `undefined` if the notification was lost, or got no response. */
  readonly status: number | undefined
}

/**
 * What receives notifications: `fetch`, or a handler such as that of `NotificationReceiver.toWebHandler`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Endpoint = (request: Request) => Promise<Response>

export interface NotificationDelivery {
  readonly deliveries: () => ReadonlyArray<Delivery>
  /** Delivers as long as the scope is open; the endpoint that came last receives the notifications. */
  readonly deliverTo: (endpoint: Endpoint) => Effect.Effect<void, never, Scope.Scope>
}

interface Parts {
  readonly notify: Notify
  readonly player: ScriptPlayer
  readonly requests: AuthenticationRequests
  readonly rotations: Rotations
  readonly runOnProviderClock: RunOnProviderClock
}

export const make = (parts: Parts): NotificationDelivery => {
  const { player, requests, runOnProviderClock } = parts
  const deliveries: Delivery[] = []
  const endpoints: Endpoint[] = []
  const steps = new Map<string, Step>()
  const sent = new Set<string>()

  const play = playWith(
    parts,
    Effect.fnUntraced(function* (authReqId, request) {
      const at = yield* Clock.currentTimeMillis
      const status = yield* send(request, endpoints.at(-1))
      deliveries.push({ at, authReqId: Redacted.make(authReqId, { label: "auth_req_id" }), status })
    })
  )

  const deliver = Effect.fnUntraced(function* (authReqId: string) {
    const entry = requests.find(authReqId)
    if (entry?.client.notification === undefined || entry.notificationToken === undefined) return
    const step = steps.get(authReqId) ?? player.nextNotification()
    steps.set(authReqId, step)
    const isEarly = step._tag === "Early" && entry.client.notification.deliveryMode === "ping"
    if (!isEarly) {
      if (entry.decision === undefined) return
      yield* Effect.sleep(entry.decision.at - (yield* runOnProviderClock(Clock.currentTimeMillis)))
    }
    if (sent.has(authReqId)) return
    sent.add(authReqId)
    yield* play(step, authReqId)
  })

  return {
    deliveries: () => [...deliveries],
    deliverTo: Effect.fnUntraced(function* (endpoint) {
      yield* Effect.acquireRelease(
        Effect.sync(() => endpoints.push(endpoint)),
        () => Effect.sync(() => endpoints.splice(endpoints.lastIndexOf(endpoint), 1))
      )
      yield* forkForEach(requests, deliver)
    })
  }
}

/** Forks the work for each request that there is, and whenever one is added or decided, as long as the scope is open. */
const forkForEach = Effect.fnUntraced(function* (
  requests: AuthenticationRequests,
  work: (authReqId: string) => Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const changed = yield* Queue.unbounded<string>()
  yield* Effect.acquireRelease(
    Effect.sync(() => requests.observe((authReqId) => Queue.offerUnsafe(changed, authReqId))),
    (stop) => Effect.sync(stop)
  )
  yield* Queue.take(changed).pipe(
    Effect.flatMap((authReqId) => Effect.forkIn(work(authReqId), scope)),
    Effect.forever,
    Effect.forkScoped
  )
})

type Play = (step: Step, authReqId: string) => Effect.Effect<void>

/** Sends the notification as the step says. */
const playWith = (
  { notify, player, rotations }: Parts,
  send: (authReqId: string, request: Request | undefined) => Effect.Effect<void>
): Play => {
  const play: Play = Effect.fnUntraced(function* (step, authReqId) {
    if (step._tag === "Delayed") return yield* Effect.delay(play(step.step, authReqId), step.by)
    if (step._tag === "RotateKeys") yield* rotations.keys
    if (step._tag === "RotateDpopNonce") yield* rotations.dpopNonce
    const request = yield* notify(authReqId)
    if (request === undefined || isLost(step) || (yield* player.isDisrupted)) return yield* send(authReqId, undefined)
    if (step._tag === "Duplicate") yield* send(authReqId, request.clone())
    yield* send(authReqId, step._tag === "Truncated" ? yield* truncate(request) : request)
  })
  return play
}

/** The status of the response; `undefined` without one. */
const send = (request: Request | undefined, endpoint: Endpoint | undefined): Effect.Effect<number | undefined> =>
  request === undefined || endpoint === undefined
    ? Effect.undefined
    : Effect.tryPromise(() => endpoint(request)).pipe(
        Effect.tap((response) => Effect.promise(() => response.body?.cancel() ?? Promise.resolve())),
        Effect.match({ onFailure: () => undefined, onSuccess: ({ status }) => status })
      )

const isLost = ({ _tag }: Step): boolean => _tag === "Lost" || _tag === "Reset" || _tag === "Hang" || _tag === "Respond"

/** The notification with the first half of its body. */
const truncate = (request: Request): Effect.Effect<Request> =>
  Effect.map(
    Effect.promise(() => request.clone().text()),
    (body) => new Request(request, { body: body.slice(0, body.length / 2) })
  )
