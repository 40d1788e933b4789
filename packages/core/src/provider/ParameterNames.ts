/**
 * Names of the form parameters that the library sets.
 *
 * @see CIBA Core 1.0 sections 7.1 and 10.1, RFC 6749 section 2.3.1, RFC 7521 section 4.2
 */

/** The parameters of client authentication. */
export const credentials: ReadonlySet<string> = new Set([
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type"
])

/** The parameters of an authentication request. */
export const authenticationRequest: ReadonlySet<string> = new Set([
  "scope",
  "client_notification_token",
  "acr_values",
  "login_hint",
  "login_hint_token",
  "id_token_hint",
  "binding_message",
  "user_code",
  "requested_expiry",
  "authorization_details",
  "resource",
  "grant_management_action",
  "grant_id",
  "claims",
  "request_context",
  "request",
  "request_uri"
])

/** The parameters of a token, revocation or introspection request that an authentication request does not have. */
export const tokenRequest: ReadonlySet<string> = new Set([
  "grant_type",
  "auth_req_id",
  "refresh_token",
  "token",
  "token_type_hint"
])
