import { assert } from "@effect/vitest"
import {
  type Ciba,
  ClientAuthentication,
  Dpop,
  FreshIdentity,
  IdTokenDecryption,
  Introspection,
  type JwsAlgorithm,
  Revocation,
  SigningKey,
  UserInfo,
  type VerifiedIdentity
} from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { exportJWK, generateKeyPair } from "jose"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

const register = Effect.fnUntraced(function* (
  client_id: string,
  metadata?: object,
  options?: Partial<Cell.Client["options"]>
) {
  const server = yield* RealServer
  const registration = {
    client_id,
    client_secret: Cell.secret,
    token_endpoint_auth_method: "client_secret_post",
    ...metadata
  }
  yield* server.register(registration)
  return Cell.connect(server, {
    registration,
    options: { authentication: ClientAuthentication.clientSecretPost(Cell.redactedSecret), ...options }
  })
})

const tryAlgorithm = (algorithm: JwsAlgorithm.JwsAlgorithm) =>
  Effect.gen(function* () {
    const client = yield* register(
      `id_token-${algorithm}`,
      { id_token_signed_response_alg: algorithm },
      { idTokenSignedResponseAlg: algorithm }
    )
    const { identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve), client)
    assert.strictEqual(identity.subject, "jo")
    return sent
  })

const anotherAlgorithm = Effect.gen(function* () {
  const client = yield* register(
    "id_token-other",
    { id_token_signed_response_alg: "RS256" },
    { idTokenSignedResponseAlg: "ES256" }
  )
  const { sent, tag } = yield* Effect.provide(Cell.decideAndFail(Cell.approve), client)
  assert.strictEqual(tag, "UnexpectedAlgorithm")
  return sent
})

const tryEncryption = (keyAlgorithm: "RSA-OAEP" | "RSA-OAEP-256", contentAlgorithm: "A256GCM" | "A128CBC-HS256") =>
  Effect.gen(function* () {
    const pair = yield* Effect.promise(() => generateKeyPair(keyAlgorithm, { extractable: true }))
    const [privateJwk, publicJwk] = yield* Effect.promise(() =>
      Promise.all([exportJWK(pair.privateKey), exportJWK(pair.publicKey)])
    )
    const kid = `enc-${keyAlgorithm}`
    const client = yield* register(kid, {
      id_token_encrypted_response_alg: keyAlgorithm,
      id_token_encrypted_response_enc: contentAlgorithm,
      jwks: { keys: [{ ...publicJwk, kid, use: "enc", alg: keyAlgorithm }] }
    })
    const decryption = IdTokenDecryption.layer({
      keys: [Redacted.make<unknown>({ ...privateJwk, kid })],
      keyAlgorithm,
      contentAlgorithm
    })
    const { exchanges, identity, sent } = yield* Effect.provide(
      Cell.decide(Cell.approve),
      Layer.provide(client, decryption)
    )
    assert.strictEqual(identity.subject, "jo")
    assert.lengthOf(JSON.parse(exchanges.at(-1)?.body ?? "{}").id_token.split("."), 5)
    return sent
  })

const offline = { scope: ["openid", "email", "offline_access"] }

/** Every exchange in which the tokens were sent, as text. */
const describeUse = Effect.fnUntraced(function* ({ accessToken, refreshToken }: VerifiedIdentity.VerifiedIdentity) {
  const tokens = [accessToken, refreshToken].flatMap((token) => (token === undefined ? [] : [Redacted.value(token)]))
  const log = yield* (yield* RealServer).log
  return Cell.describe(
    log.filter(({ form, headers }) =>
      tokens.some(
        (token) => form.token === token || form.refresh_token === token || headers.authorization?.endsWith(token)
      )
    )
  )
})

/** An identity with a refresh token, over a client of its own. */
const withIdentity = <A, E>(
  client_id: string,
  use: (identity: VerifiedIdentity.VerifiedIdentity) => Effect.Effect<A, E, RealServer | Ciba.Services>,
  { dpop, metadata, options }: { metadata?: object; options?: Partial<Cell.Client["options"]>; dpop?: true } = {}
) =>
  Effect.gen(function* () {
    const client = yield* register(client_id, metadata, options)
    const layer = dpop ? Layer.provide(client, Dpop.layer({ key: SigningKey.generate("ES256") })) : client
    return yield* Effect.gen(function* () {
      const { identity } = yield* Cell.decide(Cell.approve, offline)
      yield* use(identity)
      return yield* describeUse(identity)
    }).pipe(Effect.provide(layer))
  })

const refresh = (client_id: string, tokenType: "Bearer" | "DPoP") =>
  withIdentity(
    client_id,
    Effect.fnUntraced(function* (identity) {
      const next = yield* FreshIdentity.refresh(identity)
      assert.notStrictEqual(Redacted.value(next.accessToken), Redacted.value(identity.accessToken))
      assert.strictEqual(next.tokenType, tokenType)
      assert.strictEqual(next.subject, "jo")
    }),
    tokenType === "DPoP" ? { dpop: true, metadata: { dpop_bound_access_tokens: true } } : {}
  )

const revocation = withIdentity(
  "revocation",
  Effect.fnUntraced(function* (identity) {
    yield* Revocation.revoke(Redacted.make("unknown-token"))
    yield* Revocation.revoke(identity.refreshToken ?? Redacted.make("none"), { tokenTypeHint: "refresh_token" })
    const { reason } = yield* Effect.flip(FreshIdentity.refresh(identity))
    assert.strictEqual(reason._tag, "InvalidGrant")
  })
)

const introspection = withIdentity(
  "introspection",
  Effect.fnUntraced(function* (identity) {
    assert.deepInclude(yield* Introspection.introspect(identity.accessToken), {
      active: true,
      clientId: "introspection"
    })
    const refreshToken = identity.refreshToken ?? Redacted.make("none")
    assert.deepInclude(yield* Introspection.introspect(refreshToken, { tokenTypeHint: "refresh_token" }), {
      active: true
    })
    assert.isFalse((yield* Introspection.introspect(Redacted.make("unknown-token"))).active)
  })
)

const userInfo = (client_id: string, more: Parameters<typeof withIdentity>[2] = {}) =>
  withIdentity(
    client_id,
    Effect.fnUntraced(function* (identity) {
      assert.deepInclude(yield* UserInfo.claims(identity), { sub: "jo", email: "jo@example.com" })
    }),
    more
  )

const refused = withIdentity(
  "resource-bearer",
  Effect.fnUntraced(function* (identity) {
    const fresh = yield* FreshIdentity.make({ ...identity, accessToken: Redacted.make("unknown") })
    const claims = yield* UserInfo.claims(fresh)
    assert.deepInclude(claims, { sub: "jo" })
  }, Effect.scoped)
)

const row = "ID Token algorithms"
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"] as const
const encryptionRow = "encrypted ID Tokens: private keys, client secret"
const refreshRow = "refresh: Bearer, DPoP"
const userInfoRow = "UserInfo: plain, signed and encrypted"
const resourceRow = "protected resource: Bearer, DPoP, certificate"

export const cells: ReadonlyArray<Cell.Cell> = [
  ...algorithms.map((algorithm) => ({ row, name: algorithm, run: tryAlgorithm(algorithm) })),
  { row, name: "another than the registered one is refused", run: anotherAlgorithm },
  { row: encryptionRow, name: "RSA-OAEP, A256GCM", run: tryEncryption("RSA-OAEP", "A256GCM") },
  { row: encryptionRow, name: "RSA-OAEP-256, A128CBC-HS256", run: tryEncryption("RSA-OAEP-256", "A128CBC-HS256") },
  { row: refreshRow, name: "Bearer", run: refresh("refresh", "Bearer") },
  { row: refreshRow, name: "DPoP", run: refresh("refresh-dpop", "DPoP") },
  { row: "revocation", name: "refresh token, and unknown token", run: revocation },
  { row: "introspection: plain, signed", name: "plain", run: introspection },
  { row: userInfoRow, name: "plain", run: userInfo("userinfo") },
  {
    row: userInfoRow,
    name: "signed",
    run: userInfo("userinfo-signed", {
      metadata: { userinfo_signed_response_alg: "ES256" },
      options: { userInfoSignedResponseAlg: "ES256" }
    })
  },
  { row: resourceRow, name: "Bearer, which is refreshed once when it is refused", run: refused },
  {
    row: resourceRow,
    name: "DPoP",
    run: userInfo("resource-dpop", { dpop: true, metadata: { dpop_bound_access_tokens: true } })
  }
]
