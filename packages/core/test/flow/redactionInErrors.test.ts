// No reason of an error shows a secret, however it is printed, encoded, logged or traced.
import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequestError,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  Discovery,
  DiscoveryError,
  DynamicRegistration,
  FreshIdentity,
  PendingAuthentication,
  PendingStore,
  ProtectedResource,
  Sealing,
  TokenEndpoint,
  TokenError,
  Transport,
  UserHint
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as RegistrationError from "../../src/provider/RegistrationError.ts"
import * as ResourceError from "../../src/resource/ResourceError.ts"
import { allDeliveryModes } from "../support/AuthenticationFlow.ts"
import { authReqId, pending } from "../support/PendingAuthentications.ts"
import * as ResourceServer from "../support/ResourceServer.ts"
import * as ScriptedProvider from "../support/ScriptedProvider.ts"
import * as SecretScanner from "../support/SecretScanner.ts"

const secret = "marker-client-secret"

const request = {
  scope: ["openid"],
  hint: UserHint.login("marker-hint"),
  userCode: Redacted.make("marker-user-code")
}

type Pieces = Ciba.Services | TestProvider.TestProvider | DynamicRegistration.DynamicRegistration

interface Failure {
  readonly program: Effect.Effect<unknown, unknown, Pieces>
  readonly provider?: ProviderOptions
  readonly options?: Partial<Ciba.Options>
}

const flow = ({ options, provider }: Failure) =>
  DynamicRegistration.layer().pipe(
    Layer.provideMerge(
      Ciba.layer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.clientSecretBasic(Redacted.make(secret)),
        userCodeParameter: true,
        ...options
      })
    ),
    Layer.provideMerge(
      TestProvider.layer({
        client: TestClient.clientSecretBasic({ secret: Redacted.make(secret) }),
        user: { ...TestUser.approve(), loginHint: "marker-hint", userCode: "marker-user-code" },
        ...provider
      })
    )
  )

const inFlow = (failures: ReadonlyArray<Failure>) =>
  SecretScanner.failureReasons(failures.map((failure) => ({ program: failure.program, layer: flow(failure) })))

const script = (...answers: ReadonlyArray<ProviderScript.Step>) => ProviderScript.make(answers)

/** A body that is wrong wherever it can be, and has markers in the wrong places. */
const nonsense = {
  access_token: { "marker-member": "marker-value" },
  auth_req_id: ["marker-value"],
  expires_in: "marker-value",
  id_token: ["marker-value"],
  keys: "marker-value",
  issuer: ["marker-value"],
  jwks_uri: { "marker-member": 1 },
  client_id: ["marker-value"],
  client_secret: ["marker-value"],
  token_type: ["marker-value"],
  "marker-member": "marker-value"
}

const redeem = TokenEndpoint.redeem(authReqId("marker-auth-req-id"))

const own = pending("marker", { id: "one", deliveryMode: "poll" })

const runForTenMinutes = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(program)
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

const completeTwice = Effect.gen(function* () {
  const asked = yield* Ciba.initiate(request)
  yield* runForTenMinutes(Ciba.complete(asked))
  yield* runForTenMinutes(Ciba.complete(asked))
})

const tokenCodes = [
  "authorization_pending",
  "slow_down",
  "access_denied",
  "invalid_grant",
  "invalid_request",
  "invalid_client",
  "unauthorized_client",
  "invalid_scope",
  "invalid_authorization_details",
  "invalid_target",
  "invalid_grant_id",
  "unsupported_grant_type",
  "unsupported_token_type",
  "transaction_failed",
  "use_dpop_nonce",
  "invalid_dpop_proof",
  "server_error",
  "temporarily_unavailable",
  "expired_token",
  "teapot"
]

const requestCodes = [
  "invalid_request",
  "invalid_scope",
  "expired_login_hint_token",
  "expired_id_token_hint",
  "invalid_id_token_hint",
  "unknown_user_id",
  "unauthorized_client",
  "missing_user_code",
  "invalid_user_code",
  "invalid_binding_message",
  "invalid_client",
  "access_denied",
  "invalid_authorization_details",
  "invalid_target",
  "invalid_grant_id",
  "use_dpop_nonce",
  "invalid_dpop_proof",
  "server_error",
  "temporarily_unavailable",
  "teapot"
]

const repeated = ProviderScript.json(200, { auth_req_id: "marker-auth-req-id", expires_in: 120 })

/** An error that quotes. */
const quoting = (code: string, ...said: ReadonlyArray<string>) =>
  ProviderScript.error(code, { description: [secret, ...said].join(", ") })

describe("no reason shows a secret:", () => {
  it.effect("TokenError (C11, I13)", () =>
    Effect.gen(function* () {
      const failures: ReadonlyArray<Failure> = [
        ...tokenCodes.map((code) => ({
          program: redeem,
          provider: { tokenScript: script(quoting(code, "marker-auth-req-id")) }
        })),
        { program: redeem, provider: { tokenScript: script(ProviderScript.reset) } },
        { program: redeem, provider: { tokenScript: script(ProviderScript.json(200, nonsense)) } },
        {
          program: TokenEndpoint.redeem(authReqId("marker-id"), { additionalParameters: [["auth_req_id", "marker-x"]] })
        },
        {
          program: TokenEndpoint.redeem(authReqId("marker-id"), {
            dpopKey: Redacted.make({ kty: "EC", d: "marker-d" })
          })
        },
        {
          program: runForTenMinutes(Ciba.authenticate(request)),
          provider: { tokenScript: script(ProviderScript.lost) }
        },
        { program: completeTwice },
        { program: Ciba.complete(PendingAuthentication.update(own, { deliveryMode: "push" })) },
        { program: Ciba.complete(PendingAuthentication.update(own, { clientId: "another" })) },
        { program: FreshIdentity.refresh(ScriptedProvider.makeIdentity({ refreshToken: undefined })) },
        {
          program: runForTenMinutes(Ciba.authenticate(request)),
          provider: { tokenScript: script(ProviderScript.pending) },
          options: { poll: { schedule: () => Schedule.recurs(0) } }
        }
      ]
      expect(yield* inFlow(failures)).toEqual(SecretScanner.reasonTags(TokenError.TokenError.fields.reason))
    })
  )

  it.effect("AuthenticationRequestError (C11)", () =>
    Effect.gen(function* () {
      const initiate = BackchannelAuthentication.initiate(request)
      const failures: ReadonlyArray<Failure> = [
        ...requestCodes.map((code) => ({
          program: initiate,
          provider: { backchannelScript: script(quoting(code, "marker-hint", "marker-user-code")) }
        })),
        {
          program: Effect.andThen(Ciba.initiate(request), Ciba.initiate(request)),
          provider: { backchannelScript: script(repeated, repeated) }
        },
        { program: initiate, provider: { backchannelScript: script(ProviderScript.html(500)) } },
        { program: initiate, provider: { backchannelScript: script(ProviderScript.json(200, nonsense)) } },
        { program: initiate, provider: allDeliveryModes, options: { userCodeParameter: false } },
        {
          program: BackchannelAuthentication.initiate({
            ...request,
            hint: UserHint.idToken("marker-a.marker-b.marker-c.marker-d.marker-e")
          })
        },
        {
          program: initiate,
          options: {
            profile: {
              name: "ours",
              registration: [],
              request: [{ reference: "1", parameter: "user_code", problem: () => "not here" }],
              response: []
            }
          }
        }
      ]
      expect(yield* inFlow(failures)).toEqual(
        SecretScanner.reasonTags(AuthenticationRequestError.AuthenticationRequestError.fields.reason)
      )
    })
  )

  it.effect("DiscoveryError", () =>
    Effect.gen(function* () {
      const program = Ciba.initiate(request)
      const url = "https://someone:marker-password@provider.test/keys?code=marker-query"
      const failures: ReadonlyArray<Failure> = [
        {
          program,
          provider: { discoveryScript: script(ProviderScript.redirect("https://evil.test/marker-location")) }
        },
        { program, provider: { discoveryScript: script(ProviderScript.json(200, nonsense)) } },
        { program, provider: { metadata: (document) => ({ ...document, issuer: "https://another.test" }) } },
        { program, provider: { metadata: ({ token_endpoint, jwks_uri, ...document }) => document } },
        { program, provider: { metadata: (document) => ({ ...document, jwks_uri: url }) } },
        {
          program,
          provider: {
            metadata: (document) => ({ ...document, jwks_uri: url.replace("/keys", "/jwks") }),
            keysScript: script(ProviderScript.json(200, nonsense))
          }
        }
      ]
      expect(yield* inFlow(failures)).toEqual(SecretScanner.reasonTags(DiscoveryError.DiscoveryError.fields.reason))
    })
  )

  it.effect("ResourceError (I13)", () =>
    Effect.gen(function* () {
      const call = (tokenType = "Bearer", dpopKey?: Redacted.Redacted<{ kty: string; d: string }>) =>
        Effect.flatMap(
          ProtectedResource.make({ accessToken: Redacted.make("marker-access"), tokenType, dpopKey }),
          (client) =>
            ProtectedResource.failOnChallengeError(client).get(
              "https://someone:marker-password@rs.test/?code=marker-query"
            )
        )
      const codes = [
        "invalid_request",
        "invalid_token",
        "insufficient_scope",
        "use_dpop_nonce",
        "invalid_dpop_proof",
        "x"
      ]
      const quoted = codes.map((code) => {
        const challenge = `DPoP error="${code}", error_description="marker-access", scope="marker-access", algs="marker-access"`
        return {
          program: call(),
          layer: ResourceServer.client(ResourceServer.serve(ResourceServer.challenge(401, challenge)).layer)
        }
      })
      const away = ResourceServer.serve(() => Response.redirect("https://evil.test/marker-location"))
      const others = [call("strange"), call("DPoP", Redacted.make({ kty: "EC", d: "marker-d" })), call()].map(
        (program) => ({
          program,
          layer: ResourceServer.client(away.layer)
        })
      )
      expect(yield* SecretScanner.failureReasons([...quoted, ...others])).toEqual(
        SecretScanner.reasonTags(ResourceError.ResourceError.fields.reason)
      )
    })
  )

  it.effect("RegistrationError", () =>
    Effect.gen(function* () {
      const quoted = "marker-initial marker-statement"
      const registrationLayer = (status: number, body: Readonly<Record<string, unknown>>) =>
        DynamicRegistration.layer().pipe(
          Layer.provide(Transport.layer()),
          Layer.provide(
            Discovery.layerStatic({ issuer: "https://op.test", registration_endpoint: "https://op.test/reg" })
          ),
          Layer.provide(ResourceServer.serve(() => Response.json(body, { status })).layer)
        )
      const asked = { software_statement: "marker-statement" }
      const register = DynamicRegistration.register(asked, { initialAccessToken: Redacted.make("marker-initial") })
      const refused = [
        "invalid_redirect_uri",
        "invalid_client_metadata",
        "invalid_software_statement",
        "unapproved_software_statement",
        "server_error",
        "temporarily_unavailable",
        "teapot"
      ].map((error) => ({ program: register, layer: registrationLayer(400, { error, error_description: quoted }) }))
      const client = new DynamicRegistration.RegisteredClient({
        clientId: "c-1",
        clientSecret: Redacted.make("marker-secret", { label: "client secret" }),
        metadata: {},
        changed: []
      })
      const others = [
        { program: register, layer: registrationLayer(401, { error: "invalid_token", error_description: quoted }) },
        { program: register, layer: registrationLayer(500, {}) },
        { program: register, layer: registrationLayer(201, nonsense) },
        { program: DynamicRegistration.read(client), layer: registrationLayer(200, {}) },
        { program: DynamicRegistration.register(asked, { dpopBound: true }), layer: registrationLayer(200, {}) }
      ]
      expect(yield* SecretScanner.failureReasons([...refused, ...others])).toEqual(
        SecretScanner.reasonTags(RegistrationError.RegistrationError.fields.reason)
      )
    })
  )

  it.effect("PendingStoreError, in a flow that logs it and continues", () =>
    Effect.gen(function* () {
      const watch = SecretScanner.make()
      watch.addSecret("marker", "marker-")
      const written: Array<string> = []
      const fail = (method: string, key = "", value: unknown = "") =>
        Effect.suspend(() => {
          written.push(`${key} ${value}`)
          return Effect.fail(new KeyValueStore.KeyValueStoreError({ method, key, message: `broken: ${key} ${value}` }))
        })
      const broken = KeyValueStore.makeStringOnly({
        get: (key) => fail("get", key),
        set: (key, value) => fail("set", key, value),
        remove: (key) => fail("remove", key),
        clear: fail("clear"),
        size: fail("size"),
        keys: fail("keys")
      })
      const sealing = yield* Sealing.generate("k")
      const kept = yield* Effect.provideService(
        PendingStore.make({ keys: [sealing] }),
        KeyValueStore.KeyValueStore,
        broken
      )
      const store = Layer.succeed(PendingStore.PendingStore, kept)
      const failure = { program: Effect.void, provider: { tokenScript: script(quoting("access_denied")) } }
      const error = yield* Ciba.initiate(request).pipe(
        Effect.flatMap(Ciba.complete),
        runForTenMinutes,
        Effect.provide(Layer.provide(flow(failure), store)),
        watch.run,
        Effect.flip
      )
      watch.scan("error", error)
      for (const operation of [kept.put(own), kept.get(own.id), kept.remove(own), kept.all]) {
        watch.scan("store", yield* Effect.flip(watch.run(operation)))
      }
      watch.scan("names", written)
      expect(watch.leaks()).toEqual([])
      expect(watch.outputs()).toEqual(expect.arrayContaining(["error", "log", "names", "store"]))
    })
  )
})
