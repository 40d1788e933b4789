import { expect, it, layer } from "@effect/vitest"
import {
  type Ciba,
  ClientAuthentication,
  Dpop,
  IdTokenDecryption,
  ProtectedResource,
  SigningKey,
  UserInfo
} from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { exportJWK, generateKeyPair } from "jose"
import { approved } from "./Approval.ts"
import { AuthorizationServer, make, layer as serverLayer } from "./AuthorizationServer.ts"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

const secret = Redacted.make(RegisteredClients.secret)

const jo = { sub: "jo", name: "Jo Doe", email: "jo@example.com" }

const asked = approved({ scope: ["openid", "profile", "email"] })

/** The flow as a registered client, with UserInfo on top. */
const as = (clientId: string, options?: Partial<NodeCiba.Options>) =>
  Layer.unwrap(
    Effect.map(AuthorizationServer, ({ issuer }) =>
      Layer.provideMerge(
        UserInfo.layer(),
        NodeCiba.layer({
          issuer,
          clientId,
          authentication: ClientAuthentication.clientSecretBasic(secret),
          allowInsecureRequests: "loopback",
          ...options
        })
      )
    )
  )

const resourceCalls = AuthorizationServer.use(({ log }) =>
  Effect.map(log, (all) => all.filter(({ path }) => path === "/me"))
)

/** The provider forgets a token, as if it had expired. */
const forget = Effect.fnUntraced(function* (accessToken: Redacted.Redacted<string>) {
  const { provider } = yield* AuthorizationServer
  yield* Effect.promise(async () => (await provider.AccessToken.find(Redacted.value(accessToken)))?.destroy())
})

layer(serverLayer({ interval: "1 second" }), { excludeTestServices: true })("a bearer token", (it) => {
  it.effect("opens UserInfo, which is about the person of the ID Token (S1, S6)", () =>
    Effect.gen(function* () {
      const { identity } = yield* asked
      expect(yield* UserInfo.claims(identity)).toMatchObject(jo)
      const [call] = yield* resourceCalls
      expect(call).toMatchObject({ method: "GET", status: 200, form: {} })
      expect(call?.headers.authorization).toBe(`Bearer ${Redacted.value(identity.accessToken)}`)

      const response = yield* UserInfo.request(identity)
      const refused = yield* Effect.flip(UserInfo.process(response, "somebody else"))
      expect(refused).toMatchObject({ _tag: "UserInfoError", reason: { _tag: "WrongSubject" } })
    }).pipe(Effect.provide(as("client_secret_basic")))
  )

  it.effect("that the provider forgot is renewed once, and the call made again (Q2)", () =>
    Effect.gen(function* () {
      const { identity } = yield* asked
      yield* forget(identity.accessToken)
      const before = (yield* resourceCalls).length
      const error = yield* Effect.flip(UserInfo.claims(identity))
      expect(error).toMatchObject({ _tag: "ResourceError", reason: { _tag: "InvalidToken", status: 401 } })

      const context = yield* Effect.context<AuthorizationServer | Ciba.Ciba>()
      const claims = yield* UserInfo.claims({
        current: Effect.succeed(identity),
        refresh: () =>
          Effect.provideContext(
            Effect.map(asked, (again) => again.identity),
            context
          )
      })
      expect(claims).toMatchObject(jo)
      expect((yield* resourceCalls).slice(before).map(({ status }) => status)).toEqual([401, 401, 200])
    }).pipe(Effect.provide(as("client_secret_basic")))
  )

  it.effect("that is not enough is refused in the provider's words (S3)", () =>
    Effect.gen(function* () {
      const { issuer } = yield* AuthorizationServer
      const { identity } = yield* approved()
      const client = ProtectedResource.filterAccepted(yield* ProtectedResource.make(identity))
      const scope = yield* Effect.flip(client.get(`${issuer}/me?scope=email`))
      expect(scope).toMatchObject({ reason: { _tag: "InsufficientScope", scope: ["email"], status: 403 } })
      const request = yield* Effect.flip(client.get(`${issuer}/me?scope=%22`))
      expect(request).toMatchObject({ reason: { _tag: "InvalidRequest", status: 400 } })
    }).pipe(Effect.provide(as("client_secret_basic")))
  )
})

layer(
  serverLayer({
    interval: "1 second",
    features: { dPoP: { enabled: true, nonceSecret: Buffer.alloc(32), requireNonce: () => true } },
    clients: [RegisteredClients.client("dpop", { dpop_bound_access_tokens: true })]
  }),
  { excludeTestServices: true }
)("a token that DPoP binds, with required nonces", (it) => {
  const process = () => as("dpop").pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })))

  it.effect("is proven to the resource; the nonce's demand costs one more request (M4, M9, M11)", () =>
    Effect.gen(function* () {
      const { identity } = yield* asked.pipe(Effect.provide(process()))
      const claims = yield* Effect.all([UserInfo.claims(identity), UserInfo.claims(identity)]).pipe(
        Effect.provide(process())
      )
      expect(claims).toMatchObject([jo, jo])
      const calls = yield* resourceCalls
      expect(calls.map(({ status }) => status)).toEqual([401, 200, 200])
      expect(new Set(calls.map(({ headers }) => headers.authorization))).toEqual(
        new Set([`DPoP ${Redacted.value(identity.accessToken)}`])
      )
    })
  )

  it.effect("is refused with another key's proof (M4)", () =>
    Effect.gen(function* () {
      const { identity } = yield* asked.pipe(Effect.provide(process()))
      const { privateJwk } = yield* SigningKey.generate("ES256")
      const source = { ...identity, subject: identity.subject, proofKey: privateJwk }
      const error = yield* Effect.flip(UserInfo.claims(source).pipe(Effect.provide(process())))
      expect(error).toMatchObject({ _tag: "ResourceError", reason: { _tag: "InvalidToken" } })
    })
  )
})

it.live(
  "a token that a certificate binds opens resources with this certificate, and is renewed with another (N3, N4)",
  () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const [own, shown, next] = yield* Effect.all([
        authority.issue("127.0.0.1"),
        authority.issue("bank-app"),
        authority.issue("bank-app")
      ])
      const { client_secret: _, ...registered } = RegisteredClients.client("mtls", {
        token_endpoint_auth_method: "tls_client_auth",
        tls_client_auth_subject_dn: "CN=bank-app",
        tls_client_certificate_bound_access_tokens: true
      })
      const server = yield* make({
        interval: "1 second",
        tls: { cert: own.certificate, key: own.privateKey, ca: authority.certificate },
        features: { mTLS: { enabled: true, certificateBoundAccessTokens: true, tlsClientAuth: true } },
        configuration: {
          clientAuthMethods: [
            "tls_client_auth",
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "none"
          ]
        },
        clients: [registered]
      })
      const showing = (certificate?: CertificateAuthority.Issued) =>
        as("mtls", {
          authentication: ClientAuthentication.tlsClientAuth,
          tls: {
            authorities: authority.certificate,
            ...(certificate && {
              client: { certificate: certificate.certificate, privateKey: Redacted.make(certificate.privateKey) }
            })
          }
        })
      yield* Effect.gen(function* () {
        const { identity, again } = yield* Effect.gen(function* () {
          const { identity } = yield* asked
          return { identity, again: yield* UserInfo.claims(identity) }
        }).pipe(Effect.provide(showing(shown)))
        expect(again).toMatchObject(jo)

        const bare = yield* Effect.flip(UserInfo.claims(identity).pipe(Effect.provide(showing())))
        expect(bare).toMatchObject({ _tag: "ResourceError", reason: { _tag: "InvalidToken", status: 401 } })

        const rotated = yield* Effect.gen(function* () {
          const context = yield* Effect.context<AuthorizationServer | Ciba.Ciba>()
          const renewed = Effect.map(asked, (other) => other.identity)
          return yield* UserInfo.claims({
            current: Effect.succeed(identity),
            refresh: () => Effect.provideContext(renewed, context)
          })
        }).pipe(Effect.provide(showing(next)))
        expect(rotated).toMatchObject(jo)
        expect((yield* resourceCalls).map(({ status }) => status)).toEqual([200, 401, 401, 200])
      }).pipe(Effect.provideService(AuthorizationServer, server))
    }).pipe(Effect.scoped)
)

it.live(
  "UserInfo comes signed, or signed and encrypted, as it is registered (S7)",
  () =>
    Effect.gen(function* () {
      const { privateJwk, publicJwk } = yield* Effect.promise(async () => {
        const pair = await generateKeyPair("ECDH-ES", { extractable: true })
        const use = { kid: "enc", use: "enc", alg: "ECDH-ES" }
        return {
          privateJwk: await exportJWK(pair.privateKey),
          publicJwk: { ...(await exportJWK(pair.publicKey)), ...use }
        }
      })
      const encrypted = {
        id_token_encrypted_response_alg: "ECDH-ES",
        id_token_encrypted_response_enc: "A128GCM",
        userinfo_encrypted_response_alg: "ECDH-ES",
        userinfo_encrypted_response_enc: "A128GCM",
        jwks: { keys: [publicJwk] }
      } as const
      const signed = { userinfo_signed_response_alg: "ES256" } as const
      const server = yield* make({
        interval: "1 second",
        features: { encryption: { enabled: true }, jwtUserinfo: { enabled: true } },
        configuration: {
          enabledJWA: {
            idTokenEncryptionAlgValues: ["ECDH-ES"],
            idTokenEncryptionEncValues: ["A128GCM"],
            userinfoSigningAlgValues: ["ES256"],
            userinfoEncryptionAlgValues: ["ECDH-ES"],
            userinfoEncryptionEncValues: ["A128GCM"]
          }
        },
        clients: [
          RegisteredClients.client("signed", signed),
          RegisteredClients.client("both", { ...signed, ...encrypted })
        ]
      })
      const decryption = IdTokenDecryption.layer({
        keys: [Redacted.make<unknown>(privateJwk)],
        keyAlgorithm: "ECDH-ES",
        contentAlgorithm: "A128GCM"
      })
      const inEs256 = { userInfoSignedResponseAlg: "ES256" } as const
      const told = Effect.flatMap(asked, ({ identity }) => UserInfo.claims(identity))
      yield* Effect.gen(function* () {
        expect(yield* told.pipe(Effect.provide(as("signed", inEs256)))).toMatchObject({
          ...jo,
          iss: server.issuer,
          aud: "signed"
        })
        const opening = as("both", inEs256).pipe(Layer.provide(decryption))
        expect(yield* told.pipe(Effect.provide(opening))).toMatchObject(jo)

        const plain = yield* Effect.flip(told.pipe(Effect.provide(as("client_secret_basic", inEs256))))
        expect(plain).toMatchObject({ _tag: "UserInfoError", reason: { _tag: "NotSigned" } })
        const other = yield* Effect.flip(
          told.pipe(Effect.provide(as("signed", { userInfoSignedResponseAlg: "RS256" })))
        )
        expect(other).toMatchObject({ reason: { _tag: "UnexpectedAlgorithm", expected: "RS256", actual: "ES256" } })
      }).pipe(Effect.provideService(AuthorizationServer, server))
    }).pipe(Effect.scoped),
  20_000
)
