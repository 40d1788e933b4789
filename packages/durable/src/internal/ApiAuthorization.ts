/**
 * Lets nothing through without a bearer token that is accepted, for this key. What goes out is stored nowhere on its way.
 *
 * @see RFC 6750 sections 2.1 and 3
 */
import { ByteSize, Effect, Layer, Option, Redacted } from "effect"
import { HttpEffect, HttpIncomingMessage, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import type * as ApiError from "../ApprovalsApiError.ts"
import { Callers, type CallersService } from "./ApiCallers.ts"
import * as ApiErrorResponse from "./ApiErrorResponse.ts"
import * as ApiErrors from "./ApiErrors.ts"

/** The security of the API. */
export class Authorization extends HttpApiMiddleware.Service<Authorization>()(
  "@effect-ciba/durable/ApprovalsApi/Authorization",
  {
    security: { bearer: HttpApiSecurity.bearer },
    error: [ApiErrorResponse.Unauthorized, ApiErrorResponse.Forbidden]
  }
) {}

/** Says what is wrong with a request that cannot be decoded. */
export class RequestCheck extends HttpApiMiddleware.Service<RequestCheck>()(
  "@effect-ciba/durable/ApprovalsApi/RequestCheck",
  { error: ApiErrorResponse.InvalidRequest }
) {}

export const layerRequestCheck = (): Layer.Layer<RequestCheck> =>
  HttpApiMiddleware.layerSchemaErrorTransform(RequestCheck, (error) =>
    Effect.fail(
      error.kind === "Body" || error.kind === "ResponseHeaders" ? error : ApiErrors.invalidMembers(error.cause)
    )
  )

/** A body is some kilobytes at most. */
const maxBodySize = ByteSize.kibibytes(64)

export const layer = (): Layer.Layer<Authorization, never, Callers> =>
  Layer.effect(
    Authorization,
    Effect.map(Callers, (callers) => ({
      bearer: (call, { credential }) =>
        Effect.andThen(
          HttpEffect.appendPreResponseHandler((_, response) => Effect.succeed(finish(response))),
          Effect.andThen(
            authorize(callers, credential),
            Effect.provideService(call, HttpIncomingMessage.MaxBodySize, maxBodySize)
          )
        )
    }))
  )

const finish = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(response, {
    "cache-control": "no-store",
    ...(response.status === 401 && { "www-authenticate": "Bearer" })
  })

const authorize = Effect.fnUntraced(function* (
  callers: CallersService,
  token: Redacted.Redacted<string>
): Effect.fn.Return<void, ApiError.Unauthorized | ApiError.Forbidden, HttpRouter.RouteContext> {
  if (Redacted.value(token) === "") return yield* ApiErrors.refuseToken("a bearer token is needed")
  const caller = yield* callers.authenticate(token)
  if (Option.isNone(caller)) return yield* ApiErrors.refuseToken("the bearer token is not accepted")
  const { key = "" } = (yield* HttpRouter.RouteContext).params
  if (!caller.value.mayUse(key)) return yield* ApiErrors.refuseKey()
})
