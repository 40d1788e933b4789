import { AuthorizationServer } from "@effect-ciba/authorization-server/AuthorizationServer"
import { type AuthenticationRequest, BindingMessage, Ciba, UserHint } from "@effect-ciba/core"
import { Effect } from "effect"

/** The whole flow with an approval: sends the authentication request, approves it at the server, and completes it. */
export const authenticate = Effect.fnUntraced(function* (options: Partial<AuthenticationRequest.Options> = {}) {
  const server = yield* AuthorizationServer
  const bindingMessage = yield* BindingMessage.generate
  const pending = yield* Ciba.initiate({
    scope: ["openid"],
    hint: UserHint.login("jo@example.com"),
    bindingMessage,
    ...options
  })
  const request = (yield* server.pending).find((pending) => pending.bindingMessage === bindingMessage)
  yield* Effect.orDie(server.approve(request?.ref ?? "no pending request"))
  return { identity: yield* Ciba.complete(pending), request }
})
