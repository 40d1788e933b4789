/**
 * What an endpoint of the test provider answers next, in order, whatever it is asked. When the script has run out, the
 * provider goes on by itself.
 *
 * **Details**
 *
 * - A scripted answer is given without looking at the request; `proceed`, `lost` and `truncated` let the provider
 *   handle it first.
 * - Scripted token answers count for the provider's pacing: after a scripted `slowDown` it, too, wants 5 seconds more.
 *
 * **Example** (A bad gateway, then a lost answer, then the provider itself)
 *
 * ```ts
 * import { ProviderScript, TestProvider } from "@effect-ciba/testing"
 *
 * const provider = TestProvider.layer({
 *   tokenScript: ProviderScript.make([
 *     ProviderScript.html(502),
 *     ProviderScript.delayed("12 seconds", ProviderScript.pending),
 *     ProviderScript.lost
 *   ])
 * })
 * ```
 */
import { Duration } from "effect"
import * as Reply from "./Reply.ts"

/** One step of a script. */
export type Answer =
  | { readonly _tag: "Respond"; readonly reply: Reply.Reply }
  | { readonly _tag: "Proceed" | "Lost" | "Truncated" | "Reset" | "Hang" }
  | { readonly _tag: "Delayed"; readonly by: Duration.Duration; readonly answer: Answer }

/** Answers in order. */
export interface ProviderScript {
  readonly answers: ReadonlyArray<Answer>
}

/** A script of these answers. */
export const make = (answers: ReadonlyArray<Answer>): ProviderScript => ({ answers })

/** The provider handles the request as if there were no script. */
export const proceed: Answer = { _tag: "Proceed" }

/** The provider handles the request, and the connection breaks before the answer arrives. */
export const lost: Answer = { _tag: "Lost" }

/** The provider handles the request, and its answer breaks off in the middle of the body. */
export const truncated: Answer = { _tag: "Truncated" }

/** The connection breaks before the provider has seen the request. */
export const reset: Answer = { _tag: "Reset" }

/** No answer ever comes; the caller has to give up. */
export const hang: Answer = { _tag: "Hang" }

/** Waits, on the `Clock`, before it gives the answer. */
export const delayed = (by: Duration.Input, answer: Answer): Answer => ({
  _tag: "Delayed",
  by: Duration.fromInputUnsafe(by),
  answer
})

/** Exactly this answer. */
export const respond = (reply: Reply.Reply): Answer => ({ _tag: "Respond", reply })

/** A JSON document with this status. */
export const json = (status: number, body: unknown): Answer => respond(Reply.json(status, body))

/** An OAuth error answer; 400 unless the options or the code say otherwise. */
export const error = (code: string, options?: Reply.ErrorOptions): Answer => respond(Reply.error(code, options))

/** `slow_down` (CIBA Core 11). */
export const slowDown = (options?: Reply.ErrorOptions): Answer => error("slow_down", options)

/** A status without a body. */
export const status = (code: number, options?: { readonly retryAfter?: string | undefined }): Answer =>
  respond(Reply.empty(code, Reply.retryAfter(options?.retryAfter)))

/** An HTML page with this status. */
export const html = (code: number): Answer => respond(Reply.html(code))

/** A redirect; 307 by default, which would send a form again. */
export const redirect = (location: string, code = 307): Answer => respond(Reply.empty(code, { location }))

/** `authorization_pending` (CIBA Core 11). */
export const pending: Answer = error("authorization_pending")
