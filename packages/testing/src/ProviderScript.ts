/**
 * What an endpoint of the test provider steps next, in order, whatever it is asked. When the script has run out, the
 * provider goes on by itself.
 *
 * **Details**
 *
 * - A scripted answer is given without looking at the request; `proceed`, `lost` and `truncated` let the provider
 *   handle it first.
 * - Scripted token steps count for the provider's pacing: after a scripted `slowDown` it, too, wants 5 seconds more.
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
import * as ProviderResponse from "./internal/ProviderResponse.ts"

/** How an error response differs from the plain one. */
export interface ErrorOptions {
  /** 401 for `invalid_client` and 400 for every other code, by default. */
  readonly status?: number | undefined
  /** The `error_description`. */
  readonly description?: string | undefined
  /** The `Retry-After` header, verbatim: seconds, an HTTP date, or nonsense. */
  readonly retryAfter?: string | undefined
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** One step of a script. */
export type Step =
  | { readonly _tag: "Respond"; readonly response: ProviderResponse.ProviderResponse }
  | { readonly _tag: "Proceed" | "Lost" | "Truncated" | "Reset" | "Hang" }
  | { readonly _tag: "Delayed"; readonly by: Duration.Duration; readonly step: Step }

/** A response in full. */
export interface Response {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

/** Steps in order. */
export interface ProviderScript {
  readonly steps: ReadonlyArray<Step>
}

/** A script of these steps. */
export const make = (steps: ReadonlyArray<Step>): ProviderScript => ({ steps })

/** The provider handles the request as if there were no script. */
export const proceed: Step = { _tag: "Proceed" }

/** The provider handles the request, and the connection breaks before the answer arrives. */
export const lost: Step = { _tag: "Lost" }

/** The provider handles the request, and its answer breaks off in the middle of the body. */
export const truncated: Step = { _tag: "Truncated" }

/** The connection breaks before the provider has seen the request. */
export const reset: Step = { _tag: "Reset" }

/** No answer ever comes; the caller has to give up. */
export const hang: Step = { _tag: "Hang" }

/** Waits, on the `Clock`, before it gives the answer. */
export const delayed = (by: Duration.Input, step: Step): Step => ({
  _tag: "Delayed",
  by: Duration.fromInputUnsafe(by),
  step
})

const send = (response: ProviderResponse.ProviderResponse): Step => ({ _tag: "Respond", response })

/** Exactly this response. It does not count for the provider's pacing, as `json` and `error` do. */
export const respond = ({ body = "", headers = {}, status }: Response): Step =>
  send({ status, headers, body, error: undefined })

/** A JSON document with this status. */
export const json = (status: number, body: unknown): Step => send(ProviderResponse.json(status, body))

/** An OAuth error answer; 400 unless the options or the code say otherwise. */
export const error = (code: string, options?: ErrorOptions): Step => send(ProviderResponse.error(code, options))

/** `slow_down` (CIBA Core 11). */
export const slowDown = (options?: ErrorOptions): Step => error("slow_down", options)

/** A status without a body. */
export const status = (code: number, options?: { readonly retryAfter?: string | undefined }): Step =>
  send(ProviderResponse.empty(code, ProviderResponse.retryAfter(options?.retryAfter)))

/** An HTML page with this status. */
export const html = (code: number, body?: string): Step => send(ProviderResponse.html(code, body))

/** A redirect; 307 by default, which would send a form again. */
export const redirect = (location: string, code = 307): Step => send(ProviderResponse.empty(code, { location }))

/** `authorization_pending` (CIBA Core 11). */
export const pending: Step = error("authorization_pending")
