// Every error, in every way that shows it: its tag, its sentence once, the fields of its reason, and no secret.
import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequestError,
  ClientRegistration,
  DiscoveryError,
  IdTokenError,
  PendingStore,
  SigningKey,
  TokenError
} from "@effect-ciba/core"
import { Cause, Duration, Effect, Logger, Predicate, References, Schema } from "effect"
import { NotEncrypted } from "../../src/crypto/DecryptionFailed.ts"
import { TransportError } from "../../src/http/TransportError.ts"
import { steps } from "../../src/internal/NextStep.ts"
import * as RegistrationError from "../../src/provider/RegistrationError.ts"
import * as ResourceError from "../../src/resource/ResourceError.ts"
import * as UserInfoError from "../../src/resource/UserInfoError.ts"
import * as IntrospectionError from "../../src/token/IntrospectionError.ts"

const lost = new TransportError({
  kind: "UnexpectedStatus",
  method: "POST",
  url: "https://provider.test/token",
  status: 502,
  retryAfter: Duration.seconds(7)
})

const denied = { code: "access_denied", status: 400, description: "no", uri: "https://provider.test/errors" }

/** An error of each stage and layer, its sentence, and fields that have to be seen. */
const errors: ReadonlyArray<readonly [error: Error & { readonly advice: string }, sentence: string, ...string[]]> = [
  [new TokenError.TokenError({ reason: new TokenError.AccessDenied(denied) }), "the end-user refused", "no"],
  [
    new TokenError.TokenError({ reason: new TokenError.OutcomeUnknown({ lost }) }),
    "the end-user may have approved",
    "UnexpectedStatus",
    "502"
  ],
  [
    new AuthenticationRequestError.AuthenticationRequestError({
      reason: new AuthenticationRequestError.InvalidParameter({ parameter: "scope", problem: "it is empty" })
    }),
    "scope: it is empty",
    "InvalidParameter"
  ],
  [
    new DiscoveryError.DiscoveryError({ reason: lost }),
    "the server responded with an unexpected status",
    "https://provider.test/token",
    "502"
  ],
  [
    new IdTokenError.IdTokenError({
      reason: new IdTokenError.WrongIssuer({ expected: "https://provider.test", actual: "https://evil.test" })
    }),
    "another issuer issued the token",
    "https://provider.test",
    "https://evil.test"
  ],
  [new IdTokenError.IdTokenError({ reason: new NotEncrypted() }), "is not encrypted", "NotEncrypted"],
  [
    new IntrospectionError.IntrospectionError({
      reason: new IntrospectionError.UnexpectedValue({ member: "aud", expected: "us", actual: "them" })
    }),
    "a member of the response has another value",
    "aud",
    "them"
  ],
  [
    new UserInfoError.UserInfoError({ reason: new UserInfoError.NotSigned({ expected: "RS256" }) }),
    "the response is not signed",
    "RS256"
  ],
  [
    new ResourceError.ResourceError({
      reason: new ResourceError.InsufficientScope({ code: "insufficient_scope", status: 403, scope: ["a", "b"] })
    }),
    "the access token lacks the scope",
    "403"
  ],
  [
    new RegistrationError.RegistrationError({ reason: new RegistrationError.Unauthorized({ status: 401 }) }),
    "does not accept the access token",
    "401"
  ],
  [
    new ClientRegistration.ClientRegistrationError({ parameter: "clientId", problem: "it is not there" }),
    "clientId: it is not there"
  ],
  [new SigningKey.InvalidKey({ problem: "it is too short" }), "the key cannot be used", "it is too short"],
  [
    new PendingStore.PendingStoreError({ operation: "put", problem: "the disk is full" }),
    "the store of pending authentications failed",
    "put",
    "the disk is full"
  ]
]

/** What the loggers make of an error: as the message, beside a message, and as the cause. */
const logInEveryFormat = (error: Error): Effect.Effect<ReadonlyArray<readonly [where: string, line: string]>> => {
  const lines: Array<readonly [where: string, line: string]> = []
  const logger = Logger.make((options) => {
    lines.push(["the simple logger", Logger.formatSimple.log(options)])
    lines.push(["the logfmt logger", Logger.formatLogFmt.log(options)])
    lines.push(["the JSON logger", Logger.formatJson.log(options)])
    lines.push(["the structured logger", inspect(Logger.formatStructured.log(options), { depth: 9 })])
    for (const part of [options.message].flat()) if (part === error) lines.push(["the pretty logger", inspect(part)])
  })
  return Effect.logError(error).pipe(
    Effect.andThen(Effect.logError("it failed", error)),
    Effect.andThen(Effect.logError(Cause.fail(error))),
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.map(() => lines)
  )
}

const ways = (error: Error): Effect.Effect<ReadonlyArray<readonly [where: string, text: string]>> =>
  Effect.map(logInEveryFormat(error), (lines) => [
    ["String", String(error)],
    ["JSON.stringify", JSON.stringify(error)],
    ["console.error", inspect(error)],
    ["inspect of a record with the error", inspect({ error })],
    ["Cause.pretty", Cause.pretty(Cause.fail(error))],
    ...lines
  ])

const count = (text: string, part: string): number => text.split(part).length - 1

/** Text as it is quoted in a line of a logger, made plain. */
const plain = (text: string): string =>
  text
    .replaceAll(/\\+(["'])/g, "$1")
    .replaceAll(/' \+\s+'/g, "")
    .replaceAll(/\\n/g, "\n")

describe("an error", () => {
  for (const [error, sentence, ...fields] of errors) {
    const reason = Predicate.hasProperty(error, "reason") ? error.reason : undefined
    const tag = Predicate.isTagged(reason, error.name) || !Predicate.hasProperty(reason, "_tag") ? "" : `${reason._tag}`

    it.effect(`${error.name} ${tag} shows tag, sentence and fields once in every way`, () =>
      Effect.gen(function* () {
        for (const [where, text] of yield* ways(error)) {
          const shown = plain(text)
          expect(shown, where).toContain(error.name)
          expect(shown, where).toContain(tag)
          expect(count(shown, sentence), `${where}: ${shown}`).toBe(1)
          for (const field of fields) expect(shown, where).toContain(field)
        }
      })
    )

    it(`${error.name} ${tag} shows its stack in console.error and Cause.pretty, and advice in words`, () => {
      for (const text of [inspect(error), Cause.pretty(Cause.fail(error))]) {
        expect(text).toMatch(/\n +at .*errorDisplay\.test\.ts/)
        expect(text.split("\n")[0]).toBe(String(error))
      }
      expect(Object.values(steps).map(({ advice }) => advice)).toContain(error.advice)
    })
  }

  it("is one line in JSON, with the fields of the reason and without a stack", () => {
    expect(JSON.parse(JSON.stringify(errors[0]?.[0]))).toEqual({
      _tag: "TokenError",
      message: "AccessDenied: the end-user refused (access_denied, status 400)",
      reason: { _tag: "AccessDenied", ...denied }
    })
  })

  it("is its tag alone where console.error is too deep to show it", () => {
    const error = new SigningKey.InvalidKey({ problem: "it is too short" })
    expect(inspect({ a: { b: { c: [error] } } }, { depth: 2 })).not.toContain("too short")
    expect(inspect([[[[error]]]], { depth: 3 })).toContain("[InvalidKey]")
  })

  it.effect("is caught by its tag and its reason's", () =>
    Effect.gen(function* () {
      const caught = yield* Effect.fail(
        new TokenError.TokenError({ reason: new TokenError.AccessDenied(denied) })
      ).pipe(Effect.catchReason("TokenError", "AccessDenied", ({ description }) => Effect.succeed(description)))
      expect(caught).toBe("no")
    })
  )

  it.effect("has its class, message and advice again after it was encoded and decoded", () =>
    Effect.gen(function* () {
      const codec = Schema.toCodecJson(TokenError.TokenError)
      const error = new TokenError.TokenError({ reason: new TokenError.OutcomeUnknown({ lost }) })
      const decoded = yield* Schema.decodeEffect(codec)(yield* Schema.encodeEffect(codec)(error))
      expect(decoded.reason).toBeInstanceOf(TokenError.OutcomeUnknown)
      expect([decoded.message, decoded.advice]).toEqual([error.message, error.advice])
    })
  )
})
