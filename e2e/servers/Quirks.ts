/** What providers do beyond or beside the specifications, and what follows for a client; `docs/interoperability.md` shows it. */
export interface Quirk {
  readonly provider: string
  readonly quirk: string
  readonly consequence: string
  /** The cell that shows it, as "row: name". */
  readonly cell?: string
}

const quirksOf = (
  provider: string,
  ...quirks: ReadonlyArray<readonly [quirk: string, consequence: string, cell?: string]>
): ReadonlyArray<Quirk> =>
  quirks.map(([quirk, consequence, cell]) => ({ provider, quirk, consequence, ...(cell !== undefined && { cell }) }))

const ciba = "https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html"

export const quirks: ReadonlyArray<Quirk> = [
  ...quirksOf(
    "go-oidc",
    [
      `a pushed ID Token has no \`at_hash\`, which [CIBA Core 10.3.1](${ciba}#successful_token_push) requires`,
      "refused as `WrongBinding`; the provider's operator can add the claim where access tokens are opaque",
      "push: approval, denial: an ID Token without at_hash is refused"
    ],
    [
      "`client_secret_basic` is not form-decoded, as RFC 6749 2.3.1 requires: a secret with one of `+ / = % :` is refused",
      "use `client_secret_post` for such a secret",
      "client secrets with reserved characters: by HTTP Basic, and by post"
    ],
    [
      "a 401 of UserInfo has no `WWW-Authenticate`, as RFC 6750 3 requires",
      "the token is refreshed once all the same",
      "protected resource: Bearer, DPoP, certificate: Bearer, which is refreshed once when it is refused"
    ],
    ["the code of a denial becomes `access_denied` in poll and ping mode", "no other reason arrives"],
    ["never `slow_down`, and no DPoP nonces", "none"],
    [
      "a push client that registers without the CIBA grant type loses its members, with 201",
      "`changed` names them; register with the grant type"
    ],
    [
      "`self_signed_tls_client_auth` wants `x5t#S256` in the registered key",
      "register the key with it",
      "self_signed_tls_client_auth, poll: approval"
    ],
    ["the storage that it brings holds 100 sessions", "the matrix runs with storage of its own"],
    ["`WithCIBAProfile` changes nothing", "a profile is what its operator configures"],
    [
      "a token request may not name fewer `authorization_details` than were granted, unless its operator compares them otherwise",
      "`InvalidAuthorizationDetails`: ask for all of them",
      "authorization_details: form, signed, narrowed: narrowed"
    ],
    [
      "more HTTP/2 requests at once than it has streams for a connection fail in undici with `UND_ERR_INFO`",
      "a program's own HTTP/2 client needs `maxConcurrentRequests`; this library's clients use HTTP/1.1",
      "HTTP over TLS: versions, kept and ended connections: HTTP/2, more waits than streams"
    ]
  ),
  ...quirksOf(
    "Keycloak",
    ["`login_hint` is the only hint", "send no other; `InvalidRequest` says so"],
    [
      "a binding message is 1 to 50 of `A-Z a-z 0-9 - . _ + / ! ? #`",
      "`InvalidBindingMessage`; `BindingMessage.generate` keeps to it"
    ],
    [
      "`requested_expiry` ends the device's bearer, while `expires_in` of the response is that of the realm",
      "the wait lasts as long as the response says",
      "none, poll: approval, denial, expiry: expiry"
    ],
    [
      "the end-user is checked when the `auth_req_id` is redeemed",
      "an unknown or disabled account fails late, as `InvalidGrant`"
    ],
    [
      "introspection is inactive unless the client is in `aud`; a refresh token needs `token_type_hint`",
      "add an audience mapper, and send the hint",
      "introspection: plain, signed: plain"
    ],
    ["pending requests are in memory only", "after a restart of the provider they fail as `InvalidGrant`"],
    [
      "`slow_down` counts from the last accepted poll, for all processes of a client together",
      "one process polls for a request, or each slows down",
      "slow_down of two processes that poll for one request: each waits five seconds more"
    ],
    [
      "a failed ping is not sent again; the decision stands",
      "the fallback poll finds it",
      "ping: approval, denial, missed: missed"
    ],
    ["a decision can be changed until it is redeemed", "none"],
    [
      "default scopes are granted unasked; an unknown `acr_values`, `authorization_details`, `resource` and `nonce` are ignored",
      "what is not granted is seen in the identity"
    ],
    ["an `auth_req_id` is a JWE of some 1,000 characters", "columns for it have to be long enough"],
    ["unsigned requests are accepted although an algorithm is registered", "sign all the same"],
    ["the device's bearer names the issuer, and is accepted there only", "a device calls the issuer's URL"]
  )
]
