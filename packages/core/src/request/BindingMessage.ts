/**
 * The binding message: text shown on the consumption device and on the authentication device, so that the end-user sees
 * that both are about the same request.
 *
 * **When to use**
 *
 * Pass one as `bindingMessage` whenever the end-user can see the consumption device, and show it there.
 *
 * **Details**
 *
 * - `generate` makes a message of letters and digits, which every provider accepts. Other characters, long texts and URLs
 *   are refused by some; `warnings` says so, and the library logs it.
 *
 * **Example** (A message for both devices)
 *
 * ```ts
 * import { BindingMessage } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const message = await Effect.runPromise(BindingMessage.generate)
 *
 * message.length // => 6
 * BindingMessage.warnings("see https://shop.example") // => ["contains a URL"]
 * ```
 *
 * @see CIBA Core 1.0 section 7.1
 */
import { Effect } from "effect"
import { SecureRandom, WebCrypto } from "effect/crypto"

/**
 * A random message of six letters and digits, without those that look alike (I, O, L, 0, 1).
 *
 * @since 0.1.0
 * @stability stable
 */
export const generate: Effect.Effect<string> = WebCrypto.WebCrypto.use((crypto) => {
  const random = SecureRandom.make((size) => crypto.getRandomValues(new Uint8Array(size)))
  return Effect.map(Effect.replicateEffect(random.intBetween(0, alphabet.length, { halfOpen: true }), 6), (indices) =>
    indices.map((index) => alphabet.charAt(index)).join("")
  )
})

/**
 * Why a message cannot be sent; `undefined` if it can.
 *
 * @since 0.1.0
 * @stability stable
 */
export const validate = (message: string): string | undefined => {
  if (message.trim() === "") return "it is empty"
  return /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/u.test(message)
    ? "it contains control, format, private-use or line-separator characters; send plain text"
    : undefined
}

/**
 * Why a provider may refuse a message, or an end-user misread it; empty if there is no reason.
 *
 * @since 0.1.0
 * @stability stable
 */
export const warnings = (message: string): ReadonlyArray<string> =>
  [
    message.length > 50 ? "longer than 50 characters" : "",
    /^[\x20-\x7e]*$/.test(message) ? "" : "not plain ASCII",
    /[a-z]:\/\/|www\./i.test(message) ? "contains a URL" : ""
  ].filter((text) => text !== "")

const alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
