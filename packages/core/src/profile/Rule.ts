/** The rules of a security profile about registrations, requests and responses, and their validation. */
import { type Duration, Schema } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"

/**
 * What a rule sees of a registration: the parts of `ClientRegistration` that profiles make demands on.
 *
 * @since 0.1.0
 * @stability stable
 */
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
    | {
        readonly algorithm: JwsAlgorithm.Asymmetric
        /** From `iat` to `exp`. */
        readonly lifetime: Duration.Duration
        /** From `nbf` to `iat`. */
        readonly backdated: Duration.Duration
      }
    | undefined
}

/**
 * What a rule sees of a request. The problem that a rule reports must not contain values: they are personal data of the end-user.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface RequestContext {
  readonly registration: RegistrationContext
  /** All parameters, by their names on the wire: a list or an object, such as `claims`, is the JSON that it stands for. */
  readonly parameters: Readonly<Record<string, Schema.Json>>
}

/**
 * What a rule sees of a verified token response.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface ResponseContext {
  readonly registration: RegistrationContext
  readonly claims: Readonly<Record<string, unknown>>
  readonly tokenType: string
  readonly requestedScope: ReadonlyArray<string>
  /** The requested `acr_values`; `undefined` if there were none. */
  readonly requestedAcr: ReadonlyArray<string> | undefined
  /** The `claims` parameter of the authentication request; `undefined` if it had none, and for refreshed tokens. */
  readonly requestedClaims: Schema.JsonObject | undefined
  readonly grantedScope: ReadonlyArray<string>
}

/** The subject of the rules at each stage. */
export interface Contexts {
  readonly registration: RegistrationContext
  readonly request: RequestContext
  readonly response: ResponseContext
}

/**
 * A demand of a profile.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Rule<Subject> {
  /** The section of the specification that demands it. */
  readonly reference: string
  /** The option, parameter or claim that it is about. */
  readonly parameter: string
  /** What is wrong, and what to do; `undefined` if the subject complies. */
  readonly problem: (subject: Subject) => string | undefined
}

/**
 * Rules by stage.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Rules = { readonly [Stage in keyof Contexts]: ReadonlyArray<Rule<Contexts[Stage]>> }

/**
 * A named set of rules, and what else a profile prescribes.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface SecurityProfile extends Rules {
  readonly name: string
  /** Whether each request carries an `x-fapi-interaction-id`, which the response must return; `false` by default. */
  readonly interactionIds?: boolean | undefined
  /** Headers that are not sent to resources, because the client does not run on the end-user's device. */
  readonly withheldHeaders?: ReadonlyArray<string> | undefined
  /** Whether the provider must present a certificate when it notifies the client; `false` by default. */
  readonly notificationClientCertificate?: boolean | undefined
}

/**
 * A profile with additional rules. Other members replace those of the profile.
 *
 * @since 0.1.0
 * @stability stable
 */
export const extend = (
  profile: SecurityProfile,
  { response = [], registration = [], request = [], ...rest }: Partial<SecurityProfile> & { readonly name: string }
): SecurityProfile => ({
  ...profile,
  ...rest,
  registration: [...profile.registration, ...registration],
  request: [...profile.request, ...request],
  response: [...profile.response, ...response]
})

/**
 * A rule of the security profile is not kept; `problem` says what to do.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ProfileViolation extends ErrorClass.make<ProfileViolation>()(
  "ProfileViolation",
  { profile: Schema.String, reference: Schema.String, parameter: Schema.String, problem: Schema.String },
  ["a rule of the security profile is not kept", "fixRequest"],
  {
    message: ({ parameter, problem, profile, reference }) => `${parameter}: ${problem} (${profile}: ${reference})`
  }
) {}

/**
 * The first violation of the rules of a stage.
 *
 * @since 0.1.0
 * @stability stable
 */
export const validate = <Stage extends keyof Contexts>(
  profile: SecurityProfile | undefined,
  stage: Stage,
  subject: Contexts[Stage]
): ProfileViolation | undefined => {
  if (profile === undefined) return undefined
  const rules: Rules[Stage] = profile[stage]
  for (const { parameter, problem, reference } of rules) {
    const found = problem(subject)
    if (found !== undefined) {
      return new ProfileViolation({ profile: profile.name, reference, parameter, problem: found })
    }
  }
  return undefined
}
