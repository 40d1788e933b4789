import { describe, expect, it } from "@effect/vitest"
import { Duration } from "effect"
import { TransportError } from "../../src/http/TransportError.ts"
import * as TokenError from "../../src/token/TokenError.ts"
import { isContinuing, makeTimedOut, toAnswer, toResult } from "../../src/wait/PollOutcome.ts"

const request = { method: "POST", url: "https://provider.test/token" }

const classifyFault = (fields: Pick<ConstructorParameters<typeof TransportError>[0], "kind" | "code" | "status">) =>
  toAnswer(
    { _tag: "Failed", error: TokenError.fromTransportError(new TransportError({ ...request, ...fields })) },
    request.url
  )

const fail = (code: string, status: number) =>
  toAnswer(
    { _tag: "Failed", error: TokenError.fromOAuthError({ code, status, retryAfter: Duration.seconds(9) }) },
    request.url
  )

describe("PollOutcome.toAnswer", () => {
  for (const _tag of ["Pending", "SlowDown"] as const) {
    it(`takes ${_tag} as it is, with Retry-After in milliseconds (H10, H11)`, () => {
      expect(toAnswer({ _tag, retryAfter: Duration.seconds(7) }, request.url)).toEqual({ _tag, retryAfter: 7000 })
      expect(toAnswer({ _tag, retryAfter: undefined }, request.url)).toEqual({ _tag, retryAfter: undefined })
    })
  }

  for (const [code, status] of [
    ["server_error", 400],
    ["temporarily_unavailable", 400],
    ["invalid_client", 503],
    ["invalid_grant", 500]
  ] as const) {
    it(`takes ${code} with status ${status} as a fault that has lost nothing (H9)`, () => {
      expect(fail(code, status)).toMatchObject({
        _tag: "Fault",
        isLost: false,
        timedOut: false,
        retryAfter: 9000,
        fault: { kind: "UnexpectedStatus", ...request, status }
      })
    })
  }

  for (const code of ["invalid_grant", "expired_token"]) {
    it(`takes ${code} as the end of the auth_req_id (H12, H14)`, () =>
      expect(fail(code, 400)).toEqual({ _tag: "Gone" }))
  }

  for (const [code, isFinal] of [
    ["access_denied", true],
    ["unauthorized_client", false]
  ] as const) {
    it(`takes ${code} as a refusal that is ${isFinal ? "" : "not "}final (H13, H16)`, () =>
      expect(fail(code, 400)).toEqual({ _tag: "Refused", isFinal }))
  }

  it("takes an URL that nothing is sent to as a refusal", () =>
    expect(classifyFault({ kind: "InsecureUrl" })).toEqual({ _tag: "Refused", isFinal: false }))

  for (const [fields, isLost] of [
    [{ kind: "UnexpectedStatus", status: 502 }, true],
    [{ kind: "UnexpectedStatus", status: 503 }, false],
    [{ kind: "UnexpectedStatus", status: 404 }, false]
  ] as const) {
    it(`a response with status ${fields.status} ${isLost ? "may have hidden" : "has hidden no"} tokens`, () =>
      expect(classifyFault(fields)).toMatchObject({ _tag: "Fault", isLost, timedOut: false }))
  }
})

describe("PollOutcome.makeTimedOut", () => {
  for (const isLost of [true, false]) {
    it(`is a fault that has ${isLost ? "" : "not "}lost a response`, () =>
      expect(makeTimedOut(request.url, isLost)).toMatchObject({
        _tag: "Fault",
        isLost,
        timedOut: true,
        fault: { kind: "TimedOut", ...request }
      }))
  }
})

describe("PollOutcome.isContinuing", () => {
  for (const [answer, continues] of [
    [{ _tag: "Pending", retryAfter: undefined }, true],
    [{ _tag: "SlowDown", retryAfter: undefined }, true],
    [makeTimedOut(request.url, false), true],
    [{ _tag: "Gone" }, false],
    [{ _tag: "Refused", isFinal: true }, false]
  ] as const) {
    it(`is ${continues} for ${answer._tag}`, () => expect(isContinuing(answer)).toBe(continues))
  }
})

describe("PollOutcome.toResult", () => {
  it("shows a caller's schedule what was met, when the poll was sent, and Retry-After (H9)", () => {
    expect(toResult({ _tag: "Pending", retryAfter: 2000 }, 5)).toEqual({
      _tag: "Pending",
      sentAt: 5,
      retryAfter: Duration.seconds(2)
    })
    expect(toResult({ _tag: "SlowDown", retryAfter: undefined }, 5)).toEqual({ _tag: "SlowDown", sentAt: 5 })
    expect(toResult(makeTimedOut(request.url, false), 5)).toEqual({ _tag: "Fault", sentAt: 5, timedOut: true })
    const reset = new TransportError({ ...request, kind: "Unreachable" })
    const result = toResult({ _tag: "Fault", fault: reset, isLost: true, timedOut: false }, 5)
    expect(result).not.toHaveProperty("timedOut")
  })
})

describe("PollOutcome", () => {
  for (const code of [
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "UND_ERR_CONNECT_TIMEOUT",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID"
  ]) {
    it(`a poll that was never sent, ${code}, has lost no response (H14, H29)`, () =>
      expect(classifyFault({ kind: "Unreachable", code })).toMatchObject({ _tag: "Fault", isLost: false }))
  }

  for (const fields of [
    { kind: "Unreachable", code: "ECONNRESET" },
    { kind: "Unreachable", code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" },
    { kind: "Unreachable" },
    { kind: "TimedOut" },
    { kind: "Unreadable", status: 200 },
    { kind: "UnexpectedStatus", status: 504 }
  ] as const) {
    it(`a poll that may have been received, ${Object.values(fields).join(" ")}, may have lost tokens (H14)`, () =>
      expect(classifyFault(fields)).toMatchObject({ _tag: "Fault", isLost: true, fault: fields }))
  }
})
