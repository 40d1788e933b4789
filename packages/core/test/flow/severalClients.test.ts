// Two clients of two providers in one program: each request arrives at its own provider, with its own credentials.
import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  DynamicRegistration,
  FreshIdentity,
  Introspection,
  NotificationInbox,
  NotificationReceiver,
  PendingStore,
  ProtectedResource,
  Refresh,
  Revocation,
  UserInfo
} from "@effect-ciba/core"
import { Context, Effect, Fiber, Layer, LayerMap, ManagedRuntime, Redacted, Result, Stream } from "effect"
import { hint } from "../support/AuthenticationFlow.ts"
import { advance } from "../support/TestTime.ts"
import {
  authenticate,
  make,
  type Options,
  requestsOf,
  type Services,
  type Side,
  type Sides
} from "../support/TwoProviders.ts"

const initiate = Ciba.initiate({ scope: ["openid"], hint })

type Step = (side: Side) => Effect.Effect<unknown, unknown, Services>

/** What a client does, and the requests that its provider receives for it. */
const steps: ReadonlyArray<readonly [what: string, step: Step, requests: ReadonlyArray<string>]> = [
  ["an authentication request", () => initiate, ["backchannel"]],
  ["a poll, and the verification of its ID Token", () => authenticate, ["backchannel", "poll"]],
  [
    "a refresh",
    () => Effect.flatMap(authenticate, ({ refreshToken }) => Refresh.refresh(refreshToken ?? Redacted.make("none"))),
    ["backchannel", "poll", "refresh"]
  ],
  [
    "a refresh of an identity, and the verification of its new tokens",
    () => Effect.flatMap(authenticate, (identity) => FreshIdentity.refresh(identity)),
    ["backchannel", "poll", "refresh"]
  ],
  [
    "a request to UserInfo",
    () => Effect.flatMap(authenticate, (identity) => UserInfo.claims(identity)),
    ["backchannel", "poll", "userinfo"]
  ],
  [
    "a request to a protected resource",
    Effect.fnUntraced(function* (side) {
      const api = yield* ProtectedResource.make(yield* authenticate)
      return yield* api.get(`${side.issuer}/accounts`)
    }),
    ["backchannel", "poll", "/accounts"]
  ],
  [
    "an introspection",
    Effect.fnUntraced(function* () {
      const { accessToken } = yield* authenticate
      assert.isTrue((yield* Introspection.introspect(accessToken)).active)
    }),
    ["backchannel", "poll", "introspection"]
  ],
  [
    "a revocation",
    () => Effect.flatMap(authenticate, ({ accessToken }) => Revocation.revoke(accessToken)),
    ["backchannel", "poll", "revocation"]
  ],
  ["a registration", () => Effect.flip(DynamicRegistration.register({})), ["/register"]]
]

type Contexts = Readonly<Record<keyof Sides, Context.Context<Services>>>

type Program = <R>(
  sides: Sides,
  use: (contexts: Contexts) => Effect.Effect<unknown, unknown, R>
) => Effect.Effect<unknown, unknown, NotificationInbox.NotificationInbox | R>

class Alpha extends Context.Service<Alpha, Context.Context<Services>>()("test/Alpha") {}
class Beta extends Context.Service<Beta, Context.Context<Services>>()("test/Beta") {}

const services = Effect.context<Services>()

/** Ways to have two clients in one program. */
const programs: ReadonlyArray<readonly [how: string, program: Program]> = [
  [
    "provided one inside the other",
    (sides, use) =>
      Effect.gen(function* () {
        const alpha = yield* services
        yield* Effect.provide(
          Effect.flatMap(services, (beta) => use({ alpha, beta })),
          sides.beta.layer
        )
      }).pipe(Effect.provide(sides.alpha.layer))
  ],
  [
    "merged into one layer, under services of one's own",
    (sides, use) =>
      Effect.gen(function* () {
        yield* use({ alpha: yield* Alpha, beta: yield* Beta })
      }).pipe(
        Effect.provide(
          Layer.merge(
            Layer.provide(Layer.effect(Alpha, services), sides.alpha.layer),
            Layer.provide(Layer.effect(Beta, services), sides.beta.layer)
          )
        )
      )
  ],
  [
    "of a LayerMap",
    (sides, use) =>
      Effect.gen(function* () {
        const tenants = yield* LayerMap.make((tenant: keyof Sides) => sides[tenant].layer)
        yield* use({ alpha: yield* tenants.contextEffect("alpha"), beta: yield* tenants.contextEffect("beta") })
      }).pipe(Effect.scoped)
  ],
  [
    "of two ManagedRuntimes with one memo map",
    (sides, use) =>
      Effect.gen(function* () {
        const memoMap = yield* Layer.makeMemoMap
        const shared = Layer.succeedContext(yield* Effect.context<NotificationInbox.NotificationInbox>())
        const start = ({ layer }: Side) =>
          Effect.flatMap(
            Effect.acquireRelease(
              Effect.sync(() => ManagedRuntime.make(Layer.provide(layer, shared), { memoMap })),
              (runtime) => runtime.disposeEffect
            ),
            ({ contextEffect }) => contextEffect
          )
        yield* use({ alpha: yield* start(sides.alpha), beta: yield* start(sides.beta) })
      }).pipe(Effect.scoped)
  ]
]

/** Takes a step as both clients, and asserts that each provider received its own requests, and nothing else. */
const prove = Effect.fnUntraced(function* (
  program: Program,
  step: Step,
  requests: ReadonlyArray<string>,
  options?: Options
) {
  const sides = yield* make(options)
  yield* Effect.provide(
    program(sides, (contexts) =>
      Effect.forEach([sides.beta, sides.alpha], (side) => Effect.provide(step(side), contexts[side.name]))
    ),
    NotificationInbox.layer
  )
  assert.deepStrictEqual(yield* requestsOf(sides.alpha), requests)
  assert.deepStrictEqual(yield* requestsOf(sides.beta), requests)
  return sides
})

/** Each step, one after the other. */
const every: Step = (side) => Effect.forEach(steps, ([, step]) => step(side), { discard: true })

const everyRequest = steps.flatMap(([, , requests]) => requests)

for (const [how, program] of programs) {
  describe(`two clients ${how}`, () => {
    for (const [what, step, requests] of steps) {
      it.effect(`send ${what} to their own providers, each with its own credentials and DPoP key (${how})`, () =>
        prove(program, step, requests)
      )
    }

    it.effect(`that have the same client id send every request to their own providers (${how})`, () =>
      prove(program, every, everyRequest, { clientIds: ["bank-app", "bank-app"] })
    )

    it.effect(`send every request by fetch with their own RequestInit, such as a certificate (${how})`, () =>
      Effect.gen(function* () {
        const { alpha, beta } = yield* prove(program, every, everyRequest, { fetch: true })
        for (const { inits, name, provider } of [alpha, beta]) {
          assert.lengthOf(inits, (yield* provider.requests).length)
          for (const { integrity } of inits) assert.strictEqual(integrity, `certificate of ${name}`)
        }
      })
    )

    it.effect(`publish their events to their own subscribers alone (${how})`, () =>
      Effect.gen(function* () {
        const sides = yield* make()
        const published: Array<readonly [name: string, id: string]> = []
        const received: Array<readonly [name: string, id: string]> = []
        yield* program(sides, (contexts) =>
          Effect.gen(function* () {
            for (const name of ["alpha", "beta"] as const) {
              yield* Effect.forkChild(
                Stream.runForEach(Ciba.events, ({ id }) => Effect.sync(() => void received.push([name, id]))).pipe(
                  Effect.provide(contexts[name])
                ),
                { startImmediately: true }
              )
            }
            for (const name of ["beta", "alpha"] as const) {
              published.push([name, (yield* initiate.pipe(Effect.provide(contexts[name]))).id])
              yield* advance(0)
            }
          })
        ).pipe(Effect.provide(NotificationInbox.layer))
        assert.deepStrictEqual(received, published)
      })
    )

    for (const deliveryMode of ["ping", "push"] as const) {
      it.effect(`receive each its own ${deliveryMode} through the inbox that both share (${how})`, () =>
        Effect.gen(function* () {
          const endpoint = yield* NotificationReceiver.toWebHandler()
          const send = (notification: Effect.Effect<Request, unknown>) =>
            Effect.flatMap(notification, (request) =>
              Effect.map(
                Effect.promise(() => endpoint(request)),
                (response) => response.status
              )
            )
          const sides = yield* make({ deliveryMode })
          yield* program(sides, (contexts) =>
            Effect.gen(function* () {
              const [alpha, beta] = yield* Effect.forEach(["alpha", "beta"] as const, (name) =>
                Effect.provide(initiate, contexts[name])
              )
              if (alpha === undefined || beta === undefined) return assert.fail("an authentication is missing")
              const ofAlpha = yield* Effect.forkChild(Effect.provide(Ciba.complete(alpha), contexts.alpha))
              const ofBeta = yield* Effect.forkChild(Effect.provide(Ciba.complete(beta), contexts.beta))
              const body = { auth_req_id: Redacted.value(alpha.authReqId) }
              assert.strictEqual(
                yield* send(sides.beta.provider.notification({ forge: (call) => ({ ...call, body }) })),
                401,
                "the notification token of one client opens nothing of the other"
              )
              assert.strictEqual(yield* send(sides.beta.provider.notification()), 204)
              assert.strictEqual((yield* Fiber.join(ofBeta)).issuer, sides.beta.issuer)
              assert.isUndefined(ofAlpha.pollUnsafe())
              assert.strictEqual(yield* send(sides.alpha.provider.notification()), 204)
              assert.strictEqual((yield* Fiber.join(ofAlpha)).issuer, sides.alpha.issuer)
            })
          )
        }).pipe(Effect.provide(NotificationInbox.layer))
      )
    }

    it.effect(`resume each its own authentications from the store that both share (${how})`, () =>
      Effect.gen(function* () {
        const sides = yield* make()
        const handled: Array<readonly [name: string, issuer: string]> = []
        yield* program(sides, (contexts) =>
          Effect.gen(function* () {
            const both = [sides.alpha, sides.beta]
            for (const { name } of both) yield* Effect.provide(initiate, contexts[name])
            const resumed = yield* Effect.forEach(both, ({ name }) =>
              Ciba.resumeAll((outcome) =>
                Effect.sync(
                  () => void handled.push([name, Result.isSuccess(outcome) ? outcome.success.issuer : "none"])
                )
              ).pipe(Effect.provide(contexts[name]), Effect.forkChild)
            )
            yield* advance("5 seconds")
            yield* Effect.forEach(resumed, Fiber.join)
          })
        ).pipe(Effect.provide(NotificationInbox.layer))
        assert.sameDeepMembers(handled, [
          ["alpha", sides.alpha.issuer],
          ["beta", sides.beta.issuer]
        ])
      }).pipe(Effect.provide(PendingStore.layerMemory))
    )
  })
}
