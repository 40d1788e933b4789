/**
 * A CIBA provider in memory, for tests of a client: the provider and the `HttpClient` that reaches it.
 *
 * **Details**
 *
 * - It has one issuer with discovery, JWK Set, and the endpoints for backchannel authentication, tokens, UserInfo,
 *   introspection and revocation. No other host can be reached. It sends the notifications of ping and push to the
 *   endpoint of `deliverTo`; without one, the test takes them from `notification`.
 * - It is as strict as CIBA Core 1.0: about client authentication, hints, repeated parameters, polling interval, expiry
 *   and reuse. A client assertion, signed request or DPoP proof is accepted once.
 * - End-users behave as `user` says, or as the test decides with `approve` and `deny`.
 * - Its time is the `Clock`, so `TestClock` controls it, and `TestClock.adjust` waits for its signatures. Its random values
 *   come from `WebCrypto`, so a test can seed them.
 *
 * **Gotchas**
 *
 * Effect's own `TestClock` does not wait for signatures that the program under test makes itself; `TestTime` does.
 * `CibaTest.layer` wires both, and the client.
 *
 * **Example** (An end-user who takes twelve seconds)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Fiber, Layer } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provideMerge(TestProvider.layer({ user: TestUser.approve({ after: "12 seconds" }) })))
 *
 * const program = Effect.gen(function* () {
 *   const provider = yield* TestProvider.TestProvider
 *   const fiber = yield* Effect.forkChild(
 *     Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   )
 *   yield* TestClock.adjust("1 minute")
 *   return { subject: (yield* Fiber.join(fiber)).subject, polls: yield* provider.polls }
 * }).pipe(Effect.provide(CibaTest), Effect.provide(TestClock.layer()))
 *
 * await Effect.runPromise(program) // => { subject: "jo", polls: [5000, 10000, 15000] }
 * ```
 *
 * @see CIBA Core 1.0
 */
import { Clock, Context, Duration, Effect, Layer, Predicate, Redacted, Schema, type Scope } from "effect"
import { HttpClient } from "effect/http"
import * as AuthenticationRequests from "./internal/AuthenticationRequests.ts"
import * as BackchannelEndpoint from "./internal/BackchannelEndpoint.ts"
import * as ClientAuthenticator from "./internal/ClientAuthenticator.ts"
import * as DpopProofs from "./internal/DpopProofs.ts"
import * as InMemoryHttp from "./internal/InMemoryHttp.ts"
import * as IssuedTokens from "./internal/IssuedTokens.ts"
import * as MetadataDocument from "./internal/MetadataDocument.ts"
import * as NotificationDelivery from "./internal/NotificationDelivery.ts"
import * as Notifications from "./internal/Notifications.ts"
import * as ProviderResponse from "./internal/ProviderResponse.ts"
import * as PublishedKeys from "./internal/PublishedKeys.ts"
import * as RequestLog from "./internal/RequestLog.ts"
import * as Routes from "./internal/Routes.ts"
import * as ScriptPlayer from "./internal/ScriptPlayer.ts"
import * as Settings from "./internal/Settings.ts"
import * as SignedRequests from "./internal/SignedRequests.ts"
import * as TokenEndpoint from "./internal/TokenEndpoint.ts"
import * as TokenManagementEndpoints from "./internal/TokenManagementEndpoints.ts"
import * as UserHints from "./internal/UserHints.ts"
import * as UserInfoEndpoint from "./internal/UserInfoEndpoint.ts"
import type { ProviderOptions } from "./ProviderOptions.ts"
import { reset, type Step } from "./ProviderScript.ts"
import type { RequestRecord } from "./RequestRecord.ts"
import type { Approval } from "./TestUser.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Delivery, Endpoint } from "./internal/NotificationDelivery.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Notification } from "./internal/Notifications.ts"

/**
 * The end-user can decide on no request: it is unknown, decided or expired.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class NoPendingRequest extends Schema.TaggedError<NoPendingRequest>()("NoPendingRequest", {}) {
  override get message(): string {
    return "No authentication request waits for a decision: it is unknown, decided, or has expired"
  }
}

/**
 * There is no notification to send: no request of a ping or push client, or in push mode no decision.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class NoNotification extends Schema.TaggedError<NoNotification>()("NoNotification", {}) {
  override get message(): string {
    return "There is nothing to notify: no ping or push client has sent a request, or a push has no decision yet"
  }
}

/**
 * A request without a decision of its end-user.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface PendingRequest {
  readonly authReqId: Redacted.Redacted<string>
  readonly clientId: string
  readonly subject: string
  readonly scope: ReadonlyArray<string>
  readonly bindingMessage: string | undefined
  /** In milliseconds on the `Clock`, as `expiresAt`. */
  readonly acknowledgedAt: number
  readonly expiresAt: number
}

/**
 * An `auth_req_id`, as a response has it or as the client keeps it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type AuthReqId = string | Redacted.Redacted<string>

/**
 * What the end-user approves, and which request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ApproveOptions extends Approval {
  /** The latest pending request by default. */
  readonly authReqId?: AuthReqId | undefined
}

/**
 * What a test can observe and do.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  readonly issuer: string
  /** Every request so far, in the order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
  /** When token requests were received, in milliseconds on the `Clock`. */
  readonly polls: Effect.Effect<ReadonlyArray<number>>
  /** The most token requests for one `auth_req_id` that were ever in flight at once. */
  readonly inFlightMax: Effect.Effect<number>
  /** How many requests the caller interrupted before the response. */
  readonly aborted: Effect.Effect<number>
  /** The requests without a decision, oldest first. */
  readonly pending: Effect.Effect<ReadonlyArray<PendingRequest>>
  /** The end-user approves this request, or else the latest pending one; as a whole, or as the options say. */
  readonly approve: (approval?: AuthReqId | ApproveOptions) => Effect.Effect<void, NoPendingRequest>
  /** The end-user denies this request, or else the latest pending one. */
  readonly deny: (authReqId?: AuthReqId) => Effect.Effect<void, NoPendingRequest>
  /**
   * The request that the provider sends to the client notification endpoint: a ping, or a push of the result. Send it with
   * `fetch`, or pass it to `NotificationReceiver.toWebHandler`; or forge it.
   */
  readonly notification: (options?: {
    /** The request that it is about; the latest by default. */
    readonly authReqId?: AuthReqId | undefined
    readonly forge?: ((notification: Notifications.Notification) => Notifications.Notification) | undefined
  }) => Effect.Effect<Request, NoNotification>
  /**
   * As long as the scope is open, this endpoint receives every notification when its end-user has decided, or as
   * `notificationScript` says. One that was due before is sent now, and the endpoint that came last receives all.
   */
  readonly deliverTo: (endpoint: NotificationDelivery.Endpoint) => Effect.Effect<void, never, Scope.Scope>
  /** The notifications that went to `deliverTo`, or were lost on the way, in the order in which they were sent. */
  readonly deliveries: Effect.Effect<ReadonlyArray<NotificationDelivery.Delivery>>
  /** From now on for so long, this happens to each request, `reset` by default, and notifications are lost. */
  readonly disrupt: (duration: Duration.Input, step?: Step) => Effect.Effect<void>
  /** From now on other keys sign, and only those are published. */
  readonly rotateKeys: Effect.Effect<void>
  /** From now on DPoP proofs must contain another nonce, if they must contain one. */
  readonly rotateDpopNonce: Effect.Effect<void>
  /** The thumbprint of the key that an access token is bound to, if any (`jkt`, RFC 9449 section 6.1). */
  readonly keyThumbprint: (accessToken: string | Redacted.Redacted<string>) => Effect.Effect<string | undefined>
}

/**
 * The provider, as a test controls it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class TestProvider extends Context.Service<TestProvider, Service>()("@effect-ciba/testing/TestProvider") {}

/**
 * Makes a provider, and the client that reaches it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options: ProviderOptions = {}
): Effect.fn.Return<{ readonly provider: Service; readonly client: HttpClient.HttpClient }> {
  const settings = Settings.make(options)
  const { runOnProviderClock } = settings
  const keys = yield* PublishedKeys.make(settings)
  const log = RequestLog.make()
  const requests = AuthenticationRequests.make(settings)
  const proofs = DpopProofs.make(settings)
  const tokens = IssuedTokens.make(settings, keys)
  const notify = Notifications.make({ issue: tokens.issue, requests, runOnProviderClock })
  const rotations: ScriptPlayer.Rotations = { keys: keys.rotate, dpopNonce: proofs.rotate }
  const player = ScriptPlayer.make(options, rotations)
  const delivery = NotificationDelivery.make({ notify, player, requests, rotations, runOnProviderClock })
  const decide = decideOn(requests)

  const provider = TestProvider.of({
    issuer: settings.issuer,
    requests: Effect.sync(log.records),
    polls: Effect.sync(() => log.records().flatMap((record) => (record.endpoint === "token" ? [record.at] : []))),
    inFlightMax: Effect.sync(log.inFlightMax),
    aborted: Effect.sync(log.abortedCount),
    pending: runOnProviderClock(
      Effect.map(Clock.currentTimeMillis, (now) => requests.pending(now).map(toPendingRequest))
    ),
    approve: (approval = {}) =>
      runOnProviderClock(isAuthReqId(approval) ? decide(approval, {}) : decide(approval.authReqId, approval)),
    deny: (authReqId) => runOnProviderClock(decide(authReqId, undefined)),
    notification: ({ authReqId, forge } = {}) =>
      Effect.flatMap(notify(authReqId && reveal(authReqId), forge), (request) =>
        request === undefined ? Effect.fail(new NoNotification()) : Effect.succeed(request)
      ),
    deliverTo: delivery.deliverTo,
    deliveries: Effect.sync(delivery.deliveries),
    disrupt: (duration, step = reset) => player.disrupt(Duration.fromInputUnsafe(duration), step),
    rotateKeys: rotations.keys,
    rotateDpopNonce: rotations.dpopNonce,
    keyThumbprint: (accessToken) => Effect.sync(() => tokens.keyThumbprint(reveal(accessToken)))
  })
  const client = InMemoryHttp.make({
    findEndpoint: (url) => Routes.findEndpoint(settings.issuer, url),
    handlers: handlers({ settings, keys, requests, proofs, tokens }),
    log,
    play: player.play,
    requests,
    settings
  })
  return { provider, client }
})

/**
 * A provider of its own for each call, and its `HttpClient`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: ProviderOptions): Layer.Layer<TestProvider | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), ({ client, provider }) =>
      Context.make(TestProvider, provider).pipe(Context.add(HttpClient.HttpClient, client))
    )
  )

const handlers = ({
  keys,
  proofs,
  requests,
  settings,
  tokens
}: {
  readonly settings: Settings.Settings
  readonly keys: PublishedKeys.PublishedKeys
  readonly requests: AuthenticationRequests.AuthenticationRequests
  readonly proofs: DpopProofs.DpopProofs
  readonly tokens: IssuedTokens.IssuedTokens
}): InMemoryHttp.Handlers => {
  const authenticate = ClientAuthenticator.make(settings)
  return {
    discovery: () => Effect.sync(() => ProviderResponse.json(200, MetadataDocument.make(settings))),
    keys: () => Effect.sync(() => ProviderResponse.json(200, settings.keys(keys.jwkSet()))),
    backchannel: BackchannelEndpoint.make(settings, {
      authenticate,
      proofs,
      requests,
      findUser: UserHints.make(settings, keys),
      readParameters: SignedRequests.make(settings)
    }),
    token: TokenEndpoint.make(settings, { authenticate, requests, tokens, proofs }),
    userinfo: UserInfoEndpoint.make(settings, { proofs, tokens }),
    introspection: TokenManagementEndpoints.introspection(settings, { authenticate, tokens }),
    revocation: TokenManagementEndpoints.revocation({ authenticate, tokens }),
    elsewhere: () => Effect.succeed(ProviderResponse.html(404))
  }
}

const decideOn = (requests: AuthenticationRequests.AuthenticationRequests) =>
  Effect.fnUntraced(function* (
    authReqId: AuthReqId | undefined,
    approval: Approval | undefined
  ): Effect.fn.Return<void, NoPendingRequest> {
    const at = yield* Clock.currentTimeMillis
    const id = authReqId && reveal(authReqId)
    const entry = requests.pending(at).findLast((candidate) => id === undefined || candidate.authReqId === id)
    if (entry === undefined) return yield* new NoPendingRequest()
    requests.decide(entry.authReqId, at, approval)
  })

const isAuthReqId = (value: AuthReqId | ApproveOptions): value is AuthReqId =>
  Predicate.isString(value) || Redacted.isRedacted(value)

const reveal = (secret: AuthReqId): string => (Redacted.isRedacted(secret) ? Redacted.value(secret) : secret)

const toPendingRequest = (entry: AuthenticationRequests.Entry): PendingRequest => ({
  authReqId: Redacted.make(entry.authReqId, { label: "auth_req_id" }),
  clientId: entry.client.clientId,
  subject: entry.user.subject,
  scope: entry.scope.split(" "),
  bindingMessage: entry.bindingMessage,
  acknowledgedAt: entry.acknowledgedAt,
  expiresAt: entry.expiresAt
})
