import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { AuthenticationRequest, ClientAuthentication, ClientRegistration, UserHint } from "@effect-ciba/core"
import { Duration, Effect, Inspectable, Redacted } from "effect"
import * as RequestParameters from "../../src/request/RequestParameters.ts"

const as = (options?: Partial<ClientRegistration.Options>) =>
  ClientRegistration.layer({ clientId: "shop", authentication: ClientAuthentication.none, ...options })

const plain = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

/** Names with an option of their own, of client authentication, or of the claims of a signed request. */
const reserved = [
  "scope",
  "login_hint",
  "login_hint_token",
  "id_token_hint",
  "client_notification_token",
  "acr_values",
  "binding_message",
  "user_code",
  "requested_expiry",
  "authorization_details",
  "resource",
  "grant_management_action",
  "grant_id",
  "claims",
  "request_context",
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
  "request_uri",
  "iss",
  "sub",
  "aud",
  "exp",
  "iat",
  "nbf",
  "jti"
]

const make = (options: Partial<AuthenticationRequest.Options>, client?: Partial<ClientRegistration.Options>) =>
  Effect.provide(AuthenticationRequest.make({ ...plain, ...options }), as(client))

const toForm = (options: Partial<AuthenticationRequest.Options>, client?: Partial<ClientRegistration.Options>) =>
  Effect.map(make(options, client), ({ parameters }) => RequestParameters.toForm(Redacted.value(parameters)))

describe("AuthenticationRequest", () => {
  it.effect(
    "every parameter is sent under its name, and only resource more than once (O1, O2, P1, P2, P4, U6, C4, C5, C9, C10, C11, C12, C16)",
    () =>
      Effect.gen(function* () {
        const parameters = yield* toForm(
          {
            scope: ["profile", "openid"],
            acrValues: ["urn:gold", "urn:silver"],
            bindingMessage: "W4SCT",
            userCode: Redacted.make("1234"),
            requestedExpiry: "2 minutes",
            clientNotificationToken: Redacted.make("t".repeat(22)),
            authorizationDetails: [{ type: "payment", amount: 1 }],
            resource: ["https://a.test", "https://b.test"],
            claims: { id_token: { email: null } },
            requestContext: { channel: "till 3" },
            grantManagement: { action: "merge", grantId: "g-1" },
            extensionParameters: { flag: true }
          },
          { deliveryMode: "ping", userCodeParameter: true }
        )
        expect(parameters).toEqual([
          ["scope", "profile openid"],
          ["login_hint", "jo@example.com"],
          ["client_notification_token", "t".repeat(22)],
          ["acr_values", "urn:gold urn:silver"],
          ["binding_message", "W4SCT"],
          ["user_code", "1234"],
          ["requested_expiry", "120"],
          ["authorization_details", '[{"type":"payment","amount":1}]'],
          ["resource", "https://a.test"],
          ["resource", "https://b.test"],
          ["grant_management_action", "merge"],
          ["grant_id", "g-1"],
          ["claims", '{"id_token":{"email":null}}'],
          ["request_context", '{"channel":"till 3"}'],
          ["flag", "true"]
        ])
      })
  )

  it.effect("a parameter that is not given is not sent, and scope values keep their order (T-30)", () =>
    Effect.gen(function* () {
      expect(yield* toForm({ scope: ["b", "openid", "a"] })).toEqual([
        ["scope", "b openid a"],
        ["login_hint", "jo@example.com"]
      ])
    })
  )

  it.effect("a request that creates a grant has an action and no grant_id (U6)", () =>
    Effect.gen(function* () {
      expect(yield* toForm({ grantManagement: { action: "create" } })).toEqual([
        ["scope", "openid"],
        ["login_hint", "jo@example.com"],
        ["grant_management_action", "create"]
      ])
    })
  )

  it.effect("an empty list is not a parameter, in a form or in a signed request (C16)", () =>
    Effect.gen(function* () {
      const { parameters } = yield* make({ acrValues: [], resource: [] })
      expect(Redacted.value(parameters).map(([name]) => name)).toEqual(["scope", "login_hint"])
    })
  )

  it.effect("each kind of hint is sent under its own name, and no other hint with it (C5)", () =>
    Effect.gen(function* () {
      const hints = [UserHint.login("+49 30"), UserHint.loginToken("a.b.c"), UserHint.idToken("d.e.f")]
      const parameters = yield* Effect.forEach(hints, (hint) => toForm({ hint }))
      expect(parameters.map((all) => all.filter(([name]) => name.includes("hint")))).toEqual([
        [["login_hint", "+49 30"]],
        [["login_hint_token", "a.b.c"]],
        [["id_token_hint", "d.e.f"]]
      ])
    })
  )

  const invalid: ReadonlyArray<
    readonly [title: string, options: Partial<AuthenticationRequest.Options>, parameter: string]
  > = [
    ["a scope without openid (C4)", { scope: ["profile"] }, "scope"],
    ["an empty scope (C4)", { scope: [] }, "scope"],
    ["a scope value twice (C16)", { scope: ["openid", "a", "a"] }, "scope"],
    ["a scope value with a space", { scope: ["openid", "a b"] }, "scope"],
    ["an empty hint (C5)", { hint: UserHint.login("") }, "login_hint"],
    ["a blank hint token (C5)", { hint: UserHint.loginToken("  ") }, "login_hint_token"],
    ["an encrypted id_token_hint (C13)", { hint: UserHint.idToken("a.b.c.d.e") }, "id_token_hint"],
    ["an acr value with a space (C9)", { acrValues: ["a b"] }, "acr_values"],
    ["essentialAcr without acrValues (I9)", { essentialAcr: true }, "acr_values"],
    ["an empty binding message (C10)", { bindingMessage: " " }, "binding_message"],
    ["a binding message with control characters (C10)", { bindingMessage: "a\nb" }, "binding_message"],
    ["an empty user code (C11)", { userCode: Redacted.make("") }, "user_code"],
    ["an expiry of zero (C12)", { requestedExpiry: 0 }, "requested_expiry"],
    ["a negative expiry (C12)", { requestedExpiry: "-1 seconds" }, "requested_expiry"],
    ["an expiry that is not a whole number of seconds (C12)", { requestedExpiry: "1500 millis" }, "requested_expiry"],
    ["an infinite expiry (C12)", { requestedExpiry: Number.POSITIVE_INFINITY }, "requested_expiry"],
    [
      "a client notification token of more than 1024 characters (C7)",
      { clientNotificationToken: Redacted.make("a".repeat(1025)) },
      "client_notification_token"
    ],
    [
      "a client notification token in another syntax (C7)",
      { clientNotificationToken: Redacted.make("a token with spaces in it") },
      "client_notification_token"
    ],
    [
      "a client notification token that is too short for 128 bits (C7)",
      { clientNotificationToken: Redacted.make("a".repeat(21)) },
      "client_notification_token"
    ],
    ["a nonce that is not a string (I8)", { extensionParameters: { nonce: ["n-1"] } }, "nonce"],
    ["a max_age that is not a number (I10)", { extensionParameters: { max_age: "5m" } }, "max_age"],
    ["a max_age with more than a number (I10)", { extensionParameters: { max_age: "about 300" } }, "max_age"],
    ["a max_age in a list (I10)", { extensionParameters: { max_age: ["300"] } }, "max_age"],
    ["authorization details without a type (O2)", { authorizationDetails: [{ type: "" }] }, "authorization_details"],
    [
      "one of several authorization details without a type (O2)",
      { authorizationDetails: [{ type: "payment" }, { type: "" }] },
      "authorization_details"
    ],
    ["an empty list of authorization details (O2)", { authorizationDetails: [] }, "authorization_details"],
    ["a relative resource (P1)", { resource: "/accounts" }, "resource"],
    ["a resource with a fragment (P1)", { resource: ["https://a.test", "https://b.test#c"] }, "resource"],
    [
      "the replacement of a grant without its id (U6)",
      { grantManagement: { action: "replace", grantId: "" } },
      "grant_id"
    ],
    ["a lone surrogate in a binding message (C10)", { bindingMessage: "pay \ud83d now" }, "binding_message"],
    ["a lone surrogate in a hint (T-29)", { hint: UserHint.login("jo\udd11") }, "login_hint"],
    ["a lone surrogate in a user code (C11)", { userCode: Redacted.make("\ud800") }, "user_code"],
    ["a lone surrogate in a resource (P1)", { resource: ["https://a.test", "https://\ud800.test"] }, "resource"],
    [
      "a lone surrogate in the id of a grant (U6)",
      { grantManagement: { action: "merge", grantId: "\ud800" } },
      "grant_id"
    ],
    ["a lone surrogate in an extension parameter (C15)", { extensionParameters: { audience: "\udfff" } }, "audience"],
    [
      "a lone surrogate in the name of an extension parameter (C15)",
      { extensionParameters: { "x-\ud800": "" } },
      "x-\ud800"
    ],
    ["an extension parameter without a name (C15)", { extensionParameters: { "": "x" } }, ""],
    ...reserved.map(
      (name) => [`the extension parameter ${name} (C15, C16)`, { extensionParameters: { [name]: "x" } }, name] as const
    ),
    ["the extension parameter request (A5)", { extensionParameters: { request: "a.b.c" } }, "request"]
  ]

  for (const [title, options, parameter] of invalid) {
    it.effect(`refuses ${title}, and names the parameter in the error`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(make(options, { userCodeParameter: true }))
        expect(error).toMatchObject({ reason: { _tag: "InvalidParameter", parameter } })
        expect(error.message).toContain(parameter)
      })
    )
  }

  const problems: ReadonlyArray<readonly [options: Partial<AuthenticationRequest.Options>, problem: string]> = [
    [{ scope: ["profile"] }, 'it must contain "openid"'],
    [{ scope: ["openid", "a", "a"] }, "it contains a value twice"],
    [{ acrValues: [""] }, "a value contains a character that none has, or is empty"],
    [{ essentialAcr: true }, "essentialAcr needs at least one value"],
    [{ userCode: Redacted.make("") }, "it is empty"],
    [{ requestedExpiry: 0 }, "it must be a whole number of seconds above zero"],
    [{ essentialAuthorizationDetails: true }, "essentialAuthorizationDetails needs at least one detail"],
    [{ authorizationDetails: [] }, "it must contain one object at least, each with a type (RFC 9396 2)"],
    [{ extensionParameters: { "": "x" } }, "an extension parameter has no name"],
    [
      { extensionParameters: { scope: "x" } },
      "it is not an extension parameter: it has an option of its own, or is set by the library"
    ],
    [{ extensionParameters: { nonce: 1 } }, "it must be a string, as the nonce of the ID Token is compared with it"],
    [{ extensionParameters: { max_age: "5m" } }, "it must be a whole number of seconds"]
  ]
  for (const [options, problem] of problems) {
    it.effect(`says what is wrong with ${JSON.stringify(options)}: ${problem}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(make(options, { userCodeParameter: true }))
        expect(error).toMatchObject({ reason: { _tag: "InvalidParameter", problem } })
      })
    )
  }

  it.effect("keeps what a response may quote of it, and whether its details are essential (C11, O3)", () =>
    Effect.gen(function* () {
      const userCode = Redacted.make("1234")
      const { essentialAuthorizationDetails, hints } = yield* make(
        { userCode, authorizationDetails: [{ type: "payment" }], essentialAuthorizationDetails: true },
        { userCodeParameter: true }
      )
      expect(hints.map((hint) => Redacted.value<string>(hint))).toEqual(["jo@example.com", "1234"])
      expect(essentialAuthorizationDetails).toBe(true)
      const other = yield* make({})
      expect(other.hints.map((hint) => Redacted.value<string>(hint))).toEqual(["jo@example.com"])
      expect(other.essentialAuthorizationDetails).toBe(false)
    })
  )

  it.effect("refuses a user code if the client is not registered with backchannel_user_code_parameter (C11, B5)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(make({ userCode: Redacted.make("1234") }))
      expect(error).toMatchObject({
        reason: {
          _tag: "Unsupported",
          feature: "user_code",
          problem: "the client is not registered with backchannel_user_code_parameter"
        }
      })
    })
  )

  it.effect("no printed form of a request shows its secrets (C11, I13)", () =>
    Effect.gen(function* () {
      const request = yield* make(
        {
          userCode: Redacted.make("marker-code"),
          hint: UserHint.login("marker-hint"),
          bindingMessage: "W4SCT",
          headers: { "x-api-key": "marker-key" }
        },
        { userCodeParameter: true, deliveryMode: "ping" }
      )
      const shown = [
        JSON.stringify(request),
        Inspectable.toStringUnknown(request),
        String(request),
        inspect(request, { depth: Number.POSITIVE_INFINITY, showHidden: true })
      ].join()
      expect(shown).not.toContain("marker")
      expect(shown).toContain("W4SCT")
    })
  )

  it.effect(
    "a request has the nonce, subject, acr and max_age that its ID Token is expected to match (I8, I10, I11)",
    () =>
      Effect.gen(function* () {
        const jwt = ["e30", btoa(JSON.stringify({ sub: "jo", exp: 1 })), "x"].join(".")
        const { expectations } = yield* make({
          hint: UserHint.idToken(jwt),
          acrValues: ["gold"],
          essentialAcr: true,
          extensionParameters: { nonce: "n-1", max_age: "300" }
        })
        expect(expectations).toEqual({
          nonce: Redacted.make("n-1", { label: "nonce" }),
          subject: Redacted.make("jo", { label: "subject" }),
          acrValues: ["gold"],
          maxAge: Duration.minutes(5)
        })
        expect((yield* make({ acrValues: ["gold"] })).expectations).toEqual({})
      })
  )
})
