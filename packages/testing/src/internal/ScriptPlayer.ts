/** Plays the scripts: decides what the caller receives for a request, and what becomes of a notification. */
import { Clock, Duration, Effect } from "effect"
import type { ProviderOptions } from "../ProviderOptions.ts"
import { proceed, type Step } from "../ProviderScript.ts"
import type { Endpoint } from "../RequestRecord.ts"
import type { ProviderResponse } from "./ProviderResponse.ts"

/** What the caller receives. */
export type Outcome =
  | { readonly _tag: "Arrives" | "BreaksOff"; readonly response: ProviderResponse }
  | { readonly _tag: "Lost"; readonly response: ProviderResponse | undefined }

export type Play = (endpoint: Endpoint, handle: Effect.Effect<ProviderResponse>) => Effect.Effect<Outcome>

export interface ScriptPlayer {
  readonly play: Play
  /** What becomes of the next notification. */
  readonly nextNotification: () => Step
  /** Whether no notification can be sent now. */
  readonly isDisrupted: Effect.Effect<boolean>
  /** From now on for so long each request gets this step, and no notification is sent. */
  readonly disrupt: (duration: Duration.Duration, step: Step) => Effect.Effect<void>
}

export interface Rotations {
  readonly keys: Effect.Effect<void>
  readonly dpopNonce: Effect.Effect<void>
}

export const make = (options: ProviderOptions, rotations: Rotations): ScriptPlayer => {
  const everywhere = inOrder(options.script?.steps)
  const steps: Readonly<Record<Endpoint, Iterator<Step>>> = {
    discovery: inOrder(options.discoveryScript?.steps),
    keys: inOrder(options.keysScript?.steps),
    backchannel: inOrder(options.backchannelScript?.steps),
    token: inOrder(options.tokenScript?.steps),
    userinfo: inOrder(undefined),
    introspection: inOrder(undefined),
    revocation: inOrder(undefined),
    elsewhere: inOrder(undefined)
  }
  const notifications = inOrder(options.notificationScript?.steps)
  const nextOf = (script: Iterator<Step>): Step | undefined => {
    const next = script.next()
    return next.done === true ? undefined : next.value
  }
  let disruption: { readonly until: number; readonly step: Step } | undefined
  const disruptedBy = Effect.map(Clock.currentTimeMillis, (now) =>
    disruption !== undefined && now < disruption.until ? disruption.step : undefined
  )
  return {
    play: (endpoint, handle) =>
      Effect.flatMap(disruptedBy, (disrupted) =>
        play(disrupted ?? nextOf(steps[endpoint]) ?? nextOf(everywhere) ?? proceed, handle, rotations)
      ),
    nextNotification: () => nextOf(notifications) ?? proceed,
    isDisrupted: Effect.map(disruptedBy, (step) => step !== undefined),
    disrupt: (duration, step) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        disruption = { until: now + Duration.toMillis(duration), step }
      })
  }
}

const inOrder = (steps: Iterable<Step> = []): Iterator<Step> => steps[Symbol.iterator]()

const play = (step: Step, handle: Effect.Effect<ProviderResponse>, rotations: Rotations): Effect.Effect<Outcome> => {
  const arrives = Effect.map(handle, (response): Outcome => ({ _tag: "Arrives", response }))
  switch (step._tag) {
    case "Respond":
      return Effect.succeed({ _tag: "Arrives", response: step.response })
    case "Proceed":
    case "Early":
      return arrives
    case "Duplicate":
      return Effect.andThen(handle, arrives)
    case "RotateKeys":
      return Effect.andThen(rotations.keys, arrives)
    case "RotateDpopNonce":
      return Effect.andThen(rotations.dpopNonce, arrives)
    case "Truncated":
      return Effect.map(handle, (response) => ({ _tag: "BreaksOff", response }))
    case "Lost":
      return Effect.map(handle, (response) => ({ _tag: "Lost", response }))
    case "Reset":
      return Effect.succeed({ _tag: "Lost", response: undefined })
    case "Hang":
      return Effect.never
    case "Delayed":
      return Effect.delay(
        Effect.suspend(() => play(step.step, handle, rotations)),
        step.by
      )
  }
}
