/** Starts an approval once for each key: an intent is written before the request is sent. */
import * as AuthenticationRequest from "@effect-ciba/core/AuthenticationRequest"
import { type AuthenticationRequestError, mayHaveAsked } from "@effect-ciba/core/AuthenticationRequestError"
import type { Ciba } from "@effect-ciba/core/Ciba"
import { ClientRegistration } from "@effect-ciba/core/ClientRegistration"
import type { DiscoveryError } from "@effect-ciba/core/DiscoveryError"
import type { PendingAuthentication } from "@effect-ciba/core/PendingAuthentication"
import { Clock, DateTime, Effect, Fiber, FiberSet, Option, Redacted, Schedule, Schema, type Scope } from "effect"
import { WebCrypto } from "effect/crypto"
import type { SqlError } from "effect/sql"
import { AcknowledgementLost, ApprovalConflict, ApprovalInTransaction } from "../ApprovalError.ts"
import type * as WaitStore from "../WaitStore.ts"
import * as ApprovalTable from "./ApprovalTable.ts"
import type { KeyedHash } from "./KeyedHash.ts"
import { transact } from "./Transaction.ts"
import type { Database } from "./WaitTable.ts"

export interface Options {
  readonly ciba: Ciba["Service"]
  readonly registration: ClientRegistration["Service"]
  readonly store: WaitStore.Service
  readonly database: Database
  readonly fingerprints: KeyedHash
  /** How long an intent is waited for, in milliseconds. */
  readonly acknowledgementTimeout: number
}

export type StartError =
  | AuthenticationRequestError
  | DiscoveryError
  | ApprovalConflict
  | ApprovalInTransaction
  | AcknowledgementLost
  | SqlError.SqlError

/** Starts an approval, or finds the one that was started with the key before. */
export type Start = (
  key: string,
  request: AuthenticationRequest.Options
) => Effect.Effect<ApprovalTable.Row, StartError>

export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Start, never, Scope.Scope> {
  const { database, fingerprints, acknowledgementTimeout, registration } = options
  const fibers = yield* FiberSet.make<unknown, StartError>()
  yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(fibers), acknowledgementTimeout))

  /** Nothing has reached the end-user. */
  const free = (attempt: ApprovalTable.Attempt) => {
    const remove = ApprovalTable.remove(database, attempt)
    return Effect.catch(remove, () => FiberSet.run(fibers, Effect.retry(remove, everyHalfSecond)))
  }
  const send = makeSend(options, free)

  /** Sends the request unless the key has a row. It goes on when its caller is interrupted: the acknowledgement is stored. */
  const sendOnce = Effect.fnUntraced(function* (
    key: string,
    request: AuthenticationRequest.Options,
    hash: string
  ): Effect.fn.Return<void, StartError> {
    const attempt = { key, attempt: (yield* WebCrypto.WebCrypto).randomUUID() }
    const begin = Effect.tapError(ApprovalTable.begin(database, attempt, hash), () => free(attempt))
    const sent = Effect.flatMap(begin, (isFirst) => (isFirst ? send(attempt, request) : Effect.void))
    yield* Effect.flatMap(FiberSet.run(fibers, sent), Fiber.join)
  })

  const join = (key: string, row: ApprovalTable.Row, again: Effect.Effect<ApprovalTable.Row, StartError>) => {
    if (row.id !== null) return Effect.succeed(row)
    return row.age < acknowledgementTimeout
      ? Effect.delay(again, "200 millis")
      : Effect.fail(new AcknowledgementLost({ key }))
  }

  return Effect.fnUntraced(function* (key, request) {
    const transaction = yield* Effect.serviceOption(database.sql.transactionService)
    if (Option.isSome(transaction)) return yield* new ApprovalInTransaction({ key })
    const text = yield* Effect.provideService(describe(request), ClientRegistration, registration)
    const [hash, known] = [yield* fingerprints.hash(text), yield* fingerprints.hashByAll(text)]
    const attempt: Effect.Effect<ApprovalTable.Row, StartError> = Effect.gen(function* () {
      yield* sendOnce(key, request, hash)
      const found = yield* ApprovalTable.find(database, key)
      if (Option.isNone(found)) return yield* attempt
      if (!known.includes(found.value.fingerprint)) return yield* new ApprovalConflict({ key })
      return yield* join(key, found.value, attempt)
    })
    return yield* attempt
  })
})

const everyHalfSecond = Schedule.spaced("500 millis")

/** The parameters of a request, but for what is new each time. */
const describe = (request: AuthenticationRequest.Options) =>
  Effect.map(AuthenticationRequest.make(request), ({ parameters }) =>
    Redacted.make(encode(Redacted.value(parameters).filter(([name]) => name !== "client_notification_token")))
  )

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Array(Schema.Tuple([Schema.String, Schema.Json]))))

/** The row stays, unless nothing can have reached the end-user. It is renewed as long as the request waits, for a pause to end for one. */
const makeSend =
  (
    { acknowledgementTimeout, ciba, database, store }: Options,
    free: (attempt: ApprovalTable.Attempt) => Effect.Effect<unknown>
  ) =>
  (attempt: ApprovalTable.Attempt, request: AuthenticationRequest.Options): Effect.Effect<void, StartError> => {
    const renew = Effect.ignore(ApprovalTable.renew(database, attempt))
    const keepRenewed = Effect.forever(Effect.delay(renew, acknowledgementTimeout / 4))
    const sent = Effect.matchEffect(ciba.initiate(request), {
      onFailure: (error) =>
        mayBeAsked(error) ? Effect.fail(error) : Effect.andThen(free(attempt), Effect.fail(error)),
      onSuccess: (pending) =>
        Effect.andThen(
          untilExpiry(pending, record(store, database, attempt, pending)),
          untilExpiry(pending, store.notifyEarly(pending.id))
        )
    })
    return Effect.raceFirst(sent, keepRenewed)
  }

/** Whether the provider may have asked the end-user, though there is no acknowledgement. */
const mayBeAsked = (error: AuthenticationRequestError | DiscoveryError): boolean =>
  error._tag === "AuthenticationRequestError" && mayHaveAsked(error)

const record = (
  store: WaitStore.Service,
  database: Database,
  attempt: ApprovalTable.Attempt,
  pending: PendingAuthentication
) =>
  transact(
    database.sql,
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.andThen(
        Effect.catchTag(store.insert(pending), "TokenError", Effect.die),
        ApprovalTable.acknowledge(database, attempt, pending.id, DateTime.toEpochMillis(pending.expiresAt) - now)
      )
    )
  )

/** An acknowledgement that cannot be stored is kept as long as it is worth something. */
const untilExpiry = (
  { expiresAt }: PendingAuthentication,
  write: Effect.Effect<void, SqlError.SqlError>
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.retry(write, {
    schedule: everyHalfSecond,
    while: () => Effect.map(DateTime.now, (now) => DateTime.isLessThan(now, expiresAt))
  })
