import { assert } from "@effect/vitest"
import { ClientAuthentication, Discovery, DynamicRegistration, Transport } from "@effect-ciba/core"
import { NodeTls } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import * as PointOfSale from "../../PointOfSale.ts"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

const managed = Effect.gen(function* () {
  const server = yield* RealServer
  const { issuer, tls, ...connection } = server.connection
  const { key } = yield* Cell.generateKey("ES256")
  const metadata = yield* PointOfSale.makeMetadata(key)
  const management = DynamicRegistration.layer().pipe(
    Layer.provide(Discovery.layer({ issuer })),
    Layer.provide(Transport.layer(connection)),
    Layer.provide(NodeTls.layer({ ...tls }))
  )
  return yield* Effect.gen(function* () {
    const client = yield* DynamicRegistration.register(metadata, {
      initialAccessToken: Redacted.make(yield* server.initialAccessToken)
    })
    const flow = Cell.decide(Cell.approve).pipe(
      Effect.provide(
        Cell.connect(server, {
          registration: { client_id: client.clientId, token_endpoint_auth_method: "private_key_jwt" },
          options: { authentication: ClientAuthentication.privateKeyJwt(key), idTokenSignedResponseAlg: "ES256" }
        })
      )
    )
    assert.strictEqual((yield* flow).identity.subject, "jo")
    const read = yield* DynamicRegistration.read(client)
    const updated = yield* DynamicRegistration.update(read, { ...read.metadata, client_name: "Till 3" })
    assert.strictEqual(updated.metadata.client_name, "Till 3")
    yield* DynamicRegistration.remove(updated)
    const error = yield* Effect.flip(flow)
    assert.include(error, { _tag: "AuthenticationRequestError" })
    return `registered, changed by the provider: ${client.changed.map((name) => `\`${name}\``).join(", ") || "nothing"}`
  }).pipe(Effect.provide(management))
})

export const cells: ReadonlyArray<Cell.Cell> = [
  { row: "dynamic registration and management", name: "register, flow, read, update, remove", run: managed }
]
