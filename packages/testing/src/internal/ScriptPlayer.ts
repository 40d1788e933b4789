/** Plays the scripts of the endpoints: decides what the caller receives for a request. */
import { Effect } from "effect"
import type { ProviderOptions } from "../ProviderOptions.ts"
import { proceed, type Step } from "../ProviderScript.ts"
import type { Endpoint } from "../RequestRecord.ts"
import type { ProviderResponse } from "./ProviderResponse.ts"

/** What the caller receives. */
export type Outcome =
  | { readonly _tag: "Arrives" | "BreaksOff"; readonly response: ProviderResponse }
  | { readonly _tag: "Lost"; readonly response: ProviderResponse | undefined }

export type Play = (endpoint: Endpoint, handle: Effect.Effect<ProviderResponse>) => Effect.Effect<Outcome>

export const make = (options: ProviderOptions): Play => {
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
  return (endpoint, handle) =>
    Effect.suspend(() => {
      const next = steps[endpoint].next()
      return play(next.done === true ? proceed : next.value, handle)
    })
}

const inOrder = (steps: ReadonlyArray<Step> | undefined): Iterator<Step> => (steps ?? [])[Symbol.iterator]()

const play = (step: Step, handle: Effect.Effect<ProviderResponse>): Effect.Effect<Outcome> => {
  switch (step._tag) {
    case "Respond":
      return Effect.succeed({ _tag: "Arrives", response: step.response })
    case "Proceed":
      return Effect.map(handle, (response) => ({ _tag: "Arrives", response }))
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
        Effect.suspend(() => play(step.step, handle)),
        step.by
      )
  }
}
