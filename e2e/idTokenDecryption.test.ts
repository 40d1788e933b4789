import { expect, it } from "@effect/vitest"
import { AuthorizationServer, make } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { ClientAuthentication, IdTokenDecryption, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { exportJWK, generateKeyPair } from "jose"
import { authenticate } from "./Approval.ts"

const secret = Redacted.make(RegisteredClients.secret)

const keyAlgorithms: ReadonlyArray<
  readonly [IdTokenDecryption.PrivateKeyAlgorithm, IdTokenDecryption.ContentAlgorithm]
> = [
  ["RSA-OAEP", "A256GCM"],
  ["RSA-OAEP-256", "A128CBC-HS256"],
  ["ECDH-ES", "A128GCM"],
  ["ECDH-ES+A128KW", "A256CBC-HS512"],
  ["ECDH-ES+A256KW", "A256GCM"]
]

const encryptionKey = (algorithm: IdTokenDecryption.PrivateKeyAlgorithm) =>
  Effect.promise(async () => {
    const pair = await generateKeyPair(algorithm, { extractable: true })
    const kid = `enc-${algorithm}`
    return {
      privateJwk: { ...(await exportJWK(pair.privateKey)), kid },
      publicJwk: { ...(await exportJWK(pair.publicKey)), kid, use: "enc", alg: algorithm }
    }
  })

it.live("encrypted ID Tokens are decrypted and verified in each algorithm, also beside an older key (J1, J13)", () =>
  Effect.gen(function* () {
    const keys = yield* Effect.forEach(keyAlgorithms, ([algorithm]) => encryptionKey(algorithm))
    const server = yield* make({
      interval: "1 second",
      features: { encryption: { enabled: true } },
      clients: keyAlgorithms.map(([algorithm, content], index) =>
        RegisteredClients.client(`enc-${algorithm}`, {
          id_token_encrypted_response_alg: algorithm,
          id_token_encrypted_response_enc: content,
          jwks: { keys: [keys[index]?.publicJwk ?? {}] }
        })
      )
    })
    const as = (clientId: string) =>
      NodeCiba.layer({
        issuer: server.issuer,
        clientId,
        authentication: ClientAuthentication.clientSecretBasic(secret),
        allowInsecureRequests: "loopback"
      })
    yield* Effect.forEach(
      keyAlgorithms,
      Effect.fnUntraced(function* ([keyAlgorithm, contentAlgorithm], index) {
        const old = yield* encryptionKey(keyAlgorithm)
        const decryption = IdTokenDecryption.layer({
          keys: [old.privateJwk, keys[index]?.privateJwk].map((jwk) => Redacted.make<unknown>(jwk)),
          keyAlgorithm,
          contentAlgorithm
        })
        const client = as(`enc-${keyAlgorithm}`)
        const { identity } = yield* authenticate().pipe(Effect.provide(client.pipe(Layer.provide(decryption))))
        expect(identity.subject).toBe("jo")
        expect(Redacted.value(identity.idToken).split(".")).toHaveLength(3)
        expect(UserHint.validate(UserHint.idToken(identity.idToken))).toBeUndefined()

        const withoutDecryption = yield* Effect.flip(authenticate().pipe(Effect.provide(client)))
        expect(withoutDecryption).toMatchObject({ reason: { _tag: "MalformedToken" } })

        const unencrypted = as("client_secret_basic").pipe(Layer.provide(decryption))
        const error = yield* Effect.flip(authenticate().pipe(Effect.provide(unencrypted)))
        expect(error).toMatchObject({ reason: { _tag: "NotEncrypted" } })
      }),
      { concurrency: 5 }
    ).pipe(Effect.provideService(AuthorizationServer, server))
  }).pipe(Effect.scoped)
)

const secretAlgorithms: ReadonlyArray<
  readonly [IdTokenDecryption.SecretAlgorithm, IdTokenDecryption.ContentAlgorithm]
> = [
  ["dir", "A128GCM"],
  ["dir", "A128CBC-HS256"],
  ["dir", "A192CBC-HS384"],
  ["dir", "A256CBC-HS512"],
  ["A128KW", "A128CBC-HS256"],
  ["A192KW", "A192GCM"],
  ["A256KW", "A256GCM"],
  ["A128GCMKW", "A256CBC-HS512"],
  ["A192GCMKW", "A256GCM"],
  ["A256GCMKW", "A128GCM"]
]

it.live(
  "ID Tokens that are encrypted with the client secret are decrypted with it, and with no other secret (J1, J14)",
  () =>
    Effect.gen(function* () {
      const server = yield* make({
        interval: "1 second",
        features: { encryption: { enabled: true } },
        clients: secretAlgorithms.map(([algorithm, content]) =>
          RegisteredClients.client(`${algorithm}-${content}`, {
            id_token_encrypted_response_alg: algorithm,
            id_token_encrypted_response_enc: content
          })
        )
      })
      yield* Effect.forEach(
        secretAlgorithms,
        Effect.fnUntraced(function* ([keyAlgorithm, contentAlgorithm]) {
          const authenticateWith = (clientSecret: Redacted.Redacted<string>) =>
            authenticate().pipe(
              Effect.provide(
                NodeCiba.layer({
                  issuer: server.issuer,
                  clientId: `${keyAlgorithm}-${contentAlgorithm}`,
                  authentication: ClientAuthentication.clientSecretBasic(secret),
                  allowInsecureRequests: "loopback"
                }).pipe(
                  Layer.provide(IdTokenDecryption.layer({ secret: clientSecret, keyAlgorithm, contentAlgorithm }))
                )
              )
            )
          const { identity } = yield* authenticateWith(secret)
          expect(identity.subject).toBe("jo")
          expect(Redacted.value(identity.idToken).split(".")).toHaveLength(3)
          const wrongSecret = yield* Effect.flip(authenticateWith(Redacted.make("another secret")))
          expect(wrongSecret).toMatchObject({ reason: { _tag: "DecryptionFailed" } })
        }),
        { concurrency: 5 }
      ).pipe(Effect.provideService(AuthorizationServer, server))
    }).pipe(Effect.scoped)
)
