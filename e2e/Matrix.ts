// The end-to-end matrix: each row is a capability, each cell a part of a test's title.
export interface Row {
  readonly name: string
  readonly titles: ReadonlyArray<string>
}

const methods = [
  "none",
  "client_secret_basic",
  "client_secret_post",
  ...["HS256", "HS384", "HS512"].map((algorithm) => `client_secret_jwt ${algorithm}`),
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"].map(
    (algorithm) => `private_key_jwt ${algorithm}`
  )
]

const row = (name: string, ...titles: ReadonlyArray<string>): Row => ({ name, titles })

export const rows: ReadonlyArray<Row> = [
  ...methods.map((name) =>
    row(
      `${name}, poll: approval, denial, expiry`,
      ...["an approval returns", "a denial fails", "a request without a decision"].map((end) => `> ${name}: ${end}`)
    )
  ),
  row("tls_client_auth, poll", "a certificate of an authority authenticates the client, at the endpoint aliases"),
  row("self_signed_tls_client_auth, poll", "a self-signed certificate authenticates the client"),
  row(
    "certificate-bound tokens with private_key_jwt",
    "a certificate binds the tokens of a client with private_key_jwt"
  ),
  row("certificates replaced during a wait", "a certificate that is replaced on disk is used by the next poll"),
  row("DPoP: flow, another process", "each poll has a new DPoP proof", "another process resumes"),
  row("signed requests: PS256, ES256, EdDSA", "a signed request in PS256, ES256 and EdDSA"),
  row(
    "authorization_details: form, signed, narrowed",
    "authorization details are granted",
    "a signed request carries authorization details",
    "narrows the access token"
  ),
  row(
    "resource indicators: form, signed, narrowed",
    "the access token is for the requested resource",
    "authorization details and resources as JSON",
    "one resource"
  ),
  row(
    "encrypted ID Tokens: private keys, client secret",
    "are decrypted and verified in each algorithm",
    "are encrypted with the client secret"
  ),
  row("refresh: Bearer, DPoP", "share one refresh request", "refreshes bound tokens"),
  row("revocation", "a revoked refresh token"),
  row("introspection: plain, signed", "introspection returns client", "introspection verifies a signed response"),
  row("UserInfo: plain, signed and encrypted", "UserInfo returns the claims", "UserInfo verifies and decrypts"),
  row(
    "protected resource: Bearer, DPoP, certificate",
    "an expired access token is refreshed once",
    "is sent with a proof",
    "a certificate-bound token is accepted"
  ),
  row("dynamic registration and management", "a client is registered"),
  row("ID Token algorithms", "the signature of the ID Token is verified"),
  row(
    "ping: approval, denial, missed",
    "a ping ends the wait at once",
    "a lost ping delays the approval until the fallback poll"
  )
]
