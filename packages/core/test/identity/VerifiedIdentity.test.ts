import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Sealing, VerifiedIdentity } from "@effect-ciba/core"
import { TestClient } from "@effect-ciba/testing"
import { DateTime, Effect, Inspectable, Logger, Redacted, References } from "effect"
import { authenticate, issuer, respondedAt, subject, withTokenResponse } from "../support/ForgedResponses.ts"
import { encodeJson } from "../support/Jwt.ts"

const at = (seconds: number) => DateTime.makeUnsafe((respondedAt + seconds) * 1000)

const details = [{ type: "payment_initiation", amount: "123.50" }]

const full = withTokenResponse((body) => ({
  ...body,
  expires_in: 120,
  scope: "email openid",
  refresh_token: "marker-refresh",
  grant_id: "g-1",
  authorization_details: details,
  device_secret: "marker-device",
  nested: { deep: ["marker-deep"] }
}))

describe("VerifiedIdentity", () => {
  it.effect("has the subject, the claims, and all that the provider granted (I14, O4)", () =>
    Effect.gen(function* () {
      const { accessToken, additional, idToken, refreshToken, ...rest } = yield* authenticate(full)
      const { at_hash, ...claims } = rest.claims
      expect({ ...rest, claims }).toEqual({
        subject,
        issuer,
        claims: {
          iss: issuer,
          sub: subject,
          aud: TestClient.clientId,
          exp: respondedAt + 3600,
          iat: respondedAt,
          auth_time: respondedAt - 5,
          marker: "marker-claim"
        },
        tokenType: "Bearer",
        expiresAt: at(120),
        scope: ["email", "openid"],
        authorizationDetails: details,
        grantId: "g-1"
      })
      expect(at_hash).toMatch(/^[\w-]{22}$/)
      expect(Redacted.value(accessToken)).toMatch(/^[\w-]{43}$/)
      expect(Redacted.value(idToken)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
      expect(refreshToken && Redacted.value(refreshToken)).toBe("marker-refresh")
      expect(Redacted.value(additional)).toEqual({ device_secret: "marker-device", nested: { deep: ["marker-deep"] } })
    })
  )

  it.effect("shows neither tokens nor additional members when a verified identity is printed (I13)", () =>
    Effect.gen(function* () {
      const identity = yield* authenticate(full)
      const shown = [
        encodeJson(identity),
        JSON.stringify(identity),
        Inspectable.toStringUnknown(identity),
        String(identity),
        inspect(identity, { depth: Number.POSITIVE_INFINITY, showHidden: true })
      ].join("\n")
      const { accessToken, idToken } = identity
      const [, payload = "", signature = ""] = Redacted.value(idToken).split(".")
      const secrets = [
        Redacted.value(accessToken),
        payload,
        signature,
        "marker-refresh",
        "marker-device",
        "marker-deep"
      ]
      expect(secrets.filter((secret) => secret === "" || shown.includes(secret))).toEqual([])
      expect(shown).toContain("<redacted:access_token>")
    })
  )

  it.effect("has the requested scope, no expiry and no details if the token response has none (I3, O4)", () =>
    Effect.gen(function* () {
      const { authorizationDetails, expiresAt, refreshToken, scope } = yield* authenticate(
        withTokenResponse(({ expires_in: _, scope: __, ...body }) => body)
      )
      expect({ authorizationDetails, expiresAt, refreshToken, scope }).toEqual({
        authorizationDetails: undefined,
        expiresAt: undefined,
        refreshToken: undefined,
        scope: ["openid", "email"]
      })
    })
  )

  it.effect("treats null for scope and refresh_token like a missing member", () =>
    Effect.gen(function* () {
      const { refreshToken, scope } = yield* authenticate(
        withTokenResponse((body) => ({ ...body, scope: null, refresh_token: null }))
      )
      expect({ refreshToken, scope }).toEqual({ refreshToken: undefined, scope: ["openid", "email"] })
    })
  )

  it.effect("ignores authorization_details and a grant_id of a wrong type", () =>
    Effect.gen(function* () {
      const { authorizationDetails, grantId } = yield* authenticate(
        withTokenResponse((body) => ({ ...body, authorization_details: "all", grant_id: 7 }))
      )
      expect({ authorizationDetails, grantId }).toEqual({ authorizationDetails: undefined, grantId: undefined })
    })
  )

  for (const [lifetime, seconds, rows] of [
    [120, 120, ""],
    ["120", 120, " (I12, T-8)"],
    [1, 1, ""],
    [315_360_000, 315_360_000, ""],
    [30.5, 30, " (I12, T-8)"],
    ["30.0", 30, " (I12, T-8)"],
    [1e300, 315_360_000, " (I12, T-8)"]
  ] as const) {
    it.effect(`expires ${seconds} s after a response with expires_in ${JSON.stringify(lifetime)}${rows}`, () =>
      Effect.gen(function* () {
        const { expiresAt } = yield* authenticate(withTokenResponse((body) => ({ ...body, expires_in: lifetime })))
        expect(expiresAt).toEqual(at(seconds))
      })
    )
  }

  for (const odd of ["soon", "", "-5", 0, -5, null, true, [120], { seconds: 120 }]) {
    it.effect(`has no expiry, but is valid, if expires_in is ${JSON.stringify(odd)}`, () =>
      Effect.gen(function* () {
        const { expiresAt, subject: endUser } = yield* authenticate(
          withTokenResponse((body) => ({ ...body, expires_in: odd }))
        )
        expect({ expiresAt, endUser }).toEqual({ expiresAt: undefined, endUser: subject })
      })
    )
  }
})

describe("VerifiedIdentity, for the granted scope", () => {
  /** The identity's scope, and what was logged on the way. */
  const grant = (scope: string) =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const listener = Logger.layer([Logger.make(({ message }) => void log.push(message))])
      const identity = yield* Effect.provide(authenticate(withTokenResponse((body) => ({ ...body, scope }))), listener)
      return { scope: identity.scope, log }
    })

  for (const [scope, granted] of [
    ["openid email", ["openid", "email"]],
    ["openid", ["openid"]],
    [" email  openid ", ["email", "openid"]]
  ] as const) {
    it.effect(`accepts the granted scope "${scope}", which is the requested one or less, without a log entry`, () =>
      Effect.gen(function* () {
        expect(yield* grant(scope)).toEqual({ scope: granted, log: [] })
      })
    )
  }

  it.effect(
    "names scopes that were granted unasked where debug messages are logged: a provider has default ones (I4)",
    () =>
      Effect.gen(function* () {
        const all = Effect.provideService(References.MinimumLogLevel, "All")
        expect(yield* grant("openid email admin")).toEqual({ scope: ["openid", "email", "admin"], log: [] })
        expect(yield* all(grant("openid email admin"))).toEqual({
          scope: ["openid", "email", "admin"],
          log: [["The provider granted scopes that were not requested: admin"]]
        })
      })
  )

  it.effect("is the same when it was sealed and opened, and shows nothing in between", () =>
    Effect.gen(function* () {
      const keys = [yield* Sealing.generate("k")] as const
      const identity = yield* authenticate(full)
      const sealed = yield* VerifiedIdentity.seal(identity, keys, ["session", "17"])
      expect(yield* VerifiedIdentity.open(sealed, keys, ["session", "17"])).toEqual(identity)
      for (const text of ["marker", subject, issuer]) expect(sealed).not.toContain(text)
    })
  )

  it.effect("keeps what a token response leaves out as undefined when it is sealed", () =>
    Effect.gen(function* () {
      const keys = [yield* Sealing.generate("k")] as const
      const identity = yield* authenticate(withTokenResponse(({ expires_in: _, scope: __, ...body }) => body))
      const opened = yield* VerifiedIdentity.open(yield* VerifiedIdentity.seal(identity, keys), keys)
      expect(opened).toEqual(identity)
      expect(opened).toMatchObject({ expiresAt: undefined, refreshToken: undefined, authorizationDetails: undefined })
    })
  )

  it.effect("is sealed also if a program has made its secrets, and has the labels of secrets when it is opened", () =>
    Effect.gen(function* () {
      const keys = [yield* Sealing.generate("k")] as const
      const identity = new VerifiedIdentity.VerifiedIdentity({
        ...(yield* authenticate(full)),
        accessToken: Redacted.make("marker-access"),
        refreshToken: Redacted.make("marker-refresh", { label: "a label of its own" })
      })
      const opened = yield* VerifiedIdentity.open(yield* VerifiedIdentity.seal(identity, keys), keys)
      expect(Redacted.value(opened.accessToken)).toBe("marker-access")
      expect([opened.accessToken.label, opened.refreshToken?.label, opened.idToken.label]).toEqual([
        "access_token",
        "refresh_token",
        "id_token"
      ])
    })
  )

  it.effect("is not opened in another place, nor from another kind of text", () =>
    Effect.gen(function* () {
      const keys = [yield* Sealing.generate("k")] as const
      const sealed = yield* VerifiedIdentity.seal(yield* authenticate(full), keys, ["session", "17"])
      const elsewhere = yield* Effect.flip(VerifiedIdentity.open(sealed, keys, ["session", "18"]))
      expect(elsewhere._tag).toBe("DecryptionFailed")
      const other = yield* Sealing.seal(Redacted.make("{}"), keys, ["VerifiedIdentity"])
      expect((yield* Effect.flip(VerifiedIdentity.open(other, keys))).message).toContain("no verified identity")
    })
  )
})
