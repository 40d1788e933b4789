/** Keycloak in development mode, over TLS through a recording proxy; the test is its authentication device. */
import { spawn } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Https from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { Effect, Layer, Redacted } from "effect"
import { decodeJwt } from "jose"
import * as CertificateAuthority from "../CertificateAuthority.ts"
import * as Loopback from "../Loopback.ts"
import { thumbprint } from "../MutualTlsServer.ts"
import * as ChildProcess from "./ChildProcess.ts"
import * as DeviceChannel from "./DeviceChannel.ts"
import * as KeycloakClient from "./KeycloakClient.ts"
import { RealServer, type Service } from "./RealServer.ts"
import * as RecordingProxy from "./RecordingProxy.ts"
import type * as Trial from "./Trial.ts"

export const version = "26.7.3"

export const name = `Keycloak ${version}`

/** Where `npm run servers` unpacks it. */
export const home = join(import.meta.dirname, `../../.cache/servers/keycloak-${version}`)

const administrator = { username: "admin", password: "admin" }

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "keycloak-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Starts Keycloak without what an earlier run has stored, and returns its port for TLS once it listens. */
const start = Effect.fnUntraced(function* (authority: CertificateAuthority.CertificateAuthority, channel: string) {
  const files = yield* directory
  const own = yield* authority.issue("keycloak")
  const write = (file: string, content: string) => {
    writeFileSync(join(files, file), content)
    return join(files, file)
  }
  const [port, httpsPort] = [yield* Loopback.freePort, yield* Loopback.freePort]
  rmSync(join(home, "data"), { recursive: true, force: true })
  cpSync(join(import.meta.dirname, "../keycloak"), join(home, "data/import"), { recursive: true })
  const options = {
    "http-host": "127.0.0.1",
    "http-port": port,
    "https-port": httpsPort,
    "https-certificate-file": write("tls.crt", own.certificate),
    "https-certificate-key-file": write("tls.key", own.privateKey),
    "https-client-auth": "request",
    "truststore-paths": write("authority.pem", authority.certificate),
    cache: "local",
    "spi-ciba-auth-channel--ciba-http-auth-channel--http-authentication-channel-uri": channel
  }
  const child = yield* ChildProcess.make(() =>
    spawn(
      join(home, "bin/kc.sh"),
      ["start-dev", "--import-realm", ...Object.entries(options).map(([option, value]) => `--${option}=${value}`)],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: {
          ...process.env,
          JAVA_OPTS_KC_HEAP: "-Xms64m -Xmx512m",
          KC_BOOTSTRAP_ADMIN_USERNAME: administrator.username,
          KC_BOOTSTRAP_ADMIN_PASSWORD: administrator.password
        }
      }
    )
  )
  yield* ChildProcess.firstLine(child, "Listening on")
  return httpsPort
})

type Send = (method: string, path: string, headers: Record<string, string>, body?: string) => Promise<string>

/** Requests to the issuer's origin: Keycloak accepts what it has issued under the URL of the issuer only. */
const sendTo =
  (origin: string, ca: string): Send =>
  (method, path, headers, body) =>
    new Promise((resolve, reject) => {
      const request = Https.request(origin + path, { method, headers, ca, agent: false }, async (response) => {
        const content = await text(response)
        if ((response.statusCode ?? 500) < 300) resolve(content)
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${content}`))
      })
      request.on("error", reject)
      request.end(body)
    })

const json = { "content-type": "application/json" }

/** A request to the Admin REST API. */
const administrate = async (send: Send, method: string, path: string, body?: object) => {
  const form = new URLSearchParams({ grant_type: "password", client_id: "admin-cli", ...administrator })
  const token = await send(
    "POST",
    "/realms/master/protocol/openid-connect/token",
    { "content-type": "application/x-www-form-urlencoded" },
    `${form}`
  )
  const { access_token } = JSON.parse(token)
  const headers = { ...json, authorization: `Bearer ${access_token}` }
  const content = await send(method, `/admin/realms/${path}`, headers, body && JSON.stringify(body))
  return content === "" ? undefined : JSON.parse(content)
}

/** Registers the client in the place of one with its id. */
const register = async (send: Send, realm: string, client: ReturnType<typeof KeycloakClient.fromRegistration>) => {
  const found = await administrate(send, "GET", `${realm}/clients?clientId=${encodeURIComponent(client.clientId)}`)
  for (const { id } of found) await administrate(send, "DELETE", `${realm}/clients/${id}`)
  await administrate(send, "POST", `${realm}/clients`, client)
}

export const make = Effect.gen(function* () {
  const authority = yield* CertificateAuthority.make
  const channel = yield* DeviceChannel.make
  const port = yield* start(authority, channel.url)
  const issued = new Map<string, CertificateAuthority.Issued>()
  const proxy = yield* RecordingProxy.make({
    own: yield* authority.issue("proxy"),
    authority: authority.certificate,
    port,
    findCertificate: (id) => issued.get(id)
  })

  /** The device's bearer for an authentication, which the binding message of its request leads to. */
  const bearerOf = (authReqId: string) => {
    const request = proxy.exchanges.find(({ body }) => body.includes(authReqId))?.form
    const message =
      request?.request === undefined ? request?.binding_message : decodeJwt(request.request).binding_message
    return channel.bearers.get(String(message)) ?? "none"
  }
  const send = sendTo(proxy.origin, authority.certificate)
  const decide = (realm: string, status: string) => (authReqId: Redacted.Redacted<string>) =>
    Effect.promise(async () => {
      const headers = { ...json, authorization: bearerOf(Redacted.value(authReqId)) }
      const path = `/realms/${realm}/protocol/openid-connect/ext/ciba/auth/callback`
      await send("POST", path, headers, JSON.stringify({ status }))
    })
  const serviceOf = (realm: string): Service => ({
    name,
    connection: { issuer: `${proxy.origin}/realms/${realm}`, tls: { authorities: authority.certificate } },
    register: (registration) =>
      Effect.promise(() => register(send, realm, KeycloakClient.fromRegistration(registration))),
    initialAccessToken: Effect.promise(async () => {
      const created = await administrate(send, "POST", `${realm}/clients-initial-access`, { count: 1, expiration: 600 })
      return created.token
    }),
    approve: decide(realm, "SUCCEED"),
    deny: decide(realm, "UNAUTHORIZED"),
    log: Effect.sync(() => [...proxy.exchanges]),
    issueCertificate: (subject) =>
      Effect.tap(authority.issue(subject), (certificate) =>
        Effect.sync(() => issued.set(thumbprint(new X509Certificate(certificate.certificate)), certificate))
      ),
    closeConnections: () => Effect.die(new Error("Keycloak ends no connection"))
  })
  return { ...serviceOf("ciba"), shortLived: serviceOf("short") }
})

export const layer = (): Layer.Layer<RealServer> => Layer.effect(RealServer, make)

/** What Keycloak has not. */
export const missing: Trial.Missing = {
  "self_signed_tls_client_auth, poll": "it has `tls_client_auth` only",
  "authorization_details: form, signed, narrowed": "ignored",
  "resource indicators: form, signed, narrowed": "ignored",
  "push: approval, denial": "poll and ping only",
  "HTTP over TLS: versions, kept and ended connections": "its TLS ends at the recording proxy of the test",
  "FAPI-CIBA profile": "its client policies are not tried"
}
