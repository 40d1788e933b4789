import { type Account, type Configuration, errors, type KoaContextWithOIDC } from "oidc-provider"

export type Claims = Readonly<Record<string, unknown>>

/** The end-users who have an account: their claims by subject. */
export type Accounts = Readonly<Record<string, Claims>>

export const jo: Accounts = {
  jo: {
    name: "Jo Doe",
    given_name: "Jo",
    family_name: "Doe",
    email: "jo@example.com",
    email_verified: true,
    phone_number: "+49 30 901820"
  }
}

export const scopes = {
  openid: ["sub"],
  profile: ["name", "given_name", "family_name", "picture", "locale", "zoneinfo"],
  email: ["email", "email_verified"],
  phone: ["phone_number", "phone_number_verified"],
  address: ["address"]
} satisfies Configuration["claims"]

export const find =
  (accounts: Accounts) =>
  (_: KoaContextWithOIDC, sub: string): Account | undefined => {
    const claims = accounts[sub]
    return claims === undefined ? undefined : { accountId: sub, claims: () => ({ sub, ...claims }) }
  }

/** A login hint is a subject or an e-mail address. */
export const byLoginHint =
  (accounts: Accounts) =>
  (_: KoaContextWithOIDC, hint = ""): string | undefined =>
    Object.hasOwn(accounts, hint) ? hint : Object.entries(accounts).find(([, { email }]) => email === hint)?.[0]

/** A login hint token is a JWT with `sub` or `email`, and `exp` if it expires; its signature is not verified. */
export const byLoginHintToken =
  (accounts: Accounts) =>
  (ctx: KoaContextWithOIDC, token = "") => {
    const { sub, email, exp } = payloadOf(token)
    if (typeof exp === "number" && exp <= Date.now() / 1000) {
      throw new errors.ExpiredLoginHintToken("the login_hint_token has expired")
    }
    return byLoginHint(accounts)(ctx, String(sub ?? email))
  }

const payloadOf = (token: string): Record<string, unknown> => {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())
  } catch {
    throw new errors.InvalidRequest("login_hint_token must be a JWT")
  }
}
