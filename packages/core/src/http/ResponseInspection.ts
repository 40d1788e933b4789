/** What a raw response shows of itself when it is printed, logged or encoded. */
import { Formatter, Inspectable } from "effect"
import type { HttpClientResponse } from "effect/http"
import { redactUrl } from "./HttpUrl.ts"

/** Makes a response show itself without its request, which has credentials and proofs, and without headers and body. */
export const hideRequest = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  const describe = () => {
    const { request, status } = response
    return { _id: "HttpClientResponse", status, method: request.method, url: redactUrl(request.url) }
  }
  const representations = [
    ["toJSON", describe],
    [Inspectable.NodeInspectSymbol, describe],
    ["toString", () => Formatter.format(describe())]
  ] as const
  for (const [name, value] of representations) Reflect.defineProperty(response, name, { value, configurable: true })
  return response
}
