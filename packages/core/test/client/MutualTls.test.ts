import { describe, expect, it } from "@effect/vitest"
import { AuthenticatedRequest, ClientAuthentication, ClientRegistration, Discovery, MutualTls } from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"

const top = {
  issuer: "https://op.test",
  token_endpoint: "https://op.test/token",
  backchannel_authentication_endpoint: "https://op.test/bc"
}

const aliases = {
  token_endpoint: "https://mtls.op.test/token",
  backchannel_authentication_endpoint: "https://mtls.op.test/bc",
  something_else: 7
}

const basic = ClientAuthentication.clientSecretBasic(Redacted.make("secret"))

const called = (mtls_endpoint_aliases: object, registration: Partial<ClientRegistration.Options>) =>
  AuthenticatedRequest.make.pipe(
    Effect.flatMap((request) =>
      Effect.forEach(["backchannel_authentication_endpoint", "token_endpoint"] as const, (endpoint) =>
        Effect.map(request(endpoint, { parameters: [] }), ({ url }) => url)
      )
    ),
    Effect.provide(
      Layer.merge(
        ClientRegistration.layer({ clientId: "bank", authentication: basic, ...registration }),
        Discovery.layerStatic({ ...top, mtls_endpoint_aliases })
      )
    )
  )

const direct = ["https://op.test/bc", "https://op.test/token"]
const aliased = ["https://mtls.op.test/bc", "https://mtls.op.test/token"]

describe("mutual TLS", () => {
  for (const authentication of [ClientAuthentication.tlsClientAuth, ClientAuthentication.selfSignedTlsClientAuth]) {
    it.effect(`${authentication.method} sends its id, no assertion, and calls the aliases (A9, E8, E9, N1)`, () =>
      Effect.gen(function* () {
        const target = { clientId: "bank", issuer: "https://op.test", endpoint: "https://op.test/token" }
        const { headers, parameters } = yield* authentication.credentials(target)
        expect(Redacted.value(headers)).toEqual({})
        expect(Redacted.value(parameters)).toEqual([["client_id", "bank"]])
        expect(yield* called(aliases, { authentication })).toEqual(aliased)
      })
    )
  }

  it.effect("an alias that is missing leaves its endpoint, one by one (A9, T-22)", () =>
    Effect.gen(function* () {
      const authentication = ClientAuthentication.tlsClientAuth
      expect(yield* called({ token_endpoint: aliases.token_endpoint }, { authentication })).toEqual([
        "https://op.test/bc",
        "https://mtls.op.test/token"
      ])
      expect(yield* called({}, { authentication })).toEqual(direct)
      expect(yield* called({ token_endpoint: 7 }, { authentication })).toEqual(direct)
    })
  )

  it.effect("tokens bound to a certificate, or a registration, call the aliases with any method (A9, A10, N2)", () =>
    Effect.gen(function* () {
      expect(yield* called(aliases, { mutualTls: MutualTls.make() })).toEqual(aliased)
      expect(yield* called(aliases, { mutualTls: MutualTls.make({ boundAccessTokens: false }) })).toEqual(aliased)
      expect(yield* called(aliases, {})).toEqual(direct)
      expect(yield* called(aliases, { mutualTls: MutualTls.make({ useEndpointAliases: false }) })).toEqual(direct)
    })
  )
})
