// What the client reads from the metadata, and what it sends no request without.

import { assert, describe, it } from "@effect/vitest"
import {
  type AuthenticationRequest,
  AuthenticationRequestError,
  Ciba,
  ClientAuthentication,
  Discovery,
  DiscoveryError,
  PendingAuthentication,
  TokenEndpoint,
  UserHint
} from "@effect-ciba/core"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import type { JsonObject } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Layer, Logger, Redacted, Schema } from "effect"
import { type AnyModeOptions, anyModeLayer } from "../support/AuthenticationFlow.ts"

const issuer = "https://provider.test"

const document = {
  issuer,
  jwks_uri: `${issuer}/jwks`,
  backchannel_authentication_endpoint: `${issuer}/backchannel`,
  token_endpoint: `${issuer}/token`,
  backchannel_token_delivery_modes_supported: ["poll", "ping", "push"],
  grant_types_supported: ["urn:openid:params:grant-type:ciba"]
}

const flow = (metadata: JsonObject, options?: Partial<AnyModeOptions>) =>
  anyModeLayer({
    issuer,
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  }).pipe(Layer.orDie, Layer.provideMerge(TestProvider.layer({ metadata: () => metadata })))

const without = (name: keyof typeof document): JsonObject =>
  Object.fromEntries(Object.entries(document).filter(([member]) => member !== name))

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

/** Which endpoints have been called so far. */
const called = TestProvider.TestProvider.use(({ requests }) =>
  Effect.map(requests, (records) => records.map((record) => record.endpoint))
)

const refusal = (options: AuthenticationRequest.Options = request) =>
  Effect.map(Effect.flip(Ciba.initiate(options)), ({ reason }) => reason)

const { Unsupported } = AuthenticationRequestError

describe("ProviderMetadata.endpoint", () => {
  it.effect("endpoints are called at the URLs of the document, on any host (A2)", () =>
    Effect.gen(function* () {
      yield* Effect.exit(Ciba.initiate(request))
      const authReqId = Redacted.make(PendingAuthentication.AuthReqId.make("id"))
      yield* TokenEndpoint.make.pipe(
        Effect.flatMap((endpoint) => endpoint.redeem(authReqId)),
        Effect.exit
      )
      const records = yield* TestProvider.TestProvider.use((provider) => provider.requests)
      assert.deepStrictEqual(
        records.map(({ method, url }) => [method, url]),
        [
          ["GET", "https://provider.test/.well-known/openid-configuration"],
          ["GET", "https://provider.test/jwks"],
          ["POST", "https://asked.example/bc?tenant=1"],
          ["POST", "https://tokens.example/t"]
        ]
      )
    }).pipe(
      Effect.provide(
        flow({
          ...document,
          backchannel_authentication_endpoint: "https://asked.example/bc?tenant=1",
          token_endpoint: "https://tokens.example/t"
        })
      )
    )
  )

  it.effect("a missing endpoint is named in the error, and no request is sent (A3)", () =>
    Effect.gen(function* () {
      const endpoint = "backchannel_authentication_endpoint"
      const error = yield* Effect.flip(Ciba.initiate(request))
      assert.deepStrictEqual<unknown>(
        error,
        new DiscoveryError.DiscoveryError({ reason: new DiscoveryError.MissingEndpoint({ issuer, endpoint }) })
      )
      assert.strictEqual(
        error.message,
        `MissingEndpoint: the provider does not publish an endpoint (issuer "${issuer}", endpoint "${endpoint}")`
      )
      assert.deepStrictEqual(yield* called, ["discovery"])
    }).pipe(Effect.provide(flow(without("backchannel_authentication_endpoint"))))
  )

  it.effect("an endpoint over plain http is not called", () =>
    Effect.gen(function* () {
      const reason = yield* refusal()
      assert.strictEqual(reason._tag === "TransportError" && reason.kind, "InsecureUrl")
      assert.deepStrictEqual(yield* called, ["discovery", "keys"])
    }).pipe(Effect.provide(flow({ ...document, backchannel_authentication_endpoint: "http://provider.test/bc" })))
  )
})

describe("backchannel_token_delivery_modes_supported", () => {
  const set = "set deliveryMode to what the client is registered for"
  const publish = "ask it to publish backchannel_token_delivery_modes_supported"
  for (const [deliveryMode, supported, problem] of [
    ["push", ["poll"], `the provider supports poll, and not push; ${set}`],
    ["ping", ["poll", "push"], `the provider supports poll, push, and not ping; ${set}`],
    ["poll", ["ping"], `the provider supports ping, and not poll; ${set}`],
    ["poll", undefined, `the provider has no delivery modes in its metadata; ${publish}`]
  ] as const) {
    it.effect(
      `a ${deliveryMode} client sends no request if ${problem.split(";")[0]} (A4), and the error says what to do`,
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* refusal(), new Unsupported({ feature: `${deliveryMode} delivery`, problem }))
          assert.deepStrictEqual(yield* called, ["discovery"])
        }).pipe(
          Effect.provide(
            flow(
              supported === undefined
                ? without("backchannel_token_delivery_modes_supported")
                : { ...document, backchannel_token_delivery_modes_supported: supported },
              { deliveryMode }
            )
          )
        )
    )
  }
})

describe("backchannel_authentication_request_signing_alg_values_supported", () => {
  for (const [what, metadata] of [
    ["does not support", document],
    ["supports", { ...document, backchannel_authentication_request_signing_alg_values_supported: ["ES256"] }]
  ] as const) {
    it.effect(
      `an extension parameter named request is refused if the provider ${what} signed requests, and nothing is sent (A5)`,
      () =>
        Effect.gen(function* () {
          const options = { ...request, extensionParameters: { request: "e30.e30.e30" } }
          const reason = yield* refusal(options)
          assert.strictEqual(reason._tag, "InvalidParameter")
          assert.strictEqual(reason._tag === "InvalidParameter" && reason.parameter, "request")
          assert.deepStrictEqual(yield* called, [])
        }).pipe(Effect.provide(flow(metadata)))
    )
  }
})

describe("backchannel_user_code_parameter_supported", () => {
  const options = { ...request, userCode: Redacted.make("1234") }

  for (const [what, metadata] of [
    ["does not say that it supports user codes", document],
    ["says that it does not support user codes", { ...document, backchannel_user_code_parameter_supported: false }]
  ] as const) {
    it.effect(`a user code is not sent to a provider that ${what} (A6)`, () =>
      Effect.gen(function* () {
        const problem = "the provider does not support user codes"
        assert.deepStrictEqual(yield* refusal(options), new Unsupported({ feature: "user_code", problem }))
        assert.deepStrictEqual(yield* called, ["discovery"])
      }).pipe(Effect.provide(flow(metadata, { userCodeParameter: true })))
    )
  }

  it.effect("a user code is sent to a provider that supports user codes (A6)", () =>
    Effect.gen(function* () {
      yield* Ciba.initiate(options)
      const records = yield* TestProvider.TestProvider.use((provider) => provider.requests)
      assert.deepStrictEqual(
        records.at(-1)?.parameters.filter(([name]) => name === "user_code"),
        [["user_code", "1234"]]
      )
    }).pipe(
      Effect.provide(
        flow({ ...document, backchannel_user_code_parameter_supported: true }, { userCodeParameter: true })
      )
    )
  )
})

describe("grant_types_supported", () => {
  const logOf = (metadata: JsonObject, deliveryMode: "poll" | "ping" | "push") =>
    Effect.gen(function* () {
      const messages: Array<unknown> = []
      const logger = Logger.make(({ message }) => messages.push(message))
      yield* Ciba.initiate(request).pipe(
        Effect.provide(flow(metadata, { deliveryMode })),
        Effect.provide(Logger.layer([logger]))
      )
      return messages.flat()
    })

  const other = { ...document, grant_types_supported: ["authorization_code"] }
  const urn = "urn:openid:params:grant-type:ciba"

  for (const mode of ["poll", "ping"] as const) {
    it.effect(`a ${mode} client logs a warning if the grant type of CIBA is not listed (A7)`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* logOf(other, mode), [
          `deliveryMode: the provider does not list the grant type ${urn}, which a ${mode} client needs`
        ])
        assert.deepStrictEqual(yield* logOf(document, mode), [])
        assert.deepStrictEqual(yield* logOf(without("grant_types_supported"), mode), [])
      })
    )
  }

  it.effect("a push client, which sends no token request, logs no warning (A7)", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logOf(other, "push"), [])
    })
  )
})

it.effect("members that the library does not use can be read from the metadata, known and unknown ones (A11)", () =>
  Effect.gen(function* () {
    const full = {
      ...document,
      tls_client_certificate_bound_access_tokens: true,
      dpop_signing_alg_values_supported: ["ES256"],
      authorization_details_types_supported: ["payment"],
      backchannel_endpoint_login_hint_token_types_supported: ["urn:example:hint"],
      grant_management_endpoint: `${issuer}/grants`,
      grant_management_actions_supported: ["query", "revoke"],
      grant_management_action_required: false,
      mtls_endpoint_aliases: { token_endpoint: "https://mtls.provider.test/token", unknown: 1 },
      vendor_extension: { nested: ["yes"] }
    }
    const metadata = yield* Effect.provide(Discovery.metadata, flow(full))
    assert.deepStrictEqual<unknown>(metadata, full)
    const types: ReadonlyArray<string> = metadata.backchannel_endpoint_login_hint_token_types_supported ?? []
    assert.deepStrictEqual(types, ["urn:example:hint"])
    assert.isTrue(Schema.is(Schema.Struct({ nested: Schema.Array(Schema.String) }))(metadata.vendor_extension))
  })
)

describe("a member in another form than its specification's (A16)", () => {
  const name = "backchannel_token_delivery_modes_supported"
  for (const [what, member, value, read] of [
    ["null", name, null, undefined],
    ["a number", name, 7, undefined],
    ["one text for a list", name, "poll ping", ["poll", "ping"]],
    ["a list with a null", name, ["poll", null, 7], ["poll"]],
    ['the text "false"', "backchannel_user_code_parameter_supported", "false", false],
    ['the text "true"', "backchannel_user_code_parameter_supported", "true", true],
    ['the text "True"', "backchannel_user_code_parameter_supported", "True", true],
    ['the text "yes"', "backchannel_user_code_parameter_supported", "yes", undefined],
    ["an endpoint with white space around it", "revocation_endpoint", ` ${issuer}/revoke\n`, `${issuer}/revoke`],
    ["an endpoint that is empty", "userinfo_endpoint", "", undefined],
    ["an endpoint that is null", "introspection_endpoint", null, undefined],
    ["an endpoint that is an object", "userinfo_endpoint", { url: issuer }, undefined]
  ] as const) {
    it.effect(`is read by its plain meaning, or counts as absent: ${what}`, () =>
      Effect.gen(function* () {
        const metadata = yield* Effect.provide(Discovery.metadata, flow({ ...document, [member]: value }))
        assert.deepStrictEqual<unknown>(metadata[member], read)
      })
    )
  }

  for (const value of [null, 7, "", ["https://provider.test"]]) {
    it.effect(`is refused if it is the issuer: ${JSON.stringify(value)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.provide(Discovery.metadata, flow({ ...document, issuer: value })))
        assert.strictEqual(error.reason._tag, "InvalidDocument")
      })
    )
  }
})
