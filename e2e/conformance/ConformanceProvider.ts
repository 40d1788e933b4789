/** A provider over TLS on loopback, which runs modules: each has an issuer of its own. */
import { X509Certificate } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Https from "node:https"
import { text } from "node:stream/consumers"
import type { TLSSocket } from "node:tls"
import { SigningKey } from "@effect-ciba/core"
import { Effect, Redacted, Scope } from "effect"
import * as CertificateAuthority from "../CertificateAuthority.ts"
import * as Loopback from "../Loopback.ts"
import { thumbprint } from "../MutualTlsServer.ts"
import type { World } from "./Application.ts"
import * as IdTokens from "./IdTokens.ts"
import type { Module } from "./Module.ts"
import * as ModuleRun from "./ModuleRun.ts"
import type { Registration } from "./RequestCheck.ts"
import type { Variant } from "./Variant.ts"

const clientId = "bank-app"

export interface Started extends ModuleRun.ModuleRun {
  readonly world: World
}

export interface ConformanceProvider {
  /** Starts a module; its pings go to `endpoint`. The client is that of the world, unless another one is registered. */
  readonly start: (
    module: Module,
    variant: Variant,
    endpoint: string,
    registration?: Registration
  ) => Effect.Effect<Started>
  /** A certificate for a server of the test, and the authority that it is of. */
  readonly server: CertificateAuthority.Issued
  readonly authorities: string
}

export const make = Effect.gen(function* () {
  const scope = yield* Scope.Scope
  const authority = yield* CertificateAuthority.make
  const server = yield* authority.issue("provider")
  const certificate = yield* authority.issue(clientId)
  const key = yield* SigningKey.generate("PS256")
  const keys = yield* Effect.promise(IdTokens.makeKeys)
  const ownRegistration = {
    clientId,
    key: { ...key.publicJwk },
    thumbprint: thumbprint(new X509Certificate(certificate.certificate))
  }
  const runs = new Map<string, ModuleRun.ModuleRun>()

  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void Effect.runPromise(Scope.provide(serve(runs, request, response), scope))
  const tls = { cert: server.certificate, key: server.privateKey }
  const port = yield* Loopback.listen(Https.createServer(tls, listener))
  const aliasPort = yield* Loopback.listen(
    Https.createServer({ ...tls, ca: authority.certificate, requestCert: true, rejectUnauthorized: false }, listener)
  )

  const provider: ConformanceProvider = {
    server,
    authorities: authority.certificate,
    start: Effect.fnUntraced(function* (module, variant, endpoint, registration = ownRegistration) {
      const id = crypto.randomUUID()
      const issuer = `https://127.0.0.1:${port}/${id}`
      const aliases = `https://127.0.0.1:${aliasPort}/${id}`
      const run = yield* ModuleRun.make({ module, variant, issuer, aliases, registration, keys, ping: ping(endpoint) })
      runs.set(id, run)
      return {
        ...run,
        world: {
          issuer,
          clientId,
          key,
          tls: {
            client: { certificate: certificate.certificate, privateKey: Redacted.make(certificate.privateKey) },
            authorities: authority.certificate
          },
          accounts: `${aliases}/accounts`,
          consents: `${aliases}/consents`,
          resources: `${aliases}/resources`
        }
      }
    })
  }
  return provider
})

/** Like the conformance suite, it accepts any certificate of the endpoint. */
const ping =
  (endpoint: string): ModuleRun.Options["ping"] =>
  (bearer, authReqId) =>
    Effect.callback<number>((resume) => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}` }
      Https.request(endpoint, { method: "POST", headers, rejectUnauthorized: false }, (response) => {
        response.resume()
        resume(Effect.succeed(response.statusCode ?? 0))
      })
        .on("error", () => resume(Effect.succeed(0)))
        .end(JSON.stringify({ auth_req_id: authReqId }))
    })

const serve = Effect.fnUntraced(function* (
  runs: ReadonlyMap<string, ModuleRun.ModuleRun>,
  request: IncomingMessage,
  response: ServerResponse
) {
  const [, id = "", ...path] = (request.url ?? "").split("/")
  const body = yield* Effect.promise(() => text(request))
  const certificate = (request.socket as TLSSocket).getPeerX509Certificate()
  const reply = yield* runs.get(id)?.handle({
    endpoint: path[0] === ".well-known" ? "discovery" : path.join("/"),
    form: Object.fromEntries(new URLSearchParams(body)),
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    thumbprint: certificate && thumbprint(certificate)
  }) ?? Effect.succeed<ModuleRun.Reply>({ status: 404, body: {} })
  response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers })
  response.end(JSON.stringify(reply.body))
})
