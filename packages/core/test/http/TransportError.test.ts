import { describe, expect, it } from "@effect/vitest"
import { Duration, Struct } from "effect"
import { hints, Kind, kinds, TransportError } from "../../src/http/TransportError.ts"

const error = (fields: Partial<TransportError>) =>
  new TransportError({ kind: "Unreachable", method: "POST", url: "https://provider.test/token", ...fields })

describe("TransportError", () => {
  it("has a sentence and an advice for each kind", () => {
    expect([...Kind.literals].sort()).toEqual(Struct.keys(kinds).sort())
    for (const kind of Kind.literals) {
      expect(String(error({ kind }))).toBe(
        `TransportError: POST https://provider.test/token: ${kinds[kind][0]} (${kind})`
      )
      expect(error({ kind }).next).toBe(kinds[kind][1])
    }
  })

  it("shows status, code and Retry-After after the kind", () => {
    const fields = { kind: "UnexpectedStatus", status: 503, retryAfter: Duration.seconds(7) } as const
    expect(error(fields).message).toBe(
      "POST https://provider.test/token: the server responded with an unexpected status (UnexpectedStatus, status 503, retry after 7s)"
    )
    expect(error({ code: "ECONNREFUSED" }).message).toBe(
      "POST https://provider.test/token: the server could not be reached, or the connection broke (Unreachable, ECONNREFUSED)"
    )
  })

  for (const [code, hint] of [
    ["SELF_SIGNED_CERT_IN_CHAIN", "tls.authorities"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls.authorities"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls.authorities"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "tls.authorities"],
    ["PROXY_REFUSED", "HTTPS_PROXY"],
    ["UND_ERR_PRX_CONN", "HTTPS_PROXY"],
    ["CERT_HAS_EXPIRED", "not valid now"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "another host"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "tls.client"],
    ["ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "tls.client"]
  ] as const) {
    it(`names what to configure for ${code}`, () => {
      expect(error({ code }).message).toContain(hint)
    })
  }

  it("says nothing more about a refused connection, or one that broke", () => {
    for (const code of ["ECONNREFUSED", "ENOTFOUND", "ECONNRESET"]) {
      expect(hints.some(({ codes }) => codes.test(code))).toBe(false)
      expect(error({ code }).message).toMatch(new RegExp(`\\(Unreachable, ${code}\\)$`))
    }
  })
})
