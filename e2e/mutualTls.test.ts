// Clients with certificates at the real server: authentication, bound tokens, the second address, and renewal.
import { X509Certificate } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import { assert, describe, it, vi } from "@effect/vitest"
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
import { approved } from "./Approval.ts"
import { AuthorizationServer } from "./AuthorizationServer.ts"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as MutualTlsServer from "./MutualTlsServer.ts"
import * as Pkcs12 from "./Pkcs12.ts"
import * as TlsServer from "./TlsServer.ts"

const shown = ({ certificate, privateKey }: CertificateAuthority.Issued) => ({
  certificate,
  privateKey: Redacted.make(privateKey)
})

const thumbprint = ({ certificate }: CertificateAuthority.Issued) =>
  MutualTlsServer.thumbprint(new X509Certificate(certificate))

const byAuthority = () =>
  Effect.succeed({ token_endpoint_auth_method: "tls_client_auth", tls_client_auth_subject_dn: "CN=bank-app" } as const)

type Scene = MutualTlsServer.MutualTlsServer

const client = ({ authority, server }: Scene, tls: NodeTls.Options, options?: Partial<NodeCiba.Options>) =>
  NodeCiba.layer({
    issuer: server.issuer,
    clientId: "bank-app",
    authentication: ClientAuthentication.tlsClientAuth,
    tls: { authorities: authority.certificate, ...tls },
    ...options
  })

const asServer = ({ server }: Scene) => Effect.provideService(AuthorizationServer, server)

/** The path of each call that authenticates the client, and what it carries. */
const calls = ({ server }: Scene) =>
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
  return Effect.fnUntraced(function* ({ authority }: Scene, issued: CertificateAuthority.Issued) {
    return {
      authority: yield* write("ca.crt", authority.certificate),
      certificate: yield* write("tls.crt", issued.certificate),
      privateKey: yield* write("tls.key", issued.privateKey),
      pkcs12: yield* write("tls.p12", Pkcs12.make(issued, "marker"))
    }
  })
})

type Paths = Readonly<Record<"authority" | "certificate" | "privateKey" | "pkcs12", string>>

/** The flow of a client that the environment describes. */
const fromEnvironment = (scene: Scene, { authority }: Paths, environment: Readonly<Record<string, string>>) =>
  approved().pipe(
    Effect.provide(NodeCiba.layerConfig()),
    Effect.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnvRecord({
          CIBA_ISSUER: scene.server.issuer,
          CIBA_CLIENT_ID: "bank-app",
          CIBA_TLS_CA_FILE: authority,
          ...environment
        })
      )
    ),
    asServer(scene)
  )

/** The version that a client of Node.js's own speaks with a server. */
const accepted = (url: string, ca: string) =>
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

/** What the server says of the person to the bearer of a token. */
const userInfo = Effect.fnUntraced(function* (accessToken: Redacted.Redacted<string>) {
  const url = yield* ProviderMetadata.endpoint(yield* Discovery.metadata, "userinfo_endpoint", MutualTls.make())
  const request = HttpClientRequest.get(url).pipe(HttpClientRequest.bearerToken(accessToken))
  return yield* Transport.Transport.use(({ exchange }) => exchange(request))
})

describe("a certificate", () => {
  it.live("of an authority authenticates the client, at the second address (A9, E8, E9, N1)", () =>
    Effect.gen(function* () {
      const scene = yield* MutualTlsServer.make(byAuthority)
      const issued = yield* scene.authority.issue("bank-app")
      const { identity } = yield* approved().pipe(
        Effect.provide(client(scene, { client: shown(issued) })),
        asServer(scene)
      )
      assert.strictEqual(identity.subject, "jo")
      const made = yield* calls(scene)
      assert.deepStrictEqual(
        scene.arrivals,
        made.map(({ path }) => ({ path, thumbprint: thumbprint(issued) }))
      )
      assert.deepStrictEqual([...new Set(made.map(({ path }) => path))], ["/backchannel", "/token"])
      for (const { form, headers } of made) {
        assert.strictEqual(form.client_id, "bank-app")
        assert.notProperty(form, "client_assertion")
        assert.notProperty(headers, "authorization")
      }
      const foreign = yield* Effect.flatMap(CertificateAuthority.make, ({ issue }) => issue("bank-app"))
      const other = yield* scene.authority.issue("other-app")
      for (const wrong of [undefined, shown(foreign), shown(other)]) {
        const refused = yield* Effect.flip(
          approved().pipe(Effect.provide(client(scene, { client: wrong })), asServer(scene))
        )
        assert.include(refused, { _tag: "AuthenticationRequestError" })
        assert.strictEqual("reason" in refused ? refused.reason._tag : undefined, "InvalidClient")
      }
    }).pipe(Effect.scoped)
  )

  it.live("that nobody vouches for authenticates the client it is registered for (A9, E8, E9, N1)", () =>
    Effect.gen(function* () {
      const issued = yield* CertificateAuthority.selfSigned("bank-app")
      const { publicKey, raw } = new X509Certificate(issued.certificate)
      const jwk = { kty: "EC", ...publicKey.export({ format: "jwk" }), x5c: [raw.toString("base64")] }
      const scene = yield* MutualTlsServer.make(() =>
        Effect.succeed({ token_endpoint_auth_method: "self_signed_tls_client_auth", jwks: { keys: [jwk] } })
      )
      const flow = (own: CertificateAuthority.Issued) =>
        approved().pipe(
          Effect.provide(
            client(scene, { client: shown(own) }, { authentication: ClientAuthentication.selfSignedTlsClientAuth })
          ),
          asServer(scene)
        )
      assert.strictEqual((yield* flow(issued)).identity.subject, "jo")
      const made = yield* calls(scene)
      assert.deepStrictEqual(
        scene.arrivals,
        made.map(({ path }) => ({ path, thumbprint: thumbprint(issued) }))
      )
      for (const { form } of made) {
        assert.strictEqual(form.client_id, "bank-app")
        assert.notProperty(form, "client_assertion")
      }
      const refused = yield* Effect.flip(flow(yield* CertificateAuthority.selfSigned("bank-app")))
      assert.strictEqual("reason" in refused ? refused.reason._tag : undefined, "InvalidClient")
    }).pipe(Effect.scoped)
  )

  it.live("binds the tokens of a client that signs assertions, and the token says so (A10, N1, N2, N5, T-22)", () =>
    Effect.gen(function* () {
      const key = yield* SigningKey.generate("ES256")
      const scene = yield* MutualTlsServer.make(
        () => Effect.succeed({ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key.publicJwk] } }),
        ["token_endpoint"]
      )
      const issued = yield* scene.authority.issue("any name")
      const resource = "https://api.example.com"
      const { identity } = yield* approved({ resource }).pipe(
        Effect.provide(
          client(
            scene,
            { client: shown(issued) },
            {
              authentication: ClientAuthentication.privateKeyJwt(key),
              mutualTls: MutualTls.make(),
              poll: { additionalParameters: [["resource", resource]] }
            }
          )
        ),
        asServer(scene)
      )
      const made = yield* calls(scene)
      for (const { form } of made) assert.property(form, "client_assertion")
      const [backchannel, ...polls] = made
      assert.strictEqual(backchannel?.path, "/backchannel")
      assert.deepStrictEqual(
        scene.arrivals,
        polls.map(() => ({ path: "/token", thumbprint: thumbprint(issued) }))
      )
      const [, claims = ""] = Redacted.value(identity.accessToken).split(".")
      const { cnf } = yield* decode(yield* Effect.fromResult(Base64Url.decodeString(claims)))
      assert.strictEqual(cnf["x5t#S256"], thumbprint(issued))
    }).pipe(Effect.scoped)
  )

  it.live("opens a resource to the token that is bound to it, and no other does (A9, N3)", () =>
    Effect.gen(function* () {
      const scene = yield* MutualTlsServer.make(byAuthority)
      const [issued, other] = yield* Effect.all([scene.authority.issue("bank-app"), scene.authority.issue("bank-app")])
      const layer = client(scene, { client: shown(issued) })
      const accessToken = yield* approved().pipe(
        Effect.flatMap(({ identity }) =>
          Effect.as(
            Effect.tap(userInfo(identity.accessToken), ({ body, status }) =>
              Effect.sync(() => assert.deepInclude({ status, body }, { status: 200, body: { sub: "jo" } }))
            ),
            identity.accessToken
          )
        ),
        Effect.provide(layer),
        asServer(scene)
      )
      assert.deepStrictEqual(scene.arrivals.at(-1), { path: "/me", thumbprint: thumbprint(issued) })
      for (const wrong of [other, undefined]) {
        const { body, status } = yield* userInfo(accessToken).pipe(
          Effect.provide(client(scene, { client: wrong && shown(wrong) }))
        )
        assert.strictEqual(status, 401)
        assert.propertyVal(body, "error", "invalid_token")
      }
    }).pipe(Effect.scoped)
  )

  it.live("that is renewed on disk is shown by the next poll; a token of the old one is refreshed (N1, N3, N4)", () =>
    Effect.gen(function* () {
      const scene = yield* MutualTlsServer.make(byAuthority)
      const { arrivals, authority, server } = scene
      const [first, second] = yield* Effect.all([authority.issue("bank-app"), authority.issue("bank-app")])
      const install = yield* files
      const renewed = yield* Queue.unbounded<void>()
      const logger = Logger.make(({ message }) => {
        if (String(message).includes("certificates were replaced")) Queue.offerUnsafe(renewed, undefined)
      })
      const paths = yield* install(scene, first)
      yield* Effect.gen(function* () {
        const polled = yield* Effect.forkChild(
          Stream.runHead(Stream.filter(server.exchanges, ({ error }) => error === "authorization_pending")),
          { startImmediately: true }
        )
        const pending = yield* Ciba.initiate({
          scope: ["openid", "offline_access"],
          hint: UserHint.login("jo@example.com")
        })
        const wait = yield* Effect.forkChild(Ciba.complete(pending))
        yield* Fiber.join(polled)
        yield* install(scene, second)
        yield* Queue.take(renewed)
        for (const { ref } of yield* server.pending) yield* server.approve(ref)
        const { accessToken, refreshToken } = yield* Fiber.join(wait)
        const polls = arrivals.filter(({ path }) => path === "/token")
        assert.strictEqual(polls.at(0)?.thumbprint, thumbprint(first))
        assert.strictEqual(polls.at(-1)?.thumbprint, thumbprint(second))
        assert.strictEqual((yield* userInfo(accessToken)).status, 200)

        yield* install(scene, first)
        yield* Queue.take(renewed)
        const { body, status } = yield* userInfo(accessToken)
        assert.strictEqual(status, 401)
        assert.propertyVal(body, "error", "invalid_token")
        const authenticated = yield* AuthenticatedRequest.make
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
        Effect.provide(client(scene, { client: CertificateFiles.pem(paths), reloadEvery: "1 second" })),
        Effect.provide(Logger.layer([logger]))
      )
    }).pipe(Effect.scoped)
  )

  const described: ReadonlyArray<
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
  for (const [what, environment] of described) {
    it.live(`is read from files that the environment names, ${what}, and authenticates the client (N1)`, () =>
      Effect.gen(function* () {
        const scene = yield* MutualTlsServer.make(byAuthority)
        const issued = yield* scene.authority.issue("bank-app")
        const paths = yield* (yield* files)(scene, issued)
        const { identity } = yield* fromEnvironment(scene, paths, {
          CIBA_CLIENT_AUTH_METHOD: "tls_client_auth",
          ...environment(paths)
        })
        assert.strictEqual(identity.subject, "jo")
        assert.deepStrictEqual([...new Set(scene.arrivals.map(({ thumbprint }) => thumbprint))], [thumbprint(issued)])
      }).pipe(Effect.scoped)
    )
  }

  it.live("binds the tokens of any client, if the environment says so (A10, N2)", () =>
    Effect.gen(function* () {
      const { privateJwk, publicJwk } = yield* SigningKey.generateJwk("ES256")
      const scene = yield* MutualTlsServer.make(() =>
        Effect.succeed({ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [publicJwk] } })
      )
      const paths = yield* (yield* files)(scene, yield* scene.authority.issue("any name"))
      const environment = {
        CIBA_PRIVATE_KEY: encodeJson(Redacted.value(privateJwk)),
        CIBA_TLS_CERTIFICATE_FILE: paths.certificate,
        CIBA_TLS_PRIVATE_KEY_FILE: paths.privateKey
      }
      const bound = yield* fromEnvironment(scene, paths, { ...environment, CIBA_TLS_BOUND_ACCESS_TOKENS: "true" })
      assert.strictEqual(bound.identity.subject, "jo")
      assert.deepStrictEqual(
        scene.arrivals.map(({ path }) => path),
        (yield* calls(scene)).map(({ path }) => path)
      )
      const seen = scene.arrivals.length
      assert.strictEqual((yield* fromEnvironment(scene, paths, environment)).identity.subject, "jo")
      assert.lengthOf(scene.arrivals, seen)
    }).pipe(Effect.scoped)
  )
})

describe("a server is not called", () => {
  const metadata = (issuer: string, tls?: NodeTls.Options) =>
    Effect.provide(
      Discovery.metadata,
      NodeCiba.layer({ issuer, clientId: "bank-app", authentication: ClientAuthentication.none, tls })
    )

  const refused = Effect.fnUntraced(function* (issuer: string, tls?: NodeTls.Options) {
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

  it.live("if nobody vouches for its certificate, though Node.js is told not to mind (N6)", () =>
    Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")),
        () => Effect.sync(() => vi.unstubAllEnvs())
      )
      const own = yield* CertificateAuthority.selfSigned("server")
      const { url } = yield* TlsServer.make({ own })
      const { certificate } = yield* CertificateAuthority.make
      for (const tls of [undefined, {}, { client: shown(own) }, { authorities: certificate }]) {
        assert.deepStrictEqual(yield* refused(url, tls), unreachable(url, "DEPTH_ZERO_SELF_SIGNED_CERT"))
      }
    }).pipe(Effect.scoped)
  )

  it.live("under a name that its certificate does not have (N6)", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const { url } = yield* TlsServer.make({ own: yield* authority.issue("server") })
      const other = url.replace("127.0.0.1", "localhost")
      assert.deepStrictEqual(
        yield* refused(other, { authorities: authority.certificate }),
        unreachable(other, "ERR_TLS_CERT_ALTNAME_INVALID")
      )
    }).pipe(Effect.scoped)
  )

  it.live("if it speaks TLS 1.1 at best, though Node.js is told to accept it (N6)", () =>
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
      assert.strictEqual(yield* accepted(old.url, authority.certificate), "TLSv1.1")
      assert.deepStrictEqual(
        yield* refused(old.url, options),
        unreachable(old.url, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION")
      )
      assert.deepInclude(yield* refused(newer.url, options), { kind: "Unreadable" })
    }).pipe(Effect.scoped)
  )
})
