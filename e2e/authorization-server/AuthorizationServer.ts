/**
 * `oidc-provider` on loopback, with an approver in place of the end-user and faults that a test injects.
 *
 * It listens on a free port until its scope closes. Internal errors are logged and collected in `failures`, together
 * with the pings that failed.
 */

import type { EventEmitter } from "node:events"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo } from "node:net"
import { Context, Duration, Effect, Layer, PubSub, type Scope, Stream } from "effect"
import { type ClientMetadata, type Configuration, type KoaContextWithOIDC, Provider } from "oidc-provider"
import type * as Accounts from "./Accounts.ts"
import * as Approver from "./Approver.ts"
import type { Fault } from "./Fault.ts"
import * as Keys from "./Keys.ts"
import * as RecordedRequest from "./RecordedRequest.ts"
import * as RegisteredClients from "./RegisteredClients.ts"
import * as ServerConfiguration from "./ServerConfiguration.ts"

export interface Service extends Approver.Approver {
  readonly issuer: string
  /** One client for each authentication method; `options.clients` are registered as well. */
  readonly clients: RegisteredClients.RegisteredClients
  /** The private keys of the `private_key_jwt` clients. */
  readonly clientKeys: Keys.Keys
  /** Applies each fault to one of the next requests for this path, in order. */
  readonly inject: (path: string, ...faults: ReadonlyArray<Fault>) => Effect.Effect<void>
  /** Every request so far, in order of arrival. */
  readonly log: Effect.Effect<ReadonlyArray<RecordedRequest.RecordedRequest>>
  /** Every request from now on, when its response is complete. */
  readonly requests: Stream.Stream<RecordedRequest.RecordedRequest>
  readonly failures: Effect.Effect<ReadonlyArray<unknown>>
  readonly provider: Provider
}

export class AuthorizationServer extends Context.Service<AuthorizationServer, Service>()(
  "@effect-ciba/authorization-server/AuthorizationServer"
) {}

export interface Options {
  readonly clients?: ReadonlyArray<ClientMetadata>
  readonly accounts?: Accounts.Accounts
  /** The user code by subject, for clients with `backchannel_user_code_parameter`. */
  readonly userCodes?: Readonly<Record<string, string>>
  /** The lifetime of a request, which a smaller `requested_expiry` shortens; whole seconds. */
  readonly expires?: Duration.Input
  /** The `interval` of the acknowledgement; oidc-provider sends none by itself. */
  readonly interval?: Duration.Input
  readonly bindingMessage?: RegExp
  readonly signedRequests?: boolean
  readonly extraParams?: Configuration["extraParams"]
  /** Merged over the defaults, feature by feature; most need `enabled` only. */
  readonly features?: Features
  /** Merged over the whole configuration. */
  readonly configuration?: Configuration
  /** Serves https and requests a client certificate, which oidc-provider validates. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string }
  readonly port?: number
}

export type Features = {
  readonly [Name in keyof NonNullable<Configuration["features"]>]?: Some<NonNullable<Configuration["features"]>[Name]>
}

type Some<Feature> = Feature extends object ? Partial<Feature> : never

export const make = Effect.fnUntraced(function* (options: Options = {}): Effect.fn.Return<Service, never, Scope.Scope> {
  const { serverKeys, clientKeys } = yield* Effect.all(
    { serverKeys: Keys.make("server"), clientKeys: Keys.make("client") },
    { concurrency: "unbounded" }
  )
  const clients = RegisteredClients.make(clientKeys)
  const failures: Array<unknown> = []
  const runFork = Effect.runForkWith(yield* Effect.context())
  const reportFailure = (failure: unknown) => {
    failures.push(failure)
    runFork(Effect.logError("the authorization server failed", failure))
  }
  const approver = yield* Approver.make((failedPing) => failures.push(failedPing))
  const { server, issuer } = yield* listen(options)

  const provider = new Provider(issuer, {
    clients: [...RegisteredClients.list(clients), ...(options.clients ?? [])],
    jwks: { keys: Keys.privateSet(serverKeys) },
    ...ServerConfiguration.make(options, approver.contact)
  })
  provider.on("server_error", (_, error) => reportFailure(error))
  const koa: EventEmitter = provider
  koa.on("error", reportFailure)

  const entries: Array<RecordedRequest.RecordedRequest> = []
  const published = yield* PubSub.unbounded<RecordedRequest.RecordedRequest>()
  const faults = new Map<string, Array<Fault>>()

  provider.use(async (ctx: KoaContextWithOIDC, next) => {
    const request = RecordedRequest.fromRequest(ctx)
    const body = RecordedRequest.copyBody(ctx.req)
    const index = entries.push(request) - 1
    await next()
    const complete = RecordedRequest.withResponse(request, ctx, body())
    entries[index] = complete
    PubSub.publishUnsafe(published, complete)
  })
  provider.use((ctx: KoaContextWithOIDC, next) => {
    const fault = faults.get(ctx.path)?.shift()
    return fault === undefined ? next() : fault(ctx, next)
  })
  if (options.interval !== undefined) provider.use(withInterval(options.interval))
  server.on("request", provider.callback())

  return {
    ...approver.of(provider),
    issuer,
    clients,
    clientKeys,
    provider,
    inject: (path, ...added) => Effect.sync(() => void faults.set(path, [...(faults.get(path) ?? []), ...added])),
    log: Effect.sync(() => [...entries]),
    requests: Stream.fromPubSub(published),
    failures: Effect.sync(() => [...failures])
  }
})

export const layer = (options?: Options): Layer.Layer<AuthorizationServer> =>
  Layer.effect(AuthorizationServer, make(options))

const listen = Effect.fnUntraced(function* (options: Options) {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      options.tls === undefined
        ? Http.createServer()
        : Https.createServer({ ...options.tls, requestCert: true, rejectUnauthorized: false })
    ),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  yield* Effect.callback<void>((resume) => {
    server.once("error", (error) => resume(Effect.die(error)))
    server.listen(options.port ?? 0, "127.0.0.1", () => resume(Effect.void))
  })
  const { port } = server.address() as AddressInfo
  return { server, issuer: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}` }
})

const withInterval =
  (interval: Duration.Input) =>
  async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    if (ctx.path === "/backchannel" && ctx.status === 200) {
      ctx.body = { ...(ctx.body as object), interval: Duration.toSeconds(interval) }
    }
  }
