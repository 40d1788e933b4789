import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"

const issuer = "https://provider.test"

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

interface Setting {
  readonly client?: Partial<Ciba.Options>
  readonly provider?: Parameters<typeof TestProvider.layer>[0]
  readonly request?: Partial<Parameters<typeof Ciba.authenticate>[0]>
}

/** What the first call of a program shows. */
const tryOut = ({ client, provider, request: changes }: Setting) =>
  Ciba.authenticate({ ...request, ...changes }).pipe(
    Effect.provide(
      Ciba.layer({
        issuer,
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
        ...client
      }).pipe(Layer.provide(TestProvider.layer(provider)))
    ),
    Effect.flip,
    Effect.map(({ message }) => message)
  )

const withIssuer = (given: string): Setting => ({ client: { issuer: given } })

const without =
  (...members: ReadonlyArray<string>) =>
  (document: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(document).filter(([name]) => !members.includes(name)))

const modes = "backchannel_token_delivery_modes_supported"

const cases: ReadonlyArray<readonly [what: string, Setting, says: string]> = [
  ["an issuer without https://", withIssuer("provider.test"), "issuer: it is no URL; an issuer begins with https://"],
  [
    "an issuer with another scheme",
    withIssuer("ftp://provider.test"),
    "issuer: it is no URL; an issuer begins with https://"
  ],
  ["an issuer without a host", withIssuer("https://"), "issuer: it is no URL; an issuer begins with https://"],
  ["an issuer that ends in a blank", withIssuer(`${issuer} `), "issuer: it contains white space; remove it"],
  ["an issuer that ends in a line break", withIssuer(`${issuer}\n`), "issuer: it contains white space; remove it"],
  [
    "the URL of the metadata as issuer",
    withIssuer(`${issuer}/.well-known/openid-configuration`),
    "issuer: it is the URL of the metadata; give what precedes /.well-known/"
  ],
  [
    "the folder of the metadata as issuer",
    withIssuer(`${issuer}/.well-known`),
    "issuer: it is the URL of the metadata; give what precedes /.well-known/"
  ],
  [
    "an issuer with a password",
    withIssuer("https://jo:secret@provider.test"),
    "issuer: it has a user name or a password, which no issuer has"
  ],
  [
    "an issuer with a query",
    withIssuer(`${issuer}?tenant=1`),
    "issuer: it has a query or a fragment, which no issuer has"
  ],
  [
    "an issuer over plain http",
    withIssuer("http://provider.test"),
    'plain http works only for loopback, with allowInsecureRequests: "loopback"'
  ],
  [
    "an issuer where there is no metadata",
    { provider: { discoveryScript: ProviderScript.make([ProviderScript.status(404)]) } },
    "nothing is there: check the configured issuer, and the endpoints in its metadata"
  ],
  [
    "the metadata of another product",
    { provider: { metadata: () => ({ version: "1.0", links: [] }) } },
    "it is no metadata of a provider, which names its issuer; check the configured issuer"
  ],
  [
    "a provider without CIBA",
    { provider: { metadata: without(modes, "backchannel_authentication_endpoint") } },
    "poll delivery: the provider's metadata has nothing of CIBA; check the issuer, and whether CIBA is enabled there"
  ],
  [
    "a provider that has no polling",
    { provider: { metadata: (document) => ({ ...document, [modes]: ["ping"] }) } },
    "the provider supports ping, and not poll; set deliveryMode to what the client is registered for"
  ],
  [
    "an algorithm that the provider does not sign with",
    { client: { idTokenSignedResponseAlg: "PS256" } },
    "the provider signs ID Tokens with RS256, and not PS256; set idTokenSignedResponseAlg to what the client is registered for"
  ],
  [
    "two scopes in one text",
    { request: { scope: ["openid profile"] } },
    "scope: a value contains a space; give each value as an entry of the list"
  ],
  ["a scope that ends in a blank", { request: { scope: ["openid "] } }, "scope: a value contains a space"],
  [
    "a scope of another alphabet",
    { request: { scope: ["openid", "profil\u00e9"] } },
    "scope: a value is empty, or contains a quote, a backslash or what is no visible ASCII character"
  ],
  [
    "two values of acr_values in one text",
    { request: { acrValues: ["urn:a urn:b"] } },
    "acr_values: a value contains a space; give each value as an entry of the list"
  ]
]

describe("The error of a first program says what to do about", () => {
  for (const [what, setting, says] of cases) {
    it.effect(what, () => Effect.map(tryOut(setting), (message) => assert.include(message, says)))
  }
})
