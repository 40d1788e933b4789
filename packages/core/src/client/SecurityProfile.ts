/**
 * A profile is data: rules that a registration, a request and an answer must keep. Anyone can write one.
 *
 * A registration and a request are judged before anything is sent, an answer before anything of it is handed out.
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
import { Schema } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type * as ClientAuthentication from "./ClientAuthentication.ts"
import type { DeliveryMode } from "./DeliveryMode.ts"
import type { MutualTls } from "./MutualTls.ts"
import type { RequestSigner } from "./RequestSigner.ts"
import type { SenderConstraint } from "./SenderConstraint.ts"

/** A registration as a rule sees it. */
export interface Registered {
  readonly clientId: string
  readonly authentication: ClientAuthentication.ClientAuthentication
  readonly deliveryMode: DeliveryMode
  readonly idTokenSignedResponseAlg: JwsAlgorithm.JwsAlgorithm
  /** Nothing, where UserInfo comes unsigned. */
  readonly userInfoSignedResponseAlg: JwsAlgorithm.JwsAlgorithm | undefined
  /** Nothing, where introspection answers come unsigned. */
  readonly introspectionSignedResponseAlg: JwsAlgorithm.JwsAlgorithm | undefined
  readonly userCodeParameter: boolean
  readonly mutualTls: MutualTls | undefined
  readonly senderConstraint: SenderConstraint
  /** Who signs requests, where somebody does. */
  readonly requestSigner: RequestSigner | undefined
}

/** A request as a rule sees it. A rule's text never shows a value: values are the person's. */
export interface Asked {
  readonly registration: Registered
  readonly parameters: Readonly<Record<string, Schema.Json>>
}

/** A verified answer as a rule sees it. */
export interface Answered {
  readonly registration: Registered
  readonly claims: Readonly<Record<string, unknown>>
  readonly tokenType: string
  readonly requestedScope: ReadonlyArray<string>
  readonly grantedScope: ReadonlyArray<string>
}

/** What the rules of each stage look at. */
export interface Subjects {
  readonly registration: Registered
  readonly request: Asked
  readonly answer: Answered
}

/** A demand. */
export interface Rule<Subject> {
  /** The specification's section. */
  readonly reference: string
  /** The option, parameter or claim that is judged. */
  readonly parameter: string
  /** What is wrong, and what to do; nothing, where the rule is kept. */
  readonly problem: (subject: Subject) => string | undefined
}

/** Rules by the stage that they are about. */
export type Rules = { readonly [Stage in keyof Subjects]: ReadonlyArray<Rule<Subjects[Stage]>> }

/** A named set of rules. */
export interface SecurityProfile extends Rules {
  readonly name: string
}

/** A rule that was broken: whose, which, and what to do. */
export class ProfileViolation extends Schema.TaggedError<ProfileViolation>()("ProfileViolation", {
  profile: Schema.String,
  reference: Schema.String,
  parameter: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.parameter}: ${this.problem} (${this.profile}: ${this.reference})`
  }
}

/** The first rule of a stage that is broken, if one is. */
export const violation = <Stage extends keyof Subjects>(
  profile: SecurityProfile | undefined,
  stage: Stage,
  subject: Subjects[Stage]
): ProfileViolation | undefined => {
  if (profile === undefined) return undefined
  const rules: Rules[Stage] = profile[stage]
  for (const { parameter, problem, reference } of rules) {
    const broken = problem(subject)
    if (broken !== undefined) {
      return new ProfileViolation({ profile: profile.name, reference, parameter, problem: broken })
    }
  }
  return undefined
}

const noPush = (reference: string): Rule<Registered> => ({
  reference,
  parameter: "deliveryMode",
  problem: ({ deliveryMode }) =>
    deliveryMode === "push" ? "push delivery is not allowed; use poll or ping" : undefined
})

const methods = (reference: string, allowed: ReadonlyArray<ClientAuthentication.Method>): Rule<Registered> => ({
  reference,
  parameter: "authentication",
  problem: ({ authentication }) =>
    allowed.includes(authentication.method)
      ? undefined
      : `${authentication.method} is not allowed; use ${allowed.join(" or ")}`
})

const algorithms = (reference: string, allowed: ReadonlyArray<string>): ReadonlyArray<Rule<Registered>> => [
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
  registration: [
    noPush("FAPI-CIBA 5.2.2-3"),
    methods("FAPI 1.0 Advanced 5.2.2-14", strong),
    ...algorithms("FAPI-CIBA 7.10", ["PS256", "ES256"])
  ],
  request: [],
  answer: []
}

/** FAPI-CIBA, working draft 03, over FAPI 2.0. */
export const fapi2Ciba: SecurityProfile = {
  name: "FAPI-CIBA draft 03 with FAPI 2.0",
  registration: [
    noPush("FAPI-CIBA draft 03, 4.1.1-3"),
    methods("FAPI 2.0 5.3.3.1-2", strong),
    ...algorithms("FAPI 2.0 5.4.1", ["PS256", "ES256", "EdDSA", "Ed25519"])
  ],
  request: [],
  answer: []
}
