/** Which RSA keys of others are used: an odd one must not cost seconds of CPU (RFC 8725 section 3.5). */
import { Result } from "effect"
import { Hex } from "effect/encoding"
import * as KeyMembers from "./KeyMembers.ts"

/** A modulus of 2048 to 8192 bits, and an odd exponent from 3 to 2^32; `true` for keys of other types. */
export const isWithinLimits = ({ e, kty, n }: KeyMembers.Material): boolean => {
  if (kty !== "RSA") return true
  const modulus = toInteger(n)
  const exponent = toInteger(e)
  return (
    modulus >= 1n << 2047n && modulus < 1n << 8192n && exponent >= 3n && exponent <= 1n << 32n && exponent % 2n === 1n
  )
}

/** What to say where no key is left for an algorithm; nothing if it is not of RSA. */
export const describeLimits = (algorithm: string): string | undefined =>
  /^[RP]S/.test(algorithm)
    ? "RSA keys count if they have 2048 to 8192 bits and an odd exponent from 3 to 2^32"
    : undefined

/** 0 if the member is no integer, or too long. */
const toInteger = (member: unknown): bigint =>
  typeof member === "string" && member.length <= maxLength
    ? Result.match(KeyMembers.decodeBinary(member), {
        onFailure: () => 0n,
        onSuccess: (bytes) => BigInt(`0x0${Hex.encode(bytes)}`)
      })
    : 0n

const maxLength = 1400
