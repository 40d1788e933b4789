import { expect, it, layer } from "@effect/vitest"
import { AuthorizationServer, make, layer as serverLayer } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
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
import { authenticate } from "./Approval.ts"
import * as CertificateAuthority from "./CertificateAuthority.ts"

const secret = Redacted.make(RegisteredClients.secret)

const jo = { sub: "jo", name: "Jo Doe", email: "jo@example.com" }

const authenticated = authenticate({ scope: ["openid", "profile", "email"] })

/** A registered client. */
const as = (clientId: string, options?: Partial<NodeCiba.Options>) =>
  Layer.unwrap(
    Effect.map(AuthorizationServer, ({ issuer }) =>
      NodeCiba.layer({
        issuer,
        clientId,
        authentication: ClientAuthentication.clientSecretBasic(secret),
        allowInsecureRequests: "loopback",
        ...options
      })
    )
  )

const resourceCalls = AuthorizationServer.use(({ log }) =>
  Effect.map(log, (all) => all.filter(({ path }) => path === "/me"))
)

/** Removes an access token at the provider, as if it had expired. */
const expire = Effect.fnUntraced(function* (accessToken: Redacted.Redacted<string>) {
  const { provider } = yield* AuthorizationServer
  yield* Effect.promise(async () => (await provider.AccessToken.find(Redacted.value(accessToken)))?.destroy())
})

layer(serverLayer({ interval: "1 second" }), { excludeTestServices: true })(
  "UserInfo and ProtectedResource with a Bearer token",
  (it) => {
    it.effect("UserInfo returns the claims of the ID Token's subject, and rejects those of another (S1, S6)", () =>
      Effect.gen(function* () {
        const { identity } = yield* authenticated
        expect(yield* UserInfo.claims(identity)).toMatchObject(jo)
        const [call] = yield* resourceCalls
        expect(call).toMatchObject({ method: "GET", status: 200, form: {} })
        expect(call?.headers.authorization).toBe(`Bearer ${Redacted.value(identity.accessToken)}`)

        const response = yield* UserInfo.request(identity)
        const error = yield* Effect.flip(UserInfo.process(response, "another-subject"))
        expect(error).toMatchObject({ _tag: "UserInfoError", reason: { _tag: "WrongSubject" } })
      }).pipe(Effect.provide(as("client_secret_basic")))
    )

    it.effect("an expired access token is refreshed once, and the request is repeated (Q2)", () =>
      Effect.gen(function* () {
        const { identity } = yield* authenticated
        yield* expire(identity.accessToken)
        const before = (yield* resourceCalls).length
        const error = yield* Effect.flip(UserInfo.claims(identity))
        expect(error).toMatchObject({ _tag: "ResourceError", reason: { _tag: "InvalidToken", status: 401 } })

        const context = yield* Effect.context<AuthorizationServer | Ciba.Ciba>()
        const claims = yield* UserInfo.claims({
          current: Effect.succeed(identity),
          refresh: () =>
            Effect.provideContext(
              Effect.map(authenticated, (again) => again.identity),
              context
            )
        })
        expect(claims).toMatchObject(jo)
        expect((yield* resourceCalls).slice(before).map(({ status }) => status)).toEqual([401, 401, 200])
      }).pipe(Effect.provide(as("client_secret_basic")))
    )

    it.effect("a WWW-Authenticate challenge becomes a ResourceError with its error and scope (S3)", () =>
      Effect.gen(function* () {
        const { issuer } = yield* AuthorizationServer
        const { identity } = yield* authenticate()
        const client = ProtectedResource.failOnChallengeError(yield* ProtectedResource.make(identity))
        const scope = yield* Effect.flip(client.get(`${issuer}/me?scope=email`))
        expect(scope).toMatchObject({ reason: { _tag: "InsufficientScope", scope: ["email"], status: 403 } })
        const request = yield* Effect.flip(client.get(`${issuer}/me?scope=%22`))
        expect(request).toMatchObject({ reason: { _tag: "InvalidRequest", status: 400 } })
      }).pipe(Effect.provide(as("client_secret_basic")))
    )
  }
)

layer(
  serverLayer({
    interval: "1 second",
    features: { dPoP: { enabled: true, nonceSecret: Buffer.alloc(32), requireNonce: () => true } },
    clients: [RegisteredClients.client("dpop", { dpop_bound_access_tokens: true })]
  }),
  { excludeTestServices: true }
)("UserInfo with a DPoP-bound token and required nonces", (it) => {
  const process = () => as("dpop").pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })))

  it.effect("a DPoP-bound token is sent with a proof, and use_dpop_nonce costs one more request (M4, M9, M11)", () =>
    Effect.gen(function* () {
      const { identity } = yield* authenticated.pipe(Effect.provide(process()))
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

  it.effect("a DPoP-bound token with a proof by another key is rejected (M4)", () =>
    Effect.gen(function* () {
      const { identity } = yield* authenticated.pipe(Effect.provide(process()))
      const { privateJwk } = yield* SigningKey.generate("ES256")
      const source = { ...identity, subject: identity.subject, dpopKey: privateJwk }
      const error = yield* Effect.flip(UserInfo.claims(source).pipe(Effect.provide(process())))
      expect(error).toMatchObject({ _tag: "ResourceError", reason: { _tag: "InvalidToken" } })
    })
  )
})

it.live("a certificate-bound token is accepted with its certificate only, and refreshed for another one (N3, N4)", () =>
  Effect.gen(function* () {
    const authority = yield* CertificateAuthority.make
    const [own, first, second] = yield* Effect.all([
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
    const withCertificate = (certificate?: CertificateAuthority.Issued) =>
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
      const { identity, claims } = yield* Effect.gen(function* () {
        const { identity } = yield* authenticated
        return { identity, claims: yield* UserInfo.claims(identity) }
      }).pipe(Effect.provide(withCertificate(first)))
      expect(claims).toMatchObject(jo)

      const withoutCertificate = yield* Effect.flip(UserInfo.claims(identity).pipe(Effect.provide(withCertificate())))
      expect(withoutCertificate).toMatchObject({ _tag: "ResourceError", reason: { _tag: "InvalidToken", status: 401 } })

      const rotated = yield* Effect.gen(function* () {
        const context = yield* Effect.context<AuthorizationServer | Ciba.Ciba>()
        const refreshed = Effect.map(authenticated, (other) => other.identity)
        return yield* UserInfo.claims({
          current: Effect.succeed(identity),
          refresh: () => Effect.provideContext(refreshed, context)
        })
      }).pipe(Effect.provide(withCertificate(second)))
      expect(rotated).toMatchObject(jo)
      expect((yield* resourceCalls).map(({ status }) => status)).toEqual([200, 401, 401, 200])
    }).pipe(Effect.provideService(AuthorizationServer, server))
  }).pipe(Effect.scoped)
)

it.live("UserInfo verifies and decrypts a response that is signed, or signed and encrypted, as registered (S7)", () =>
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
    const userInfo = Effect.flatMap(authenticated, ({ identity }) => UserInfo.claims(identity))
    yield* Effect.gen(function* () {
      expect(yield* userInfo.pipe(Effect.provide(as("signed", inEs256)))).toMatchObject({
        ...jo,
        iss: server.issuer,
        aud: "signed"
      })
      const decrypting = as("both", inEs256).pipe(Layer.provide(decryption))
      expect(yield* userInfo.pipe(Effect.provide(decrypting))).toMatchObject(jo)

      const unsigned = yield* Effect.flip(userInfo.pipe(Effect.provide(as("client_secret_basic", inEs256))))
      expect(unsigned).toMatchObject({ _tag: "UserInfoError", reason: { _tag: "NotSigned" } })
      const otherAlgorithm = yield* Effect.flip(
        userInfo.pipe(Effect.provide(as("signed", { userInfoSignedResponseAlg: "RS256" })))
      )
      expect(otherAlgorithm).toMatchObject({
        reason: { _tag: "UnexpectedAlgorithm", expected: "RS256", actual: "ES256" }
      })
    }).pipe(Effect.provideService(AuthorizationServer, server))
  }).pipe(Effect.scoped)
)
