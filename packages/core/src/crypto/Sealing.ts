/**
 * Authenticated encryption of text for storage: who can read or write the storage can neither read nor change the text.
 *
 * **When to use**
 *
 * For pending authentications and other secrets in a database, a file or a cookie, and for what no other program may change:
 * `PendingStore` and `ProviderKeyStore` take these keys.
 *
 * **Details**
 *
 * - A sealed text is a JWE with a key of 256 bits (`dir`, `A256GCM`); its header names the key, and the revision of the format.
 * - The first key seals. The others open texts that were sealed before a key rotation.
 * - A context is authenticated with the text and not part of what is stored: what opens the text has to name it. With the
 *   name of an entry as its context, a text cannot be moved to another entry.
 *
 * **Example** (A key rotation)
 *
 * ```ts
 * import { Sealing } from "@effect-ciba/core"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const [old, current] = yield* Effect.all([Sealing.generate("2026-10"), Sealing.generate("2026-11")])
 *   const sealed = yield* Sealing.seal(Redacted.make("text"), [old], ["sessions", "17"])
 *   return Redacted.value(yield* Sealing.open(sealed, [current, old], ["sessions", "17"]))
 * })
 *
 * await Effect.runPromise(program) // => "text"
 * ```
 *
 * @see RFC 7516
 */
import { Effect, Redacted, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { memoize } from "effect/Function"
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
 * What a text is, and where it is stored.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Context = ReadonlyArray<string>

/**
 * A key from its 32 bytes, as text in base64 or base64url, such as `openssl rand -base64 32` writes.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromBytes = (keyId: string, bytes: Redacted.Redacted<string>): Effect.Effect<SealingKey, InvalidKey> =>
  Effect.fromResult(Base64Url.decode(Redacted.value(bytes).replaceAll("+", "-").replaceAll("/", "_"))).pipe(
    Effect.filterOrFail((read) => read.byteLength === 32),
    Effect.mapBoth({
      onFailure: () =>
        new InvalidKey({
          problem: "a sealing key is 32 random bytes as text in base64 or base64url: openssl rand -base64 32 makes one"
        }),
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
  Effect.map(RandomToken.bytes(32), (bytes) => makeKey(keyId, bytes))

/**
 * Encrypts a text with the first key. It is opened with the same context, which is none by default.
 *
 * @since 0.1.0
 * @stability stable
 */
export const seal = (text: Redacted.Redacted<string>, [key]: Keys, context: Context = []): Effect.Effect<string> =>
  Effect.map(
    Effect.flatMap(
      Effect.promise(() => importKey(key)),
      (imported) =>
        Effect.promise(() =>
          new jose.FlattenedEncrypt(encoder.encode(Redacted.value(text)))
            .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: key.keyId, rev: revision })
            .setAdditionalAuthenticatedData(encoder.encode(encodeContext(context)))
            .encrypt(imported)
        )
    ),
    ({ ciphertext, iv, protected: header, tag }) => [header, "", iv, ciphertext, tag].join(".")
  )

/**
 * Decrypts a text that one of the keys has sealed in this context.
 *
 * @since 0.1.0
 * @stability stable
 */
export const open = (
  sealed: string,
  keys: Keys,
  context: Context = []
): Effect.Effect<Redacted.Redacted<string>, DecryptionFailed> => {
  const [header = "", encryptedKey, iv = "", ciphertext = "", tag = "", ...more] = sealed.split(".")
  if (encryptedKey !== "" || more.length > 0) return Effect.fail(new DecryptionFailed({ problem: unopened }))
  const aad = Base64Url.encode(encodeContext(context))
  return Effect.tryPromise({
    try: () =>
      jose.flattenedDecrypt(
        { protected: header, iv, ciphertext, tag, aad },
        ({ kid } = {}) => importKey(keys.find(({ keyId }) => keyId === kid) ?? keys[0]),
        { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] }
      ),
    catch: () => new DecryptionFailed({ problem: unopened })
  }).pipe(
    Effect.filterOrFail(
      ({ protectedHeader }) => protectedHeader?.rev === revision,
      () => new DecryptionFailed({ problem: "it was sealed in a format that this release does not read" })
    ),
    Effect.map(({ plaintext }) => Redacted.make(new TextDecoder().decode(plaintext), { label: "sealed text" }))
  )
}

/** Imported once: jose would do so for each text. */
const importKey = memoize(
  ({ material }: SealingKey): Promise<CryptoKey> =>
    crypto.subtle.importKey("raw", Redacted.value(material).slice(), "AES-GCM", false, ["encrypt", "decrypt"])
)

const unopened = "none of the keys has sealed it for this place, or it was changed since"

/** The revision of the format: another one is not read. */
const revision = 1

const encoder = new TextEncoder()

const encodeContext = Schema.encodeSync(Schema.fromJsonString(Schema.Array(Schema.String)))

const makeKey = (keyId: string, bytes: Uint8Array): SealingKey => ({
  keyId,
  material: Redacted.make(bytes, { label: "sealing key" })
})
