import { assert, describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, SigningKey } from "@effect-ciba/core"
import { Duration, Effect, Redacted } from "effect"

const { none } = ClientAuthentication
const empty = Redacted.make("")

describe("ClientRegistration.make", () => {
  it.effect("adds the defaults of the specifications", () =>
    Effect.gen(function* () {
      const registration = yield* ClientRegistration.make({ clientId: "shop", authentication: none })
      expect(registration).toMatchObject({
        clientId: "shop",
        authentication: none,
        deliveryMode: "poll",
        idTokenSignedResponseAlg: "RS256",
        userCodeParameter: false,
        mutualTls: undefined,
        requestSigner: undefined,
        senderConstraint: { tokenType: "Bearer" },
        maxAge: undefined,
        recognizedTokenTypes: [],
        clockTolerance: Duration.seconds(30),
        profile: undefined
      })
    })
  )

  it.effect("keeps the given options, and runs an effect that reads the authentication", () =>
    Effect.gen(function* () {
      const authentication = ClientAuthentication.clientSecretPost(Redacted.make("secret"))
      const options = {
        clientId: "shop",
        deliveryMode: "ping",
        idTokenSignedResponseAlg: "HS256",
        userCodeParameter: true
      } as const
      const registration = yield* ClientRegistration.make({
        ...options,
        authentication: Effect.succeed(authentication),
        clockTolerance: "5 seconds"
      })
      expect(registration).toMatchObject({ ...options, authentication, clockTolerance: Duration.seconds(5) })
    })
  )

  const invalid: ReadonlyArray<readonly [what: string, ClientRegistration.Options, message: string]> = [
    ["an empty client id", { clientId: "", authentication: none }, "clientId: it is empty"],
    ...[
      ClientAuthentication.clientSecretBasic(empty),
      ClientAuthentication.clientSecretPost(empty),
      ClientAuthentication.clientSecretJwt(empty)
    ].map(
      (authentication) =>
        [
          `an empty secret for ${authentication.method}`,
          { clientId: "shop", authentication },
          "authentication: the client secret is empty"
        ] as const
    ),
    [
      "a clock tolerance of an hour",
      { clientId: "shop", authentication: none, clockTolerance: "1 hour" },
      "clockTolerance: it must be between zero and ten minutes"
    ],
    [
      "a clock tolerance that is not a duration",
      { clientId: "shop", authentication: none, clockTolerance: JSON.parse('"soon"') },
      "clockTolerance: it must be between zero and ten minutes"
    ],
    [
      "a negative default_max_age",
      { clientId: "shop", authentication: none, defaultMaxAge: "-1 second" },
      "defaultMaxAge: it must be zero or more"
    ],
    ...["Bearer", "dpop"].map(
      (type) =>
        [
          `the recognized token type ${type}`,
          { clientId: "shop", authentication: none, compatibility: { recognizedTokenTypes: ["mac", type] } },
          "recognizedTokenTypes: Bearer and DPoP do not belong there; Dpop.layer decides between them"
        ] as const
    ),
    [
      "DPoP-bound access tokens without a key (B11)",
      { clientId: "shop", authentication: none, dpopBoundAccessTokens: true },
      "dpopBoundAccessTokens: there is no key to bind the tokens to; provide Dpop.layer"
    ],
    [
      "ID Tokens that are signed with a secret, for a client without one",
      { clientId: "shop", authentication: none, idTokenSignedResponseAlg: "HS512" },
      "idTokenSignedResponseAlg: HS512 needs a client secret, and the method none has none; use an asymmetric algorithm"
    ]
  ]
  for (const [what, options, message] of invalid) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ClientRegistration.make(options))
        assert.strictEqual(error._tag, "ClientRegistrationError")
        assert.strictEqual(error.message, message)
      })
    )
  }

  it.effect("fails with InvalidKey if the key of the authentication cannot be read", () =>
    Effect.gen(function* () {
      const authentication = ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(Redacted.make("no key")))
      const error = yield* Effect.flip(ClientRegistration.make({ clientId: "shop", authentication }))
      assert.strictEqual(error._tag, "InvalidKey")
    })
  )
})
