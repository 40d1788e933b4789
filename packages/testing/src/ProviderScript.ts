/**
 * The next responses of an endpoint of the test provider, in order. When the script has run out, the provider responds by
 * itself.
 *
 * **Details**
 *
 * - A scripted response is sent without a look at the request; with `proceed`, `lost` and `truncated` the provider handles
 *   the request first.
 * - Scripted OAuth errors count for the provider's pacing: after a scripted `slowDown` it, too, expects 5 seconds more
 *   between two polls.
 *
 * **Example** (A bad gateway, then a slow response, then a lost one)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { ProviderScript, TestClient, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Fiber, Layer } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(
 *   Layer.provideMerge(
 *     TestProvider.layer({
 *       tokenScript: ProviderScript.make([
 *         ProviderScript.html(502),
 *         ProviderScript.delay("12 seconds", ProviderScript.pending),
 *         ProviderScript.lost
 *       ])
 *     })
 *   )
 * )
 *
 * const program = Effect.gen(function* () {
 *   const provider = yield* TestProvider.TestProvider
 *   const fiber = yield* Effect.forkChild(
 *     Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   )
 *   yield* TestClock.adjust("1 minute")
 *   yield* provider.approve()
 *   yield* TestClock.adjust("1 minute")
 *   return (yield* Fiber.join(fiber)).subject
 * }).pipe(Effect.provide(CibaTest), Effect.provide(TestClock.layer()))
 *
 * await Effect.runPromise(program) // => "jo"
 * ```
 */
import { Duration } from "effect"
import * as ProviderResponse from "./internal/ProviderResponse.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { ErrorOptions } from "./internal/ProviderResponse.ts"

/**
 * What happens to one request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Step =
  | { readonly _tag: "Respond"; readonly response: ProviderResponse.ProviderResponse }
  | { readonly _tag: "Proceed" | "Lost" | "Truncated" | "Reset" | "Hang" }
  | { readonly _tag: "Delayed"; readonly by: Duration.Duration; readonly step: Step }

/**
 * A response; without headers and with an empty body by default.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Response {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

/**
 * Steps in order.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ProviderScript {
  readonly steps: ReadonlyArray<Step>
}

/**
 * A script of these steps.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = (steps: ReadonlyArray<Step>): ProviderScript => ({ steps })

/**
 * The provider responds as without a script.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const proceed: Step = { _tag: "Proceed" }

/**
 * The provider handles the request, and the connection breaks before the response arrives.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const lost: Step = { _tag: "Lost" }

/**
 * The provider handles the request, and its response breaks off in the middle of the body.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const truncated: Step = { _tag: "Truncated" }

/**
 * The connection breaks before the provider receives the request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const reset: Step = { _tag: "Reset" }

/**
 * No response ever arrives: the caller has to time out.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const hang: Step = { _tag: "Hang" }

/**
 * The step, after a delay on the `Clock`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const delay = (by: Duration.Input, step: Step): Step => ({
  _tag: "Delayed",
  by: Duration.fromInputUnsafe(by),
  step
})

const send = (response: ProviderResponse.ProviderResponse): Step => ({ _tag: "Respond", response })

/**
 * Exactly this response. Unlike `json` and `error` it does not count for the provider's pacing.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const respond = ({ body = "", headers = {}, status }: Response): Step =>
  send({ status, headers, body, error: undefined })

/**
 * A JSON document with this status.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const json = (status: number, body: unknown): Step => send(ProviderResponse.json(status, body))

/**
 * An OAuth error response (RFC 6749 section 5.2).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const error = (code: string, options?: ProviderResponse.ErrorOptions): Step =>
  send(ProviderResponse.error(code, options))

/**
 * `slow_down` (CIBA Core 11).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const slowDown = (options?: ProviderResponse.ErrorOptions): Step => error("slow_down", options)

/**
 * A response without a body.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const status = (code: number, options?: { readonly retryAfter?: string | undefined }): Step =>
  send(ProviderResponse.empty(code, ProviderResponse.retryAfter(options?.retryAfter)))

/**
 * An HTML page, as a proxy in front of a provider sends it; the status is its text by default.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const html = (code: number, body?: string): Step => send(ProviderResponse.html(code, body))

/**
 * A redirect; 307 by default, with which a client that follows it sends the form again.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const redirect = (location: string, code = 307): Step => send(ProviderResponse.empty(code, { location }))

/**
 * `authorization_pending` (CIBA Core 11).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const pending: Step = error("authorization_pending")
