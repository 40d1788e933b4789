import { expect, layer } from "@effect/vitest"
import { AuthorizationServer, layer as serverLayer } from "@effect-ciba/authorization-server/AuthorizationServer"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import {
  ClientAuthentication,
  Dpop,
  FreshIdentity,
  Introspection,
  Refresh,
  Revocation,
  SigningKey,
  type VerifiedIdentity
} from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { Effect, Layer, Redacted } from "effect"
import { authenticate } from "./Approval.ts"

const client = (clientId: string, options?: Partial<NodeCiba.Options>) =>
  Layer.unwrap(
    AuthorizationServer.use((server) =>
      Effect.succeed(
        NodeCiba.layer({
          issuer: server.issuer,
          clientId,
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make(RegisteredClients.secret)),
          allowInsecureRequests: "loopback",
          ...options
        })
      )
    )
  )

const identityWithRefreshToken = Effect.map(
  authenticate({ scope: ["openid", "offline_access"] }),
  ({ identity }) => identity
)

const refreshToken = ({ refreshToken }: VerifiedIdentity.VerifiedIdentity) => refreshToken ?? Redacted.make("none")

/** The refresh requests after the first `since` requests. */
const refreshes = Effect.fnUntraced(function* (since: number) {
  const log = yield* AuthorizationServer.use((server) => server.log)
  return log.slice(since).filter(({ form }) => form.grant_type === "refresh_token")
})

const requestCount = AuthorizationServer.use((server) => Effect.map(server.log, (log) => log.length))

const features = {
  introspection: { enabled: true },
  jwtIntrospection: { enabled: true },
  revocation: { enabled: true }
}

layer(
  serverLayer({
    interval: "1 second",
    features,
    configuration: { rotateRefreshToken: true },
    clients: [
      RegisteredClients.client("rotating", { require_auth_time: true }),
      RegisteredClients.client("signed", { introspection_signed_response_alg: "ES256" })
    ]
  }),
  { excludeTestServices: true }
)("Refresh, Revocation and Introspection against oidc-provider, which rotates refresh tokens", (it) => {
  it.effect(
    "50 concurrent callers of a fresh identity share one refresh request each time, and each refreshed ID Token keeps sub and auth_time (Q1, Q3, Q5, T-37)",
    () =>
      Effect.gen(function* () {
        const saved: Array<VerifiedIdentity.VerifiedIdentity> = []
        const first = yield* identityWithRefreshToken
        const since = yield* requestCount
        const fresh = yield* FreshIdentity.make(first, { save: (next) => Effect.sync(() => saved.push(next)) })
        const refreshConcurrently = (rejected: VerifiedIdentity.VerifiedIdentity) =>
          Effect.all(
            Array.from({ length: 50 }, () => fresh.refresh(rejected)),
            { concurrency: "unbounded" }
          )
        const seconds = yield* refreshConcurrently(first)
        const thirds = yield* refreshConcurrently(yield* fresh.current)
        expect(saved).toHaveLength(2)
        expect([new Set(seconds), new Set(thirds)]).toEqual([new Set([saved[0]]), new Set([saved[1]])])

        const all = [first, ...saved]
        expect(new Set(all.map((identity) => Redacted.value(identity.accessToken))).size).toBe(3)
        expect(new Set(all.map((identity) => Redacted.value(refreshToken(identity)))).size).toBe(3)
        expect(first.claims.auth_time).toEqual(expect.any(Number))
        for (const { claims } of all) expect(claims).toMatchObject({ sub: "jo", auth_time: first.claims.auth_time })
        const sent = yield* refreshes(since)
        expect(sent.map(({ form, status }) => [form.refresh_token, status])).toEqual([
          [Redacted.value(refreshToken(first)), 200],
          [Redacted.value(refreshToken(seconds[0] ?? first)), 200]
        ])
        expect(yield* Effect.flip(Refresh.refresh(refreshToken(first)))).toMatchObject({
          reason: { _tag: "InvalidGrant" }
        })
      }).pipe(Effect.scoped, Effect.provide(client("rotating")))
  )

  it.effect(
    "a refresh request for a narrower scope returns that scope, and keeps the ID Token if openid is not in it (Q4)",
    () =>
      Effect.gen(function* () {
        const first = yield* identityWithRefreshToken
        const next = yield* FreshIdentity.refresh(first, { scope: ["offline_access"] })
        expect([next.scope, next.idToken]).toEqual([["offline_access"], first.idToken])
        const error = yield* Effect.flip(FreshIdentity.refresh(next, { scope: ["email"] }))
        expect(error).toMatchObject({ reason: { _tag: "InvalidScope" } })
      }).pipe(Effect.provide(client("rotating")))
  )

  it.effect(
    "a revoked refresh token ends its access token and fails with InvalidGrant; revoking an unknown token succeeds (R1)",
    () =>
      Effect.gen(function* () {
        const identity = yield* identityWithRefreshToken
        yield* Revocation.revoke(Redacted.make("unknown-token"))
        expect(yield* Introspection.introspect(identity.accessToken)).toMatchObject({ active: true })
        yield* Revocation.revoke(refreshToken(identity), { tokenTypeHint: "refresh_token" })
        expect(yield* Introspection.introspect(identity.accessToken)).toEqual({ active: false })
        expect(yield* Effect.flip(FreshIdentity.refresh(identity))).toMatchObject({ reason: { _tag: "InvalidGrant" } })
        const idToken = yield* Effect.flip(Revocation.revoke(identity.idToken))
        expect(idToken).toMatchObject({ reason: { _tag: "UnsupportedTokenType" } })
      }).pipe(Effect.provide(client("rotating")))
  )

  it.effect(
    "introspection returns client, subject, scope and type of an active token, and inactive for an unknown one (R2)",
    () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        const identity = yield* identityWithRefreshToken
        const expected = { active: true, clientId: "rotating", subject: "jo", scope: ["openid", "offline_access"] }
        expect(yield* Introspection.introspect(identity.accessToken)).toMatchObject({
          ...expected,
          tokenType: "Bearer",
          issuer: server.issuer,
          confirmation: undefined
        })
        const introspectedRefreshToken = yield* Introspection.introspect(refreshToken(identity), {
          tokenTypeHint: "refresh_token"
        })
        expect(introspectedRefreshToken).toMatchObject({ ...expected, tokenType: undefined })
        expect(yield* Introspection.introspect(Redacted.make("unknown-token"))).toEqual({ active: false })
      }).pipe(Effect.provide(client("rotating")))
  )

  it.effect("introspection verifies a signed response if its algorithm is registered (R4)", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const identity = yield* identityWithRefreshToken
      expect(yield* Introspection.introspect(identity.accessToken)).toMatchObject({ active: true, subject: "jo" })
      expect(yield* Introspection.introspect(Redacted.make("unknown-token"))).toEqual({ active: false })
      const requests = (yield* server.log).filter(({ path }) => path === "/token/introspection").slice(-2)
      for (const { headers } of requests) expect(headers.accept).toBe("application/token-introspection+jwt")
    }).pipe(Effect.provide(client("signed", { introspectionSignedResponseAlg: "ES256" })))
  )

  it.effect("introspection rejects a response that is signed with another algorithm than the registered one (R4)", () =>
    Effect.gen(function* () {
      const identity = yield* identityWithRefreshToken
      const error = yield* Effect.flip(Introspection.introspect(identity.accessToken))
      expect(error).toMatchObject({ reason: { _tag: "UnexpectedAlgorithm", expected: "PS256", actual: "ES256" } })
    }).pipe(Effect.provide(client("signed", { introspectionSignedResponseAlg: "PS256" })))
  )
})

layer(
  serverLayer({
    interval: "1 second",
    features: {
      ...features,
      jwtIntrospection: { enabled: false },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32), requireNonce: () => true }
    },
    configuration: { rotateRefreshToken: true },
    clients: [RegisteredClients.client("dpop", { dpop_bound_access_tokens: true })]
  }),
  { excludeTestServices: true }
)("Refresh and Introspection with DPoP and required nonces", (it) => {
  const process = (options?: Partial<NodeCiba.Options>) =>
    Layer.provide(client("dpop", options), Dpop.layer({ key: SigningKey.generate("ES256") }))

  it.effect(
    "a process with another DPoP key refreshes bound tokens with the key of the identity (Q1, M6, M12, R3, R5)",
    () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        const identity = yield* Effect.provide(identityWithRefreshToken, process())
        const since = yield* requestCount
        const [next, token] = yield* Effect.gen(function* () {
          const next = yield* FreshIdentity.refresh(yield* FreshIdentity.refresh(identity))
          return [next, yield* Introspection.introspect(next.accessToken)] as const
        }).pipe(Effect.provide(process()))
        expect(next.tokenType).toBe("DPoP")
        expect((yield* refreshes(since)).map(({ error, status }) => [status, error])).toEqual([
          [400, "use_dpop_nonce"],
          [200, undefined],
          [200, undefined]
        ])
        expect(token).toMatchObject({ tokenType: "DPoP", confirmation: { jkt: expect.stringMatching(/^[\w-]{43}$/) } })
        const requests = (yield* server.log).filter(({ path }) => path === "/token/introspection")
        expect(requests.map(({ headers, status }) => [headers.dpop, status])).toEqual([[undefined, 200]])
      })
  )

  it.effect(
    "introspection rejects an unsigned response if the registration has introspection_signed_response_alg (R4)",
    () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Introspection.introspect(Redacted.make("any")))
        expect(error).toMatchObject({ _tag: "IntrospectionError", reason: { _tag: "NotSigned", expected: "RS256" } })
      }).pipe(Effect.provide(process({ introspectionSignedResponseAlg: "RS256" })))
  )
})
