/**
 * The parameters of an authentication request (CIBA Core 7.1), checked before anything is sent.
 *
 * **When to use**
 *
 * `Options` is what `Ciba.initiate` and `Ciba.authenticate` take. `make` checks a request without sending it.
 *
 * **Gotchas**
 *
 * - `scope` must contain `openid`: without an ID Token nothing binds the tokens to the end-user who approved.
 * - A `userCode` is sent and not stored. Ask the end-user for it each time (CIBA Core 7.1.2).
 *
 * **Example** (A request that is checked)
 *
 * ```ts
 * import { AuthenticationRequest, ClientAuthentication, ClientRegistration, UserHint } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const invalid = AuthenticationRequest.make({
 *   scope: ["profile"],
 *   hint: UserHint.login("jo@example.com"),
 *   bindingMessage: "W4SCT"
 * })
 *
 * const error = await invalid.pipe(
 *   Effect.flip,
 *   Effect.provide(ClientRegistration.layer({ clientId: "bank-app", authentication: ClientAuthentication.none })),
 *   Effect.runPromise
 * )
 *
 * error.reason.message // => 'scope: it must contain "openid"'
 * ```
 *
 * @see CIBA Core 1.0 section 7.1
 */
import { Data, Duration, Effect, Option, Redacted, type Schema } from "effect"
import type { Headers } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import type { Expectations } from "../pending/PendingAuthentication.ts"
import * as Rule from "../profile/Rule.ts"
import { AuthenticationRequestError, type InvalidParameter, Unsupported } from "./AuthenticationRequestError.ts"
import * as AuthorizationDetails from "./AuthorizationDetails.ts"
import * as BindingMessage from "./BindingMessage.ts"
import * as GrantManagement from "./GrantManagement.ts"
import * as NotificationToken from "./NotificationToken.ts"
import { findInvalid, optional, type Parameter, reserved, toInvalid, validateText } from "./RequestParameters.ts"
import * as ResourceIndicator from "./ResourceIndicator.ts"
import * as Scope from "./Scope.ts"
import * as UserHint from "./UserHint.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export type { AuthorizationDetail, AuthorizationDetails } from "./AuthorizationDetails.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export type { GrantManagement } from "./GrantManagement.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export type { ResourceIndicator } from "./ResourceIndicator.ts"

/**
 * The parameters of a request.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  /** The scope values, which include `openid`, in the order in which they are sent. */
  readonly scope: ReadonlyArray<string>
  /** The hint that identifies the end-user. */
  readonly hint: UserHint.UserHint
  /** Requested authentication context classes (`acr_values`), in order of preference. */
  readonly acrValues?: ReadonlyArray<string> | undefined
  /** Whether an ID Token whose `acr` is not one of `acrValues` is rejected; `false` by default. */
  readonly essentialAcr?: boolean | undefined
  /** Text shown on the authentication device. Show it on the consumption device, too. */
  readonly bindingMessage?: string | undefined
  /** The end-user's user code, if the client is registered with `backchannel_user_code_parameter`. */
  readonly userCode?: Redacted.Redacted<string> | undefined
  /** How long the request should stay valid, in whole seconds. The provider decides. */
  readonly requestedExpiry?: Duration.Input | undefined
  /** The client notification token of ping and push mode; by default a new random one. */
  readonly clientNotificationToken?: Redacted.Redacted<string> | undefined
  /** What is to be authorized (RFC 9396): at least one object with a `type`. */
  readonly authorizationDetails?: AuthorizationDetails.AuthorizationDetails | undefined
  /**
   * Whether a token response is rejected, as `IdTokenError` with the reason `UnexpectedAuthorizationDetails`, unless exactly these
   * details are granted: fewer, more and changed ones are others, and so are those of a response that does not name them; the
   * order of details, of their members, and of `locations`, `actions`, `datatypes` and `privileges` does not count (RFC 9396
   * 7.1). The reason's `identity` has the tokens, to use or to revoke. Token requests must not narrow the details. `false` by
   * default.
   */
  readonly essentialAuthorizationDetails?: boolean | undefined
  /** The resources that the tokens are for (RFC 8707): absolute URIs without fragment. */
  readonly resource?: ResourceIndicator.ResourceIndicator | undefined
  /** Whether a grant of the end-user is created, extended or replaced (Grant Management for OAuth 2.0). */
  readonly grantManagement?: GrantManagement.GrantManagement | undefined
  /** Individually requested claims (OpenID Connect Core 5.5). */
  readonly claims?: Schema.JsonObject | undefined
  /** The context of the request, for the provider's risk assessment (FAPI-CIBA 5.3). */
  readonly requestContext?: Schema.JsonObject | undefined
  /** Other parameters. A value that is not a string is sent as JSON: serialized in a form, as it is in a signed request. */
  readonly extensionParameters?: Readonly<Record<string, Schema.Json>> | undefined
  /** Additional HTTP headers. None replaces one that the library sets. */
  readonly headers?: Headers.Input | undefined
}

/**
 * A request whose parameters are valid.
 *
 * @since 0.1.0
 * @stability stable
 */
export class AuthenticationRequest extends Data.Class<{
  readonly scope: ReadonlyArray<string>
  readonly bindingMessage: string | undefined
  readonly clientNotificationToken: Redacted.Redacted<string> | undefined
  readonly acrValues: ReadonlyArray<string> | undefined
  /** The `claims` parameter, whose values may be personal data. */
  readonly requestedClaims: Redacted.Redacted<Schema.JsonObject> | undefined
  readonly authorizationDetails: AuthorizationDetails.AuthorizationDetails | undefined
  readonly essentialAuthorizationDetails: boolean
  readonly grantManagement: GrantManagement.GrantManagement | undefined
  readonly expectations: Expectations
  /** The hint and the user code: no text of the provider's shows them. */
  readonly hints: ReadonlyArray<Redacted.Redacted<string>>
  /** The parameters, without those of client authentication. */
  readonly parameters: Redacted.Redacted<ReadonlyArray<Parameter>>
  /** Additional HTTP headers. */
  readonly headers: Redacted.Redacted<Headers.Input>
}> {}

/**
 * Checks the parameters of a request. An error names the parameter and says what to change.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = (
  options: Options
): Effect.Effect<AuthenticationRequest, AuthenticationRequestError, ClientRegistration> =>
  ClientRegistration.use((registration) =>
    DeliveryMode.usesNotifications(registration.deliveryMode)
      ? Effect.flatMap(makeToken(options), (token) => assemble(registration, options, token))
      : assemble(registration, options, undefined)
  )

const makeToken = ({ clientNotificationToken }: Options): Effect.Effect<Redacted.Redacted<string>> =>
  clientNotificationToken === undefined
    ? NotificationToken.generate
    : Effect.succeed(NotificationToken.withLabel(clientNotificationToken))

const assemble = (
  registration: ClientRegistration["Service"],
  options: Options,
  token: Redacted.Redacted<string> | undefined
): Effect.Effect<AuthenticationRequest, AuthenticationRequestError> => {
  const extensions = Object.entries(options.extensionParameters ?? {})
  const expiry = options.requestedExpiry === undefined ? undefined : Duration.toSeconds(options.requestedExpiry)
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
  const reason =
    validate(options, extensions, expiry) ??
    checkUserCode(options, registration) ??
    findInvalid(validateText(parameters)) ??
    Rule.validate(registration.profile, "request", { registration, parameters: Object.fromEntries(parameters) })
  return reason === undefined
    ? Effect.succeed(toRequest(options, parameters, token))
    : Effect.fail(new AuthenticationRequestError({ reason }))
}

const toRequest = (
  options: Options,
  parameters: ReadonlyArray<Parameter>,
  token: Redacted.Redacted<string> | undefined
): AuthenticationRequest =>
  new AuthenticationRequest({
    scope: options.scope,
    bindingMessage: options.bindingMessage,
    clientNotificationToken: token,
    acrValues: options.acrValues,
    requestedClaims: options.claims && Redacted.make(options.claims, { label: "requested claims" }),
    authorizationDetails: options.authorizationDetails,
    essentialAuthorizationDetails: options.essentialAuthorizationDetails === true,
    grantManagement: options.grantManagement,
    expectations: toExpectations(options),
    hints: options.userCode === undefined ? [options.hint.value] : [options.hint.value, options.userCode],
    parameters: Redacted.make(parameters, { label: "authentication request" }),
    headers: options.headers === undefined ? noHeaders : Redacted.make(options.headers, { label: "request headers" })
  })

const noHeaders = Redacted.make({}, { label: "request headers" })

const checkUserCode = ({ userCode }: Options, { userCodeParameter }: ClientRegistration["Service"]) =>
  userCode === undefined || userCodeParameter
    ? undefined
    : new Unsupported({
        feature: "user_code",
        problem: "the client is not registered with backchannel_user_code_parameter"
      })

const validate = (
  options: Options,
  extensions: ReadonlyArray<Parameter>,
  expiry: number | undefined
): InvalidParameter | undefined => {
  const { bindingMessage, clientNotificationToken, grantManagement, hint, userCode } = options
  return (
    toInvalid("scope", validateScope(options.scope)) ??
    toInvalid(hint.parameter, UserHint.validate(hint)) ??
    toInvalid("acr_values", validateAcrValues(options)) ??
    toInvalid("binding_message", bindingMessage === undefined ? undefined : BindingMessage.validate(bindingMessage)) ??
    toInvalid("user_code", userCode !== undefined && Redacted.value(userCode) === "" ? "it is empty" : undefined) ??
    toInvalid("requested_expiry", validateExpiry(expiry)) ??
    toInvalid(
      "client_notification_token",
      clientNotificationToken && NotificationToken.validate(clientNotificationToken)
    ) ??
    toInvalid("authorization_details", validateDetails(options)) ??
    toInvalid("resource", ResourceIndicator.validate(options.resource)) ??
    toInvalid("grant_id", grantManagement && GrantManagement.validate(grantManagement)) ??
    findInvalid(extensions.map(([name, value]) => [name, validateExtension(name, value)]))
  )
}

const validateExpiry = (expiry: number | undefined): string | undefined =>
  expiry === undefined || (Number.isSafeInteger(expiry) && expiry > 0)
    ? undefined
    : "it must be a whole number of seconds above zero"

const validateScope = (scope: ReadonlyArray<string>): string | undefined => {
  const malformed = Scope.validate(scope)
  if (malformed !== undefined) return malformed
  if (!scope.includes("openid")) return 'it must contain "openid"'
  return new Set(scope).size === scope.length ? undefined : "it contains a value twice"
}

const validateAcrValues = ({ acrValues = [], essentialAcr }: Options): string | undefined => {
  const malformed = Scope.describe(acrValues, "a value contains a character that none has, or is empty")
  if (malformed !== undefined) return malformed
  return essentialAcr === true && acrValues.length === 0 ? "essentialAcr needs at least one value" : undefined
}

const validateDetails = ({ authorizationDetails, essentialAuthorizationDetails }: Options): string | undefined => {
  if (authorizationDetails !== undefined) return AuthorizationDetails.validate(authorizationDetails)
  return essentialAuthorizationDetails === true ? "essentialAuthorizationDetails needs at least one detail" : undefined
}

const validateExtension = (name: string, value: Schema.Json): string | undefined => {
  if (name === "") return "an extension parameter has no name"
  if (reserved.has(name))
    return "it is not an extension parameter: it has an option of its own, or is set by the library"
  if (name === "nonce" && typeof value !== "string")
    return "it must be a string, as the nonce of the ID Token is compared with it"
  return name === "max_age" && (typeof value === "object" || !/^\d{1,9}$/.test(String(value)))
    ? "it must be a whole number of seconds"
    : undefined
}

const toExpectations = ({ acrValues, essentialAcr, extensionParameters = {}, hint }: Options): Expectations => {
  const { max_age, nonce } = extensionParameters
  const subject = Option.getOrUndefined(UserHint.subject(hint))
  return {
    ...(typeof nonce === "string" ? { nonce: Redacted.make(nonce, { label: "nonce" }) } : undefined),
    ...(max_age === undefined ? undefined : { maxAge: Duration.seconds(Number(max_age)) }),
    ...(essentialAcr === true && acrValues !== undefined ? { acrValues } : undefined),
    ...(subject === undefined ? undefined : { subject: Redacted.make(subject, { label: "subject" }) })
  }
}
