/**
 * A client under FAPI-CIBA: `private_key_jwt` or a certificate, signed requests, access tokens that the certificate binds.
 * Take `layer` and `readAccounts` from here; `npm run conformance` drives them as they are. The certificate belongs to the
 * `HttpClient`: `NodeTls.layer({ client: CertificateFiles.pem(…) })`. Run by itself, the file uses a provider in memory.
 */
import {
  type AuthenticationRequest,
  Ciba,
  ClientAuthentication,
  MutualTls,
  ProtectedResource,
  SecurityProfile,
  SignedRequest,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { type ProviderOptions, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Console, Effect, Layer } from "effect"

/** What differs between clients. */
export interface Settings {
  readonly issuer: string
  readonly clientId: string
  /** Signs authentication requests, and client assertions. */
  readonly key: SigningKey.SigningKey
  readonly authentication: "private_key_jwt" | "tls_client_auth"
  readonly deliveryMode: "poll" | "ping"
}

export const layer = (
  { authentication, key, ...settings }: Settings,
  profile: SecurityProfile.SecurityProfile = SecurityProfile.fapi1Ciba
) =>
  Ciba.layer({
    ...settings,
    profile,
    authentication:
      authentication === "tls_client_auth"
        ? ClientAuthentication.tlsClientAuth
        : ClientAuthentication.privateKeyJwt(key),
    mutualTls: MutualTls.make(),
    idTokenSignedResponseAlg: "PS256"
  }).pipe(Layer.provide(SignedRequest.layer({ key })))

export const request: AuthenticationRequest.Options = {
  scope: ["openid", "accounts"],
  hint: UserHint.login("jo@example.com"),
  bindingMessage: "W4SCT"
}

/** Asks the end-user, and reads the accounts. */
export const readAccounts = Effect.fnUntraced(function* (accounts: string, options = request) {
  const identity = yield* Ciba.authenticate(options)
  const api = ProtectedResource.failOnChallengeError(yield* ProtectedResource.make(identity))
  const { status } = yield* api.get(accounts)
  return { subject: identity.subject, status }
})

/** The settings of a client with a key of its own, and a provider in memory that knows it. */
export const makeTrial = Effect.fnUntraced(function* (options?: ProviderOptions.ProviderOptions) {
  const key = yield* SigningKey.generate("PS256")
  const provider = TestProvider.layer({
    client: TestClient.privateKeyJwt(key.publicJwk, { requestKey: key.publicJwk, idTokenSignedResponseAlg: "PS256" }),
    user: TestUser.approve(),
    interval: "1 second",
    ...options
  })
  const settings: Settings = {
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    key,
    authentication: "private_key_jwt",
    deliveryMode: "poll"
  }
  return { provider, settings }
})

/** The provider in memory has one protected resource, UserInfo. */
export const accountsInMemory = "https://provider.test/userinfo"

const program = Effect.gen(function* () {
  const { provider, settings } = yield* makeTrial()
  const { status, subject } = yield* readAccounts(accountsInMemory).pipe(
    Effect.provide(Layer.provide(layer(settings), provider))
  )
  yield* Console.log(`${subject} approved; the accounts come with status ${status}.`)
})

if (process.argv[1] === import.meta.filename) await Effect.runPromise(program)
