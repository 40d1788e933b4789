// The two that are compared, behind one interface: the same requests, the same checks, ES256 verified on both sides.
import { Ciba, ClientAuthentication, Dpop, SigningKey, UserHint } from "@effect-ciba/core"
import { Effect, Fiber, Layer, ManagedRuntime, Redacted, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { exportJWK, generateKeyPair } from "jose"
import * as client from "openid-client"
import { clientId, issuer, type Provider } from "./Provider.ts"

export type Side = "own" | "peer"

export type Variant = "secret" | "signed"

export interface Contender {
  /** Runs flows at the same time, to the end. */
  readonly run: (flows: number) => Promise<void>
  /** Starts waits. `onStarted` is called when a request has been acknowledged. */
  readonly start: (waits: number, onStarted: () => void) => void
  readonly stop: () => Promise<void>
}

const parameters = { scope: "openid", login_hint: "jo@example.com", binding_message: "W4SCT" }

const request = {
  scope: ["openid"],
  hint: UserHint.login(parameters.login_hint),
  bindingMessage: parameters.binding_message
}

export const makePeer = async (provider: Provider, variant: Variant): Promise<Contender> => {
  const isSigned = variant === "signed"
  const { privateKey } = await generateKeyPair("ES256")
  const config = new client.Configuration(
    provider.metadata,
    clientId,
    { id_token_signed_response_alg: "ES256" },
    isSigned ? client.PrivateKeyJwt({ key: privateKey, kid: "c" }) : client.ClientSecretPost("a secret")
  )
  config[client.customFetch] = (url, init) => provider.fetch(url, init)
  client.enableNonRepudiationChecks(config)
  const proofKeys = await generateKeyPair("ES256", { extractable: true })

  const flow = async (onStarted?: () => void) => {
    const options = isSigned ? { DPoP: client.getDPoPHandle(config, proofKeys) } : undefined
    const acknowledgement = await client.initiateBackchannelAuthentication(config, parameters)
    onStarted?.()
    const tokens = await client.pollBackchannelAuthenticationGrant(config, acknowledgement, undefined, options)
    if (tokens.claims()?.sub !== "jo") throw new Error("openid-client got another subject")
  }
  const all = async (count: number, onStarted?: () => void) => {
    await Promise.all(Array.from({ length: count }, () => flow(onStarted)))
  }
  return { run: all, start: (count, onStarted) => void all(count, onStarted), stop: async () => {} }
}

const generateKey = async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true })
  return Effect.runPromise(SigningKey.fromJwk(Redacted.make({ ...(await exportJWK(privateKey)), alg: "ES256" })))
}

const makeLayer = async (provider: Provider, variant: Variant) => {
  const authentication =
    variant === "signed"
      ? await Effect.runPromise(ClientAuthentication.privateKeyJwt(await generateKey()))
      : ClientAuthentication.clientSecretPost(Redacted.make("a secret"))
  const ciba = Ciba.layer({
    issuer,
    clientId,
    authentication,
    idTokenSignedResponseAlg: "ES256"
  })
  const fetch = Layer.succeed(FetchHttpClient.Fetch, (url, init) => provider.fetch(url, init))
  return Layer.provide(
    variant === "signed" ? Layer.provide(ciba, Dpop.layer({ key: await generateKey() })) : ciba,
    Layer.provide(FetchHttpClient.layer, fetch)
  )
}

/** A tracer that makes its spans and exports nothing. */
const tracer = Layer.succeed(Tracer.Tracer, Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))

export const makeOwn = async (provider: Provider, variant: Variant, isTraced = false): Promise<Contender> => {
  const layer = await makeLayer(provider, variant)
  const runtime = ManagedRuntime.make(isTraced ? Layer.merge(layer, tracer) : layer)
  const flow = Effect.flatMap(Ciba.authenticate(request), ({ subject }) =>
    subject === "jo" ? Effect.void : Effect.die("effect-ciba got another subject")
  )
  const all = (effect: Effect.Effect<void, unknown, Ciba.Ciba>, count: number) =>
    Effect.forEach(Array.from({ length: count }), () => effect, { concurrency: "unbounded", discard: true })
  let waits = Effect.void
  return {
    run: (count) => runtime.runPromise(all(flow, count)),
    start: (count, onStarted) => {
      const started = Effect.tap(Ciba.initiate(request), () => Effect.sync(onStarted))
      const fiber = runtime.runFork(all(Effect.asVoid(Effect.flatMap(started, Ciba.complete)), count))
      waits = Fiber.interrupt(fiber)
    },
    stop: async () => {
      await Effect.runPromise(waits)
      await runtime.dispose()
    }
  }
}

export const make = (side: Side, provider: Provider, variant: Variant): Promise<Contender> =>
  side === "own" ? makeOwn(provider, variant) : makePeer(provider, variant)
