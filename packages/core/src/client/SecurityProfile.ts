/**
 * A profile is data: rules that a registration must keep, checked before anything is sent. Anyone can write one.
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
 */
import type * as ClientAuthentication from "./ClientAuthentication.ts"
import type { DeliveryMode } from "./DeliveryMode.ts"

/** What a rule looks at. */
export interface Registered {
  readonly authentication: ClientAuthentication.ClientAuthentication
  readonly deliveryMode: DeliveryMode
  readonly idTokenSignedResponseAlg: string
}

/** A demand on a registration. */
export interface Rule {
  /** The specification's section. */
  readonly reference: string
  /** The option of the registration that is judged. */
  readonly parameter: string
  /** What is wrong, and what to do; nothing, where the rule is kept. */
  readonly problem: (registration: Registered) => string | undefined
}

/** A named set of rules. */
export interface SecurityProfile {
  readonly name: string
  readonly rules: ReadonlyArray<Rule>
}

const noPush = (reference: string): Rule => ({
  reference,
  parameter: "deliveryMode",
  problem: ({ deliveryMode }) =>
    deliveryMode === "push" ? "push delivery is not allowed; use poll or ping" : undefined
})

const methods = (reference: string, allowed: ReadonlyArray<ClientAuthentication.Method>): Rule => ({
  reference,
  parameter: "authentication",
  problem: ({ authentication }) =>
    allowed.includes(authentication.method)
      ? undefined
      : `${authentication.method} is not allowed; use ${allowed.join(" or ")}`
})

const algorithms = (reference: string, allowed: ReadonlyArray<string>): ReadonlyArray<Rule> => [
  {
    reference,
    parameter: "idTokenSignedResponseAlg",
    problem: ({ idTokenSignedResponseAlg: algorithm }) => unlisted(algorithm, allowed)
  },
  {
    reference,
    parameter: "authentication",
    problem: ({ authentication: { algorithm } }) => (algorithm === undefined ? undefined : unlisted(algorithm, allowed))
  }
]

const unlisted = (algorithm: string, allowed: ReadonlyArray<string>): string | undefined =>
  allowed.includes(algorithm) ? undefined : `${algorithm} is not allowed; use ${allowed.join(" or ")}`

const strong: ReadonlyArray<ClientAuthentication.Method> = [
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth"
]

/** FAPI-CIBA, implementer's draft 1, over FAPI 1.0 Advanced. */
export const fapiCiba1: SecurityProfile = {
  name: "FAPI-CIBA ID1",
  rules: [
    noPush("FAPI-CIBA 5.2.2-3"),
    methods("FAPI 1.0 Advanced 5.2.2-14", strong),
    ...algorithms("FAPI-CIBA 7.10", ["PS256", "ES256"])
  ]
}

/** FAPI-CIBA, working draft 03, over FAPI 2.0. */
export const fapi2Ciba: SecurityProfile = {
  name: "FAPI-CIBA draft 03 with FAPI 2.0",
  rules: [
    noPush("FAPI-CIBA draft 03, 4.1.1-3"),
    methods("FAPI 2.0 5.3.3.1-2", strong),
    ...algorithms("FAPI 2.0 5.4.1", ["PS256", "ES256", "EdDSA", "Ed25519"])
  ]
}
