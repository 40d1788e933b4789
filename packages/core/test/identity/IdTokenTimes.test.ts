import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { answeredAt, believed, claims, type Given, refusal, times } from "../support/Verdict.ts"

const day = 24 * 3600

const at = (offset: number) => DateTime.makeUnsafe((answeredAt + offset) * 1000)

const expired = (offset: number) => ({ _tag: "Expired", at: at(offset) })

const notYet = (claim: "iat" | "nbf", offset: number) => ({ _tag: "NotYetValid", claim, at: at(offset) })

const tolerating = (clockTolerance: string, given: Given): Given => ({
  ...given,
  options: { clockTolerance: clockTolerance === "none" ? 0 : "10 seconds" }
})

const maxAge = (seconds: string | number, given: Given): Given => ({
  ...given,
  request: { extensionParameters: { max_age: seconds } }
})

const registered = (options: Given["options"], given: Given): Given => ({ ...given, options: { ...options } })

const accepted: ReadonlyArray<readonly [title: string, given: Given]> = [
  ["an end a millisecond short of thirty seconds ago (J8)", times({ exp: -29.999 })],
  ["a beginning three seconds ahead (J9, T-24)", times({ iat: 3 })],
  ["a beginning thirty seconds ahead (J9)", times({ iat: 30 })],
  ["validity from thirty seconds ahead (T-24)", times({ nbf: 30 })],
  ["a beginning a day ago (J9)", times({ iat: -day })],
  ["an end a millisecond short of the registered tolerance ago (J8)", tolerating("ten", times({ exp: -9.999 }))],
  ["a beginning as far ahead as the registered tolerance (J9)", tolerating("ten", times({ iat: 10 }))],
  ["an end a millisecond ahead, where nothing is tolerated (J8)", tolerating("none", times({ exp: 0.001 }))],
  ["a beginning this instant, where nothing is tolerated (J9)", tolerating("none", times({ iat: 0 }))],
  ["an authentication as old as max_age and the tolerance (I10)", maxAge("300", times({ auth_time: -330 }))],
  ["an old authentication, where no max_age was sent", times({ auth_time: -day })],
  ["no time of authentication, where no max_age was sent", claims({ auth_time: undefined })],
  [
    "an authentication as old as the registered default_max_age and the tolerance",
    registered({ defaultMaxAge: "5 minutes" }, times({ auth_time: -330 }))
  ],
  [
    "an authentication older than the registered default_max_age, where a larger max_age was sent",
    maxAge("3600", registered({ defaultMaxAge: "5 minutes" }, times({ auth_time: -600 })))
  ],
  [
    "an authentication of any age, where require_auth_time is registered",
    registered({ requireAuthTime: true }, times({ auth_time: -day * 30 }))
  ]
]

const refused: ReadonlyArray<readonly [title: string, reason: object, given: Given]> = [
  ["no end (J8)", { _tag: "InvalidClaims", issues: 'Missing key\n  at ["exp"]' }, claims({ exp: undefined })],
  [
    "an end that is text (J8)",
    { _tag: "InvalidClaims", issues: 'Expected number\n  at ["exp"]' },
    claims({ exp: `${answeredAt + 600}` })
  ],
  ["an end six minutes ago (J8)", expired(-360), times({ exp: -360 })],
  ["an end thirty seconds ago, to the millisecond (J8)", expired(-30), times({ exp: -30 })],
  ["an end as long ago as the registered tolerance (J8)", expired(-10), tolerating("ten", times({ exp: -10 }))],
  ["an end this instant, where nothing is tolerated (J8)", expired(0), tolerating("none", times({ exp: 0 }))],
  ["no beginning (J9)", { _tag: "InvalidClaims", issues: 'Missing key\n  at ["iat"]' }, claims({ iat: undefined })],
  ["a beginning ten minutes ahead (J9)", notYet("iat", 600), times({ iat: 600 })],
  ["a beginning a millisecond more than thirty seconds ahead (J9)", notYet("iat", 30.001), times({ iat: 30.001 })],
  [
    "a beginning a millisecond beyond the registered tolerance (J9)",
    notYet("iat", 10.001),
    tolerating("ten", times({ iat: 10.001 }))
  ],
  [
    "a beginning a millisecond ahead, where nothing is tolerated (J9)",
    notYet("iat", 0.001),
    tolerating("none", times({ iat: 0.001 }))
  ],
  ["a beginning a week ago (J9)", { _tag: "IssuedTooLongAgo", at: at(-7 * day) }, times({ iat: -7 * day })],
  [
    "a beginning a millisecond more than a day ago (J9)",
    { _tag: "IssuedTooLongAgo", at: at(-day - 0.001) },
    times({ iat: -day - 0.001 })
  ],
  ["validity from ten minutes ahead", notYet("nbf", 600), times({ nbf: 600 })],
  ["validity from a millisecond more than thirty seconds ahead", notYet("nbf", 30.001), times({ nbf: 30.001 })],
  [
    "an authentication a millisecond older than max_age and the tolerance (I10)",
    { _tag: "StaleAuthentication", at: at(-330.001) },
    maxAge("300", times({ auth_time: -330.001 }))
  ],
  [
    "an authentication a minute ahead, where max_age was sent (I10)",
    { _tag: "StaleAuthentication", at: at(60) },
    maxAge("300", times({ auth_time: 60 }))
  ],
  [
    "an authentication too old for a max_age that was sent as a number (I10)",
    { _tag: "StaleAuthentication", at: at(-331) },
    maxAge(300, times({ auth_time: -331 }))
  ],
  [
    "an authentication a minute ago, where a fresh one was wanted (I10)",
    { _tag: "StaleAuthentication", at: at(-60) },
    maxAge("0", times({ auth_time: -60 }))
  ],
  [
    "no time of authentication, where max_age was sent (I10)",
    { _tag: "StaleAuthentication" },
    maxAge("300", claims({ auth_time: undefined }))
  ],
  [
    "an authentication a millisecond older than the registered default_max_age and the tolerance",
    { _tag: "StaleAuthentication", at: at(-330.001) },
    registered({ defaultMaxAge: "5 minutes" }, times({ auth_time: -330.001 }))
  ],
  [
    "no time of authentication, where default_max_age is registered",
    { _tag: "StaleAuthentication" },
    registered({ defaultMaxAge: "5 minutes" }, claims({ auth_time: undefined }))
  ],
  [
    "no time of authentication, where require_auth_time is registered",
    { _tag: "StaleAuthentication" },
    registered({ requireAuthTime: true }, claims({ auth_time: undefined }))
  ]
]

describe("an ID Token is believed with", () => {
  for (const [title, given] of accepted) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect((yield* believed(given)).claims.marker).toBe("marker-claim")
      })
    )
  }
})

describe("an ID Token is refused, and shows nothing (I5), with", () => {
  for (const [title, reason, given] of refused) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect(yield* refusal(given)).toEqual({ stage: "IdTokenError", ...reason })
      })
    )
  }
})
