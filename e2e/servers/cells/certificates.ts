import { X509Certificate } from "node:crypto"
import { assert } from "@effect/vitest"
import { Ciba, ClientAuthentication, MutualTls, SecurityProfile, SignedRequest, UserInfo } from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { decodeJwt, exportJWK } from "jose"
import * as CertificateAuthority from "../../CertificateAuthority.ts"
import { thumbprint } from "../../MutualTlsServer.ts"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

const toClientCertificate = ({ certificate, privateKey }: CertificateAuthority.Issued) => ({
  certificate,
  privateKey: Redacted.make(privateKey)
})

const thumbprintOf = ({ certificate }: CertificateAuthority.Issued) => thumbprint(new X509Certificate(certificate))

const readThumbprint = (identity: { readonly accessToken: Redacted.Redacted<string> }) => {
  const { cnf } = decodeJwt<{ cnf?: { "x5t#S256"?: string } }>(Redacted.value(identity.accessToken))
  return cnf?.["x5t#S256"]
}

const byAuthority = Effect.gen(function* () {
  const server = yield* RealServer
  const client_id = "tls_client_auth"
  const issued = yield* server.issueCertificate(client_id)
  const client: Cell.Client = {
    registration: {
      client_id,
      token_endpoint_auth_method: "tls_client_auth",
      tls_client_auth_subject_dn: `CN=${client_id}`,
      tls_client_certificate_bound_access_tokens: true
    },
    options: { authentication: ClientAuthentication.tlsClientAuth, tls: { client: toClientCertificate(issued) } }
  }
  yield* server.register(client.registration)
  const { exchanges, identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve), Cell.connect(server, client))
  for (const { certificate } of exchanges) assert.strictEqual(certificate, thumbprintOf(issued))
  assert.strictEqual(readThumbprint(identity), thumbprintOf(issued))
  const other = yield* server.issueCertificate("other")
  const wrong = { ...client, options: { ...client.options, tls: { client: toClientCertificate(other) } } }
  const error = yield* Effect.flip(Effect.provide(Cell.initiate(), Cell.connect(server, wrong)))
  assert.propertyVal("reason" in error && error.reason, "_tag", "InvalidClient")
  return `${sent}; with another certificate \`invalid_client\``
})

const selfSigned = Effect.gen(function* () {
  const server = yield* RealServer
  const client_id = "self_signed_tls_client_auth"
  const issued = yield* CertificateAuthority.selfSigned(client_id)
  const certificate = new X509Certificate(issued.certificate)
  const jwk = yield* Effect.promise(() => exportJWK(certificate.publicKey))
  const jwks = {
    keys: [
      { ...jwk, kid: "tls", x5c: [certificate.raw.toString("base64")], "x5t#S256": thumbprintOf(issued), use: "sig" }
    ]
  }
  const client: Cell.Client = {
    registration: {
      client_id,
      token_endpoint_auth_method: "self_signed_tls_client_auth",
      tls_client_certificate_bound_access_tokens: true,
      jwks
    },
    options: {
      authentication: ClientAuthentication.selfSignedTlsClientAuth,
      tls: { client: toClientCertificate(issued) }
    }
  }
  yield* server.register(client.registration)
  const { exchanges, sent } = yield* Effect.provide(Cell.decide(Cell.approve), Cell.connect(server, client))
  for (const exchange of exchanges) assert.strictEqual(exchange.certificate, thumbprintOf(issued))
  return sent
})

const bound = Effect.gen(function* () {
  const server = yield* RealServer
  const client_id = "bound-private_key_jwt"
  const issued = yield* server.issueCertificate(client_id)
  const { jwks, key } = yield* Cell.generateKey("PS256")
  const client: Cell.Client = {
    registration: {
      client_id,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "PS256",
      tls_client_certificate_bound_access_tokens: true,
      jwks
    },
    options: {
      authentication: ClientAuthentication.privateKeyJwt(key),
      mutualTls: MutualTls.make(),
      tls: { client: toClientCertificate(issued) }
    }
  }
  yield* server.register(client.registration)
  const layer = Cell.connect(server, client)
  return yield* Effect.gen(function* () {
    const { identity, sent } = yield* Cell.decide(Cell.approve)
    assert.strictEqual(readThumbprint(identity), thumbprintOf(issued))
    assert.deepInclude(yield* UserInfo.claims(identity), { sub: "jo" })
    return `${sent}; \`x5t#S256\` in the access token, which UserInfo accepts with the certificate`
  }).pipe(Effect.provide(layer))
})

const replaced = Effect.gen(function* () {
  const server = yield* RealServer
  const client_id = "replaced-certificate"
  const [first, second] = yield* Effect.all([server.issueCertificate(client_id), server.issueCertificate(client_id)])
  let current = first
  const registration = {
    client_id,
    token_endpoint_auth_method: "tls_client_auth",
    tls_client_auth_subject_dn: `CN=${client_id}`
  }
  yield* server.register(registration)
  const client: Cell.Client = {
    registration,
    options: {
      authentication: ClientAuthentication.tlsClientAuth,
      tls: { client: Effect.sync(() => toClientCertificate(current)), reloadEvery: "1 second" }
    }
  }
  return yield* Effect.gen(function* () {
    const pending = yield* Cell.initiate()
    current = second
    yield* Effect.sleep("1500 millis")
    yield* server.approve(pending.authReqId)
    yield* Ciba.complete(pending)
    const exchanges = yield* Cell.exchangesOf(pending)
    assert.strictEqual(exchanges[0]?.certificate, thumbprintOf(first))
    assert.strictEqual(exchanges.at(-1)?.certificate, thumbprintOf(second))
    return Cell.describe(exchanges)
  }).pipe(Effect.provide(Cell.connect(server, client)))
})

/** A client of the FAPI-CIBA profile: signed requests, private_key_jwt in PS256, certificate-bound tokens. */
const fapi = (algorithm: "PS256" | "ES256", profile: SecurityProfile.SecurityProfile) =>
  Effect.gen(function* () {
    const server = yield* RealServer
    const client_id = `fapi-${algorithm}-${profile.name.replaceAll(/\W+/g, "-")}`
    const issued = yield* server.issueCertificate(client_id)
    const { jwks, key } = yield* Cell.generateKey(algorithm)
    const client: Cell.Client = {
      registration: {
        client_id,
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: algorithm,
        id_token_signed_response_alg: algorithm,
        backchannel_authentication_request_signing_alg: algorithm,
        tls_client_certificate_bound_access_tokens: true,
        jwks
      },
      options: {
        authentication: ClientAuthentication.privateKeyJwt(key),
        idTokenSignedResponseAlg: algorithm,
        mutualTls: MutualTls.make(),
        profile,
        tls: { client: toClientCertificate(issued) }
      }
    }
    yield* server.register(client.registration)
    const layer = Cell.connect(server, client).pipe(Layer.provide(SignedRequest.layer({ key })))
    const { identity, sent } = yield* Effect.provide(Cell.decide(Cell.approve), layer)
    assert.strictEqual(readThumbprint(identity), thumbprintOf(issued))
    return `${sent}; \`x5t#S256\` in the access token`
  })

export const cells: ReadonlyArray<Cell.Cell> = [
  { row: "tls_client_auth, poll", name: "approval; another certificate", run: byAuthority },
  { row: "self_signed_tls_client_auth, poll", name: "approval", run: selfSigned },
  { row: "certificate-bound tokens with private_key_jwt", name: "approval", run: bound },
  { row: "certificates replaced during a wait", name: "the next poll has the new one", run: replaced }
]

const row = "FAPI-CIBA profile"

/** The cells of a provider that is configured for FAPI. */
export const fapiCells: ReadonlyArray<Cell.Cell> = [
  { row, name: "implementer's draft 1, PS256", run: fapi("PS256", SecurityProfile.fapi1Ciba) },
  { row, name: "implementer's draft 1, ES256", run: fapi("ES256", SecurityProfile.fapi1Ciba) },
  { row, name: "working draft 03 with FAPI 2.0, PS256", run: fapi("PS256", SecurityProfile.fapi2Ciba) }
]
