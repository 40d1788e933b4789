// Requests to the provider as a client without a library sends them.
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Redacted, Schema } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import { type Headers, HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"

export const issuer = "https://provider.test"

export type Claims = Readonly<Record<string, unknown>>

export type Parameters = Readonly<Record<string, string | undefined>>

/** A response with a JSON object. */
export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Readonly<Record<string, unknown>>
}

const encode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)

export const basic = (clientId: string, secret: string): string =>
  `Basic ${Base64.encode(`${encode(clientId)}:${encode(secret)}`)}`

export const defaultBasic = basic(TestClient.clientId, Redacted.value(TestClient.secret))

const decodeObject = Schema.decodeUnknownEffect(Schema.Record(Schema.String, Schema.Unknown))

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

export const read = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<RawResponse, HttpClientError.HttpClientError | Schema.SchemaError> =>
  Effect.map(Effect.flatMap(response.json, decodeObject), (body) => ({
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
    read
  )

export const get = (url: string) => Effect.flatMap(HttpClient.get(url), read)

/** Sends a backchannel authentication request for Jo. */
export const initiate = (parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  post("/backchannel", { scope: "openid profile", login_hint: "jo@example.com", ...parameters }, authorization)

/** Sends a token request. */
export const poll = (authReqId: string, parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  post(
    "/token",
    { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: authReqId, ...parameters },
    authorization
  )

/** Sends a backchannel authentication request, and gives the `auth_req_id`. */
export const obtainAuthReqId = (parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  Effect.map(initiate(parameters, authorization), ({ body }) => text(body.auth_req_id))

/** The value if it is a string, and the empty string otherwise. */
export const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** The error code, or the status of a response without one. */
export const outcome = (response: RawResponse): unknown => response.body.error ?? response.status

/** The JSON object in a part of a JWT. */
export const decodePart = (jwt: unknown, index: 0 | 1) =>
  Effect.flatMap(
    Effect.fromResult(Base64Url.decodeString(text(jwt).split(".")[index] ?? "")),
    Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
  )

/** Obtains tokens from a provider whose end-user approves at once. */
export const issue = (parameters: Parameters = {}) => Effect.flatMap(obtainAuthReqId(parameters), (id) => poll(id))

/** The tokens of the response. */
export const issueTokens = Effect.map(issue(), ({ body }) => ({
  access: text(body.access_token),
  refresh: text(body.refresh_token)
}))

export const introspect = (token: string, parameters: Parameters = {}, authorization: string | null = defaultBasic) =>
  Effect.map(post("/introspection", { token, ...parameters }, authorization), ({ body }) => body)

export const provider = TestProvider.TestProvider
