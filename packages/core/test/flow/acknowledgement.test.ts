import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Ciba } from "@effect-ciba/core"
import { ProviderScript } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  acknowledgement,
  allDeliveryModes,
  cibaLayer,
  hint,
  initiate,
  requestsTo,
  withResponses
} from "../support/AuthenticationFlow.ts"

const acknowledging = (body: unknown) => withResponses(ProviderScript.json(200, body))

/** An acknowledgement that JSON.stringify cannot write. */
const acknowledgingText = (body: string) =>
  withResponses(ProviderScript.respond({ status: 200, headers: { "content-type": "application/json" }, body }))

const { auth_req_id: _id, ...withoutId } = acknowledgement
const { expires_in: _lifetime, ...withoutLifetime } = acknowledgement
const { interval: _interval, ...withoutInterval } = acknowledgement

describe("an authentication request acknowledgement", () => {
  it.effect("turns an acknowledgement into a pending authentication, and ignores unknown members (F7, F8)", () =>
    Effect.gen(function* () {
      const pending = yield* initiate()
      expect(Redacted.value(pending.authReqId)).toBe(acknowledgement.auth_req_id)
      expect({ ...pending, authReqId: "" }).toEqual({
        version: 1,
        id: pending.id,
        issuer: "https://provider.test",
        clientId: "test-client",
        authReqId: "",
        deliveryMode: "poll",
        requestedAt: DateTime.makeUnsafe(0),
        expiresAt: DateTime.makeUnsafe(120_000),
        interval: Duration.seconds(2),
        scope: ["openid"],
        hints: [hint.value],
        expectations: {}
      })
    }).pipe(Effect.provide(cibaLayer(acknowledging({ ...acknowledgement, error: "", extra: { deep: [1] } }))))
  )

  for (const id of ["a+b/c=%20&d", "ü ? #", "x".repeat(1000)]) {
    it.effect(`sends an auth_req_id back unchanged: ${id.slice(0, 12)} (F2)`, () =>
      Effect.gen(function* () {
        const pending = yield* initiate()
        yield* Effect.forkChild(Effect.ignore(Ciba.complete(pending)))
        yield* TestClock.adjust("2 seconds")
        const [poll] = yield* requestsTo("token")
        expect(poll?.parameters).toContainEqual(["auth_req_id", id])
      }).pipe(Effect.provide(cibaLayer(acknowledging({ ...acknowledgement, auth_req_id: id }))))
    )
  }

  const invalid: ReadonlyArray<readonly [title: string, body: unknown, issue: string]> = [
    ["no auth_req_id (F1)", withoutId, '["auth_req_id"]'],
    ["an empty auth_req_id (F1, F2)", { ...acknowledgement, auth_req_id: "" }, '["auth_req_id"]'],
    [
      "an auth_req_id of more than 8,192 characters (F2)",
      { ...acknowledgement, auth_req_id: "x".repeat(8193) },
      '["auth_req_id"]'
    ],
    ["a number as auth_req_id (F2)", { ...acknowledgement, auth_req_id: 7 }, '["auth_req_id"]'],
    ["null as auth_req_id (F2)", { ...acknowledgement, auth_req_id: null }, '["auth_req_id"]'],
    ["a list as auth_req_id (F2)", { ...acknowledgement, auth_req_id: ["id"] }, '["auth_req_id"]'],
    ["no expires_in (F1)", withoutLifetime, '["expires_in"]'],
    ...[0, -1, "abc", "-1", "0", "0x78", "1e2", " 120 ", "", null, [120], true].map(
      (value) =>
        [
          `expires_in ${JSON.stringify(value)} (F3, T-8)`,
          { ...acknowledgement, expires_in: value },
          '["expires_in"]'
        ] as const
    ),
    ["a list", [], "object"],
    ["null", null, "object"],
    ["text", "1c266114", "object"]
  ]
  for (const [title, body, issue] of invalid) {
    it.effect(`rejects an acknowledgement with ${title}, and sends nothing after it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(initiate())
        expect(error._tag).toBe("AuthenticationRequestError")
        expect(error.reason._tag).toBe("InvalidAcknowledgement")
        expect(error.message).toContain(issue)
        yield* TestClock.adjust("1 hour")
        expect(yield* requestsTo("backchannel")).toHaveLength(1)
        expect(yield* requestsTo("token")).toEqual([])
      }).pipe(Effect.provide(cibaLayer(acknowledging(body))))
    )
  }

  it.effect("names every problem of an acknowledgement, and shows no value of it (F1)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate())
      expect(error.message).toContain('["auth_req_id"]')
      expect(error.message).toContain('["expires_in"]')
      expect(error.message).not.toContain("\n")
      expect([inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error)].join()).not.toContain("marker")
    }).pipe(
      Effect.provide(cibaLayer(acknowledging({ auth_req_id: { id: "marker" }, expires_in: "marker", marker: 1 })))
    )
  )

  it.effect("takes an acknowledgement with a number that overflows, whose lifetime is ten years at most (F3)", () =>
    Effect.gen(function* () {
      const { expiresAt } = yield* initiate()
      expect(DateTime.toEpochMillis(expiresAt)).toBe(315_360_000_000)
    }).pipe(Effect.provide(cibaLayer(acknowledgingText('{"auth_req_id":"id","expires_in":1e400}'))))
  )
})

describe("the expiry of a pending authentication", () => {
  it.effect("counts the lifetime from the sending of the request, and not from the response (F10)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1000 seconds")
      const asked = yield* Effect.forkChild(initiate())
      yield* TestClock.adjust("20 seconds")
      expect((yield* Fiber.join(asked)).expiresAt).toEqual(DateTime.makeUnsafe(1_120_000))
    }).pipe(
      Effect.provide(
        cibaLayer(withResponses(ProviderScript.delay("20 seconds", ProviderScript.json(200, acknowledgement))))
      )
    )
  )

  it.effect("counts the lifetime from the sending of the request, and not from discovery (F10)", () =>
    Effect.gen(function* () {
      const asked = yield* Effect.forkChild(initiate())
      yield* TestClock.adjust("20 seconds")
      expect((yield* Fiber.join(asked)).expiresAt).toEqual(DateTime.makeUnsafe(140_000))
    }).pipe(
      Effect.provide(
        cibaLayer({
          ...acknowledging(acknowledgement),
          discoveryScript: ProviderScript.make([ProviderScript.delay("20 seconds", ProviderScript.proceed)])
        })
      )
    )
  )

  for (const [expiresIn, seconds] of [
    [1, 1],
    ["120", 120],
    ["007", 7],
    [315_360_000, 315_360_000],
    [30.5, 30],
    ["30.0", 30],
    [0.5, 1],
    [1e12, 315_360_000],
    ["9".repeat(400), 315_360_000]
  ] as const) {
    it.effect(`reads an expires_in of ${JSON.stringify(expiresIn).slice(0, 12)} as ${seconds} seconds (F3, T-8)`, () =>
      Effect.gen(function* () {
        expect((yield* initiate()).expiresAt).toEqual(DateTime.makeUnsafe(seconds * 1000))
      }).pipe(Effect.provide(cibaLayer(acknowledging({ ...acknowledgement, expires_in: expiresIn }))))
    )
  }

  for (const given of [30, 300]) {
    it.effect(`uses the provider's ${given} seconds when the client requested an expiry of 60 (T-25)`, () =>
      Effect.gen(function* () {
        const pending = yield* initiate({ requestedExpiry: "1 minute" })
        expect(pending.expiresAt).toEqual(DateTime.makeUnsafe(given * 1000))
        const [request] = yield* requestsTo("backchannel")
        expect(request?.parameters).toContainEqual(["requested_expiry", "60"])
      }).pipe(Effect.provide(cibaLayer(acknowledging({ ...acknowledgement, expires_in: given }))))
    )
  }
})

describe("the interval of a pending authentication", () => {
  const intervals: ReadonlyArray<readonly [interval: unknown, seconds: number]> = [
    [2, 2],
    [3600, 3600],
    ["7", 7],
    // a provider that does not care
    [0, 1],
    ["0", 1],
    // no number
    [undefined, 5],
    [-3, 5],
    ["-3", 5],
    [null, 5],
    ["", 5],
    [" ", 5],
    ["soon", 5],
    ["0x10", 5],
    [false, 5],
    [true, 5],
    [[], 5],
    [[0], 5],
    [{}, 5],
    // a number that is no count of seconds
    [0.5, 1],
    [1.5, 2],
    ["1.0", 1],
    [7.5, 8],
    ["7.5", 8],
    // a number beyond all lifetimes
    [1e12, 315_360_000],
    ["9".repeat(400), 315_360_000]
  ]
  for (const [interval, seconds] of intervals) {
    it.effect(
      `reads an interval of ${JSON.stringify(interval)?.slice(0, 12)} as ${seconds} seconds between polls (F4, F5, T-8)`,
      () =>
        Effect.gen(function* () {
          expect((yield* initiate()).interval).toEqual(Duration.seconds(seconds))
        }).pipe(Effect.provide(cibaLayer(acknowledging({ ...acknowledgement, interval }))))
    )
  }

  for (const [what, body] of [
    ["is absent", withoutInterval],
    ["is one", acknowledgement],
    ["is nonsense", { ...acknowledgement, interval: "soon" }]
  ] as const) {
    it.effect(`ignores an interval that ${what} in push mode, which has no polls (F6)`, () =>
      Effect.gen(function* () {
        const pending = yield* initiate()
        expect(pending.deliveryMode).toBe("push")
        yield* Effect.forkChild(Effect.ignore(Ciba.complete(pending)))
        yield* TestClock.adjust("1 hour")
        expect(yield* requestsTo("token")).toEqual([])
      }).pipe(Effect.provide(cibaLayer({ ...allDeliveryModes, ...acknowledging(body) }, { deliveryMode: "push" })))
    )
  }
})

describe("an acknowledgement with another status of success", () => {
  for (const status of [201, 202]) {
    it.effect(`counts if it has an auth_req_id, since the end-user is being asked: ${status} (F11)`, () =>
      Effect.gen(function* () {
        expect((yield* initiate()).interval).toEqual(Duration.seconds(2))
      }).pipe(Effect.provide(cibaLayer(withResponses(ProviderScript.json(status, acknowledgement)))))
    )
  }
})
