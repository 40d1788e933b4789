import { Effect } from "effect"
import { exportJWK, generateKeyPair, type JWK } from "jose"

export const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA"
] as const

export type Algorithm = (typeof algorithms)[number]

export type PrivateJwk = JWK & { readonly kty: string; readonly kid: string }

/** Private keys: one RSA key for all RSA algorithms, and one key for each curve. */
export type Keys = Readonly<Record<Algorithm, PrivateJwk>>

export const make = Effect.fnUntraced(function* (prefix: string): Effect.fn.Return<Keys> {
  const { RSA, ES256, ES384, ES512, EdDSA } = yield* Effect.all(
    {
      RSA: generate("RS256", `${prefix}-rsa`),
      ES256: generate("ES256", `${prefix}-p256`),
      ES384: generate("ES384", `${prefix}-p384`),
      ES512: generate("ES512", `${prefix}-p521`),
      EdDSA: generate("EdDSA", `${prefix}-ed25519`)
    },
    { concurrency: "unbounded" }
  )
  return { RS256: RSA, RS384: RSA, RS512: RSA, PS256: RSA, PS384: RSA, PS512: RSA, ES256, ES384, ES512, EdDSA }
})

/** Each key once, without the repetitions of the RSA key. */
export const privateSet = (keys: Keys): ReadonlyArray<PrivateJwk> => [...new Set(Object.values(keys))]

export const publicSet = (keys: Keys): ReadonlyArray<JWK> =>
  privateSet(keys).map(({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicJwk }) => publicJwk)

const generate = (algorithm: Algorithm, kid: string): Effect.Effect<PrivateJwk> =>
  Effect.promise(async () => {
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
    const jwk = await exportJWK(privateKey)
    return { ...jwk, kty: jwk.kty ?? "", kid }
  })
