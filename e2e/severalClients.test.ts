// Two clients in one program, over real sockets: each request arrives at its own server, with its own credentials and
// certificate.
import { X509Certificate } from "node:crypto"
import * as Http from "node:http"
import * as Https from "node:https"
import { buffer } from "node:stream/consumers"
import { TLSSocket } from "node:tls"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import * as Undici from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  FreshIdentity,
  Introspection,
  Revocation,
  UserHint,
  UserInfo
} from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { ProviderFetch, TestClient, TestUser } from "@effect-ciba/testing"
import { ConfigProvider, Context, Effect, Layer, LayerMap, Redacted, type Scope } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpRouter, HttpServerResponse } from "effect/http"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as Loopback from "./Loopback.ts"

const names = ["alpha", "beta"] as const

type Name = (typeof names)[number]

/** A request as it arrived: whose credentials it had, and the subject of the certificate of its connection. */
interface Received {
  readonly path: string
  readonly client: string | undefined
  readonly certificate: string | undefined
}

interface Server {
  readonly issuer: string
  readonly received: ReadonlyArray<Received>
}

/** A provider at which these clients are registered, on a port of its own; it asks for certificates if it has one. */
const serve = Effect.fnUntraced(function* (
  clientIds: ReadonlyArray<string>,
  tls?: { readonly ca: string; readonly cert: string; readonly key: string }
): Effect.fn.Return<Server, never, Scope.Scope> {
  const http =
    tls === undefined
      ? Http.createServer()
      : Https.createServer({ ...tls, requestCert: true, rejectUnauthorized: true })
  const port = yield* Loopback.listen(http)
  const issuer = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`
  const { fetch } = yield* ProviderFetch.make({
    issuer,
    client: clientIds.map((clientId) =>
      TestClient.clientSecretBasic({ clientId, secret: Redacted.make(`secret-of-${clientId}`) })
    ),
    user: TestUser.approve(),
    interval: "1 second",
    refreshTokens: true
  })
  const received: Array<Received> = []
  http.on("request", async (request, response) => {
    const { authorization } = request.headers
    const { socket, url = "" } = request
    received.push({
      path: url,
      client: authorization?.startsWith("Basic ") ? atob(authorization.slice(6)).split(":")[0] : undefined,
      certificate: socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.subject : undefined
    })
    const body = new Uint8Array(await buffer(request))
    const headers = Object.entries(request.headers).flatMap(
      ([name, value]): Array<[string, string]> => (typeof value === "string" ? [[name, value]] : [])
    )
    const answer = await fetch(`${issuer}${url}`, { method: request.method, headers, ...(body.length > 0 && { body }) })
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
  })
  return { issuer, received }
})

type Clients = Readonly<Record<Name, Layer.Layer<Ciba.Services, unknown>>>

interface Scene {
  readonly clients: Clients
  readonly servers: Readonly<Record<Name, Server>>
  /** The subjects of the clients' certificates. */
  readonly certificates?: Readonly<Record<Name, string>>
}

const options = (name: Name, { issuer }: Server) => ({
  issuer,
  clientId: name,
  authentication: ClientAuthentication.clientSecretBasic(Redacted.make(`secret-of-${name}`)),
  allowInsecureRequests: "loopback" as const
})

const each = <A>(make: (name: Name) => A): Readonly<Record<Name, A>> => ({ alpha: make("alpha"), beta: make("beta") })

/** Two servers, and a client of each. */
const atTwoServers = Effect.fnUntraced(function* (client: (name: Name, server: Server) => Clients[Name]) {
  const servers = { alpha: yield* serve(["alpha"]), beta: yield* serve(["beta"]) }
  const scene: Scene = { servers, clients: each((name) => client(name, servers[name])) }
  return scene
})

/** One server, and two clients that differ by their certificates. */
const atOneServer = Effect.fnUntraced(function* (
  client: (
    name: Name,
    server: Server,
    tls: { readonly authority: string; readonly own: CertificateAuthority.Issued }
  ) => Clients[Name]
) {
  const authority = yield* CertificateAuthority.make
  const { certificate, privateKey } = yield* authority.issue("server")
  const issued = {
    alpha: yield* authority.issue("certificate of alpha"),
    beta: yield* authority.issue("certificate of beta")
  }
  const server = yield* serve(names, { ca: authority.certificate, cert: certificate, key: privateKey })
  const scene: Scene = {
    servers: { alpha: server, beta: server },
    certificates: each((name) => new X509Certificate(issued[name].certificate).subject),
    clients: each((name) => client(name, server, { authority: authority.certificate, own: issued[name] }))
  }
  return scene
})

const connect = (authority: string, { certificate, privateKey }: CertificateAuthority.Issued) => ({
  ca: authority,
  cert: certificate,
  key: privateKey
})

/** A fetch that takes a certificate in its options, as those of Bun and Deno do in another form. */
const undiciFetch = Undici.fetch as unknown as typeof globalThis.fetch

const transports: ReadonlyArray<readonly [over: string, scene: Effect.Effect<Scene, never, Scope.Scope>]> = [
  ["fetch", atTwoServers((name, server) => Layer.provide(Ciba.layer(options(name, server)), FetchHttpClient.layer))],
  [
    "fetch with certificates in RequestInit",
    atOneServer((name, server, { authority, own }) =>
      Ciba.layer(options(name, server)).pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, undiciFetch)),
        Layer.provide(
          Layer.effect(
            FetchHttpClient.RequestInit,
            Effect.map(
              Effect.acquireRelease(
                Effect.sync(() => new Undici.Agent({ connect: connect(authority, own) })),
                (agent) => Effect.promise(() => agent.destroy())
              ),
              (dispatcher): object => ({ dispatcher })
            )
          )
        )
      )
    )
  ],
  ["undici", atTwoServers((name, server) => NodeCiba.layer(options(name, server)))],
  [
    "undici with certificates",
    atOneServer((name, server, { authority, own }) =>
      NodeCiba.layer({
        ...options(name, server),
        tls: {
          authorities: authority,
          client: { certificate: own.certificate, privateKey: Redacted.make(own.privateKey) }
        }
      })
    )
  ]
]

/** An approval, and each use of its tokens. */
const use = Effect.gen(function* () {
  const identity = yield* Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  yield* UserInfo.claims(identity)
  assert.isTrue((yield* Introspection.introspect(identity.accessToken)).active)
  const { accessToken } = yield* FreshIdentity.refresh(identity)
  yield* Revocation.revoke(accessToken)
  return identity.issuer
})

class Alpha extends Context.Service<Alpha, Context.Context<Ciba.Services>>()("test/Alpha") {}
class Beta extends Context.Service<Beta, Context.Context<Ciba.Services>>()("test/Beta") {}

const services = Effect.context<Ciba.Services>()

const isName = (text: string | undefined): text is Name => text === "alpha" || text === "beta"

/** Programs that use both clients, and give the issuers of beta's and alpha's identity. */
const programs: ReadonlyArray<
  readonly [how: string, program: (clients: Clients) => Effect.Effect<ReadonlyArray<string>, unknown>]
> = [
  [
    "one provided inside the other",
    ({ alpha, beta }) =>
      Effect.gen(function* () {
        return yield* Effect.all([Effect.provide(use, beta), use], { concurrency: "unbounded" })
      }).pipe(Effect.provide(alpha))
  ],
  [
    "merged into one layer, under services of one's own",
    ({ alpha, beta }) =>
      Effect.gen(function* () {
        const contexts = [yield* Beta, yield* Alpha]
        return yield* Effect.forEach(contexts, (context) => Effect.provide(use, context), { concurrency: "unbounded" })
      }).pipe(
        Effect.provide(
          Layer.merge(
            Layer.provide(Layer.effect(Alpha, services), alpha),
            Layer.provide(Layer.effect(Beta, services), beta)
          )
        )
      )
  ],
  [
    "of a LayerMap, by the tenant in the path of a request",
    (clients) => {
      const app = Layer.unwrap(
        Effect.map(
          LayerMap.make((tenant: Name) => clients[tenant], { idleTimeToLive: "1 minute" }),
          (tenants) =>
            HttpRouter.add(
              "POST",
              "/:tenant/approvals",
              Effect.gen(function* () {
                const { tenant } = yield* HttpRouter.params
                if (!isName(tenant)) return HttpServerResponse.empty({ status: 404 })
                return HttpServerResponse.text(yield* Effect.provide(use, tenants.get(tenant)))
              })
            )
        )
      )
      return Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const texts = ["beta", "alpha"].map((tenant) =>
          Effect.flatMap(client.execute(HttpClientRequest.post(`/${tenant}/approvals`)), ({ text }) => text)
        )
        return yield* Effect.all(texts, { concurrency: "unbounded" })
      }).pipe(
        Effect.provide(
          Layer.provideMerge(
            HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }),
            NodeHttpServer.layerTest
          )
        )
      )
    }
  ]
]

for (const [over, make] of transports) {
  describe(`two clients over ${over}`, () => {
    for (const [how, program] of programs) {
      it.live(`reach their own servers with their own credentials, ${how} (${over})`, () =>
        Effect.gen(function* () {
          const { certificates, clients, servers } = yield* make
          assert.deepStrictEqual(yield* program(clients), [servers.beta.issuer, servers.alpha.issuer])
          for (const name of names) {
            const own = servers[name].received.filter(({ client }) => client === name)
            assert.deepStrictEqual(
              own.map(({ path }) => path),
              ["/backchannel", "/token", "/introspection", "/token", "/revocation"]
            )
            const expected = new Set([certificates?.[name]])
            assert.deepStrictEqual(new Set(own.map(({ certificate }) => certificate)), expected)
            const other = servers[name].received.filter(({ client }) => client !== name && client !== undefined)
            assert.lengthOf(other, certificates === undefined ? 0 : 5)
            const userInfo = servers[name].received.filter(({ path }) => path === "/userinfo")
            assert.sameMembers(
              userInfo.map(({ certificate }) => certificate),
              certificates === undefined ? [undefined] : [certificates.alpha, certificates.beta]
            )
          }
        }).pipe(Effect.scoped)
      )
    }
  })
}

describe("one layer of NodeCiba", () => {
  const client = Ciba.Ciba.use(Effect.succeed)

  it.live("that is provided in two places is one client", () =>
    Effect.gen(function* () {
      const { clients } = yield* atTwoServers((name, server) => NodeCiba.layer(options(name, server)))
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* Effect.provide(client, clients.alpha), yield* client)
        assert.notStrictEqual(yield* Effect.provide(client, clients.beta), yield* client)
      }).pipe(Effect.provide(clients.alpha))
    }).pipe(Effect.scoped)
  )

  for (const [how, program] of programs) {
    it.live(`that reads the environment is a client of each environment, ${how}`, () =>
      Effect.gen(function* () {
        const configured = NodeCiba.layerConfig()
        const { clients, servers } = yield* atTwoServers((name, { issuer }) =>
          Layer.provide(
            configured,
            ConfigProvider.layer(
              ConfigProvider.fromEnvRecord({
                CIBA_ISSUER: issuer,
                CIBA_CLIENT_ID: name,
                CIBA_CLIENT_SECRET: `secret-of-${name}`,
                CIBA_ALLOW_INSECURE: "loopback"
              })
            )
          )
        )
        yield* Effect.gen(function* () {
          assert.strictEqual(yield* Effect.provide(client, clients.alpha), yield* client)
        }).pipe(Effect.provide(clients.alpha))
        assert.deepStrictEqual(yield* program(clients), [servers.beta.issuer, servers.alpha.issuer])
        for (const name of names) {
          const credentials = servers[name].received.flatMap(({ client }) => (client === undefined ? [] : [client]))
          assert.deepStrictEqual(new Set(credentials), new Set([name]))
        }
      }).pipe(Effect.scoped)
    )
  }
})

it.live("two clients over Effect's undici layer, each with a Dispatcher of its own, need Layer.fresh", () =>
  Effect.gen(function* () {
    const show = (http: Layer.Layer<HttpClient.HttpClient, never, NodeHttpClient.Dispatcher>) =>
      Effect.gen(function* () {
        const { clients, certificates, servers } = yield* atOneServer((name, server, { authority, own }) =>
          Ciba.layer(options(name, server)).pipe(
            Layer.provide(http),
            Layer.provide(NodeHttpClient.layerDispatcherOptions({ connect: connect(authority, own) }))
          )
        )
        yield* Effect.provide(Effect.provide(use, clients.beta), clients.alpha)
        const ofBeta = servers.beta.received.filter(({ client }) => client === "beta")
        return [new Set(ofBeta.map(({ certificate }) => certificate)), certificates] as const
      }).pipe(Effect.scoped)
    const [shared, ofShared] = yield* show(NodeHttpClient.layerUndiciNoDispatcher)
    assert.deepStrictEqual(shared, new Set([ofShared?.alpha]))
    const [fresh, ofFresh] = yield* show(Layer.fresh(NodeHttpClient.layerUndiciNoDispatcher))
    assert.deepStrictEqual(fresh, new Set([ofFresh?.beta]))
  })
)
