// Clients with certificates against oidc-provider: authentication, bound tokens, endpoint aliases, and replacement.
import { X509Certificate } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import { assert, describe, it, vi } from "@effect/vitest"
import { AuthorizationServer } from "@effect-ciba/authorization-server/AuthorizationServer"
import {
  Ciba,
  ClientAuthentication,
  Discovery,
  MutualTls,
  ProviderMetadata,
  SigningKey,
  Transport,
  UserHint
} from "@effect-ciba/core"
import { CertificateFiles, NodeCiba, type NodeTls } from "@effect-ciba/platform-node"
import { ConfigProvider, Effect, Fiber, Logger, Queue, Redacted, Schema, Stream } from "effect"
import { Base64Url } from "effect/encoding"
import { HttpClientRequest } from "effect/http"
import * as AuthenticatedRequest from "../packages/core/src/provider/AuthenticatedRequest.ts"
import { authenticate } from "./Approval.ts"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as MutualTlsServer from "./MutualTlsServer.ts"
import * as Pkcs12 from "./Pkcs12.ts"
import * as TlsServer from "./TlsServer.ts"

const toClientCertificate = ({ certificate, privateKey }: CertificateAuthority.Issued) => ({
  certificate,
  privateKey: Redacted.make(privateKey)
})

const thumbprint = ({ certificate }: CertificateAuthority.Issued) =>
  MutualTlsServer.thumbprint(new X509Certificate(certificate))

const byAuthority = () =>
  Effect.succeed({ token_endpoint_auth_method: "tls_client_auth", tls_client_auth_subject_dn: "CN=bank-app" } as const)

type Setup = MutualTlsServer.MutualTlsServer

const client = ({ authority, server }: Setup, tls: NodeTls.Options, options?: Partial<NodeCiba.Options>) =>
  NodeCiba.layer({
    issuer: server.issuer,
    clientId: "bank-app",
    authentication: ClientAuthentication.tlsClientAuth,
    tls: { authorities: authority.certificate, ...tls },
    ...options
  })

const asServer = ({ server }: Setup) => Effect.provideService(AuthorizationServer, server)

/** The recorded requests to endpoints that authenticate the client. */
const authenticatedRequests = ({ server }: Setup) =>
  Effect.map(server.log, (log) => log.filter(({ path }) => path === "/backchannel" || path === "/token"))

const files = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "mutual-tls-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true }))
  )
  const write = Effect.fnUntraced(function* (name: string, content: string | Uint8Array) {
    const path = join(directory, name)
    yield* Effect.promise(() => writeFile(path, content))
    return path
  })
  return Effect.fnUntraced(function* ({ authority }: Setup, issued: CertificateAuthority.Issued) {
    return {
      authority: yield* write("ca.crt", authority.certificate),
      certificate: yield* write("tls.crt", issued.certificate),
      privateKey: yield* write("tls.key", issued.privateKey),
      pkcs12: yield* write("tls.p12", Pkcs12.make(issued, "marker"))
    }
  })
})

type Paths = Readonly<Record<"authority" | "certificate" | "privateKey" | "pkcs12", string>>

/** The flow of a client that is configured by environment variables. */
const fromEnvironment = (setup: Setup, { authority }: Paths, environment: Readonly<Record<string, string>>) =>
  authenticate().pipe(
    Effect.provide(NodeCiba.layerConfig()),
    Effect.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnvRecord({
          CIBA_ISSUER: setup.server.issuer,
          CIBA_CLIENT_ID: "bank-app",
          CIBA_TLS_CA_FILE: authority,
          ...environment
        })
      )
    ),
    asServer(setup)
  )

/** The TLS version that a client with the defaults of Node.js negotiates. */
const negotiate = (url: string, ca: string) =>
  Effect.callback<string | null>((resume) => {
    const { hostname: host, port } = new URL(url)
    const socket = tls.connect({ host, port: Number(port), ca }, () => {
      resume(Effect.succeed(socket.getProtocol()))
      socket.destroy()
    })
    socket.on("error", (error) => resume(Effect.die(error)))
  })

const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const decodeTokens = Schema.decodeUnknownEffect(Schema.Struct({ access_token: Schema.String }))

const decode = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ cnf: Schema.Struct({ "x5t#S256": Schema.String }) }))
)

/** The response of the UserInfo endpoint. */
const userInfo = Effect.fnUntraced(function* (accessToken: Redacted.Redacted<string>) {
  const url = yield* ProviderMetadata.endpoint(yield* Discovery.metadata, "userinfo_endpoint", MutualTls.make())
  const request = HttpClientRequest.get(url).pipe(HttpClientRequest.bearerToken(accessToken))
  return yield* Transport.Transport.use(({ exchange }) => exchange(request))
})

describe("mutual TLS against oidc-provider", () => {
  it.live("a certificate of an authority authenticates the client, at the endpoint aliases (A9, E8, E9, N1)", () =>
    Effect.gen(function* () {
      const setup = yield* MutualTlsServer.make(byAuthority)
      const issued = yield* setup.authority.issue("bank-app")
      const { identity } = yield* authenticate().pipe(
        Effect.provide(client(setup, { client: toClientCertificate(issued) })),
        asServer(setup)
      )
      assert.strictEqual(identity.subject, "jo")
      const requests = yield* authenticatedRequests(setup)
      assert.deepStrictEqual(
        setup.aliasRequests,
        requests.map(({ path }) => ({ path, thumbprint: thumbprint(issued) }))
      )
      assert.deepStrictEqual([...new Set(requests.map(({ path }) => path))], ["/backchannel", "/token"])
      for (const { form, headers } of requests) {
        assert.strictEqual(form.client_id, "bank-app")
        assert.notProperty(form, "client_assertion")
        assert.notProperty(headers, "authorization")
      }
      const unknown = yield* Effect.flatMap(CertificateAuthority.make, ({ issue }) => issue("bank-app"))
      const other = yield* setup.authority.issue("other-app")
      for (const wrong of [undefined, toClientCertificate(unknown), toClientCertificate(other)]) {
        const error = yield* Effect.flip(
          authenticate().pipe(Effect.provide(client(setup, { client: wrong })), asServer(setup))
        )
        assert.include(error, { _tag: "AuthenticationRequestError" })
        assert.strictEqual("reason" in error ? error.reason._tag : undefined, "InvalidClient")
      }
    }).pipe(Effect.scoped)
  )

  it.live("a self-signed certificate authenticates the client that has registered it (A9, E8, E9, N1)", () =>
    Effect.gen(function* () {
      const issued = yield* CertificateAuthority.selfSigned("bank-app")
      const { publicKey, raw } = new X509Certificate(issued.certificate)
      const jwk = { kty: "EC", ...publicKey.export({ format: "jwk" }), x5c: [raw.toString("base64")] }
      const setup = yield* MutualTlsServer.make(() =>
        Effect.succeed({ token_endpoint_auth_method: "self_signed_tls_client_auth", jwks: { keys: [jwk] } })
      )
      const flow = (own: CertificateAuthority.Issued) =>
        authenticate().pipe(
          Effect.provide(
            client(
              setup,
              { client: toClientCertificate(own) },
              { authentication: ClientAuthentication.selfSignedTlsClientAuth }
            )
          ),
          asServer(setup)
        )
      assert.strictEqual((yield* flow(issued)).identity.subject, "jo")
      const requests = yield* authenticatedRequests(setup)
      assert.deepStrictEqual(
        setup.aliasRequests,
        requests.map(({ path }) => ({ path, thumbprint: thumbprint(issued) }))
      )
      for (const { form } of requests) {
        assert.strictEqual(form.client_id, "bank-app")
        assert.notProperty(form, "client_assertion")
      }
      const error = yield* Effect.flip(flow(yield* CertificateAuthority.selfSigned("bank-app")))
      assert.strictEqual("reason" in error ? error.reason._tag : undefined, "InvalidClient")
    }).pipe(Effect.scoped)
  )

  it.live(
    "a certificate binds the tokens of a client with private_key_jwt, as their cnf claim says (A10, N1, N2, N5, T-22)",
    () =>
      Effect.gen(function* () {
        const key = yield* SigningKey.generate("ES256")
        const setup = yield* MutualTlsServer.make(
          () => Effect.succeed({ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key.publicJwk] } }),
          ["token_endpoint"]
        )
        const issued = yield* setup.authority.issue("any name")
        const resource = "https://api.example.com"
        const { identity } = yield* authenticate({ resource }).pipe(
          Effect.provide(
            client(
              setup,
              { client: toClientCertificate(issued) },
              {
                authentication: ClientAuthentication.privateKeyJwt(key),
                mutualTls: MutualTls.make(),
                poll: { additionalParameters: [["resource", resource]] }
              }
            )
          ),
          asServer(setup)
        )
        const requests = yield* authenticatedRequests(setup)
        for (const { form } of requests) assert.property(form, "client_assertion")
        const [backchannel, ...polls] = requests
        assert.strictEqual(backchannel?.path, "/backchannel")
        assert.deepStrictEqual(
          setup.aliasRequests,
          polls.map(() => ({ path: "/token", thumbprint: thumbprint(issued) }))
        )
        const [, claims = ""] = Redacted.value(identity.accessToken).split(".")
        const { cnf } = yield* decode(yield* Effect.fromResult(Base64Url.decodeString(claims)))
        assert.strictEqual(cnf["x5t#S256"], thumbprint(issued))
      }).pipe(Effect.scoped)
  )

  it.live("a resource accepts a certificate-bound token with its certificate, and with no other (A9, N3)", () =>
    Effect.gen(function* () {
      const setup = yield* MutualTlsServer.make(byAuthority)
      const [issued, other] = yield* Effect.all([setup.authority.issue("bank-app"), setup.authority.issue("bank-app")])
      const layer = client(setup, { client: toClientCertificate(issued) })
      const accessToken = yield* authenticate().pipe(
        Effect.flatMap(({ identity }) =>
          Effect.as(
            Effect.tap(userInfo(identity.accessToken), ({ body, status }) =>
              Effect.sync(() => assert.deepInclude({ status, body }, { status: 200, body: { sub: "jo" } }))
            ),
            identity.accessToken
          )
        ),
        Effect.provide(layer),
        asServer(setup)
      )
      assert.deepStrictEqual(setup.aliasRequests.at(-1), { path: "/me", thumbprint: thumbprint(issued) })
      for (const wrong of [other, undefined]) {
        const { body, status } = yield* userInfo(accessToken).pipe(
          Effect.provide(client(setup, { client: wrong && toClientCertificate(wrong) }))
        )
        assert.strictEqual(status, 401)
        assert.propertyVal(body, "error", "invalid_token")
      }
    }).pipe(Effect.scoped)
  )

  it.live(
    "a certificate that is replaced on disk is used by the next poll, and a token of the previous one can be refreshed (N1, N3, N4)",
    () =>
      Effect.gen(function* () {
        const setup = yield* MutualTlsServer.make(byAuthority)
        const { aliasRequests, authority, server } = setup
        const [first, second] = yield* Effect.all([authority.issue("bank-app"), authority.issue("bank-app")])
        const install = yield* files
        const replaced = yield* Queue.unbounded<void>()
        const logger = Logger.make(({ message }) => {
          if (String(message).includes("certificates were replaced")) Queue.offerUnsafe(replaced, undefined)
        })
        const paths = yield* install(setup, first)
        yield* Effect.gen(function* () {
          const polled = yield* Effect.forkChild(
            Stream.runHead(Stream.filter(server.requests, ({ error }) => error === "authorization_pending")),
            { startImmediately: true }
          )
          const pending = yield* Ciba.initiate({
            scope: ["openid", "offline_access"],
            hint: UserHint.login("jo@example.com")
          })
          const wait = yield* Effect.forkChild(Ciba.complete(pending))
          yield* Fiber.join(polled)
          yield* install(setup, second)
          yield* Queue.take(replaced)
          for (const { ref } of yield* server.pending) yield* server.approve(ref)
          const { accessToken, refreshToken } = yield* Fiber.join(wait)
          const polls = aliasRequests.filter(({ path }) => path === "/token")
          assert.strictEqual(polls.at(0)?.thumbprint, thumbprint(first))
          assert.strictEqual(polls.at(-1)?.thumbprint, thumbprint(second))
          assert.strictEqual((yield* userInfo(accessToken)).status, 200)

          yield* install(setup, first)
          yield* Queue.take(replaced)
          const { body, status } = yield* userInfo(accessToken)
          assert.strictEqual(status, 401)
          assert.propertyVal(body, "error", "invalid_token")
          const authenticated = yield* AuthenticatedRequest.make(({ problem }) => problem)
          const { exchange } = yield* Transport.Transport
          const refreshed = yield* exchange(
            yield* authenticated("token_endpoint", {
              parameters: [
                ["grant_type", "refresh_token"],
                ["refresh_token", refreshToken === undefined ? "" : Redacted.value(refreshToken)]
              ]
            })
          )
          const { access_token } = yield* decodeTokens(refreshed.body)
          assert.strictEqual((yield* userInfo(Redacted.make(access_token))).status, 200)
        }).pipe(
          Effect.provide(client(setup, { client: CertificateFiles.pem(paths), reloadEvery: "1 second" })),
          Effect.provide(Logger.layer([logger]))
        )
      }).pipe(Effect.scoped)
  )

  const sources: ReadonlyArray<
    readonly [what: string, environment: (paths: Paths) => Readonly<Record<string, string>>]
  > = [
    [
      "as PEM",
      ({ certificate, privateKey }) => ({
        CIBA_TLS_CERTIFICATE_FILE: certificate,
        CIBA_TLS_PRIVATE_KEY_FILE: privateKey
      })
    ],
    ["as PKCS#12", ({ pkcs12 }) => ({ CIBA_TLS_PKCS12_FILE: pkcs12, CIBA_TLS_PASSPHRASE: "marker" })]
  ]
  for (const [what, environment] of sources) {
    it.live(`a certificate from files in environment variables, ${what}, authenticates the client (N1)`, () =>
      Effect.gen(function* () {
        const setup = yield* MutualTlsServer.make(byAuthority)
        const issued = yield* setup.authority.issue("bank-app")
        const paths = yield* (yield* files)(setup, issued)
        const { identity } = yield* fromEnvironment(setup, paths, {
          CIBA_CLIENT_AUTH_METHOD: "tls_client_auth",
          ...environment(paths)
        })
        assert.strictEqual(identity.subject, "jo")
        assert.deepStrictEqual(
          [...new Set(setup.aliasRequests.map(({ thumbprint }) => thumbprint))],
          [thumbprint(issued)]
        )
      }).pipe(Effect.scoped)
    )
  }

  it.live(
    "CIBA_TLS_BOUND_ACCESS_TOKENS binds the tokens of a client with another authentication method (A10, N2)",
    () =>
      Effect.gen(function* () {
        const { privateJwk, publicJwk } = yield* SigningKey.generateJwk("ES256")
        const setup = yield* MutualTlsServer.make(() =>
          Effect.succeed({ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [publicJwk] } })
        )
        const paths = yield* (yield* files)(setup, yield* setup.authority.issue("any name"))
        const environment = {
          CIBA_PRIVATE_KEY: encodeJson(Redacted.value(privateJwk)),
          CIBA_TLS_CERTIFICATE_FILE: paths.certificate,
          CIBA_TLS_PRIVATE_KEY_FILE: paths.privateKey
        }
        const bound = yield* fromEnvironment(setup, paths, { ...environment, CIBA_TLS_BOUND_ACCESS_TOKENS: "true" })
        assert.strictEqual(bound.identity.subject, "jo")
        assert.deepStrictEqual(
          setup.aliasRequests.map(({ path }) => path),
          (yield* authenticatedRequests(setup)).map(({ path }) => path)
        )
        const count = setup.aliasRequests.length
        assert.strictEqual((yield* fromEnvironment(setup, paths, environment)).identity.subject, "jo")
        assert.lengthOf(setup.aliasRequests, count)
      }).pipe(Effect.scoped)
  )
})

describe("an untrusted TLS server", () => {
  const metadata = (issuer: string, tls?: NodeTls.Options) =>
    Effect.provide(
      Discovery.metadata,
      NodeCiba.layer({ issuer, clientId: "bank-app", authentication: ClientAuthentication.none, tls })
    )

  const failDiscovery = Effect.fnUntraced(function* (issuer: string, tls?: NodeTls.Options) {
    const error = yield* Effect.flip(metadata(issuer, tls))
    return error._tag === "DiscoveryError" && error.reason._tag === "TransportError" ? error.reason : error
  })

  const unreachable = (url: string, code: string) =>
    new Transport.TransportError({
      kind: "Unreachable",
      code,
      method: "GET",
      url: `${url}/.well-known/openid-configuration`
    })

  it.live(
    "a server with an untrusted certificate gets no request, whatever NODE_TLS_REJECT_UNAUTHORIZED says (N6)",
    () =>
      Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.sync(() => vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")),
          () => Effect.sync(() => vi.unstubAllEnvs())
        )
        const own = yield* CertificateAuthority.selfSigned("server")
        const { url } = yield* TlsServer.make({ own })
        const { certificate } = yield* CertificateAuthority.make
        for (const tls of [undefined, {}, { client: toClientCertificate(own) }, { authorities: certificate }]) {
          assert.deepStrictEqual(yield* failDiscovery(url, tls), unreachable(url, "DEPTH_ZERO_SELF_SIGNED_CERT"))
        }
      }).pipe(Effect.scoped)
  )

  it.live("a server whose certificate has another name gets no request (N6)", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const { url } = yield* TlsServer.make({ own: yield* authority.issue("server") })
      const other = url.replace("127.0.0.1", "localhost")
      assert.deepStrictEqual(
        yield* failDiscovery(other, { authorities: authority.certificate }),
        unreachable(other, "ERR_TLS_CERT_ALTNAME_INVALID")
      )
    }).pipe(Effect.scoped)
  )

  it.live("a server with TLS 1.1 gets no request, whatever the default minimum of Node.js is (N6)", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const own = yield* authority.issue("server")
      const ciphers = "DEFAULT@SECLEVEL=0"
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION } = tls
          Object.assign(tls, { DEFAULT_CIPHERS: ciphers, DEFAULT_MIN_VERSION: "TLSv1" })
          return { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION }
        }),
        (defaults) => Effect.sync(() => Object.assign(tls, defaults))
      )
      const old = yield* TlsServer.make({ own, ciphers, maxVersion: "TLSv1.1" })
      const newer = yield* TlsServer.make({ own, ciphers, maxVersion: "TLSv1.2" })
      const options = { authorities: authority.certificate }
      assert.strictEqual(yield* negotiate(old.url, authority.certificate), "TLSv1.1")
      assert.deepStrictEqual(
        yield* failDiscovery(old.url, options),
        unreachable(old.url, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION")
      )
      assert.deepInclude(yield* failDiscovery(newer.url, options), { kind: "Unreadable" })
    }).pipe(Effect.scoped)
  )
})
