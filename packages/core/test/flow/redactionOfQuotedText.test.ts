// Error responses that quote the request: the confidential values of the request are redacted in them.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  ClientMetadata,
  Dpop,
  DynamicRegistration,
  Introspection,
  NotificationInbox,
  Refresh,
  Revocation,
  SignedRequest,
  TokenEndpoint,
  UserHint,
  UserInfo
} from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import { DateTime, Effect, Layer, Redacted } from "effect"
import type { HttpClient } from "effect/http"
import * as TokenRequest from "../../src/token/TokenRequest.ts"
import { withMetadata } from "../support/AuthenticationFlow.ts"
import { authReqId, pending } from "../support/PendingAuthentications.ts"
import * as ReflectingProvider from "../support/ReflectingProvider.ts"
import { json, scriptedProvider } from "../support/ScriptedProvider.ts"

const key = TestKeys.signing("ES256", "client")

const redact = (text: string) => Redacted.make(text)

const options: AuthenticationRequest.Options = {
  scope: ["openid", "profile"],
  hint: UserHint.login("marker hint+ü@example.com"),
  bindingMessage: "W4SCT",
  userCode: redact("marker user code"),
  extensionParameters: { nonce: "marker-nonce", purpose: "marker-purpose" },
  headers: { "x-marker": "marker-header" }
}

type Pieces = Ciba.PushServices | DynamicRegistration.DynamicRegistration | TokenEndpoint.TokenEndpoint

interface Call {
  readonly what: string
  readonly path: string
  readonly call: Effect.Effect<unknown, unknown, Pieces>
  /** What it says in confidence. */
  readonly says: ReadonlyArray<string>
  readonly client?: Partial<Ciba.Options>
  readonly keys?: Layer.Layer<never>
}

const signing: Pick<Call, "client" | "keys"> = {
  client: { authentication: Effect.orDie(ClientAuthentication.privateKeyJwt(key)) },
  keys: Layer.orDie(SignedRequest.layer({ key }))
}

const basic = ["credentials of Basic", "password"]

const token = redact("marker-token")

const calls: ReadonlyArray<Call> = [
  {
    what: "a request for authentication",
    path: "/backchannel",
    call: BackchannelAuthentication.initiate(options),
    says: [...basic, "further header", "login_hint", "user_code", "nonce", "purpose"]
  },
  {
    what: "a request for authentication, in two halves, with the secret in the form",
    path: "/backchannel",
    call: AuthenticationRequest.make({ ...options, hint: UserHint.loginToken("marker-hint-token") }).pipe(
      Effect.flatMap((request) =>
        BackchannelAuthentication.BackchannelAuthentication.use((endpoint) =>
          Effect.flatMap(endpoint.request(request), endpoint.process)
        )
      )
    ),
    client: { authentication: ClientAuthentication.clientSecretPost(TestClient.secret), deliveryMode: "ping" },
    says: [
      "further header",
      "login_hint_token",
      "client_notification_token",
      "user_code",
      "nonce",
      "purpose",
      "client_secret"
    ]
  },
  {
    what: "a signed request for authentication",
    path: "/backchannel",
    call: BackchannelAuthentication.initiate({ ...options, hint: UserHint.idToken("bWFya2Vy.bWFya2VyLXBheWxvYWQ.cw") }),
    ...signing,
    says: [
      "further header",
      "request",
      "client_assertion",
      "id_token_hint of the request",
      "user_code of the request",
      "nonce of the request",
      "purpose of the request",
      "jti of the request"
    ]
  },
  {
    what: "a poll with a proof",
    path: "/token",
    call: TokenEndpoint.redeem(authReqId("marker-request"), { additionalParameters: [["tenant", "marker-tenant"]] }),
    keys: Layer.orDie(Dpop.layer({ key })),
    says: [...basic, "proof", "auth_req_id", "tenant"]
  },
  {
    what: "a refresh, in two halves",
    path: "/token",
    call: Effect.flatMap(Refresh.request(token), Refresh.process),
    says: [...basic, "refresh_token"]
  },
  {
    what: "an introspection",
    path: "/introspection",
    call: Introspection.introspect(token),
    says: [...basic, "token"]
  },
  { what: "a revocation", path: "/revocation", call: Revocation.revoke(token), says: [...basic, "token"] },
  {
    what: "a token used with a proof",
    path: "/userinfo",
    call: UserInfo.claims({ subject: "jo", accessToken: token, tokenType: "DPoP", dpopKey: undefined }),
    keys: Layer.orDie(Dpop.layer({ key })),
    says: ["credentials of DPoP", "proof"]
  },
  {
    what: "a registration",
    path: "/registration",
    call: ClientMetadata.make({
      deliveryMode: "poll",
      tokenEndpointAuthMethod: "client_secret_basic",
      softwareStatement: "bWFya2Vy.c3RhdGVtZW50.c2lnbmVk"
    }).pipe(
      Effect.flatMap((asked) =>
        DynamicRegistration.register(asked, { initialAccessToken: redact("marker-initial-token") })
      )
    ),
    says: ["credentials of Bearer", "software_statement"]
  }
]

const flow = (
  { client, keys = Layer.empty }: Call,
  parrot: Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>
) =>
  DynamicRegistration.layer().pipe(
    Layer.provideMerge(
      Ciba.layer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
        userCodeParameter: true,
        ...client
      })
    ),
    Layer.provide(keys),
    Layer.provide(NotificationInbox.layer),
    Layer.provide(parrot),
    Layer.provide(
      TestProvider.layer(
        withMetadata({
          registration_endpoint: "https://provider.test/registration",
          backchannel_token_delivery_modes_supported: ["poll", "ping"],
          backchannel_user_code_parameter_supported: true,
          backchannel_authentication_request_signing_alg_values_supported: ["ES256"]
        })
      )
    )
  )

/** What is said of a refusal. */
const refusal = (one: Call, name?: string) => {
  const { received, layer } = ReflectingProvider.make(one.path, name)
  return Effect.map(Effect.flip(Effect.provide(one.call, flow(one, layer))), (error) => ({ error, heard: received }))
}

describe("an error response that quotes the request", () => {
  for (const one of calls) {
    it.effect(`shows no value of ${one.what}`, () =>
      Effect.gen(function* () {
        const { error, heard } = yield* refusal(one)
        expect(error).toMatchObject({ reason: { description: "The value of nothing is wrong" } })
        expect(heard.map(([name]) => name).sort()).toEqual([...one.says].sort())
        for (const name of one.says) {
          const { error, heard } = yield* refusal(one, name)
          const value = heard.find(([candidate]) => candidate === name)?.[1] ?? ""
          expect(error).toMatchObject({
            reason: {
              description: "The value <redacted> is wrong",
              uri: "https://op.example/help?about=<redacted>&or=<redacted>"
            }
          })
          for (const text of [String(error), JSON.stringify(error), inspect(error, { depth: 9, showHidden: true })]) {
            expect(text.includes(value)).toBe(false)
          }
        }
      })
    )
  }

  /** The reason of a failed revocation, for an error response. */
  const revocationFailure = (accessToken: string, body: Readonly<Record<string, string>>) =>
    Effect.map(
      Effect.flip(Effect.provide(Revocation.revoke(redact(accessToken)), scriptedProvider([json(400, body)]).layer())),
      ({ reason }) => reason
    )

  const long = `marker.${"x".repeat(300)}.${"y".repeat(300)}`

  it.effect("shows no part of a value at the end of a truncated text", () =>
    Effect.gen(function* () {
      const text = `${"a".repeat(450)} ${long}`
      expect(yield* revocationFailure(long, { error: "invalid_request", error_description: text })).toMatchObject({
        description: `${"a".repeat(450)} <redacted>`
      })
    })
  )

  it.effect("shows no part of a signed token", () =>
    Effect.gen(function* () {
      expect(
        yield* revocationFailure(long, { error: "invalid_request", error_description: `payload ${"x".repeat(300)}` })
      ).toMatchObject({ description: "payload <redacted>" })
    })
  )

  it.effect("shows no value as an error code, and no value hides a code that the client needs", () =>
    Effect.gen(function* () {
      expect(yield* revocationFailure("Marker-1", { error: "no Marker-1" })).toMatchObject({
        _tag: "Unrecognized",
        code: "no <redacted>"
      })
      expect(yield* revocationFailure("invalid_client", { error: "invalid_client" })).toMatchObject({
        _tag: "InvalidClient",
        code: "invalid_client"
      })
    })
  )

  it.effect("does not redact three characters, or a text that the request did not have", () =>
    Effect.gen(function* () {
      const error_description = "The value 123 is no token of bank-app"
      expect(yield* revocationFailure("123", { error: "invalid_request", error_description })).toMatchObject({
        description: error_description
      })
    })
  )

  it.effect("shows no token, auth_req_id or hint when it is a push", () =>
    Effect.gen(function* () {
      const expectations = { subject: Redacted.make("marker-subject", { label: "subject" }) }
      const waiting = pending("marker", { deliveryMode: "push", expectations })
      const error_description = "request-marker, token-marker, marker-subject"
      const body = Redacted.make({ error: "access_denied", error_description }, { label: "token response" })
      const { reason } = yield* Effect.flip(TokenRequest.decodeReceived({ body, at: DateTime.makeUnsafe(0) }, waiting))
      expect(reason).toMatchObject({ _tag: "AccessDenied", description: "<redacted>, <redacted>, <redacted>" })
    })
  )
})
