/**
 * The client credentials grant: an access token for the client itself, without an end-user. The client authenticates, and its
 * tokens are bound, as in the CIBA grant. A refresh token or an ID Token in the response is not handed out.
 *
 * @see RFC 6749 section 4.4
 */
import { Data, type DateTime, Effect, Redacted } from "effect"
import { ClientRegistration, type Service as Registration } from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import type { Transport } from "../http/Transport.ts"
import { sanitize } from "../internal/DisplayText.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { InvalidParameter } from "../request/AuthenticationRequestError.ts"
import { InvalidTokenResponse, TokenError } from "./TokenError.ts"
import * as TokenRequest from "./TokenRequest.ts"
import * as TokenResponse from "./TokenResponse.ts"

/**
 * What a request for a token of the client may carry.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ClientTokenOptions extends TokenRequest.Options {
  /** The requested scope; the provider's default for the client if there is none. */
  readonly scope?: ReadonlyArray<string> | undefined
}

/**
 * An access token of the client itself. `ProtectedResource.make` takes it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ClientToken extends Data.Class<{
  readonly accessToken: Redacted.Redacted<string>
  readonly tokenType: string
  /** The private key that the token is bound to, if it is bound by DPoP and the key can be exported. */
  readonly dpopKey: Redacted.Redacted<JsonWebKey> | undefined
  /** When the token expires, from the receipt of the response; `undefined` if the response does not say it. */
  readonly expiresAt: DateTime.Utc | undefined
  /** The granted scope; the requested one if the response does not say it. */
  readonly scope: ReadonlyArray<string>
  /** Every other member of the response. */
  readonly additional: Redacted.Redacted<Readonly<Record<string, unknown>>>
}> {}

/**
 * Requests an access token for the client itself, with the client credentials grant. The token is not kept: request another
 * one when it expires. A public client has no credentials, and sends nothing.
 *
 * @see RFC 6749 section 4.4
 * @since 0.1.0
 * @stability unstable
 */
export const requestClientToken = Effect.fnUntraced(function* (
  options?: ClientTokenOptions
): Effect.fn.Return<ClientToken, TokenError | DiscoveryError, ClientRegistration | Discovery | Transport> {
  const registration = yield* ClientRegistration
  if (registration.authentication.method === "none") return yield* new TokenError({ reason: makePublicClientError() })
  const token = yield* TokenRequest.make(TokenResponse.decodeRefresh)
  const response = yield* token.exchange([["grant_type", "client_credentials"]], options)
  return yield* readToken(response, registration, options)
})

const makePublicClientError = (): InvalidParameter =>
  new InvalidParameter({
    parameter: "grant_type",
    problem: "a public client has no credentials; register it with a client authentication method"
  })

/** The token of a response; fails if it is of another type than the client's tokens are. */
const readToken = (
  response: TokenResponse.RefreshResponse,
  { recognizedTokenTypes, senderConstraint }: Registration,
  options: ClientTokenOptions | undefined
): Effect.Effect<ClientToken, TokenError> => {
  const {
    access_token,
    expires_in: _,
    id_token: _idToken,
    refresh_token: _refreshToken,
    scope = "",
    token_type: tokenType = "Bearer",
    ...additional
  } = unsafeValue(response).members
  if (tokenType !== senderConstraint.tokenType && !recognizedTokenTypes.includes(tokenType.toLowerCase())) {
    const issues = `token_type: expected ${senderConstraint.tokenType}, got ${sanitize(tokenType)}`
    return Effect.fail(new TokenError({ reason: new InvalidTokenResponse({ issues }) }))
  }
  const granted = scope.split(" ").filter((value) => value !== "")
  return Effect.succeed(
    new ClientToken({
      accessToken: access_token,
      tokenType,
      dpopKey: options?.dpopKey ?? senderConstraint.dpopKey,
      expiresAt: TokenResponse.expiresAt(response),
      scope: granted.length > 0 ? granted : (options?.scope ?? []),
      additional: Redacted.make(additional, { label: "token response" })
    })
  )
}
