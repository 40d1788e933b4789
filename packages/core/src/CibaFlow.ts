/**
 * The flow over its steps: request, wait, verification, and what is persisted and reported in between. `Ciba` puts it
 * behind a service and a layer.
 */
import { DateTime, Effect, Equal, Option, type Redacted, Schedule, type Stream } from "effect"
import { type CibaError, type CompletionError, isFinal, isTransient } from "./CibaError.ts"
import * as ClientRegistration from "./client/ClientRegistration.ts"
import * as IdTokenVerifier from "./identity/IdTokenVerifier.ts"
import type { VerifiedIdentity } from "./identity/VerifiedIdentity.ts"
import { cappedExponential } from "./internal/Backoff.ts"
import * as NotificationInbox from "./notification/NotificationInbox.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import * as PendingStore from "./pending/PendingStore.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import * as AuthenticationRequest from "./request/AuthenticationRequest.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import * as BackchannelAuthentication from "./request/BackchannelAuthentication.ts"
import * as TokenRequest from "./token/TokenRequest.ts"
import type { TokenResponse } from "./token/TokenResponse.ts"
import { type CibaEvent, Step } from "./wait/CibaEvent.ts"
import * as CibaEvents from "./wait/CibaEvents.ts"
import * as SameClient from "./wait/SameClient.ts"

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

/** A way to wait for the token response: by polling, or for a push. */
export interface Wait {
  readonly wait: (pending: PendingAuthentication) => Effect.Effect<TokenResponse, CompletionError>
  /** Releases the token response, which is retained until then. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
}

/** The flow with this way to wait. */
export const make = Effect.fnUntraced(function* (
  wait: Wait
): Effect.fn.Return<CibaFlow, never, Effect.Services<typeof collectParts>> {
  const parts = { ...(yield* collectParts), wait }
  const completeRetained = makeCompleteRetained(parts)
  const forget = (pending: PendingAuthentication) =>
    Effect.all([parts.store.remove(pending), wait.forget(pending), parts.inbox.close(pending)], { discard: true })
  return {
    initiate: makeInitiate(parts),
    complete: (pending) =>
      completeRetained(pending).pipe(
        Effect.tap(() => forget(pending)),
        Effect.tapError((error) => (isFinal(error, pending) ? forget(pending) : Effect.void))
      ),
    completeRetained,
    forget,
    events: parts.events.events
  }
})

/** Records the error's reason on the current span, as OpenTelemetry's conventions have it. */
export const annotateErrorType = <A, E extends CibaError, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tapError(effect, ({ reason }) => Effect.annotateCurrentSpan("error.type", reason._tag))

const collectParts = /* @__PURE__ */ Effect.all({
  registration: ClientRegistration.ClientRegistration,
  backchannel: BackchannelAuthentication.BackchannelAuthentication,
  verifier: IdTokenVerifier.IdTokenVerifier,
  ensureSameClient: SameClient.make,
  events: CibaEvents.CibaEvents,
  store: PendingStore.bestEffort,
  inbox: NotificationInbox.orNone
})

type Parts = Effect.Success<typeof collectParts> & { readonly wait: Wait }

const makeInitiate = (parts: Parts): CibaFlow["initiate"] => {
  const { backchannel, inbox, registration } = parts
  return Effect.fn("Ciba.initiate")(function* (options) {
    const request = yield* AuthenticationRequest.make(options).pipe(
      Effect.provideService(ClientRegistration.ClientRegistration, registration)
    )
    const { clientNotificationToken: token } = request
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.andThen(expectNotification(parts, token), restore(backchannel.send(request))).pipe(
        Effect.onError(() => (token === undefined ? Effect.void : inbox.unregister(token))),
        Effect.tap((pending) => recordAcknowledgement(parts, pending))
      )
    )
  }, annotateErrorType)
}

/** A notification may arrive before the acknowledgement does. */
const expectNotification = Effect.fnUntraced(function* ({ inbox, registration }: Parts, token?: Redacted.Redacted) {
  const { deliveryMode } = registration
  if (token === undefined || deliveryMode === "poll") return
  yield* inbox.expect({ token, deliveryMode, expiresAt: DateTime.add(yield* DateTime.now, { hours: 1 }) })
})

/** The provider contacts the end-user now: the authentication is persisted before anything else happens. */
const recordAcknowledgement = Effect.fnUntraced(function* (
  { events, inbox, store }: Parts,
  pending: PendingAuthentication
) {
  const { deliveryMode, expiresAt, id } = pending
  yield* Effect.annotateCurrentSpan({ "ciba.authentication.id": id, "ciba.delivery_mode": deliveryMode })
  yield* store.put(pending)
  yield* inbox.acknowledge(pending)
  yield* events.publish(Step.Acknowledged({ id, deliveryMode, expiresAt }))
})

const makeCompleteRetained = (parts: Parts): CibaFlow["completeRetained"] => {
  const { ensureSameClient, events, verifier, wait } = parts

  const receive = (pending: PendingAuthentication) =>
    pending.received === undefined
      ? wait.wait(pending)
      : Effect.andThen(ensureSameClient(pending), TokenRequest.decodeReceived(pending.received, pending))

  return Effect.fn("Ciba.complete")(function* (given) {
    const pending = yield* loadLatest(parts, given)
    const { expiresAt, id } = pending
    yield* Effect.annotateCurrentSpan("ciba.authentication.id", id)
    if (!events.isOpen(id)) yield* events.publish(Step.Resumed({ id, expiresAt }))
    const identity = Effect.flatMap(receive(pending), (response) =>
      Effect.retry(verifier.verify(response, pending), { schedule: keyRetries, while: isTransient })
    )
    return yield* events.trackActive(id, recordOutcome(parts, pending, identity))
  }, annotateErrorType)
}

/** What is stored may be newer: another process, or another call, has waited since. */
const loadLatest = Effect.fnUntraced(function* ({ store }: Parts, pending: PendingAuthentication) {
  const isSame = ({ authReqId, clientId, issuer }: PendingAuthentication) =>
    Equal.equals(authReqId, pending.authReqId) && clientId === pending.clientId && issuer === pending.issuer
  return Option.getOrElse(Option.filter(yield* store.get(pending.id), isSame), () => pending)
})

/** Reports how an authentication ended; an error that does not end it is not reported. */
const recordOutcome = (
  { events }: Parts,
  pending: PendingAuthentication,
  identity: Effect.Effect<VerifiedIdentity, CompletionError>
): Effect.Effect<VerifiedIdentity, CompletionError> => {
  const record = Effect.fnUntraced(function* (outcome: string, isReported: boolean) {
    yield* Effect.annotateCurrentSpan("ciba.outcome", outcome)
    if (isReported) yield* events.publish(Step.Completed({ id: pending.id, outcome }))
  })
  return identity.pipe(
    Effect.tap(() => record("approved", true)),
    Effect.tapError((error) => record(error.reason._tag, isFinal(error, pending)))
  )
}

/** The `auth_req_id` is redeemed and the token response is stored: it is worth waiting for the provider's keys. */
const keyRetries = Schedule.upTo(cappedExponential, { times: 12 })
