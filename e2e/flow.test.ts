import { describe, expect, layer } from "@effect/vitest"
import {
  AuthorizationServer,
  type Service,
  layer as serverLayer
} from "@effect-ciba/authorization-server/AuthorizationServer"
import * as Fault from "@effect-ciba/authorization-server/Fault"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { BindingMessage, Ciba, ClientAuthentication, type JwsAlgorithm, SigningKey, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { DateTime, type Duration, Effect, Fiber, Redacted, Schedule } from "effect"

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

const initiate = Effect.fnUntraced(function* (client: Case, decide: Decide) {
  const server = yield* AuthorizationServer
  const bindingMessage = yield* BindingMessage.generate
  const pending = yield* Ciba.initiate({
    scope: ["openid", "profile"],
    hint: UserHint.login("jo@example.com"),
    bindingMessage,
    requestedExpiry: client.requestedExpiry
  })
  const request = (yield* server.pending).find((pending) => pending.bindingMessage === bindingMessage)
  yield* Effect.orDie(decide(server, request?.ref ?? "no pending request"))
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

const authenticate = Effect.fnUntraced(function* (client: Case, decide: Decide) {
  const server = yield* AuthorizationServer
  return yield* initiate(client, decide).pipe(Effect.flatMap(Ciba.complete), Effect.provide(as(server, client)))
})

const requestsAt = Effect.fnUntraced(function* (path: string) {
  return (yield* (yield* AuthorizationServer).log).filter((request) => request.path === path)
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
  "Ciba against oidc-provider",
  (it) => {
    describe.concurrent("with each client authentication method, at both endpoints (A8, C2, E11)", () => {
      for (const [name, make] of cases) {
        it.effect(`${name}: an approval returns a verified identity`, () =>
          Effect.gen(function* () {
            const identity = yield* authenticate(make(yield* AuthorizationServer), approve)
            expect(identity.subject).toBe("jo")
            expect(identity.scope).toContain("openid")
          })
        )
        it.effect(`${name}: a denial fails with AccessDenied (H13)`, () =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(authenticate(make(yield* AuthorizationServer), deny))
            expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "AccessDenied" } })
          })
        )
        it.effect(
          `${name}: a request without a decision fails with ExpiredToken, and is not polled afterwards (F9, H18)`,
          () =>
            Effect.gen(function* () {
              const server = yield* AuthorizationServer
              const client = { ...make(server), requestedExpiry: "3 seconds" } as const
              const [pending, error] = yield* initiate(client, () => Effect.void).pipe(
                Effect.flatMap((pending) =>
                  Effect.map(Effect.flip(Ciba.complete(pending)), (error) => [pending, error] as const)
                ),
                Effect.provide(as(server, client))
              )
              expect(error.reason).toMatchObject({ _tag: "ExpiredToken" })
              const polls = (yield* requestsAt(token)).filter(
                ({ form }) => form.auth_req_id === Redacted.value(pending.authReqId)
              )
              // The server counts whole seconds: its request may expire shortly before the client's.
              const errors = polls.map((poll) => poll.error)
              expect(errors[0]).toBe("authorization_pending")
              expect(errors.slice(0, -1).every((error) => error === "authorization_pending")).toBe(true)
              expect(Math.max(...polls.map((poll) => poll.at))).toBeLessThan(DateTime.toEpochMillis(pending.expiresAt))
            })
        )
      }
    })

    describe.concurrent("with each ID Token algorithm (J6)", () => {
      for (const algorithm of idTokenAlgorithms) {
        it.effect(`${algorithm}: the signature of the ID Token is verified`, () =>
          Effect.gen(function* () {
            const client = { ...basic, clientId: `id_token-${algorithm}`, idTokenSignedResponseAlg: algorithm }
            const identity = yield* authenticate(client, approve)
            expect(identity.claims.iss).toBe((yield* AuthorizationServer).issuer)
          })
        )
      }
      it.effect("an ID Token that is signed with another algorithm than the registered one is rejected (J6)", () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(authenticate({ ...basic, idTokenSignedResponseAlg: "ES256" }, approve))
          expect(error).toMatchObject({ _tag: "IdTokenError", reason: { _tag: "UnexpectedAlgorithm" } })
        })
      )
    })
  }
)

layer(serverLayer({ interval: "1 second" }), { excludeTestServices: true })(
  "Ciba against oidc-provider with transport faults",
  (it) => {
    it.effect("connection resets, HTML pages, redirects, 503 and 429 do not end a wait (H9, H21, H22, T-5)", () =>
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
          const pending = yield* initiate(basic, () => Effect.void)
          const waiting = yield* Effect.forkChild(Ciba.complete(pending))
          yield* Effect.repeat(requestsAt(token), {
            until: (polls) => polls.length === 7,
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
      })
    )

    it.effect("a poll without a response times out, and the wait polls again (H8)", () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        yield* server.inject(token, Fault.hang)
        const identity = yield* authenticate({ ...basic, limits: { requestTimeout: "1500 millis" } }, approve)
        expect(identity.subject).toBe("jo")
      })
    )

    it.effect("a lost token response fails with OutcomeUnknown, and not with InvalidGrant", () =>
      Effect.gen(function* () {
        const server = yield* AuthorizationServer
        yield* server.inject(token, Fault.loseResponse)
        const error = yield* Effect.flip(authenticate(basic, approve))
        expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "OutcomeUnknown" } })
      })
    )

    it.effect(
      "a redirect from the backchannel authentication endpoint is not followed, and the request is not sent again (C20, G12)",
      () =>
        Effect.gen(function* () {
          const server = yield* AuthorizationServer
          const before = yield* requestsAt("/backchannel")
          yield* server.inject("/backchannel", Fault.redirect(`${server.issuer}/token`))
          const error = yield* Effect.flip(authenticate(basic, approve))
          expect(error).toMatchObject({ reason: { _tag: "TransportError", kind: "Redirected", status: 307 } })
          expect(yield* requestsAt("/backchannel")).toHaveLength(before.length + 1)
        })
    )
  }
)
