/**
 * Authenticated encryption of text for storage: who can read or write the storage can neither read nor change the text.
 *
 * **When to use**
 *
 * For pending authentications and other secrets in a database, a file or a cookie: `PendingStore` takes these keys.
 *
 * **Details**
 *
 * - A sealed text is a compact JWE with a key of 256 bits (`dir`, `A256GCM`); its header names the key.
 * - The first key seals. The others open texts that were sealed before a key rotation.
 *
 * **Example** (A key rotation)
 *
 * ```ts
 * import { Sealing } from "@effect-ciba/core"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const [old, current] = yield* Effect.all([Sealing.generate("2026-10"), Sealing.generate("2026-11")])
 *   const sealed = yield* Sealing.seal(Redacted.make("text"), [old])
 *   return Redacted.value(yield* Sealing.open(sealed, [current, old]))
 * })
 *
 * await Effect.runPromise(program) // => "text"
 * ```
 *
 * @see RFC 7516
 */
import { Effect, Redacted } from "effect"
import { Base64Url } from "effect/encoding"
import * as jose from "jose"
import { DecryptionFailed } from "./DecryptionFailed.ts"
import * as RandomToken from "./RandomToken.ts"
import { InvalidKey } from "./SigningKey.ts"

/**
 * A key of 256 bits with its name.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface SealingKey {
  readonly keyId: string
  readonly material: Redacted.Redacted<Uint8Array>
}

/**
 * The keys: the first one seals, all of them open.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Keys = readonly [SealingKey, ...ReadonlyArray<SealingKey>]

/**
 * A key from its 32 bytes, as base64url text.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromBytes = (keyId: string, bytes: Redacted.Redacted<string>): Effect.Effect<SealingKey, InvalidKey> =>
  Effect.fromResult(Base64Url.decode(Redacted.value(bytes))).pipe(
    Effect.filterOrFail((read) => read.byteLength === 32),
    Effect.mapBoth({
      onFailure: () => new InvalidKey({ problem: "a sealing key is 32 random bytes as base64url text" }),
      onSuccess: (read) => makeKey(keyId, read)
    })
  )

/**
 * A new random key.
 *
 * @since 0.1.0
 * @stability stable
 */
export const generate = (keyId: string): Effect.Effect<SealingKey> =>
  Effect.flatMap(RandomToken.source, (random) => Effect.map(random.randomBytes(32), (bytes) => makeKey(keyId, bytes)))

/**
 * Encrypts a text with the first key.
 *
 * @since 0.1.0
 * @stability stable
 */
export const seal = (text: Redacted.Redacted<string>, [key]: Keys): Effect.Effect<string> =>
  Effect.promise(() =>
    new jose.CompactEncrypt(new TextEncoder().encode(Redacted.value(text)))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: key.keyId })
      .encrypt(Redacted.value(key.material))
  )

/**
 * Decrypts a text that one of the keys has sealed.
 *
 * @since 0.1.0
 * @stability stable
 */
export const open = (sealed: string, keys: Keys): Effect.Effect<Redacted.Redacted<string>, DecryptionFailed> =>
  Effect.tryPromise({
    try: () =>
      jose.compactDecrypt(
        sealed,
        ({ kid }) => Redacted.value(keys.find(({ keyId }) => keyId === kid)?.material ?? keys[0].material),
        { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] }
      ),
    catch: () => new DecryptionFailed({ problem: "none of the keys has sealed it, or it was changed since" })
  }).pipe(Effect.map(({ plaintext }) => Redacted.make(new TextDecoder().decode(plaintext), { label: "sealed text" })))

const makeKey = (keyId: string, bytes: Uint8Array): SealingKey => ({
  keyId,
  material: Redacted.make(bytes, { label: "sealing key" })
})
