/** What the provider of a module demands of requests; each problem is a failure of the module. */
import { decodeJwt, importJWK, type JWK, type JWTPayload, jwtVerify } from "jose"
import type { Variant } from "./Variant.ts"

/** What is registered of the client. */
export interface Registration {
  readonly clientId: string
  readonly key: JWK
  /** The `x5t#S256` of its certificate. */
  readonly thumbprint: string
}

/** A request to an endpoint of a module. */
export interface Incoming {
  readonly endpoint: string
  readonly form: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The thumbprint of the certificate on the connection, if it is one for certificates. */
  readonly thumbprint: string | undefined
}

export type Problems = ReadonlyArray<string>

const unless = (holds: boolean, problem: string): Problems => (holds ? [] : [problem])

const verify = async (jwt: string | undefined, { key }: Registration, audience: string): Promise<JWTPayload> => {
  const { payload } = await jwtVerify(jwt ?? "", await importJWK(key, "PS256"), { algorithms: ["PS256"], audience })
  return payload
}

const problemOf =
  (name: string) =>
  (error: unknown): Problems => [`${name}: ${error}`]

export const certificate = ({ thumbprint }: Incoming, registration: Registration): Problems =>
  unless(thumbprint === registration.thumbprint, "the connection does not have the registered certificate")

/** `used` has the `jti` of every assertion so far. */
export const authentication = async (
  { form, ...incoming }: Incoming,
  registration: Registration,
  {
    authentication,
    issuer,
    used
  }: { readonly authentication: Variant["authentication"]; readonly issuer: string; readonly used: Set<unknown> }
): Promise<Problems> => {
  if (authentication === "mtls") {
    return [
      ...certificate({ form, ...incoming }, registration),
      ...unless(form.client_id === registration.clientId, "there is no client_id"),
      ...unless(form.client_assertion === undefined, "there is a client_assertion")
    ]
  }
  return verify(form.client_assertion, registration, issuer).then(({ exp, iss, jti, sub }) => {
    const problems = [
      ...unless(iss === registration.clientId && sub === iss, "client_assertion: iss or sub is not the client"),
      ...unless(exp !== undefined, "client_assertion: there is no exp"),
      ...unless(jti !== undefined && !used.has(jti), "client_assertion: its jti is missing or was used before")
    ]
    used.add(jti)
    return problems
  }, problemOf("client_assertion"))
}

const outside = ["client_id", "client_assertion", "client_assertion_type", "request"]

const hints = ["login_hint", "login_hint_token", "id_token_hint"]

/** Checks a signed authentication request; its claims. */
export const authenticationRequest = async (
  { form }: Incoming,
  registration: Registration,
  expected: { readonly issuer: string; readonly variant: Variant; readonly consentId: string | undefined }
): Promise<{ readonly claims: JWTPayload; readonly problems: Problems }> => {
  const problems = await verify(form.request, registration, expected.issuer).then(
    (claims) => [
      ...unless(claims.iss === registration.clientId, "request: iss is not the client"),
      ...unless(
        [claims.exp, claims.nbf, claims.iat, claims.jti].every((claim) => claim !== undefined),
        "request: exp, nbf, iat or jti is missing"
      ),
      ...unless(hints.filter((name) => name in claims).length === 1, "request: not exactly one hint"),
      ...unless("binding_message" in claims, "request: there is no binding_message"),
      ...ofProfile(claims, expected)
    ],
    problemOf("request")
  )
  return {
    claims: form.request === undefined ? {} : decodeJwt(form.request),
    problems: [
      ...problems,
      ...Object.keys(form).flatMap((name) => unless(outside.includes(name), `${name} is outside the signed request`))
    ]
  }
}

const ofProfile = (
  claims: JWTPayload,
  { consentId, variant }: { readonly variant: Variant; readonly consentId: string | undefined }
): Problems => {
  const scope = String(claims.scope).split(" ")
  const wanted = {
    plain_fapi: ["openid", "accounts"],
    openbanking_uk: ["openid", "accounts"],
    openbanking_brazil: ["openid", "consents", "resources", `consent:${consentId}`],
    connectid_au: ["openid"]
  }[variant.profile]
  return [
    ...unless(
      wanted.every((value) => scope.includes(value)),
      `request: the scope is ${claims.scope}`
    ),
    ...unless(
      variant.delivery === "poll" || /^[\w\-.~+/]{22,1024}=*$/.test(String(claims.client_notification_token)),
      "request: there is no client_notification_token that is hard to guess"
    ),
    ...unless(
      variant.profile !== "openbanking_uk" || "openbanking-intent-id" in claims,
      "request: it is about no consent"
    ),
    ...unless(
      variant.profile !== "openbanking_brazil" || claims.login_hint === consentId,
      "request: login_hint is not the consent's id"
    ),
    ...unless(
      variant.profile !== "connectid_au" || JSON.stringify(claims.claims).includes('"txn":{"essential":true}'),
      "request: no essential txn is asked for"
    )
  ]
}
