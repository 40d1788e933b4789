// Runs a whole flow at a provider that forges its token response.
import { inspect } from "node:util"
import { expect } from "@effect/vitest"
import { type AuthenticationRequest, Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { JsonObject, ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, identity, Layer } from "effect"
import { TestClock } from "effect/testing"
import { encodeJson } from "./Jwt.ts"
import { advanceUntilDone } from "./TestTime.ts"

/** One change to a flow that succeeds without it. */
export interface Variation {
  readonly provider?: ProviderOptions
  readonly options?: Partial<Ciba.Options>
  readonly request?: Partial<AuthenticationRequest.Options>
  /** Whether the ID Token is verified again for two minutes, because its key may not have been published yet. */
  readonly isDoubted?: boolean
}

export const issuer = "https://provider.test"

export const subject = "marker-subject"

/** When the token response arrives, in seconds: a month after the epoch, so that there is a past. */
export const respondedAt = 30 * 24 * 3600 + 5

export const layer = ({ options, provider }: Variation) =>
  Ciba.layer({
    issuer,
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    ...options
  }).pipe(Layer.orDie, Layer.provideMerge(TestProvider.layer({ user: TestUser.approve({ subject }), ...provider })))

/** Runs the flow to its identity. Every ID Token has a claim that is a marker. */
export const authenticate = (given: Variation) =>
  Effect.gen(function* () {
    yield* TestClock.adjust("30 days")
    const request = { scope: ["openid", "email"], hint: UserHint.login("jo@example.com"), ...given.request }
    const pending = yield* Ciba.initiate(request)
    const wait = yield* Effect.forkChild(Effect.exit(Ciba.complete(pending)))
    yield* TestClock.adjust("5 seconds")
    if (given.isDoubted === true) yield* advanceUntilDone(wait, "30 seconds")
    return yield* yield* Fiber.join(wait)
  }).pipe(Effect.provide(layer({ ...given, provider: withMarker(given.provider) })))

/** The stage that rejects, and its reason. Neither shows a token, the subject or the marker, however it is printed. */
export const failureOf = Effect.fnUntraced(function* (given: Variation) {
  const secrets = new Set([subject, "marker-claim"])
  const forge = given.provider?.tokenResponse ?? identity
  const tokenResponse = (honest: JsonObject) => {
    const forged = forge(honest)
    for (const token of [...tokensIn(honest), ...tokensIn(forged)]) secrets.add(token)
    return forged
  }
  const error = yield* Effect.flip(authenticate({ ...given, provider: { ...given.provider, tokenResponse } }))
  const shown = [
    error.message,
    String(error),
    encodeJson(error),
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })
  ].join("\n")
  expect(secrets.size).toBeGreaterThan(4)
  expect([...secrets].filter((secret) => shown.includes(secret))).toEqual([])
  return { stage: error._tag, ...error.reason }
})

/** An ID Token with other claims, signed as it should be. */
export const withClaims = (change: JsonObject): Variation => ({
  provider: { idTokenClaims: (honest) => ({ ...honest, ...change }) }
})

/** An ID Token with times that are so many seconds off the moment of the answer. */
export const withTimes = (offsets: Readonly<Record<string, number>>): Variation =>
  withClaims(Object.fromEntries(Object.entries(offsets).map(([claim, offset]) => [claim, respondedAt + offset])))

/** A token response with other members. */
export const withTokenResponse = (change: (body: JsonObject) => unknown): Variation => ({
  provider: { tokenResponse: change }
})

const withMarker = (provider: ProviderOptions = {}): ProviderOptions => ({
  ...provider,
  idTokenClaims: (honest) => (provider.idTokenClaims ?? identity)({ ...honest, marker: "marker-claim" })
})

/** Each part of each token in a response. */
const tokensIn = (body: unknown): ReadonlyArray<string> =>
  typeof body === "object" && body !== null
    ? Object.entries(body).flatMap(([name, value]) =>
        name.endsWith("_token") && typeof value === "string" ? value.split(".").filter((part) => part.length > 7) : []
      )
    : []
