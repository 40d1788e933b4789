/** Jo's phone: what it shows, and who decides: the person, or with nobody there the phone itself. */

import { randomBytes } from "node:crypto"
import { Clock, Context, Data, Deferred, Effect, Layer, Option, SubscriptionRef } from "effect"
import { AuthorizationServer } from "../../e2e/AuthorizationServer.ts"
import type { WaitingRequest } from "../../e2e/Person.ts"

export type Decision = "approve" | "deny"

export interface Autopilot {
  readonly decision: Decision
  readonly seconds: number
}

export type Screen = Data.TaggedEnum<{
  Quiet: object
  Asked: {
    readonly request: WaitingRequest
    /** Known to the page alone: without it, a decision is not the person's. */
    readonly token: string
    readonly autopilot?: Autopilot
    /** Milliseconds since the epoch. */
    readonly since: number
  }
  Decided: {
    readonly request: WaitingRequest
    readonly outcome: Decision | "expire"
    readonly by: "person" | "phone"
  }
}>

export const Screen = Data.taggedEnum<Screen>()

type Decided = Data.TaggedEnum.Value<Screen, "Decided">

export interface Service {
  readonly screen: SubscriptionRef.SubscriptionRef<Screen>
  /** The screen that follows; none if the token is not that of the open request. */
  readonly decide: (token: string, decision: Decision) => Effect.Effect<Decided | undefined>
  /** Somebody is there, so the phone no longer decides by itself. */
  readonly touch: (token: string) => Effect.Effect<void>
}

export class Phone extends Context.Service<Phone, Service>()("@effect-ciba/examples/Phone") {}

interface Open {
  readonly token: string
  readonly decision: Deferred.Deferred<Decision>
  readonly touched: Deferred.Deferred<void>
  readonly settled: Deferred.Deferred<Decided>
}

export const make = Effect.fnUntraced(function* (autopilot?: Autopilot) {
  const server = yield* AuthorizationServer
  const screen = yield* SubscriptionRef.make<Screen>(Screen.Quiet())
  let open: Open | undefined

  const itself = (touched: Deferred.Deferred<void>) =>
    autopilot === undefined
      ? Effect.never
      : Deferred.await(touched).pipe(
          Effect.timeoutOption(`${autopilot.seconds} seconds`),
          Effect.flatMap(
            Option.match({
              onSome: () => Effect.never,
              onNone: () => Effect.succeed({ outcome: autopilot.decision, by: "phone" } as const)
            })
          )
        )

  const ring = Effect.fnUntraced(function* (request: WaitingRequest) {
    const since = yield* Clock.currentTimeMillis
    const token = randomBytes(16).toString("base64url")
    const decision = yield* Deferred.make<Decision>()
    const touched = yield* Deferred.make<void>()
    const settled = yield* Deferred.make<Decided>()
    open = { token, decision, touched, settled }
    yield* SubscriptionRef.set(screen, Screen.Asked({ request, token, since, ...(autopilot && { autopilot }) }))

    const { outcome, by } = yield* Effect.raceAllFirst([
      Effect.map(Deferred.await(decision), (outcome) => ({ outcome, by: "person" }) as const),
      Effect.as(Effect.sleep(request.expiresAt - since), { outcome: "expire", by: "phone" } as const),
      itself(touched)
    ])
    if (outcome !== "expire") yield* server[outcome](request.ref)
    open = undefined
    const decided = Screen.Decided({ request, outcome, by })
    yield* SubscriptionRef.set(screen, decided)
    yield* Deferred.succeed(settled, decided)
  })

  yield* server.awaitRequest.pipe(Effect.flatMap(ring), Effect.forever, Effect.forkScoped)

  return Phone.of({
    screen,
    decide: (token, decision) =>
      Effect.suspend(() =>
        open?.token === token
          ? Effect.andThen(Deferred.succeed(open.decision, decision), Deferred.await(open.settled))
          : Effect.succeed(undefined)
      ),
    touch: Effect.fnUntraced(function* (token) {
      if (open?.token !== token) return
      yield* Deferred.succeed(open.touched, undefined)
      yield* SubscriptionRef.update(screen, (shown) =>
        Screen.$is("Asked")(shown) ? Screen.Asked({ request: shown.request, token, since: shown.since }) : shown
      )
    })
  })
})

export const layer = (autopilot?: Autopilot): Layer.Layer<Phone, never, AuthorizationServer> =>
  Layer.effect(Phone, make(autopilot))
