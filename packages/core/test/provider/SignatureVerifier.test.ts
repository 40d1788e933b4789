// Which keys a signature is verified with, when those that are known do not fit.
import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, type JwsAlgorithm, ProviderKeys } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import * as SignatureVerifier from "../../src/provider/SignatureVerifier.ts"
import { broken, type Keys, makeKeys } from "../support/RenewedKeys.ts"
import { signToken } from "../support/ScriptedProvider.ts"

const keyOf = (name?: string) => Effect.map(TestKeys.signing("ES256", name), ({ publicJwk }) => publicJwk)

/** A verifier that knows these keys, and what it has asked for. */
const makeVerifier = Effect.fnUntraced(function* (
  known: Keys,
  renewed: Keys,
  authentication: ClientAuthentication.ClientAuthentication = ClientAuthentication.none
) {
  const { fetches, keys } = makeKeys(known, renewed)
  const verify = yield* SignatureVerifier.make.pipe(
    Effect.provide(
      Layer.merge(
        ClientRegistration.layer({ clientId: "bank-app", authentication }),
        Layer.succeed(ProviderKeys.ProviderKeys, keys)
      )
    )
  )
  return {
    verify: (token: string, algorithm: JwsAlgorithm.JwsAlgorithm = "ES256") => verify(Redacted.make(token), algorithm),
    fetches
  }
})

const token = signToken({ word: "yes" })

describe("a signature of the provider", () => {
  it.effect("is verified with the keys that are published by now, after one that is wrong or broken", () =>
    Effect.gen(function* () {
      for (const known of [yield* keyOf("other"), broken]) {
        const { fetches, verify } = yield* makeVerifier([known], [yield* keyOf()])
        expect(yield* verify(yield* token)).toEqual({ word: "yes" })
        expect(fetches()).toBe(1)
      }
    })
  )

  it.effect("keeps its first failure if no key is published any more, or the same ones are", () =>
    Effect.gen(function* () {
      const known = [yield* keyOf("other")]
      for (const renewed of [[], known]) {
        const { fetches, verify } = yield* makeVerifier(known, renewed)
        expect(yield* Effect.flip(verify(yield* token))).toMatchObject({ _tag: "InvalidSignature" })
        expect(fetches()).toBe(1)
      }
    })
  )

  it.effect("fails for want of a key, without a keyId if the token names none", () =>
    Effect.gen(function* () {
      const { fetches, verify } = yield* makeVerifier([], [])
      const key = yield* TestKeys.signing("ES256")
      const unnamed = yield* signToken({ word: "yes" }, { key: { ...key, keyId: undefined } })
      const error = yield* Effect.flip(verify(unnamed))
      expect(error).toMatchObject({ _tag: "UnknownKey", algorithm: "ES256" })
      expect(error).not.toHaveProperty("keyId")
      expect(fetches()).toBe(0)
    })
  )

  it.effect("with HMAC fails for want of a key if the client has no secret", () =>
    Effect.gen(function* () {
      const { fetches, verify } = yield* makeVerifier([yield* keyOf()], [])
      const [, payload, signature] = (yield* token).split(".")
      const header = Buffer.from('{"alg":"HS256"}').toString("base64url")
      const error = yield* Effect.flip(verify(`${header}.${payload}.${signature}`, "HS256"))
      expect(error).toMatchObject({ _tag: "UnknownKey", algorithm: "HS256" })
      expect(fetches()).toBe(0)
    })
  )

  it("is worth other keys after one that is unknown, wrong or broken, and not where the runtime lacks the algorithm", () => {
    const { mayChange } = SignatureVerifier
    for (const _tag of ["UnknownKey", "InvalidSignature", "UnusableKey"]) expect(mayChange({ _tag })).toBe(true)
    expect(mayChange({ _tag: "UnusableKey", unsupported: true })).toBe(false)
    expect(mayChange({ _tag: "MalformedToken" })).toBe(false)
  })
})
