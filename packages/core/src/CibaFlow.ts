/**
 * The flow over its steps: request, wait, verification, and what is persisted and reported in between. `Ciba` puts it
 * behind a service and a layer.
 */
import { DateTime, Duration, Effect, Equal, Option, type Redacted, type Stream } from "effect"
import { type CompletionError, isFinal, isTransient } from "./CibaError.ts"
import * as ClientRegistration from "./client/ClientRegistration.ts"
import * as JwsAlgorithm from "./crypto/JwsAlgorithm.ts"
import * as IdTokenVerifier from "./identity/IdTokenVerifier.ts"
import type { VerifiedIdentity } from "./identity/VerifiedIdentity.ts"
import { cappedExponential } from "./internal/Backoff.ts"
import * as Span from "./internal/Span.ts"
import * as NotificationInbox from "./notification/NotificationInbox.ts"
import { type PendingAuthentication, update } from "./pending/PendingAuthentication.ts"
import * as PendingStore from "./pending/PendingStore.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import * as ProviderKeys from "./provider/ProviderKeys.ts"
import * as SignatureVerifier from "./provider/SignatureVerifier.ts"
import * as AuthenticationRequest from "./request/AuthenticationRequest.ts"
import {
  AuthenticationRequestError,
  DuplicateAuthReqId,
  InvalidParameter
} from "./request/AuthenticationRequestError.ts"
import * as BackchannelAuthentication from "./request/BackchannelAuthentication.ts"
import type { TokenResponse } from "./token/TokenResponse.ts"
import { type CibaEvent, Step } from "./wait/CibaEvent.ts"
import * as CibaEvents from "./wait/CibaEvents.ts"
import type * as WaitDriver from "./wait/WaitDriver.ts"

/** The flow in its two halves. */
export interface CibaFlow {
  /** Sends the authentication request; succeeds with what waiting for the result needs. */
  readonly initiate: (
    request: AuthenticationRequest.Options
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
  /** Waits for the result, and verifies it. */
  readonly complete: (pending: PendingAuthentication) => Effect.Effect<VerifiedIdentity, CompletionError>
  /** The same, but leaves the authentication in the store until `forget`. */
  readonly completeRetained: (pending: PendingAuthentication) => Effect.Effect<VerifiedIdentity, CompletionError>
  /** Removes a completed authentication from the store. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
  /** The events of all authentications, from the moment of subscription. */
  readonly events: Stream.Stream<CibaEvent>
}

/** The flow with these waits. */
export const make = Effect.fnUntraced(function* (
  driver: WaitDriver.Service
): Effect.fn.Return<CibaFlow, never, Effect.Services<typeof collectParts>> {
  const parts = { ...(yield* collectParts), driver }
  const removeStored = (pending: PendingAuthentication) =>
    parts.store.isPresent ? Effect.andThen(driver.awaitSave(pending), parts.store.remove(pending)) : Effect.void
  const forget = (pending: PendingAuthentication) =>
    Effect.andThen(Effect.andThen(removeStored(pending), driver.forget(pending)), parts.inbox.close(pending))
  return {
    initiate: makeInitiate(parts),
    complete: (pending) => complete(parts, pending, forget),
    completeRetained: (pending) => complete(parts, pending, () => Effect.void),
    forget,
    events: parts.events.events
  }
})

/** Completes; a provider that cannot be reached is tried again until the authentication expires. */
export const completeReachable = (
  ciba: CibaFlow,
  pending: PendingAuthentication
): Effect.Effect<VerifiedIdentity, CompletionError> =>
  Effect.retry(ciba.completeRetained(pending), {
    schedule: cappedExponential,
    while: (error) =>
      Effect.map(DateTime.now, (now) => isTransient(error) && DateTime.isLessThan(now, pending.expiresAt))
  })

const collectParts = Effect.all({
  registration: ClientRegistration.ClientRegistration,
  backchannel: BackchannelAuthentication.BackchannelAuthentication,
  verifier: IdTokenVerifier.IdTokenVerifier,
  keys: ProviderKeys.ProviderKeys,
  events: CibaEvents.CibaEvents,
  store: PendingStore.bestEffort,
  inbox: NotificationInbox.orNone
})

type Parts = Effect.Success<typeof collectParts> & { readonly driver: WaitDriver.Service }

const makeInitiate = (parts: Parts): CibaFlow["initiate"] => {
  const { backchannel, inbox, registration } = parts
  const send = (request: AuthenticationRequest.AuthenticationRequest) => {
    const { clientNotificationToken: token } = request
    return Effect.uninterruptibleMask((restore) =>
      expectNotification(parts, token).pipe(
        Effect.andThen(
          restore(backchannel.send(request)).pipe(
            Effect.tap((pending) => ensureNew(parts, pending)),
            Effect.onError(() => (token === undefined ? Effect.void : inbox.unregister(token)))
          )
        ),
        Effect.tap((pending) => recordAcknowledgement(parts, pending))
      )
    )
  }
  return (options) =>
    Span.trace(
      "Ciba.initiate",
      Effect.flatMap(
        Effect.provideService(AuthenticationRequest.make(options), ClientRegistration.ClientRegistration, registration),
        send
      )
    )
}

/** A notification may arrive before the acknowledgement does. */
const expectNotification = ({ inbox, registration: { deliveryMode } }: Parts, token?: Redacted.Redacted) =>
  token === undefined || deliveryMode === "poll" ? Effect.void : registerNotification(inbox, deliveryMode, token)

const registerNotification = Effect.fnUntraced(function* (
  inbox: NotificationInbox.Service,
  deliveryMode: "ping" | "push",
  token: Redacted.Redacted
) {
  const expiresAt = DateTime.addDuration(yield* DateTime.now, "1 hour")
  if (yield* inbox.expect({ token, deliveryMode, expiresAt })) return
  const problem = "another request has it; leave it out to use a generated one"
  yield* new AuthenticationRequestError({
    reason: new InvalidParameter({ parameter: "client_notification_token", problem })
  })
})

/** Two requests with one `auth_req_id` cannot be told apart. */
const ensureNew = ({ driver }: Parts, pending: PendingAuthentication) =>
  Effect.flatMap(driver.register(pending), (isNew) =>
    isNew ? Effect.void : Effect.fail(new AuthenticationRequestError({ reason: new DuplicateAuthReqId() }))
  )

/** The provider contacts the end-user now: the authentication is persisted before anything else happens. */
const recordAcknowledgement = (
  { events, inbox, store }: Parts,
  pending: PendingAuthentication
): Effect.Effect<void> => {
  const { deliveryMode, expiresAt, id } = pending
  const opened = Effect.flatMap(
    Span.annotate({ "ciba.authentication.id": id, "ciba.delivery_mode": deliveryMode }),
    () => events.open(Step.Acknowledged({ id, deliveryMode, expiresAt }))
  )
  const expected = deliveryMode === "poll" ? opened : Effect.andThen(inbox.acknowledge(pending), opened)
  return store.isPresent ? Effect.andThen(store.put(pending), expected) : expected
}

/** What is done with an authentication that has ended. */
type Settle = (pending: PendingAuthentication) => Effect.Effect<void>

type Completion = Effect.Effect<VerifiedIdentity, CompletionError>

const complete = (parts: Parts, given: PendingAuthentication, settle: Settle): Completion =>
  Span.trace(
    "Ciba.complete",
    Effect.flatMap(loadLatest(parts, given), (pending) =>
      Effect.flatMap(recordBegin(parts, pending), () => awaitIdentity(parts, pending, settle))
    )
  )

/** A wait that is not open was acknowledged in another process, or has ended before. */
const recordBegin = ({ events }: Parts, { expiresAt, id }: PendingAuthentication): Effect.Effect<void> =>
  Effect.flatMap(Span.annotate({ "ciba.authentication.id": id }), () =>
    events.isOpen(id) ? Effect.void : events.open(Step.Resumed({ id, expiresAt }))
  )

/** The driver goes on after the other two reasons. */
const isCompletionError = (error: WaitDriver.WaitError): error is WaitDriver.WaitError & CompletionError =>
  error.reason._tag !== "AuthorizationPending" && error.reason._tag !== "SlowDown"

/** Waits for the response and verifies it: again, when its keys may be there. */
const awaitIdentity = (parts: Parts, pending: PendingAuthentication, settle: Settle): Completion =>
  Effect.matchEffect(parts.driver.wait(pending), {
    onFailure: (error) => (isCompletionError(error) ? recordFailure(parts, pending, settle, error) : Effect.die(error)),
    onSuccess: (response) => verify(parts, pending, settle, response)
  })

const verify = (parts: Parts, pending: PendingAuthentication, settle: Settle, response: TokenResponse): Completion => {
  const { driver, verifier } = parts
  return Effect.matchEffect(verifier.verify(response, pending), {
    onFailure: (error) =>
      Effect.flatMap(driver.report(pending, judge(parts, error)), (isRepeated) =>
        isRepeated ? awaitIdentity(parts, pending, settle) : recordFailure(parts, pending, settle, error)
      ),
    onSuccess: (identity) =>
      driver
        .report(pending, { _tag: "Verified" })
        .pipe(
          Effect.andThen(recordOutcome(parts, pending, "approved")),
          Effect.andThen(settle(pending)),
          Effect.as(identity)
        )
  })
}

/** An error that does not end the authentication is not reported. */
const recordFailure = (
  parts: Parts,
  pending: PendingAuthentication,
  settle: Settle,
  error: CompletionError
): Effect.Effect<never, CompletionError> =>
  Effect.andThen(
    isFinal(error, pending)
      ? Effect.andThen(recordOutcome(parts, pending, error.reason._tag), settle(pending))
      : Span.annotate({ "ciba.outcome": error.reason._tag }),
    Effect.fail(error)
  )

const recordOutcome = ({ events }: Parts, { id }: PendingAuthentication, outcome: string): Effect.Effect<void> =>
  Effect.andThen(Span.annotate({ "ciba.outcome": outcome }), events.complete(id, outcome))

/** What a failed verification means to the wait. */
export const judge = (
  {
    keys,
    registration
  }: { readonly keys: ProviderKeys.Service; readonly registration: ClientRegistration.ClientRegistration["Service"] },
  error: CompletionError
): WaitDriver.Verdict => {
  if (isTransient(error)) return { _tag: "KeysUnavailable" }
  const isPublished = keys.coolDown !== undefined && !JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg)
  return isPublished && SignatureVerifier.mayChange(error.reason)
    ? { _tag: "Doubted", retryAfter: Duration.toMillis(keys.coolDown) }
    : { _tag: "Rejected" }
}

/** What is stored may be newer: another process, or another call, has waited since. */
const loadLatest = ({ store }: Parts, pending: PendingAuthentication): Effect.Effect<PendingAuthentication> => {
  const isSame = ({ authReqId, clientId, issuer }: PendingAuthentication) =>
    Equal.equals(authReqId, pending.authReqId) && clientId === pending.clientId && issuer === pending.issuer
  const { hints } = pending
  return store.isPresent
    ? Effect.map(store.get(pending.id), (stored) =>
        Option.match(Option.filter(stored, isSame), {
          onNone: () => pending,
          onSome: (latest) => (hints === undefined ? latest : update(latest, { hints }))
        })
      )
    : Effect.succeed(pending)
}
