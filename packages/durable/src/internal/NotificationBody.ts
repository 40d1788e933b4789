/** The body of a notification as its row has it: sealed, since that of a push is a token response. */
import * as Sealing from "@effect-ciba/core/Sealing"
import { Effect, Redacted, Schema } from "effect"

export type Body = Redacted.Redacted<Schema.Json>

const kind = "Notification"

const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.Json))

const decode = Schema.decodeEffect(Schema.fromJsonString(Schema.Json))

export const seal = (body: Body, keys: Sealing.Keys, context: Sealing.Context): Effect.Effect<string> =>
  Effect.flatMap(Effect.orDie(encode(Redacted.value(body))), (text) =>
    Sealing.seal(Redacted.make(text), keys, [kind, ...context])
  )

/** Fails if none of the keys has sealed it in this context. */
export const open = (
  sealed: string,
  keys: Sealing.Keys,
  context: Sealing.Context
): Effect.Effect<Body, Effect.Error<ReturnType<typeof Sealing.open>>> =>
  Effect.flatMap(Sealing.open(sealed, keys, [kind, ...context]), (text) =>
    Effect.map(Effect.orDie(decode(Redacted.value(text))), (body) => Redacted.make(body, { label: "notification" }))
  )
