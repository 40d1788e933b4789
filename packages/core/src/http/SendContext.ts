/** The context in which a request is sent. */
import { Context, Option } from "effect"
import { memoize } from "effect/Function"
import { FetchHttpClient, HttpClient } from "effect/http"
import { BodyLimit } from "./CollectedBody.ts"

/** Makes the context of a request from that of its caller. */
export type SendContext = (caller: Context.Context<never>) => Context.Context<never>

/** One for bodies that are read at once, up to a size, and one for those that are handed over. */
export const make = (
  init: Option.Option<RequestInit>,
  maxBytes: number
): { readonly whole: SendContext; readonly unread: SendContext } => ({
  whole: makeFor(init, maxBytes),
  unread: makeFor(init, undefined)
})

/** A `RequestInit` is read anew: its owner may have replaced a certificate in it. */
const makeFor = (initOfLayer: Option.Option<RequestInit>, bodyLimit: number | undefined): SendContext => {
  const prepare = memoize((caller: Context.Context<never>) =>
    caller.pipe(
      Context.add(BodyLimit, bodyLimit),
      Context.add(FetchHttpClient.RequestInit, { redirect: "manual" }),
      Context.add(HttpClient.TracerDisabledWhen, () => true)
    )
  )
  return (caller) => {
    const initOfCall = Context.getOption(caller, FetchHttpClient.RequestInit)
    if (Option.isNone(initOfLayer) && Option.isNone(initOfCall)) return prepare(caller)
    const init = {
      ...Option.getOrUndefined(initOfLayer),
      ...Option.getOrUndefined(initOfCall),
      redirect: "manual"
    } as const
    return Context.add(prepare(caller), FetchHttpClient.RequestInit, init)
  }
}
