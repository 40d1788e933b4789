import { generateKeyPairSync } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { isComplete } from "../../src/crypto/KeyShape.ts"

const jwk = (namedCurve: string) => ({
  kty: "EC",
  ...generateKeyPairSync("ec", { namedCurve }).publicKey.export({ format: "jwk" })
})

describe("KeyShape.isComplete", () => {
  for (const curve of ["P-256", "P-384", "P-521"]) {
    it(`takes each key of ${curve}, and none whose point is not on the curve (B15)`, () => {
      for (let count = 0; count < 20; count += 1) {
        const key = jwk(curve)
        expect(isComplete(key)).toBe(true)
        for (const broken of [
          { ...key, x: key.y, y: key.x },
          { ...key, y: undefined },
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

  it("takes keys of Ed25519 and ML-DSA by their length, and leaves other types to the import (B15)", () => {
    const text = (bytes: number) => Buffer.alloc(bytes, 7).toString("base64url")
    expect(isComplete({ kty: "OKP", crv: "Ed25519", x: text(32) })).toBe(true)
    expect(isComplete({ kty: "OKP", crv: "Ed25519", x: text(31) })).toBe(false)
    expect(isComplete({ kty: "OKP", crv: "Ed25519" })).toBe(false)
    expect(isComplete({ kty: "AKP", alg: "ML-DSA-44", pub: text(1312) })).toBe(true)
    expect(isComplete({ kty: "AKP", alg: "ML-DSA-44", pub: text(1952) })).toBe(false)
    expect(isComplete({ kty: "RSA", e: "AQAB", n: text(256) })).toBe(true)
    expect(isComplete({ kty: "EC", crv: "P-777" })).toBe(true)
  })
})
