/** The authorization server over TLS, with `mtls_endpoint_aliases` at a second address (RFC 8705 5). */
import { createHash, type X509Certificate } from "node:crypto"
import * as Https from "node:https"
import type { TLSSocket } from "node:tls"
import { make as makeServer, type Service } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { Effect } from "effect"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as Loopback from "./Loopback.ts"

/** A request to an endpoint alias. */
export interface AliasRequest {
  readonly path: string
  /** The thumbprint of the client's certificate. */
  readonly thumbprint: string | undefined
}

export interface MutualTlsServer {
  readonly server: Service
  readonly authority: CertificateAuthority.CertificateAuthority
  /** Every request to an endpoint alias so far. */
  readonly aliasRequests: ReadonlyArray<AliasRequest>
}

const paths = {
  backchannel_authentication_endpoint: "/backchannel",
  token_endpoint: "/token",
  userinfo_endpoint: "/me"
}

/** The `x5t#S256` of a certificate (RFC 8705 3.1). */
export const thumbprint = (certificate: X509Certificate): string =>
  createHash("sha256").update(certificate.raw).digest("base64url")

export const make = Effect.fnUntraced(function* (
  client: (
    authority: CertificateAuthority.CertificateAuthority
  ) => Effect.Effect<Partial<RegisteredClients.SecretClient>>,
  aliases: ReadonlyArray<keyof typeof paths> = [
    "backchannel_authentication_endpoint",
    "token_endpoint",
    "userinfo_endpoint"
  ]
) {
  const authority = yield* CertificateAuthority.make
  const own = yield* authority.issue("server")
  const tls = { cert: own.certificate, key: own.privateKey, ca: authority.certificate }
  const { client_secret: _, ...registered } = RegisteredClients.client("bank-app", {
    tls_client_certificate_bound_access_tokens: true,
    ...(yield* client(authority))
  })
  const aliasServer = Https.createServer({ ...tls, requestCert: true, rejectUnauthorized: false })
  const port = yield* Loopback.listen(aliasServer)
  const server = yield* makeServer({
    interval: "1 second",
    tls,
    features: {
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true
      },
      resourceIndicators: { enabled: true }
    },
    configuration: {
      clientAuthMethods: [
        "tls_client_auth",
        "self_signed_tls_client_auth",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none"
      ],
      discovery: {
        mtls_endpoint_aliases: Object.fromEntries(
          aliases.map((name) => [name, `https://127.0.0.1:${port}${paths[name]}`])
        )
      }
    },
    clients: [registered]
  })
  const aliasRequests: Array<AliasRequest> = []
  aliasServer.on("request", ({ socket, url = "" }) => {
    const certificate = (socket as TLSSocket).getPeerX509Certificate()
    aliasRequests.push({ path: url, thumbprint: certificate && thumbprint(certificate) })
  })
  aliasServer.on("request", server.provider.callback())
  const mutualTlsServer: MutualTlsServer = { server, authority, aliasRequests }
  return mutualTlsServer
})
