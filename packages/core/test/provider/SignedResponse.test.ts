import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, Discovery, ProviderKeys, Transport } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Layer, Redacted, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import * as Decrypter from "../../src/client/Decrypter.ts"
import { DecryptionFailed, NotEncrypted } from "../../src/crypto/DecryptionFailed.ts"
import * as SignedResponse from "../../src/provider/SignedResponse.ts"
import { encodeJson, type JsonObject } from "../support/Jwt.ts"
import { signToken } from "../support/ScriptedProvider.ts"

const issuer = "https://op.test"

const clientId = "bank-app"

const claims = Schema.Struct({
  iss: Schema.optionalKey(Schema.String),
  aud: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  word: Schema.String
})

const signed = { mediaType: "application/test+jwt", algorithm: "ES256", claims } as const

/** Reads a response with this text, as the configured client does. */
const read = (
  text: string,
  expected: SignedResponse.Expected<typeof claims.Type> = signed,
  {
    decrypter,
    type = "application/test+jwt"
  }: { readonly decrypter?: Decrypter.Decrypter; readonly type?: string } = {}
) =>
  Effect.gen(function* () {
    const { publicJwk } = yield* TestKeys.signing("ES256")
    const response = HttpClientResponse.fromWeb(
      HttpClientRequest.get(issuer),
      new Response(text, { headers: { "content-type": type } })
    )
    return yield* SignedResponse.read(response, expected).pipe(
      Effect.provide([
        Layer.provide(
          ClientRegistration.layer({ clientId, authentication: ClientAuthentication.none }),
          decrypter === undefined ? Layer.empty : Layer.succeed(Decrypter.Decrypter, decrypter)
        ),
        Discovery.layerStatic({ issuer }),
        ProviderKeys.layerStatic({ keys: [publicJwk] }),
        Layer.provide(
          Transport.layer(),
          Layer.succeed(
            HttpClient.HttpClient,
            HttpClient.make(() => Effect.die("no request is sent"))
          )
        )
      ])
    )
  })

const sign = (members: JsonObject, type?: string) => signToken(members, type === undefined ? {} : { type })

const mismatch = (member: string, expected: string, actual: string) => ({ _tag: "Mismatch", member, expected, actual })

describe("SignedResponse.read", () => {
  it.effect("reads the claims of a signed response, with iss and aud or without them", () =>
    Effect.gen(function* () {
      for (const parties of [{}, { iss: issuer, aud: clientId }, { aud: ["another", clientId] }]) {
        expect(yield* read(yield* sign({ word: "yes", ...parties }))).toEqual({ word: "yes", ...parties })
      }
    })
  )

  for (const [what, members, error] of [
    ["another iss", { iss: "https://evil.test" }, mismatch("iss", issuer, "https://evil.test")],
    ["another aud", { aud: ["one", "two"] }, mismatch("aud", clientId, "one two")],
    ["a long aud", { aud: "x".repeat(500) }, mismatch("aud", clientId, "x".repeat(200))]
  ] as const) {
    it.effect(`rejects a signed response with ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(read(yield* sign({ word: "yes", ...members })))).toMatchObject(error)
      })
    )
  }

  it.effect("rejects a signed response whose claims do not have the schema's types", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(read(yield* sign({ word: 1 })))).toMatchObject({ _tag: "SchemaError" })
    })
  )

  it.effect("compares the typ of a signed response only if one is expected", () =>
    Effect.gen(function* () {
      const expected = { ...signed, type: "test+jwt" }
      const other = yield* sign({ word: "yes" }, "other+jwt")
      expect(yield* read(other)).toEqual({ word: "yes" })
      expect(yield* Effect.flip(read(other, expected))).toMatchObject(mismatch("typ", "test+jwt", "other+jwt"))
      for (const type of ["test+jwt", "application/Test+JWT"]) {
        expect(yield* read(yield* sign({ word: "yes" }, type), expected)).toEqual({ word: "yes" })
      }
    })
  )

  it.effect("rejects a response of another media type as unsigned", () =>
    Effect.gen(function* () {
      const jwt = yield* sign({ word: "yes" })
      expect(yield* read(jwt, signed, { type: "Application/TEST+jwt ; charset=utf-8" })).toEqual({ word: "yes" })
      for (const type of ["application/json", "application/test+jwts", ""]) {
        expect(yield* Effect.flip(read(jwt, signed, { type }))).toMatchObject(mismatch("alg", "ES256", "none"))
      }
    })
  )

  it.effect("requires JSON if no algorithm is registered, and compares its iss and aud", () =>
    Effect.gen(function* () {
      const unsigned = { ...signed, algorithm: undefined }
      expect(yield* read(encodeJson({ word: "yes" }), unsigned)).toEqual({ word: "yes" })
      expect(yield* Effect.flip(read(yield* sign({ word: "yes" }), unsigned))).toMatchObject(
        mismatch("alg", "none", "JWT")
      )
      expect(yield* Effect.flip(read(encodeJson({ word: "yes", iss: "other" }), unsigned))).toMatchObject(
        mismatch("iss", issuer, "other")
      )
    })
  )

  it.effect(
    "decrypts an encrypted response, reads one that is not encrypted, and rejects one that cannot be decrypted",
    () =>
      Effect.gen(function* () {
        const jwt = yield* sign({ word: "yes" })
        const decrypter: Decrypter.Decrypter = {
          decrypt: (text) =>
            Redacted.value(text) === "encrypted"
              ? Effect.succeed(Redacted.make(jwt))
              : Effect.fail(
                  Redacted.value(text) === jwt ? new NotEncrypted() : new DecryptionFailed({ problem: "no key fits" })
                )
        }
        for (const text of ["encrypted", jwt]) expect(yield* read(text, signed, { decrypter })).toEqual({ word: "yes" })
        expect(yield* Effect.flip(read("other", signed, { decrypter }))).toMatchObject({ _tag: "DecryptionFailed" })
        expect(yield* Effect.flip(read("encrypted"))).toMatchObject({ _tag: "MalformedToken" })
      })
  )
})
