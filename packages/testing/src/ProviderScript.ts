/**
 * What happens to the next requests of an endpoint of the test provider, or to its next notifications, in order. When the
 * script has run out, nothing goes wrong.
 *
 * **Details**
 *
 * | step | a request of the client | a notification |
 * | --- | --- | --- |
 * | `proceed` | is handled | is sent when the end-user has decided |
 * | `reset`, `hang` | never reaches the provider, or gets no response | never arrives |
 * | `lost` | is handled, and its response never arrives | never arrives |
 * | `truncated` | is handled, and its response breaks off | breaks off in the middle of its body |
 * | `duplicate` | is handled twice, and the second response arrives | arrives twice |
 * | `delay` | is handled later | is sent later |
 * | `early` | is handled | is sent when the request is acknowledged; a push has no result then, and is sent when it has |
 * | `rotateKeys`, `rotateDpopNonce` | is handled after the provider has rotated them | the same |
 * | all others | gets this response without a look at it | never arrives |
 *
 * Scripted OAuth errors count for the provider's pacing: after a scripted `slowDown` it, too, expects 5 seconds more between
 * two polls.
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
import * as SeededNumbers from "./internal/SeededNumbers.ts"

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
  | { readonly _tag: "Proceed" | "Lost" | "Truncated" | "Duplicate" | "Early" | "Reset" | "Hang" }
  | { readonly _tag: "RotateKeys" | "RotateDpopNonce" }
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
 * Steps in order; each provider begins with the first.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ProviderScript {
  readonly steps: Iterable<Step>
}

/**
 * A script of these steps.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = (steps: Iterable<Step>): ProviderScript => ({ steps })

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
 * A proxy sends the request, or the provider its notification, once more.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const duplicate: Step = { _tag: "Duplicate" }

/**
 * A ping is sent before the end-user has decided.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const early: Step = { _tag: "Early" }

/**
 * The provider replaces its keys, as `TestProvider.rotateKeys` does, before it handles the request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const rotateKeys: Step = { _tag: "RotateKeys" }

/**
 * The provider demands another nonce, as `TestProvider.rotateDpopNonce` does, before it handles the request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const rotateDpopNonce: Step = { _tag: "RotateDpopNonce" }

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

/**
 * What goes wrong at random, and how often.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface RandomOptions {
  /** The same seed gives the same steps. */
  readonly seed: number
  /** The share of requests to which something happens, from 0 to 1; 0.3 by default. */
  readonly rate?: number | undefined
  /** What may happen; `faults` by default. */
  readonly steps?: ReadonlyArray<Step> | undefined
}

/**
 * What happens between a client and a provider that keeps to the specification.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const faults: ReadonlyArray<Step> = [
  reset,
  lost,
  truncated,
  duplicate,
  hang,
  delay("10 seconds", proceed),
  status(429, { retryAfter: "7" }),
  html(502),
  status(503)
]

/**
 * A script without an end, at random. Print the seed when a test fails: it repeats the run.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const random = ({ rate = 0.3, seed, steps = faults }: RandomOptions): ProviderScript =>
  make({
    *[Symbol.iterator]() {
      const numbers = SeededNumbers.make(seed)
      while (true) {
        const happens = numbers.next().value < rate
        yield (happens ? steps[Math.floor(numbers.next().value * steps.length)] : undefined) ?? proceed
      }
    }
  })
