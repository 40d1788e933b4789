/**
 * A client under the FAPI 2.0 profile for CIBA: it authenticates with `private_key_jwt`, and DPoP binds its tokens to a
 * second key. The provider registers the public JWK; the private one is `Redacted` and stays in the program. The profile
 * rejects a configuration, request or response that violates its rules.
 */
import { Ciba, ClientAuthentication, Dpop, SecurityProfile, SigningKey, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, Layer } from "effect"

const program = Effect.gen(function* () {
  const { privateJwk, publicJwk } = yield* SigningKey.generateJwk("ES256")
  yield* Console.log(`Register the ${publicJwk.alg} key ${publicJwk.kid} at the provider.`)

  const CibaLive = Ciba.layer({
    issuer: "https://provider.test",
    clientId: "bank-app",
    authentication: ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(privateJwk)),
    idTokenSignedResponseAlg: "PS256",
    profile: SecurityProfile.fapi2Ciba
  }).pipe(
    Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })),
    Layer.provide(
      TestProvider.layer({
        client: TestClient.privateKeyJwt(publicJwk, { clientId: "bank-app", idTokenSignedResponseAlg: "PS256" }),
        user: TestUser.approve(),
        interval: "1 second"
      })
    )
  )

  const identity = yield* Ciba.authenticate({
    scope: ["openid"],
    hint: UserHint.login("jo@example.com"),
    bindingMessage: "W4SCT"
  }).pipe(Effect.provide(CibaLive))
  yield* Console.log(`${identity.subject} approved; the token is of type ${identity.tokenType}.`)
})

await Effect.runPromise(program)
