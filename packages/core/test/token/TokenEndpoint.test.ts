import { describe, expect, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  Discovery,
  NotificationInbox,
  PendingAuthentication,
  TokenEndpoint,
  TokenResponse
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { Headers, HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"

const client = {
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
}

const id = Redacted.make(PendingAuthentication.AuthReqId.make("1c26+6114/ü = &"), { label: "auth_req_id" })

const { json, respond } = ProviderScript

const respondWith = (...steps: ReadonlyArray<ProviderScript.Step>) =>
  Ciba.layer(client).pipe(
    Layer.provideMerge(TestProvider.layer({ user: TestUser.approve(), tokenScript: ProviderScript.make(steps) }))
  )

const redeem = (options?: TokenEndpoint.Options) =>
  TokenEndpoint.TokenEndpoint.use((endpoint) => endpoint.redeem(id, options))

const sent = TestProvider.TestProvider.use(({ requests }) => requests)

const tokens = { access_token: "marker-access", token_type: "Bearer", id_token: "marker-id" }

describe("TokenEndpoint.backchannelAuthenticationGrantRequest", () => {
  /** Runs the first half against a server that records requests, and gives these. */
  const sendRequest = (
    options: TokenEndpoint.Options | undefined,
    authentication: ClientAuthentication.ClientAuthentication
  ) =>
    Effect.gen(function* () {
      const requests: Array<HttpClientRequest.HttpClientRequest> = []
      const listener = HttpClient.make((request) => {
        requests.push(request)
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 204 })))
      })
      const response = yield* TokenEndpoint.TokenEndpoint.use((endpoint) =>
        endpoint.backchannelAuthenticationGrantRequest(id, options)
      ).pipe(
        Effect.provide(
          Ciba.layerNoDiscovery({ ...client, authentication }).pipe(
            Layer.provide(
              Discovery.layerStatic({ issuer: client.issuer, token_endpoint: "https://provider.test/token?tenant=1" })
            ),
            Layer.provide(Layer.succeed(HttpClient.HttpClient, listener))
          )
        )
      )
      expect(response.status).toBe(204)
      return requests.map(({ body, headers, method, url }) => ({
        method,
        url,
        headers: Headers.removeMany(headers, ["b3", "traceparent"]),
        body: body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : body._tag
      }))
    })

  const own = "grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba&auth_req_id=1c26%2B6114%2F%C3%BC+%3D+%26"

  it.effect("sends grant type and auth_req_id as a form, with the client's authentication in a header (H1, E11)", () =>
    Effect.gen(function* () {
      const requests = yield* sendRequest(undefined, client.authentication)
      expect(requests).toEqual([
        {
          method: "POST",
          url: "https://provider.test/token?tenant=1",
          headers: {
            accept: "application/json",
            authorization: expect.stringMatching(/^Basic [A-Za-z0-9+/]+=*$/),
            "content-length": String(own.length),
            "content-type": "application/x-www-form-urlencoded"
          },
          body: own
        }
      ])
    })
  )

  for (const [what, authentication, credentials] of [
    [
      "the secret, for client_secret_post",
      ClientAuthentication.clientSecretPost(Redacted.make("s+1 ")),
      "&client_id=test-client&client_secret=s%2B1+"
    ],
    ["the client id alone, for a public client", ClientAuthentication.none, "&client_id=test-client"]
  ] as const) {
    it.effect(`sends ${what}, in the form of the token request (H1, E11)`, () =>
      Effect.gen(function* () {
        const requests = yield* sendRequest(undefined, authentication)
        expect(requests.map(({ body, headers }) => [body, headers.authorization])).toEqual([
          [own + credentials, undefined]
        ])
      })
    )
  }

  it.effect("requests a part of the granted details and resources in a token request (O3, P2, P4)", () =>
    Effect.gen(function* () {
      const [request] = yield* sendRequest(
        {
          authorizationDetails: [{ type: "payment", amount: { value: "1", currency: "€" } }],
          resource: ["https://a.test", "https://b.test"],
          additionalParameters: [["audience", "till"]]
        },
        ClientAuthentication.none
      )
      expect([...new URLSearchParams(request?.body)].slice(2)).toEqual([
        ["authorization_details", '[{"type":"payment","amount":{"value":"1","currency":"€"}}]'],
        ["resource", "https://a.test"],
        ["resource", "https://b.test"],
        ["audience", "till"],
        ["client_id", "test-client"]
      ])
      const [alone] = yield* sendRequest({ resource: "https://a.test" }, ClientAuthentication.none)
      expect(alone?.body).toBe(`${own}&resource=https%3A%2F%2Fa.test&client_id=test-client`)
      const [neither] = yield* sendRequest({ resource: [] }, ClientAuthentication.none)
      expect(neither?.body).toBe(`${own}&client_id=test-client`)
    })
  )

  const refused: ReadonlyArray<readonly [title: string, options: TokenEndpoint.Options, parameter: string]> = [
    ["authorization details without a type (O2)", { authorizationDetails: [{ type: "" }] }, "authorization_details"],
    ["an empty list of authorization details (O2)", { authorizationDetails: [] }, "authorization_details"],
    ["a resource that is not a URI (P1)", { resource: "/accounts" }, "resource"],
    ["a resource with a fragment (P1)", { resource: ["https://a.test", "https://b.test#c"] }, "resource"],
    [
      "a resource in an option and in an additional parameter",
      { resource: "https://a.test", additionalParameters: [["resource", "https://b.test"]] },
      "resource"
    ],
    [
      "authorization details in an option and in an additional parameter",
      { authorizationDetails: [{ type: "payment" }], additionalParameters: [["authorization_details", "[]"]] },
      "authorization_details"
    ],
    ["a lone surrogate in an additional parameter", { additionalParameters: [["audience", "\ud83d"]] }, "audience"],
    ["a lone surrogate in a resource", { resource: "https://\udd11.test" }, "resource"]
  ]
  for (const [title, options, parameter] of refused) {
    it.effect(`does not send a token request with ${title}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(sendRequest(options, client.authentication))
        expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "InvalidParameter", parameter } })
      })
    )
  }

  it.effect("sends additional parameters of a token request between grant and credentials", () =>
    Effect.gen(function* () {
      const additionalParameters = [
        ["resource", "https://a.test"],
        ["resource", "https://b.test"],
        ["audience", ""]
      ] as const
      const authentication = ClientAuthentication.clientSecretPost(Redacted.make("s"))
      const [request] = yield* sendRequest({ additionalParameters }, authentication)
      expect(request?.body).toBe(
        `${own}&resource=https%3A%2F%2Fa.test&resource=https%3A%2F%2Fb.test&audience=&client_id=test-client&client_secret=s`
      )
    })
  )

  for (const name of ["grant_type", "auth_req_id", "client_id", "client_secret", "client_assertion"]) {
    it.effect(`does not send a token request with a second ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          sendRequest({ additionalParameters: [[name, "another"]] }, client.authentication)
        )
        expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "InvalidParameter", parameter: name } })
      })
    )
  }

  it.effect("sends additional headers with a token request, none of which replaces its own", () =>
    Effect.gen(function* () {
      const [plain] = yield* sendRequest(undefined, client.authentication)
      const headers = {
        "X-Fapi-Interaction-Id": "i-1",
        Authorization: "Basic another",
        Accept: "text/html",
        "Content-Type": "text/plain"
      }
      const [request] = yield* sendRequest({ headers }, client.authentication)
      expect(request).toEqual({ ...plain, headers: { ...plain?.headers, "x-fapi-interaction-id": "i-1" } })
    })
  )

  it.effect("gives the raw token response, which processBackchannelAuthenticationGrantResponse reads", () =>
    Effect.gen(function* () {
      const endpoint = yield* TokenEndpoint.TokenEndpoint
      const response = yield* endpoint.backchannelAuthenticationGrantRequest(id)
      expect([response.status, response.headers["x-trace"]]).toEqual([418, "t-1"])
      const error = yield* Effect.flip(endpoint.processBackchannelAuthenticationGrantResponse(response))
      expect({ ...error.reason }).toEqual({ _tag: "AuthorizationPending", code: "authorization_pending", status: 418 })
      expect((yield* sent).map((request) => request.endpoint)).toEqual(["discovery", "token"])
    }).pipe(
      Effect.provide(
        respondWith(ProviderScript.error("authorization_pending", { status: 418, headers: { "x-trace": "t-1" } }))
      )
    )
  )

  it.effect("never sends a token request of a push client, and no other request either (H24, L15)", () =>
    Effect.gen(function* () {
      const endpoint = yield* TokenEndpoint.TokenEndpoint
      const both = [
        Effect.asVoid(endpoint.redeem(id)),
        Effect.asVoid(endpoint.backchannelAuthenticationGrantRequest(id))
      ]
      for (const attempt of both) {
        const error = yield* Effect.flip(attempt)
        expect([error._tag, error.reason._tag]).toEqual(["TokenError", "PushDelivery"])
      }
      expect(yield* sent).toEqual([])
    }).pipe(
      Effect.provide(
        TokenEndpoint.layer().pipe(
          Layer.provide(Ciba.layer({ ...client, deliveryMode: "push" })),
          Layer.provide(NotificationInbox.layer),
          Layer.provideMerge(TestProvider.layer())
        )
      )
    )
  )
})

describe("TokenEndpoint.redeem, for an error response", () => {
  const statuses = [400, 401, 403, 428, 429, 500, 503, 200]

  const codes: ReadonlyArray<readonly [code: string, tag: string]> = [
    ["authorization_pending", "AuthorizationPending"],
    ["slow_down", "SlowDown"],
    ["access_denied", "AccessDenied"],
    ["invalid_grant", "InvalidGrant"],
    ["invalid_request", "InvalidRequest"],
    ["invalid_client", "InvalidClient"],
    ["unauthorized_client", "UnauthorizedClient"],
    ["invalid_scope", "InvalidScope"],
    ["invalid_authorization_details", "InvalidAuthorizationDetails"],
    ["invalid_target", "InvalidTarget"],
    ["invalid_grant_id", "InvalidGrantId"],
    ["unsupported_grant_type", "UnsupportedGrantType"],
    ["transaction_failed", "TransactionFailed"],
    ["consent_teapot", "Unrecognized"],
    ["Access_Denied", "Unrecognized"],
    ["constructor", "Unrecognized"]
  ]
  const rows = new Map([
    ["invalid_authorization_details", "O5, "],
    ["invalid_target", "P3, "],
    ["invalid_grant_id", "U7, "]
  ])
  for (const [code, tag] of codes) {
    it.effect(
      `fails with ${tag} for the error code ${code} in a token response of any status (${rows.get(code) ?? ""}H17, T-6)`,
      () =>
        Effect.gen(function* () {
          for (const status of statuses) {
            const error = yield* Effect.flip(redeem())
            expect({ stage: error._tag, ...error.reason }).toEqual({
              stage: "TokenError",
              _tag: tag,
              code,
              status,
              description: "why",
              uri: "https://why.test"
            })
            expect(error.message).toMatch(
              new RegExp(`^${tag}: .+ \\(${code}${status === 200 ? "" : `, status ${status}`}\\): why`)
            )
          }
          expect((yield* sent).filter(({ endpoint }) => endpoint === "token")).toHaveLength(statuses.length)
        }).pipe(
          Effect.provide(
            respondWith(
              ...statuses.map((status) =>
                json(status, { error: code, error_description: "why", error_uri: "https://why.test" })
              )
            )
          )
        )
    )
  }

  it.effect("reports expired_token in a token response of any status as the provider's, not as local (H17, T-6)", () =>
    Effect.gen(function* () {
      for (const _ of statuses) {
        expect({ ...(yield* Effect.flip(redeem())).reason }).toEqual({ _tag: "ExpiredToken", local: false })
      }
    }).pipe(Effect.provide(respondWith(...statuses.map((status) => json(status, { error: "expired_token" })))))
  )

  it.effect("does not take an unknown error code with status 400 for authorization_pending (T-7)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(redeem())
      expect({ ...error.reason }).toEqual({ _tag: "Unrecognized", code: "teapot", status: 400 })
    }).pipe(Effect.provide(respondWith(json(400, { error: "teapot" }))))
  )

  it.effect("fails for an error code beside tokens in a token response, without showing the tokens (I5, I13)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(redeem())
      expect({ ...error.reason }).toEqual({ _tag: "AccessDenied", code: "access_denied", status: 200 })
      expect(error.message + JSON.stringify(error)).not.toContain("marker")
    }).pipe(Effect.provide(respondWith(json(200, { ...tokens, error: "access_denied" }))))
  )

  const faults = [
    [400, "{}", "UnexpectedStatus"],
    [400, '{"error":5}', "UnexpectedStatus"],
    [400, '{"error":""}', "UnexpectedStatus"],
    [401, '"access_denied"', "UnexpectedStatus"],
    [403, "<h1>access_denied</h1>", "UnexpectedStatus"],
    [201, '{"message":"created"}', "UnexpectedStatus"],
    [206, '{"refresh_token":"marker"}', "UnexpectedStatus"],
    [302, JSON.stringify(tokens), "Redirected"],
    [500, JSON.stringify(tokens), "UnexpectedStatus"],
    [200, "", "Unreadable"],
    [200, `${JSON.stringify(tokens)}}`, "Unreadable"]
  ] as const
  for (const [status, body, kind] of faults) {
    it.effect(`fails with a TransportError for the token response ${status} ${body.slice(0, 25)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(redeem())
        expect({ ...error.reason }).toEqual({
          _tag: "TransportError",
          kind,
          method: "POST",
          url: "https://provider.test/token",
          status
        })
        expect(error.message + JSON.stringify(error)).not.toContain("marker")
      }).pipe(Effect.provide(respondWith(respond({ status, body }))))
    )
  }
})

describe("TokenEndpoint.redeem, for a success", () => {
  for (const status of [201, 202, 206]) {
    it.effect(`takes tokens that come with status ${status}: they cannot be had again (H38)`, () =>
      Effect.gen(function* () {
        expect(yield* redeem()).toBeInstanceOf(TokenResponse.TokenResponse)
      }).pipe(Effect.provide(respondWith(json(status, tokens))))
    )
  }

  for (const member of ["access_token", "id_token"]) {
    it.effect(`rejects a token response without ${member}, and shows none of the other members (I1, I13)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(redeem())
        expect({ ...error.reason }).toEqual({
          _tag: "InvalidTokenResponse",
          issues: `Missing key\n  at ["${member}"]`
        })
        expect(error.message).toBe(
          `InvalidTokenResponse: the token response is not valid: Missing key at ["${member}"]`
        )
        expect(JSON.stringify(error)).not.toContain("marker")
      }).pipe(Effect.provide(respondWith(json(200, { ...tokens, [member]: undefined }))))
    )
  }

  it.effect("accepts a token response without optional members, and with null for them (I1)", () =>
    Effect.gen(function* () {
      expect(JSON.stringify(yield* redeem())).toBe("{}")
      expect(JSON.stringify(yield* redeem())).toBe("{}")
    }).pipe(
      Effect.provide(
        respondWith(json(200, tokens), json(200, { ...tokens, refresh_token: null, scope: null, expires_in: null }))
      )
    )
  )
})
