// Which tests judge which files.

/** The files of core whose mutants each run of CI looks at, and their tests: what decides, and has unit tests that take no time. */
export const files = [
  "identity/ClaimsValidation",
  "identity/GrantedDetails",
  "crypto/KeyShape",
  "token/TokenResponse",
  "wait/PollOutcome",
  "wait/Wait"
]

/** Tests of other folders that are about a folder, too: it has no other way in. */
export const further: Readonly<Record<string, ReadonlyArray<string>>> = {
  client: ["flow/clientAuthentication", "flow/mutualTls", "flow/dpop"],
  identity: ["flow/grantedDetails"],
  http: [
    "flow/redactionInErrors",
    "flow/redactionOfQuotedText",
    "flow/interactionId",
    "flow/rawResponses",
    "flow/spans",
    "flow/unreadBodies",
    "flow/dpop",
    "request/AuthenticationRequestError",
    "resource/ResourceBodies",
    "wait/PollOutcome"
  ],
  internal: [
    "CibaError",
    "flow/errorDisplay",
    "flow/display",
    "flow/spans",
    "flow/foreignLists",
    "http/TransportError",
    "http/OAuthError",
    "http/TimeLimit",
    "http/Throttle",
    "request/AuthenticationRequestError",
    "resource/ResourceError",
    "token/TokenResponse"
  ],
  pending: ["flow/resumption", "flow/persistence"],
  profile: ["flow/profileRules"],
  provider: [
    "flow/keysOfOthers",
    "flow/foreignLists",
    "flow/interactionId",
    "flow/dpop",
    "flow/newcomer",
    "client/ClientAuthentication",
    "identity/IdTokenVerifier",
    "identity/IdTokenVerifierRefreshed",
    "token/Introspection"
  ],
  request: ["flow/acknowledgement", "flow/beforeTheEndUserIsAsked"],
  token: ["wait/Poll", "wait/Push", "flow/dpop", "flow/redactionInErrors"],
  wait: ["flow/resumption", "flow/resumptionOfDelivery", "flow/robustness", "flow/outages"]
}
