/** Jo's authentication device: its screen, and the decision, by the end-user or else after a delay by the autopilot. */

import { randomBytes } from "node:crypto"
import type { PendingRequest } from "@effect-ciba/authorization-server/Approver"
import { AuthorizationServer } from "@effect-ciba/authorization-server/AuthorizationServer"
import { Clock, Context, Data, Deferred, Effect, Layer, Option, SubscriptionRef } from "effect"

export type Decision = "approve" | "deny"

export interface Autopilot {
  readonly decision: Decision
  readonly seconds: number
}

export type Screen = Data.TaggedEnum<{
  Quiet: object
  Asked: {
    readonly request: PendingRequest
    /** Sent to the page alone; a decision without it is rejected. */
    readonly token: string
    readonly autopilot?: Autopilot
    /** Milliseconds since the epoch. */
    readonly since: number
  }
  Decided: {
    readonly request: PendingRequest
    readonly outcome: Decision | "expire"
    readonly by: "end-user" | "autopilot"
  }
}>

export const Screen = Data.taggedEnum<Screen>()

type Decided = Data.TaggedEnum.Value<Screen, "Decided">

export interface Service {
  readonly screen: SubscriptionRef.SubscriptionRef<Screen>
  /** The screen after the decision; undefined if the token is not that of the shown request. */
  readonly decide: (token: string, decision: Decision) => Effect.Effect<Decided | undefined>
  /** Disables the autopilot for the shown request. */
  readonly touch: (token: string) => Effect.Effect<void>
}

export class Phone extends Context.Service<Phone, Service>()("@effect-ciba/examples/Phone") {}

interface Open {
  readonly token: string
  readonly decision: Deferred.Deferred<Decision>
  readonly touched: Deferred.Deferred<void>
  readonly result: Deferred.Deferred<Decided>
}

export const make = Effect.fnUntraced(function* (autopilot?: Autopilot) {
  const server = yield* AuthorizationServer
  const screen = yield* SubscriptionRef.make<Screen>(Screen.Quiet())
  let open: Open | undefined

  const awaitAutopilot = (touched: Deferred.Deferred<void>) =>
    autopilot === undefined
      ? Effect.never
      : Deferred.await(touched).pipe(
          Effect.timeoutOption(`${autopilot.seconds} seconds`),
          Effect.flatMap(
            Option.match({
              onSome: () => Effect.never,
              onNone: () => Effect.succeed({ outcome: autopilot.decision, by: "autopilot" } as const)
            })
          )
        )

  const ask = Effect.fnUntraced(function* (request: PendingRequest) {
    const since = yield* Clock.currentTimeMillis
    const token = randomBytes(16).toString("base64url")
    const decision = yield* Deferred.make<Decision>()
    const touched = yield* Deferred.make<void>()
    const result = yield* Deferred.make<Decided>()
    open = { token, decision, touched, result }
    yield* SubscriptionRef.set(screen, Screen.Asked({ request, token, since, ...(autopilot && { autopilot }) }))

    const { outcome, by } = yield* Effect.raceAllFirst([
      Effect.map(Deferred.await(decision), (outcome) => ({ outcome, by: "end-user" }) as const),
      Effect.as(Effect.sleep(request.expiresAt - since), { outcome: "expire", by: "autopilot" } as const),
      awaitAutopilot(touched)
    ])
    if (outcome !== "expire") yield* server[outcome](request.ref)
    open = undefined
    const decided = Screen.Decided({ request, outcome, by })
    yield* SubscriptionRef.set(screen, decided)
    yield* Deferred.succeed(result, decided)
  })

  yield* server.awaitRequest.pipe(Effect.flatMap(ask), Effect.forever, Effect.forkScoped)

  return Phone.of({
    screen,
    decide: (token, decision) =>
      Effect.suspend(() =>
        open?.token === token
          ? Effect.andThen(Deferred.succeed(open.decision, decision), Deferred.await(open.result))
          : Effect.succeed(undefined)
      ),
    touch: Effect.fnUntraced(function* (token) {
      if (open?.token !== token) return
      yield* Deferred.succeed(open.touched, undefined)
      yield* SubscriptionRef.update(screen, (current) =>
        Screen.$is("Asked")(current) ? Screen.Asked({ request: current.request, token, since: current.since }) : current
      )
    })
  })
})

export const layer = (autopilot?: Autopilot): Layer.Layer<Phone, never, AuthorizationServer> =>
  Layer.effect(Phone, make(autopilot))
