/** The application's part of the demo. */
import { BindingMessage, Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Redacted } from "effect"

/** Sends an authentication request, shows its binding message, waits for the decision, and returns the verified identity. */
export const signIn = Effect.fnUntraced(function* (
  loginHint: string,
  showCode: (bindingMessage: string) => Effect.Effect<void>
) {
  const bindingMessage = yield* BindingMessage.generate
  const pending = yield* Ciba.initiate({
    scope: ["openid", "profile", "email"],
    hint: UserHint.login(loginHint),
    bindingMessage
  })
  yield* showCode(bindingMessage)
  return yield* Ciba.complete(pending)
})

export const ciba = (client: { readonly issuer: string; readonly id: string; readonly secret: string }) =>
  NodeCiba.layer({
    issuer: client.issuer,
    clientId: client.id,
    authentication: ClientAuthentication.clientSecretBasic(Redacted.make(client.secret)),
    allowInsecureRequests: "loopback"
  })
