import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequestError,
  CibaError,
  DiscoveryError,
  IdTokenError,
  OAuthError,
  TokenError
} from "@effect-ciba/core"
import { TransportError } from "../src/http/TransportError.ts"

const transport = (kind: TransportError["kind"], status?: number) =>
  new TransportError({ kind, method: "POST", url: "https://provider.test/token", ...(status && { status }) })

const token = (reason: TokenError.TokenError["reason"]) => new TokenError.TokenError({ reason })

const request = (reason: AuthenticationRequestError.AuthenticationRequestError["reason"]) =>
  new AuthenticationRequestError.AuthenticationRequestError({ reason })

const response = (code: string, status = 400) => ({ code, status })

const answers = (error: CibaError.CibaError) => ({
  resume: CibaError.canResume(error),
  ask: CibaError.canAskAgain(error),
  operator: CibaError.needsOperator(error)
})

describe("CibaError", () => {
  const cases: ReadonlyArray<readonly [title: string, error: CibaError.CibaError, answers: string]> = [
    ["a refusal by the end-user", token(new TokenError.AccessDenied(response("access_denied"))), ""],
    ["an expiry", token(new TokenError.ExpiredToken({ local: true })), "ask"],
    ["a lost response", token(new TokenError.OutcomeUnknown({ lost: transport("TimedOut") })), ""],
    ["an auth_req_id that is not accepted", token(new TokenError.InvalidGrant(response("invalid_grant"))), "ask"],
    ["a schedule that ended", token(new TokenError.ScheduleExhausted()), "resume"],
    ["a server error", token(new OAuthError.ServerError(response("server_error", 503))), "resume"],
    ["a wrong client secret", token(new OAuthError.InvalidClient(response("invalid_client", 401))), "resume operator"],
    ["an unknown code with 400", token(new OAuthError.Unrecognized(response("not_allowed"))), "operator"],
    ["an unknown code with 503", token(new OAuthError.Unrecognized(response("busy", 503))), "resume"],
    [
      "another client's authentication",
      token(new TokenError.ClientMismatch({ issuer: "i", clientId: "c" })),
      "operator"
    ],
    ["an interrupted poll", token(transport("Interrupted")), "resume"],
    [
      "a wrong user code",
      request(new AuthenticationRequestError.InvalidUserCode(response("invalid_user_code"))),
      "ask"
    ],
    ["an unknown end-user", request(new AuthenticationRequestError.UnknownUserId(response("unknown_user_id"))), "ask"],
    [
      "a refusal by policy",
      request(new AuthenticationRequestError.AccessDenied(response("access_denied"))),
      "operator"
    ],
    ["a request that got no response", request(transport("TimedOut")), ""],
    ["a request that a gateway answered with 502", request(transport("UnexpectedStatus", 502)), ""],
    ["a request that was refused with 429", request(transport("UnexpectedStatus", 429)), "ask"],
    ["a request that was redirected", request(transport("Redirected")), "operator"],
    ["a request over http", request(transport("InsecureUrl")), "operator"],
    [
      "metadata that cannot be fetched",
      new DiscoveryError.DiscoveryError({ reason: transport("Unreachable") }),
      "resume"
    ],
    [
      "another issuer",
      new IdTokenError.IdTokenError({ reason: new IdTokenError.WrongIssuer({ expected: "a", actual: "b" }) }),
      "operator"
    ],
    [
      "an authentication that is too weak",
      new IdTokenError.IdTokenError({ reason: new IdTokenError.UnsatisfiedAcr({ expected: ["loa3"] }) }),
      "ask"
    ],
    [
      "other authorization details than the requested ones",
      new IdTokenError.IdTokenError({
        reason: new IdTokenError.UnexpectedAuthorizationDetails({ problem: "payment differs in amount" })
      }),
      ""
    ]
  ]
  for (const [title, error, expected] of cases) {
    it(`says for ${title}: ${expected === "" ? "neither resume, nor ask again, nor an operator" : expected}`, () => {
      const names = expected.split(" ")
      expect(answers(error)).toEqual({
        resume: names.includes("resume"),
        ask: names.includes("ask"),
        operator: names.includes("operator")
      })
    })
  }

  it("never permits both to complete the same authentication and to ask the end-user again", () => {
    for (const [, error] of cases) expect(CibaError.canResume(error) && CibaError.canAskAgain(error)).toBe(false)
  })

  it("never permits to complete an authentication again that a failure ended", () => {
    for (const [, error] of cases) {
      expect(CibaError.isFinal(error, { deliveryMode: "poll" }) && CibaError.canResume(error)).toBe(false)
    }
  })

  it("ends an authentication by an unknown error code with 400, and not by one with 401 or 503", () => {
    const isFinal = (status: number) =>
      CibaError.isFinal(token(new OAuthError.Unrecognized(response("not_allowed", status))), { deliveryMode: "poll" })
    expect([400, 401, 503].map(isFinal)).toEqual([true, false, false])
  })
})
