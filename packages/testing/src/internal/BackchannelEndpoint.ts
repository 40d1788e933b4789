/** The backchannel authentication endpoint (CIBA Core 7). */
import { Clock, Effect } from "effect"
import type { TestClient } from "../TestClient.ts"
import type { TestUser } from "../TestUser.ts"
import type { AuthenticationRequests } from "./AuthenticationRequests.ts"
import type { Authenticate } from "./ClientAuthenticator.ts"
import type { DpopProofs } from "./DpopProofs.ts"
import { accept, type FormRequest, invalid, type Parameters } from "./FormRequest.ts"
import type { Identify } from "./Hints.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import * as RandomToken from "./RandomToken.ts"
import type { Settings } from "./Settings.ts"
import type { Open } from "./SignedRequests.ts"

export type Endpoint = (
  form: FormRequest
) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>

export const make = (
  settings: Settings,
  parts: {
    readonly authenticate: Authenticate
    readonly identify: Identify
    readonly open: Open
    readonly proofs: DpopProofs
    readonly requests: AuthenticationRequests
  }
): Endpoint => {
  const handle: Endpoint = Effect.fnUntraced(function* (form) {
    const sent = yield* accept(form)
    const client = yield* parts.authenticate(form, sent)
    const parameters = yield* parts.open(client, sent)
    const scope = yield* scopeIn(parameters)
    const user = yield* parts.identify(client, parameters)
    yield* checkUserCode(user, parameters.get("user_code"))
    const bindingMessage = parameters.get("binding_message")
    if (bindingMessage !== undefined && bindingMessage.search(settings.bindingMessage) < 0) {
      return yield* refuse("invalid_binding_message", "The binding message cannot be shown")
    }
    const notificationToken = yield* notificationTokenIn(client, parameters)
    const thumbprint = yield* parts.proofs.verify(form)
    const expiresIn = yield* lifetime(parameters.get("requested_expiry"), settings.expiresIn)
    const acknowledgedAt = yield* Clock.currentTimeMillis
    const authReqId = yield* RandomToken.make(20)
    parts.requests.open({
      authReqId,
      client,
      user,
      scope,
      acrValues: parameters.get("acr_values"),
      nonce: parameters.get("nonce"),
      bindingMessage,
      notificationToken,
      thumbprint,
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
  const { answer } = parts.proofs
  return (form) =>
    form.headers.dpop === undefined
      ? handle(form)
      : Effect.mapBoth(handle(form), { onFailure: answer, onSuccess: answer })
}

const refuse = (code: string, description: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error(code, { description }))

const scopeIn = (parameters: Parameters): Effect.Effect<string, ProviderResponse.ProviderResponse> => {
  const scope = parameters.get("scope")
  if (scope === undefined) return invalid("There is no scope")
  return scope.split(" ").includes("openid") ? Effect.succeed(scope) : refuse("invalid_scope", "scope lacks openid")
}

const notificationTokenIn = (
  { notification }: TestClient,
  parameters: Parameters
): Effect.Effect<string | undefined, ProviderResponse.ProviderResponse> => {
  const token = parameters.get("client_notification_token")
  if (notification === undefined) return Effect.undefined
  return token !== undefined && /^[A-Za-z0-9\-._~+/]{1,1024}=*$/.test(token)
    ? Effect.succeed(token)
    : invalid("There is no client_notification_token, or it is no bearer token")
}

const checkUserCode = (
  user: TestUser,
  given: string | undefined
): Effect.Effect<void, ProviderResponse.ProviderResponse> =>
  user.userCode === undefined || user.userCode === given
    ? Effect.void
    : given === undefined
      ? refuse("missing_user_code", "The person has a user code")
      : refuse("invalid_user_code", "The user code is another one")

const lifetime = (
  requested: string | undefined,
  otherwise: number
): Effect.Effect<number, ProviderResponse.ProviderResponse> =>
  requested === undefined
    ? Effect.succeed(otherwise)
    : /^[1-9]\d{0,8}$/.test(requested)
      ? Effect.succeed(Number(requested) * 1000)
      : invalid("requested_expiry is not a positive number of seconds")
