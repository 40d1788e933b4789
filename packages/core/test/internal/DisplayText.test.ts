import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Discovery } from "@effect-ciba/core"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"
import { withMetadata } from "../support/AuthenticationFlow.ts"
import { failureOf, type Variation, withClaims, withTokenResponse } from "../support/ForgedResponses.ts"

const hostile = `\u001b[31m\u202e\r\n${"x".repeat(10_000)}`

const sanitized = ` [31m   ${"x".repeat(192)}`

describe("DisplayText.sanitize", () => {
  const cases: ReadonlyArray<readonly [what: string, given: Variation, reason: object]> = [
    ["the key id", { provider: { idTokenHeaderKeyId: hostile } }, { _tag: "UnknownKey", keyId: sanitized }],
    ["the issuer", withClaims({ iss: hostile }), { _tag: "WrongIssuer", actual: sanitized }],
    ["an audience", withClaims({ aud: [hostile, hostile] }), { _tag: "WrongAudience", actual: sanitized }],
    ["the authorized party", withClaims({ azp: hostile }), { _tag: "WrongAuthorizedParty", actual: sanitized }],
    [
      "the acr",
      { ...withClaims({ acr: hostile }), request: { acrValues: ["gold"], essentialAcr: true } },
      { _tag: "UnsatisfiedAcr", actual: sanitized }
    ],
    [
      "the token type",
      withTokenResponse((body) => ({ ...body, token_type: hostile })),
      { _tag: "UnexpectedTokenType", actual: sanitized }
    ],
    [
      "the algorithm",
      withTokenResponse((body) => ({
        ...body,
        id_token: String(body.id_token).replace(
          /^[^.]*/,
          Buffer.from(JSON.stringify({ alg: hostile })).toString("base64url")
        )
      })),
      { _tag: "UnexpectedAlgorithm", actual: sanitized }
    ],
    [
      "the id of a key that did not sign",
      {
        provider: {
          idTokenHeaderKeyId: hostile,
          keys: ({ keys }) => ({ keys: keys.map((key) => ({ ...key, kid: hostile })) }),
          tokenResponse: (body) => ({ ...body, id_token: `${String(body.id_token).replace(/[^.]*$/, "")}AAAA` })
        }
      },
      { _tag: "InvalidSignature", keyId: sanitized }
    ]
  ]
  for (const [what, given, reason] of cases) {
    it.effect(`sanitizes ${what} in an error to one line of 200 characters`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf({ ...given, isDoubted: true })).toMatchObject(reason)
      })
    )
  }

  const discoveryError = (document: Readonly<Record<string, unknown>>, options: Partial<Ciba.Options>) =>
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

  it.effect("sanitizes the issuer of a provider's metadata in an error", () =>
    Effect.gen(function* () {
      const error = yield* discoveryError({ issuer: hostile }, {})
      expect(error.reason).toMatchObject({ _tag: "IssuerMismatch", actual: sanitized })
      expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    })
  )
})
