import { describe, expect, it } from "@effect/vitest"
import { Duration, Struct } from "effect"
import { hints, Kind, kinds, makeUnreachable, mayHaveArrived, TransportError } from "../../src/http/TransportError.ts"

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

const target = { method: "POST", url: "https://provider.test/token?code=marker" }

/** An error that the HTTP client gives as a cause of its own. */
const wrap = (cause: unknown, depth = 2): unknown => (depth === 0 ? cause : { cause: wrap(cause, depth - 1) })

const refusedTunnel = (code: string) => ({ code, message: "Proxy response (407) !== 200 when HTTP Tunneling" })

describe("the code of a connection that failed", () => {
  for (const [what, cause, code] of [
    ["that of the runtime", { code: "ECONNRESET", syscall: "read" }, "ECONNRESET"],
    ["none, if the runtime has none", new Error("no code"), undefined],
    ["none, if it is no code of a runtime", { code: "connect ECONNREFUSED 10.0.0.1" }, undefined],
    ["none, if it only ends as one", { code: "at ECONNRESET" }, undefined],
    ["none, if it only begins as one", { code: "ECONNRESET: 10.0.0.1" }, undefined],
    ["none, if it is a number", { code: 20 }, undefined],
    ["that of an error that is like a refused tunnel", refusedTunnel("ERR_OTHER"), "ERR_OTHER"],
    [
      "that of a code that only ends as that of a network",
      { code: "MY_ENETUNREACH", syscall: "write" },
      "MY_ENETUNREACH"
    ],
    [
      "that of a code that only begins as that of a network",
      { code: "ENETUNREACH_X", syscall: "write" },
      "ENETUNREACH_X"
    ],
    ["that of a network that was not reached", { code: "ENETUNREACH", syscall: "connect" }, "ENETUNREACH"],
    ["none for a network that was lost on the way", { code: "ENETUNREACH", syscall: "write" }, undefined],
    ["one of its own for a proxy that gives no tunnel", refusedTunnel("UND_ERR_ABORTED"), "PROXY_REFUSED"],
    [
      "one of its own for a proxy that demands credentials",
      { code: "UND_ERR_INVALID_ARG", message: "Proxy Authentication Required (407)" },
      "PROXY_REFUSED"
    ],
    ["that of a wrong request otherwise", { code: "UND_ERR_INVALID_ARG", message: "wrong" }, "UND_ERR_INVALID_ARG"],
    ["that of an abortion otherwise", { code: "UND_ERR_ABORTED", message: "aborted" }, "UND_ERR_ABORTED"],
    ["that of an abortion without a message", { code: "UND_ERR_ABORTED" }, "UND_ERR_ABORTED"]
  ] as const) {
    it(`is ${what}`, () => {
      for (const depth of [0, 2]) {
        const error = makeUnreachable(wrap(cause, depth), target)
        expect(error).toMatchObject({ kind: "Unreachable", method: "POST", url: "https://provider.test/token" })
        expect([error.code, "code" in error]).toEqual([code, code !== undefined])
      }
    })
  }

  it("is looked for in ten causes: an error may be its own cause", () => {
    const found = { code: "ECONNRESET" }
    expect(makeUnreachable(wrap(found, 10), target).code).toBe("ECONNRESET")
    expect(makeUnreachable(wrap(found, 11), target).code).toBeUndefined()
    const own: { cause?: unknown } = {}
    own.cause = own
    expect(makeUnreachable(own, target).code).toBeUndefined()
  })
})

it("a request may have arrived unless it was not sent, or was answered by a redirect", () => {
  for (const fields of [
    { kind: "InsecureUrl" },
    { kind: "Redirected", status: 307 },
    { code: "ECONNREFUSED" },
    { code: "CERT_HAS_EXPIRED" },
    { code: "PROXY_REFUSED" }
  ] as const) {
    expect(mayHaveArrived(error(fields))).toBe(false)
  }
  for (const fields of [{}, { kind: "TimedOut" }, { code: "ECONNRESET" }, { code: "UND_ERR_ABORTED" }] as const) {
    expect(mayHaveArrived(error(fields))).toBe(true)
  }
})

it("only what is not there says to check the issuer", () => {
  const notFound = "check the configured issuer"
  expect(error({ kind: "UnexpectedStatus", status: 404 }).message).toContain(notFound)
  expect(error({ kind: "UnexpectedStatus", status: 410 }).message).not.toContain(notFound)
})
