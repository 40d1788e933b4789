/**
 * Whether a public key can be imported, by its members alone: Web Crypto would say it later, and not at once.
 *
 * @see RFC 7518 section 6, RFC 8037 section 2, FIPS 186-5
 */
import { Result } from "effect"
import { Hex } from "effect/encoding"
import { memoize } from "effect/Function"
import * as KeyMembers from "./KeyMembers.ts"

/**
 * Coordinates that are a point of the curve, or a public key of the right length; `true` where nothing is known of the type. It is
 * found out once for each object.
 */
export const isComplete: (key: KeyMembers.Material) => boolean = memoize(({ alg, crv, kty, pub, x, y }) => {
  if (kty === "EC") {
    const curve = curves.get(crv)
    return curve === undefined || isOnCurve(curve, toInteger(x), toInteger(y))
  }
  const length = kty === "OKP" ? lengths.get(crv) : kty === "AKP" ? lengths.get(alg) : undefined
  return length === undefined || bytesOf(kty === "OKP" ? x : pub)?.length === length
})

interface Curve {
  readonly prime: bigint
  readonly b: bigint
}

/** A coordinate that is missing is none that is small enough. */
const isOnCurve = ({ b, prime }: Curve, x = prime, y = prime): boolean =>
  x < prime && y < prime && (y * y - x * x * x + 3n * x - b) % prime === 0n

const bytesOf = (member: unknown): Uint8Array | undefined =>
  typeof member === "string" && member.length <= maxLength
    ? Result.getOrUndefined(KeyMembers.decodeBinary(member))
    : undefined

const toInteger = (member: unknown): bigint | undefined => {
  const bytes = bytesOf(member)
  return bytes === undefined || bytes.length === 0 ? undefined : BigInt(`0x${Hex.encode(bytes)}`)
}

const maxLength = 4000

const curves = new Map<unknown, Curve>([
  [
    "P-256",
    {
      prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
    }
  ],
  [
    "P-384",
    {
      prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn
    }
  ],
  [
    "P-521",
    {
      prime: 2n ** 521n - 1n,
      b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n
    }
  ]
])

/** Public keys in bytes, by curve or algorithm. */
const lengths = new Map<unknown, number>([
  ["Ed25519", 32],
  ["ML-DSA-44", 1312],
  ["ML-DSA-65", 1952],
  ["ML-DSA-87", 2592]
])
