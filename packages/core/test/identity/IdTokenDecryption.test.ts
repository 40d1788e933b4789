import { describe, expect, it } from "@effect/vitest"
import { IdTokenDecryption, TokenEndpoint } from "@effect-ciba/core"
import { AuthReqId } from "@effect-ciba/core/PendingAuthentication"
import { ProviderScript, TestClient, TestKeys } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import * as Decrypter from "../../src/client/Decrypter.ts"
import {
  authenticate,
  failureOf,
  layer,
  subject,
  type Variation,
  withTokenResponse
} from "../support/ForgedResponses.ts"
import * as Jwe from "../support/Jwe.ts"
import { join } from "../support/Jwt.ts"

const header = { alg: "dir", enc: "A256GCM", cty: "JWT" }

const secret = Redacted.value(TestClient.secret)

const key = Jwe.deriveKey(secret, "sha256", 256)

/** A provider that sends something else in place of the ID Token. */
const sendIdToken = (change: (idToken: string) => string): Variation =>
  withTokenResponse((body) => ({ ...body, id_token: change(String(body.id_token)) }))

const decryption = IdTokenDecryption.layer({
  secret: TestClient.secret,
  keyAlgorithm: "dir",
  contentAlgorithm: "A256GCM"
})

const decryptionFailureOf = (given: Variation) => Effect.provide(failureOf(given), decryption)

describe("IdTokenDecryption", () => {
  it.effect("decrypts an ID Token with the client secret, then verifies its signature (J1, J14)", () =>
    Effect.gen(function* () {
      let sent = ""
      const identity = yield* authenticate(
        sendIdToken((idToken) => {
          sent = idToken
          return Jwe.seal(idToken, { key, header })
        })
      )
      expect(identity.subject).toBe(subject)
      expect(Redacted.value(identity.idToken)).toBe(sent)
    }).pipe(Effect.provide(decryption))
  )

  it.effect("tries each of its keys for an encrypted ID Token whose kid is a number (A17)", () =>
    Effect.gen(function* () {
      const identity = yield* authenticate(
        sendIdToken((idToken) => Jwe.seal(idToken, { key, header: { ...header, kid: 1 } }))
      )
      expect(identity.subject).toBe(subject)
    }).pipe(Effect.provide(decryption))
  )

  it.effect("decrypts an ID Token with the caller's own Decrypter", () =>
    Effect.gen(function* () {
      const idTokens: Array<string> = []
      const identity = yield* authenticate(sendIdToken((idToken) => `sealed ${idTokens.push(idToken)}`)).pipe(
        Effect.provideService(Decrypter.Decrypter, {
          decrypt: (sealed) =>
            Effect.succeed(Redacted.make(idTokens[Number(Redacted.value(sealed).slice(7)) - 1] ?? ""))
        })
      )
      expect(identity.subject).toBe(subject)
    })
  )

  it.effect("requires A128CBC-HS256 for an encrypted ID Token unless another algorithm is registered (J1, J14)", () =>
    Effect.gen(function* () {
      const decrypter = yield* IdTokenDecryption.make({ secret: TestClient.secret, keyAlgorithm: "dir" })
      const error = yield* Effect.flip(decrypter.decrypt(Redacted.make(Jwe.seal("inside", { key, header }))))
      expect(error.message).toContain("does not fit the registered key and algorithms")
    })
  )

  it.effect("rejects an ID Token that is not encrypted (J1)", () =>
    Effect.gen(function* () {
      expect(yield* decryptionFailureOf({})).toMatchObject({ stage: "IdTokenError", _tag: "NotEncrypted" })
    })
  )

  it.effect("rejects an ID Token that is encrypted with another secret (J1, J14)", () =>
    Effect.gen(function* () {
      const other = Jwe.deriveKey(`${secret}.`, "sha256", 256)
      expect(
        yield* decryptionFailureOf(sendIdToken((idToken) => Jwe.seal(idToken, { key: other, header })))
      ).toMatchObject({
        _tag: "DecryptionFailed"
      })
    })
  )

  const insides: ReadonlyArray<readonly [what: string, inside: (idToken: string) => string, reason: object]> = [
    ["unsigned claims (J13)", (idToken) => atob(idToken.split(".")[1] ?? ""), { _tag: "MalformedToken" }],
    [
      "a token that is encrypted again (J13)",
      (idToken) => Jwe.seal(idToken, { key, header }),
      { _tag: "MalformedToken" }
    ],
    [
      "a token with the algorithm none (J13)",
      (idToken) => join({ alg: "none" }, JSON.parse(atob(idToken.split(".")[1] ?? "")), ""),
      { _tag: "UnexpectedAlgorithm", actual: "none" }
    ],
    [
      "a token without its signature (J13)",
      (idToken) => `${idToken.split(".").slice(0, 2).join(".")}.`,
      { _tag: "InvalidSignature" }
    ],
    ["an empty text (J13)", () => "", { _tag: "MalformedToken" }]
  ]
  for (const [what, inside, reason] of insides) {
    it.effect(`rejects an encrypted ID Token with this inside: ${what}`, () =>
      Effect.gen(function* () {
        expect(
          yield* decryptionFailureOf({
            ...sendIdToken((idToken) => Jwe.seal(inside(idToken), { key, header })),
            isDoubted: true
          })
        ).toMatchObject(reason)
      })
    )
  }

  it.effect("rejects a correctly encrypted ID Token with a signature by another key (J13)", () =>
    Effect.gen(function* () {
      const idTokenKey = yield* TestKeys.signing("RS256", "another")
      const { publicJwk } = yield* TestKeys.signing("RS256")
      const given = sendIdToken((idToken) => Jwe.seal(idToken, { key, header }))
      const provider = { ...given.provider, idTokenKey, idTokenHeaderKeyId: publicJwk.kid }
      expect(yield* decryptionFailureOf({ provider, isDoubted: true })).toMatchObject({ _tag: "InvalidSignature" })
    })
  )

  it.effect("does not read an encrypted ID Token that is too large (J15)", () =>
    Effect.gen(function* () {
      const endpoint = yield* TokenEndpoint.TokenEndpoint
      const error = yield* Effect.flip(endpoint.redeem(Redacted.make(AuthReqId.make("id"))))
      expect(error).toMatchObject({ reason: { _tag: "TransportError", kind: "TooLarge" } })
    }).pipe(
      Effect.provide(
        layer({
          provider: {
            tokenScript: ProviderScript.make([
              ProviderScript.json(200, {
                access_token: "a",
                token_type: "Bearer",
                id_token: Jwe.seal(new Uint8Array(3000), { key, header })
              })
            ])
          },
          options: { maxResponseSize: 3000 }
        })
      ),
      Effect.provide(decryption)
    )
  )
})
