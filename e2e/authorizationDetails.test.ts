import { expect, it } from "@effect/vitest"
import { AuthorizationServer, type Features, make } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { ClientAuthentication, SignedRequest, SigningKey } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { decodeJwt } from "jose"
import { type AuthorizationDetail, errors } from "oidc-provider"
import { authenticate } from "./Approval.ts"

/** A token has the details that the token request names, by default all that were granted. */
const narrow = (granted: ReadonlyArray<AuthorizationDetail> = [], requestParameter: unknown) => {
  const types =
    typeof requestParameter === "string"
      ? JSON.parse(requestParameter).map(({ type }: AuthorizationDetail) => type)
      : undefined
  return granted.filter(({ type }) => types?.includes(type) ?? true)
}

const features: Features = {
  richAuthorizationRequests: {
    enabled: true,
    types: { payment: { validate: () => {} }, account: { validate: () => {} } },
    authorizationDetailsForGrantSource: (_, source) => source?.rar,
    authorizationDetailsForAccessToken: (ctx, _, source) => narrow(source?.rar, ctx.oidc.params?.authorization_details),
    authorizationDetailsForIntrospection: (_, token) => token.rar
  },
  resourceIndicators: { enabled: true },
  claimsParameter: { enabled: true }
}

const details = [
  { type: "payment", amount: { value: "12.30", currency: "€" } },
  { type: "account", actions: ["read"] }
]

const resources = ["https://api.example.com/payments", "https://api.example.com/accounts"]

const options = {
  authorizationDetails: details,
  resource: resources,
  claims: { id_token: { email: { essential: true } } },
  requestContext: { channel: "till 3", lines: [1, 2] }
}

const client = (id: string, metadata?: Parameters<typeof RegisteredClients.client>[1]) =>
  RegisteredClients.client(id, { authorization_details_types: ["payment", "account"], ...metadata })

const as = (clientId: string, overrides?: Partial<NodeCiba.Options>) =>
  Layer.unwrap(
    AuthorizationServer.use(({ issuer }) =>
      Effect.succeed(
        NodeCiba.layer({
          issuer,
          clientId,
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make(RegisteredClients.secret)),
          allowInsecureRequests: "loopback",
          poll: { resource: "https://api.example.com/payments" },
          ...overrides
        })
      )
    )
  )

it.live(
  "authorization details are granted as requested, and the access token is for the requested resource (O1, O2, O4, P1, P2, P4)",
  () =>
    Effect.gen(function* () {
      const server = yield* make({ interval: "1 second", features, clients: [client("details")] })
      const { identity, request } = yield* authenticate(options).pipe(
        Effect.provide(as("details")),
        Effect.provideService(AuthorizationServer, server)
      )
      expect(request?.parameters).toMatchObject({
        authorization_details: JSON.stringify(details),
        resource: resources,
        claims: '{"id_token":{"email":{"essential":true}}}',
        request_context: '{"channel":"till 3","lines":[1,2]}'
      })
      expect(identity.authorizationDetails).toEqual(details)
      expect(identity.claims).toMatchObject({ email: "jo@example.com" })
      expect(decodeJwt(Redacted.value(identity.accessToken))).toMatchObject({
        aud: "https://api.example.com/payments",
        authorization_details: details
      })
    }).pipe(Effect.scoped)
)

it.live("a token request narrows the access token to fewer authorization details and one resource (O3, O4, P2)", () =>
  Effect.gen(function* () {
    const server = yield* make({ interval: "1 second", features, clients: [client("narrow")] })
    const [, account] = details
    const poll = {
      authorizationDetails: [{ type: "account", actions: ["read"] }],
      resource: "https://api.example.com/accounts"
    }
    const { identity, request } = yield* authenticate(options).pipe(
      Effect.provide(as("narrow", { poll })),
      Effect.provideService(AuthorizationServer, server)
    )
    expect(request?.parameters).toMatchObject({ resource: resources })
    expect(identity.authorizationDetails).toEqual([account])
    expect(decodeJwt(Redacted.value(identity.accessToken))).toMatchObject({
      aud: "https://api.example.com/accounts",
      authorization_details: [account]
    })
  }).pipe(Effect.scoped)
)

it.live("a signed request carries authorization details and resources as JSON (O2, O7, P1, D1, D2, D9)", () =>
  Effect.gen(function* () {
    const key = yield* SigningKey.generate("ES256")
    const registeredClient = client("signed", {
      backchannel_authentication_request_signing_alg: "ES256",
      jwks: { keys: [key.publicJwk] }
    })
    const server = yield* make({ interval: "1 second", signedRequests: true, features, clients: [registeredClient] })
    const { identity, request } = yield* authenticate({ ...options, requestedExpiry: "2 minutes" }).pipe(
      Effect.provide(as("signed").pipe(Layer.provide(SignedRequest.layer({ key })))),
      Effect.provideService(AuthorizationServer, server)
    )
    const { form } = (yield* server.log).find(({ path }) => path === "/backchannel") ?? {}
    expect(Object.keys(form ?? {})).toEqual(["request", "client_id"])
    expect(decodeJwt(form?.request ?? "")).toMatchObject({
      authorization_details: details,
      resource: resources,
      claims: { id_token: { email: { essential: true } } },
      request_context: { channel: "till 3", lines: [1, 2] },
      requested_expiry: "120"
    })
    expect(request?.parameters).toMatchObject({
      authorization_details: JSON.stringify(details),
      resource: resources,
      requested_expiry: "120"
    })
    expect(identity.authorizationDetails).toEqual(details)
    expect(identity.claims).toMatchObject({ email: "jo@example.com" })
  }).pipe(Effect.scoped)
)

it.live(
  "authorization details and resources that the provider does not support fail with a typed error (O5, O6, P3)",
  () =>
    Effect.gen(function* () {
      const server = yield* make({
        interval: "1 second",
        features: {
          ...features,
          resourceIndicators: {
            enabled: true,
            getResourceServerInfo: () => {
              throw new errors.InvalidTarget()
            }
          }
        },
        clients: [client("unknown", { authorization_details_types: ["payment"] })]
      })
      const fail = (options: Parameters<typeof authenticate>[0]) =>
        Effect.flip(authenticate(options)).pipe(
          Effect.provide(as("unknown")),
          Effect.provideService(AuthorizationServer, server)
        )
      expect(yield* fail({ authorizationDetails: [{ type: "loan" }] })).toMatchObject({
        reason: { _tag: "Unsupported", feature: "authorization details of type loan" }
      })
      expect((yield* server.log).filter(({ path }) => path === "/backchannel")).toEqual([])
      expect(yield* fail({ authorizationDetails: [{ type: "account" }] })).toMatchObject({
        _tag: "AuthenticationRequestError",
        reason: { _tag: "InvalidAuthorizationDetails" }
      })
      expect(yield* fail({ resource: "https://nowhere.example.com" })).toMatchObject({
        _tag: "AuthenticationRequestError",
        reason: { _tag: "InvalidTarget" }
      })
    }).pipe(Effect.scoped)
)
