import { rootCertificates } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { NodeTls } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import * as CertificateCheck from "../src/internal/CertificateCheck.ts"

vi.mock("../src/internal/CertificateCheck.ts", { spy: true })

const [first = "", second = ""] = rootCertificates

describe("NodeTls, when it reads certificates again", () => {
  it.effect("checks those that have changed, and leaves the others to the effect that reads them", () =>
    Effect.gen(function* () {
      const checks = vi.mocked(CertificateCheck.checkAuthorities)
      let content = first
      const authorities = Effect.suspend(() => Effect.succeed([content]))
      yield* Layer.build(NodeTls.layer({ authorities }))
      expect(checks).toHaveBeenCalledTimes(1)
      yield* TestClock.adjust("3 minutes")
      expect(checks).toHaveBeenCalledTimes(1)
      content = second
      yield* TestClock.adjust("1 minute")
      expect(checks).toHaveBeenCalledTimes(2)
      content = "no certificate"
      yield* TestClock.adjust("1 minute")
      expect(checks).toHaveBeenCalledTimes(3)
      content = second
      yield* TestClock.adjust("1 minute")
      expect(checks).toHaveBeenCalledTimes(3)
    }).pipe(Effect.scoped)
  )
})

for (const [what, text, problem] of [
  ["a path", "/etc/tls/client.pem", "it looks like a path; give the text, or the files with CertificateFiles"],
  ["a relative path", "./client.pem", "it looks like a path; give the text, or the files with CertificateFiles"],
  [
    "the base64 of DER",
    "MC4CAQAwBQYDK2VwBCIEIJ/bkdwQcB4cA/3rgvCn/bOjG9nJ7zKp0qyFbMBqQ8aX",
    "it does not hold a complete certificate as PEM (-----BEGIN CERTIFICATE-----)"
  ],
  [
    "a path and a line break",
    "/etc/tls/client.pem\n",
    "it looks like a path; give the text, or the files with CertificateFiles"
  ],
  ["a word", "secret", "it does not hold a complete certificate as PEM (-----BEGIN CERTIFICATE-----)"],
  [
    "PEM that is cut off",
    "-----BEGIN CERTIFICATE-----\nMIIB/w==",
    "it does not hold a complete certificate as PEM (-----BEGIN CERTIFICATE-----)"
  ]
] as const) {
  it.effect(`NodeTls says of ${what} in the place of a certificate what it is`, () =>
    Effect.gen(function* () {
      const certificate = { certificate: text, privateKey: Redacted.make("marker") }
      const ofClient = yield* Effect.flip(Layer.build(NodeTls.layer({ client: certificate })))
      expect(ofClient.message).toBe(`TLS, tls.client.certificate: ${problem}`)
      const ofAuthorities = yield* Effect.flip(Layer.build(NodeTls.layer({ authorities: text })))
      expect(ofAuthorities.message).toBe(`TLS, tls.authorities: ${problem}`)
    }).pipe(Effect.scoped)
  )
}
