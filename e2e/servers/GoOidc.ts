/** github.com/luikyv/go-oidc, as a process of `e2e/go-oidc`, over TLS. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import * as CertificateAuthority from "../CertificateAuthority.ts"
import * as ChildProcess from "./ChildProcess.ts"
import { type Exchange, RealServer, type Registration, type Service } from "./RealServer.ts"
import type * as Trial from "./Trial.ts"

export const name = "go-oidc 0.23.0"

/** What `npm run servers` builds from `e2e/go-oidc`. */
export const binary = join(import.meta.dirname, "../../.cache/servers/go-oidc")

export interface Options {
  /** Whether the provider is configured for FAPI-CIBA. */
  readonly fapi?: boolean
}

const scope = "openid offline_access profile email"

export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const authority = yield* CertificateAuthority.make
  const { certificate, privateKey } = yield* authority.issue("go-oidc")
  const settings = { certificate, privateKey, authority: authority.certificate, interval: 1, lifetime: 600, ...options }
  const child = yield* ChildProcess.make(() => spawn(binary, { stdio: ["pipe", "pipe", "inherit"] }))
  child.stdin?.end(JSON.stringify(settings))
  const { control, issuer } = JSON.parse(yield* ChildProcess.firstLine(child))

  const post = (path: string, body: string) =>
    Effect.promise(async () => {
      const response = await fetch(control + path, { method: "POST", body })
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
    })
  const register = ({ client_id: id, client_secret: secret, ...metadata }: Registration) =>
    post(
      "/clients",
      JSON.stringify({
        id,
        secret,
        scope,
        backchannel_token_delivery_mode: "poll",
        grant_types: ["urn:openid:params:grant-type:ciba", "refresh_token"],
        ...metadata
      })
    )
  const service: Service = {
    name,
    connection: { issuer, tls: { authorities: authority.certificate } },
    register,
    initialAccessToken: Effect.succeed("let-me-in"),
    approve: (authReqId) => post("/approve", Redacted.value(authReqId)),
    deny: (authReqId) => post("/deny", Redacted.value(authReqId)),
    log: Effect.promise(async (): Promise<ReadonlyArray<Exchange>> => (await fetch(`${control}/log`)).json()),
    issueCertificate: authority.issue,
    closeConnections: (clientId) => post("/close", clientId)
  }
  return service
})

export const layer = (options?: Options): Layer.Layer<RealServer> => Layer.effect(RealServer, make(options))

/** What go-oidc has not. */
export const missing: Trial.Missing = {
  "private_key_jwt EdDSA, poll: approval, denial, expiry": "it knows RS, PS and ES only",
  "signed requests: PS256, ES256, EdDSA: EdDSA": "it knows RS, PS and ES only",
  "encrypted ID Tokens: private keys, client secret: ECDH-ES, client secret": "it encrypts for RSA keys only",
  "introspection: plain, signed: signed": "its responses are not signed",
  "slow_down of two processes that poll for one request": "it does not look at the interval"
}
