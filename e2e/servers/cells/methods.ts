import { assert } from "@effect/vitest"
import { Ciba, ClientAuthentication, type JwsAlgorithm } from "@effect-ciba/core"
import { Effect, Redacted, Result } from "effect"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

type MakeClient = (clientId: string) => Effect.Effect<Cell.Client, unknown>

const asymmetric = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const
const symmetric = ["HS256", "HS384", "HS512"] as const

const withSecret =
  (method: string, options: Cell.Client["options"], metadata: object = {}): MakeClient =>
  (client_id) =>
    Effect.succeed({
      registration: { client_id, client_secret: Cell.secret, token_endpoint_auth_method: method, ...metadata },
      options
    })

const secretJwt = (algorithm: (typeof symmetric)[number]): MakeClient =>
  withSecret(
    "client_secret_jwt",
    { authentication: ClientAuthentication.clientSecretJwt(Cell.redactedSecret, { algorithm }) },
    { token_endpoint_auth_signing_alg: algorithm }
  )

export const privateKeyJwt =
  (algorithm: JwsAlgorithm.Asymmetric): MakeClient =>
  (client_id) =>
    Effect.map(Cell.generateKey(algorithm), ({ jwks, key }) => ({
      registration: {
        client_id,
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: algorithm,
        jwks
      },
      options: { authentication: ClientAuthentication.privateKeyJwt(key) }
    }))

export const post: MakeClient = withSecret("client_secret_post", {
  authentication: ClientAuthentication.clientSecretPost(Cell.redactedSecret)
})

export const methods: ReadonlyArray<readonly [name: string, make: MakeClient]> = [
  [
    "none",
    (client_id) =>
      Effect.succeed({
        registration: { client_id, token_endpoint_auth_method: "none" },
        options: { authentication: ClientAuthentication.none }
      })
  ],
  [
    "client_secret_basic",
    withSecret("client_secret_basic", {
      authentication: ClientAuthentication.clientSecretBasic(Cell.redactedSecret)
    })
  ],
  ["client_secret_post", post],
  ...symmetric.map((algorithm) => [`client_secret_jwt ${algorithm}`, secretJwt(algorithm)] as const),
  ...asymmetric.map((algorithm) => [`private_key_jwt ${algorithm}`, privateKeyJwt(algorithm)] as const)
]

/** Registers the client, and connects it. */
export const register = Effect.fnUntraced(function* (make: MakeClient, clientId: string) {
  const server = yield* RealServer
  const client = yield* make(clientId.replaceAll(/\W+/g, "-"))
  yield* server.register(client.registration)
  return Cell.connect(server, client)
})

const cellsOf = ([name, make]: (typeof methods)[number]): ReadonlyArray<Cell.Cell> => {
  const cell = (end: string, run: Effect.Effect<string, unknown, RealServer | Ciba.Ciba>): Cell.Cell => ({
    row: `${name}, poll: approval, denial, expiry`,
    name: end,
    run: Effect.flatMap(register(make, `${name}-${end}`), (client) => Effect.provide(run, client))
  })
  const { run, ...rest } = cell("expiry", expiry)
  return [cell("approval", approval), cell("denial", denial), { ...rest, run: overShortLived(run) }]
}

const overShortLived = <A, E, R>(run: Effect.Effect<A, E, R>) =>
  Effect.flatMap(RealServer, (server) => Effect.provideService(run, RealServer, server.shortLived ?? server))

const approval = Effect.gen(function* () {
  const { identity, sent } = yield* Cell.decide(Cell.approve)
  assert.strictEqual(identity.claims.iss, (yield* RealServer).connection.issuer)
  assert.include(identity.scope, "openid")
  return sent
})

const denial = Effect.gen(function* () {
  const { sent, tag } = yield* Cell.decideAndFail(Cell.deny)
  assert.strictEqual(tag, "AccessDenied")
  return sent
})

const expiry = Effect.gen(function* () {
  const pending = yield* Cell.initiate({ requestedExpiry: "3 seconds" })
  const { reason } = yield* Effect.flip(Ciba.complete(pending))
  assert.strictEqual(reason._tag, "ExpiredToken")
  const exchanges = yield* Cell.exchangesOf(pending)
  assert.isAtLeast(exchanges.length, 2)
  return "`authorization_pending` until the request expires"
})

/** RFC 6749 2.3.1: id and secret are form-encoded before they become the credentials of HTTP Basic. */
const reserved = "a+secret/with=reserved%characters:and-enough-of-them"

const tryReserved = (method: "basic" | "post") =>
  Effect.flatMap(
    register(
      withSecret(
        `client_secret_${method}`,
        {
          authentication:
            method === "basic"
              ? ClientAuthentication.clientSecretBasic(Redacted.make(reserved))
              : ClientAuthentication.clientSecretPost(Redacted.make(reserved))
        },
        { client_secret: reserved }
      ),
      `reserved-${method}`
    ),
    (client) => Effect.provide(Cell.decide(Cell.approve), client)
  )

const reservedCharacters = Effect.gen(function* () {
  const { sent } = yield* tryReserved("post")
  const basic = yield* Effect.result(tryReserved("basic"))
  if (Result.isSuccess(basic)) return sent
  assert.propertyVal(Object(basic.failure).reason, "_tag", "InvalidClient")
  return `by HTTP Basic 401: \`invalid_client\`; by post ${sent}`
})

export const cells: ReadonlyArray<Cell.Cell> = [
  ...methods.flatMap(cellsOf),
  {
    row: "client secrets with reserved characters",
    name: "by HTTP Basic, and by post",
    run: reservedCharacters
  }
]
