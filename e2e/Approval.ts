import { type AuthenticationRequest, BindingMessage, Ciba, UserHint } from "@effect-ciba/core"
import { Effect } from "effect"
import { AuthorizationServer } from "./AuthorizationServer.ts"

/** Asks, has the person approve, and waits. */
export const approved = Effect.fnUntraced(function* (ask: Partial<AuthenticationRequest.Options> = {}) {
  const server = yield* AuthorizationServer
  const bindingMessage = yield* BindingMessage.generate
  const pending = yield* Ciba.initiate({
    scope: ["openid"],
    hint: UserHint.login("jo@example.com"),
    bindingMessage,
    ...ask
  })
  const request = (yield* server.pending).find((waiting) => waiting.bindingMessage === bindingMessage)
  yield* Effect.orDie(server.approve(request?.ref ?? "nobody was asked"))
  return { identity: yield* Ciba.complete(pending), request }
})
