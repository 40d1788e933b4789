import { describe, expect, layer } from "@effect/vitest"
import { BindingMessage, Ciba, ClientAuthentication, type JwsAlgorithm, SigningKey, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { DateTime, type Duration, Effect, Fiber, Redacted, Schedule } from "effect"
import { AuthorizationServer, type Service, layer as serverLayer } from "./AuthorizationServer.ts"
import * as Fault from "./Fault.ts"
import * as RegisteredClients from "./RegisteredClients.ts"

type Decide = (server: Service, ref: string) => Effect.Effect<void, unknown>

const approve: Decide = (server, ref) => server.approve(ref)
const deny: Decide = (server, ref) => server.deny(ref)

const token = "/token"

const secret = Redacted.make(RegisteredClients.secret)

interface Case {
  readonly clientId: string
  readonly authentication: Ciba.Options<SigningKey.InvalidKey>["authentication"]
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm
  readonly requestedExpiry?: Duration.Input
  readonly limits?: Pick<Ciba.Options, "requestTimeout">
}

const asking = Effect.fnUntraced(function* (client: Case, decide: Decide) {
  const server = yield* AuthorizationServer
  const bindingMessage = yield* BindingMessage.generate
  const pending = yield* Ciba.initiate({
    scope: ["openid", "profile"],
    hint: UserHint.login("jo@example.com"),
    bindingMessage,
    requestedExpiry: client.requestedExpiry
  })
  const request = (yield* server.pending).find((waiting) => waiting.bindingMessage === bindingMessage)
  yield* Effect.orDie(decide(server, request?.ref ?? "nobody was asked"))
  return pending
})

const as = (server: Service, client: Case) =>
  NodeCiba.layer({
    issuer: server.issuer,
    clientId: client.clientId,
    authentication: client.authentication,
    idTokenSignedResponseAlg: client.idTokenSignedResponseAlg,
    allowInsecureRequests: "loopback",
    ...client.limits
  })

const asked = Effect.fnUntraced(function* (client: Case, decide: Decide) {
  const server = yield* AuthorizationServer
  return yield* asking(client, decide).pipe(Effect.flatMap(Ciba.complete), Effect.provide(as(server, client)))
})

const requestsAt = Effect.fnUntraced(function* (path: string) {
  return (yield* (yield* AuthorizationServer).log).filter((exchange) => exchange.path === path)
})

const privateKey = (server: Service, algorithm: JwsAlgorithm.Asymmetric & keyof Service["clientKeys"]): Case => ({
  clientId: `private_key_jwt-${algorithm}`,
  authentication: ClientAuthentication.privateKeyJwt(
    SigningKey.fromJwk(Redacted.make(server.clientKeys[algorithm]), { algorithm })
  )
})

const basic: Case = {
  clientId: "client_secret_basic",
  authentication: ClientAuthentication.clientSecretBasic(secret)
}

const asymmetric = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const

const idTokenAlgorithms = [...asymmetric, ...RegisteredClients.hmacAlgorithms]

const idTokenClients = idTokenAlgorithms.map((algorithm) =>
  RegisteredClients.client(`id_token-${algorithm}`, { id_token_signed_response_alg: algorithm })
)

const cases: ReadonlyArray<readonly [name: string, make: (server: Service) => Case]> = [
  ["none", () => ({ clientId: "none", authentication: ClientAuthentication.none })],
  ["client_secret_basic", () => basic],
  [
    "client_secret_post",
    () => ({ clientId: "client_secret_post", authentication: ClientAuthentication.clientSecretPost(secret) })
  ],
  ...RegisteredClients.hmacAlgorithms.map(
    (algorithm) =>
      [
        `client_secret_jwt ${algorithm}`,
        (): Case => ({
          clientId: `client_secret_jwt-${algorithm}`,
          authentication: ClientAuthentication.clientSecretJwt(secret, { algorithm })
        })
      ] as const
  ),
  ...asymmetric.map(
    (algorithm) => [`private_key_jwt ${algorithm}`, (server: Service) => privateKey(server, algorithm)] as const
  )
]

layer(serverLayer({ interval: "1 second", clients: idTokenClients }), { excludeTestServices: true })(
  "oidc-provider over HTTP",
  (it) => {
    describe.concurrent("every client authentication method, at both endpoints (A8, C2, E11)", () => {
      for (const [name, make] of cases) {
        it.effect(`${name}: an approval gives a verified identity`, () =>
          Effect.gen(function* () {
            const identity = yield* asked(make(yield* AuthorizationServer), approve)
            expect(identity.subject).toBe("jo")
            expect(identity.scope).toContain("openid")
          })
        )
        it.effect(`${name}: a denial is a typed error (H13)`, () =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(asked(make(yield* AuthorizationServer), deny))
            expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "AccessDenied" } })
          })
        )
        it.effect(`${name}: an unanswered request expires, and no poll comes after (F9, H18)`, () =>
          Effect.gen(function* () {
            const server = yield* AuthorizationServer
            const client = { ...make(server), requestedExpiry: "3 seconds" } as const
            const [pending, error] = yield* asking(client, () => Effect.void).pipe(
              Effect.flatMap((pending) =>
                Effect.map(Effect.flip(Ciba.complete(pending)), (error) => [pending, error] as const)
              ),
              Effect.provide(as(server, client))
            )
            expect(error.reason).toMatchObject({ _tag: "ExpiredToken" })
            const polls = (yield* requestsAt(token)).filter(
              ({ form }) => form.auth_req_id === Redacted.value(pending.authReqId)
            )
            // The server counts whole seconds: it may say expired a moment before the client's own clock does.
            const errors = polls.map((poll) => poll.error)
            expect(errors[0]).toBe("authorization_pending")
            expect(errors.slice(0, -1).every((error) => error === "authorization_pending")).toBe(true)
            expect(Math.max(...polls.map((poll) => poll.at))).toBeLessThan(DateTime.toEpochMillis(pending.expiresAt))
          })
        )
      }
    })

    describe.concurrent("every ID Token algorithm (J6)", () => {
      for (const algorithm of idTokenAlgorithms) {
        it.effect(`${algorithm}: the signature is verified`, () =>
          Effect.gen(function* () {
            const client = { ...basic, clientId: `id_token-${algorithm}`, idTokenSignedResponseAlg: algorithm }
            const identity = yield* asked(client, approve)
            expect(identity.claims.iss).toBe((yield* AuthorizationServer).issuer)
          })
        )
      }
      it.effect("an ID Token in another algorithm than the registered one is refused (J6)", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(asked({ ...basic, idTokenSignedResponseAlg: "ES256" }, approve))
          expect(error).toMatchObject({ _tag: "IdTokenError", reason: { _tag: "UnexpectedAlgorithm" } })
        })
      )
    })
  }
)

layer(serverLayer({ interval: "1 second" }), { excludeTestServices: true })(
  "oidc-provider behind a bad network",
  (it) => {
    it.effect(
      "resets, pages of HTML, 503 and 429 do not end the wait (H9, H21, H22, T-5)",
      () =>
        Effect.gen(function* () {
          const server = yield* AuthorizationServer
          yield* server.inject(
            token,
            Fault.reset,
            Fault.html(502),
            Fault.none,
            Fault.status(503, { retryAfter: "2" }),
            Fault.status(429),
            Fault.none,
            Fault.redirect("https://elsewhere.example/token")
          )
          const identity = yield* Effect.gen(function* () {
            const pending = yield* asking(basic, () => Effect.void)
            const waiting = yield* Effect.forkChild(Ciba.complete(pending))
            yield* Effect.repeat(requestsAt(token), {
              until: (seen) => seen.length === 7,
              schedule: Schedule.spaced("50 millis")
            })
            const [request] = yield* server.pending
            yield* server.approve(request?.ref ?? "")
            return yield* Fiber.join(waiting)
          }).pipe(Effect.provide(as(server, basic)))
          expect(identity.subject).toBe("jo")
          const polls = yield* requestsAt(token)
          expect(polls.map((poll) => poll.status)).toEqual([undefined, 502, 400, 503, 429, 400, 307, 200])
          const gaps = polls.slice(1).map((poll, index) => poll.at - (polls[index]?.at ?? poll.at))
          expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000)
          expect(gaps[3]).toBeGreaterThanOrEqual(2000)
        }),
      30_000
    )

    it.effect("a server that hangs is given up and polled again (H8)", () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        yield* server.inject(token, Fault.hang)
        const identity = yield* asked({ ...basic, limits: { requestTimeout: "1500 millis" } }, approve)
        expect(identity.subject).toBe("jo")
      })
    )

    it.effect("a lost approval is an unknown outcome, and not a refusal", () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        yield* server.inject(token, Fault.loseAnswer)
        const error = yield* Effect.flip(asked(basic, approve))
        expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "OutcomeUnknown" } })
      })
    )

    it.effect("a redirect at the authentication endpoint is not followed, and nothing is sent again (C20, G12)", () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        const before = yield* requestsAt("/backchannel")
        yield* server.inject("/backchannel", Fault.redirect(`${server.issuer}/token`))
        const error = yield* Effect.flip(asked(basic, approve))
        expect(error).toMatchObject({ reason: { _tag: "TransportError", kind: "Redirected", status: 307 } })
        expect(yield* requestsAt("/backchannel")).toHaveLength(before.length + 1)
      })
    )
  }
)
