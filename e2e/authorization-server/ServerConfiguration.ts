import type { TLSSocket } from "node:tls"
import { Duration } from "effect"
import {
  type BackchannelAuthenticationRequest,
  type Client,
  type Configuration,
  errors,
  type KoaContextWithOIDC
} from "oidc-provider"
import * as Accounts from "./Accounts.ts"
import type { Options } from "./AuthorizationServer.ts"
import * as InMemoryAdapter from "./InMemoryAdapter.ts"
import * as Keys from "./Keys.ts"
import { hmacAlgorithms } from "./RegisteredClients.ts"

type Contact = (request: BackchannelAuthenticationRequest, client: Client) => void
type Features = NonNullable<Configuration["features"]>

const hour = 3600

export const make = (options: Options, contact: Contact): Configuration => {
  const accounts = options.accounts ?? Accounts.jo
  return {
    adapter: InMemoryAdapter.make(),
    claims: Accounts.scopes,
    cookies: { keys: ["no browser visits this server"] },
    enabledJWA: {
      clientAuthSigningAlgValues: [...hmacAlgorithms, ...Keys.algorithms],
      idTokenEncryptionAlgValues: [
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A256KW",
        "dir",
        "A128KW",
        "A192KW",
        "A256KW",
        "A128GCMKW",
        "A192GCMKW",
        "A256GCMKW"
      ],
      idTokenEncryptionEncValues: ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"],
      idTokenSigningAlgValues: [...hmacAlgorithms, ...Keys.algorithms],
      requestObjectSigningAlgValues: [...Keys.algorithms],
      userinfoSigningAlgValues: [...Keys.algorithms],
      introspectionSigningAlgValues: [...Keys.algorithms]
    },
    extraParams: options.extraParams ?? [],
    features: features(options, accounts, contact),
    fetch: fetchOverHttpOnLoopback,
    findAccount: Accounts.find(accounts),
    renderError: (ctx, out) => {
      ctx.body = out
    },
    ttl: {
      AccessToken: hour,
      BackchannelAuthenticationRequest: requestTtl(options.expires ?? "10 minutes"),
      ClientCredentials: hour,
      Grant: 24 * hour,
      IdToken: hour,
      RefreshToken: 24 * hour
    },
    ...options.configuration
  }
}

const features = (options: Options, accounts: Accounts.Accounts, contact: Contact): Features => {
  const base: Features = {
    ciba: {
      enabled: true,
      deliveryModes: ["poll", "ping"],
      processLoginHint: Accounts.byLoginHint(accounts),
      processLoginHintToken: Accounts.byLoginHintToken(accounts),
      triggerAuthenticationDevice: (_, request, __, client) => contact(request, client),
      validateBindingMessage: validateBindingMessage(options.bindingMessage ?? /^[\w.+/!?#-]{1,20}$/),
      validateRequestContext: () => {},
      verifyUserCode: verifyUserCode(options.userCodes ?? {})
    },
    devInteractions: { enabled: false },
    introspection: { enabled: false, allowedPolicy: () => true },
    mTLS: {
      enabled: false,
      getCertificate: (ctx) => (ctx.socket as TLSSocket).getPeerX509Certificate(),
      certificateAuthorized: (ctx) => (ctx.socket as TLSSocket).authorized,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === "tls_client_auth_subject_dn" &&
        (ctx.socket as TLSSocket).getPeerX509Certificate()?.subject.split("\n").join(",") === expected
    },
    requestObjects: { enabled: options.signedRequests ?? false },
    resourceIndicators: {
      enabled: false,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: "openid profile email offline_access",
        audience: resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } }
      })
    },
    revocation: { enabled: false, allowedPolicy: (_, client, token) => client.clientId === token.clientId }
  }
  const wanted = Object.entries(options.features ?? {})
  return {
    ...base,
    ...Object.fromEntries(wanted.map(([name, feature]) => [name, { ...base[name as keyof Features], ...feature }]))
  }
}

const requestTtl = (expires: Duration.Input) => (ctx: KoaContextWithOIDC) => {
  const seconds = Math.ceil(Duration.toSeconds(expires))
  const { requested_expiry: requested } = { ...ctx.oidc?.params }
  return requested === undefined ? seconds : Math.min(seconds, Number(requested))
}

const validateBindingMessage = (allowed: RegExp) => (_: KoaContextWithOIDC, message?: string) => {
  if (message !== undefined && !allowed.test(message)) {
    throw new errors.InvalidBindingMessage("the binding_message cannot be shown")
  }
}

const verifyUserCode =
  (codes: Readonly<Record<string, string>>) =>
  (ctx: KoaContextWithOIDC, account: { readonly accountId: string }, code?: string) => {
    const expected = codes[account.accountId]
    if (expected === undefined || ctx.oidc.client?.backchannelUserCodeParameter !== true) return
    if (code === undefined) throw new errors.MissingUserCode("the user_code is missing")
    if (code !== expected) throw new errors.InvalidUserCode("the user_code is wrong")
  }

/** A notification endpoint must be registered with an https URL; one on loopback is called over http. */
const fetchOverHttpOnLoopback: NonNullable<Configuration["fetch"]> = (input, init) => {
  const url = new URL(String(input))
  if (url.hostname === "127.0.0.1" || url.hostname === "localhost") url.protocol = "http:"
  const { dispatcher: _, ...options } = { dispatcher: undefined, ...init }
  return fetch(url, options)
}
