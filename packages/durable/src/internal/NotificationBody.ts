/** The body of a notification as its row has it: sealed, since that of a push is a token response. */
import { SealedJson } from "@effect-ciba/core/unstable/wait"
import { Redacted, Schema, SchemaGetter } from "effect"

export type Body = Redacted.Redacted<Schema.Json>

export const sealed: SealedJson.SealedJson<Body> = SealedJson.make({
  kind: "Notification",
  noun: "notification",
  schema: Schema.fromJsonString(Schema.Json).pipe(
    Schema.decodeTo(Schema.Redacted(Schema.Json), {
      decode: SchemaGetter.transform((body: Schema.Json) => Redacted.make(body, { label: "notification" })),
      encode: SchemaGetter.transform(Redacted.value)
    })
  )
})
