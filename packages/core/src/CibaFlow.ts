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
import * as Span from "./internal/Span.ts"
import * as NotificationInbox from "./notification/NotificationInbox.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import * as PendingStore from "./pending/PendingStore.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import * as ProviderKeys from "./provider/ProviderKeys.ts"
import * as AuthenticationRequest from "./request/AuthenticationRequest.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import * as BackchannelAuthentication from "./request/BackchannelAuthentication.ts"
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
  const completeRetained = makeCompleteRetained(parts)
  const removeStored = (pending: PendingAuthentication) =>
    parts.store.isPresent ? Effect.andThen(driver.awaitSave(pending), parts.store.remove(pending)) : Effect.void
  const forget = (pending: PendingAuthentication) =>
    Effect.andThen(Effect.andThen(removeStored(pending), driver.forget(pending)), parts.inbox.close(pending))
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

const collectParts = /* @__PURE__ */ Effect.all({
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
      Effect.andThen(expectNotification(parts, token), restore(backchannel.send(request))).pipe(
        Effect.onError(() => (token === undefined ? Effect.void : inbox.unregister(token))),
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
  yield* Span.annotate({ "ciba.authentication.id": id, "ciba.delivery_mode": deliveryMode })
  if (store.isPresent) yield* store.put(pending)
  yield* inbox.acknowledge(pending)
  yield* events.open(Step.Acknowledged({ id, deliveryMode, expiresAt }))
})

const makeCompleteRetained = (parts: Parts): CibaFlow["completeRetained"] => {
  const { events } = parts
  const run = Effect.fnUntraced(function* (given: PendingAuthentication) {
    const pending = yield* loadLatest(parts, given)
    const { expiresAt, id } = pending
    yield* Span.annotate({ "ciba.authentication.id": id })
    if (!events.isOpen(id)) yield* events.open(Step.Resumed({ id, expiresAt }))
    return yield* events.trackActive(id, recordOutcome(parts, pending, identify(parts, pending)))
  })
  return (pending) => Span.trace("Ciba.complete", run(pending))
}

/** Waits for the response and verifies it: again, when its keys may be there. */
const identify = (parts: Parts, pending: PendingAuthentication): Effect.Effect<VerifiedIdentity, CompletionError> => {
  const { driver, verifier } = parts
  return Effect.flatMap(driver.wait(pending), (response) =>
    Effect.matchEffect(verifier.verify(response, pending), {
      onSuccess: (identity) => Effect.as(driver.report(pending, { _tag: "Verified" }), identity),
      onFailure: (error) =>
        Effect.flatMap(driver.report(pending, judge(parts, error)), (isRepeated) =>
          isRepeated ? identify(parts, pending) : Effect.fail(error)
        )
    })
  )
}

/** What a failed verification means to the wait. */
const judge = ({ keys, registration }: Parts, error: CompletionError): WaitDriver.Verdict => {
  if (isTransient(error)) return { _tag: "KeysUnavailable" }
  const isAboutKeys = error.reason._tag === "UnknownKey" || error.reason._tag === "InvalidSignature"
  const mayChange = keys.coolDown !== undefined && !JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg)
  return isAboutKeys && mayChange
    ? { _tag: "Doubted", retryAfter: Duration.toMillis(keys.coolDown) }
    : { _tag: "Rejected" }
}

/** What is stored may be newer: another process, or another call, has waited since. */
const loadLatest = ({ store }: Parts, pending: PendingAuthentication): Effect.Effect<PendingAuthentication> => {
  const isSame = ({ authReqId, clientId, issuer }: PendingAuthentication) =>
    Equal.equals(authReqId, pending.authReqId) && clientId === pending.clientId && issuer === pending.issuer
  return store.isPresent
    ? Effect.map(store.get(pending.id), (stored) => Option.getOrElse(Option.filter(stored, isSame), () => pending))
    : Effect.succeed(pending)
}

/** Reports how an authentication ended; an error that does not end it is not reported. */
const recordOutcome = (
  { events }: Parts,
  pending: PendingAuthentication,
  identity: Effect.Effect<VerifiedIdentity, CompletionError>
): Effect.Effect<VerifiedIdentity, CompletionError> => {
  const record = (outcome: string, isReported: boolean) =>
    Effect.andThen(
      Span.annotate({ "ciba.outcome": outcome }),
      isReported ? events.complete(pending.id, outcome) : Effect.void
    )
  return Effect.matchEffect(identity, {
    onFailure: (error) => Effect.andThen(record(error.reason._tag, isFinal(error, pending)), Effect.fail(error)),
    onSuccess: (verified) => Effect.as(record("approved", true), verified)
  })
}
