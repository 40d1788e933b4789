/**
 * A client that signs its assertions with a private key and binds its tokens with another, as banks want it: no secret is
 * shared. The public JWK is what the provider registers, under its key id; the private one is `Redacted`, and never leaves
 * the program. The profile refuses whatever would break its rules.
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
