/** Mutual TLS as environment variables describe it. */
import { type ClientAuthentication, ClientRegistration, MutualTls } from "@effect-ciba/core"
import { Config, Effect, Option, type Redacted } from "effect"
import * as CertificateFiles from "../CertificateFiles.ts"
import type * as NodeTls from "../NodeTls.ts"
import type { EnvironmentVariables } from "./EnvironmentVariable.ts"

export interface Environment {
  readonly certificate: Option.Option<string>
  readonly privateKey: Option.Option<string>
  readonly pkcs12: Option.Option<string>
  readonly passphrase: Option.Option<Redacted.Redacted<string>>
  readonly authorities: Option.Option<string>
  readonly boundAccessTokens: boolean
}

export interface Options {
  readonly tls: NodeTls.Options
  readonly mutualTls: MutualTls.MutualTls | undefined
}

/** What the variables say. */
export const read = (
  variables: EnvironmentVariables
): Effect.Effect<Environment, ClientRegistration.ClientRegistrationError | Config.ConfigError> =>
  Effect.zipWith(variables.read(files), variables.readSecret("CIBA_TLS_PASSPHRASE"), (found, passphrase) => ({
    ...found,
    passphrase
  }))

const files = Config.all({
  certificate: Config.option(Config.NonEmptyString("CIBA_TLS_CERTIFICATE_FILE")),
  privateKey: Config.option(Config.NonEmptyString("CIBA_TLS_PRIVATE_KEY_FILE")),
  pkcs12: Config.option(Config.NonEmptyString("CIBA_TLS_PKCS12_FILE")),
  authorities: Config.option(Config.NonEmptyString("CIBA_TLS_CA_FILE")),
  boundAccessTokens: Config.withDefault(Config.Boolean("CIBA_TLS_BOUND_ACCESS_TOKENS"), false)
})

/**
 * TLS options for a client that authenticates by `method`; fails if the method or bound tokens need a certificate, and
 * none is configured. `prefix` is what stands before the variables' names in errors.
 */
export const make = Effect.fnUntraced(function* (
  environment: Environment,
  method: Option.Option<ClientAuthentication.Method>,
  prefix: string
): Effect.fn.Return<Options, ClientRegistration.ClientRegistrationError> {
  const client = yield* certificateFiles(environment, prefix)
  const use = environment.boundAccessTokens
    ? `${prefix}CIBA_TLS_BOUND_ACCESS_TOKENS`
    : Option.getOrUndefined(Option.filter(method, usesCertificate))
  if (client === undefined && use !== undefined) {
    return yield* error(
      `${prefix}CIBA_TLS_CERTIFICATE_FILE`,
      `${use} needs it or ${prefix}CIBA_TLS_PKCS12_FILE, and neither is set`
    )
  }
  return {
    tls: {
      client,
      authorities: Option.getOrUndefined(Option.map(environment.authorities, CertificateFiles.authorities))
    },
    mutualTls: environment.boundAccessTokens ? MutualTls.make() : undefined
  }
})

const certificateFiles = Effect.fnUntraced(function* (
  { certificate, passphrase, pkcs12, privateKey }: Environment,
  prefix: string
): Effect.fn.Return<NodeTls.Options["client"], ClientRegistration.ClientRegistrationError> {
  const secret = { passphrase: Option.getOrUndefined(passphrase) }
  if (Option.isSome(pkcs12)) {
    return Option.isNone(certificate) && Option.isNone(privateKey)
      ? CertificateFiles.pkcs12(pkcs12.value, secret)
      : yield* error(`${prefix}CIBA_TLS_PKCS12_FILE`, "it holds certificate and key; set no other file for them")
  }
  if (Option.isSome(certificate) && Option.isSome(privateKey)) {
    return CertificateFiles.pem({ certificate: certificate.value, privateKey: privateKey.value, ...secret })
  }
  if (Option.isSome(certificate)) {
    return yield* error(`${prefix}CIBA_TLS_PRIVATE_KEY_FILE`, "the certificate needs it, and it is not set")
  }
  if (Option.isSome(privateKey)) {
    return yield* error(`${prefix}CIBA_TLS_CERTIFICATE_FILE`, "the private key needs it, and it is not set")
  }
  return undefined
})

const usesCertificate = (method: ClientAuthentication.Method): boolean =>
  method === "tls_client_auth" || method === "self_signed_tls_client_auth"

const error = (parameter: string, problem: string): ClientRegistration.ClientRegistrationError =>
  new ClientRegistration.ClientRegistrationError({ parameter, problem })
