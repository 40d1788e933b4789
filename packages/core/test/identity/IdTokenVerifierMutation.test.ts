import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, IdToken, IdTokenVerifier, SigningKey } from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer, Redacted, Schema } from "effect"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"

const algorithms = ["RS256", "PS512", "ES256", "ES512", "EdDSA", "HS256", "HS512"] as const

type Algorithm = (typeof algorithms)[number]

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

const key = (algorithm: Algorithm) =>
  algorithm === "HS256" || algorithm === "HS512"
    ? Effect.succeed(SigningKey.fromSecret(TestClient.secret, algorithm))
    : TestKeys.signing(algorithm)

const signValid = (algorithm: Algorithm) =>
  Effect.flatMap(key(algorithm), (key) =>
    Effect.map(
      JsonWebToken.sign({ iss: "https://provider.test", aud: "test-client", sub: "jo", iat: 0, exp: 600 }, { key }),
      Redacted.value
    )
  )

const subject = (token: string) =>
  IdTokenVerifier.IdTokenVerifier.use((verifier) => Effect.map(verifier.claims(IdToken.make(token)), ({ sub }) => sub))

const client = (algorithm: Algorithm) =>
  Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
    idTokenSignedResponseAlg: algorithm
  }).pipe(
    Layer.provide(TestProvider.layer({ client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }) }))
  )

/** Those of the tokens that are accepted; none is meant to be. */
const failOnChallengeError = (tokens: ReadonlyArray<string>) =>
  Effect.filter(tokens, (token) => Effect.map(Effect.exit(subject(token)), ({ _tag }) => _tag === "Success"))

const replaceAt = (token: string, index: number, character: string): string =>
  token.slice(0, index) + character + token.slice(index + 1)

for (const algorithm of algorithms) {
  describe(`IdTokenVerifier, for a changed ID Token in ${algorithm}`, () => {
    it.effect.prop(
      "rejects an ID Token of which one character is changed (J5)",
      [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9999 })), Schema.Literals([...`${alphabet}.+/= \n`])],
      ([place, character]) =>
        Effect.gen(function* () {
          const token = yield* signValid(algorithm)
          const index = place % token.length
          const other = replaceAt(token, index, token[index] === character ? "~" : character)
          expect(yield* subject(token)).toBe("jo")
          expect(yield* failOnChallengeError([other])).toEqual([])
        }).pipe(Effect.provide(client(algorithm))),
      { arbitrary: { runs: 40 } }
    )

    it.effect("rejects another encoding of the same signature: spare bits, padding, white space (J5)", () =>
      Effect.gen(function* () {
        const token = yield* signValid(algorithm)
        const last = token.length - 1
        const spellings = [...alphabet].map((character) => replaceAt(token, last, character))
        const longer = ["=", "==", "\n", " ", "A", "."].map((more) => token + more)
        const others = [...spellings, ...longer, ` ${token}`, token.slice(0, -1)].filter((other) => other !== token)
        expect(others).toHaveLength(71)
        expect(yield* failOnChallengeError(others)).toEqual([])
      }).pipe(Effect.provide(client(algorithm)))
    )
  })
}
