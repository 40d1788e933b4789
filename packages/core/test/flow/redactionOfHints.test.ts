// Errors of the provider that quote what the request said of the end-user: in the acknowledgement, a poll, or a push.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, Ciba, NotificationInbox, PendingStore, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { acknowledgement, cibaLayer, withResponses } from "../support/AuthenticationFlow.ts"
import { deliver } from "../support/Inbox.ts"
import { authReqId } from "../support/PendingAuthentications.ts"
import { advanceInSteps, storeOverKeyValue } from "../support/ProcessRestarts.ts"

const hints: Readonly<Record<string, Partial<AuthenticationRequest.Options>>> = {
  login_hint: { hint: UserHint.login("marker hint@example.com") },
  "login_hint with signs": { hint: UserHint.login("o'marker!(x)~@example.com") },
  login_hint_token: { hint: UserHint.loginToken("marker-token") },
  id_token_hint: { hint: UserHint.idToken("bWFya2Vy.eyJzdWIiOiJtYXJrZXItc3ViIn0.bWFya2Vy") },
  "user code": { hint: UserHint.login("jo"), userCode: Redacted.make("marker code") },
  nonce: { hint: UserHint.login("jo"), extensionParameters: { nonce: "marker-nonce" } }
}

/** What the provider could quote of a request. */
const quotable = ({ extensionParameters, hint, userCode }: Partial<AuthenticationRequest.Options>) =>
  String(
    extensionParameters?.nonce ??
      (userCode === undefined ? (hint === undefined ? "" : Redacted.value(hint.value)) : Redacted.value(userCode))
  )

const errorQuoting = (value: string) => ({
  error: "access_denied",
  error_description: `The end-user ${value} refused, ${encodeURIComponent(value)}`,
  error_uri: `https://op.example/help?about=${encodeURIComponent(value)}`
})

const withHints: ProviderOptions = {
  ...withResponses(ProviderScript.json(200, acknowledgement)),
  metadata: (document) => ({
    ...document,
    backchannel_token_delivery_modes_supported: ["poll", "push"],
    backchannel_user_code_parameter_supported: true
  })
}

const expectNothingOf = (value: string, error: { readonly reason: unknown }) => {
  expect(error.reason).toMatchObject({
    _tag: "AccessDenied",
    description: "The end-user <redacted> refused, <redacted>",
    uri: "https://op.example/help?about=<redacted>"
  })
  for (const text of [String(error), JSON.stringify(error), inspect(error, { depth: 9, showHidden: true })]) {
    expect(text).not.toContain(value)
  }
}

const stores: Readonly<Record<string, Layer.Layer<never>>> = {
  "without a store": Layer.empty,
  "with a sealed store, which has no hints": storeOverKeyValue
}

const isConfirmed = (options: Partial<AuthenticationRequest.Options>) => ({
  userCodeParameter: options.userCode !== undefined
})

describe("the error of a poll", () => {
  for (const [what, options] of Object.entries(hints)) {
    for (const [stored, store] of Object.entries(stores)) {
      it.effect(`does not show the ${what} that the provider quotes, ${stored} (C11, I13)`, () => {
        const value = quotable(options)
        const tokenScript = ProviderScript.make([ProviderScript.pending, ProviderScript.json(400, errorQuoting(value))])
        return Effect.gen(function* () {
          const request = { scope: ["openid"], hint: UserHint.login("jo"), ...options }
          const wait = yield* Effect.forkChild(Effect.flip(Ciba.authenticate(request)))
          yield* advanceInSteps("15 seconds")
          expectNothingOf(value, yield* Fiber.join(wait))
        }).pipe(
          Effect.provide(cibaLayer({ ...withHints, tokenScript }, isConfirmed(options)).pipe(Layer.provide(store)))
        )
      })
    }
  }
})

describe("the error of a push", () => {
  for (const [what, options] of Object.entries(hints)) {
    it.effect(`does not show the ${what} that the provider quotes (C11, I13)`, () => {
      const value = quotable(options)
      return Effect.gen(function* () {
        const inbox = yield* NotificationInbox.NotificationInbox
        const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo"), ...options })
        const wait = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
        yield* TestClock.adjust("1 second")
        const id = Redacted.value(pending.authReqId)
        const delivery = yield* deliver(inbox, pending.clientNotificationToken ?? Redacted.make(""), {
          authReqId: authReqId(id),
          body: Redacted.make({ auth_req_id: id, ...errorQuoting(value) }, { label: "notification" })
        })
        expect(delivery).toBe("Accepted")
        expectNothingOf(value, yield* Fiber.join(wait))
      }).pipe(
        Effect.provide(
          Layer.merge(cibaLayer(withHints, { deliveryMode: "push", ...isConfirmed(options) }), NotificationInbox.layer)
        )
      )
    })
  }
})

describe("after a restart", () => {
  it.effect("the hint is unknown, and an error that quotes it shows it: it is not stored for that (C11)", () =>
    Effect.gen(function* () {
      const store = yield* PendingStore.PendingStore
      yield* TestProvider.TestProvider
      yield* Effect.provide(
        Ciba.initiate({ scope: ["openid"], hint: UserHint.login("marker-hint") }),
        cibaLayer(withHints),
        { local: true }
      )
      const [stored] = yield* store.all
      expect(stored?.hints).toBeUndefined()
    }).pipe(Effect.provide(Layer.merge(storeOverKeyValue, TestProvider.layer(withHints))))
  )
})
