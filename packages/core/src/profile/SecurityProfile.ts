/**
 * A profile is data: rules that a registration, a request and an answer must keep. Anyone can write one.
 *
 * A registration and a request are judged before anything is sent, an answer before anything of it is handed out.
 *
 * | profile | what it demands |
 * | --- | --- |
 * | `fapiCiba1` | poll or ping, `private_key_jwt` or certificates, PS256 or ES256, signed requests of an hour at most, certificate-bound tokens, a context in every request, the asked `acr` and no more than the asked scope |
 * | `fapi2Ciba` | the same with EdDSA, DPoP or certificates, assertions for the issuer; requests may be unsigned |
 * | `connectIdAu` | `fapi2Ciba`, a purpose of 3 to 300 characters, a `login_hint`, interaction ids |
 * | `brazil` | `fapiCiba1` in PS256 alone, no URL in a binding message, calls of the provider with a certificate |
 * | `camara` | poll, `private_key_jwt`, a `login_hint` of the telecoms' forms, exactly one purpose, signed requests of five minutes at most |
 *
 * **Gotchas**
 *
 * - With interaction ids, an answer that does not give the id back is refused. A request for authentication has rung the
 *   person's phone by then.
 *
 * **Example** (A shared secret under FAPI)
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
 * **Example** (A rule of one's own)
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
 *         "requested_expiry" in parameters ? undefined : "say how long the person may take"
 *     }
 *   ]
 * })
 *
 * ours.request.length - SecurityProfile.fapi2Ciba.request.length // => 1
 * ```
 */
import type { Rules, SecurityProfile } from "./Rule.ts"

export { brazil, camara, connectIdAu } from "./Ecosystems.ts"
export { fapi2Ciba, fapiCiba1 } from "./Fapi.ts"
export {
  ProfileViolation,
  type RegistrationContext,
  type RequestContext,
  type ResponseContext,
  type Rule,
  type Rules,
  type SecurityProfile,
  validate
} from "./Rule.ts"

/** A profile with more rules; whatever else is given takes the place of what was there. */
export const extend = (
  profile: SecurityProfile,
  { response = [], registration = [], request = [], ...rest }: Partial<SecurityProfile> & { readonly name: string }
): SecurityProfile => ({
  ...profile,
  ...rest,
  ...merged(profile, { response, registration, request })
})

const merged = (one: Rules, other: Rules): Rules => ({
  registration: [...one.registration, ...other.registration],
  request: [...one.request, ...other.request],
  response: [...one.response, ...other.response]
})
