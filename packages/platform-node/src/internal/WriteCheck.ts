/** Looks at the `SendCheck` of a request when undici writes it: until then it has waited for a connection. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as Undici from "@effect/platform-node/Undici"
import { Transport } from "@effect-ciba/core"
import { Effect, Predicate } from "effect"
import { HttpClient } from "effect/http"

/** Where a request has its check among the options of undici. */
const key = Symbol("SendCheck")

class Check {
  readonly maySend: () => boolean
  constructor(maySend: () => boolean) {
    this.maySend = maySend
  }
}

/** The options of undici with which the dispatcher looks at the check. */
export const toOptions = (maySend: (() => boolean) | undefined): object | undefined =>
  maySend && { [key]: new Check(maySend) }

/** Hands the check of the caller's context to the dispatcher. */
export const attach: (client: HttpClient.HttpClient) => HttpClient.HttpClient = HttpClient.transformResponse((send) =>
  Effect.flatMap(Transport.SendCheck, (maySend) =>
    Effect.updateService(send, NodeHttpClient.UndiciOptions, (options) => ({ ...options, ...toOptions(maySend) }))
  )
)

/** The handler of a request that is aborted, before a byte of it is written, where its check says so. */
export const apply = (
  options: Undici.Dispatcher.DispatchOptions,
  handler: Undici.Dispatcher.DispatchHandler
): Undici.Dispatcher.DispatchHandler => {
  const check = Predicate.hasProperty(options, key) ? options[key] : undefined
  if (!(check instanceof Check)) return handler
  const start = handler.onRequestStart?.bind(handler)
  handler.onRequestStart = (controller, context) => {
    start?.(controller, context)
    if (!check.maySend()) controller.abort(new Error("the request has waited too long for a connection"))
  }
  return handler
}
