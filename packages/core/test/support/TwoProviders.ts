// Two providers on one network, and a client of each: whose requests arrive where, and with whose credentials.
import { assert } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, DynamicRegistration, type NotificationInbox } from "@effect-ciba/core"
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import { ProviderFetch, TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import type { RequestRecord } from "@effect-ciba/testing/RequestRecord"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { Base64 } from "effect/encoding"
import { FetchHttpClient, HttpClient } from "effect/http"
import { hint } from "./AuthenticationFlow.ts"
import { dpopProof } from "./Jwt.ts"
import { advance } from "./TestTime.ts"

/** What a client of these tests provides. */
export type Services = Ciba.PushServices | DynamicRegistration.DynamicRegistration

/** A provider, and the client that is registered there. */
export interface Side {
  readonly name: keyof Sides
  readonly clientId: string
  readonly issuer: string
  readonly secret: string
  /** The thumbprint of the key that the client's tokens are bound to. */
  readonly thumbprint: string
  readonly provider: TestProvider.Service
  readonly layer: Layer.Layer<Services, unknown, NotificationInbox.NotificationInbox>
  /** The options that fetch has received for requests to this provider. */
  readonly inits: ReadonlyArray<RequestInit>
}

export interface Sides {
  readonly alpha: Side
  readonly beta: Side
}

export interface Options {
  readonly clientIds?: readonly [alpha: string, beta: string] | undefined
  readonly deliveryMode?: "poll" | "ping" | "push" | undefined
  /** Over fetch, with a `RequestInit` of its own for each client; over an `HttpClient` of the tests by default. */
  readonly fetch?: boolean | undefined
}

export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const [a, b] = options.clientIds ?? ["alpha", "beta"]
  const first = yield* makeProvider("alpha", a, options)
  const second = yield* makeProvider("beta", b, options)
  const providerOf = (host: string) => (host === "alpha.test" ? first : second)
  const network = HttpClient.make((request, url) => providerOf(url.host).client.execute(request))
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    const { body, headers, method, signal } = init
    const { href, host } = new URL(input instanceof Request ? input.url : input)
    const provider = providerOf(host)
    provider.inits.push(init)
    return provider.fetch(href, { body, headers, method, signal })
  }
  const http = (name: string) =>
    options.fetch === true
      ? FetchHttpClient.layer.pipe(
          Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)),
          Layer.provideMerge(Layer.succeed(FetchHttpClient.RequestInit, { integrity: `certificate of ${name}` }))
        )
      : Layer.succeed(HttpClient.HttpClient, network)
  const side = (own: typeof first): Side => ({
    ...own,
    layer: DynamicRegistration.layer().pipe(
      Layer.provideMerge(clientOf(own, options.deliveryMode)),
      Layer.provide([Dpop.layer({ key: TestKeys.signing("ES256", own.name) }), http(own.name)])
    )
  })
  const sides: Sides = { alpha: side(first), beta: side(second) }
  return sides
})

const makeProvider = Effect.fnUntraced(function* (
  name: keyof Sides,
  clientId: string,
  { deliveryMode = "poll", fetch: overFetch }: Options
) {
  const issuer = `https://${name}.test`
  const secret = `secret-at-${name}`
  const options: ProviderOptions = {
    issuer,
    client: TestClient.clientSecretBasic({
      clientId,
      secret: Redacted.make(secret),
      notification: deliveryMode === "poll" ? undefined : { deliveryMode, url: "https://app.test/ciba" }
    }),
    user: TestUser.approve(),
    refreshTokens: true,
    metadata: (document) => ({ ...document, registration_endpoint: `${issuer}/register` })
  }
  const inits: Array<RequestInit> = []
  const thumbprint = yield* JsonWebKey.thumbprint((yield* TestKeys.signing("ES256", name)).publicJwk)
  const unused = { client: HttpClient.make(() => Effect.never), fetch: () => Promise.reject(new TypeError("unused")) }
  const reached = yield* overFetch === true ? ProviderFetch.make(options) : TestProvider.make(options)
  return { name, clientId, issuer, secret, inits, thumbprint, ...unused, ...reached }
})

const clientOf = (
  { clientId, issuer, secret }: Pick<Side, "clientId" | "issuer" | "secret">,
  deliveryMode: Options["deliveryMode"]
): Layer.Layer<Ciba.PushServices, unknown, HttpClient.HttpClient | NotificationInbox.NotificationInbox> => {
  const common = { issuer, clientId, authentication: ClientAuthentication.clientSecretBasic(Redacted.make(secret)) }
  return deliveryMode === "push" ? Ciba.layer({ ...common, deliveryMode }) : Ciba.layer({ ...common, deliveryMode })
}

/** The flow of the client in the context, at a provider whose end-user approves at once. */
export const authenticate = Effect.gen(function* () {
  const pending = yield* Ciba.initiate({ scope: ["openid"], hint })
  const wait = yield* Effect.forkChild(Ciba.complete(pending))
  yield* advance("5 seconds")
  return yield* Fiber.join(wait)
})

/** Asserts that each request at the provider has the credentials and the proof of its own client; gives what each is. */
export const requestsOf = Effect.fnUntraced(function* (side: Side) {
  const requests = (yield* side.provider.requests).filter(
    ({ endpoint }) => endpoint !== "discovery" && endpoint !== "keys"
  )
  return yield* Effect.forEach(requests, (request) => Effect.as(assertOwn(side, request), nameOf(request)))
})

const assertOwn = Effect.fnUntraced(function* (
  { clientId, provider, secret, thumbprint }: Side,
  request: RequestRecord
) {
  const { authorization, endpoint } = request
  const [scheme, credentials = ""] = authorization === undefined ? [] : Redacted.value(authorization).split(" ")
  if (scheme === "DPoP") assert.strictEqual(yield* provider.keyThumbprint(credentials), thumbprint)
  if (scheme === "Basic") {
    assert.deepStrictEqual(yield* Effect.fromResult(Base64.decodeString(credentials)), `${clientId}:${secret}`)
  }
  if (scheme === "DPoP" || endpoint === "token") {
    const { header } = yield* dpopProof(request)
    assert.strictEqual(yield* JsonWebKey.thumbprint(header.jwk), thumbprint)
  }
  const expected = endpoint === "userinfo" ? "DPoP" : endpoint === "elsewhere" ? scheme : "Basic"
  assert.strictEqual(scheme, expected)
})

const nameOf = ({ endpoint, parameters, url }: RequestRecord): string => {
  const grant = Object.fromEntries(parameters).grant_type
  if (endpoint === "token") return grant === "refresh_token" ? "refresh" : "poll"
  return endpoint === "elsewhere" ? new URL(url).pathname : endpoint
}
