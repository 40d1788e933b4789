// A provider whose error responses quote a value of the request.
import { Effect, Layer, Schema } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { decodePart } from "./Jwt.ts"

/** A confidential value of a request. */
export type SentValue = readonly [name: string, value: string]

/** All confidential values of a request, with the claims of a signed request and the password of Basic. */
export const sentValues = Effect.fnUntraced(function* ({ body, headers }: HttpClientRequest.HttpClientRequest) {
  const [scheme = "", credentials = ""] = headers.authorization?.split(" ") ?? []
  const text = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""
  const isForm = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true
  const form: ReadonlyArray<readonly [string, unknown]> = isForm
    ? [...new URLSearchParams(text)]
    : Object.entries(yield* decodeJson(text))
  const request = form.find(([name]) => name === "request")?.[1]
  const claims = typeof request === "string" ? yield* Effect.orDie(decodePart(request, 1)) : {}
  const [, password] = scheme === "Basic" ? Buffer.from(credentials, "base64").toString().split(":") : []
  const all: ReadonlyArray<readonly [string, unknown]> = [
    [`credentials of ${scheme}`, credentials],
    ["password", new URLSearchParams(`=${password ?? ""}`).get("")],
    ["proof", headers.dpop],
    ["further header", headers["x-marker"]],
    ...form,
    ...Object.entries(claims).map(([name, value]) => [`${name} of the request`, value] as const)
  ]
  return all.flatMap(
    ([name, value]): ReadonlyArray<SentValue> =>
      typeof value === "string" && value !== "" && !harmless.test(name) ? [[name, value]] : []
  )
})

const harmless =
  /^(scope|client_id|grant_type|client_assertion_type|binding_message|aud|iss|token_type_hint|response_types|client_name|token_endpoint_auth_method|backchannel_\w+)( of the request)?$/

const decodeJson = (text: string) =>
  Effect.orElseSucceed(
    Schema.decodeEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))(text),
    (): Readonly<Record<string, unknown>> => ({})
  )

/** An error response that quotes a value: in the body of an endpoint, and in the challenge of a resource server. */
const quoting = (value: string): Response => {
  const error_description = `The value ${value} is wrong`
  const error_uri = `https://op.example/help?about=${encodeURIComponent(value)}&${new URLSearchParams([["or", value]])}`
  const quoted = value.replace(/["\\]/g, "\\$&")
  return Response.json(
    { error: "invalid_request", error_description, error_uri },
    {
      status: 400,
      headers: {
        "www-authenticate": `Bearer error="invalid_request", error_description="The value ${quoted} is wrong", error_uri="${error_uri}", scope="${quoted}"`
      }
    }
  )
}

/** Wraps the `HttpClient` of the context: at a path, it records the values of each request, and quotes the one of this name. */
export const make = (path: string, name?: string) => {
  const received: Array<SentValue> = []
  const layer = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      HttpClient.make((request, url) =>
        Effect.gen(function* () {
          if (url.pathname !== path) return yield* client.execute(request)
          const all = yield* sentValues(request)
          received.push(...all)
          const value = all.find(([candidate]) => candidate === name)?.[1]
          return HttpClientResponse.fromWeb(request, quoting(value ?? "of nothing"))
        })
      )
    )
  )
  return { received, layer }
}
