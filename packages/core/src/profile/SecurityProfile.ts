/**
 * Security profiles: rules that a registration, an authentication request and a token response must comply with.
 *
 * **When to use**
 *
 * Set `profile` if the provider belongs to an ecosystem with such rules. A profile is data: `extend` one, or write your own.
 *
 * **Details**
 *
 * - A registration is validated when the layer is built, a request before it is sent, a response before it is returned.
 *
 * | profile | registration | request | response |
 * | --- | --- | --- | --- |
 * | `fapi1Ciba` | poll or ping; `private_key_jwt` or mutual TLS; PS256 or ES256; signed requests, valid for an hour at most; certificate-bound access tokens | a binding message, authorization details or a request context | a requested `acr`; no more than the requested scope |
 * | `fapi2Ciba` | as `fapi1Ciba`, with EdDSA and DPoP; the issuer as audience of assertions; requests may be unsigned | as `fapi1Ciba` | a requested `acr` |
 * | `connectIdAu` | as `fapi2Ciba`; poll; `private_key_jwt`; requests signed with PS256, with `exp` and `nbf` within ten minutes; interaction ids | as `fapi2Ciba`; a purpose of 3 to 300 characters as binding message; a `login_hint`; in `claims` an essential `txn`, and `au_connectid` wherever `verified_claims` are asked for; no `acr` | as `fapi2Ciba`; a `txn`; `au_connectid` wherever there are `verified_claims`; no `acr` |
 * | `openFinanceBrasil` | as `fapi1Ciba`; ping; `private_key_jwt`; PS256 alone; notifications over mutual TLS | as `fapi1Ciba`; no URL in the binding message | as `fapi1Ciba` |
 * | `camara` | poll; `private_key_jwt`; signed requests, if any, valid for five minutes at most | a `login_hint` with `tel:`, `ipport:` or `operatortoken:`; one purpose (`dpv:`) in the scope | – |
 *
 * **Gotchas**
 *
 * - With interaction ids, a response that does not return the id is refused. By then an authentication request has already
 *   contacted the end-user's authentication device.
 *
 * **Example** (FAPI refuses a client secret)
 *
 * ```ts
 * import { ClientAuthentication, ClientRegistration, SecurityProfile } from "@effect-ciba/core"
 * import { Effect, Redacted } from "effect"
 *
 * const registration = ClientRegistration.make({
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret")),
 *   idTokenSignedResponseAlg: "PS256",
 *   profile: SecurityProfile.fapi2Ciba
 * })
 *
 * const error = await Effect.runPromise(Effect.flip(registration))
 * error.parameter // => "authentication"
 * ```
 *
 * **Example** (A rule of your own)
 *
 * ```ts
 * import { SecurityProfile } from "@effect-ciba/core"
 *
 * const ours = SecurityProfile.extend(SecurityProfile.fapi2Ciba, {
 *   name: "ours",
 *   request: [
 *     {
 *       reference: "our policy 7",
 *       parameter: "requested_expiry",
 *       problem: ({ parameters }) =>
 *         "requested_expiry" in parameters ? undefined : "state how long the end-user may take"
 *     }
 *   ]
 * })
 *
 * ours.request.length - SecurityProfile.fapi2Ciba.request.length // => 1
 * ```
 *
 * @see FAPI-CIBA, FAPI 1.0 Advanced, FAPI 2.0 Security Profile
 */
/**
 * @since 0.1.0
 * @stability stable
 */
export { camara, connectIdAu, openFinanceBrasil } from "./EcosystemProfiles.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export { fapi1Ciba, fapi2Ciba } from "./FapiProfiles.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export {
  extend,
  ProfileViolation,
  type RegistrationContext,
  type RequestContext,
  type ResponseContext,
  type Rule,
  type Rules,
  type SecurityProfile,
  validate
} from "./Rule.ts"
