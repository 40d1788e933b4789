/** The body of a request as a form. `HttpClientRequest.bodyUrlParams` makes three lists of the parameters on its way to the text. */
import { HttpClientRequest } from "effect/http"

/** The request with these parameters, in this order, as its body. */
export const setForm = (
  request: HttpClientRequest.HttpClientRequest,
  parameters: ReadonlyArray<readonly [name: string, value: string]>
): HttpClientRequest.HttpClientRequest => {
  const form = new URLSearchParams()
  for (const [name, value] of parameters) form.append(name, value)
  return HttpClientRequest.bodyText(request, form.toString(), "application/x-www-form-urlencoded")
}
