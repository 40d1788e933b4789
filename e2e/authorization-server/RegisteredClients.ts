import type { ClientAuthMethod, ClientMetadata } from "oidc-provider"
import * as Keys from "./Keys.ts"

export const hmacAlgorithms = ["HS256", "HS384", "HS512"] as const

export type HmacAlgorithm = (typeof hmacAlgorithms)[number]

export type SecretClient = ClientMetadata & { readonly client_secret: string }

/** One client for each client authentication method, all in poll mode; the id names the method. */
export interface RegisteredClients {
  readonly none: ClientMetadata
  readonly secretBasic: SecretClient
  readonly secretPost: SecretClient
  readonly secretJwt: Readonly<Record<HmacAlgorithm, SecretClient>>
  readonly privateKeyJwt: Readonly<Record<Keys.Algorithm, ClientMetadata>>
}

export const secret = "a-secret-of-sixty-four-characters-is-long-enough-for-HS512-too.."

/** A client in poll mode that authenticates by client_secret_basic, unless `metadata` says otherwise. */
export const client = (id: string, metadata?: Partial<SecretClient>): SecretClient => ({
  client_id: id,
  client_name: id,
  client_secret: secret,
  token_endpoint_auth_method: "client_secret_basic",
  grant_types: ["urn:openid:params:grant-type:ciba", "refresh_token"],
  response_types: [],
  redirect_uris: [],
  backchannel_token_delivery_mode: "poll",
  ...metadata
})

/** A client in ping mode. The server calls a notification endpoint on loopback over http, although its URL is https. */
export const pingClient = (id: string, endpoint: string, metadata?: Partial<SecretClient>): SecretClient =>
  client(id, {
    backchannel_token_delivery_mode: "ping",
    backchannel_client_notification_endpoint: endpoint,
    ...metadata
  })

export const make = (keys: Keys.Keys): RegisteredClients => ({
  none: withoutSecret("none", "none"),
  secretBasic: client("client_secret_basic"),
  secretPost: client("client_secret_post", { token_endpoint_auth_method: "client_secret_post" }),
  secretJwt: each(hmacAlgorithms, (algorithm) =>
    client(`client_secret_jwt-${algorithm}`, {
      token_endpoint_auth_method: "client_secret_jwt",
      token_endpoint_auth_signing_alg: algorithm
    })
  ),
  privateKeyJwt: each(Keys.algorithms, (algorithm) =>
    withoutSecret(`private_key_jwt-${algorithm}`, "private_key_jwt", {
      token_endpoint_auth_signing_alg: algorithm,
      jwks: { keys: Keys.publicSet(keys) }
    })
  )
})

export const list = (clients: RegisteredClients): ReadonlyArray<ClientMetadata> => [
  clients.none,
  clients.secretBasic,
  clients.secretPost,
  ...Object.values(clients.secretJwt),
  ...Object.values(clients.privateKeyJwt)
]

const withoutSecret = (id: string, method: ClientAuthMethod, metadata?: Partial<SecretClient>): ClientMetadata => {
  const { client_secret: _, ...rest } = client(id, { token_endpoint_auth_method: method, ...metadata })
  return rest
}

const each = <K extends string, A>(names: ReadonlyArray<K>, make: (name: K) => A): Readonly<Record<K, A>> =>
  Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, A>
