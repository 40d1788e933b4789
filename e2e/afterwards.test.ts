import { expect, layer } from "@effect/vitest"
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
import { approved } from "./Approval.ts"
import { AuthorizationServer, layer as serverLayer } from "./AuthorizationServer.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

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

const signedIn = Effect.map(approved({ scope: ["openid", "offline_access"] }), ({ identity }) => identity)

const refreshToken = ({ refreshToken }: VerifiedIdentity.VerifiedIdentity) => refreshToken ?? Redacted.make("none")

/** The refresh requests since the last time somebody asked for them. */
const refreshes = Effect.fnUntraced(function* (since: number) {
  const log = yield* AuthorizationServer.use((server) => server.log)
  return log.slice(since).filter(({ form }) => form.grant_type === "refresh_token")
})

const logged = AuthorizationServer.use((server) => Effect.map(server.log, (log) => log.length))

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
      RegisteredClients.client("afterwards", { require_auth_time: true }),
      RegisteredClients.client("signed", { introspection_signed_response_alg: "ES256" })
    ]
  }),
  { excludeTestServices: true }
)("a provider that rotates refresh tokens", (it) => {
  it.effect(
    "renews twice, however many ask at once, and each ID Token is about the same approval (Q1, Q3, Q5, T-37)",
    () =>
      Effect.gen(function* () {
        const saved: Array<VerifiedIdentity.VerifiedIdentity> = []
        const first = yield* signedIn
        const since = yield* logged
        const fresh = yield* FreshIdentity.make(first, { save: (next) => Effect.sync(() => saved.push(next)) })
        const everybody = (refused: VerifiedIdentity.VerifiedIdentity) =>
          Effect.all(
            Array.from({ length: 50 }, () => fresh.refresh(refused)),
            { concurrency: "unbounded" }
          )
        const seconds = yield* everybody(first)
        const thirds = yield* everybody(yield* fresh.current)
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
      }).pipe(Effect.scoped, Effect.provide(client("afterwards")))
  )

  it.effect("gives fewer rights where fewer are asked for, and no ID Token without openid (Q4)", () =>
    Effect.gen(function* () {
      const first = yield* signedIn
      const next = yield* FreshIdentity.refresh(first, { scope: ["offline_access"] })
      expect([next.scope, next.idToken]).toEqual([["offline_access"], first.idToken])
      const error = yield* Effect.flip(FreshIdentity.refresh(next, { scope: ["email"] }))
      expect(error).toMatchObject({ reason: { _tag: "InvalidScope" } })
    }).pipe(Effect.provide(client("afterwards")))
  )

  it.effect("revokes tokens, unknown ones too, and renews nothing afterwards (R1)", () =>
    Effect.gen(function* () {
      const identity = yield* signedIn
      yield* Revocation.revoke(Redacted.make("nobody-knows-this-one"))
      expect(yield* Introspection.introspect(identity.accessToken)).toMatchObject({ active: true })
      yield* Revocation.revoke(refreshToken(identity), { tokenTypeHint: "refresh_token" })
      expect(yield* Introspection.introspect(identity.accessToken)).toEqual({ active: false })
      expect(yield* Effect.flip(FreshIdentity.refresh(identity))).toMatchObject({ reason: { _tag: "InvalidGrant" } })
      const structured = yield* Effect.flip(Revocation.revoke(identity.idToken))
      expect(structured).toMatchObject({ reason: { _tag: "UnsupportedTokenType" } })
    }).pipe(Effect.provide(client("afterwards")))
  )

  it.effect("tells what a token is good for (R2)", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const identity = yield* signedIn
      const told = { active: true, clientId: "afterwards", subject: "jo", scope: ["openid", "offline_access"] }
      expect(yield* Introspection.introspect(identity.accessToken)).toMatchObject({
        ...told,
        tokenType: "Bearer",
        issuer: server.issuer,
        confirmation: undefined
      })
      const refreshing = yield* Introspection.introspect(refreshToken(identity), { tokenTypeHint: "refresh_token" })
      expect(refreshing).toMatchObject({ ...told, tokenType: undefined })
      expect(yield* Introspection.introspect(Redacted.make("nobody-knows-this-one"))).toEqual({ active: false })
    }).pipe(Effect.provide(client("afterwards")))
  )

  it.effect("signs what it tells, where that is registered (R4)", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const identity = yield* signedIn
      expect(yield* Introspection.introspect(identity.accessToken)).toMatchObject({ active: true, subject: "jo" })
      expect(yield* Introspection.introspect(Redacted.make("nobody-knows-this-one"))).toEqual({ active: false })
      const asked = (yield* server.log).filter(({ path }) => path === "/token/introspection").slice(-2)
      for (const { headers } of asked) expect(headers.accept).toBe("application/token-introspection+jwt")
    }).pipe(Effect.provide(client("signed", { introspectionSignedResponseAlg: "ES256" })))
  )

  it.effect("signs with another algorithm than the client expects, which is refused (R4)", () =>
    Effect.gen(function* () {
      const identity = yield* signedIn
      const other = yield* Effect.flip(Introspection.introspect(identity.accessToken))
      expect(other).toMatchObject({ reason: { _tag: "UnexpectedAlgorithm", expected: "PS256", actual: "ES256" } })
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
)("a provider that wants nonces in DPoP proofs", (it) => {
  const process = (options?: Partial<NodeCiba.Options>) =>
    Layer.provide(client("dpop", options), Dpop.layer({ key: SigningKey.generate("ES256") }))

  it.effect("renews bound tokens, also for a process that starts with another key (Q1, M6, M12, R3, R5)", () =>
    Effect.gen(function* () {
      const server = yield* AuthorizationServer
      const identity = yield* Effect.provide(signedIn, process())
      const since = yield* logged
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
      const asked = (yield* server.log).filter(({ path }) => path === "/token/introspection")
      expect(asked.map(({ headers, status }) => [headers.dpop, status])).toEqual([[undefined, 200]])
    })
  )

  it.effect("and signs no introspection answers is not believed where a signature was agreed on (R4)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Introspection.introspect(Redacted.make("any")))
      expect(error).toMatchObject({ _tag: "IntrospectionError", reason: { _tag: "NotSigned", expected: "RS256" } })
    }).pipe(Effect.provide(process({ introspectionSignedResponseAlg: "RS256" })))
  )
})
