// The end-to-end matrix: each row is a capability, each cell a piece of a test's title.
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
      ...["an approval gives", "a denial is", "an unanswered request"].map((end) => `> ${name}: ${end}`)
    )
  ),
  row("tls_client_auth, poll", "of an authority authenticates the client, at the second address"),
  row("self_signed_tls_client_auth, poll", "that nobody vouches for authenticates the client"),
  row("certificate-bound tokens with private_key_jwt", "binds the tokens of a client that signs assertions"),
  row("certificates renewed under way", "that is renewed on disk is shown by the next poll"),
  row("DPoP with required nonces: flow, another process", "each poll has a new proof", "another process takes over"),
  row("signed requests: PS256, ES256, EdDSA", "a request is signed in each algorithm that profiles know"),
  row(
    "authorization_details: form, signed, narrowed",
    "details are granted",
    "a signed request carries details",
    "narrows"
  ),
  row(
    "resource indicators: form, signed, narrowed",
    "a resource gets a token",
    "details and resources with their",
    "one resource"
  ),
  row(
    "encrypted ID Tokens: private keys, client secret",
    "are opened and believed",
    "encrypted with the client secret"
  ),
  row("refresh: Bearer, DPoP", "renews twice, however many ask", "renews bound tokens"),
  row("revocation", "revokes tokens, unknown ones too"),
  row("introspection: plain, signed", "tells what a token is good for", "signs what it tells"),
  row("UserInfo: plain, signed and encrypted", "opens UserInfo", "UserInfo comes signed"),
  row(
    "protected resource: Bearer, DPoP, certificate",
    "that the provider forgot is renewed once",
    "is proven to the resource",
    "binds opens resources with this certificate"
  ),
  row("dynamic registration and management", "a client registers itself")
]
