// Raw responses, which the first halves of the steps return, show nothing of their requests.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  Dpop,
  DynamicRegistration,
  Introspection,
  Refresh,
  SigningKey,
  TokenEndpoint,
  UserHint,
  UserInfo
} from "@effect-ciba/core"
import * as AuthenticationRequest from "@effect-ciba/core/AuthenticationRequest"
import * as ClientMetadata from "@effect-ciba/core/ClientMetadata"
import { TestClient } from "@effect-ciba/testing"
import { Effect, Layer, Logger, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { authReqId } from "../support/PendingAuthentications.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"

const issuer = "https://provider.test"

const document = {
  issuer,
  token_endpoint: `${issuer}/token?code=marker-query`,
  backchannel_authentication_endpoint: `${issuer}/backchannel`,
  introspection_endpoint: `${issuer}/introspection`,
  registration_endpoint: `${issuer}/registration`,
  userinfo_endpoint: `${issuer}/userinfo`,
  jwks_uri: `${issuer}/jwks`,
  backchannel_token_delivery_modes_supported: ["poll"]
}

/** A provider whose responses have secrets in headers and bodies. */
const provider = HttpClient.make((request) => {
  const known = request.url.endsWith("/jwks") ? publishedKeys : document
  const isDocument = request.method === "GET" && !request.url.endsWith("/userinfo")
  const headers = { "dpop-nonce": "marker-nonce", "x-marker": "marker-header" }
  return Effect.succeed(
    HttpClientResponse.fromWeb(
      request,
      Response.json(isDocument ? known : { access_token: "marker-body" }, { headers: isDocument ? {} : headers })
    )
  )
})

const client = (authentication: ClientAuthentication.ClientAuthentication) =>
  DynamicRegistration.layer().pipe(
    Layer.provideMerge(Ciba.layer({ issuer, clientId: TestClient.clientId, authentication })),
    Layer.provide(Layer.unwrap(Effect.map(SigningKey.generate("ES256"), (key) => Dpop.layer({ key })))),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, provider))
  )

const token = Redacted.make("marker-token")

type Services = Layer.Success<ReturnType<typeof client>>

type Half = readonly [what: string, half: Effect.Effect<HttpClientResponse.HttpClientResponse, unknown, Services>]

const halves: ReadonlyArray<Half> = [
  [
    "an authentication request",
    AuthenticationRequest.make({ scope: ["openid"], hint: UserHint.login("marker-hint") }).pipe(
      Effect.flatMap((request) =>
        BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.request(request))
      ),
      Effect.map(({ response }) => response)
    )
  ],
  [
    "a token request",
    TokenEndpoint.TokenEndpoint.use((endpoint) =>
      endpoint.backchannelAuthenticationGrantRequest(authReqId("marker-request"))
    )
  ],
  ["a refresh", Refresh.request(token)],
  ["an introspection", Introspection.request(token)],
  ["a UserInfo request", UserInfo.request({ accessToken: token, tokenType: "DPoP" as const, dpopKey: undefined })],
  [
    "a registration, whose body is JSON",
    ClientMetadata.make({
      deliveryMode: "poll",
      tokenEndpointAuthMethod: "client_secret_basic",
      softwareStatement: "marker.software.statement"
    }).pipe(
      Effect.flatMap((metadata) =>
        DynamicRegistration.DynamicRegistration.use((registration) =>
          registration.request(metadata, { initialAccessToken: Redacted.make("marker-initial") })
        )
      )
    )
  ]
]

const methods = {
  "a secret in a header": ClientAuthentication.clientSecretBasic(Redacted.make("marker-secret")),
  "a secret in the form": ClientAuthentication.clientSecretPost(Redacted.make("marker-secret")),
  "an assertion": ClientAuthentication.clientSecretJwt(Redacted.make("marker-secret-of-more-than-32-bytes"))
}

/** What a value looks like when it is printed or logged. */
const look = Effect.fnUntraced(function* (value: unknown) {
  const lines: Array<unknown> = [
    String(value),
    JSON.stringify(value),
    inspect(value),
    inspect([value], { depth: Number.POSITIVE_INFINITY, showHidden: true })
  ]
  const logger = Logger.make((options) => {
    const formats = [Logger.formatSimple, Logger.formatLogFmt, Logger.formatJson]
    lines.push(...formats.map((format) => format.log(options)), inspect(Logger.formatStructured.log(options)))
  })
  yield* Effect.provide(Effect.logInfo("response", value, { value }), Logger.layer([logger]))
  return lines.join("\n")
})

describe("a raw response", () => {
  for (const [method, authentication] of Object.entries(methods)) {
    for (const [what, half] of halves) {
      it.effect(`of ${what} with ${method} shows its status, and neither its request nor headers and body (I13)`, () =>
        Effect.gen(function* () {
          const response = yield* half
          const { request } = response
          const shown = yield* look(response)
          expect(shown).toMatch(/status.*200/)
          const secrets = [request.headers.authorization, request.headers.dpop].filter((header) => header !== undefined)
          for (const secret of ["marker", "eyJ", ...secrets]) expect(shown.includes(secret)).toBe(false)
          expect(yield* response.json).toEqual({ access_token: "marker-body" })
          expect(request.headers.accept).toContain("json")
        }).pipe(Effect.provide(client(authentication)))
      )
    }
  }
})
