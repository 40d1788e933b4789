import { expect, it } from "@effect/vitest"
import { AuthorizationServer, make } from "@effect-ciba/authorization-server/AuthorizationServer"
import { ClientAuthentication, Discovery, DynamicRegistration, SigningKey, Transport } from "@effect-ciba/core"
import { NodeCiba, NodeTls } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { authenticate } from "./Approval.ts"
import * as PointOfSale from "./PointOfSale.ts"

it.live(
  "a client is registered, authenticates an end-user, is updated, and fails with InvalidClient once removed (B1, B2, B4, B9, B10)",
  () =>
    Effect.gen(function* () {
      const server = yield* make({
        interval: "1 second",
        signedRequests: true,
        features: {
          registration: { enabled: true, initialAccessToken: "let-me-in" },
          registrationManagement: { enabled: true, rotateRegistrationAccessToken: true }
        }
      })
      const key = yield* SigningKey.generate("ES256")
      const metadata = yield* PointOfSale.makeMetadata(key)
      const management = DynamicRegistration.layer().pipe(
        Layer.provide(Discovery.layer({ issuer: server.issuer })),
        Layer.provide(Transport.layer({ allowInsecureRequests: "loopback" })),
        Layer.provide(NodeTls.layer({}))
      )
      const flow = (clientId: string) =>
        authenticate().pipe(
          Effect.provide(
            NodeCiba.layer({
              issuer: server.issuer,
              clientId,
              authentication: ClientAuthentication.privateKeyJwt(key),
              idTokenSignedResponseAlg: "ES256",
              allowInsecureRequests: "loopback"
            })
          ),
          Effect.provideService(AuthorizationServer, server)
        )
      yield* Effect.gen(function* () {
        const unauthorized = yield* Effect.flip(DynamicRegistration.register(metadata))
        expect(unauthorized.reason).toMatchObject({ _tag: "Unauthorized" })
        const client = yield* DynamicRegistration.register(metadata, {
          initialAccessToken: Redacted.make("let-me-in")
        })
        expect(client.changed).toEqual([])
        expect(client.metadata).toMatchObject({ backchannel_token_delivery_mode: "poll", response_types: [] })
        expect((yield* flow(client.clientId)).identity.subject).toBe("jo")

        const read = yield* DynamicRegistration.read(client)
        expect(read.metadata.client_name).toBe("Point of sale")
        const updated = yield* DynamicRegistration.update(read, { ...read.metadata, client_name: "Till 3" })
        expect(updated.metadata.client_name).toBe("Till 3")
        const rotated = yield* Effect.flip(DynamicRegistration.read(read))
        expect(rotated.reason).toMatchObject({ _tag: "Unauthorized" })

        yield* DynamicRegistration.remove(updated)
        expect(yield* Effect.flip(flow(client.clientId))).toMatchObject({ reason: { _tag: "InvalidClient" } })
        const unsupported = yield* DynamicRegistration.register(
          { ...metadata, backchannel_token_delivery_mode: "ping" },
          { initialAccessToken: Redacted.make("let-me-in") }
        ).pipe(Effect.flip)
        expect(unsupported.reason).toMatchObject({ _tag: "InvalidClientMetadata" })
      }).pipe(Effect.provide(management))
    }).pipe(Effect.scoped)
)
