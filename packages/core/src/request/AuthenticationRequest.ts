/**
 * What is asked of the person: every parameter of CIBA Core 7.1, checked before anything is sent.
 *
 * **Gotchas**
 *
 * - `scope` must contain `openid`: without an ID Token nothing would tie the tokens to the person who approved.
 * - A `userCode` is sent and forgotten; ask the person for it each time (CIBA Core 7.1.2).
 *
 * @see CIBA Core 1.0 section 7.1
 */
import { Data, Duration, Effect, Option, Redacted, type Schema } from "effect"
import type { Headers } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import type { Expectations } from "../pending/PendingAuthentication.ts"
import * as Rule from "../profile/Rule.ts"
import { AuthenticationRequestError, Unsupported } from "./AuthenticationRequestError.ts"
import * as AuthorizationDetails from "./AuthorizationDetails.ts"
import * as BindingMessage from "./BindingMessage.ts"
import * as GrantManagement from "./GrantManagement.ts"
import * as NotificationToken from "./NotificationToken.ts"
import { findInvalid, optional, type Parameter, type Problem, validateText } from "./RequestParameters.ts"
import * as ResourceIndicator from "./ResourceIndicator.ts"
import * as UserHint from "./UserHint.ts"

export type { AuthorizationDetail, AuthorizationDetails } from "./AuthorizationDetails.ts"
export type { GrantManagement } from "./GrantManagement.ts"
export type { ResourceIndicator } from "./ResourceIndicator.ts"

/** A request as the caller writes it. */
export interface Options {
  /** The scope values, `openid` among them, in the order in which they are sent. */
  readonly scope: ReadonlyArray<string>
  /** Who is asked. */
  readonly hint: UserHint.UserHint
  /** Authentication context classes that are wanted, the preferred one first. */
  readonly acrValues?: ReadonlyArray<string> | undefined
  /** Refuse an ID Token whose `acr` is none of `acrValues`; `false` by default. */
  readonly essentialAcr?: boolean | undefined
  /** Text that the person sees on both devices; show it, too. */
  readonly bindingMessage?: string | undefined
  /** The person's secret for this provider, where the client is registered for it. */
  readonly userCode?: Redacted.Redacted<string> | undefined
  /** How long the request should stay open, in whole seconds. The provider decides. */
  readonly requestedExpiry?: Duration.Input | undefined
  /** The bearer of the provider's call, in ping and push mode; made anew by default. */
  readonly clientNotificationToken?: Redacted.Redacted<string> | undefined
  /** What exactly is to be authorized (RFC 9396): objects with a `type`. */
  readonly authorizationDetails?: AuthorizationDetails.AuthorizationDetails | undefined
  /** Where the tokens are to be used (RFC 8707): absolute URIs without fragment. */
  readonly resource?: ResourceIndicator.ResourceIndicator | undefined
  /** What becomes of the person's grant (Grant Management for OAuth 2.0). */
  readonly grantManagement?: GrantManagement.GrantManagement | undefined
  /** Claims that are asked for one by one (OpenID Connect Core 5.5). */
  readonly claims?: Schema.JsonObject | undefined
  /** What the client knows of the circumstances (FAPI-CIBA 5.3). */
  readonly requestContext?: Schema.JsonObject | undefined
  /** Parameters of extensions. What is no text goes out as JSON: as text in a form, as it is in a signed request. */
  readonly extensionParameters?: Readonly<Record<string, Schema.Json>> | undefined
  /** Further headers of the HTTP request; none takes the place of the library's own. */
  readonly headers?: Headers.Input | undefined
}

/** A request that has passed its checks. */
export class AuthenticationRequest extends Data.Class<{
  readonly scope: ReadonlyArray<string>
  readonly bindingMessage: string | undefined
  readonly clientNotificationToken: Redacted.Redacted<string> | undefined
  readonly acrValues: ReadonlyArray<string> | undefined
  readonly authorizationDetails: AuthorizationDetails.AuthorizationDetails | undefined
  readonly grantManagement: GrantManagement.GrantManagement | undefined
  readonly expectations: Expectations
  /** The parameters, without those of client authentication. */
  readonly parameters: Redacted.Redacted<ReadonlyArray<Parameter>>
  /** Further headers. */
  readonly headers: Redacted.Redacted<Headers.Input>
}> {}

/** Checks a request; a failure names the parameter, what is wrong with it, and what to do. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<AuthenticationRequest, AuthenticationRequestError, ClientRegistration> {
  const registration = yield* ClientRegistration
  const extensions = Object.entries(options.extensionParameters ?? {})
  const expiry = options.requestedExpiry === undefined ? undefined : Duration.toSeconds(options.requestedExpiry)

  const wrong = findInvalid(problems(options, extensions, expiry))
  if (wrong !== undefined) return yield* new AuthenticationRequestError({ reason: wrong })
  if (options.userCode !== undefined && !registration.userCodeParameter) {
    return yield* new AuthenticationRequestError({
      reason: new Unsupported({
        feature: "user_code",
        problem: "the client is not registered with backchannel_user_code_parameter"
      })
    })
  }

  const token = DeliveryMode.usesNotifications(registration.deliveryMode)
    ? options.clientNotificationToken === undefined
      ? yield* NotificationToken.generate
      : NotificationToken.withLabel(options.clientNotificationToken)
    : undefined

  const parameters: ReadonlyArray<Parameter> = [
    ...optional("scope", options.scope.join(" ")),
    ...optional(options.hint.parameter, Redacted.value(options.hint.value)),
    ...optional("client_notification_token", token && Redacted.value(token)),
    ...optional("acr_values", options.acrValues?.join(" ") || undefined),
    ...optional("binding_message", options.bindingMessage),
    ...optional("user_code", options.userCode && Redacted.value(options.userCode)),
    ...optional("requested_expiry", expiry?.toString()),
    ...optional("authorization_details", options.authorizationDetails),
    ...ResourceIndicator.toParameters(options.resource),
    ...GrantManagement.toParameters(options.grantManagement),
    ...optional("claims", options.claims),
    ...optional("request_context", options.requestContext),
    ...extensions
  ]
  const unsendable = findInvalid(validateText(parameters))
  if (unsendable !== undefined) return yield* new AuthenticationRequestError({ reason: unsendable })
  const broken = Rule.validate(registration.profile, "request", {
    registration,
    parameters: Object.fromEntries(parameters)
  })
  if (broken !== undefined) return yield* new AuthenticationRequestError({ reason: broken })

  return new AuthenticationRequest({
    scope: options.scope,
    bindingMessage: options.bindingMessage,
    clientNotificationToken: token,
    acrValues: options.acrValues,
    authorizationDetails: options.authorizationDetails,
    grantManagement: options.grantManagement,
    expectations: expectations(options),
    parameters: Redacted.make(parameters, { label: "authentication request" }),
    headers: Redacted.make(options.headers ?? {}, { label: "request headers" })
  })
})

const problems = (
  options: Options,
  extensions: ReadonlyArray<Parameter>,
  expiry: number | undefined
): ReadonlyArray<Problem> => [
  ["scope", scopeProblem(options.scope)],
  [options.hint.parameter, UserHint.validate(options.hint)],
  [
    "acr_values",
    options.acrValues?.every((value) => scopeToken.test(value)) === false
      ? "a value has a space, or is empty"
      : undefined
  ],
  [
    "acr_values",
    options.essentialAcr === true && !options.acrValues?.length ? "essentialAcr needs at least one value" : undefined
  ],
  [
    "binding_message",
    options.bindingMessage === undefined ? undefined : BindingMessage.validate(options.bindingMessage)
  ],
  ["user_code", options.userCode !== undefined && Redacted.value(options.userCode) === "" ? "it is empty" : undefined],
  [
    "requested_expiry",
    expiry === undefined || (Number.isSafeInteger(expiry) && expiry > 0)
      ? undefined
      : "it must be a whole number of seconds above zero"
  ],
  [
    "client_notification_token",
    options.clientNotificationToken && NotificationToken.validate(options.clientNotificationToken)
  ],
  [
    "authorization_details",
    options.authorizationDetails && AuthorizationDetails.validate(options.authorizationDetails)
  ],
  ["resource", ResourceIndicator.validate(options.resource)],
  ["grant_id", options.grantManagement && GrantManagement.validate(options.grantManagement)],
  ...extensions.map(([name, value]) => [name, extensionProblem(name, value)] as const)
]

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

const scopeProblem = (scope: ReadonlyArray<string>): string | undefined => {
  if (!scope.includes("openid")) return 'it must contain "openid"'
  if (new Set(scope).size !== scope.length) return "a value is there twice"
  return scope.every((value) => scopeToken.test(value))
    ? undefined
    : "a value has a space, a quote or a backslash, or is empty"
}

const extensionProblem = (name: string, value: Schema.Json): string | undefined => {
  if (name === "") return "an extension parameter has no name"
  if (reserved.has(name)) return "it is no extension parameter; it has an option of its own or belongs to the library"
  if (name === "nonce" && typeof value !== "string") return "it must be text, or the answer cannot be compared with it"
  return name === "max_age" && (typeof value === "object" || !/^\d{1,9}$/.test(String(value)))
    ? "it must be a whole number of seconds"
    : undefined
}

const reserved = new Set([
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
  "request_uri",
  "iss",
  "aud",
  "exp",
  "iat",
  "nbf",
  "jti",
  "sub",
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type"
])

const expectations = (options: Options): Expectations => {
  const { max_age, nonce } = options.extensionParameters ?? {}
  const subject = Option.getOrUndefined(UserHint.subject(options.hint))
  return {
    ...(typeof nonce === "string" ? { nonce: Redacted.make(nonce, { label: "nonce" }) } : undefined),
    ...(max_age === undefined ? undefined : { maxAge: Duration.seconds(Number(max_age)) }),
    ...(options.essentialAcr === true && options.acrValues !== undefined
      ? { acrValues: options.acrValues }
      : undefined),
    ...(subject === undefined ? undefined : { subject: Redacted.make(subject, { label: "subject" }) })
  }
}
