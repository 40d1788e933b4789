/** Client metadata as Keycloak's Admin REST API has it. */
import type { Registration } from "./RealServer.ts"

const authenticators: Readonly<Record<string, string>> = {
  client_secret_basic: "client-secret",
  client_secret_post: "client-secret",
  client_secret_jwt: "client-secret-jwt",
  private_key_jwt: "client-jwt",
  tls_client_auth: "client-x509"
}

/** The attribute of each member that is one. */
const attributes: Readonly<Record<string, string>> = {
  token_endpoint_auth_signing_alg: "token.endpoint.auth.signing.alg",
  id_token_signed_response_alg: "id.token.signed.response.alg",
  id_token_encrypted_response_alg: "id.token.encrypted.response.alg",
  id_token_encrypted_response_enc: "id.token.encrypted.response.enc",
  userinfo_signed_response_alg: "user.info.response.signature.alg",
  backchannel_token_delivery_mode: "ciba.backchannel.token.delivery.mode",
  backchannel_client_notification_endpoint: "ciba.backchannel.client.notification.endpoint",
  backchannel_authentication_request_signing_alg: "ciba.backchannel.auth.request.signing.alg",
  tls_client_auth_subject_dn: "x509.subjectdn",
  tls_client_certificate_bound_access_tokens: "tls.client.certificate.bound.access.tokens",
  dpop_bound_access_tokens: "dpop.bound.access.tokens"
}

export const fromRegistration = (registration: Registration) => {
  const { client_id: clientId, client_secret: secret, jwks, token_endpoint_auth_method: method } = registration
  const members = Object.entries(attributes).flatMap(([member, attribute]) =>
    registration[member] === undefined ? [] : [[attribute, String(registration[member])]]
  )
  return {
    clientId,
    secret,
    protocol: "openid-connect",
    publicClient: method === "none",
    clientAuthenticatorType: authenticators[method] ?? "client-secret",
    standardFlowEnabled: false,
    redirectUris: [],
    defaultClientScopes: ["basic", "profile", "email", "roles"],
    optionalClientScopes: ["offline_access"],
    // Introspection is for clients in the audience of a token.
    protocolMappers: [
      {
        name: "audience",
        protocol: "openid-connect",
        protocolMapper: "oidc-audience-mapper",
        config: { "included.client.audience": clientId, "access.token.claim": "true" }
      }
    ],
    attributes: {
      "oidc.ciba.grant.enabled": "true",
      "ciba.backchannel.token.delivery.mode": "poll",
      ...(jwks !== undefined && { "use.jwks.string": "true", "jwks.string": JSON.stringify(jwks) }),
      ...Object.fromEntries(members)
    }
  }
}
