/**
 * The polls of one wait: token requests of the CIBA grant to the endpoint that the wait was admitted with. What is the same
 * for each of them is prepared once, and a request that is still pending costs no error.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { Duration, Effect, Predicate, Redacted } from "effect"
import { memoize } from "effect/Function"
import type { HttpClientRequest } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import { InvalidOption } from "../http/InvalidOption.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import * as TimeLimit from "../http/TimeLimit.ts"
import { form, type JsonResponse, Transport } from "../http/Transport.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as AuthenticatedRequest from "../provider/AuthenticatedRequest.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { fromTransportError, type TokenError } from "./TokenError.ts"
import * as TokenRequest from "./TokenRequest.ts"
import * as TokenResponse from "./TokenResponse.ts"

/** What a poll met. */
export type Outcome =
  | { readonly _tag: "Pending" | "SlowDown"; readonly retryAfter: Duration.Duration | undefined }
  | { readonly _tag: "Tokens"; readonly response: TokenResponse.TokenResponse }
  | { readonly _tag: "Failed"; readonly error: TokenError }

/** Sends polls to one endpoint, with one DPoP key. */
export interface Polls {
  readonly url: string
  /** The time for one attempt, in milliseconds. */
  readonly timeout: number
  readonly poll: (pending: PendingAuthentication, attempts: Attempts) => Effect.Effect<Outcome>
}

/** What happens to the attempts of a poll: one, or several for want of a DPoP nonce. */
export interface Attempts {
  /**
   * Runs immediately before each is sent, when its request is complete. Says whether the fiber is interrupted at the timeout;
   * otherwise the attempt has a time limit of its own.
   */
  readonly begin: Effect.Effect<boolean>
  /** Called when the provider demands another one. */
  readonly repeat: () => void
}

/** Prepares the polls of a wait; fails if their parameters cannot be sent, or if there is no endpoint or no DPoP key. */
export type Prepare = (
  metadata: ProviderMetadata,
  pending: PendingAuthentication
) => Effect.Effect<Polls, TokenError | DiscoveryError>

/** What polls may carry besides the parameters of the grant. */
export type Options = Omit<TokenRequest.Options, "dpopKey">

/** Fails for an option that no poll can be sent with. */
export const ensureSendable = (options: Options = {}): Effect.Effect<void, InvalidOption> => {
  const toOption = ({ parameter, problem }: AuthenticatedRequest.Problem) =>
    new InvalidOption({ option: `poll: ${parameter}`, problem })
  const header = AuthenticatedRequest.findUnsendable(form("", [], options.headers ?? {}))
  return header === undefined
    ? Effect.catchReason(
        Effect.asVoid(TokenRequest.toForm(makeGrant(""), options)),
        "TokenError",
        "InvalidParameter",
        (reason) => Effect.fail(toOption(reason))
      )
    : Effect.fail(toOption(header))
}

/** The polls of the configured client. */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Prepare, never, ClientRegistration | Transport> {
  const { senderConstraint } = yield* ClientRegistration
  const { exchange, requestTimeout } = yield* Transport
  const endpointOf = yield* AuthenticatedRequest.makeEndpoint(TokenRequest.toInvalidParameter)

  const further = TokenRequest.furtherParameters(options)

  const makePolls = (endpoint: Endpoint, constraint: SenderConstraint.SenderConstraint): Polls => {
    const { build, url } = endpoint
    const send = (pending: PendingAuthentication, begin: Attempts["begin"]): Effect.Effect<Exchanged, TokenError> =>
      Effect.flatMap(
        build({ parameters: [...toGrant(pending), ...further], headers: options.headers, constraint }),
        (request) =>
          Effect.flatMap(begin, (isKept) =>
            Effect.mapBoth(isKept ? TimeLimit.keep(exchange(request)) : exchange(request), {
              onFailure: fromTransportError,
              onSuccess: (json) => ({ json, request })
            })
          )
      )
    return {
      url,
      timeout: Duration.toMillis(requestTimeout),
      poll: (pending, { begin, repeat }) =>
        Effect.matchEffect(SenderConstraint.retryWithNonce(constraint, send(pending, begin), makeNonceDemand(repeat)), {
          onFailure: fail,
          onSuccess: (exchanged) => classify(exchanged, pending)
        })
    }
  }

  /** Most waits have the client's own key: they share one object. */
  const ownPolls = memoize((endpoint: Endpoint) => makePolls(endpoint, senderConstraint))

  return (metadata, pending) =>
    Effect.flatMap(endpointOf(metadata, "token_endpoint"), (endpoint) =>
      Effect.andThen(
        TokenRequest.toForm(toGrant(pending), options),
        Effect.map(TokenRequest.withKey(senderConstraint, pending.dpopKey), (constraint) =>
          constraint === senderConstraint ? ownPolls(endpoint) : makePolls(endpoint, constraint)
        )
      )
    )
})

const toGrant = ({ authReqId }: PendingAuthentication): TokenRequest.Parameters => makeGrant(Redacted.value(authReqId))

const makeGrant = (authReqId: string): TokenRequest.Parameters => [
  ["grant_type", DeliveryMode.grantType],
  ["auth_req_id", authReqId]
]

type Endpoint = AuthenticatedRequest.Endpoint<TokenError>

interface Exchanged {
  readonly json: JsonResponse
  readonly request: HttpClientRequest.HttpClientRequest
}

const makeNonceDemand = (repeat: Attempts["repeat"]): SenderConstraint.NonceDemand<Exchanged> => ({
  isDemand: ({ json }) => codeOf(json) === "use_dpop_nonce",
  discard: () => Effect.sync(repeat)
})

const classify = ({ json, request }: Exchanged, pending: PendingAuthentication): Effect.Effect<Outcome> => {
  const code = codeOf(json)
  if (code === "authorization_pending" || code === "slow_down") {
    return Effect.succeed({ _tag: code === "slow_down" ? "SlowDown" : "Pending", retryAfter: json.retryAfter })
  }
  return Effect.matchEffect(TokenRequest.interpret(TokenResponse.decode, json, request, pending), {
    onFailure: fail,
    onSuccess: (response) => Effect.succeed<Outcome>({ _tag: "Tokens", response })
  })
}

const codeOf = ({ body }: JsonResponse): unknown => (Predicate.hasProperty(body, "error") ? body.error : undefined)

const fail = (error: TokenError): Effect.Effect<Outcome> => Effect.succeed({ _tag: "Failed", error })
