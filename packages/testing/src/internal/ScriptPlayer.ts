/** Plays the scripts: what becomes of a request. */
import { Effect } from "effect"
import type { ProviderOptions } from "../ProviderOptions.ts"
import { type Answer, proceed } from "../ProviderScript.ts"
import type { Reply } from "../Reply.ts"
import type { Endpoint } from "../RequestRecord.ts"

/** What arrives at the caller. */
export type Outcome =
  | { readonly _tag: "Arrives" | "BreaksOff"; readonly reply: Reply }
  | { readonly _tag: "Lost"; readonly reply: Reply | undefined }

export type Play = (endpoint: Endpoint, handle: Effect.Effect<Reply>) => Effect.Effect<Outcome>

export const make = (options: ProviderOptions): Play => {
  const answers: Readonly<Record<Endpoint, Iterator<Answer>>> = {
    discovery: inOrder(options.discoveryScript?.answers),
    keys: inOrder(options.keysScript?.answers),
    backchannel: inOrder(options.backchannelScript?.answers),
    token: inOrder(options.tokenScript?.answers),
    userinfo: inOrder(undefined),
    introspection: inOrder(undefined),
    revocation: inOrder(undefined),
    elsewhere: inOrder(undefined)
  }
  return (endpoint, handle) =>
    Effect.suspend(() => {
      const next = answers[endpoint].next()
      return play(next.done === true ? proceed : next.value, handle)
    })
}

const inOrder = (answers: ReadonlyArray<Answer> | undefined): Iterator<Answer> => (answers ?? [])[Symbol.iterator]()

const play = (answer: Answer, handle: Effect.Effect<Reply>): Effect.Effect<Outcome> => {
  switch (answer._tag) {
    case "Respond":
      return Effect.succeed({ _tag: "Arrives", reply: answer.reply })
    case "Proceed":
      return Effect.map(handle, (reply) => ({ _tag: "Arrives", reply }))
    case "Truncated":
      return Effect.map(handle, (reply) => ({ _tag: "BreaksOff", reply }))
    case "Lost":
      return Effect.map(handle, (reply) => ({ _tag: "Lost", reply }))
    case "Reset":
      return Effect.succeed({ _tag: "Lost", reply: undefined })
    case "Hang":
      return Effect.never
    case "Delayed":
      return Effect.delay(
        Effect.suspend(() => play(answer.answer, handle)),
        answer.by
      )
  }
}
