import { expect, it } from "@effect/vitest"
import { AuthorizationServer, make } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { ClientAuthentication, SignedRequest, SigningKey } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { authenticate } from "./Approval.ts"

const secret = Redacted.make(RegisteredClients.secret)

it.live(
  "a signed request in PS256, ES256 and EdDSA is accepted, and carries all parameters inside (D1–D7, D11–D14)",
  () =>
    Effect.gen(function* () {
      const algorithms = ["PS256", "ES256", "EdDSA"] as const
      const keys = yield* Effect.forEach(algorithms, (algorithm) => SigningKey.generate(algorithm))
      const clients = keys.map(({ algorithm, publicJwk }) =>
        RegisteredClients.client(`signed-${algorithm}`, {
          backchannel_authentication_request_signing_alg:
            algorithm === "PS256" || algorithm === "ES256" ? algorithm : "EdDSA",
          jwks: { keys: [publicJwk] }
        })
      )
      const server = yield* make({ interval: "1 second", signedRequests: true, clients })
      for (const key of keys) {
        const { identity, request } = yield* authenticate({ requestedExpiry: "2 minutes" }).pipe(
          Effect.provide(
            NodeCiba.layer({
              issuer: server.issuer,
              clientId: `signed-${key.algorithm}`,
              authentication: ClientAuthentication.clientSecretPost(secret),
              allowInsecureRequests: "loopback"
            }).pipe(Layer.provide(SignedRequest.layer({ key })))
          ),
          Effect.provideService(AuthorizationServer, server)
        )
        expect(identity.subject).toBe("jo")
        const sent = (yield* server.log).filter(({ path }) => path === "/backchannel").at(-1)
        expect(Object.keys(sent?.form ?? {}).sort()).toEqual(["client_id", "client_secret", "request"])
        expect(decodeProtectedHeader(sent?.form.request ?? "")).toEqual({
          alg: key.algorithm,
          kid: key.keyId,
          typ: "oauth-authz-req+jwt"
        })
        const claims = decodeJwt(sent?.form.request ?? "")
        expect(claims).toMatchObject({
          iss: `signed-${key.algorithm}`,
          aud: server.issuer,
          scope: "openid",
          login_hint: "jo@example.com",
          requested_expiry: "120",
          binding_message: request?.bindingMessage
        })
        expect(Number(claims.exp) - Number(claims.nbf)).toBe(300)
        expect(claims).not.toHaveProperty("sub")
      }
    }).pipe(Effect.scoped)
)

it.live(
  "a signed request with a client_id claim, without typ and with an earlier nbf is accepted (D12, D15, D18, T-13)",
  () =>
    Effect.gen(function* () {
      const key = yield* SigningKey.generate("ES256")
      const client = RegisteredClients.client("twice", {
        backchannel_authentication_request_signing_alg: "ES256",
        jwks: { keys: [key.publicJwk] }
      })
      const server = yield* make({ interval: "1 second", signedRequests: true, clients: [client] })
      const signing = SignedRequest.layer({
        key,
        backdated: "10 minutes",
        compatibility: { clientIdClaim: true, type: null }
      })
      const { identity } = yield* authenticate().pipe(
        Effect.provide(
          NodeCiba.layer({
            issuer: server.issuer,
            clientId: "twice",
            authentication: ClientAuthentication.clientSecretBasic(secret),
            allowInsecureRequests: "loopback"
          }).pipe(Layer.provide(signing))
        ),
        Effect.provideService(AuthorizationServer, server)
      )
      expect(identity.subject).toBe("jo")
      const { form } = (yield* server.log).find(({ path }) => path === "/backchannel") ?? {}
      expect(Object.keys(form ?? {})).toEqual(["request", "client_id"])
      expect(form?.client_id).toBe("twice")
      expect(decodeProtectedHeader(form?.request ?? "")).toEqual({ alg: "ES256", kid: key.keyId })
      const claims = decodeJwt(form?.request ?? "")
      expect(claims).toMatchObject({ client_id: "twice", nbf: Number(claims.iat) - 600 })
    }).pipe(Effect.scoped)
)
