/** The URLs of the provider's endpoints. */
import type { Endpoint } from "../RequestRecord.ts"

/** The path of each endpoint behind the issuer, but for discovery, which has two layouts. */
export const paths: Readonly<Record<Exclude<Endpoint, "discovery" | "elsewhere">, string>> = {
  keys: "/jwks",
  backchannel: "/backchannel",
  token: "/token",
  userinfo: "/userinfo",
  introspection: "/introspection",
  revocation: "/revocation"
}

/** The endpoint at a URL; `undefined` for another origin than the issuer's. */
export const findEndpoint = (issuer: string, url: URL): Endpoint | undefined => {
  const { origin, pathname } = new URL(issuer)
  if (url.origin !== origin) return undefined
  const base = pathname.replace(/\/$/, "")
  const endpoints = new Map<string, Endpoint>([
    [`${base}/.well-known/openid-configuration`, "discovery"],
    [`/.well-known/oauth-authorization-server${base}`, "discovery"],
    [`${base}${paths.keys}`, "keys"],
    [`${base}${paths.backchannel}`, "backchannel"],
    [`${base}${paths.token}`, "token"],
    [`${base}${paths.userinfo}`, "userinfo"],
    [`${base}${paths.introspection}`, "introspection"],
    [`${base}${paths.revocation}`, "revocation"]
  ])
  return endpoints.get(url.pathname) ?? "elsewhere"
}
