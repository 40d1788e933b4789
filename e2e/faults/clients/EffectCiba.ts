import { Ciba, ClientAuthentication, Dpop, NotificationInbox, SigningKey, UserHint } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { TestClient } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"
import { type Client, loginHint, type Setup } from "../Client.ts"

const options = ({ issuer }: Setup) =>
  ({
    issuer,
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretPost(TestClient.secret),
    allowInsecureRequests: "loopback"
  }) as const

const makeLayer = (setup: Setup): Layer.Layer<Ciba.Ciba, unknown> => {
  const { notification, usesDpop } = setup
  if (notification === undefined) {
    const poll = NodeCiba.layer(options(setup))
    return usesDpop ? Layer.provide(poll, Dpop.layer({ key: SigningKey.generate("ES256") })) : poll
  }
  const { deliveryMode, port } = notification
  const client =
    deliveryMode === "push"
      ? NodeCiba.layer({ ...options(setup), deliveryMode })
      : NodeCiba.layer({ ...options(setup), deliveryMode })
  return Layer.merge(client, NodeNotificationServer.layer({ path: "/ciba", port, host: "127.0.0.1" })).pipe(
    Layer.provide(NotificationInbox.layer)
  )
}

export const effectCiba: Client = {
  name: "@effect-ciba/core",
  documents: "../README.md",
  use: "`NodeCiba.layer` and `Ciba.authenticate` with their defaults; for pings and pushes `NodeNotificationServer`",
  make: (setup) =>
    Effect.map(Layer.build(makeLayer(setup)), (context) =>
      Ciba.authenticate({ scope: ["openid"], hint: UserHint.login(loginHint) }).pipe(
        Effect.map(({ subject }) => subject),
        Effect.provideContext(context)
      )
    )
}
