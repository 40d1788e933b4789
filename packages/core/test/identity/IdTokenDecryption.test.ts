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
const sending = (change: (idToken: string) => string): Variation =>
  withTokenResponse((body) => ({ ...body, id_token: change(String(body.id_token)) }))

const decryption = IdTokenDecryption.layer({
  secret: TestClient.secret,
  keyAlgorithm: "dir",
  contentAlgorithm: "A256GCM"
})

const refused = (given: Variation) => Effect.provide(failureOf(given), decryption)

describe("an ID Token that was registered to come encrypted", () => {
  it.effect("is opened with the client secret, and believed for its signature (J1, J14)", () =>
    Effect.gen(function* () {
      let sent = ""
      const identity = yield* authenticate(
        sending((idToken) => {
          sent = idToken
          return Jwe.seal(idToken, { key, header })
        })
      )
      expect(identity.subject).toBe(subject)
      expect(Redacted.value(identity.idToken)).toBe(sent)
    }).pipe(Effect.provide(decryption))
  )

  it.effect("is opened by a function of the caller's, where the key lives elsewhere", () =>
    Effect.gen(function* () {
      const idTokens: Array<string> = []
      const identity = yield* authenticate(sending((idToken) => `sealed ${idTokens.push(idToken)}`)).pipe(
        Effect.provideService(Decrypter.Decrypter, {
          decrypt: (sealed) =>
            Effect.succeed(Redacted.make(idTokens[Number(Redacted.value(sealed).slice(7)) - 1] ?? ""))
        })
      )
      expect(identity.subject).toBe(subject)
    })
  )

  it.effect("is in A128CBC-HS256, unless another algorithm is registered (J1, J14)", () =>
    Effect.gen(function* () {
      const opener = yield* IdTokenDecryption.make({ secret: TestClient.secret, keyAlgorithm: "dir" })
      const refusedToken = yield* Effect.flip(opener.decrypt(Redacted.make(Jwe.seal("inside", { key, header }))))
      expect(refusedToken.message).toContain("does not fit the registered key and algorithms")
    })
  )

  it.effect("is refused where it comes in the open (J1)", () =>
    Effect.gen(function* () {
      expect(yield* refused({})).toMatchObject({ stage: "IdTokenError", _tag: "NotEncrypted" })
    })
  )

  it.effect("is refused where another secret encrypted it (J1, J14)", () =>
    Effect.gen(function* () {
      const other = Jwe.deriveKey(`${secret}.`, "sha256", 256)
      expect(yield* refused(sending((idToken) => Jwe.seal(idToken, { key: other, header })))).toMatchObject({
        _tag: "DecryptionFailed"
      })
    })
  )

  const insides: ReadonlyArray<readonly [what: string, inside: (idToken: string) => string, reason: object]> = [
    ["claims without a signature (J13)", (idToken) => atob(idToken.split(".")[1] ?? ""), { _tag: "MalformedToken" }],
    [
      "one that is encrypted once more (J13)",
      (idToken) => Jwe.seal(idToken, { key, header }),
      { _tag: "MalformedToken" }
    ],
    [
      "one that says it needs no signature (J13)",
      (idToken) => join({ alg: "none" }, JSON.parse(atob(idToken.split(".")[1] ?? "")), ""),
      { _tag: "UnexpectedAlgorithm", actual: "none" }
    ],
    [
      "one without its signature (J13)",
      (idToken) => `${idToken.split(".").slice(0, 2).join(".")}.`,
      { _tag: "InvalidSignature" }
    ],
    ["nothing (J13)", () => "", { _tag: "MalformedToken" }]
  ]
  for (const [what, inside, reason] of insides) {
    it.effect(`is refused where there is inside ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* refused(sending((idToken) => Jwe.seal(inside(idToken), { key, header })))).toMatchObject(reason)
      })
    )
  }

  it.effect("is refused with a stranger's signature inside, however well it is encrypted (J13)", () =>
    Effect.gen(function* () {
      const idTokenKey = yield* TestKeys.signing("RS256", "another")
      const { publicJwk } = yield* TestKeys.signing("RS256")
      const given = sending((idToken) => Jwe.seal(idToken, { key, header }))
      const provider = { ...given.provider, idTokenKey, idTokenHeaderKeyId: publicJwk.kid }
      expect(yield* refused({ provider })).toMatchObject({ _tag: "InvalidSignature" })
    })
  )

  it.effect("is not even read where it is too large (J15)", () =>
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
