import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, Dpop, PendingAuthentication, Sealing, SigningKey } from "@effect-ciba/core"
import { ProviderScript } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Inspectable, Layer, Redacted, Schema } from "effect"
import * as TransportError from "../../src/http/TransportError.ts"
import { acknowledgement, allDeliveryModes, cibaLayer, initiate, withResponses } from "../support/AuthenticationFlow.ts"
import { uuid } from "../support/PredictableRandomness.ts"

const token = "marker-token-of-22-characters"

/** RFC 8037, appendix A.1. */
const proofJwk = Redacted.make({
  kty: "OKP",
  crv: "Ed25519",
  alg: "EdDSA",
  kid: "proof",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
})

/** A request that leaves no member of a pending authentication empty. */
const full: Partial<AuthenticationRequest.Options> = {
  scope: ["openid", "profile"],
  bindingMessage: "W4SCT",
  clientNotificationToken: Redacted.make(token),
  userCode: Redacted.make("marker-code"),
  acrValues: ["gold", "silver"],
  essentialAcr: true,
  authorizationDetails: [{ type: "payment", amount: "12.30" }],
  essentialAuthorizationDetails: true,
  claims: { id_token: { email: { value: "marker@example.com" } } },
  extensionParameters: { nonce: "n-1", max_age: "300" }
}

const pending = initiate(full).pipe(
  Effect.provide(
    cibaLayer(
      {
        ...allDeliveryModes,
        ...withResponses(ProviderScript.json(200, { ...acknowledgement, auth_req_id: "marker-id" }))
      },
      { deliveryMode: "ping", userCodeParameter: true }
    ).pipe(Layer.provide(Dpop.layer({ key: SigningKey.fromJwk(proofJwk) })))
  )
)

const lost = new TransportError.TransportError({
  kind: "TimedOut",
  method: "POST",
  url: "https://provider.test/token"
})

const wait = {
  version: 1,
  kind: "ciba",
  interval: Duration.seconds(10),
  polls: 3,
  faults: 1,
  lastFault: lost,
  lost,
  ping: "awaited",
  phase: { _tag: "Sleeping", wakeAt: DateTime.makeUnsafe(7_000), floor: DateTime.makeUnsafe(6_000) }
} as const

describe("PendingAuthentication", () => {
  it.effect("a pending authentication holds what the wait and the verification need (F8)", () =>
    Effect.gen(function* () {
      const { authReqId, clientNotificationToken, id, dpopKey, hints, requestedClaims, ...plain } = yield* pending
      expect(requestedClaims && Redacted.value(requestedClaims)).toEqual(full.claims)
      expect(hints?.map(Redacted.value)).toEqual(["jo@example.com", "marker-code"])
      expect(dpopKey && Redacted.value(dpopKey)).toEqual(Redacted.value(proofJwk))
      expect(Redacted.value(authReqId)).toBe("marker-id")
      expect(clientNotificationToken && Redacted.value(clientNotificationToken)).toBe(token)
      expect(id).toMatch(uuid)
      expect(plain).toEqual({
        version: 1,
        issuer: "https://provider.test",
        clientId: "test-client",
        deliveryMode: "ping",
        requestedAt: DateTime.makeUnsafe(0),
        expiresAt: DateTime.makeUnsafe(120_000),
        interval: Duration.seconds(2),
        scope: ["openid", "profile"],
        bindingMessage: "W4SCT",
        acrValues: ["gold", "silver"],
        authorizationDetails: [{ type: "payment", amount: "12.30" }],
        essentialAuthorizationDetails: true,
        expectations: {
          nonce: Redacted.make("n-1", { label: "nonce" }),
          maxAge: Duration.minutes(5),
          acrValues: ["gold", "silver"]
        }
      })
    })
  )

  it.effect("what is stored of a pending authentication has neither the hint nor the user code (C11)", () =>
    Effect.gen(function* () {
      const before = yield* pending
      const json = yield* Schema.encodeEffect(PendingAuthentication.unsafeJson)(before)
      expect(json).not.toMatch(/jo@example\.com|marker-code|hints/)
      const keys = [yield* Sealing.generate("k")] as const
      const opened = yield* Effect.flatMap(PendingAuthentication.seal(before, keys), (sealed) =>
        PendingAuthentication.open(sealed, keys)
      )
      expect(opened.hints).toBeUndefined()
      expect(opened.id).toBe(before.id)
    })
  )

  const printers: ReadonlyArray<readonly [name: string, print: (value: unknown) => string]> = [
    ["JSON.stringify", (value) => JSON.stringify(value)],
    ["inspect", (value) => inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true })],
    ["toStringUnknown", (value) => Inspectable.toStringUnknown(value)]
  ]
  for (const [name, print] of printers) {
    it.effect(`${name} shows a pending authentication without its secrets (C11, I13)`, () =>
      Effect.gen(function* () {
        const shown = print(yield* pending)
        expect(shown).not.toMatch(/marker|nWGxne/)
        expect(shown).toContain("W4SCT")
      })
    )
  }

  it.effect("the plain JSON codec refuses to encode each secret of a pending authentication (I13)", () =>
    Effect.gen(function* () {
      const { PendingAuthentication: Pending } = PendingAuthentication
      const { authReqId, clientNotificationToken, dpopKey } = Pending.fields
      const before = yield* pending
      const errors = yield* Effect.all([
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Pending))(before)),
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ authReqId })))(before)),
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ clientNotificationToken })))(before)),
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ dpopKey })))(before))
      ])
      for (const { message } of errors) {
        expect(message).toContain("Cannot serialize Redacted")
        expect(message).not.toMatch(/marker|nWGxne/)
      }
      expect(errors.map(({ message }) => /at \["(\w+)"\]/.exec(message)?.[1])).toEqual([
        "authReqId",
        "authReqId",
        "clientNotificationToken",
        "dpopKey"
      ])
    })
  )

  it.effect(
    "a pending authentication is decoded with every member that was encoded, its client notification token included (T-36)",
    () =>
      Effect.gen(function* () {
        const before = PendingAuthentication.update(yield* pending, {
          wait,
          received: {
            body: Redacted.make({ access_token: "marker-access" }, { label: "token response" }),
            at: DateTime.makeUnsafe(8_000)
          }
        })
        const encoded = yield* Schema.encodeEffect(PendingAuthentication.PendingAuthentication)(before)
        const after = yield* Schema.decodeUnknownEffect(PendingAuthentication.PendingAuthentication)({ ...encoded })
        expect(after).toEqual(before)
        expect(Object.keys(after).sort()).toEqual(
          Object.keys(PendingAuthentication.PendingAuthentication.fields).sort()
        )
        expect(Redacted.value(after.authReqId)).toBe("marker-id")
        expect(after.clientNotificationToken && Redacted.value(after.clientNotificationToken)).toBe(token)
      })
  )

  const required = [
    "version",
    "id",
    "issuer",
    "clientId",
    "authReqId",
    "deliveryMode",
    "expiresAt",
    "interval",
    "scope",
    "expectations"
  ] as const
  for (const member of required) {
    it.effect(`a pending authentication without ${member} is not decoded (T-36)`, () =>
      Effect.gen(function* () {
        const { [member]: _dropped, ...rest } = yield* pending
        const error = yield* Effect.flip(Schema.decodeUnknownEffect(PendingAuthentication.PendingAuthentication)(rest))
        expect(error.message).toContain(member)
        expect(error.message).not.toContain("marker")
      })
    )
  }

  it.effect("a sealed text that contains no pending authentication is not opened, and says so (T-36)", () =>
    Effect.gen(function* () {
      const keys = [
        yield* Sealing.fromBytes("k", Redacted.make("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"))
      ] as const
      const sealed = yield* Sealing.seal(Redacted.make('{"version":2}'), keys, ["PendingAuthentication"])
      const error = yield* Effect.flip(PendingAuthentication.open(sealed, keys))
      expect(error).toMatchObject({
        _tag: "DecryptionFailed",
        problem: "it contains no pending authentication of a version that this release can read"
      })
    })
  )

  it.effect("a pending authentication of another version is not decoded", () =>
    Effect.gen(function* () {
      const later = { ...(yield* pending), version: 2 }
      const error = yield* Effect.flip(Schema.decodeUnknownEffect(PendingAuthentication.PendingAuthentication)(later))
      expect(error.message).toContain("version")
    })
  )

  const fault = `{"_tag":"TransportError","kind":"TimedOut","method":"POST","url":"https://provider.test/token"}`
  const identity = `"version":1,"id":"pending-1","issuer":"https://provider.test","clientId":"test-client","authReqId":"id-1","deliveryMode":"ping"`
  const times = `"expiresAt":"1970-01-01T00:02:00.000Z","interval":{"_tag":"Millis","value":2000}`
  const stored = [
    ["no optional member", `{${identity},${times},"scope":["openid"],"expectations":{}}`, {}],
    [
      "every optional member",
      `{${identity},"clientNotificationToken":"token-1","dpopKey":{"kty":"OKP","crv":"Ed25519","d":"d","x":"x"},${times},"wait":{"version":1,"kind":"ciba","interval":{"_tag":"Millis","value":10000},"polls":3,"faults":1,"lastFault":${fault},"lost":${fault},"ping":"awaited","phase":{"_tag":"Sleeping","wakeAt":"1970-01-01T00:00:07.000Z","floor":"1970-01-01T00:00:06.000Z"}},"received":{"body":{"access_token":"at-1"},"at":"1970-01-01T00:00:08.000Z"},"scope":["openid"],"acrValues":["gold"],"requestedClaims":{"id_token":{"txn":{"essential":true}}},"bindingMessage":"W4SCT","authorizationDetails":[{"type":"payment"}],"essentialAuthorizationDetails":true,"expectations":{"nonce":"n-1","maxAge":{"_tag":"Millis","value":300000},"acrValues":["gold"],"subject":"jo"}}`,
      {
        wait,
        bindingMessage: "W4SCT",
        expectations: { maxAge: Duration.minutes(5), acrValues: ["gold"] }
      }
    ]
  ] as const
  for (const [what, text, members] of stored) {
    it.effect(`stored JSON text of version 1 with ${what} is decoded, and encoded to the same text (T-36)`, () =>
      Effect.gen(function* () {
        const decoded = yield* Schema.decodeEffect(PendingAuthentication.unsafeJson)(text)
        expect(Redacted.value(decoded.authReqId)).toBe("id-1")
        expect(decoded).toMatchObject({ expiresAt: DateTime.makeUnsafe(120_000), ...members })
        expect(yield* Schema.encodeEffect(PendingAuthentication.unsafeJson)(decoded)).toBe(text)
      })
    )
  }
})
