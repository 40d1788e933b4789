/** Which RSA keys of others are used: an odd one must not cost seconds of CPU (RFC 8725 section 3.5). */
import { Result } from "effect"
import { Base64Url, Hex } from "effect/encoding"
import type { JsonWebKey } from "./JsonWebKey.ts"

/** A modulus of 2048 to 8192 bits, and an odd exponent from 3 to 2^32; `true` for keys of other types. */
export const isWithinLimits = ({ e, kty, n }: JsonWebKey): boolean => {
  if (kty !== "RSA") return true
  const modulus = toInteger(n)
  const exponent = toInteger(e)
  return (
    modulus >= 1n << 2047n && modulus < 1n << 8192n && exponent >= 3n && exponent <= 1n << 32n && exponent % 2n === 1n
  )
}

/** The integer in base64url, or in plain base64 as some publish it; 0 if it is none, or too long. */
const toInteger = (member: unknown): bigint => {
  if (typeof member !== "string" || member.length > maxLength) return 0n
  const text = member.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
  return Result.match(Base64Url.decode(text), {
    onFailure: () => 0n,
    onSuccess: (bytes) => BigInt(`0x0${Hex.encode(bytes)}`)
  })
}

const maxLength = 1400
