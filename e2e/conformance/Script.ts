/** What the provider of a module does: forge one thing, and see what the client does next. */

export type Claims = Readonly<Record<string, unknown>>

export interface Script {
  /** The error response to the authentication request. */
  readonly refusal?: string
  readonly acknowledge?: (body: Claims) => Claims
  /** In seconds; 1 by default. */
  readonly interval?: number
  /** The responses to the first polls; `authorization_pending` once by default. */
  readonly polls?: ReadonlyArray<string>
  readonly claims?: (claims: Claims) => Claims
  readonly signature?: "none" | "RS256" | "broken"
  readonly respond?: (body: Claims) => Claims
  /** How often an access token has to be refreshed until the resource accepts it. */
  readonly refreshes?: number
  /** Whether the ping has another bearer token than the client's. */
  readonly forgesPing?: boolean
  /** Whether the forged response has to end the flow; otherwise the client has to read the resource. */
  readonly ends: boolean
}

const accept = (script: Omit<Script, "ends">): Script => ({ ...script, ends: false })
const refuse = (script: Omit<Script, "ends">): Script => ({ ...script, ends: true })

const omit =
  (...names: ReadonlyArray<string>) =>
  (claims: Claims): Claims =>
    Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)))

const change =
  (change: (claims: Claims) => Claims) =>
  (claims: Claims): Claims => ({ ...claims, ...change(claims) })

const forgeClaims = (forge: (claims: Claims) => Claims): Script => refuse({ claims: forge })

const pending = "authorization_pending"
const week = 7 * 24 * 3600

const forgeVerification = (verification: Claims): Script =>
  forgeClaims(change(() => ({ verified_claims: { verification, claims: { over18: true } } })))

export const scripts: Readonly<Record<string, Script>> = {
  test: accept({}),
  "refresh-token-test": accept({ refreshes: 2 }),
  "valid-aud-as-array-test": accept({ claims: change(({ aud }) => ({ aud: [aud] })) }),
  "no-scope-in-token-endpoint-response-test": accept({ respond: omit("scope", "expires_in") }),
  "respects-interval-test": accept({ interval: 5 }),
  "slow-down-test": accept({ polls: [pending, "slow_down"] }),
  "invalid-missing-authreqid-test": refuse({ acknowledge: omit("auth_req_id") }),
  "invalid-missing-expiresin-test": refuse({ acknowledge: omit("expires_in") }),
  "invalid-expired-id-token-hint-test": refuse({ refusal: "expired_id_token_hint" }),
  "invalid-unknown-user-id-test": refuse({ refusal: "unknown_user_id" }),
  "invalid-id-token-hint-test": refuse({ refusal: "invalid_id_token_hint" }),
  "invalid-request-test": refuse({ polls: [pending, "invalid_request"] }),
  "invalid-access-denied-test": refuse({ polls: [pending, "access_denied"] }),
  "invalid-expired-token-test": refuse({ polls: [pending, "expired_token"] }),
  "invalid-iss-test": forgeClaims(change(({ iss }) => ({ iss: `${iss}1` }))),
  "invalid-aud-test": forgeClaims(change(({ aud }) => ({ aud: `${aud}1` }))),
  "invalid-secondary-aud-test": forgeClaims(change(({ aud }) => ({ aud: [aud, `${aud}1`] }))),
  "invalid-signature-test": refuse({ signature: "broken" }),
  "invalid-null-alg-test": refuse({ signature: "none" }),
  "invalid-alternate-alg-test": refuse({ signature: "RS256" }),
  "invalid-expired-exp-test": forgeClaims(change(({ iat }) => ({ exp: Number(iat) - 600 }))),
  "invalid-iat-is-week-in-past-test": forgeClaims(change(({ iat }) => ({ iat: Number(iat) - week }))),
  "invalid-missing-aud-test": forgeClaims(omit("aud")),
  "invalid-missing-exp-test": forgeClaims(omit("exp")),
  "invalid-missing-iss-test": forgeClaims(omit("iss")),
  "connectid-invalid-missing-txn-test": forgeClaims(omit("txn")),
  "connectid-invalid-missing-trust-framework-test": forgeVerification({}),
  "connectid-invalid-wrong-trust-framework-test": forgeVerification({ trust_framework: "another_framework" }),
  "ping-with-invalid-bearer-token-test": refuse({ forgesPing: true })
}
