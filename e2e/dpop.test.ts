import { expect, layer } from "@effect/vitest"
import { AuthorizationServer, layer as serverLayer } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as Fault from "@effect-ciba/authorization-server/Fault"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { Ciba, ClientAuthentication, Dpop, SigningKey, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { authenticate } from "./Approval.ts"

const secret = Redacted.make(RegisteredClients.secret)

const decodePart = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
const part = (jwt: string | undefined, index: number) =>
  Effect.flatMap(Effect.fromResult(Base64Url.decodeString(jwt?.split(".")[index] ?? "")), decodePart)

layer(
  serverLayer({
    interval: "1 second",
    features: { dPoP: { enabled: true, nonceSecret: Buffer.alloc(32), requireNonce: () => true } },
    clients: [RegisteredClients.client("dpop", { dpop_bound_access_tokens: true })]
  }),
  { excludeTestServices: true }
)("DPoP against oidc-provider with required nonces", (it) => {
  it.effect("each poll has a new DPoP proof, and use_dpop_nonce costs one more request (M1–M3, M5, M6, M16, H27)", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const { identity } = yield* authenticate().pipe(
        Effect.provide(
          NodeCiba.layer({
            issuer: server.issuer,
            clientId: "dpop",
            authentication: ClientAuthentication.clientSecretBasic(secret),
            allowInsecureRequests: "loopback"
          }).pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })))
        )
      )
      expect(identity.tokenType).toBe("DPoP")
      const log = yield* server.log
      const polls = log.filter(({ path }) => path === "/token")
      expect(polls.map(({ error, status }) => [status, error])).toEqual([
        [400, "use_dpop_nonce"],
        [200, undefined]
      ])
      expect(log.find(({ path }) => path === "/backchannel")?.headers).not.toHaveProperty("dpop")
      const [first, second] = yield* Effect.forEach(polls, ({ headers }) => part(headers.dpop, 1))
      expect(first).toMatchObject({ htm: "POST", htu: `${server.issuer}/token` })
      expect(first).not.toHaveProperty("nonce")
      expect(second?.nonce).toEqual(expect.any(String))
      expect(second?.jti).not.toBe(first?.jti)
      const header = yield* part(polls[0]?.headers.dpop, 0)
      expect(header).toEqual({
        alg: "ES256",
        typ: "dpop+jwt",
        jwk: expect.not.objectContaining({ d: expect.anything() })
      })
    })
  )

  it.effect(
    "another process resumes with the persisted DPoP key, and each request has new JWTs (H26, M1, M6, M14, T-9)",
    () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        const clientId = "private_key_jwt-ES256"
        const process = (key: SigningKey.KeyPair) =>
          NodeCiba.layer({
            issuer: server.issuer,
            clientId,
            authentication: ClientAuthentication.privateKeyJwt(
              SigningKey.fromJwk(Redacted.make(server.clientKeys.ES256), { algorithm: "ES256" })
            ),
            allowInsecureRequests: "loopback"
          }).pipe(Layer.provide(Dpop.layer({ key })))
        const [first, second] = yield* Effect.all([SigningKey.generate("ES256"), SigningKey.generate("ES256")])
        const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
          Effect.provide(process(first))
        )
        const [request] = yield* server.pending
        yield* server.approve(request?.ref ?? "no pending request")
        const identity = yield* Effect.provide(Ciba.complete(pending), process(second))
        expect(identity).toMatchObject({ subject: "jo", tokenType: "DPoP" })
        expect(identity.dpopKey && Redacted.value(identity.dpopKey)).toMatchObject({ x: first.publicJwk.x })
        const sent = (yield* server.log).filter(({ form }) => form.client_id === clientId)
        expect(sent.map(({ error, path, status }) => [path, error ?? status])).toEqual([
          ["/backchannel", 200],
          ["/token", "use_dpop_nonce"],
          ["/token", 200]
        ])
        const proofs = sent.slice(1).map(({ headers }) => headers.dpop)
        for (const { jwk } of yield* Effect.forEach(proofs, (proof) => part(proof, 0))) {
          expect(jwk).toMatchObject({ x: first.publicJwk.x, y: first.publicJwk.y })
        }
        const assertions = sent.map(({ form }) => form.client_assertion)
        const ids = yield* Effect.forEach([...assertions, ...proofs], (jwt) =>
          Effect.map(part(jwt, 1), ({ jti }) => jti)
        )
        expect(new Set(ids).size).toBe(5)
      })
  )

  it.effect("a Bearer token response is rejected if DPoP is configured (M10, T-15)", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      yield* server.inject(
        "/token",
        Fault.rewrite((body) => ({ ...body })),
        Fault.rewrite((body) => ({ ...body, token_type: "Bearer" }))
      )
      const error = yield* authenticate().pipe(
        Effect.flip,
        Effect.provide(
          NodeCiba.layer({
            issuer: server.issuer,
            clientId: "dpop",
            authentication: ClientAuthentication.clientSecretBasic(secret),
            allowInsecureRequests: "loopback"
          }).pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })))
        )
      )
      expect(error).toMatchObject({ reason: { _tag: "UnexpectedTokenType", expected: "DPoP", actual: "Bearer" } })
    })
  )
})
