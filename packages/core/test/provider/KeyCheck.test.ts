import { expect, it } from "@effect/vitest"
import { ProviderKeys } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as KeyCheck from "../../src/provider/KeyCheck.ts"
import { broken, type Keys, makeKeys } from "../support/RenewedKeys.ts"

const complete = Effect.map(TestKeys.signing("ES256"), ({ publicJwk }) => publicJwk)

/** The finding for what is published, and how often the keys were fetched again. */
const check = Effect.fnUntraced(function* (published: Keys, renewed: Keys) {
  const { fetches, keys } = makeKeys(published, renewed)
  const find = yield* Effect.provideService(KeyCheck.make, ProviderKeys.ProviderKeys, keys)
  return [yield* find("ES256"), fetches()]
})

it.effect("a published key is usable if it is complete, also beside a broken one", () =>
  Effect.gen(function* () {
    const key = yield* complete
    expect(yield* check([key], [])).toEqual(["Usable", 0])
    expect(yield* check([broken, key], [])).toEqual(["Usable", 0])
  })
)

it.effect("if all published keys are broken, those that are published by now decide", () =>
  Effect.gen(function* () {
    const key = yield* complete
    expect(yield* check([broken], [broken, key])).toEqual(["Usable", 1])
    expect(yield* check([broken], [broken])).toEqual(["Unusable", 1])
    expect(yield* check([broken], [])).toEqual(["Unusable", 1])
  })
)

it.effect("a key is missing if none fits: to look for one was to fetch the keys", () =>
  Effect.gen(function* () {
    expect(yield* check([], [yield* complete])).toEqual(["Missing", 0])
  })
)
