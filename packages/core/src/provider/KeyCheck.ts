/**
 * Whether the provider publishes a key that ID Tokens can be verified with: found out before the end-user is asked, since a
 * key that fits the algorithm may yet be one that cannot be imported.
 */
import { Effect } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as KeyShape from "../crypto/KeyShape.ts"
import type { DiscoveryError } from "./DiscoveryError.ts"
import { ProviderKeys } from "./ProviderKeys.ts"

/** What the provider publishes for an algorithm. */
export type Finding = "Usable" | "Unusable" | "Missing"

/** Looks for a key of the configured provider; for another one, if those of its set are broken. */
export const make: Effect.Effect<
  (algorithm: JwsAlgorithm.Asymmetric) => Effect.Effect<Finding, DiscoveryError>,
  never,
  ProviderKeys
> = Effect.map(ProviderKeys, (keys) => (algorithm) => {
  const query = { algorithm, keyId: undefined }
  return Effect.flatMap(keys.candidates(query), (found): Effect.Effect<Finding, DiscoveryError> => {
    if (found.length === 0) return Effect.succeed("Missing")
    return found.some(KeyShape.isComplete)
      ? Effect.succeed("Usable")
      : Effect.map(keys.refetch(query), (renewed) => (renewed.some(KeyShape.isComplete) ? "Usable" : "Unusable"))
  })
})
