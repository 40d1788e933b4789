// Raw requests to the provider, as a client without a library would send them.
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Redacted, Schema } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import { type Headers, HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"

export const issuer = "https://provider.test"

export type Claims = Readonly<Record<string, unknown>>

export type Parameters = Readonly<Record<string, string | undefined>>

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Readonly<Record<string, unknown>>
}

const encode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)

export const basic = (clientId: string, secret: string): string =>
  `Basic ${Base64.encode(`${encode(clientId)}:${encode(secret)}`)}`

export const defaultBasic = basic(TestClient.clientId, Redacted.value(TestClient.secret))

const object = Schema.decodeUnknownEffect(Schema.Record(Schema.String, Schema.Unknown))

export const send = (
  path: string,
  pairs: ReadonlyArray<readonly [string, string]>,
  authorization: string | null = defaultBasic,
  headers: Headers.Input = {}
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError, HttpClient.HttpClient> =>
  HttpClient.execute(
    HttpClientRequest.post(`${issuer}${path}`).pipe(
      HttpClientRequest.bodyUrlParams(pairs),
      HttpClientRequest.setHeaders(authorization === null ? {} : { authorization }),
      HttpClientRequest.setHeaders(headers)
    )
  )

export const answered = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<Answered, HttpClientError.HttpClientError | Schema.SchemaError> =>
  Effect.map(Effect.flatMap(response.json, object), (body) => ({
    status: response.status,
    headers: { ...response.headers },
    body
  }))

export const post = (path: string, parameters: Parameters, authorization: string | null = defaultBasic) =>
  Effect.flatMap(
    send(
      path,
      Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
      authorization
    ),
    answered
  )

export const get = (url: string) => Effect.flatMap(HttpClient.get(url), answered)

export const ask = (parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  post("/backchannel", { scope: "openid profile", login_hint: "jo@example.com", ...parameters }, authorization)

export const poll = (authReqId: string, parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  post(
    "/token",
    { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: authReqId, ...parameters },
    authorization
  )

/** Asks, and gives the `auth_req_id`. */
export const acknowledged = (parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  Effect.map(ask(parameters, authorization), ({ body }) => text(body.auth_req_id))

/** The value as text; whatever is no text becomes the empty one. */
export const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** The error code, or the status of an answer without one. */
export const outcome = (answer: Answered): unknown => answer.body.error ?? answer.status

/** The JSON object in a part of a JWT. */
export const part = (jwt: unknown, index: 0 | 1) =>
  Effect.flatMap(
    Effect.fromResult(Base64Url.decodeString(text(jwt).split(".")[index] ?? "")),
    Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
  )

export const provider = TestProvider.TestProvider
