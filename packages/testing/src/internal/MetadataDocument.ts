/** The provider's metadata, as discovery publishes it (OpenID Connect Discovery 3, CIBA Core 4). */
import * as DpopProofs from "./DpopProofs.ts"
import { paths } from "./Routes.ts"
import type { Settings } from "./Settings.ts"
import { cibaGrant, refreshGrant } from "./TokenEndpoint.ts"

export const make = (settings: Settings): unknown => {
  const base = settings.issuer.replace(/\/$/, "")
  const clients = [...settings.clients.values()]
  const assertionAlgorithms = clients.flatMap(({ authentication }) =>
    "algorithm" in authentication ? [authentication.algorithm] : []
  )
  const requestAlgorithms = clients.flatMap(({ requestSigning }) =>
    requestSigning === undefined ? [] : [requestSigning.algorithm]
  )
  return settings.metadata({
    issuer: settings.issuer,
    jwks_uri: `${base}${paths.keys}`,
    backchannel_authentication_endpoint: `${base}${paths.backchannel}`,
    token_endpoint: `${base}${paths.token}`,
    userinfo_endpoint: `${base}${paths.userinfo}`,
    introspection_endpoint: `${base}${paths.introspection}`,
    revocation_endpoint: `${base}${paths.revocation}`,
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
    ...(clients.some((client) => client.certificateBoundAccessTokens)
      ? { tls_client_certificate_bound_access_tokens: true }
      : undefined),
    ...(settings.authorizationDetailsTypes === undefined
      ? undefined
      : { authorization_details_types_supported: settings.authorizationDetailsTypes }),
    dpop_signing_alg_values_supported: DpopProofs.algorithms,
    id_token_signing_alg_values_supported: unique(clients.map((client) => client.idTokenSignedResponseAlg))
  })
}

const unique = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => [...new Set(values)]
