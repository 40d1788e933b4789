import { describe, expect, it } from "@effect/vitest"
import { habits } from "../../src/http/ProviderHabits.ts"
import * as AuthenticationRequestError from "../../src/request/AuthenticationRequestError.ts"
import * as TokenError from "../../src/token/TokenError.ts"

/** Error responses of Keycloak 26 as they were received, and what has to be said of them. */
const received: ReadonlyArray<
  readonly [endpoint: "authentication" | "token", code: string, status: number, text: string, tag: string, hint: string]
> = [
  [
    "authentication",
    "unauthorized_client",
    401,
    "Invalid client or Invalid client credentials",
    "UnauthorizedClient",
    "wrong client secret"
  ],
  ["authentication", "invalid_request", 400, "invalid user", "UnknownUserId", "disabled"],
  ["authentication", "invalid_request", 400, "invalid_user", "UnknownUserId", "disabled"],
  ["authentication", "invalid_request", 400, "missing parameter : login_hint", "InvalidRequest", "one kind of hint"],
  [
    "authentication",
    "invalid_request",
    400,
    "Client Notification token needs to be provided with the ping mode",
    "InvalidRequest",
    "deliveryMode"
  ],
  ["authentication", "invalid_request", 400, "User code not supported", "InvalidRequest", "no user codes"],
  [
    "authentication",
    "invalid_binding_message",
    400,
    "the binding_message value has to be max 50 characters in length and must contain only basic plain-text characters without spaces",
    "InvalidBindingMessage",
    "no space"
  ],
  [
    "authentication",
    "invalid_grant",
    400,
    "Client not allowed OIDC CIBA Grant",
    "Unrecognized",
    "CIBA is not enabled for the client"
  ],
  [
    "authentication",
    "server_error",
    503,
    "Failed to send authentication request",
    "ServerError",
    "authentication channel"
  ],
  ["token", "invalid_grant", 400, "Client not allowed OIDC CIBA Grant", "InvalidGrant", "CIBA is not enabled"],
  ["token", "invalid_grant", 400, "Account is not fully set up", "InvalidGrant", "end-user's account"],
  ["token", "invalid_grant", 400, "User disabled", "InvalidGrant", "end-user's account"],
  ["token", "invalid_request", 400, "DPoP proof is missing", "InvalidRequest", "Dpop.layer"],
  [
    "token",
    "invalid_request",
    400,
    "Client Certification missing for MTLS HoK Token Binding",
    "InvalidRequest",
    "client certificate"
  ],
  ["token", "not_allowed", 400, "Offline tokens not allowed for the user or client", "Unrecognized", "offline_access"]
]

describe("ProviderHabits", () => {
  for (const [endpoint, code, status, description, tag, hint] of received) {
    it(`explains ${code} "${description}" of the ${endpoint} endpoint as ${tag}`, () => {
      const decode = endpoint === "token" ? TokenError.fromOAuthError : AuthenticationRequestError.fromOAuthError
      const { message, reason } = decode({ code, status, description })
      expect(reason._tag).toBe(tag)
      expect(reason).toMatchObject({ code, status, description })
      expect(message).toContain(`${description}. `)
      expect(message).toContain(hint)
    })
  }

  it("has a received error response for every row", () => {
    const matched = habits.map(({ code, description, hint, tag }) =>
      received.some(
        ([, known, , text, reason]) =>
          known === code && reason === tag && (description === undefined || description.test(text)) && hint !== ""
      )
    )
    expect(matched).not.toContain(false)
  })

  it("says nothing about error responses of other providers", () => {
    for (const [code, description] of [
      ["invalid_request", "scope is missing"],
      ["invalid_grant", "the auth_req_id is unknown"],
      ["server_error", "try again"]
    ] as const) {
      expect(TokenError.fromOAuthError({ code, status: 400, description }).message).toMatch(
        new RegExp(`\\): ${description}$`)
      )
    }
  })
})
