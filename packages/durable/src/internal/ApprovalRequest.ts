/**
 * The request of an approval as JSON, in the names of the specification.
 *
 * @see CIBA Core 1.0 section 7.1
 */
import type * as AuthenticationRequest from "@effect-ciba/core/AuthenticationRequest"
import * as UserHint from "@effect-ciba/core/UserHint"
import { Duration, Effect, type Redacted, Schema } from "effect"

const secret = Schema.optionalKey(Schema.RedactedFromValue(Schema.String))

const text = Schema.optionalKey(Schema.String)

const object = Schema.Record(Schema.String, Schema.Json)

/** Each member is a parameter of an authentication request. Others are refused. */
export class ApprovalRequest extends Schema.Opaque<ApprovalRequest>()(
  Schema.Struct({
    scope: Schema.String,
    login_hint: secret,
    login_hint_token: secret,
    id_token_hint: secret,
    binding_message: text,
    acr_values: text,
    user_code: secret,
    requested_expiry: Schema.optionalKey(Schema.Int),
    authorization_details: Schema.optionalKey(
      Schema.Array(Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [object]))
    ),
    resource: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
    grant_management_action: Schema.optionalKey(Schema.Literals(["create", "merge", "replace"])),
    grant_id: text,
    claims: Schema.optionalKey(object),
    request_context: Schema.optionalKey(object)
  })
) {}

/** What the library takes. Fails with what is wrong, unless there is one hint. */
export const toOptions = Effect.fnUntraced(function* (
  request: ApprovalRequest
): Effect.fn.Return<AuthenticationRequest.Options, string> {
  const grant = yield* toGrantManagement(request)
  return {
    scope: splitWords(request.scope),
    hint: yield* toHint(request),
    bindingMessage: request.binding_message,
    acrValues: request.acr_values === undefined ? undefined : splitWords(request.acr_values),
    userCode: request.user_code,
    requestedExpiry: request.requested_expiry === undefined ? undefined : Duration.seconds(request.requested_expiry),
    authorizationDetails: request.authorization_details,
    resource: request.resource,
    grantManagement: grant,
    claims: request.claims,
    requestContext: request.request_context
  }
})

const splitWords = (text: string): ReadonlyArray<string> => text.split(" ")

const hints = {
  login_hint: UserHint.login,
  login_hint_token: UserHint.loginToken,
  id_token_hint: UserHint.idToken
}

const toHint = ({
  id_token_hint,
  login_hint,
  login_hint_token
}: ApprovalRequest): Effect.Effect<UserHint.UserHint, string> => {
  const make = (hint: Redacted.Redacted<string> | undefined, of: (typeof hints)[keyof typeof hints]) =>
    hint === undefined ? [] : [of(hint)]
  const [hint, ...others] = [
    ...make(login_hint, hints.login_hint),
    ...make(login_hint_token, hints.login_hint_token),
    ...make(id_token_hint, hints.id_token_hint)
  ]
  return hint === undefined || others.length > 0
    ? Effect.fail(`it needs one of ${Object.keys(hints).join(", ")}, and no other of them (CIBA Core 7.1)`)
    : Effect.succeed(hint)
}

const toGrantManagement = ({
  grant_id: grantId,
  grant_management_action: action
}: ApprovalRequest): Effect.Effect<AuthenticationRequest.GrantManagement | undefined, string> => {
  if (action === undefined) return grantId === undefined ? Effect.undefined : Effect.fail(withoutAction)
  if (action === "create") return grantId === undefined ? Effect.succeed({ action }) : Effect.fail(withoutAction)
  return grantId === undefined
    ? Effect.fail(`grant_management_action ${action} needs a grant_id`)
    : Effect.succeed({ action, grantId })
}

const withoutAction = "grant_id needs a grant_management_action, merge or replace"
