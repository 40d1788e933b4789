// Waits whose polls are signed: the clock has to stand still until a signature is made.
import { TestProvider } from "@effect-ciba/testing"
import type { RequestRecord } from "@effect-ciba/testing/RequestRecord"
import { type Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { part } from "./Jwt.ts"

/** Moves the clock, once all who wait for it are asleep. */
export const later = (duration: Duration.Input) =>
  Effect.andThen(Effect.repeat(Effect.yieldNow, { times: 100 }), TestClock.adjust(duration))

/** Moves the clock, and waits until so many token requests are over. */
export const polled = (duration: Duration.Input, count: number) =>
  TestProvider.TestProvider.use(({ afterPolls }) => Effect.andThen(later(duration), afterPolls(count)))

/** Waits, without the clock, until something is as it should be. */
export const until = <A, E, R>(
  current: Effect.Effect<A, E, R>,
  wanted: (value: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(current, (value) =>
    wanted(value) ? Effect.succeed(value) : Effect.andThen(Effect.yieldNow, until(current, wanted))
  )

/** The header and the claims of the proof that a request has. */
export const proofOf = ({ headers }: RequestRecord) =>
  Effect.all({ header: decodeHeader(headers.dpop ?? ""), claims: part(headers.dpop ?? "", 1) })

/** The claims of a token in a request's parameters. */
export const claimsIn = ({ parameters }: RequestRecord, name: string) =>
  part(parameters.find(([candidate]) => candidate === name)?.[1] ?? "", 1)

const decodeHeader = (jwt: string) =>
  Effect.flatMap(
    part(jwt, 0),
    Schema.decodeUnknownEffect(
      Schema.Struct({
        typ: Schema.String,
        alg: Schema.String,
        jwk: Schema.StructWithRest(Schema.Struct({ kty: Schema.String }), [
          Schema.Record(Schema.String, Schema.Unknown)
        ])
      })
    )
  )
