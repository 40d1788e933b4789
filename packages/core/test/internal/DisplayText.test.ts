import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery } from "@effect-ciba/core"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"
import { withMetadata } from "../support/AuthenticationFlow.ts"
import { failureOf, type Variation, withClaims, withTokenResponse } from "../support/ForgedResponses.ts"

const foreign = `\u001b[31m\u202e\r\n${"x".repeat(10_000)}`

const shown = ` [31m   ${"x".repeat(192)}`

describe("a server's text in a refusal is one line of plain characters, and no longer than 200:", () => {
  const cases: ReadonlyArray<readonly [what: string, given: Variation, reason: object]> = [
    ["the key id", { provider: { idTokenHeaderKeyId: foreign } }, { _tag: "UnknownKey", keyId: shown }],
    ["the issuer", withClaims({ iss: foreign }), { _tag: "WrongIssuer", actual: shown }],
    ["an audience", withClaims({ aud: [foreign, foreign] }), { _tag: "WrongAudience", actual: shown }],
    ["the authorized party", withClaims({ azp: foreign }), { _tag: "WrongAuthorizedParty", actual: shown }],
    [
      "the class of an authentication",
      { ...withClaims({ acr: foreign }), request: { acrValues: ["gold"], essentialAcr: true } },
      { _tag: "UnsatisfiedAcr", actual: shown }
    ],
    [
      "the token type",
      withTokenResponse((body) => ({ ...body, token_type: foreign })),
      { _tag: "UnexpectedTokenType", actual: shown }
    ],
    [
      "the algorithm",
      withTokenResponse((body) => ({
        ...body,
        id_token: String(body.id_token).replace(
          /^[^.]*/,
          Buffer.from(JSON.stringify({ alg: foreign })).toString("base64url")
        )
      })),
      { _tag: "UnexpectedAlgorithm", actual: shown }
    ],
    [
      "the id of a key that did not sign",
      {
        provider: {
          idTokenHeaderKeyId: foreign,
          keys: ({ keys }) => ({ keys: keys.map((key) => ({ ...key, kid: foreign })) }),
          tokenResponse: (body) => ({ ...body, id_token: `${String(body.id_token).replace(/[^.]*$/, "")}AAAA` })
        }
      },
      { _tag: "InvalidSignature", keyId: shown }
    ]
  ]
  for (const [what, given, reason] of cases) {
    it.effect(what, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(given)).toMatchObject(reason)
      })
    )
  }

  const refusedMetadata = (document: Readonly<Record<string, unknown>>, options: Partial<Ciba.Options>) =>
    Effect.flip(Discovery.metadata).pipe(
      Effect.provide(
        Ciba.layer({
          issuer: "https://provider.test",
          clientId: TestClient.clientId,
          authentication: ClientAuthentication.none,
          ...options
        }).pipe(Layer.provide(TestProvider.layer(withMetadata(document))))
      )
    )

  it.effect("what a provider calls itself", () =>
    Effect.gen(function* () {
      const error = yield* refusedMetadata({ issuer: foreign }, {})
      expect(error.reason).toMatchObject({ _tag: "IssuerMismatch", actual: shown })
      expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    })
  )

  it.effect("and a document's URL comes without its user", () =>
    Effect.gen(function* () {
      const error = yield* refusedMetadata({ issuer: 7 }, { issuer: "https://jo:marker@provider.test" })
      expect(error.reason).toMatchObject({
        _tag: "InvalidDocument",
        url: "https://provider.test/.well-known/openid-configuration"
      })
    })
  )
})
