/**
 * What a profile is made of: rules about a registration, a request and an answer, and who breaks one.
 */
import { type Duration, Schema } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"

/** What a rule sees of a registration: the parts of `ClientRegistration` that profiles make demands on. */
export interface RegistrationContext {
  readonly clientId: string
  readonly authentication: {
    readonly method: string
    readonly algorithm?: JwsAlgorithm.JwsAlgorithm
    /** The audience of client assertions, if it is not the issuer. */
    readonly audience?: unknown
  }
  readonly deliveryMode: "poll" | "ping" | "push"
  readonly idTokenSignedResponseAlg: JwsAlgorithm.JwsAlgorithm
  /** Undefined if UserInfo responses are not signed. */
  readonly userInfoSignedResponseAlg: JwsAlgorithm.JwsAlgorithm | undefined
  /** Undefined if introspection responses are not signed. */
  readonly introspectionSignedResponseAlg: JwsAlgorithm.JwsAlgorithm | undefined
  readonly userCodeParameter: boolean
  readonly mutualTls: { readonly boundAccessTokens: boolean } | undefined
  readonly senderConstraint: {
    readonly tokenType: "Bearer" | "DPoP"
    /** The algorithm of DPoP proofs, if the client makes them. */
    readonly algorithm: JwsAlgorithm.Asymmetric | undefined
  }
  /** Undefined if authentication requests are not signed. */
  readonly requestSigner:
    | { readonly algorithm: JwsAlgorithm.Asymmetric; readonly lifetime: Duration.Duration }
    | undefined
}

/** A request as a rule sees it. A rule's text never shows a value: values are the person's. */
export interface RequestContext {
  readonly registration: RegistrationContext
  readonly parameters: Readonly<Record<string, Schema.Json>>
}

/** A verified answer as a rule sees it. */
export interface ResponseContext {
  readonly registration: RegistrationContext
  readonly claims: Readonly<Record<string, unknown>>
  readonly tokenType: string
  readonly requestedScope: ReadonlyArray<string>
  /** The classes that were asked for, if some were. */
  readonly requestedAcr: ReadonlyArray<string> | undefined
  readonly grantedScope: ReadonlyArray<string>
}

/** What the rules of each stage look at. */
export interface Contexts {
  readonly registration: RegistrationContext
  readonly request: RequestContext
  readonly response: ResponseContext
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
export type Rules = { readonly [Stage in keyof Contexts]: ReadonlyArray<Rule<Contexts[Stage]>> }

/** A named set of rules. */
export interface SecurityProfile extends Rules {
  readonly name: string
  /** Whether each call carries an `x-fapi-interaction-id`, which the answer has to give back; `false` by default. */
  readonly interactionIds?: boolean | undefined
  /** Headers that are not sent to resources, because the client does not hold the person's device. */
  readonly withheldHeaders?: ReadonlyArray<string> | undefined
  /** Whether the provider has to show a certificate when it calls the client; `false` by default. */
  readonly notificationClientCertificate?: boolean | undefined
}

/** A rule of the security profile is not kept; `problem` says what to do. */
export class ProfileViolation extends ErrorClass.make<ProfileViolation>()(
  "ProfileViolation",
  { profile: Schema.String, reference: Schema.String, parameter: Schema.String, problem: Schema.String },
  ["a rule of the security profile is not kept", "fixRequest"],
  {
    message: ({ parameter, problem, profile, reference }) => `${parameter}: ${problem} (${profile}: ${reference})`
  }
) {}

/** The first rule of a stage that is broken, if one is. */
export const validate = <Stage extends keyof Contexts>(
  profile: SecurityProfile | undefined,
  stage: Stage,
  subject: Contexts[Stage]
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
