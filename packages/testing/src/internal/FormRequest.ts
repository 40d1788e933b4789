/** A request as an endpoint reads it. */
import { Effect, Predicate } from "effect"
import type { Headers, HttpClientRequest } from "effect/http"
import * as ProviderResponse from "./ProviderResponse.ts"

export interface FormRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Headers.Headers
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

/** The parameters of a form, each with a value, by name. */
export type Parameters = ReadonlyMap<string, string>

/** Reads a request without judging it. */
export const read = (request: HttpClientRequest.HttpClientRequest, url: URL): FormRequest => ({
  method: request.method,
  url,
  headers: request.headers,
  parameters: isForm(request.headers) ? [...new URLSearchParams(bodyText(request))] : []
})

/** The parameters of a POST of form parameters, none of them twice; one without a value counts as left out. */
export const accept = (form: FormRequest): Effect.Effect<Parameters, ProviderResponse.ProviderResponse> => {
  if (form.method !== "POST") return Effect.fail(ProviderResponse.empty(405, { allow: "POST" }))
  if (!isForm(form.headers)) {
    return invalid("The content type is not application/x-www-form-urlencoded")
  }
  const names = form.parameters.map(([name]) => name)
  const twice = names.find((name, index) => name !== "resource" && names.indexOf(name) < index)
  return twice === undefined
    ? Effect.succeed(new Map(form.parameters.filter(([, value]) => value !== "")))
    : invalid(`The parameter ${twice} is there twice`)
}

/** Refuses with `invalid_request`. */
export const invalid = (description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error("invalid_request", { description }))

const isForm = (headers: Headers.Headers): boolean =>
  /^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers["content-type"] ?? "")

const bodyText = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array"
    ? new TextDecoder().decode(body.body)
    : body._tag === "Raw" && Predicate.isString(body.body)
      ? body.body
      : ""
