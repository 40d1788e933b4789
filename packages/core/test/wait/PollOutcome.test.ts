import { describe, expect, it } from "@effect/vitest"
import { TransportError } from "../../src/http/TransportError.ts"
import * as TokenError from "../../src/token/TokenError.ts"
import { toAnswer } from "../../src/wait/PollOutcome.ts"

const request = { method: "POST", url: "https://provider.test/token" }

const classifyFault = (fields: Pick<ConstructorParameters<typeof TransportError>[0], "kind" | "code" | "status">) =>
  toAnswer(
    { _tag: "Failed", error: TokenError.fromTransportError(new TransportError({ ...request, ...fields })) },
    request.url
  )

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
