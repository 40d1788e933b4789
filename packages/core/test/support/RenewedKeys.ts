// The keys of a provider that publishes others when they are fetched again.
import { ProviderKeys } from "@effect-ciba/core"
import { Effect } from "effect"

export type Keys = Effect.Success<ReturnType<ProviderKeys.Service["candidates"]>>

/** A key that no runtime can import. */
export const broken = { kty: "EC", crv: "P-256", x: "AQ", y: "AQ" }

/** The keys, and how often they were fetched again. */
export const makeKeys = (known: Keys, renewed: Keys) => {
  let fetches = 0
  const keys = ProviderKeys.ProviderKeys.of({
    candidates: () => Effect.succeed(known),
    refetch: () =>
      Effect.sync(() => {
        fetches += 1
        return renewed
      }),
    coolDown: undefined,
    prefetch: Effect.void
  })
  return { keys, fetches: () => fetches }
}
