// Whole flows against `oidc-provider`, which runs in a Node.js process beside the runtime.
import {
  BindingMessage,
  Ciba,
  ClientAuthentication,
  Dpop,
  FreshIdentity,
  NotificationInbox,
  NotificationReceiver,
  PendingStore,
  Revocation,
  Sealing,
  SignedRequest,
  SigningKey,
  UserHint,
  UserInfo,
  type VerifiedIdentity
} from "@effect-ciba/core"
import { Effect, Fiber, Layer, Redacted, Result, Schedule } from "effect"
import { KeyValueStore } from "effect/persistence"
import { assertSame, type Case, decide, type Host, providerRequests } from "./Case.ts"
import * as FetchLive from "./FetchLive.ts"
import type { ProviderRequest, World } from "./World.ts"

type Options = Partial<Ciba.Options<SigningKey.InvalidKey>>

const client = (world: World, options: Options = {}) =>
  Ciba.layer<SigningKey.InvalidKey>({
    issuer: world.issuer,
    clientId: "client_secret_basic",
    authentication: ClientAuthentication.clientSecretBasic(Redacted.make(world.clientSecret)),
    allowInsecureRequests: "loopback",
    ...options
  })

const live = (world: World, options?: Options) => Layer.provide(client(world, options), FetchLive.layer)

const privateKey = (world: World, algorithm: "RS256" | "PS256" | "ES256" | "EdDSA"): Options => ({
  clientId: `private_key_jwt-${algorithm}`,
  authentication: ClientAuthentication.privateKeyJwt(
    SigningKey.fromJwk(Redacted.make({ kty: "", ...world.clientKeys[algorithm] }), { algorithm })
  )
})

const request = (bindingMessage: string, scope: ReadonlyArray<string> = ["openid"]) => ({
  scope,
  hint: UserHint.login("jo@example.com"),
  bindingMessage
})

/** The whole flow with an approval, and what the provider has seen of it. */
const approve = Effect.fnUntraced(function* (world: World, scope?: ReadonlyArray<string>) {
  const message = yield* BindingMessage.generate
  const pending = yield* Ciba.initiate(request(message, scope))
  yield* decide(world, "approve", message)
  const identity: VerifiedIdentity.VerifiedIdentity = yield* Ciba.complete(pending)
  yield* assertSame("the subject", identity.subject, "jo")
  return { identity, requests: yield* providerRequests(world, message) }
})

const outcomes = (requests: ReadonlyArray<ProviderRequest>) =>
  requests.map(({ error, path, status }) => `${path} ${error ?? status}`)

const authenticationMethods: ReadonlyArray<Case> = (["RS256", "PS256", "ES256", "EdDSA"] as const).map((algorithm) => ({
  title: `an approval returns verified tokens to a client with private_key_jwt in ${algorithm}`,
  run: ({ world }) => Effect.asVoid(Effect.provide(approve(world), live(world, privateKey(world, algorithm))))
}))

const polling = "a client polls at the interval until the approval"

const pollCases: ReadonlyArray<Case> = [
  {
    title: "an approval returns verified tokens to a client that polls, with one request each",
    run: Effect.fnUntraced(function* ({ world }) {
      const { requests } = yield* Effect.provide(approve(world), live(world))
      yield* assertSame("the requests", outcomes(requests), ["/backchannel 200", "/token 200"])
    })
  },
  {
    title: polling,
    run: Effect.fnUntraced(function* ({ world }) {
      const message = yield* BindingMessage.generate
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Ciba.authenticate(request(message)))
        yield* Effect.repeat(providerRequests(world, message), {
          until: (requests) => requests.filter(({ error }) => error === "authorization_pending").length === 2,
          schedule: Schedule.spaced("20 millis")
        })
        yield* decide(world, "approve", message)
        yield* assertSame("the subject", (yield* Fiber.join(fiber)).subject, "jo")
      }).pipe(Effect.provide(live(world)))
      yield* assertSame("the requests", outcomes(yield* providerRequests(world, message)), [
        "/backchannel 200",
        "/token authorization_pending",
        "/token authorization_pending",
        "/token 200"
      ])
    })
  },
  {
    title: "a denial fails with AccessDenied",
    run: Effect.fnUntraced(function* ({ world }) {
      const message = yield* BindingMessage.generate
      const error = yield* Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request(message))
        yield* decide(world, "deny", message)
        return yield* Effect.flip(Ciba.complete(pending))
      }).pipe(Effect.provide(live(world)))
      yield* assertSame("the reason", error.reason._tag, "AccessDenied")
    })
  },
  {
    title: "DPoP proofs with the required nonces bind the tokens",
    run: Effect.fnUntraced(function* ({ world }) {
      const proofs = Dpop.layer({ key: SigningKey.generate("ES256") })
      const { identity, requests } = yield* Effect.provide(
        approve(world),
        client(world, { clientId: "dpop" }).pipe(Layer.provide(proofs), Layer.provide(FetchLive.layer))
      )
      yield* assertSame("the type of the token", identity.tokenType, "DPoP")
      yield* assertSame("the requests", outcomes(requests), ["/backchannel 200", "/token use_dpop_nonce", "/token 200"])
    })
  },
  {
    title: "a signed request carries the parameters",
    run: Effect.fnUntraced(function* ({ world }) {
      const key = SigningKey.fromJwk(Redacted.make(world.requestKey), { algorithm: "ES256" })
      const { requests } = yield* Effect.provide(
        approve(world),
        client(world, { clientId: "signed" }).pipe(
          Layer.provide(SignedRequest.layer({ key })),
          Layer.provide(FetchLive.layer)
        )
      )
      yield* assertSame("the form", Object.keys(requests[0]?.form ?? {}).sort(), ["client_id", "request"])
    })
  },
  {
    title: "UserInfo returns claims, a refresh returns new tokens, and a refresh token that is revoked fails",
    run: ({ world }) =>
      Effect.gen(function* () {
        const { identity } = yield* approve(world, ["openid", "email", "offline_access"])
        yield* assertSame("the e-mail address", (yield* UserInfo.claims(identity)).email, "jo@example.com")
        const next = yield* FreshIdentity.refresh(identity)
        yield* assertSame("the subject after the refresh", next.subject, "jo")
        yield* Revocation.revoke(next.refreshToken ?? Redacted.make("none"), { tokenTypeHint: "refresh_token" })
        const error = yield* Effect.flip(FreshIdentity.refresh(next))
        yield* assertSame("the reason", error.reason._tag, "InvalidGrant")
      }).pipe(Effect.provide(Layer.provide(client(world), FetchLive.layer)))
  },
  {
    title: "another client resumes a wait from a store of sealed authentications",
    run: Effect.fnUntraced(function* ({ world }) {
      const message = yield* BindingMessage.generate
      const keys = [yield* Sealing.generate("store")] as const
      const values = yield* Effect.provide(KeyValueStore.KeyValueStore, KeyValueStore.layerMemory)
      const process = () =>
        client(world).pipe(
          Layer.provideMerge(PendingStore.layerKeyValueStore({ keys })),
          Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, values)),
          Layer.provide(FetchLive.layer)
        )
      yield* Effect.provide(Ciba.initiate(request(message)), process())
      yield* decide(world, "approve", message)
      const subjects: Array<string> = []
      yield* Ciba.resumeAll((outcome) =>
        Effect.sync(() => void subjects.push(Result.isSuccess(outcome) ? outcome.success.subject : "none"))
      ).pipe(Effect.provide(process()))
      yield* assertSame("the subjects", subjects, ["jo"])
    })
  }
]

/** A client in ping mode, whose notification endpoint this runtime serves. */
const withPing = <A, E>(
  { serve, world }: Host,
  use: Effect.Effect<A, E, Ciba.Services | NotificationInbox.NotificationInbox>
) =>
  Effect.gen(function* () {
    serve(yield* NotificationReceiver.toWebHandler({ maxBodySize: 1000 }))
    return yield* use
  }).pipe(
    Effect.provide(
      client(world, { clientId: world.pingClient, deliveryMode: "ping", poll: { pingFallback: "1 minute" } }).pipe(
        Layer.provideMerge(NotificationInbox.layer),
        Layer.provide(FetchLive.layer)
      )
    )
  )

const pingCases: ReadonlyArray<Case> = (["approve", "deny"] as const).map((decision) => ({
  title: `a ping to the notification endpoint ends the wait at once when the end-user decides to ${decision}`,
  run: (host) =>
    Effect.gen(function* () {
      const message = yield* BindingMessage.generate
      const outcome = yield* withPing(
        host,
        Effect.gen(function* () {
          const pending = yield* Ciba.initiate(request(message))
          const fiber = yield* Effect.forkChild(Effect.result(Ciba.complete(pending)))
          yield* Effect.sleep("200 millis")
          yield* decide(host.world, decision, message)
          return yield* Effect.timeout(Fiber.join(fiber), "5 seconds")
        })
      )
      const found = Result.isSuccess(outcome) ? outcome.success.subject : outcome.failure.reason._tag
      yield* assertSame("the outcome", found, decision === "approve" ? "jo" : "AccessDenied")
      const polls = outcomes(yield* providerRequests(host.world, message)).filter((poll) => poll.startsWith("/token"))
      yield* assertSame("the number of polls", polls.length, 1)
    })
}))

const notificationCase: Case = {
  title: "the notification endpoint refuses forged, malformed and large notifications",
  run: (host) =>
    withPing(
      host,
      Effect.gen(function* () {
        const pending = yield* Ciba.initiate(request(yield* BindingMessage.generate))
        const token = Redacted.value(pending.clientNotificationToken ?? Redacted.make("none"))
        const json = { "content-type": "application/json" }
        const authorized = { ...json, authorization: `Bearer ${token}` }
        const requests: ReadonlyArray<RequestInit> = [
          { method: "POST", headers: { ...json, authorization: "Bearer another" }, body: "{}" },
          { method: "POST", headers: authorized, body: '{"auth_req_id":"another"}' },
          { method: "POST", headers: authorized, body: "{" },
          { method: "POST", headers: authorized, body: `{"auth_req_id":"${"x".repeat(2000)}"}` },
          { method: "POST", headers: { ...authorized, "content-type": "text/plain" }, body: "{}" },
          { method: "PUT", headers: authorized, body: "{}" }
        ]
        const statuses = yield* Effect.forEach(requests, (init) =>
          Effect.promise(() => fetch(`http://127.0.0.1:${host.world.notificationPort}/ciba`, init)).pipe(
            Effect.tap((response) => Effect.promise(() => response.arrayBuffer())),
            Effect.map(({ status }) => status)
          )
        )
        yield* assertSame("the statuses", statuses, [401, 401, 400, 413, 415, 405])
      })
    )
}

/** The last one: what it breaks on a runtime could break others. */
export const concurrentCase: Case = {
  title: "waits in two requests to a server that makes a client for each of them end both",
  run: ({ runApart }) =>
    Effect.forEach(
      [0, 700],
      (delay) =>
        Effect.gen(function* () {
          yield* Effect.sleep(delay)
          yield* assertSame("the failure", (yield* Effect.promise(() => runApart(polling))) ?? "none", "none")
        }),
      { concurrency: "unbounded", discard: true }
    )
}

export const flowCases: ReadonlyArray<Case> = [...pollCases, ...authenticationMethods, ...pingCases, notificationCase]
