/**
 * A pending authentication for storage that may be read by others: sealed as a whole, secrets and all.
 *
 * **Example** (Out of one process, into another)
 *
 * ```ts
 * import { Ciba, SealedAuthentication, type Sealing } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const later = Effect.fnUntraced(function* (sealed: string, keys: Sealing.Keys) {
 *   return yield* Ciba.complete(yield* SealedAuthentication.open(sealed, keys))
 * })
 *
 * typeof later // => "function"
 * ```
 */
import { Effect, Redacted, Schema } from "effect"
import { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import * as Sealing from "../crypto/Sealing.ts"
import { type PendingAuthentication, unsafeJson } from "./PendingAuthentication.ts"

/** Seals a pending authentication with the first key. */
export const seal = (pending: PendingAuthentication, keys: Sealing.Keys): Effect.Effect<string> =>
  Effect.flatMap(Effect.orDie(encode(pending)), (text) => Sealing.seal(Redacted.make(text), keys))

/** Opens what one of the keys has sealed. */
export const open = (sealed: string, keys: Sealing.Keys): Effect.Effect<PendingAuthentication, DecryptionFailed> =>
  Effect.flatMap(Sealing.open(sealed, keys), (text) =>
    Effect.mapError(
      decode(Redacted.value(text)),
      () => new DecryptionFailed({ problem: "inside is no pending authentication of a version that is known here" })
    )
  )

const encode = /* @__PURE__ */ Schema.encodeEffect(unsafeJson)

const decode = /* @__PURE__ */ Schema.decodeEffect(unsafeJson)
