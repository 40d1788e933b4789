// The CPU of single steps, one after the other: the request, and a poll that is pending.
import { BackchannelAuthentication, Ciba, ClientAuthentication, TokenEndpoint, UserHint } from "@effect-ciba/core"
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import * as client from "openid-client"
import { measureCpu, measureInTurn } from "../Cpu.ts"
import type { Figure } from "../Figure.ts"
import * as Provider from "../Provider.ts"
import { compareSides, summarize } from "../Statistics.ts"

const count = 2000
const rounds = 7
const grantType = "urn:openid:params:grant-type:ciba"

const repeat = async (task: () => Promise<unknown>): Promise<void> => {
  for (let index = 0; index < count; index++) await task()
}

const makeSteps = async (provider: Provider.Provider) => {
  const runtime = ManagedRuntime.make(
    Ciba.layer({
      issuer: Provider.issuer,
      clientId: Provider.clientId,
      authentication: ClientAuthentication.clientSecretPost(Redacted.make("a secret")),
      idTokenSignedResponseAlg: "ES256"
    }).pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, (url, init) => provider.fetch(url, init)))
    )
  )
  const config = new client.Configuration(provider.metadata, Provider.clientId, {}, client.ClientSecretPost("a secret"))
  config[client.customFetch] = (url, init) => provider.fetch(url, init)
  const initiate = BackchannelAuthentication.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  const { authReqId } = await runtime.runPromise(initiate)
  const many = (effect: Effect.Effect<unknown, unknown, Ciba.Services>) =>
    runtime.runPromise(Effect.replicateEffect(effect, count, { discard: true }))
  return {
    stop: () => runtime.dispose(),
    own: {
      initiate: () => many(initiate),
      poll: () => many(Effect.flip(TokenEndpoint.redeem(authReqId)))
    },
    peer: {
      initiate: () =>
        repeat(() =>
          client.initiateBackchannelAuthentication(config, { scope: "openid", login_hint: "jo@example.com" })
        ),
      poll: () =>
        repeat(() => client.genericGrantRequest(config, grantType, { auth_req_id: "x" }).catch(() => undefined))
    }
  }
}

export const measure = async (): Promise<ReadonlyArray<Figure>> => {
  const provider = await Provider.make({ pending: Number.POSITIVE_INFINITY, interval: 1 })
  const { own, peer, stop } = await makeSteps(provider)
  const figures: Array<Figure> = []
  for (const [name, step] of [
    ["step: authentication request", "initiate"],
    ["step: a poll that is pending", "poll"]
  ] as const) {
    await peer[step]()
    await own[step]()
    const values = await measureInTurn(
      rounds,
      () => measureCpu(count, own[step]),
      () => measureCpu(count, peer[step])
    )
    figures.push({
      name,
      unit: "µs CPU",
      own: summarize(values.own),
      peer: summarize(values.peer),
      value: compareSides(values.own, values.peer)
    })
  }
  await stop()
  return figures
}
