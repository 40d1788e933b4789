/**
 * What a profile is made of: rules about a registration, a request and an answer, and who breaks one.
 */
import { Schema } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type * as ClientAuthentication from "../client/ClientAuthentication.ts"
import type { DeliveryMode } from "../client/DeliveryMode.ts"
import type { MutualTls } from "../client/MutualTls.ts"
import type { RequestSigner } from "../client/RequestSigner.ts"
import type { SenderConstraint } from "../http/SenderConstraint.ts"

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
  /** The classes that were asked for, if some were. */
  readonly requestedAcr: ReadonlyArray<string> | undefined
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
  /** Whether each call carries an `x-fapi-interaction-id`, which the answer has to give back; `false` by default. */
  readonly interactionIds?: boolean | undefined
  /** Headers that are not sent to resources, because the client does not hold the person's device. */
  readonly withheldHeaders?: ReadonlyArray<string> | undefined
  /** Whether the provider has to show a certificate when it calls the client; `false` by default. */
  readonly notificationClientCertificate?: boolean | undefined
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
