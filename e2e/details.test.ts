import { expect, it } from "@effect/vitest"
import { ClientAuthentication } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Redacted } from "effect"
import { approved } from "./Approval.ts"
import { AuthorizationServer, make } from "./AuthorizationServer.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

it.live("details are granted as they were asked for, and a resource gets a token of its own (O1, O2, O4, P1, P2)", () =>
  Effect.gen(function* () {
    const server = yield* make({
      interval: "1 second",
      features: {
        richAuthorizationRequests: {
          enabled: true,
          types: { payment: { validate: () => {} } },
          authorizationDetailsForGrantSource: (_, source) => source?.rar,
          authorizationDetailsForAccessToken: (_, __, source) => source?.rar,
          authorizationDetailsForIntrospection: (_, token) => token.rar
        },
        resourceIndicators: { enabled: true }
      },
      clients: [RegisteredClients.client("details", { authorization_details_types: ["payment"] })]
    })
    const details = [{ type: "payment", amount: "12.30", currency: "EUR" }]
    const { identity, request } = yield* approved({
      authorizationDetails: details,
      resource: "https://api.example.com"
    }).pipe(
      Effect.provide(
        NodeCiba.layer({
          issuer: server.issuer,
          clientId: "details",
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make(RegisteredClients.secret)),
          allowInsecureRequests: "loopback",
          poll: { additionalParameters: [["resource", "https://api.example.com"]] }
        })
      ),
      Effect.provideService(AuthorizationServer, server)
    )
    expect(request?.parameters).toMatchObject({ resource: "https://api.example.com" })
    expect(identity.authorizationDetails).toEqual(details)
    expect(Redacted.value(identity.accessToken).split(".")).toHaveLength(3)
  }).pipe(Effect.scoped)
)
