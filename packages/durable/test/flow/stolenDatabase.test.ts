// What a copy of the whole database shows: of approvals over HTTP and in workflows, pinged, with user codes and DPoP keys.
import { Ciba, ClientAuthentication, Dpop, NotificationReceiver, SigningKey } from "@effect-ciba/core"
import { DurableInbox, WaitStore } from "@effect-ciba/durable"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { Base64, Base64Url, Hex } from "effect/encoding"
import { SqlClient } from "effect/sql"
import { expect } from "vitest"
import { makeServerWith, token } from "../support/ApiServer.ts"
import { onBothLive } from "../support/Databases.ts"
import { dump } from "../support/Dump.ts"
import { realTime } from "../support/Time.ts"
import { EngineLive, makePlace, type Place, startProcess, tokens } from "../support/Transfers.ts"

const al = { ...TestUser.ignore, subject: "al", loginHint: "al@example.com", userCode: "user-code-of-al" }

const ask = { scope: "openid", login_hint: al.loginHint, user_code: al.userCode, binding_message: "W4SCT" }

/** A client in ping mode whose tokens are bound to a key, with its provider, and what the provider notifies. */
const layerWorld = (place: Place, dpopKey: SigningKey.KeyPair) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    deliveryMode: "ping",
    userCodeParameter: true
  }).pipe(
    Layer.provide(Dpop.layer({ key: dpopKey })),
    Layer.provideMerge(DurableInbox.layer(place)),
    Layer.provide(WaitStore.layer(place)),
    Layer.provideMerge(
      TestProvider.layer({
        client: TestClient.clientSecretBasic({
          notification: { deliveryMode: "ping", url: "https://client.test/ciba" }
        }),
        user: [TestUser.ignore, al],
        interval: "1 second",
        refreshTokens: true
      })
    )
  )

const untilDeferred = ({ prefix }: Place) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.repeat(Effect.andThen(realTime, sql`select token from ${sql(`${prefix}_deferred`)}`), {
      until: (rows) => rows.length === 1
    })
  )

const secretParameters = ["login_hint", "user_code", "client_notification_token", "auth_req_id"]

/** What the provider was sent: the hints, the user code, the notification tokens, the handles and the client's credentials. */
const sent = Effect.map(
  TestProvider.TestProvider.use(({ requests }) => requests),
  (requests) =>
    requests.flatMap(({ authorization, parameters }) => [
      ...parameters.flatMap(([name, value]) => (secretParameters.includes(name) ? [value] : [])),
      ...(authorization === undefined ? [] : [Redacted.value(authorization).replace(/^\w+ /, "")])
    ])
)

const keysOf = ({ keys }: Place) =>
  keys
    .map(({ material }) => Redacted.value(material))
    .flatMap((key) => [Base64, Base64Url, Hex].map((as) => as.encode(key)))

onBothLive((it) => {
  it.effect("no table shows a token, id, hint or key: of approvals that are open, approved and refused", () =>
    Effect.gen(function* () {
      const place = yield* makePlace
      const { privateJwk } = yield* SigningKey.generateJwk("ES256")
      yield* Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const { call } = yield* makeServerWith({ place })
        const { begin, execute } = yield* startProcess(place, EngineLive)
        yield* provider.deliverTo(yield* NotificationReceiver.toWebHandler())
        for (const key of ["approved", "refused", "open"]) {
          expect(yield* call("PUT", `/approvals/${key}`, { body: ask })).toMatchObject({ status: 200 })
        }
        const [approved, refused] = yield* provider.pending
        yield* begin("17")
        yield* untilDeferred(place)
        const early = yield* dump
        yield* provider.approve(approved?.authReqId)
        yield* provider.deny(refused?.authReqId)
        yield* provider.approve()
        const result = yield* call("GET", "/approvals/approved/result?wait=3")
        expect(result).toMatchObject({ status: 200, body: { subject: "al", token_response: { token_type: "DPoP" } } })
        expect(yield* call("GET", "/approvals/refused/result?wait=3")).toMatchObject({ status: 410 })
        expect(yield* execute("17")).toMatchObject({ status: "Verified" })
        const late = yield* dump
        const tables = ["wait", "authentication", "approval", "notification"].map((name) => `${place.prefix}_${name}`)
        for (const table of [...tables, "cluster_messages", "cluster_replies"]) expect(late).toMatch(`${table} [{`)
        expect(early).toMatch(`${place.prefix}_deferred [{`)
        const handedOut = [...result.text.matchAll(/"(?:access|refresh|id)_token":"([^"]+)"/g)].map(
          ([, text = ""]) => text
        )
        expect(handedOut).toHaveLength(3)
        const secrets = new Set([
          ...(yield* sent),
          ...handedOut,
          ...tokens,
          ...keysOf(place),
          token,
          String(Redacted.value(privateJwk).d),
          Redacted.value(TestClient.secret)
        ])
        expect(secrets.size).toBeGreaterThan(20)
        for (const secret of secrets) expect(early + late).not.toContain(secret)
      }).pipe(Effect.provide(layerWorld(place, yield* SigningKey.fromJwk(privateJwk))))
    })
  )
})
