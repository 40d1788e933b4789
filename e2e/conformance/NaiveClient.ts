/**
 * A client that reads responses by itself, on top of the requests of this library. With a flaw, it leaves out the one check
 * or behavior that the module of that name looks for.
 */
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  type Ciba,
  Discovery,
  NotificationInbox,
  PendingAuthentication,
  ProtectedResource,
  Refresh,
  TokenEndpoint,
  Transport
} from "@effect-ciba/core"
import { Data, Effect, Layer, Redacted } from "effect"
import { HttpClientRequest, type HttpClientResponse } from "effect/http"
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK, type JWK } from "jose"
import * as Application from "./Application.ts"
import type { NaiveEndpoint } from "./NaiveEndpoint.ts"
import type { Claims } from "./Script.ts"
import type { Variant } from "./Variant.ts"

class Refusal extends Data.TaggedError("Refusal")<{ readonly reason: string }> {}

/** Fails unless the condition holds, or the client has the flaw of not looking at it. */
type Demand = (holds: boolean, module: string) => Effect.Effect<void, Refusal>

const demandUnless =
  (flaw: string | undefined): Demand =>
  (holds, module) =>
    holds || flaw === module ? Effect.void : Effect.fail(new Refusal({ reason: module }))

interface Run {
  readonly variant: Variant
  readonly world: Application.World
  readonly endpoint: NaiveEndpoint
  readonly flaw: string | undefined
  readonly demand: Demand
}

/** Runs the client to its end: whether it has finished, or refused a response. What else ends it is a defect. */
export const run = (
  variant: Variant,
  world: Application.World,
  endpoint: NaiveEndpoint,
  flaw?: string
): Effect.Effect<"finished" | "refused"> =>
  flow({ variant, world, endpoint, flaw, demand: demandUnless(flaw) }).pipe(
    Effect.provide(Layer.provide(Application.client(variant, world), NotificationInbox.layer)),
    Effect.as("finished" as const),
    Effect.catch((error) => (error instanceof Refusal ? Effect.succeed("refused" as const) : Effect.die(error)))
  )

const flow = Effect.fnUntraced(function* (run: Run): Effect.fn.Return<void, unknown, Ciba.Services> {
  const { authReqId, awaitsPing, interval } = yield* initiate(run)
  if (awaitsPing) yield* run.endpoint.pinged
  else yield* Effect.sleep(interval)
  const tokens = yield* poll(run, authReqId, interval)
  yield* verify(run, String(tokens.id_token))
  if (run.flaw !== "test") yield* read(run, tokens)
})

const parse = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Claims, unknown> =>
  Effect.map(response.json, (body) => ({ ...Object(body) }))

const errors = ["invalid-expired-id-token-hint-test", "invalid-unknown-user-id-test", "invalid-id-token-hint-test"]

const initiate = Effect.fnUntraced(function* ({ demand, endpoint, flaw, variant, world }: Run) {
  const request = yield* AuthenticationRequest.make(yield* Application.request(variant, world))
  endpoint.expect(request.clientNotificationToken)
  const { response } = yield* (yield* BackchannelAuthentication.BackchannelAuthentication).request(request)
  const body = yield* parse(response)
  const isError = response.status !== 200
  yield* demand(!isError, errors.find((module) => module === flaw) ?? "error response")
  yield* demand(isError || body.auth_req_id !== undefined, "invalid-missing-authreqid-test")
  yield* demand(isError || body.expires_in !== undefined, "invalid-missing-expiresin-test")
  const authReqId = PendingAuthentication.AuthReqId.make(String(body.auth_req_id))
  const isHasty = flaw === "respects-interval-test"
  return {
    authReqId: Redacted.make(authReqId),
    interval: isHasty ? 400 : Number(body.interval ?? 1) * 1000 + 20,
    awaitsPing: variant.delivery === "ping" && !isError && !isHasty
  }
})

/** The error codes after which a client goes on only with the flaw of the module. */
const finalCodes: Readonly<Record<string, string>> = {
  invalid_request: "invalid-request-test",
  access_denied: "invalid-access-denied-test",
  expired_token: "invalid-expired-token-test"
}

const poll: (
  run: Run,
  authReqId: Redacted.Redacted<PendingAuthentication.AuthReqId>,
  interval: number
) => Effect.Effect<Claims, unknown, TokenEndpoint.TokenEndpoint> = Effect.fnUntraced(
  function* (run, authReqId, interval) {
    const { backchannelAuthenticationGrantRequest } = yield* TokenEndpoint.TokenEndpoint
    const response = yield* backchannelAuthenticationGrantRequest(authReqId)
    const body = yield* parse(response)
    if (response.status === 200) {
      const isComplete = body.scope !== undefined && body.expires_in !== undefined
      yield* insist(run, isComplete, "no-scope-in-token-endpoint-response-test")
      return body
    }
    const code = String(body.error)
    const isPending = code === "authorization_pending" || code === "slow_down"
    if (!isPending) yield* run.demand(false, finalCodes[code] ?? code)
    const next = code === "slow_down" && run.flaw !== "slow-down-test" ? interval + 5000 : interval
    yield* Effect.sleep(next)
    return yield* poll(run, authReqId, next)
  }
)

/** The flaw of a client that insists on what a response need not have. */
const insist = ({ flaw }: Run, holds: boolean, module: string): Effect.Effect<void, Refusal> =>
  flaw !== module || holds ? Effect.void : Effect.fail(new Refusal({ reason: module }))

const verify = Effect.fnUntraced(function* (run: Run, idToken: string) {
  const { demand, variant, world } = run
  const { alg } = decodeProtectedHeader(idToken)
  const isSigned = alg !== "none"
  yield* demand(isSigned, "invalid-null-alg-test")
  yield* demand(!isSigned || alg === "PS256", "invalid-alternate-alg-test")
  if (isSigned) yield* demand(yield* isSignedByProvider(idToken, String(alg)), "invalid-signature-test")
  const claims = decodeJwt(idToken)
  yield* demand(claims.iss !== undefined, "invalid-missing-iss-test")
  yield* demand(claims.iss === undefined || claims.iss === world.issuer, "invalid-iss-test")
  const audiences = [claims.aud ?? []].flat()
  yield* demand(audiences.length > 0, "invalid-missing-aud-test")
  yield* demand(audiences.length === 0 || audiences.includes(world.clientId), "invalid-aud-test")
  yield* demand(audiences.length < 2, "invalid-secondary-aud-test")
  yield* insist(run, !Array.isArray(claims.aud), "valid-aud-as-array-test")
  const now = Date.now() / 1000
  yield* demand(claims.exp !== undefined, "invalid-missing-exp-test")
  yield* demand(claims.exp === undefined || claims.exp > now - 30, "invalid-expired-exp-test")
  yield* demand(Number(claims.iat) > now - 600, "invalid-iat-is-week-in-past-test")
  if (variant.profile !== "connectid_au") return
  const framework = trustFramework(claims.verified_claims)
  yield* demand(claims.txn !== undefined, "connectid-invalid-missing-txn-test")
  yield* demand(framework !== undefined, "connectid-invalid-missing-trust-framework-test")
  yield* demand(framework === undefined || framework === "au_connectid", "connectid-invalid-wrong-trust-framework-test")
})

const trustFramework = (verified: unknown): unknown => Object(Object(verified).verification).trust_framework

const isSignedByProvider = Effect.fnUntraced(function* (jwt: string, alg: string) {
  const { jwks_uri } = yield* Discovery.metadata
  const response = yield* (yield* Transport.Transport).send(HttpClientRequest.get(String(jwks_uri)))
  const { keys } = yield* parse(response)
  const [key] = keys as ReadonlyArray<JWK>
  return yield* Effect.promise(async () =>
    compactVerify(jwt, await importJWK({ ...key }, alg)).then(
      () => true,
      () => false
    )
  )
})

const read = Effect.fnUntraced(function* ({ flaw, variant, world }: Run, tokens: Claims) {
  const where = {
    plain_fapi: world.accounts,
    openbanking_uk: world.accounts,
    openbanking_brazil: world.resources,
    connectid_au: world.accounts
  }[variant.profile]
  let { access_token, refresh_token } = tokens
  for (let attempt = 0; attempt < 3; attempt++) {
    const api = yield* ProtectedResource.make({
      accessToken: Redacted.make(String(access_token)),
      tokenType: "Bearer",
      dpopKey: undefined
    })
    if ((yield* api.get(where)).status !== 401 || flaw === "refresh-token-test") return
    ;({ access_token, refresh_token } = yield* Effect.flatMap(
      Refresh.request(Redacted.make(String(refresh_token))),
      parse
    ))
  }
})
