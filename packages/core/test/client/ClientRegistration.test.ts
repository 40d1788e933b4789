import { assert, describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, SigningKey } from "@effect-ciba/core"
import { Duration, Effect, Redacted } from "effect"

const { none } = ClientAuthentication
const empty = Redacted.make("")

describe("a registration", () => {
  it.effect("is completed with the defaults of the specifications", () =>
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

  it.effect("keeps what it says, and reads the authentication where that takes an effect", () =>
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

  const refused: ReadonlyArray<readonly [what: string, ClientRegistration.Options, message: string]> = [
    ["without a client id", { clientId: "", authentication: none }, "clientId: it is empty"],
    ...[
      ClientAuthentication.clientSecretBasic(empty),
      ClientAuthentication.clientSecretPost(empty),
      ClientAuthentication.clientSecretJwt(empty)
    ].map(
      (authentication) =>
        [
          `with an empty secret for ${authentication.method}`,
          { clientId: "shop", authentication },
          "authentication: the client secret is empty"
        ] as const
    ),
    [
      "that tolerates any clock",
      { clientId: "shop", authentication: none, clockTolerance: "1 hour" },
      "clockTolerance: it must be between zero and ten minutes"
    ],
    [
      "that wants people to have authenticated in the future",
      { clientId: "shop", authentication: none, defaultMaxAge: "-1 second" },
      "defaultMaxAge: it must be zero or more"
    ],
    ...["Bearer", "dpop"].map(
      (type) =>
        [
          `that takes ${type} for a further type of token`,
          { clientId: "shop", authentication: none, recognizedTokenTypes: ["mac", type] },
          "recognizedTokenTypes: Bearer and DPoP do not belong there; Dpop.layer decides between them"
        ] as const
    ),
    [
      "for bound tokens without a key (B11)",
      { clientId: "shop", authentication: none, dpopBoundAccessTokens: true },
      "dpopBoundAccessTokens: there is no key to bind the tokens to; provide Dpop.layer"
    ],
    [
      "that expects ID Tokens signed with a secret it does not have",
      { clientId: "shop", authentication: none, idTokenSignedResponseAlg: "HS512" },
      "idTokenSignedResponseAlg: HS512 needs a client secret, and the method none has none; use an asymmetric algorithm"
    ]
  ]
  for (const [what, options, message] of refused) {
    it.effect(`${what} is refused`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ClientRegistration.make(options))
        assert.strictEqual(error._tag, "ClientRegistrationError")
        assert.strictEqual(error.message, message)
      })
    )
  }

  it.effect("fails with the error of a key that cannot be read", () =>
    Effect.gen(function* () {
      const authentication = ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(Redacted.make("no key")))
      const error = yield* Effect.flip(ClientRegistration.make({ clientId: "shop", authentication }))
      assert.strictEqual(error._tag, "InvalidKey")
    })
  )
})
