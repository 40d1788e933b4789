/**
 * A CIBA provider in memory, behind the `HttpClient` that it brings with it.
 *
 * **Details**
 *
 * - It answers for one issuer: discovery in both layouts, the key set, the backchannel authentication endpoint and the
 *   token endpoint. Any other host cannot be reached. Clients that are registered for ping or push get calls to send.
 * - What it has issued, it refreshes, describes and revokes, and it tells who approved: UserInfo knows the `sub`.
 * - It is strict where CIBA Core 1.0 is: client authentication, hints, parameters sent twice, pace, expiry, single use.
 * - It takes signed requests and DPoP proofs, and each assertion, signed request and proof once: it remembers every `jti`.
 * - Its time is the `Clock`, so that `TestClock` owns it; its random values come from `WebCrypto`, so that they can be
 *   seeded. Answers arrive without real asynchrony, and `TestClock.adjust` waits for its signatures.
 * - People behave as `user` says, or as the test decides with `approve` and `deny`.
 *
 * **Gotchas**
 *
 * - A signature that the program under test makes itself is real asynchrony, for which `TestClock.adjust` does not
 *   wait. With `private_key_jwt`, await `Ciba.initiate` before the clock moves, then adjust it poll by poll, each time
 *   followed by `afterPolls`.
 *
 * **Example** (A person who takes twelve seconds)
 *
 * ```ts
 * import { TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const program = Effect.gen(function* () {
 *   const provider = yield* TestProvider.TestProvider
 *   yield* HttpClient.get(`${provider.issuer}/.well-known/openid-configuration`)
 *   return (yield* provider.requests).map((request) => [request.endpoint, request.status])
 * }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "12 seconds" }) })))
 *
 * await Effect.runPromise(program) // => [["discovery", 200]]
 * ```
 *
 * @see CIBA Core 1.0 sections 7, 10.1 and 11
 */
import { Clock, Context, Effect, identity, Layer, Redacted, Schema } from "effect"
import { HttpClient } from "effect/http"
import * as AuthenticationRequests from "./internal/AuthenticationRequests.ts"
import { yieldWhile } from "./internal/AwaitUnderTestClock.ts"
import * as BackchannelEndpoint from "./internal/BackchannelEndpoint.ts"
import * as ClientAuthenticator from "./internal/ClientAuthenticator.ts"
import * as Directory from "./internal/Directory.ts"
import * as DpopProofs from "./internal/DpopProofs.ts"
import * as Hints from "./internal/Hints.ts"
import * as InMemoryHttp from "./internal/InMemoryHttp.ts"
import * as IntrospectionEndpoint from "./internal/IntrospectionEndpoint.ts"
import * as IssuedTokens from "./internal/IssuedTokens.ts"
import * as Notifications from "./internal/Notifications.ts"
import * as ProviderResponse from "./internal/ProviderResponse.ts"
import * as PublishedKeys from "./internal/PublishedKeys.ts"
import * as RequestLog from "./internal/RequestLog.ts"
import * as RevocationEndpoint from "./internal/RevocationEndpoint.ts"
import * as ScriptPlayer from "./internal/ScriptPlayer.ts"
import * as Settings from "./internal/Settings.ts"
import * as SignedRequests from "./internal/SignedRequests.ts"
import * as TokenEndpoint from "./internal/TokenEndpoint.ts"
import * as UserInfoEndpoint from "./internal/UserInfoEndpoint.ts"
import type { JsonObject, ProviderOptions } from "./ProviderOptions.ts"
import type { RequestRecord } from "./RequestRecord.ts"

/** There is no request that the person could decide on. */
export class NoPendingRequest extends Schema.TaggedError<NoPendingRequest>()("NoPendingRequest", {}) {
  override get message(): string {
    return "No authentication request waits for a decision: it is unknown, decided, or has expired"
  }
}

/** Fewer polls came than were waited for: the clock was not moved far enough, or the wait is over. */
export class PollsMissing extends Schema.TaggedError<PollsMissing>()("PollsMissing", {
  expected: Schema.Int,
  over: Schema.Int
}) {
  override get message(): string {
    return `${this.over} of ${this.expected} polls are over, and no other comes`
  }
}

/** There is nothing to tell the client: it is not to be called, or, in push mode, nothing is decided. */
export class NoNotification extends Schema.TaggedError<NoNotification>()("NoNotification", {}) {
  override get message(): string {
    return "There is nothing to notify: no client that is called has asked, or nothing is decided in push mode"
  }
}

/** What the provider tells the client: bearer and body. */
export interface Notification {
  readonly url: string
  readonly token: string
  readonly body: JsonObject
}

/** A request that waits for the person. */
export interface PendingRequest {
  readonly authReqId: Redacted.Redacted<string>
  readonly clientId: string
  readonly subject: string
  readonly scope: ReadonlyArray<string>
  readonly bindingMessage: string | undefined
  /** In milliseconds on the `Clock`. */
  readonly acknowledgedAt: number
  /** In milliseconds on the `Clock`. */
  readonly expiresAt: number
}

/** What a test may ask of the provider, and do to it. */
export interface Service {
  readonly issuer: string
  /** Every request so far, in the order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
  /** When token requests arrived, in milliseconds on the `Clock`. */
  readonly polls: Effect.Effect<ReadonlyArray<number>>
  /** How many token requests for the same `auth_req_id` have ever been open at once. */
  readonly inFlightMax: Effect.Effect<number>
  /**
   * Waits, without the clock, until so many token requests are over, answered or not, and the caller has had its turn.
   * For programs that do real asynchronous work between two polls, such as signing an assertion.
   */
  readonly afterPolls: (count: number) => Effect.Effect<void, PollsMissing>
  /** How many requests the caller gave up on before they were answered. */
  readonly aborted: Effect.Effect<number>
  /** The requests that wait for a decision, oldest first. */
  readonly pending: Effect.Effect<ReadonlyArray<PendingRequest>>
  /** The person approves: this request, or else the latest pending one. */
  readonly approve: (authReqId?: string | Redacted.Redacted<string>) => Effect.Effect<void, NoPendingRequest>
  /** The person refuses: this request, or else the latest pending one. */
  readonly deny: (authReqId?: string | Redacted.Redacted<string>) => Effect.Effect<void, NoPendingRequest>
  /**
   * The call that the provider makes at the client's notification endpoint: a ping, or a push of what was decided. Send it
   * with `fetch`, or give it to `NotificationReceiver.toWebHandler`; or drop it, send it twice, or forge it.
   */
  readonly notification: (options?: {
    /** The request that it is about; the latest by default. */
    readonly authReqId?: string | Redacted.Redacted<string> | undefined
    readonly forge?: ((call: Notification) => Notification) | undefined
  }) => Effect.Effect<Request, NoNotification>
  /** From now on, other keys sign, and only those are published. */
  readonly rotateKeys: Effect.Effect<void>
  /** From now on, DPoP proofs need another nonce than before, if they need one. */
  readonly rotateDpopNonce: Effect.Effect<void>
  /** The thumbprint of the key that an access token is bound to, if it is (`jkt`, RFC 9449 section 6.1). */
  readonly keyThumbprint: (accessToken: string | Redacted.Redacted<string>) => Effect.Effect<string | undefined>
}

/** The provider, as the test sees it. */
export class TestProvider extends Context.Service<TestProvider, Service>()("@effect-ciba/testing/TestProvider") {}

/** Makes a provider, and the client that reaches it. */
export const make = Effect.fnUntraced(function* (
  options: ProviderOptions = {}
): Effect.fn.Return<{ readonly provider: Service; readonly client: HttpClient.HttpClient }> {
  const settings = Settings.make(options)
  const keys = yield* PublishedKeys.make(settings)
  const log = RequestLog.make()
  const requests = AuthenticationRequests.make(settings)
  const authenticate = ClientAuthenticator.make(settings)
  const proofs = DpopProofs.make(settings)
  const tokens = IssuedTokens.make(settings, keys)

  const client = InMemoryHttp.make({
    route: (url) => Directory.route(settings.issuer, url),
    handlers: {
      discovery: () => Effect.sync(() => ProviderResponse.json(200, Directory.metadata(settings))),
      keys: () => Effect.sync(() => ProviderResponse.json(200, settings.keys(keys.document()))),
      backchannel: BackchannelEndpoint.make(settings, {
        authenticate,
        proofs,
        requests,
        identify: Hints.make(settings, keys),
        open: SignedRequests.make(settings)
      }),
      token: TokenEndpoint.make(settings, { authenticate, requests, tokens, proofs }),
      userinfo: UserInfoEndpoint.make(settings, { proofs, tokens }),
      introspection: IntrospectionEndpoint.make(settings, { authenticate, tokens }),
      revocation: RevocationEndpoint.make({ authenticate, tokens }),
      elsewhere: () => Effect.succeed(ProviderResponse.html(404))
    },
    log,
    play: ScriptPlayer.make(options),
    requests
  })

  const decide = (approved: boolean): Service["approve"] =>
    Effect.fnUntraced(function* (authReqId) {
      const at = yield* Clock.currentTimeMillis
      const wanted = authReqId === undefined ? undefined : plain(authReqId)
      const entry = requests.pending(at).findLast((candidate) => wanted === undefined || candidate.authReqId === wanted)
      if (entry === undefined) return yield* new NoPendingRequest()
      requests.decide(entry.authReqId, { approved, at })
    })

  const notify = Notifications.make({ issue: tokens.issue, requests })

  const notification: Service["notification"] = Effect.fnUntraced(function* ({ authReqId, forge = identity } = {}) {
    const wanted = authReqId === undefined ? undefined : plain(authReqId)
    const entry = requests
      .all()
      .findLast(({ authReqId, notificationToken }) =>
        wanted === undefined ? notificationToken !== undefined : authReqId === wanted
      )
    const call = entry && (yield* notify(entry))
    if (call === undefined) return yield* new NoNotification()
    const { body, token, url } = forge(call)
    return new Request(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: ProviderResponse.json(200, body).body
    })
  })

  const provider = TestProvider.of({
    issuer: settings.issuer,
    requests: Effect.sync(log.records),
    polls: Effect.sync(() => log.records().flatMap((record) => (record.endpoint === "token" ? [record.at] : []))),
    inFlightMax: Effect.sync(log.inFlightMax),
    afterPolls: Effect.fnUntraced(function* (expected) {
      let turns = 0
      yield* yieldWhile(() => log.pollsOver() < expected && turns++ < 100_000)
      if (log.pollsOver() < expected) return yield* new PollsMissing({ expected, over: log.pollsOver() })
      yield* Effect.yieldNow
    }),
    aborted: Effect.sync(log.aborted),
    pending: Effect.map(Clock.currentTimeMillis, (now) => requests.pending(now).map(pendingRequest)),
    approve: decide(true),
    deny: decide(false),
    notification,
    rotateKeys: keys.rotate,
    rotateDpopNonce: proofs.rotate,
    keyThumbprint: (accessToken) => Effect.sync(() => tokens.keyThumbprint(plain(accessToken)))
  })
  return { provider, client }
})

/** The provider and its `HttpClient` as a layer. */
export const layer = (options?: ProviderOptions): Layer.Layer<TestProvider | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), ({ client, provider }) =>
      Context.make(TestProvider, provider).pipe(Context.add(HttpClient.HttpClient, client))
    )
  )

const plain = (secret: string | Redacted.Redacted<string>): string =>
  Redacted.isRedacted(secret) ? Redacted.value(secret) : secret

const pendingRequest = (entry: AuthenticationRequests.Entry): PendingRequest => ({
  authReqId: Redacted.make(entry.authReqId, { label: "auth_req_id" }),
  clientId: entry.client.clientId,
  subject: entry.user.subject,
  scope: entry.scope.split(" "),
  bindingMessage: entry.bindingMessage,
  acknowledgedAt: entry.acknowledgedAt,
  expiresAt: entry.expiresAt
})
