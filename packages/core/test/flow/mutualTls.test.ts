// The endpoints that a client with a certificate calls, and the parameters that it sends.
import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  type ClientRegistration,
  Discovery,
  Dpop,
  MutualTls,
  ProviderMetadata,
  SigningKey,
  TokenEndpoint,
  UserHint
} from "@effect-ciba/core"
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { decodePart, encodeJson } from "../support/Jwt.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"

const names = [
  "backchannel_authentication_endpoint",
  "token_endpoint",
  "userinfo_endpoint",
  "revocation_endpoint",
  "introspection_endpoint"
] as const

const at = (host: string) => ({
  backchannel_authentication_endpoint: `https://${host}/backchannel`,
  token_endpoint: `https://${host}/token`,
  userinfo_endpoint: `https://${host}/me`,
  revocation_endpoint: `https://${host}/revoke`,
  introspection_endpoint: `https://${host}/introspect`
})

const ordinary = at("op.test")
const aliases = { ...at("mtls.op.test"), something_else: "https://mtls.op.test/else", another: 7 }

const metadata = (mtls_endpoint_aliases: unknown): ProviderMetadata.ProviderMetadata => ({
  issuer: "https://op.test",
  jwks_uri: "https://op.test/jwks",
  backchannel_token_delivery_modes_supported: ["poll"],
  ...ordinary,
  mtls_endpoint_aliases
})

type Registration = Partial<Omit<ClientRegistration.Options<SigningKey.InvalidKey>, "deliveryMode">>

/** The requests of one authentication: it is asked for, and polled once. */
const requests = Effect.fnUntraced(function* (
  registration: Registration,
  published: unknown = aliases,
  constraint: Layer.Layer<never> = Layer.empty
) {
  const seen: Array<{ readonly url: string; readonly form: URLSearchParams; readonly dpop: string | undefined }> = []
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      if (request.method === "GET") return HttpClientResponse.fromWeb(request, Response.json(publishedKeys))
      const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      seen.push({ url: url.href, form: new URLSearchParams(body), dpop: request.headers.dpop })
      const answer = seen.length === 1 ? { auth_req_id: "1c266114", expires_in: 120 } : { error: "access_denied" }
      return HttpClientResponse.fromWeb(
        request,
        new Response(encodeJson(answer), { status: seen.length === 1 ? 200 : 400 })
      )
    })
  )
  yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
    Effect.flatMap(({ authReqId }) => Effect.exit(TokenEndpoint.redeem(authReqId))),
    Effect.provide(
      Ciba.layerNoDiscovery({
        clientId: "bank",
        authentication: ClientAuthentication.none,
        ...registration
      }).pipe(Layer.provide(Discovery.layerStatic(metadata(published))), Layer.provide(constraint))
    ),
    Effect.provideService(HttpClient.HttpClient, client)
  )
  return seen
})

const calledUrls = (registration: Registration, published?: unknown) =>
  Effect.map(requests(registration, published), (seen) => seen.map(({ url }) => url))

const pair = ({ backchannel_authentication_endpoint, token_endpoint }: Readonly<Record<string, unknown>>) => [
  backchannel_authentication_endpoint,
  token_endpoint
]

const assertion = ClientAuthentication.privateKeyJwt(SigningKey.generate("ES256"))

const byCertificate = [ClientAuthentication.tlsClientAuth, ClientAuthentication.selfSignedTlsClientAuth]

describe("mutual TLS", () => {
  for (const authentication of byCertificate) {
    it.effect(
      `${authentication.method} sends the client_id and no credential in each body, and calls the aliases (A9, E8, E9, N1)`,
      () =>
        Effect.gen(function* () {
          const seen = yield* requests({ authentication })
          assert.deepStrictEqual(
            seen.map(({ url }) => url),
            pair(aliases)
          )
          for (const { form } of seen) {
            assert.deepStrictEqual(form.getAll("client_id"), ["bank"])
            assert.deepStrictEqual(
              [...form.keys()].filter((name) => name.startsWith("client_") && name !== "client_id"),
              []
            )
          }
        })
    )
  }

  for (const name of names) {
    it.effect(`an alias of ${name} alone does not change any other endpoint (A9, T-22)`, () =>
      Effect.gen(function* () {
        const partial = metadata({ [name]: aliases[name] })
        const urls = yield* Effect.forEach(names, (endpoint) =>
          ProviderMetadata.endpoint(partial, endpoint, MutualTls.make())
        )
        assert.deepStrictEqual(Object.fromEntries(names.map((endpoint, index) => [endpoint, urls[index]])), {
          ...ordinary,
          [name]: aliases[name]
        })
        assert.strictEqual(yield* ProviderMetadata.endpoint(partial, name), ordinary[name])
      })
    )
  }

  const lists: ReadonlyArray<readonly [what: string, published: unknown]> = [
    ["empty", {}],
    ["null", null],
    ["text", "https://mtls.op.test"],
    ["a list", [aliases]],
    ["empty texts", { backchannel_authentication_endpoint: "", token_endpoint: " " }],
    ["of numbers", { backchannel_authentication_endpoint: 7, token_endpoint: 7 }],
    ["about other endpoints", { userinfo_endpoint: aliases.userinfo_endpoint, unknown_endpoint: "https://x.test" }]
  ]
  for (const [what, published] of lists) {
    it.effect(`aliases that are ${what} do not change the endpoints (A9, T-22)`, () =>
      Effect.gen(function* () {
        const authentication = ClientAuthentication.tlsClientAuth
        assert.deepStrictEqual(yield* calledUrls({ authentication }, published), pair(ordinary))
      })
    )
  }

  it.effect("an alias without TLS is rejected, and the endpoint itself is not called instead (A9, N6)", () =>
    Effect.gen(function* () {
      const published = { backchannel_authentication_endpoint: "http://mtls.op.test/backchannel" }
      const authentication = ClientAuthentication.tlsClientAuth
      const error = yield* Effect.flip(calledUrls({ authentication }, published))
      assert.include(error.message, "http://mtls.op.test/backchannel: the URL is not https")
    })
  )

  it.effect(
    "a client that signs assertions calls the aliases if its registration says so, with bound tokens or without (A10, T-22)",
    () =>
      Effect.gen(function* () {
        for (const boundAccessTokens of [false, true]) {
          const mutualTls = MutualTls.make({ boundAccessTokens })
          const seen = yield* requests({ authentication: assertion, mutualTls })
          assert.deepStrictEqual(
            seen.map(({ url }) => url),
            pair(aliases)
          )
          for (const { form } of seen) assert.isTrue(form.has("client_assertion"))
        }
      })
  )

  it.effect("no alias is called without mutual TLS, or when the registration says so (A10, T-22)", () =>
    Effect.gen(function* () {
      const off = MutualTls.make({ useEndpointAliases: false })
      assert.deepStrictEqual(yield* calledUrls({ authentication: assertion }), pair(ordinary))
      assert.deepStrictEqual(yield* calledUrls({ authentication: assertion, mutualTls: off }), pair(ordinary))
      for (const authentication of byCertificate) {
        assert.deepStrictEqual(yield* calledUrls({ authentication, mutualTls: off }), pair(ordinary))
      }
    })
  )

  it.effect("the audience of an assertion and the htu of a proof are the URL that is called (T-23)", () =>
    Effect.gen(function* () {
      const authentication = ClientAuthentication.privateKeyJwt(SigningKey.generate("ES256"), {
        audience: ({ endpoint }) => endpoint
      })
      const constraint = Dpop.layer({ key: SigningKey.generate("ES256") }).pipe(Layer.orDie)
      for (const [mutualTls, endpoints] of [
        [MutualTls.make(), aliases],
        [undefined, ordinary]
      ] as const) {
        const seen = yield* requests({ authentication, mutualTls }, aliases, constraint)
        const audiences = yield* Effect.forEach(seen, ({ form }) => decodePart(form.get("client_assertion") ?? "", 1))
        assert.deepStrictEqual(
          audiences.map(({ aud }) => aud),
          pair(endpoints)
        )
        const [backchannel, token] = seen
        assert.isUndefined(backchannel?.dpop)
        assert.strictEqual((yield* decodePart(token?.dpop ?? "", 1)).htu, endpoints.token_endpoint)
      }
    })
  )
})
