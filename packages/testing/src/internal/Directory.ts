/** Where the endpoints are, and the metadata document that says so. */

import type { Endpoint } from "../RequestRecord.ts"
import * as DpopProofs from "./DpopProofs.ts"
import type { Settings } from "./Settings.ts"
import { cibaGrant, refreshGrant } from "./TokenEndpoint.ts"

/** Which endpoint a URL belongs to; nothing for another host. */
export const route = (issuer: string, url: URL): Endpoint | undefined => {
  const { origin, pathname } = new URL(issuer)
  if (url.origin !== origin) return undefined
  const path = pathname.replace(/\/$/, "")
  switch (url.pathname) {
    case `${path}/.well-known/openid-configuration`:
    case `/.well-known/oauth-authorization-server${path}`:
      return "discovery"
    case `${path}/jwks`:
      return "keys"
    case `${path}/backchannel`:
      return "backchannel"
    case `${path}/token`:
      return "token"
    case `${path}/userinfo`:
      return "userinfo"
    case `${path}/introspection`:
      return "introspection"
    case `${path}/revocation`:
      return "revocation"
    default:
      return "elsewhere"
  }
}

/** The metadata document. */
export const metadata = (settings: Settings): unknown => {
  const bare = settings.issuer.replace(/\/$/, "")
  const clients = [...settings.clients.values()]
  const assertionAlgorithms = clients.flatMap(({ authentication }) =>
    "algorithm" in authentication ? [authentication.algorithm] : []
  )
  const requestAlgorithms = clients.flatMap(({ requestSigning }) =>
    requestSigning === undefined ? [] : [requestSigning.algorithm]
  )
  return settings.metadata({
    issuer: settings.issuer,
    jwks_uri: `${bare}/jwks`,
    backchannel_authentication_endpoint: `${bare}/backchannel`,
    token_endpoint: `${bare}/token`,
    userinfo_endpoint: `${bare}/userinfo`,
    introspection_endpoint: `${bare}/introspection`,
    revocation_endpoint: `${bare}/revocation`,
    backchannel_token_delivery_modes_supported: unique([
      "poll",
      ...clients.flatMap(({ notification }) => (notification === undefined ? [] : [notification.deliveryMode]))
    ]),
    backchannel_user_code_parameter_supported: settings.users.some((user) => user.userCode !== undefined),
    grant_types_supported: settings.refreshTokens ? [cibaGrant, refreshGrant] : [cibaGrant],
    scopes_supported: ["openid"],
    response_types_supported: [],
    subject_types_supported: ["public"],
    token_endpoint_auth_methods_supported: unique(clients.map(({ authentication }) => authentication.method)),
    ...(assertionAlgorithms.length === 0
      ? undefined
      : { token_endpoint_auth_signing_alg_values_supported: unique(assertionAlgorithms) }),
    ...(requestAlgorithms.length === 0
      ? undefined
      : { backchannel_authentication_request_signing_alg_values_supported: unique(requestAlgorithms) }),
    dpop_signing_alg_values_supported: DpopProofs.algorithms,
    id_token_signing_alg_values_supported: unique(clients.map((client) => client.idTokenSignedResponseAlg))
  })
}

const unique = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => [...new Set(values)]
