// Whole flows show no secret: in logs, spans, metrics, events, errors and printed values.
import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  Ciba,
  ClientAuthentication,
  ClientRegistration,
  Dpop,
  FreshIdentity,
  IdTokenDecryption,
  Introspection,
  NotificationInbox,
  NotificationReceiver,
  PendingAuthentication,
  PendingStore,
  ProtectedResource,
  Revocation,
  Sealing,
  SignedRequest,
  SigningKey,
  type Transport,
  UserHint,
  UserInfo,
  VerifiedIdentity
} from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Cause, Effect, Fiber, Layer, Metric, Option, Redacted, Schema, Stream } from "effect"
import { KeyValueStore } from "effect/persistence"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import * as Jwe from "../support/Jwe.ts"
import * as SecretScanner from "../support/SecretScanner.ts"
import { advance, waitUntil } from "../support/TestTime.ts"

const secret = Redacted.value(TestClient.secret)

const user = {
  ...TestUser.ignore,
  loginHint: "marker-hint@example.com",
  loginHintToken: "marker-hint-token",
  userCode: "marker user code"
}

const encryption = { key: Jwe.deriveKey(secret, "sha256", 256), header: { alg: "dir", enc: "A256GCM", cty: "JWT" } }

interface Scenario {
  readonly authentication?: ClientAuthentication.ClientAuthentication
  readonly client?: TestClient.TestClient
  readonly deliveryMode?: "poll" | "ping" | "push"
  readonly hint?: UserHint.UserHint
  readonly provider?: ProviderOptions
  /** What signs, proves and decrypts. */
  readonly keys?: Layer.Layer<never>
}

/** Makes a scenario, and tells its secrets. */
type Prepare = (watch: Watch) => Effect.Effect<Scenario>

type Watch = ReturnType<typeof SecretScanner.make>

/** The flow of a scenario over a store, and everything beside it. */
const flow = (watch: Watch, scenario: Scenario) => {
  const { authentication = ClientAuthentication.clientSecretBasic(TestClient.secret), deliveryMode = "poll" } = scenario
  const options = {
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication,
    userCodeParameter: true
  }
  const pieces: Layer.Layer<
    Ciba.PushServices,
    ClientRegistration.ClientRegistrationError | Transport.InvalidOption,
    Layer.Success<ReturnType<typeof TestProvider.layer>> | NotificationInbox.NotificationInbox
  > = deliveryMode === "push" ? Ciba.layer({ ...options, deliveryMode }) : Ciba.layer({ ...options, deliveryMode })
  return pieces.pipe(
    Layer.provide(scenario.keys ?? Layer.empty),
    Layer.provideMerge(NotificationInbox.layer),
    Layer.provideMerge(PendingStore.layerMemory),
    Layer.provideMerge(KeyValueStore.layerMemory),
    Layer.provideMerge(watch.recordTraffic),
    Layer.provideMerge(
      TestProvider.layer({
        user,
        refreshTokens: true,
        client:
          scenario.client ??
          TestClient.clientSecretBasic(
            deliveryMode === "poll" ? {} : { notification: { deliveryMode, url: "https://client.test/ciba" } }
          ),
        ...scenario.provider
      })
    )
  )
}

/** Everything that a client can do, one after the other. */
const runEverything = Effect.fnUntraced(function* (watch: Watch, scenario: Scenario) {
  const { scan: see } = watch
  const { hint = UserHint.login(user.loginHint), deliveryMode = "poll" } = scenario
  const provider = yield* TestProvider.TestProvider
  const options: AuthenticationRequest.Options = {
    scope: ["openid", "offline_access"],
    hint,
    bindingMessage: "W4SCT",
    userCode: Redacted.make(user.userCode),
    extensionParameters: { nonce: "marker-nonce", purpose: "marker-purpose" }
  }
  watch.addSecret("nonce", "marker-nonce")
  watch.addSecret("purpose", "marker-purpose")
  watch.addSecret("user code", user.userCode)
  watch.addSecret("hint", Redacted.value(hint.value))
  see("options", { ...options, extensionParameters: {} })
  see("registration", yield* ClientRegistration.ClientRegistration)
  yield* Effect.forkChild(Stream.runForEach(Ciba.events, (event) => Effect.sync(() => see("event", event))))

  const request = yield* AuthenticationRequest.make(options)
  see("request", request)
  const sent = yield* BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.request(request))
  see("sent", { ...sent, response: undefined })
  see("raw response", sent.response)
  see("process", yield* BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.process(sent)))
  const pending = yield* Ciba.initiate(options)
  see("pending", pending)
  see(
    "encoded",
    yield* Effect.exit(Schema.encodeEffect(Schema.toCodecJson(PendingAuthentication.PendingAuthentication))(pending))
  )
  const sealing = yield* Sealing.generate("k")
  see("sealing key", sealing)
  see("sealed", yield* PendingAuthentication.seal(pending, [sealing]))
  const kept = yield* KeyValueStore.KeyValueStore
  const store = yield* PendingStore.make({ keys: [sealing] })
  yield* store.put(pending)
  for (const name of yield* kept.keys) see("store", [name, yield* kept.get(name)])
  see("kept", yield* store.all)

  const wait = yield* Effect.forkChild(Ciba.complete(pending))
  yield* advance("5 seconds")
  if (deliveryMode === "poll") {
    yield* waitUntil(requestsTo("token"), (sent) => sent.some(({ error }) => error === "authorization_pending"))
  }
  yield* provider.approve(pending.authReqId)
  if (deliveryMode !== "poll") {
    const call = yield* provider.notification({ authReqId: pending.authReqId })
    watch.addSecretMembers(yield* Effect.promise(() => call.clone().json()))
    const handle = yield* NotificationReceiver.toWebHandler()
    expect((yield* Effect.promise(() => handle(call))).status).toBe(204)
  }
  yield* advance("5 seconds")
  const identity = yield* Fiber.join(wait)
  see("identity", withoutNonce(identity))

  const fresh = yield* FreshIdentity.refresh(identity)
  see("refreshed", withoutNonce(fresh))
  see("userinfo", yield* UserInfo.claims(fresh))
  const resource = yield* ProtectedResource.make(fresh)
  see("resource client", resource)
  yield* resource.get("https://provider.test/userinfo?account=marker-account")
  watch.addSecret("account", "marker-account")
  see("introspection", yield* Introspection.introspect(fresh.accessToken))
  yield* Revocation.revoke(fresh.accessToken)
  see("refusal", yield* Effect.flip(UserInfo.claims(fresh)))
  yield* Effect.logInfo("done", pending, withoutNonce(fresh), request)
  expect((yield* Metric.dump).includes("ciba.client.decisions")).toBe(true)
})

const scanScenario = Effect.fnUntraced(function* (prepare: Prepare) {
  const watch = SecretScanner.make()
  const scenario = yield* prepare(watch)
  if (scenario.authentication?.method !== "private_key_jwt") watch.addSecret("client secret", secret)
  yield* watch.run(Effect.scoped(Effect.provide(runEverything(watch, scenario), flow(watch, scenario))))
  return watch
})

/** The claims of an identity may be shown, but the nonce is a secret of the request. */
const withoutNonce = (identity: VerifiedIdentity.VerifiedIdentity) =>
  new VerifiedIdentity.VerifiedIdentity({ ...identity, claims: { ...identity.claims, nonce: "" } })

const newKey = Effect.fnUntraced(function* (watch: Watch, name: string) {
  const { privateJwk } = yield* SigningKey.generateJwk("ES256")
  watch.addSecret(name, Redacted.value(privateJwk).d)
  const key = yield* Effect.orDie(SigningKey.fromJwk(privateJwk))
  watch.scan(name, key)
  return key
})

/** Signs assertions, requests and proofs, and decrypts the ID Token. */
const withSigning: Prepare = Effect.fnUntraced(function* (watch) {
  const key = yield* newKey(watch, "private key")
  const dpopKey = yield* newKey(watch, "proof key")
  const decryption = { secret: TestClient.secret, keyAlgorithm: "dir", contentAlgorithm: "A256GCM" } as const
  watch.addSecret("client secret", secret)
  return {
    authentication: yield* ClientAuthentication.privateKeyJwt(key),
    client: TestClient.privateKeyJwt(key.publicJwk, { requestKey: key.publicJwk }),
    keys: Layer.mergeAll(
      Layer.orDie(Dpop.layer({ key: dpopKey })),
      Layer.orDie(SignedRequest.layer({ key })),
      Layer.orDie(IdTokenDecryption.layer(decryption))
    ),
    provider: {
      dpop: { nonces: "per-response" },
      tokenResponse: (body) => {
        watch.addSecretMembers(body)
        return { ...body, id_token: Jwe.seal(String(body.id_token), encryption) }
      }
    }
  }
})

/** An earlier ID Token as the hint. */
const withIdTokenHint: Prepare = Effect.fnUntraced(function* (watch) {
  const key = yield* TestKeys.signing("RS256")
  const idToken = yield* JsonWebToken.sign({ sub: user.subject, iss: "https://provider.test" }, { key })
  watch.addSecret("hint", Redacted.value(idToken))
  return { deliveryMode: "push", hint: UserHint.idToken(idToken) }
})

const fromScenario =
  (scenario: Scenario): Prepare =>
  () =>
    Effect.succeed(scenario)

const { secret: clientSecret } = TestClient

/** Endpoints whose URLs have a password and a secret query. */
const withSecretsInUrls =
  (scenario: Scenario): Prepare =>
  (watch) =>
    Effect.sync(() => {
      watch.addSecret("password in a URL", "marker-password")
      watch.addSecret("query of a URL", "marker-query")
      const makeUrl = (path: string) => `https://someone:marker-password@provider.test/${path}?code=marker-query`
      return {
        ...scenario,
        provider: {
          metadata: (document) => ({
            ...document,
            token_endpoint: "https://provider.test/token?code=marker-query",
            jwks_uri: makeUrl("jwks"),
            userinfo_endpoint: makeUrl("userinfo"),
            introspection_endpoint: makeUrl("introspection"),
            revocation_endpoint: makeUrl("revocation"),
            backchannel_authentication_endpoint: makeUrl("backchannel")
          })
        }
      }
    })

const issued = ["access_token", "auth_req_id", "id_token", "refresh_token"]

const asked = ["account", "client secret", "nonce", "purpose", "user code"]

const places = [
  "event",
  "identity",
  "log",
  "metrics",
  "pending",
  "refusal",
  "store",
  "span Ciba.complete",
  "span Ciba.initiate",
  "span GET",
  "span POST"
]

type Row = readonly [name: string, prepare: Prepare, kinds: ReadonlyArray<string>]

/** What there is of secrets besides the common ones. */
const scenarios: ReadonlyArray<Row> = [
  ["a client with its secret in a header (C11, E10, I13)", fromScenario({}), ["credentials of Basic", "hint"]],
  [
    "a client with its secret in a form (C11, I13)",
    fromScenario({
      authentication: ClientAuthentication.clientSecretPost(clientSecret),
      client: TestClient.clientSecretPost()
    }),
    ["hint"]
  ],
  [
    "a client that signs with its secret (C11, I13)",
    fromScenario({
      authentication: ClientAuthentication.clientSecretJwt(clientSecret),
      client: TestClient.clientSecretJwt()
    }),
    ["client_assertion", "hint"]
  ],
  [
    "a client that signs requests, assertions and proofs, and decrypts (C11, I13)",
    withSigning,
    ["client_assertion", "dpop-nonce", "hint", "private key", "proof", "proof key", "request"]
  ],
  [
    "a ping client with a login_hint_token (C11, I13)",
    fromScenario({ deliveryMode: "ping", hint: UserHint.loginToken(user.loginHintToken) }),
    ["client_notification_token", "credentials of Basic", "hint"]
  ],
  [
    "a push client with an id_token_hint (C11, I13)",
    withIdTokenHint,
    ["client_notification_token", "credentials of Basic", "hint"]
  ],
  [
    "URLs that hold a password and a query",
    withSecretsInUrls({}),
    ["credentials of Basic", "hint", "password in a URL", "query of a URL"]
  ]
]

describe("a flow shows no secret:", () => {
  for (const [name, prepare, kinds] of scenarios) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const watch = yield* scanScenario(prepare)
        expect(watch.leaks()).toEqual([])
        expect(watch.secretNames()).toEqual([...issued, ...asked, ...kinds].sort())
        expect(watch.outputs()).toEqual(expect.arrayContaining(places))
      })
    )
  }
})

describe("SecretScanner", () => {
  const planted: ReadonlyArray<readonly [where: string, plant: Effect.Effect<unknown, unknown>]> = [
    ["log", Effect.logTrace("it is", "marker-planted")],
    ["log", Effect.annotateLogs(Effect.logDebug("it is"), "name", "marker-planted")],
    ["log", Effect.logError(new Error("it is", { cause: "marker-planted" }))],
    ["log cause", Effect.logWarning("it is", Cause.fail({ deep: [{ secret: "marker-planted" }] }))],
    ["span program", Effect.annotateCurrentSpan("name", "marker-planted")],
    ["span inner", Effect.withSpan(Effect.void, "inner", { attributes: { name: "marker-planted" } })],
    [
      "exception of inner",
      Effect.withSpan(Effect.exit(Effect.fail(1)), "outer").pipe(
        Effect.andThen(Effect.exit(Effect.withSpan(Effect.fail("marker-planted"), "inner")))
      )
    ],
    ["failure", Effect.die(Redacted.make("fine", { label: "marker-planted" }))],
    ["metrics", Metric.update(Metric.counter("name", { attributes: { name: "marker-planted" } }), 1)]
  ]
  for (const [where, plant] of planted) {
    it.effect(`finds a planted secret: ${where}`, () =>
      Effect.gen(function* () {
        const watch = SecretScanner.make()
        watch.addSecret("secret", "marker-planted")
        yield* Effect.exit(watch.run(plant))
        expect(watch.leaks()).toContain(`secret in ${where}`)
      })
    )
  }
})

describe("the Acknowledged event", () => {
  it.effect("has the id of the authentication, and no other data of it", () =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(Stream.runHead(Ciba.events))
      yield* Effect.yieldNow
      yield* Ciba.initiate({
        scope: ["openid"],
        hint: UserHint.login(user.loginHint),
        bindingMessage: "W4SCT",
        userCode: Redacted.make(user.userCode)
      })
      const event = Option.getOrThrow(yield* Fiber.join(first))
      expect(Object.keys(event).sort()).toEqual(["_tag", "at", "deliveryMode", "expiresAt", "id"])
    }).pipe(Effect.provide(flow(SecretScanner.make(), {})))
  )
})
