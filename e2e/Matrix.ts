// The end-to-end matrix: each cell is a piece of a test's title.
export interface Cells {
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

export const cells: ReadonlyArray<Cells> = [
  ...methods.map((name) => ({
    name: `${name}: approval, denial, expiry`,
    titles: ["an approval gives", "a denial is", "an unanswered request"].map((end) => `${name}: ${end}`)
  }))
]
