/**
 * A request that the test provider has received, and how it responded.
 *
 * **Example** (The parameters that the client sent)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { type RequestRecord, TestClient, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provideMerge(TestProvider.layer()))
 *
 * const acrValues = ({ parameters }: RequestRecord.RequestRecord) =>
 *   parameters.find(([name]) => name === "acr_values")?.[1]
 *
 * const program = Effect.gen(function* () {
 *   yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com"), acrValues: ["gold"] })
 *   const requests = yield* (yield* TestProvider.TestProvider).requests
 *   return requests.filter(({ endpoint }) => endpoint === "backchannel").map(acrValues)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => ["gold"]
 * ```
 */
import type { Redacted } from "effect"
import type { Headers } from "effect/http"

/**
 * The endpoints of the provider; `elsewhere` is any other URL.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Endpoint =
  | "discovery"
  | "keys"
  | "backchannel"
  | "token"
  | "userinfo"
  | "introspection"
  | "revocation"
  | "elsewhere"

/**
 * A request and its response.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface RequestRecord {
  /** When the request was received, in milliseconds on the `Clock`. */
  readonly at: number
  readonly endpoint: Endpoint
  readonly method: string
  readonly url: string
  /** The headers without `Authorization`. */
  readonly headers: Headers.Headers
  /** The `Authorization` header. */
  readonly authorization: Redacted.Redacted<string> | undefined
  /** The form parameters in the order in which they were sent. */
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  /** When the response was sent, in milliseconds on the `Clock`; `undefined` before, or if it was lost. */
  readonly respondedAt: number | undefined
  /** The status of the response; `undefined` before, or if it was lost or the caller gave up. */
  readonly status: number | undefined
  /** The OAuth error code in the response. */
  readonly error: string | undefined
}
