import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, SecurityProfile, SigningKey } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"

const secret = Redacted.make("a secret that is long enough for every HMAC there is, 64 bytes long")
const signedWith = (algorithm: "RS256" | "ES256" | "PS256" | "EdDSA") =>
  ClientAuthentication.privateKeyJwt(SigningKey.generate(algorithm))

const lawful = { clientId: "bank", authentication: signedWith("ES256"), idTokenSignedResponseAlg: "PS256" } as const

const register = (profile: SecurityProfile.SecurityProfile, change: Partial<ClientRegistration.Options>) =>
  ClientRegistration.make({ ...lawful, ...change, profile })

const breaches: ReadonlyArray<
  readonly [title: string, change: Partial<ClientRegistration.Options>, parameter: string]
> = [
  ["push delivery", { deliveryMode: "push" }, "deliveryMode"],
  ["no authentication", { authentication: ClientAuthentication.none }, "authentication"],
  ["client_secret_basic", { authentication: ClientAuthentication.clientSecretBasic(secret) }, "authentication"],
  ["client_secret_post", { authentication: ClientAuthentication.clientSecretPost(secret) }, "authentication"],
  ["client_secret_jwt", { authentication: ClientAuthentication.clientSecretJwt(secret) }, "authentication"],
  ["assertions in RS256", { authentication: signedWith("RS256") }, "authentication"],
  ["ID Tokens in RS256", { idTokenSignedResponseAlg: "RS256" }, "idTokenSignedResponseAlg"]
]

for (const profile of [SecurityProfile.fapiCiba1, SecurityProfile.fapi2Ciba]) {
  describe(profile.name, () => {
    it.effect("takes a registration that keeps the rules", () =>
      Effect.gen(function* () {
        expect((yield* register(profile, {})).clientId).toBe("bank")
      })
    )
    for (const [title, change, parameter] of breaches) {
      it.effect(`refuses ${title}, and says where the rule stands (E6, E7)`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(register(profile, change))
          expect(error).toMatchObject({ _tag: "ClientRegistrationError", parameter })
          expect(error.message).toContain(profile.name)
        })
      )
    }
  })
}

it.effect("EdDSA is for FAPI 2, and not for FAPI 1 (E7)", () =>
  Effect.gen(function* () {
    const change = { authentication: signedWith("EdDSA"), idTokenSignedResponseAlg: "EdDSA" } as const
    expect((yield* register(SecurityProfile.fapi2Ciba, change)).idTokenSignedResponseAlg).toBe("EdDSA")
    expect(yield* Effect.flip(register(SecurityProfile.fapiCiba1, change))).toMatchObject({
      parameter: "idTokenSignedResponseAlg"
    })
  })
)
