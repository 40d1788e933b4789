// The provider of @effect-ciba/testing over real sockets: every delivery mode, TLS and client certificates, and its faults.
import { X509Certificate } from "node:crypto"
import { createServer } from "node:http"
import { createServer as createSecureServer } from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, MutualTls, NotificationInbox, UserHint, UserInfo } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer, type NodeTls } from "@effect-ciba/platform-node"
import { ProviderScript, ProviderServer, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { HttpServer } from "effect/http"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import { thumbprint } from "./MutualTlsServer.ts"

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const loopback = { host: "127.0.0.1", port: 0 }

const { clientId, secret } = TestClient

const Server = (options: ProviderServer.Options) =>
  ProviderServer.layer({ interval: "1 second", user: TestUser.approve(), ...options }).pipe(
    Layer.provide(NodeHttpServer.layer(createServer, loopback))
  )

/** The options of a client of the provider in the context. */
const registration = Effect.map(TestProvider.TestProvider, ({ issuer }) => ({
  issuer,
  clientId,
  authentication: ClientAuthentication.clientSecretBasic(secret),
  allowInsecureRequests: "loopback" as const
}))

describe("ProviderServer", () => {
  for (const deliveryMode of ["ping", "push"] as const) {
    it.live(`sends a ${deliveryMode} to the client's own server, and Node's client completes the wait`, () =>
      Effect.gen(function* () {
        const url = yield* HttpServer.addressFormattedWith((address) => Effect.succeed(`${address}/ciba`))
        const client = TestClient.clientSecretBasic({ notification: { deliveryMode, url } })
        yield* Effect.gen(function* () {
          const options = yield* registration
          const Client =
            deliveryMode === "push"
              ? NodeCiba.layer({ ...options, deliveryMode })
              : NodeCiba.layer({ ...options, deliveryMode })
          const { subject } = yield* Effect.provide(Ciba.authenticate(request), Client)
          assert.strictEqual(subject, "jo")
          const provider = yield* TestProvider.TestProvider
          assert.deepStrictEqual(
            (yield* provider.deliveries).map(({ status }) => status),
            [204]
          )
          assert.strictEqual((yield* provider.polls).length, deliveryMode === "ping" ? 1 : 0)
        }).pipe(
          Effect.provide(Server({ client, user: TestUser.approve({ after: "300 millis" }), interval: "1 minute" }))
        )
      }).pipe(
        Effect.provide(
          NodeNotificationServer.layer({ path: "/ciba", ...loopback }).pipe(Layer.provideMerge(NotificationInbox.layer))
        )
      )
    )
  }

  for (const [name, step, tag] of [
    ["proceed", ProviderScript.proceed, "Success"],
    ["reset", ProviderScript.reset, "Success"],
    ["status", ProviderScript.status(503), "Success"],
    ["lost", ProviderScript.lost, "OutcomeUnknown"],
    ["truncated", ProviderScript.truncated, "OutcomeUnknown"],
    ["duplicate", ProviderScript.duplicate, "InvalidGrant"]
  ] as const) {
    it.live(`plays ${name} on the connection of a poll, and the client comes to ${tag}`, () =>
      Effect.gen(function* () {
        const Client = NodeCiba.layer(yield* registration)
        const outcome = yield* Ciba.authenticate(request).pipe(
          Effect.match({ onSuccess: () => "Success", onFailure: ({ reason }) => reason._tag }),
          Effect.provide(Client)
        )
        assert.strictEqual(outcome, tag)
      }).pipe(Effect.provide(Server({ tokenScript: ProviderScript.make([step]) })))
    )
  }

  it.live("breaks the connection itself: fetch gets no response with lost, and half a body with truncated", () =>
    Effect.gen(function* () {
      const { issuer } = yield* TestProvider.TestProvider
      const get = Effect.tryPromise(() => fetch(`${issuer}/jwks`))
      assert.strictEqual((yield* Effect.result(get))._tag, "Failure")
      const response = yield* get
      const read: Array<number> = []
      const reading = Effect.tryPromise(async () => {
        for await (const chunk of response.body ?? []) read.push(chunk.length)
      })
      assert.strictEqual(response.status, 200)
      assert.strictEqual((yield* Effect.result(reading))._tag, "Failure")
      assert.isAbove(read[0] ?? 0, 100)
      assert.strictEqual((yield* get).status, 200)
    }).pipe(
      Effect.provide(Server({ keysScript: ProviderScript.make([ProviderScript.lost, ProviderScript.truncated]) }))
    )
  )

  it.live("handles a request to its end when the client closes the connection meanwhile", () =>
    Effect.gen(function* () {
      const { issuer, ...provider } = yield* TestProvider.TestProvider
      const get = Effect.tryPromise((signal) => fetch(`${issuer}/jwks`, { signal }))
      assert.strictEqual((yield* Effect.timeoutOption(get, "50 millis"))._tag, "None")
      yield* Effect.sleep("400 millis")
      assert.deepStrictEqual(
        (yield* provider.requests).map(({ status }) => status),
        [200]
      )
    }).pipe(
      Effect.provide(
        Server({ keysScript: ProviderScript.make([ProviderScript.delay("200 millis", ProviderScript.proceed)]) })
      )
    )
  )
})

/** A provider over TLS that asks clients for certificates, and what a client with this certificate comes to. */
const overTls = Effect.fnUntraced(function* (
  authority: CertificateAuthority.CertificateAuthority,
  client: TestClient.TestClient,
  options: Omit<NodeCiba.Options, "issuer" | "clientId">
) {
  const own = yield* authority.issue("server")
  const https = () =>
    createSecureServer({
      cert: own.certificate,
      key: own.privateKey,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: false
    })
  const server = ProviderServer.layer({ client, protocol: "https", interval: "1 second", user: TestUser.approve() })
  return yield* Effect.gen(function* () {
    const { issuer } = yield* TestProvider.TestProvider
    assert.match(issuer, /^https:/)
    const identity = yield* Ciba.authenticate(request)
    return (yield* UserInfo.claims(identity)).sub
  }).pipe(
    Effect.match({
      onSuccess: (sub) => sub,
      onFailure: ({ reason }) => reason._tag
    }),
    Effect.provide(
      Layer.unwrap(
        Effect.map(TestProvider.TestProvider, ({ issuer }) =>
          NodeCiba.layer({ ...options, issuer, clientId, tls: { authorities: authority.certificate, ...options.tls } })
        )
      )
    ),
    Effect.provide(Layer.provide(server, NodeHttpServer.layer(https, loopback)))
  )
})

const toTls = ({ certificate, privateKey }: CertificateAuthority.Issued): NodeTls.Options => ({
  client: { certificate, privateKey: Redacted.make(privateKey) }
})

describe("ProviderServer over TLS", () => {
  it.live(
    "authenticates a client by the subject of a certificate that the server has verified, and no other (G12)",
    () =>
      Effect.gen(function* () {
        const authority = yield* CertificateAuthority.make
        const stranger = yield* CertificateAuthority.make
        const client = TestClient.tlsClientAuth("CN=bank-app", { certificateBoundAccessTokens: true })
        const outcome = (issued: CertificateAuthority.Issued) =>
          overTls(authority, client, { authentication: ClientAuthentication.tlsClientAuth, tls: toTls(issued) })
        assert.strictEqual(yield* outcome(yield* authority.issue("bank-app")), "jo")
        assert.strictEqual(yield* outcome(yield* authority.issue("another-app")), "InvalidClient")
        assert.strictEqual(yield* outcome(yield* stranger.issue("bank-app")), "InvalidClient")
      })
  )

  it.live("authenticates a client by exactly the certificate that is registered", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const registered = yield* CertificateAuthority.selfSigned("bank-app")
      const certificate = { subject: "", thumbprint: thumbprint(new X509Certificate(registered.certificate)) }
      const outcome = (issued: CertificateAuthority.Issued) =>
        overTls(authority, TestClient.selfSignedTlsClientAuth(certificate), {
          authentication: ClientAuthentication.selfSignedTlsClientAuth,
          tls: toTls(issued)
        })
      assert.strictEqual(yield* outcome(registered), "jo")
      assert.strictEqual(yield* outcome(yield* CertificateAuthority.selfSigned("bank-app")), "InvalidClient")
    })
  )

  it.live("binds the tokens of a client with a secret to its certificate, and refuses a request without one", () =>
    Effect.gen(function* () {
      const authority = yield* CertificateAuthority.make
      const issued = yield* authority.issue("bank-app")
      const client = TestClient.clientSecretBasic({ certificateBoundAccessTokens: true })
      const options = {
        authentication: ClientAuthentication.clientSecretBasic(secret),
        mutualTls: MutualTls.make()
      }
      assert.strictEqual(yield* overTls(authority, client, { ...options, tls: toTls(issued) }), "jo")
      assert.strictEqual(yield* overTls(authority, client, options), "InvalidRequest")
    })
  )
})
