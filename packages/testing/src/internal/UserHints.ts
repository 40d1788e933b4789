/** Finds the end-user that a request names by exactly one of three hints (CIBA Core 7.1). */
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { Effect, Option, Redacted, Schema } from "effect"
import type { TestClient } from "../TestClient.ts"
import type { TestUser } from "../TestUser.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import { invalidRequest, type Parameters } from "./FormRequest.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import type { PublishedKeys } from "./PublishedKeys.ts"
import type { Settings } from "./Settings.ts"

export type FindUser = (
  client: TestClient,
  parameters: Parameters
) => Effect.Effect<TestUser, ProviderResponse.ProviderResponse>

export const make = (settings: Settings, keys: PublishedKeys): FindUser =>
  Effect.fnUntraced(function* (client, parameters) {
    const [hint, ...others] = names.flatMap((name) => {
      const value = parameters.get(name)
      return value === undefined ? [] : [{ name, value }]
    })
    if (hint === undefined || others.length > 0) {
      return yield* invalidRequest(`There must be exactly one of ${names.join(", ")}`)
    }
    if (hint.name === "login_hint_token" && settings.expiredLoginHintTokens.includes(hint.value)) {
      return yield* Effect.fail(ProviderResponse.error("expired_login_hint_token"))
    }
    const subject = hint.name === "id_token_hint" ? yield* subjectOf(hint.value, client, keys) : undefined
    const user = settings.users.find((candidate) =>
      hint.name === "login_hint"
        ? candidate.loginHint === hint.value
        : hint.name === "login_hint_token"
          ? candidate.loginHintToken === hint.value
          : candidate.subject === subject
    )
    const description = `There is no end-user with this ${hint.name}`
    return user ?? (yield* Effect.fail(ProviderResponse.error("unknown_user_id", { description })))
  })

const names = ["login_hint", "login_hint_token", "id_token_hint"] as const

/** The subject of an ID Token that the provider issued, expired or not; `undefined` for any other text. */
const subjectOf = (idToken: string, client: TestClient, keys: PublishedKeys): Effect.Effect<string | undefined> =>
  JsonWebToken.verify(Redacted.make(idToken), {
    algorithm: client.idTokenSignedResponseAlg,
    key: keys.verificationKey(client)
  }).pipe(
    awaitUnderTestClock,
    Effect.flatMap(Schema.decodeUnknownEffect(Schema.Struct({ sub: Schema.String }))),
    Effect.option,
    Effect.map(Option.match({ onNone: () => undefined, onSome: ({ sub }) => sub }))
  )
