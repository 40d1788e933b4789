/** A request as the endpoints read it: its form parameters and headers. */
import { Effect, Predicate } from "effect"
import type { Headers, HttpClientRequest } from "effect/http"
import type { Certificate } from "../TestClient.ts"
import * as ProviderResponse from "./ProviderResponse.ts"

export interface FormRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Headers.Headers
  /** That of the client, if the connection has one. */
  readonly certificate: Certificate | undefined
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
}

/** Responds to a request. Its failure is an error response. */
export type Handler = (
  form: FormRequest
) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>

/** The parameters of a form, each with a value, by name. */
export type Parameters = ReadonlyMap<string, string>

export const make = (
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  certificate: Certificate | undefined
): FormRequest => ({
  method: request.method,
  url,
  headers: request.headers,
  certificate,
  parameters: isForm(request.headers) ? [...new URLSearchParams(bodyText(request))] : []
})

/**
 * The parameters of a POST request with a form. One that is empty counts as absent (RFC 6749 section 3.1), and none may
 * be repeated but `resource` (RFC 8707).
 */
export const readForm = (form: FormRequest): Effect.Effect<Parameters, ProviderResponse.ProviderResponse> => {
  if (form.method !== "POST") return Effect.fail(ProviderResponse.empty(405, { allow: "POST" }))
  if (!isForm(form.headers)) {
    return invalidRequest("The content type is not application/x-www-form-urlencoded")
  }
  const names = form.parameters.map(([name]) => name)
  const repeated = names.find((name, index) => name !== "resource" && names.indexOf(name) < index)
  return repeated === undefined
    ? Effect.succeed(new Map(form.parameters.filter(([, value]) => value !== "")))
    : invalidRequest(`The parameter ${repeated} is repeated`)
}

export const invalidRequest = (description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error("invalid_request", { description }))

const isForm = (headers: Headers.Headers): boolean =>
  /^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers["content-type"] ?? "")

const bodyText = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array"
    ? new TextDecoder().decode(body.body)
    : body._tag === "Raw" && Predicate.isString(body.body)
      ? body.body
      : ""
