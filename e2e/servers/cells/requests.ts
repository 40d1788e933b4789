import { assert } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, SignedRequest, SigningKey } from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { decodeJwt } from "jose"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

const details = [
  { type: "payment", amount: { value: "12.30", currency: "€" } },
  { type: "account", actions: ["read"] }
]

const [payments, accounts] = ["https://api.example.com/payments", "https://api.example.com/accounts"] as const

/** A client with client_secret_post, whose requests are signed in `signing` if that is given. */
const connect = Effect.fnUntraced(function* (
  client_id: string,
  {
    dpop,
    metadata,
    options,
    signing
  }: {
    readonly metadata?: object
    readonly options?: Partial<Cell.Client["options"]>
    readonly signing?: "PS256" | "ES256" | "EdDSA"
    readonly dpop?: SigningKey.KeyPair
  } = {}
) {
  const server = yield* RealServer
  const signer = signing && (yield* Cell.generateKey(signing))
  yield* server.register({
    client_id,
    client_secret: Cell.secret,
    token_endpoint_auth_method: "client_secret_post",
    authorization_details_types: ["payment", "account"],
    ...(signer && { jwks: signer.jwks, backchannel_authentication_request_signing_alg: signing }),
    ...metadata
  })
  const layer = Cell.connect(server, {
    registration: { client_id, token_endpoint_auth_method: "client_secret_post" },
    options: { authentication: ClientAuthentication.clientSecretPost(Cell.redactedSecret), ...options }
  })
  const signed = signer === undefined ? layer : Layer.provide(layer, SignedRequest.layer({ key: signer.key }))
  return dpop === undefined ? signed : Layer.provide(signed, Dpop.layer({ key: dpop }))
})

const trySigned = (algorithm: "PS256" | "ES256" | "EdDSA") =>
  Effect.gen(function* () {
    const layer = yield* connect(`signed-${algorithm}`, { signing: algorithm })
    const { exchanges, identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve), layer)
    assert.strictEqual(identity.subject, "jo")
    assert.hasAllKeys(exchanges[0]?.form, ["client_id", "client_secret", "request"])
    return sent
  })

const authorizationDetails = (signing?: "ES256") =>
  Effect.gen(function* () {
    const layer = yield* connect(`details-${signing ?? "form"}`, signing && { signing })
    const { identity, sent } = yield* Effect.provide(
      Cell.decide(Cell.approve, { authorizationDetails: details }),
      layer
    )
    assert.deepStrictEqual(identity.authorizationDetails, details)
    assert.deepStrictEqual(claimsOf(identity).authorization_details, details)
    return sent
  })

const narrowedDetails = Effect.gen(function* () {
  const layer = yield* connect("details-narrowed", { options: { poll: { authorizationDetails: details.slice(1) } } })
  const { identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve, { authorizationDetails: details }), layer)
  assert.deepStrictEqual(claimsOf(identity).authorization_details, details.slice(1))
  return sent
})

const resource = (signing?: "ES256") =>
  Effect.gen(function* () {
    const layer = yield* connect(`resource-${signing ?? "form"}`, signing && { signing })
    const { identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve, { resource: payments }), layer)
    assert.deepStrictEqual([claimsOf(identity).aud].flat(), [payments])
    return `${sent}; the \`aud\` of the access token is the resource`
  })

const narrowedResource = Effect.gen(function* () {
  const layer = yield* connect("resource-narrowed", { options: { poll: { resource: accounts } } })
  const { identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve, { resource: [payments, accounts] }), layer)
  assert.deepStrictEqual([claimsOf(identity).aud].flat(), [accounts])
  return `${sent}; the \`aud\` of the access token is the one resource`
})

const claimsOf = ({ accessToken }: { readonly accessToken: Redacted.Redacted<string> }) =>
  decodeJwt<{ authorization_details?: unknown; cnf?: { jkt?: string } }>(Redacted.value(accessToken))

const dpop = Effect.gen(function* () {
  const key = yield* SigningKey.generate("ES256")
  const layer = yield* connect("dpop", { dpop: key, metadata: { dpop_bound_access_tokens: true } })
  const { exchanges, identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve), layer)
  assert.strictEqual(identity.tokenType, "DPoP")
  assert.isString(claimsOf(identity).cnf?.jkt)
  const proofs = exchanges.flatMap(({ headers }) => (headers.dpop === undefined ? [] : [decodeJwt(headers.dpop).jti]))
  assert.strictEqual(new Set(proofs).size, proofs.length)
  assert.isAtLeast(proofs.length, 1)
  return `${sent}; \`jkt\` in the access token`
})

const anotherProcess = Effect.gen(function* () {
  const server = yield* RealServer
  const [first, second] = yield* Effect.all([SigningKey.generate("ES256"), SigningKey.generate("ES256")])
  const metadata = { dpop_bound_access_tokens: true }
  const pending = yield* Effect.provide(Cell.initiate(), yield* connect("dpop-resumed", { dpop: first, metadata }))
  yield* server.approve(pending.authReqId)
  const identity = yield* Effect.provide(
    Ciba.complete(pending),
    yield* connect("dpop-resumed", { dpop: second, metadata })
  )
  assert.include(identity.dpopKey && Redacted.value(identity.dpopKey), { x: first.publicJwk.x })
  return Cell.describe(yield* Cell.exchangesOf(pending))
})

const signedRow = "signed requests: PS256, ES256, EdDSA"
const detailsRow = "authorization_details: form, signed, narrowed"
const resourceRow = "resource indicators: form, signed, narrowed"
const dpopRow = "DPoP: flow, another process"

export const cells: ReadonlyArray<Cell.Cell> = [
  { row: signedRow, name: "PS256", run: trySigned("PS256") },
  { row: signedRow, name: "ES256", run: trySigned("ES256") },
  { row: signedRow, name: "EdDSA", run: trySigned("EdDSA") },
  { row: detailsRow, name: "form", run: authorizationDetails() },
  { row: detailsRow, name: "signed", run: authorizationDetails("ES256") },
  { row: detailsRow, name: "narrowed", run: narrowedDetails },
  { row: resourceRow, name: "form", run: resource() },
  { row: resourceRow, name: "signed", run: resource("ES256") },
  { row: resourceRow, name: "narrowed", run: narrowedResource },
  { row: dpopRow, name: "flow", run: dpop },
  { row: dpopRow, name: "another process", run: anotherProcess }
]
