/** The backchannel authentication endpoint (CIBA Core 7). */
import { Clock, Effect, Option, Schema } from "effect"
import type { JsonObject } from "../ProviderOptions.ts"
import type { TestClient } from "../TestClient.ts"
import type { TestUser } from "../TestUser.ts"
import type { AuthenticationRequests } from "./AuthenticationRequests.ts"
import type { Authenticate } from "./ClientAuthenticator.ts"
import type { DpopProofs } from "./DpopProofs.ts"
import { type Handler, invalidRequest, type Parameters, readForm } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import * as RandomToken from "./RandomToken.ts"
import { confirm } from "./SenderConstraint.ts"
import type { Settings } from "./Settings.ts"
import type { ReadParameters } from "./SignedRequests.ts"
import type { FindUser } from "./UserHints.ts"

export const make = (
  settings: Settings,
  parts: {
    readonly authenticate: Authenticate
    readonly findUser: FindUser
    readonly proofs: DpopProofs
    readonly readParameters: ReadParameters
    readonly requests: AuthenticationRequests
  }
): Handler => {
  const handle: Handler = Effect.fnUntraced(function* (form) {
    const sent = yield* readForm(form)
    const client = yield* parts.authenticate(form, sent)
    const parameters = yield* parts.readParameters(client, sent)
    const scope = yield* readScope(parameters)
    const user = yield* parts.findUser(client, parameters)
    yield* checkUserCode(user, parameters.get("user_code"))
    const bindingMessage = parameters.get("binding_message")
    if (bindingMessage !== undefined && bindingMessage.search(settings.bindingMessage) < 0) {
      return yield* refuse("invalid_binding_message", "The binding message cannot be shown")
    }
    const notificationToken = yield* readNotificationToken(client, parameters)
    const authorizationDetails = yield* readDetails(parameters.get("authorization_details"), settings)
    const confirmation = yield* confirm(parts.proofs, client, form)
    const expiresIn = yield* readExpiry(parameters.get("requested_expiry"), settings.expiresIn)
    const acknowledgedAt = yield* Clock.currentTimeMillis
    const authReqId = yield* RandomToken.make(20)
    parts.requests.add({
      authReqId,
      client,
      user,
      scope,
      acrValues: parameters.get("acr_values"),
      nonce: parameters.get("nonce"),
      bindingMessage,
      authorizationDetails,
      notificationToken,
      confirmation,
      acknowledgedAt,
      expiresAt: acknowledgedAt + expiresIn
    })
    return ProviderResponse.json(
      200,
      settings.acknowledgement({
        auth_req_id: authReqId,
        expires_in: expiresIn / 1000,
        ...(settings.intervalOmitted || client.notification?.deliveryMode === "push"
          ? undefined
          : { interval: settings.interval / 1000 })
      })
    )
  })
  const { addNonce } = parts.proofs
  return (form) =>
    form.headers.dpop === undefined
      ? handle(form)
      : Effect.mapBoth(handle(form), { onFailure: addNonce, onSuccess: addNonce })
}

const refuse = (code: string, description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error(code, { description }))

const readScope = (parameters: Parameters): Effect.Effect<string, ProviderResponse.ProviderResponse> => {
  const scope = parameters.get("scope")
  if (scope === undefined) return invalidRequest("There is no scope")
  return scope.split(" ").includes("openid") ? Effect.succeed(scope) : refuse("invalid_scope", "scope lacks openid")
}

const readNotificationToken = (
  { notification }: TestClient,
  parameters: Parameters
): Effect.Effect<string | undefined, ProviderResponse.ProviderResponse> => {
  const token = parameters.get("client_notification_token")
  if (notification === undefined) return Effect.undefined
  return token !== undefined && /^[A-Za-z0-9\-._~+/]{1,1024}=*$/.test(token)
    ? Effect.succeed(token)
    : invalidRequest("client_notification_token is missing, or not a bearer token")
}

const checkUserCode = (
  user: TestUser,
  userCode: string | undefined
): Effect.Effect<void, ProviderResponse.ProviderResponse> =>
  user.userCode === undefined || user.userCode === userCode
    ? Effect.void
    : userCode === undefined
      ? refuse("missing_user_code", "The end-user has a user code")
      : refuse("invalid_user_code", "The user code is wrong")

const readExpiry = (
  requested: string | undefined,
  otherwise: number
): Effect.Effect<number, ProviderResponse.ProviderResponse> =>
  requested === undefined
    ? Effect.succeed(otherwise)
    : /^[1-9]\d{0,8}$/.test(requested)
      ? Effect.succeed(Number(requested) * 1000)
      : invalidRequest("requested_expiry is not a positive number of seconds")

const readDetails = (
  text: string | undefined,
  { authorizationDetailsTypes: types }: Settings
): Effect.Effect<ReadonlyArray<JsonObject> | undefined, ProviderResponse.ProviderResponse> => {
  if (text === undefined) return Effect.undefined
  const details = Option.getOrUndefined(decodeDetails(text))
  if (details === undefined) return refuse("invalid_authorization_details", "They are no list of objects with a type")
  const unknown = details.find(({ type }) => types !== undefined && !types.includes(type))
  return unknown === undefined
    ? Effect.succeed(details)
    : refuse("invalid_authorization_details", `The type ${unknown.type} is unknown`)
}

const decodeDetails = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.NonEmptyArray(
      Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
    )
  )
)
