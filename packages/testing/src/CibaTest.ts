/**
 * A client and a provider, wired in memory in one layer: the flow, the provider, the endpoint for notifications, and a clock
 * that waits for signatures.
 *
 * **When to use**
 *
 * To test code that needs `Ciba`, in every delivery mode. `docs/testing.md` has ten situations.
 *
 * **Details**
 *
 * - `layer` takes the options of the provider, the delivery mode, and in `ciba` what the client has besides issuer, client
 *   identifier and the secret of `TestClient`.
 * - The provider pings or pushes by itself when the end-user has decided; `notificationScript` says what goes wrong.
 * - Time passes with `TestTime.advance` and `TestTime.fastForward`, or with Effect's `TestClock.adjust`.
 * - `layerProvider` and `layerClient` are the halves, for tests in which the client ends and begins again.
 *
 * **Example** (The end-user takes twelve seconds, and the provider pings)
 *
 * ```ts
 * import { Ciba, UserHint } from "@effect-ciba/core"
 * import { CibaTest, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }
 *   const { subject } = yield* TestTime.fastForward(Ciba.authenticate(request))
 *   return { subject, polls: yield* (yield* TestProvider.TestProvider).polls }
 * })
 *
 * const Test = CibaTest.layer({ deliveryMode: "ping", user: TestUser.approve({ after: "12 seconds" }) })
 *
 * await Effect.runPromise(Effect.provide(program, Test)) // => { subject: "jo", polls: [12000] }
 * ```
 */
import {
  Ciba,
  ClientAuthentication,
  type ClientRegistration,
  NotificationInbox,
  NotificationReceiver,
  type Transport
} from "@effect-ciba/core"
import { Effect, Layer } from "effect"
import type { HttpClient } from "effect/http"
import type { ProviderOptions } from "./ProviderOptions.ts"
import * as TestClient from "./TestClient.ts"
import * as TestProvider from "./TestProvider.ts"
import * as TestTime from "./TestTime.ts"

/**
 * The provider, and a client of any delivery mode.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface AnyOptions<E = never, R = never> extends ProviderOptions {
  /** The registered client; `TestClient.clientSecretBasic()` by default. */
  readonly client?: TestClient.TestClient | undefined
  /** How the result reaches the client; `poll` by default. */
  readonly deliveryMode?: "poll" | "ping" | "push" | undefined
  /** The options of `Ciba.layer`, such as `profile`, and `authentication` for another client than the default. */
  readonly ciba?: Partial<Omit<Ciba.Options<E, R>, "issuer" | "clientId" | "deliveryMode">> | undefined
}

/**
 * The provider, and a client that polls.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options<E = never, R = never> extends AnyOptions<E, R> {
  readonly deliveryMode?: "poll" | "ping" | undefined
}

type LayerError<E> = ClientRegistration.ClientRegistrationError | Transport.InvalidOption | E

/**
 * The services that clients of every delivery mode have, and the inbox of their notifications.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type AnyClientServices = Ciba.PushServices | NotificationInbox.NotificationInbox

/**
 * The services of a client that polls.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type ClientServices = Ciba.Services | NotificationInbox.NotificationInbox

/**
 * The provider, its `HttpClient`, and the time of the test.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type ProviderServices = TestProvider.TestProvider | HttpClient.HttpClient | TestTime.TestTime

/**
 * A client and a provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export function layer<E = never, R = never>(
  options?: Options<E, R>
): Layer.Layer<ClientServices | ProviderServices, LayerError<E>, R>
/**
 * @since 0.1.0
 * @stability unstable
 */
export function layer<E = never, R = never>(
  options: AnyOptions<E, R>
): Layer.Layer<AnyClientServices | ProviderServices, LayerError<E>, R>
/**
 * @since 0.1.0
 * @stability unstable
 */
export function layer<E, R>(
  options: AnyOptions<E, R> = {}
): Layer.Layer<AnyClientServices | ProviderServices, LayerError<E>, R> {
  return Layer.provideMerge(layerClient(options), layerProvider(options))
}

/**
 * The provider alone, which outlives its clients, and the time, which is shared between clients.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layerProvider = <E, R>(options: AnyOptions<E, R> = {}): Layer.Layer<ProviderServices> =>
  Layer.provideMerge(TestProvider.layer({ ...options, client: register(options) }), TestTime.layer)

/**
 * One process of the client: each call is another one, with memory of its own. Of `options` only `client`, `deliveryMode` and
 * `ciba` matter.
 *
 * @since 0.1.0
 * @stability unstable
 */
export function layerClient<E = never, R = never>(
  options?: Options<E, R>
): Layer.Layer<ClientServices, LayerError<E>, TestProvider.TestProvider | HttpClient.HttpClient | R>
/**
 * @since 0.1.0
 * @stability unstable
 */
export function layerClient<E = never, R = never>(
  options: AnyOptions<E, R>
): Layer.Layer<AnyClientServices, LayerError<E>, TestProvider.TestProvider | HttpClient.HttpClient | R>
/**
 * @since 0.1.0
 * @stability unstable
 */
export function layerClient<E, R>(
  options: AnyOptions<E, R> = {}
): Layer.Layer<AnyClientServices, LayerError<E>, TestProvider.TestProvider | HttpClient.HttpClient | R> {
  return Layer.unwrap(
    Effect.map(TestProvider.TestProvider, ({ issuer }) => {
      const { clientId } = register(options)
      const authentication = ClientAuthentication.clientSecretBasic(TestClient.secret)
      const common = { authentication, ...options.ciba, issuer, clientId }
      const client: Layer.Layer<
        Ciba.PushServices,
        LayerError<E>,
        HttpClient.HttpClient | NotificationInbox.NotificationInbox | R
      > = options.deliveryMode === "push"
        ? Ciba.layer({ ...common, deliveryMode: "push" })
        : Ciba.layer({ ...common, deliveryMode: options.deliveryMode })
      return Layer.merge(client, layerEndpoint()).pipe(Layer.provideMerge(Layer.fresh(NotificationInbox.layer)))
    })
  )
}

/** The client as the provider knows it. */
const register = ({
  client = TestClient.clientSecretBasic(),
  deliveryMode = "poll"
}: Pick<AnyOptions, "client" | "deliveryMode">): TestClient.TestClient => ({
  ...client,
  notification: deliveryMode === "poll" ? undefined : { deliveryMode, url: "https://client.test/ciba" }
})

/** What receives the notifications of the provider. */
const layerEndpoint = () =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      yield* provider.deliverTo(yield* Effect.orDie(NotificationReceiver.toWebHandler()))
    })
  )
