import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import {
  authenticate,
  failureOf,
  respondedAt,
  type Variation,
  withClaims,
  withTimes
} from "../support/ForgedResponses.ts"

const day = 24 * 3600

const at = (offset: number) => DateTime.makeUnsafe((respondedAt + offset) * 1000)

const expired = (offset: number) => ({ _tag: "Expired", at: at(offset) })

const notYet = (claim: "iat" | "nbf", offset: number) => ({ _tag: "NotYetValid", claim, at: at(offset) })

const tolerating = (clockTolerance: string, given: Variation): Variation => ({
  ...given,
  options: { clockTolerance: clockTolerance === "none" ? 0 : "10 seconds" }
})

const maxAge = (seconds: string | number, given: Variation): Variation => ({
  ...given,
  request: { extensionParameters: { max_age: seconds } }
})

const registered = (options: Variation["options"], given: Variation): Variation => ({
  ...given,
  options: { ...options }
})

const accepted: ReadonlyArray<readonly [title: string, given: Variation]> = [
  ["an end a millisecond short of thirty seconds ago (J8)", withTimes({ exp: -29.999 })],
  ["a beginning three seconds ahead (J9, T-24)", withTimes({ iat: 3 })],
  ["a beginning thirty seconds ahead (J9)", withTimes({ iat: 30 })],
  ["validity from thirty seconds ahead (T-24)", withTimes({ nbf: 30 })],
  ["a beginning a day ago (J9)", withTimes({ iat: -day })],
  ["an end a millisecond short of the registered tolerance ago (J8)", tolerating("ten", withTimes({ exp: -9.999 }))],
  ["a beginning as far ahead as the registered tolerance (J9)", tolerating("ten", withTimes({ iat: 10 }))],
  ["an end a millisecond ahead, where nothing is tolerated (J8)", tolerating("none", withTimes({ exp: 0.001 }))],
  ["a beginning this instant, where nothing is tolerated (J9)", tolerating("none", withTimes({ iat: 0 }))],
  ["an authentication as old as max_age and the tolerance (I10)", maxAge("300", withTimes({ auth_time: -330 }))],
  ["an old authentication, where no max_age was sent", withTimes({ auth_time: -day })],
  ["no time of authentication, where no max_age was sent", withClaims({ auth_time: undefined })],
  [
    "an authentication as old as the registered default_max_age and the tolerance",
    registered({ defaultMaxAge: "5 minutes" }, withTimes({ auth_time: -330 }))
  ],
  [
    "an authentication older than the registered default_max_age, where a larger max_age was sent",
    maxAge("3600", registered({ defaultMaxAge: "5 minutes" }, withTimes({ auth_time: -600 })))
  ],
  [
    "an authentication of any age, where require_auth_time is registered",
    registered({ requireAuthTime: true }, withTimes({ auth_time: -day * 30 }))
  ]
]

const refused: ReadonlyArray<readonly [title: string, reason: object, given: Variation]> = [
  ["no end (J8)", { _tag: "InvalidClaims", issues: 'Missing key\n  at ["exp"]' }, withClaims({ exp: undefined })],
  [
    "an end that is text (J8)",
    { _tag: "InvalidClaims", issues: 'Expected number\n  at ["exp"]' },
    withClaims({ exp: `${respondedAt + 600}` })
  ],
  ["an end six minutes ago (J8)", expired(-360), withTimes({ exp: -360 })],
  ["an end thirty seconds ago, to the millisecond (J8)", expired(-30), withTimes({ exp: -30 })],
  ["an end as long ago as the registered tolerance (J8)", expired(-10), tolerating("ten", withTimes({ exp: -10 }))],
  ["an end this instant, where nothing is tolerated (J8)", expired(0), tolerating("none", withTimes({ exp: 0 }))],
  ["no beginning (J9)", { _tag: "InvalidClaims", issues: 'Missing key\n  at ["iat"]' }, withClaims({ iat: undefined })],
  ["a beginning ten minutes ahead (J9)", notYet("iat", 600), withTimes({ iat: 600 })],
  ["a beginning a millisecond more than thirty seconds ahead (J9)", notYet("iat", 30.001), withTimes({ iat: 30.001 })],
  [
    "a beginning a millisecond beyond the registered tolerance (J9)",
    notYet("iat", 10.001),
    tolerating("ten", withTimes({ iat: 10.001 }))
  ],
  [
    "a beginning a millisecond ahead, where nothing is tolerated (J9)",
    notYet("iat", 0.001),
    tolerating("none", withTimes({ iat: 0.001 }))
  ],
  ["a beginning a week ago (J9)", { _tag: "IssuedTooLongAgo", at: at(-7 * day) }, withTimes({ iat: -7 * day })],
  [
    "a beginning a millisecond more than a day ago (J9)",
    { _tag: "IssuedTooLongAgo", at: at(-day - 0.001) },
    withTimes({ iat: -day - 0.001 })
  ],
  ["validity from ten minutes ahead", notYet("nbf", 600), withTimes({ nbf: 600 })],
  ["validity from a millisecond more than thirty seconds ahead", notYet("nbf", 30.001), withTimes({ nbf: 30.001 })],
  [
    "an authentication a millisecond older than max_age and the tolerance (I10)",
    { _tag: "StaleAuthentication", at: at(-330.001) },
    maxAge("300", withTimes({ auth_time: -330.001 }))
  ],
  [
    "an authentication a minute ahead, where max_age was sent (I10)",
    { _tag: "StaleAuthentication", at: at(60) },
    maxAge("300", withTimes({ auth_time: 60 }))
  ],
  [
    "an authentication too old for a max_age that was sent as a number (I10)",
    { _tag: "StaleAuthentication", at: at(-331) },
    maxAge(300, withTimes({ auth_time: -331 }))
  ],
  [
    "an authentication a minute ago, where a fresh one was wanted (I10)",
    { _tag: "StaleAuthentication", at: at(-60) },
    maxAge("0", withTimes({ auth_time: -60 }))
  ],
  [
    "no time of authentication, where max_age was sent (I10)",
    { _tag: "StaleAuthentication" },
    maxAge("300", withClaims({ auth_time: undefined }))
  ],
  [
    "an authentication a millisecond older than the registered default_max_age and the tolerance",
    { _tag: "StaleAuthentication", at: at(-330.001) },
    registered({ defaultMaxAge: "5 minutes" }, withTimes({ auth_time: -330.001 }))
  ],
  [
    "no time of authentication, where default_max_age is registered",
    { _tag: "StaleAuthentication" },
    registered({ defaultMaxAge: "5 minutes" }, withClaims({ auth_time: undefined }))
  ],
  [
    "no time of authentication, where require_auth_time is registered",
    { _tag: "StaleAuthentication" },
    registered({ requireAuthTime: true }, withClaims({ auth_time: undefined }))
  ]
]

describe("an ID Token is believed with", () => {
  for (const [title, given] of accepted) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(given)).claims.marker).toBe("marker-claim")
      })
    )
  }
})

describe("an ID Token is refused, and shows nothing (I5), with", () => {
  for (const [title, reason, given] of refused) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(given)).toEqual({ stage: "IdTokenError", ...reason })
      })
    )
  }
})
