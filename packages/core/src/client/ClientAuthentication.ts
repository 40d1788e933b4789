/**
 * Client authentication: how the client proves its identity at the provider's endpoints.
 *
 * **When to use**
 *
 * Pass one of these methods as `authentication` to `Ciba.layer`. Prefer `privateKeyJwt` or a certificate: the provider then
 * stores no secret of the client (CIBA Core 7.2).
 *
 * **Details**
 *
 * - One method serves every endpoint (CIBA Core 4).
 * - Credentials are created for each HTTP request: an assertion's `jti` is never sent twice.
 * - The audience of an assertion is the issuer, as a string (CIBA Core errata 1, section 7.1). `audience` is for providers
 *   that require the URL of an endpoint.
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
 * **Example** (A method of your own)
 *
 * `Discovery.check` compares the name with the provider's metadata, and a security profile with the methods that it allows.
 *
 * ```ts
 * import { ClientAuthentication, ClientRegistration } from "@effect-ciba/core"
 * import { Effect, Redacted } from "effect"
 *
 * const attested: ClientAuthentication.ClientAuthentication = {
 *   method: "attest_jwt_client_auth",
 *   credentials: ({ clientId, issuer }) =>
 *     Effect.succeed(
 *       ClientAuthentication.makeCredentials({
 *         headers: { "oauth-client-attestation": `an attestation for ${issuer}` },
 *         parameters: [["client_id", clientId]]
 *       })
 *     )
 * }
 *
 * const program = Effect.gen(function* () {
 *   const { authentication, clientId } = yield* ClientRegistration.make({ clientId: "shop", authentication: attested })
 *   const endpoint = "https://op.example.com/token"
 *   const { headers } = yield* authentication.credentials({ clientId, issuer: "https://op.example.com", endpoint })
 *   return Redacted.value(headers)
 * })
 *
 * const headers = await Effect.runPromise(program)
 * headers["oauth-client-attestation"] // => "an attestation for https://op.example.com"
 * ```
 *
 * @see RFC 6749 section 2.3, OpenID Connect Core section 9, RFC 7523, RFC 8705 section 2
 */
import { Clock, Duration, Effect, Redacted, Schema } from "effect"
import { Base64 } from "effect/encoding"
import { memoize } from "effect/Function"
import * as JsonWebToken from "../crypto/JsonWebToken.ts"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import * as RandomToken from "../crypto/RandomToken.ts"
import * as SigningKey from "../crypto/SigningKey.ts"
import { formEncode } from "../http/HttpUrl.ts"
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

/**
 * The methods of this library by their registered names, as in `token_endpoint_auth_methods_supported`.
 *
 * @since 0.1.0
 * @stability stable
 */
export const Method: Schema.Literals<typeof methods> = Schema.Literals(methods)

/**
 * One of these names.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Method = typeof Method.Type

/**
 * A method of client authentication: one of this library, or your own.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface ClientAuthentication {
  /** The registered name, which is compared with the provider's metadata and judged by security profiles. */
  readonly method: Method | (string & Record<never, never>)
  /** The algorithm of its assertions, if it makes them. */
  readonly algorithm?: JwsAlgorithm.JwsAlgorithm
  /** The secret that the provider has as well; it also verifies ID Tokens that are signed with HMAC. */
  readonly secret?: Redacted.Redacted<string>
  /** The audience of its assertions, if it is not the issuer. */
  readonly audience?: string | ((target: RequestTarget) => string)
  /** Whether the connection's certificate binds access tokens, and which endpoints are called with it. */
  readonly mutualTls?: MutualTls.MutualTls
  /** Credentials for one HTTP request. The target is the same object for all requests to an endpoint. */
  readonly credentials: (target: RequestTarget) => Effect.Effect<Credentials>
}

/**
 * The request that is authenticated.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface RequestTarget {
  readonly clientId: string
  readonly issuer: string
  /** The URL that is called: the endpoint or its mutual TLS alias. */
  readonly endpoint: string
}

/**
 * What authenticates one HTTP request: headers and form parameters.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Credentials {
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  readonly parameters: Redacted.Redacted<ReadonlyArray<readonly [name: string, value: string]>>
}

/**
 * The claims of a client assertion.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface AssertionOptions {
  /** The audience; the issuer by default. */
  readonly audience?: string | ((target: RequestTarget) => string) | undefined
  /** The time until the assertion expires; one minute by default. */
  readonly lifetime?: Duration.Input | undefined
  /** For providers that deviate from the specifications. */
  readonly compatibility?: AssertionCompatibility | undefined
}

/**
 * What some providers require of a client assertion beside the specifications.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface AssertionCompatibility {
  /** The `typ` header; `client-authentication+jwt` by default, `null` for none. */
  readonly type?: string | null | undefined
  /** Additional header members, for example `x5t#S256`. */
  readonly header?: JsonWebToken.AdditionalHeader | undefined
  /** Additional claims. Those that the library sets, and what is not JSON, are left out. */
  readonly additionalClaims?: JsonWebToken.AdditionalClaims | undefined
}

/**
 * A public client, identified by its `client_id` alone.
 *
 * @since 0.1.0
 * @stability stable
 */
export const none: ClientAuthentication = {
  method: "none",
  credentials: memoize((target) => Effect.succeed(withClientId(target)))
}

/**
 * Client id and secret in the `Authorization` header, each form-encoded first (RFC 6749 2.3.1).
 *
 * @since 0.1.0
 * @stability stable
 */
export const clientSecretBasic = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  method: "client_secret_basic",
  secret,
  credentials: memoize(({ clientId }) => {
    const pair = `${formEncode(clientId)}:${formEncode(Redacted.value(secret))}`
    return Effect.succeed(makeCredentials({ headers: { authorization: `Basic ${Base64.encode(pair)}` } }))
  })
})

/**
 * Client id and secret as form parameters.
 *
 * @since 0.1.0
 * @stability stable
 */
export const clientSecretPost = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  method: "client_secret_post",
  secret,
  credentials: memoize((target) => Effect.succeed(withClientId(target, ["client_secret", Redacted.value(secret)])))
})

/**
 * An assertion signed with the client secret; HS256 by default. The secret should have at least as many bytes as the hash,
 * 32 for HS256 (RFC 7518 3.2); a shorter one is accepted, because providers issue them.
 *
 * @since 0.1.0
 * @stability stable
 */
export const clientSecretJwt = (
  secret: Redacted.Redacted<string>,
  options?: AssertionOptions & { readonly algorithm?: JwsAlgorithm.Symmetric | undefined }
): ClientAuthentication => ({
  secret,
  ...signAssertions("client_secret_jwt", SigningKey.fromSecret(secret, options?.algorithm ?? "HS256"), options)
})

/**
 * An assertion signed with a private key; `key` may be an effect that reads it.
 *
 * @since 0.1.0
 * @stability stable
 */
export const privateKeyJwt = <E = never, R = never>(
  key: SigningKey.SigningKey | Effect.Effect<SigningKey.SigningKey, E, R>,
  options?: AssertionOptions
): Effect.Effect<ClientAuthentication, E, R> =>
  Effect.map(Effect.isEffect(key) ? key : Effect.succeed(key), (signingKey) =>
    signAssertions("private_key_jwt", signingKey, options)
  )

const certificate = (method: Method): ClientAuthentication => ({
  method,
  mutualTls: MutualTls.make({ boundAccessTokens: false }),
  credentials: memoize((target) => Effect.succeed(withClientId(target)))
})

/**
 * The certificate of the connection, issued by an authority that the provider trusts (RFC 8705 2.1).
 *
 * @since 0.1.0
 * @stability stable
 */
export const tlsClientAuth: ClientAuthentication = certificate("tls_client_auth")

/**
 * The certificate of the connection, registered at the provider (RFC 8705 2.2).
 *
 * @since 0.1.0
 * @stability stable
 */
export const selfSignedTlsClientAuth: ClientAuthentication = certificate("self_signed_tls_client_auth")

/**
 * Credentials from their values. Parameters are those of client authentication (`client_id`, `client_secret`,
 * `client_assertion`, `client_assertion_type`), or replace extension parameters; a request fails with
 * `InvalidParameter` for any other parameter of the protocol, as it does for a header that cannot be sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export const makeCredentials = (values: {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly parameters?: ReadonlyArray<readonly [name: string, value: string]> | undefined
}): Credentials => ({
  headers: Redacted.make(values.headers ?? {}, { label: "client credentials" }),
  parameters: Redacted.make(values.parameters ?? [], { label: "client credentials" })
})

const signAssertions = (
  method: Method,
  key: SigningKey.SigningKey,
  { audience, compatibility = {}, lifetime = "1 minute" }: AssertionOptions = {}
): ClientAuthentication => ({
  method,
  algorithm: key.algorithm,
  ...(audience === undefined ? undefined : { audience }),
  credentials: Effect.fnUntraced(function* (target) {
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const own = {
      iss: target.clientId,
      sub: target.clientId,
      aud: typeof audience === "function" ? audience(target) : (audience ?? target.issuer),
      jti: yield* RandomToken.uuid,
      iat: now,
      exp: now + Math.ceil(Duration.toSeconds(lifetime))
    }
    const { additionalClaims, header, type = "client-authentication+jwt" } = compatibility
    const claims = JsonWebToken.addClaims(own, additionalClaims)
    const jwt = yield* JsonWebToken.sign(claims, { key, type: type ?? undefined, header })
    return withClientId(
      target,
      ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
      ["client_assertion", Redacted.value(jwt)]
    )
  })
})

const withClientId = (
  { clientId }: RequestTarget,
  ...proof: ReadonlyArray<readonly [name: string, value: string]>
): Credentials => makeCredentials({ parameters: [["client_id", clientId], ...proof] })
