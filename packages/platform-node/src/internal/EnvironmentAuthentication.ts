/** Client authentication as environment variables describe it. */
import { ClientAuthentication, ClientRegistration, JwsAlgorithm, SigningKey } from "@effect-ciba/core"
import { Config, Effect, Option, Redacted, Schema } from "effect"
import type { EnvironmentVariables } from "./EnvironmentVariable.ts"

export interface Environment {
  readonly method: Option.Option<ClientAuthentication.Method>
  readonly secret: Option.Option<Redacted.Redacted<string>>
  readonly privateKey: Option.Option<Redacted.Redacted<string>>
  readonly algorithm: Option.Option<JwsAlgorithm.JwsAlgorithm>
}

/** What the variables say. */
export const read = (
  variables: EnvironmentVariables
): Effect.Effect<Environment, ClientRegistration.ClientRegistrationError | Config.ConfigError> =>
  Effect.all({
    method: variables.read(Config.option(Config.schema(ClientAuthentication.Method, "CIBA_CLIENT_AUTH_METHOD"))),
    secret: variables.readSecret("CIBA_CLIENT_SECRET"),
    privateKey: variables.readKey("CIBA_PRIVATE_KEY"),
    algorithm: variables.read(Config.option(Config.schema(JwsAlgorithm.JwsAlgorithm, "CIBA_SIGNING_ALG")))
  })

/**
 * The configured method. By default it is `private_key_jwt` with a private key and `client_secret_basic` without; a
 * public client has to name `none`. `prefix` is what stands before the variables' names in errors.
 */
export const make = Effect.fnUntraced(function* (
  environment: Environment,
  prefix: string
): Effect.fn.Return<
  ClientAuthentication.ClientAuthentication,
  ClientRegistration.ClientRegistrationError | SigningKey.InvalidKey
> {
  if (Option.isNone(environment.method) && Option.isSome(environment.secret) && Option.isSome(environment.privateKey)) {
    return yield* new ClientRegistration.ClientRegistrationError({
      parameter: `${prefix}CIBA_CLIENT_AUTH_METHOD`,
      problem: `a secret and a private key are set; remove ${prefix}CIBA_CLIENT_SECRET, or say which method the client is registered with`
    })
  }
  const method = Option.getOrElse(environment.method, () =>
    Option.isSome(environment.privateKey) ? "private_key_jwt" : "client_secret_basic"
  )
  const fail = (variable: string, problem: string) =>
    Effect.fail(
      new ClientRegistration.ClientRegistrationError({
        parameter: `${prefix}${variable}`,
        problem: `${method} ${problem}`
      })
    )
  const require = <A>(value: Option.Option<A>, variable: string) =>
    Option.match(value, { onNone: () => fail(variable, "needs it, and it is not set"), onSome: Effect.succeed })
  /** The configured algorithm, which must be one that the method signs with. */
  const algorithmOf = <A extends JwsAlgorithm.JwsAlgorithm>(
    isSupported: (algorithm: JwsAlgorithm.JwsAlgorithm) => algorithm is A
  ) =>
    Option.match(environment.algorithm, {
      onNone: () => Effect.undefined,
      onSome: (algorithm) =>
        isSupported(algorithm) ? Effect.succeed(algorithm) : fail("CIBA_SIGNING_ALG", `does not sign with ${algorithm}`)
    })

  switch (method) {
    case "none":
      return ClientAuthentication.none
    case "client_secret_basic":
      return ClientAuthentication.clientSecretBasic(yield* require(environment.secret, "CIBA_CLIENT_SECRET"))
    case "client_secret_post":
      return ClientAuthentication.clientSecretPost(yield* require(environment.secret, "CIBA_CLIENT_SECRET"))
    case "client_secret_jwt": {
      const algorithm = yield* algorithmOf(JwsAlgorithm.isSymmetric)
      const secret = yield* require(environment.secret, "CIBA_CLIENT_SECRET")
      return ClientAuthentication.clientSecretJwt(secret, { algorithm })
    }
    case "private_key_jwt": {
      const key = yield* require(environment.privateKey, "CIBA_PRIVATE_KEY")
      const algorithm = yield* algorithmOf(JwsAlgorithm.isAsymmetric)
      return yield* ClientAuthentication.privateKeyJwt(signingKey(key, algorithm, prefix))
    }
    case "tls_client_auth":
      return ClientAuthentication.tlsClientAuth
    case "self_signed_tls_client_auth":
      return ClientAuthentication.selfSignedTlsClientAuth
  }
})

const signingKey = (
  key: Redacted.Redacted<string>,
  algorithm: JwsAlgorithm.Asymmetric | undefined,
  prefix: string
): Effect.Effect<SigningKey.SigningKey, SigningKey.InvalidKey> => {
  const text = Redacted.value(key)
  const fail = (problem: string) => Effect.fail(new SigningKey.InvalidKey({ problem }))
  if (!text.includes("-----BEGIN ")) {
    return Effect.matchEffect(decodeJson(unquote(text)), {
      onFailure: () =>
        fail(
          `${prefix}CIBA_PRIVATE_KEY, or the file in its place, is neither a JWK nor PEM; a path belongs in ${prefix}CIBA_PRIVATE_KEY_FILE`
        ),
      onSuccess: (jwk) => SigningKey.fromJwk(Redacted.make(jwk), { algorithm })
    })
  }
  return algorithm === undefined
    ? fail(`PEM names no algorithm; set ${prefix}CIBA_SIGNING_ALG`)
    : SigningKey.fromPem(key, { algorithm })
}

/** Some ways to set a variable keep the quotes around its value. */
const unquote = (text: string): string => text.trim().replace(/^(['"])(.*)\1$/s, "$2")

const decodeJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))
