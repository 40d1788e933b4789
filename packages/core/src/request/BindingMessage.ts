/**
 * The text that the person sees on both devices, and by which they know which request they approve.
 *
 * **Details**
 *
 * - Providers differ in what they take: letters, digits and few characters are safe everywhere. `generate` makes such
 *   a message.
 * - Show the message where the person started, or it binds nothing.
 *
 * **Example** (A message for both screens)
 *
 * ```ts
 * import { BindingMessage } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const message = await Effect.runPromise(BindingMessage.generate)
 * message.length // => 6
 * ```
 *
 * @see CIBA Core 1.0 section 7.1
 */
import { Effect } from "effect"
import * as RandomToken from "../internal/RandomToken.ts"

/** A random message of six letters and digits, none of which is easily taken for another. */
export const generate: Effect.Effect<string> = Effect.flatMap(RandomToken.source, (random) =>
  Effect.map(Effect.replicateEffect(random.intBetween(0, alphabet.length, { halfOpen: true }), 6), (indices) =>
    indices.map((index) => alphabet.charAt(index)).join("")
  )
)

/** What is wrong with a message, if something is. */
export const validate = (message: string): string | undefined => {
  if (message.trim() === "") return "it is empty"
  return /\p{Cc}/u.test(message) ? "it contains control characters; send plain text" : undefined
}

/** Why a provider may refuse the message, or the person misread it. */
export const warnings = (message: string): ReadonlyArray<string> =>
  [
    message.length > 50 ? "longer than 50 characters" : "",
    /^[\x20-\x7e]*$/.test(message) ? "" : "not plain ASCII",
    /[a-z]:\/\/|www\./i.test(message) ? "contains a URL" : ""
  ].filter((text) => text !== "")

const alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
