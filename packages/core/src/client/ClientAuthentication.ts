/**
 * How the client proves who it is, at every endpoint alike.
 *
 * **Details**
 *
 * - One method covers the backchannel authentication endpoint and the token endpoint (CIBA Core 4).
 * - Credentials are made anew for each HTTP attempt: an assertion's `jti` is never sent twice.
 * - An assertion's audience is the issuer, as a string (CIBA Core errata 1, section 7.1); `audience` overrides it for
 *   providers that want an endpoint's URL.
 * - Prefer `privateKeyJwt`: no secret is shared (CIBA Core 7.2).
 *
 * **Example** (A client that signs its assertions)
 *
 * ```ts
 * import { ClientAuthentication, SigningKey } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { privateJwk } = yield* SigningKey.generateJwk("ES256")
 *   const authentication = yield* ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(privateJwk))
 *   return authentication.method
 * })
 *
 * await Effect.runPromise(program) // => "private_key_jwt"
 * ```
 *
 * @see RFC 6749 section 2.3, OpenID Connect Core section 9, RFC 7523
 */
import { Clock, Duration, Effect, Redacted, Schema } from "effect"
import { Base64 } from "effect/encoding"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as SigningKey from "../crypto/SigningKey.ts"
import { formEncode } from "../http/HttpUrl.ts"
import * as RandomToken from "../internal/RandomToken.ts"
import * as MutualTls from "./MutualTls.ts"

const methods = [
  "none",
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth"
] as const

/** The names of the methods, as providers list them in `token_endpoint_auth_methods_supported`. */
export const Method: Schema.Literals<typeof methods> = Schema.Literals(methods)

/** One of these names. */
export type Method = typeof Method.Type

/** A way to authenticate. */
export interface ClientAuthentication {
  readonly method: Method
  /** The algorithm of its assertions, where it makes them. */
  readonly algorithm?: JwsAlgorithm.JwsAlgorithm
  /** The secret shared with the provider, where there is one: it also verifies ID Tokens signed with HMAC. */
  readonly secret?: Redacted.Redacted<string>
  /** Who its assertions are for, where that is not the issuer. */
  readonly audience?: string | ((target: RequestTarget) => string)
  /** What the certificate that authenticates the client means besides. */
  readonly mutualTls?: MutualTls.MutualTls
  /** Credentials for one HTTP attempt. */
  readonly credentials: (target: RequestTarget) => Effect.Effect<Credentials>
}

/** What is to be authenticated, and to whom. */
export interface RequestTarget {
  readonly clientId: string
  readonly issuer: string
  readonly endpoint: string
}

/** What one HTTP attempt carries. */
export interface Credentials {
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  readonly parameters: Redacted.Redacted<ReadonlyArray<readonly [name: string, value: string]>>
}

/** How assertions are made. */
export interface AssertionOptions {
  /** Who the assertion is for; the issuer by default. */
  readonly audience?: string | ((target: RequestTarget) => string) | undefined
  /** How long it is good for; one minute by default. */
  readonly lifetime?: Duration.Input | undefined
  /** The `typ` header; `client-authentication+jwt` by default, `null` for none. */
  readonly type?: string | null | undefined
  /** Further claims; or a function of the library's own, for providers that want others. */
  readonly claims?: JsonWebToken.AdditionalClaims | undefined
  /** Further header members, `x5t#S256` for one; none takes the place of the library's own. */
  readonly header?: JsonWebToken.AdditionalHeader | undefined
}

/** No proof: a public client, known by its `client_id` alone. */
export const none: ClientAuthentication = {
  method: "none",
  credentials: (target) => inBody([["client_id", target.clientId]])
}

/** Client id and secret in the `Authorization` header, each form-encoded first (RFC 6749 2.3.1). */
export const clientSecretBasic = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  method: "client_secret_basic",
  secret,
  credentials: (target) =>
    Effect.sync(() => {
      const pair = `${formEncode(target.clientId)}:${formEncode(Redacted.value(secret))}`
      return credentials({ authorization: `Basic ${Base64.encode(pair)}` }, [])
    })
})

/** Client id and secret as form parameters. */
export const clientSecretPost = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  method: "client_secret_post",
  secret,
  credentials: (target) =>
    inBody([
      ["client_id", target.clientId],
      ["client_secret", Redacted.value(secret)]
    ])
})

/**
 * An assertion signed with the shared secret; HS256 by default. The secret should have as many bytes as the hash, 32 for
 * HS256 (RFC 7518 3.2); a shorter one is taken, because providers issue them.
 */
export const clientSecretJwt = (
  secret: Redacted.Redacted<string>,
  options?: AssertionOptions & { readonly algorithm?: JwsAlgorithm.Symmetric | undefined }
): ClientAuthentication => ({
  method: "client_secret_jwt",
  algorithm: options?.algorithm ?? "HS256",
  ...(options?.audience === undefined ? undefined : { audience: options.audience }),
  secret,
  credentials: assertion(SigningKey.fromSecret(secret, options?.algorithm ?? "HS256"), options)
})

/** An assertion signed with a private key. Takes the key, or the effect that reads it. */
export const privateKeyJwt = <E = never, R = never>(
  key: SigningKey.SigningKey | Effect.Effect<SigningKey.SigningKey, E, R>,
  options?: AssertionOptions
): Effect.Effect<ClientAuthentication, E, R> =>
  Effect.map(
    Effect.isEffect(key) ? key : Effect.succeed(key),
    (signingKey): ClientAuthentication => ({
      method: "private_key_jwt",
      algorithm: signingKey.algorithm,
      ...(options?.audience === undefined ? undefined : { audience: options.audience }),
      credentials: assertion(signingKey, options)
    })
  )

/** The certificate of the connection, from an authority that the provider trusts (RFC 8705 2.1). */
export const tlsClientAuth: ClientAuthentication = /* @__PURE__ */ byCertificate("tls_client_auth")

/** The certificate of the connection, registered at the provider itself (RFC 8705 2.2). */
export const selfSignedTlsClientAuth: ClientAuthentication =
  /* @__PURE__ */ byCertificate("self_signed_tls_client_auth")

function byCertificate(method: Method): ClientAuthentication {
  return {
    method,
    mutualTls: MutualTls.make({ boundAccessTokens: false }),
    credentials: (target) => inBody([["client_id", target.clientId]])
  }
}

const assertion = (
  key: SigningKey.SigningKey,
  options: AssertionOptions | undefined
): ClientAuthentication["credentials"] =>
  Effect.fnUntraced(function* (target) {
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const audience = options?.audience ?? target.issuer
    const jwt = yield* JsonWebToken.sign(
      JsonWebToken.addClaims(
        {
          iss: target.clientId,
          sub: target.clientId,
          aud: typeof audience === "string" ? audience : audience(target),
          jti: yield* RandomToken.generate(20),
          iat: now,
          exp: now + Math.ceil(Duration.toSeconds(options?.lifetime ?? "1 minute"))
        },
        options?.claims
      ),
      {
        key,
        type: options?.type === null ? undefined : (options?.type ?? "client-authentication+jwt"),
        header: options?.header
      }
    )
    return yield* inBody([
      ["client_id", target.clientId],
      ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
      ["client_assertion", Redacted.value(jwt)]
    ])
  })

const inBody = (parameters: ReadonlyArray<readonly [string, string]>): Effect.Effect<Credentials> =>
  Effect.sync(() => credentials({}, parameters))

const credentials = (
  headers: Readonly<Record<string, string>>,
  parameters: ReadonlyArray<readonly [string, string]>
): Credentials => ({
  headers: Redacted.make(headers, { label: "client credentials" }),
  parameters: Redacted.make(parameters, { label: "client credentials" })
})
