import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, Dpop, PendingAuthentication, SigningKey } from "@effect-ciba/core"
import { ProviderScript } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Inspectable, Layer, Redacted, Schema } from "effect"
import * as TransportError from "../../src/http/TransportError.ts"
import { acknowledgement, allDeliveryModes, cibaLayer, initiate, withResponses } from "../support/AuthenticationFlow.ts"

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

describe("a pending authentication", () => {
  it.effect("holds what waiting and believing need, and the user code is not among it (C11, F8)", () =>
    Effect.gen(function* () {
      const { authReqId, clientNotificationToken, id, proofKey, ...plain } = yield* pending
      expect(proofKey && Redacted.value(proofKey)).toEqual(Redacted.value(proofJwk))
      expect(Redacted.value(authReqId)).toBe("marker-id")
      expect(clientNotificationToken && Redacted.value(clientNotificationToken)).toBe(token)
      expect(id).toMatch(/^[\w-]{16}$/)
      expect(plain).toEqual({
        version: 1,
        issuer: "https://provider.test",
        clientId: "test-client",
        deliveryMode: "ping",
        expiresAt: DateTime.makeUnsafe(120_000),
        interval: Duration.seconds(2),
        scope: ["openid", "profile"],
        bindingMessage: "W4SCT",
        acrValues: ["gold", "silver"],
        authorizationDetails: [{ type: "payment", amount: "12.30" }],
        expectations: {
          nonce: Redacted.make("n-1", { label: "nonce" }),
          maxAge: Duration.minutes(5),
          acrValues: ["gold", "silver"]
        }
      })
    })
  )

  const printers: ReadonlyArray<readonly [name: string, print: (value: unknown) => string]> = [
    ["JSON.stringify", (value) => JSON.stringify(value)],
    ["String", String],
    ["inspect", (value) => inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true })],
    ["toStringUnknown", (value) => Inspectable.toStringUnknown(value)]
  ]
  for (const [name, print] of printers) {
    it.effect(`shows no secret to ${name}, and what is none (C11, I13)`, () =>
      Effect.gen(function* () {
        const shown = print(yield* pending)
        expect(shown).not.toMatch(/marker|nWGxne/)
        expect(shown).toContain("W4SCT")
      })
    )
  }

  it.effect("is refused by the plain JSON codec, each secret by itself (I13)", () =>
    Effect.gen(function* () {
      const { PendingAuthentication: Pending } = PendingAuthentication
      const { authReqId, clientNotificationToken, proofKey } = Pending.fields
      const before = yield* pending
      const refusals = yield* Effect.all([
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Pending))(before)),
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ authReqId })))(before)),
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ clientNotificationToken })))(before)),
        Effect.flip(Schema.encodeUnknownEffect(Schema.toCodecJson(Schema.Struct({ proofKey })))(before))
      ])
      for (const { message } of refusals) {
        expect(message).toContain("Cannot serialize Redacted")
        expect(message).not.toMatch(/marker|nWGxne/)
      }
      expect(refusals.map(({ message }) => /at \["(\w+)"\]/.exec(message)?.[1])).toEqual([
        "authReqId",
        "authReqId",
        "clientNotificationToken",
        "proofKey"
      ])
    })
  )

  it.effect("comes back whole from its schema, the notification token included (T-36)", () =>
    Effect.gen(function* () {
      const before = PendingAuthentication.update(yield* pending, {
        nextPollAt: DateTime.makeUnsafe(7_000),
        lost: new TransportError.TransportError({
          kind: "TimedOut",
          method: "POST",
          url: "https://provider.test/token"
        }),
        received: {
          body: Redacted.make({ access_token: "marker-access" }, { label: "token response" }),
          at: DateTime.makeUnsafe(8_000)
        }
      })
      const encoded = yield* Schema.encodeEffect(PendingAuthentication.PendingAuthentication)(before)
      const after = yield* Schema.decodeUnknownEffect(PendingAuthentication.PendingAuthentication)({ ...encoded })
      expect(after).toEqual(before)
      expect(Object.keys(after).sort()).toEqual(Object.keys(PendingAuthentication.PendingAuthentication.fields).sort())
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
    it.effect(`does not come back without ${member} (T-36)`, () =>
      Effect.gen(function* () {
        const { [member]: _dropped, ...rest } = yield* pending
        const error = yield* Effect.flip(Schema.decodeUnknownEffect(PendingAuthentication.PendingAuthentication)(rest))
        expect(error.message).toContain(member)
        expect(error.message).not.toContain("marker")
      })
    )
  }

  it.effect("of another version is refused", () =>
    Effect.gen(function* () {
      const later = { ...(yield* pending), version: 2 }
      const error = yield* Effect.flip(Schema.decodeUnknownEffect(PendingAuthentication.PendingAuthentication)(later))
      expect(error.message).toContain("version")
    })
  )
})
