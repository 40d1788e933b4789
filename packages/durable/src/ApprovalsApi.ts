/**
 * Approvals over HTTP, for programs in any language: an `HttpApi` behind bearer tokens, with an OpenAPI document.
 *
 * **When to use**
 *
 * Where one service asks end-users for approvals on behalf of others. A program that can use `Approvals` needs no HTTP.
 *
 * **Details**
 *
 * | call | answer |
 * | --- | --- |
 * | `PUT /approvals/:key` | the receipt, as soon as the provider has acknowledged the request |
 * | `GET /approvals/:key` | the receipt |
 * | `GET /approvals/:key/result?wait=30` | 200 with who approved and the token response; 202 with the receipt if there is none after so many seconds |
 * | `DELETE /approvals/:key` | the receipt: cancelled, unless there was a result before |
 *
 * - The body of `PUT` has the parameters of CIBA Core 7.1 as JSON, each under its own name; `authorization_details`, `claims` and
 *   `request_context` are JSON as well. A member of any other name is refused.
 * - It is `PUT` with the key in the path, and no `POST`: a caller that has lost the response, an HTTP library or a proxy may repeat it
 *   (RFC 9110 9.2.2), and the end-user is asked once. The path is that of the approval from then on.
 * - What went wrong is in `ApprovalsApiError`.
 * - `Callers` says whose token is accepted, and which keys its bearer may use. Nothing about an approval is answered without.
 * - The routes are for an `HttpRouter`: serve them on https.
 *
 * **Gotchas**
 *
 * - A key is encoded as one segment of the path. `.` and `..` cannot be, and a router takes one of 100 characters at most, unless
 *   `HttpRouter.serve` has `routerConfig: { maxParamLength: 255 }`.
 * - The private key that tokens are bound to by DPoP is not handed out: such tokens are used where `Approvals` is.
 *
 * **Example** (An approval by HTTP)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Sealing } from "@effect-ciba/core"
 * import { Approvals, SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
 * import * as ApprovalsApi from "@effect-ciba/durable/ApprovalsApi"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpRouter, HttpServer } from "effect/http"
 *
 * const options = { keys: [await Effect.runPromise(Sealing.generate("2030-01"))] } as const
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ subject: "jo" }), interval: "1 second" })))
 *
 * const ApprovalsTest = Layer.merge(Approvals.layer(options), WaitWorker.layer()).pipe(
 *   Layer.provide(WaitStore.layer(options)),
 *   Layer.provide(Layer.merge(CibaTest, SqliteDatabase.layer({ filename: ":memory:" })))
 * )
 *
 * const Routes = ApprovalsApi.layer({ openapiPath: "/openapi.json" }).pipe(
 *   Layer.provide(ApprovalsApi.layerToken(Redacted.make("a token of 32 random bytes"))),
 *   Layer.provide([ApprovalsTest, HttpServer.layerServices])
 * )
 *
 * const { dispose, handler } = HttpRouter.toWebHandler(Routes, { disableLogger: true })
 *
 * const call = (method: string, path: string, body?: object) =>
 *   handler(
 *     new Request(`https://approvals.example.com${path}`, {
 *       method,
 *       headers: { authorization: "Bearer a token of 32 random bytes", "content-type": "application/json" },
 *       ...(body && { body: JSON.stringify(body) })
 *     })
 *   )
 *
 * const started = await call("PUT", "/approvals/transfer-17", { scope: "openid", login_hint: "jo@example.com" })
 * started.status // => 200
 *
 * const result = await call("GET", "/approvals/transfer-17/result?wait=30")
 * ;[result.status, (await result.text()).includes('"subject":"jo"')] // => [200, true]
 * await dispose()
 * ```
 *
 * @see RFC 9110, RFC 6750, CIBA Core 1.0 section 7.1
 */
import { Duration, Effect, Layer, Option, Schema } from "effect"
import type { HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Approvals } from "./Approvals.ts"
import * as ApiAuthorization from "./internal/ApiAuthorization.ts"
import type { Callers } from "./internal/ApiCallers.ts"
import * as ApiErrorResponse from "./internal/ApiErrorResponse.ts"
import * as ApiErrors from "./internal/ApiErrors.ts"
import { ApprovalReceipt } from "./internal/ApprovalReceipt.ts"
import * as ApprovalRequest from "./internal/ApprovalRequest.ts"
import * as ApprovalResult from "./internal/ApprovalResult.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Caller, CallersService } from "./internal/ApiCallers.ts"
export {
  /**
   * @since 0.1.0
   * @stability unstable
   */
  Callers,
  /**
   * @since 0.1.0
   * @stability unstable
   */
  layerToken
} from "./internal/ApiCallers.ts"

const params = { key: Schema.String }

const keyErrors = [
  ApiErrorResponse.InvalidRequest,
  ApiErrorResponse.AcknowledgementLost,
  ApiErrorResponse.Unavailable
] as const

const statusErrors = [...keyErrors, ApiErrorResponse.ApprovalNotFound] as const

/**
 * The calls about one approval.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Group extends HttpApiGroup.make("approvals")
  .add(
    HttpApiEndpoint.put("start", "/approvals/:key", {
      params,
      payload: ApprovalRequest.ApprovalRequest,
      success: ApprovalReceipt,
      error: [
        ...keyErrors,
        ApiErrorResponse.ApprovalConflict,
        ApiErrorResponse.RequestRefused,
        ApiErrorResponse.InternalError,
        ApiErrorResponse.ProviderFailed
      ]
    }).annotate(OpenApi.Summary, "Ask the end-user, once for each key"),
    HttpApiEndpoint.get("status", "/approvals/:key", {
      params,
      success: ApprovalReceipt,
      error: statusErrors
    }).annotate(OpenApi.Summary, "How an approval stands"),
    HttpApiEndpoint.get("result", "/approvals/:key/result", {
      params,
      query: { wait: Schema.optionalKey(Schema.FiniteFromString.check(Schema.isGreaterThanOrEqualTo(0))) },
      success: [ApprovalResult.ApprovalResult, ApprovalReceipt.pipe(HttpApiSchema.status(202))],
      error: [...statusErrors, ApiErrorResponse.ApprovalFailed, ApiErrorResponse.InternalError]
    }).annotate(OpenApi.Summary, "Who approved, and the token response; waits for it as many seconds as asked for"),
    HttpApiEndpoint.delete("cancel", "/approvals/:key", {
      params,
      success: ApprovalReceipt,
      error: statusErrors
    }).annotate(OpenApi.Summary, "Stop waiting for an approval")
  )
  .middleware(ApiAuthorization.RequestCheck)
  .middleware(ApiAuthorization.Authorization)
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" }) {}

/**
 * The API, for `HttpApiClient.make` and for a server.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Api extends HttpApi.make("approvals")
  .add(Group)
  .annotateMerge(
    OpenApi.annotations({ title: "Approvals", description: "Approvals of end-users by CIBA, each once for a key" })
  ) {}

/**
 * Where the document is, and how long a call may wait.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The path of the OpenAPI document, which anyone may read; it is not served by default. */
  readonly openapiPath?: `/${string}` | undefined
  /** The longest time for which a result is waited for, whatever a caller asks; a minute by default. */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * The routes, for the `HttpRouter` of the context.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = ({
  maxWait = "1 minute",
  openapiPath
}: Options = {}): Layer.Layer<
  never,
  never,
  Approvals | Callers | HttpRouter.HttpRouter | Layer.Success<typeof HttpServer.layerServices>
> =>
  HttpApiBuilder.layer(Api, { openapiPath }).pipe(
    Layer.provide(layerHandlers(Duration.fromInputUnsafe(maxWait))),
    Layer.provide([ApiAuthorization.layer(), ApiAuthorization.layerRequestCheck()])
  )

const layerHandlers = (maxWait: Duration.Duration) =>
  HttpApiBuilder.group(
    Api,
    "approvals",
    Effect.fnUntraced(function* (handlers) {
      const approvals = yield* Approvals
      const awaitResult = Effect.fnUntraced(function* (key: string, wait: Duration.Duration) {
        const receipt = yield* approvals.status(key)
        const isOpen = receipt.decidedAt === undefined
        if (isOpen && Duration.isZero(wait)) return receipt
        const found = yield* Effect.timeoutOption(approvals.result(key), isOpen ? wait : Duration.infinity)
        return Option.isSome(found) ? yield* ApprovalResult.make(found.value) : yield* approvals.status(key)
      })
      return handlers.handleAll({
        start: ({ params: { key }, payload }) =>
          Effect.flatMap(Effect.mapError(ApprovalRequest.toOptions(payload), ApiErrors.invalidRequest), (request) =>
            ApiErrors.mapStart(approvals.start(key, request))
          ),
        status: ({ params: { key } }) => ApiErrors.mapStatus(approvals.status(key)),
        cancel: ({ params: { key } }) => ApiErrors.mapStatus(approvals.cancel(key)),
        result: ({ params: { key }, query: { wait = 0 } }) =>
          ApiErrors.mapResult(awaitResult(key, Duration.min(Duration.seconds(wait), maxWait)))
      })
    })
  )
