import { generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { isComplete } from "../../src/crypto/KeyShape.ts"

const jwk = (namedCurve: string) => ({
  kty: "EC",
  ...generateKeyPairSync("ec", { namedCurve }).publicKey.export({ format: "jwk" })
})

const primes = {
  "P-256": 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  "P-384": 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  "P-521": 2n ** 521n - 1n
}

/** The same coordinate modulo the prime, which is another number. */
const shift = (curve: keyof typeof primes, coordinate: unknown): string => {
  const hex = Buffer.from(String(coordinate), "base64url").toString("hex")
  const shifted = (BigInt(`0x${hex}`) + primes[curve]).toString(16)
  return Buffer.from(shifted.padStart(2 * Math.ceil(shifted.length / 2), "0"), "hex").toString("base64url")
}

describe("KeyShape.isComplete", () => {
  for (const curve of ["P-256", "P-384", "P-521"] as const) {
    it(`takes each key of ${curve}, and none whose point is not on the curve (B15)`, () => {
      for (let count = 0; count < 20; count += 1) {
        const key = jwk(curve)
        expect(isComplete(key)).toBe(true)
        for (const broken of [
          { ...key, x: key.y, y: key.x },
          { ...key, y: undefined },
          { ...key, x: undefined },
          { ...key, x: undefined, y: undefined },
          { ...key, x: shift(curve, key.x) },
          { ...key, y: shift(curve, key.y) },
          { ...key, x: "" },
          { ...key, x: 17 },
          { ...key, x: "ÿ" },
          { ...key, y: jwk(curve).y }
        ]) {
          expect(isComplete(broken)).toBe(false)
        }
      }
    })
  }

  it("takes the point whose x is 0, and not the same point with the prime as x (B15)", () => {
    const prime = primes["P-256"]
    const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
    let y = 1n
    for (let base = b, exponent = (prime + 1n) / 4n; exponent > 0n; exponent >>= 1n, base = (base * base) % prime) {
      if (exponent & 1n) y = (y * base) % prime
    }
    const encode = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex").toString("base64url")
    const key = { kty: "EC", crv: "P-256", y: encode(y) }
    expect(isComplete({ ...key, x: encode(0n) })).toBe(true)
    expect(isComplete({ ...key, x: encode(prime) })).toBe(false)
  })

  it("takes keys of Ed25519 and ML-DSA by their length, and leaves other types to the import (B15)", () => {
    const text = (bytes: number) => Buffer.alloc(bytes, 7).toString("base64url")
    expect(isComplete({ kty: "OKP", crv: "Ed25519", x: text(32) })).toBe(true)
    expect(isComplete({ kty: "OKP", crv: "Ed25519", x: text(31) })).toBe(false)
    expect(isComplete({ kty: "OKP", crv: "Ed25519" })).toBe(false)
    expect(isComplete({ kty: "AKP", alg: "ML-DSA-44", pub: text(1312) })).toBe(true)
    expect(isComplete({ kty: "AKP", alg: "ML-DSA-44", pub: text(1952) })).toBe(false)
    expect(isComplete({ kty: "RSA", e: "AQAB", n: text(256) })).toBe(true)
    expect(isComplete({ kty: "EC", crv: "P-777" })).toBe(true)
    expect(isComplete({ kty: "oct", alg: "ML-DSA-44" })).toBe(true)
    expect(isComplete({ kty: "OKP", crv: "X25519", x: text(32) })).toBe(true)
  })
})
