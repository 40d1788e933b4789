// Two clients of two providers in one program: each request arrives at its own provider, with its own credentials.
import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  DynamicRegistration,
  FreshIdentity,
  Introspection,
  NotificationInbox,
  ProtectedResource,
  Refresh,
  Revocation,
  UserInfo
} from "@effect-ciba/core"
import { Context, Effect, Layer, LayerMap, ManagedRuntime, Redacted } from "effect"
import { hint } from "../support/Asking.ts"
import {
  authenticate,
  make,
  type Options,
  requestsOf,
  type Services,
  type Side,
  type Sides
} from "../support/TwoProviders.ts"

type Step = (side: Side) => Effect.Effect<unknown, unknown, Services>

/** What a client does, and the requests that its provider receives for it. */
const steps: ReadonlyArray<readonly [what: string, step: Step, requests: ReadonlyArray<string>]> = [
  ["an authentication request", () => Ciba.initiate({ scope: ["openid"], hint }), ["backchannel"]],
  ["a poll, and the verification of its ID Token", authenticate, ["backchannel", "poll"]],
  [
    "a refresh",
    (side) =>
      Effect.flatMap(authenticate(side), ({ refreshToken }) => Refresh.refresh(refreshToken ?? Redacted.make("none"))),
    ["backchannel", "poll", "refresh"]
  ],
  [
    "a refresh of an identity, and the verification of its new tokens",
    (side) => Effect.flatMap(authenticate(side), (identity) => FreshIdentity.refresh(identity)),
    ["backchannel", "poll", "refresh"]
  ],
  [
    "a request to UserInfo",
    (side) => Effect.flatMap(authenticate(side), (identity) => UserInfo.claims(identity)),
    ["backchannel", "poll", "userinfo"]
  ],
  [
    "a request to a protected resource",
    Effect.fnUntraced(function* (side) {
      const api = yield* ProtectedResource.make(yield* authenticate(side))
      return yield* api.get(`${side.issuer}/accounts`)
    }),
    ["backchannel", "poll", "/accounts"]
  ],
  [
    "an introspection",
    Effect.fnUntraced(function* (side) {
      const { accessToken } = yield* authenticate(side)
      assert.isTrue((yield* Introspection.introspect(accessToken)).active)
    }),
    ["backchannel", "poll", "introspection"]
  ],
  [
    "a revocation",
    (side) => Effect.flatMap(authenticate(side), ({ accessToken }) => Revocation.revoke(accessToken)),
    ["backchannel", "poll", "revocation"]
  ],
  ["a registration, which these providers refuse", () => Effect.flip(DynamicRegistration.register({})), ["/register"]]
]

type Run = (sides: Sides, step: Step) => Effect.Effect<unknown, unknown, NotificationInbox.NotificationInbox>

class Alpha extends Context.Service<Alpha, Context.Context<Services>>()("test/Alpha") {}
class Beta extends Context.Service<Beta, Context.Context<Services>>()("test/Beta") {}

/** Ways to have two clients in one program; each takes the step as both of them. */
const programs: ReadonlyArray<readonly [how: string, run: Run]> = [
  [
    "of two clients, one provided inside the other,",
    ({ alpha, beta }, step) =>
      step(beta).pipe(Effect.provide(beta.layer), Effect.andThen(step(alpha)), Effect.provide(alpha.layer))
  ],
  [
    "of two clients in one layer, under services of one's own,",
    ({ alpha, beta }, step) =>
      Effect.gen(function* () {
        yield* Effect.provide(step(alpha), yield* Alpha)
        yield* Effect.provide(step(beta), yield* Beta)
      }).pipe(
        Effect.provide(
          Layer.merge(
            Layer.provide(Layer.effect(Alpha, Effect.context<Services>()), alpha.layer),
            Layer.provide(Layer.effect(Beta, Effect.context<Services>()), beta.layer)
          )
        )
      )
  ],
  [
    "of two tenants in a LayerMap",
    (sides, step) =>
      Effect.gen(function* () {
        const tenants = yield* LayerMap.make((tenant: keyof Sides) => sides[tenant].layer)
        yield* Effect.all(
          (["alpha", "beta"] as const).map((tenant) => Effect.provide(step(sides[tenant]), tenants.get(tenant)))
        )
      }).pipe(Effect.scoped)
  ],
  [
    "of two tenants with a ManagedRuntime each, and one memo map for both,",
    (sides, step) =>
      Effect.gen(function* () {
        const memoMap = yield* Layer.makeMemoMap
        const inbox = Layer.succeed(NotificationInbox.NotificationInbox, yield* NotificationInbox.NotificationInbox)
        for (const side of [sides.alpha, sides.beta]) {
          const { contextEffect } = yield* Effect.acquireRelease(
            Effect.sync(() => ManagedRuntime.make(Layer.provide(side.layer, inbox), { memoMap })),
            (runtime) => runtime.disposeEffect
          )
          yield* Effect.provide(step(side), yield* contextEffect)
        }
      }).pipe(Effect.scoped)
  ]
]

/** Takes a step as both clients, and asserts that each provider received its own requests, and nothing else. */
const prove = Effect.fnUntraced(function* (run: Run, step: Step, requests: ReadonlyArray<string>, options?: Options) {
  const sides = yield* make(options)
  yield* Effect.provide(run(sides, step), NotificationInbox.layer)
  assert.deepStrictEqual(yield* requestsOf(sides.alpha), requests)
  assert.deepStrictEqual(yield* requestsOf(sides.beta), requests)
})

describe("two clients in one program", () => {
  for (const [how, run] of programs) {
    for (const [what, step, requests] of steps) {
      it.effect(`${what} ${how} goes to its own provider, with its own credentials and DPoP proof`, () =>
        prove(run, step, requests)
      )
    }
  }

  /** Everything, one after the other. */
  const every: Step = (side) => Effect.forEach(steps, ([, step]) => step(side), { discard: true })
  const requests = steps.flatMap(([, , requests]) => requests)

  for (const [how, run] of programs) {
    it.effect(`every request ${how} goes to its own provider if both have the same client id`, () =>
      prove(run, every, requests, { clientIds: ["bank-app", "bank-app"] })
    )

    it.effect(`every request ${how} is sent by fetch with the RequestInit of its own client`, () =>
      prove(run, every, requests, { fetch: true })
    )
  }
})
