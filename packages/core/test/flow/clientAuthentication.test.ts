// Every client authentication method at a provider that verifies it.
import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import type { RequestRecord } from "@effect-ciba/testing/RequestRecord"
import { Clock, Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Jwt from "../support/Jwt.ts"

const { clientId, secret } = TestClient

const clientKey = TestKeys.signing("ES256", "client")

const flow = (authentication: ClientAuthentication.ClientAuthentication, provider: ProviderOptions) =>
  Ciba.layer({ issuer: "https://provider.test", clientId, authentication }).pipe(
    Layer.provideMerge(TestProvider.layer({ user: TestUser.approve(), ...provider })),
    Layer.provideMerge(TestTime.layer)
  )

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

/** Authenticates with `polls` polls, five seconds apart; returns the requests to the two endpoints. */
const authenticate = Effect.fnUntraced(function* (polls: number) {
  const provider = yield* TestProvider.TestProvider
  const pending = yield* Ciba.initiate(request)
  const wait = yield* Effect.forkChild(Ciba.complete(pending))
  yield* TestTime.advance(Duration.seconds(5 * polls))
  assert.strictEqual((yield* Fiber.join(wait)).subject, "jo")
  const records = yield* provider.requests
  return records.filter(({ endpoint }) => endpoint === "backchannel" || endpoint === "token")
})

const parameter = (record: RequestRecord, name: string): string =>
  record.parameters.find(([candidate]) => candidate === name)?.[1] ?? ""

const credentialParameters = new Set(["client_id", "client_secret", "client_assertion_type"])

/** What a request has about the client, without the value of the assertion. */
const summarize = (record: RequestRecord) => ({
  authorization: record.authorization === undefined ? undefined : Redacted.value(record.authorization).split(" ")[0],
  parameters: record.parameters.filter(([name]) => credentialParameters.has(name)),
  asserted: record.parameters.some(([name]) => name === "client_assertion")
})

const assertionType = ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]

const methods: ReadonlyArray<{
  readonly name: string
  readonly authentication: Effect.Effect<ClientAuthentication.ClientAuthentication>
  readonly client: Effect.Effect<TestClient.TestClient>
  readonly shown: unknown
}> = [
  {
    name: "none",
    authentication: Effect.succeed(ClientAuthentication.none),
    client: Effect.succeed(TestClient.none()),
    shown: { authorization: undefined, parameters: [["client_id", clientId]], asserted: false }
  },
  {
    name: "client_secret_basic",
    authentication: Effect.succeed(ClientAuthentication.clientSecretBasic(secret)),
    client: Effect.succeed(TestClient.clientSecretBasic()),
    shown: { authorization: "Basic", parameters: [], asserted: false }
  },
  {
    name: "client_secret_post",
    authentication: Effect.succeed(ClientAuthentication.clientSecretPost(secret)),
    client: Effect.succeed(TestClient.clientSecretPost()),
    shown: {
      authorization: undefined,
      parameters: [
        ["client_id", clientId],
        ["client_secret", Redacted.value(secret)]
      ],
      asserted: false
    }
  },
  {
    name: "client_secret_jwt",
    authentication: Effect.succeed(ClientAuthentication.clientSecretJwt(secret)),
    client: Effect.succeed(TestClient.clientSecretJwt()),
    shown: { authorization: undefined, parameters: [["client_id", clientId], assertionType], asserted: true }
  },
  {
    name: "private_key_jwt",
    authentication: ClientAuthentication.privateKeyJwt(clientKey),
    client: Effect.map(clientKey, ({ publicJwk }) => TestClient.privateKeyJwt(publicJwk)),
    shown: { authorization: undefined, parameters: [["client_id", clientId], assertionType], asserted: true }
  }
]

describe("client authentication", () => {
  for (const { authentication, client, name, shown: expected } of methods) {
    it.effect(
      `uses the registered method at the authentication endpoint and on every poll: ${name} (A8, C2, E11)`,
      () =>
        Effect.gen(function* () {
          const options = { client: yield* client, tokenScript: ProviderScript.make([ProviderScript.pending]) }
          const sent = yield* Effect.provide(authenticate(2), flow(yield* authentication, options))
          assert.deepStrictEqual(
            sent.map(({ endpoint, status }) => [endpoint, status]),
            [
              ["backchannel", 200],
              ["token", 400],
              ["token", 200]
            ]
          )
          for (const record of sent) assert.deepStrictEqual<unknown>(summarize(record), expected)
        })
    )
  }
})

const signing = (options: ProviderOptions, assertion?: ClientAuthentication.AssertionOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { publicJwk } = yield* clientKey
      const authentication = yield* ClientAuthentication.privateKeyJwt(clientKey, assertion)
      return flow(authentication, { client: TestClient.privateKeyJwt(publicJwk), ...options })
    })
  )

const { pending, reset, status } = ProviderScript

describe("a client assertion", () => {
  it.effect(
    "is new in every request, also after authorization_pending, a 503 and a broken connection (E5, T-9, E11)",
    () =>
      Effect.gen(function* () {
        const sent = yield* authenticate(5)
        const claims = yield* Effect.forEach(sent, (record) => Jwt.decodePart(parameter(record, "client_assertion"), 1))
        assert.deepStrictEqual(
          claims.map(({ aud, exp, iat, iss, sub }) => ({ aud, exp, iat, iss, sub })),
          [0, 5, 10, 15, 20, 25].map((at) => ({
            aud: "https://provider.test",
            exp: at + 60,
            iat: at,
            iss: clientId,
            sub: clientId
          }))
        )
        assert.strictEqual(new Set(claims.map(({ jti }) => jti)).size, 6)
      }).pipe(Effect.provide(signing({ tokenScript: ProviderScript.make([pending, status(503), pending, reset]) })))
  )

  it.effect(
    "may have the URL of the request as its audience: that of the metadata, not an alias (E3, T-11, T-23)",
    () =>
      Effect.gen(function* () {
        const sent = yield* authenticate(1)
        const audiences = yield* Effect.forEach(sent, (record) =>
          Effect.map(Jwt.decodePart(parameter(record, "client_assertion"), 1), ({ aud }) => [aud, record.url])
        )
        assert.deepStrictEqual(
          audiences,
          ["https://provider.test/backchannel", "https://provider.test/token"].map((url) => [url, url])
        )
      }).pipe(
        Effect.provide(
          signing(
            {
              assertionAudiences: ["https://provider.test/backchannel", "https://provider.test/token"],
              metadata: (document) => ({
                ...document,
                mtls_endpoint_aliases: { token_endpoint: "https://mtls.provider.test/token" }
              })
            },
            { audience: ({ endpoint }) => endpoint }
          )
        )
      )
  )

  for (const [drift, outcome] of [
    [10, "taken"],
    [-10, "taken"],
    [11, "InvalidClient"]
  ] as const) {
    it.effect(`has its times from the injected clock, which is ${drift} s off: ${outcome} (E12)`, () =>
      Effect.gen(function* () {
        const { publicJwk } = yield* clientKey
        const precise = yield* ClientAuthentication.privateKeyJwt(clientKey)
        const shift = (clock: Clock.Clock): Clock.Clock => ({
          ...clock,
          currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + drift * 1000,
          currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + drift * 1000)
        })
        const drifting: ClientAuthentication.ClientAuthentication = {
          ...precise,
          credentials: (target) => Effect.updateService(precise.credentials(target), Clock.Clock, shift)
        }
        const answered = yield* Effect.andThen(TestClock.setTime(1_700_000_000_000), Ciba.initiate(request)).pipe(
          Effect.match({ onFailure: ({ reason }) => String(reason._tag), onSuccess: () => "taken" }),
          Effect.provide(flow(drifting, { client: TestClient.privateKeyJwt(publicJwk) }))
        )
        assert.strictEqual(answered, outcome)
      })
    )
  }
})
