/**
 * Ask a person to approve something on their own device, wait, and get verified tokens.
 *
 * ```
 * discovery ─► backchannel authentication request ─► wait ─► token request ─► verified identity
 * ```
 *
 * `authenticate` is the whole flow. `initiate` and `complete` are its halves, for programs that ask in one place and
 * answer in another.
 *
 * **Example** (Asking, and taking no for an answer)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const answer = Ciba.authenticate({
 *   scope: ["openid", "profile"],
 *   hint: UserHint.login("jo@example.com"),
 *   bindingMessage: "W4SCT"
 * }).pipe(
 *   Effect.map((identity) => identity.subject),
 *   Effect.catchReason("TokenError", "AccessDenied", () => Effect.succeed("declined"))
 * )
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.deny(), interval: "1 second" })))
 *
 * await Effect.runPromise(Effect.provide(answer, CibaTest)) // => "declined"
 * ```
 *
 * @see CIBA Core 1.0 section 5
 */
import { Context, Effect, Layer, Schedule } from "effect"
import type { HttpClient } from "effect/http"
import type { CibaError } from "./CibaError.ts"
import * as ClientRegistration from "./client/ClientRegistration.ts"
import * as Transport from "./client/Transport.ts"
import * as Discovery from "./discovery/Discovery.ts"
import type { DiscoveryError } from "./discovery/DiscoveryError.ts"
import * as ProviderKeys from "./discovery/ProviderKeys.ts"
import type * as AuthenticationRequest from "./request/AuthenticationRequest.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import * as BackchannelAuthentication from "./request/BackchannelAuthentication.ts"
import type { PendingAuthentication } from "./request/PendingAuthentication.ts"
import * as Poll from "./result/Poll.ts"
import * as Introspection from "./token/Introspection.ts"
import * as Refresh from "./token/Refresh.ts"
import * as Revocation from "./token/Revocation.ts"
import * as TokenEndpoint from "./token/TokenEndpoint.ts"
import * as IdTokenVerifier from "./verification/IdTokenVerifier.ts"
import type { VerifiedIdentity } from "./verification/VerifiedIdentity.ts"

/** Why an authentication that was taken did not lead to an identity. */
export type CompletionError = Exclude<CibaError, AuthenticationRequestError>

/** The flow in its two halves. */
export interface Service {
  readonly initiate: (
    request: AuthenticationRequest.Options
  ) => Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError>
  readonly complete: (pending: PendingAuthentication) => Effect.Effect<VerifiedIdentity, CompletionError>
}

/** The flow at one provider, as one client. */
export class Ciba extends Context.Service<Ciba, Service>()("@effect-ciba/core/Ciba") {}

/** A client, its provider, and how the two speak. */
export interface Options<E = never, R = never>
  extends ClientRegistration.Options<E, R>,
    Discovery.Options,
    Transport.Options {
  /** How the provider's keys are kept. */
  readonly keys?: ProviderKeys.Options | undefined
  /** How polls are made. */
  readonly poll?: Poll.Options | undefined
}

/** Everything that the flow consists of: each step is there for those who want the pieces. */
export type Pieces =
  | Ciba
  | ClientRegistration.ClientRegistration
  | Transport.Transport
  | Discovery.Discovery
  | ProviderKeys.ProviderKeys
  | BackchannelAuthentication.BackchannelAuthentication
  | TokenEndpoint.TokenEndpoint
  | Poll.Poll
  | IdTokenVerifier.IdTokenVerifier
  | Refresh.Refresh
  | Revocation.Revocation
  | Introspection.Introspection

/** The flow over the steps at hand. */
export const make: Effect.Effect<
  Service,
  never,
  BackchannelAuthentication.BackchannelAuthentication | Poll.Poll | IdTokenVerifier.IdTokenVerifier
> = Effect.gen(function* () {
  const { initiate } = yield* BackchannelAuthentication.BackchannelAuthentication
  const poll = yield* Poll.Poll
  const verifier = yield* IdTokenVerifier.IdTokenVerifier

  return Ciba.of({
    initiate,
    complete: Effect.fn("Ciba.complete")(function* (pending) {
      const response = yield* poll.wait(pending)
      return yield* Effect.retry(verifier.verify(response, pending), { schedule: keysAgain, while: isFault })
    })
  })
})

/** The id is spent, and the response in hand: keys that cannot be reached now are worth waiting for. */
const keysAgain = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.upTo({ times: 12 })
)

const isFault = (error: CompletionError): boolean =>
  error._tag === "DiscoveryError" && error.reason._tag === "HttpFault"

/** The flow as a layer, over any `HttpClient`, with metadata from elsewhere: `Discovery.layerStatic`, for one. */
export const layerNoDiscovery = <E = never, R = never>(
  options: Omit<Options<E, R>, keyof Discovery.Options>
): Layer.Layer<
  Exclude<Pieces, Discovery.Discovery>,
  ClientRegistration.ClientRegistrationError | E,
  HttpClient.HttpClient | Discovery.Discovery | R
> =>
  Layer.effect(Ciba, make).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        Poll.layer(options.poll),
        BackchannelAuthentication.layer,
        IdTokenVerifier.layer,
        Refresh.layer,
        Revocation.layer,
        Introspection.layer
      )
    ),
    Layer.provideMerge(Layer.merge(TokenEndpoint.layer, ProviderKeys.layer(options.keys))),
    Layer.provideMerge(Layer.merge(ClientRegistration.layer(options), Transport.layer(options)))
  )

/** The whole flow as a layer, over any `HttpClient`. */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<Pieces, ClientRegistration.ClientRegistrationError | E, HttpClient.HttpClient | R> =>
  Layer.provideMerge(layerNoDiscovery(options), Layer.provide(Discovery.layer(options), Transport.layer(options)))

/** Asks: sends the request, and gives what waiting for the answer needs. */
export const initiate = (
  request: AuthenticationRequest.Options
): Effect.Effect<PendingAuthentication, AuthenticationRequestError | DiscoveryError, Ciba> =>
  Ciba.use((ciba) => ciba.initiate(request))

/** Waits for the answer, and gives the verified identity. */
export const complete = (pending: PendingAuthentication): Effect.Effect<VerifiedIdentity, CompletionError, Ciba> =>
  Ciba.use((ciba) => ciba.complete(pending))

/** Asks, waits, and gives the verified identity. */
export const authenticate: (
  request: AuthenticationRequest.Options
) => Effect.Effect<VerifiedIdentity, CibaError, Ciba> = Effect.fn("Ciba.authenticate")(function* (
  request: AuthenticationRequest.Options
): Effect.fn.Return<VerifiedIdentity, CibaError, Ciba> {
  return yield* complete(yield* initiate(request))
})
