/**
 * Client authentication as environment variables describe it.
 */
import { ClientAuthentication, ClientRegistration, JwsAlgorithm, SigningKey } from "@effect-ciba/core"
import { Config, Effect, Option, Redacted, Schema } from "effect"

/** What the environment says. */
export interface Environment {
  readonly method: Option.Option<ClientAuthentication.Method>
  readonly secret: Option.Option<Redacted.Redacted<string>>
  readonly privateKey: Option.Option<Redacted.Redacted<string>>
  readonly algorithm: Option.Option<JwsAlgorithm.JwsAlgorithm>
}

/** Reads `CIBA_CLIENT_AUTH_METHOD`, `CIBA_CLIENT_SECRET`, `CIBA_PRIVATE_KEY` and `CIBA_SIGNING_ALG`. */
export const config: Config.Config<Environment> = Config.all({
  method: Config.option(
    Config.Literals(
      [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth"
      ],
      "CIBA_CLIENT_AUTH_METHOD"
    )
  ),
  secret: Config.option(Config.Redacted("CIBA_CLIENT_SECRET")),
  privateKey: Config.option(Config.Redacted("CIBA_PRIVATE_KEY")),
  algorithm: Config.option(Config.schema(JwsAlgorithm.JwsAlgorithm, "CIBA_SIGNING_ALG"))
})

/** The way to authenticate; without a named method, the private key or else the secret. A public client is named. */
export const make = Effect.fnUntraced(function* (
  environment: Environment
): Effect.fn.Return<
  ClientAuthentication.ClientAuthentication,
  ClientRegistration.ClientRegistrationError | SigningKey.InvalidKey
> {
  const method = Option.getOrElse(environment.method, () => strongest(environment))
  switch (method) {
    case "none":
      return ClientAuthentication.none
    case "client_secret_basic":
      return ClientAuthentication.clientSecretBasic(yield* needed(environment.secret, "CIBA_CLIENT_SECRET", method))
    case "client_secret_post":
      return ClientAuthentication.clientSecretPost(yield* needed(environment.secret, "CIBA_CLIENT_SECRET", method))
    case "client_secret_jwt": {
      const algorithm = yield* fitting(environment.algorithm, JwsAlgorithm.isSymmetric, method)
      const secret = yield* needed(environment.secret, "CIBA_CLIENT_SECRET", method)
      return ClientAuthentication.clientSecretJwt(secret, { algorithm })
    }
    case "private_key_jwt": {
      const key = yield* needed(environment.privateKey, "CIBA_PRIVATE_KEY", method)
      const algorithm = yield* fitting(environment.algorithm, isAsymmetric, method)
      return yield* ClientAuthentication.privateKeyJwt(signingKey(key, algorithm))
    }
    case "tls_client_auth":
      return ClientAuthentication.tlsClientAuth
    case "self_signed_tls_client_auth":
      return ClientAuthentication.selfSignedTlsClientAuth
  }
})

const strongest = ({ privateKey }: Environment): ClientAuthentication.Method =>
  Option.isSome(privateKey) ? "private_key_jwt" : "client_secret_basic"

const needed = <A>(
  value: Option.Option<A>,
  parameter: string,
  method: ClientAuthentication.Method
): Effect.Effect<A, ClientRegistration.ClientRegistrationError> =>
  Option.match(value, {
    onNone: () =>
      Effect.fail(
        new ClientRegistration.ClientRegistrationError({ parameter, problem: `${method} needs it, and it is not set` })
      ),
    onSome: Effect.succeed
  })

/** The named algorithm, which must be one that the method signs with. */
const fitting = <A extends JwsAlgorithm.JwsAlgorithm>(
  named: Option.Option<JwsAlgorithm.JwsAlgorithm>,
  fits: (algorithm: JwsAlgorithm.JwsAlgorithm) => algorithm is A,
  method: ClientAuthentication.Method
): Effect.Effect<A | undefined, ClientRegistration.ClientRegistrationError> => {
  if (Option.isNone(named)) return Effect.succeed(undefined)
  return fits(named.value)
    ? Effect.succeed(named.value)
    : Effect.fail(
        new ClientRegistration.ClientRegistrationError({
          parameter: "CIBA_SIGNING_ALG",
          problem: `${method} does not sign with ${named.value}`
        })
      )
}

const signingKey = (
  key: Redacted.Redacted<string>,
  algorithm: JwsAlgorithm.Asymmetric | undefined
): Effect.Effect<SigningKey.SigningKey, SigningKey.InvalidKey> => {
  const text = Redacted.value(key).replaceAll("\\n", "\n")
  if (!text.trimStart().startsWith("-----BEGIN")) {
    return Effect.matchEffect(decodeJson(text), {
      onFailure: () =>
        Effect.fail(
          new SigningKey.InvalidKey({
            problem: "CIBA_PRIVATE_KEY is neither a JWK nor PEM; give the key itself, and not a path to it"
          })
        ),
      onSuccess: (jwk) => SigningKey.fromJwk(Redacted.make(jwk), { algorithm })
    })
  }
  return algorithm === undefined
    ? Effect.fail(new SigningKey.InvalidKey({ problem: "PEM names no algorithm; set CIBA_SIGNING_ALG" }))
    : SigningKey.fromPem(Redacted.make(text), { algorithm })
}

const isAsymmetric = (algorithm: JwsAlgorithm.JwsAlgorithm): algorithm is JwsAlgorithm.Asymmetric =>
  !JwsAlgorithm.isSymmetric(algorithm)

const decodeJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))
