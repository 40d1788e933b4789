// The servers that the suites of all runtimes talk to: `oidc-provider`, providers that misbehave, and their control.
import { randomInt } from "node:crypto"
import { createServer } from "node:http"
import { refOf } from "@effect-ciba/authorization-server/Approver"
import { make, type Service } from "@effect-ciba/authorization-server/AuthorizationServer"
import type { RecordedRequest } from "@effect-ciba/authorization-server/RecordedRequest"
import * as RegisteredClients from "@effect-ciba/authorization-server/RegisteredClients"
import { Effect } from "effect"
import { decodeJwt, exportJWK, generateKeyPair } from "jose"
import * as MisbehavingProvider from "./MisbehavingProvider.ts"
import type { World } from "./World.ts"

const features = {
  dPoP: { enabled: true, nonceSecret: Buffer.alloc(32), requireNonce: () => true },
  revocation: { enabled: true }
}

/** The servers, and the world of each runtime. */
export const start = Effect.fnUntraced(function* (runtimes: ReadonlyArray<string>) {
  const ports = yield* Effect.forEach(runtimes, () => freePort)
  const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("ES256", { extractable: true }))
  const jwks = { keys: [{ ...(yield* Effect.promise(() => exportJWK(publicKey))) }] }
  const requestKey = yield* Effect.promise(() => exportJWK(privateKey))
  const server = yield* make({
    interval: "1 second",
    signedRequests: true,
    features,
    clients: [
      RegisteredClients.client("dpop", { dpop_bound_access_tokens: true }),
      RegisteredClients.client("signed", { backchannel_authentication_request_signing_alg: "ES256", jwks }),
      ...runtimes.map((name, index) =>
        RegisteredClients.pingClient(`ping-${name}`, `https://127.0.0.1:${ports[index]}/ciba`)
      )
    ]
  })
  const sources: Sources = { server, misbehaving: yield* MisbehavingProvider.make, refs: new Map() }
  const port = yield* MisbehavingProvider.listen((request, response) => {
    control(sources, request.url ?? "").then(
      (value) => MisbehavingProvider.respond(response, value),
      (error) => response.writeHead(404).end(String(error))
    )
  })
  return runtimes.map(
    (name, index): World => ({
      issuer: server.issuer,
      controlUrl: `http://127.0.0.1:${port}`,
      clientSecret: RegisteredClients.secret,
      clientKeys: server.clientKeys,
      requestKey: { ...requestKey, kty: "EC" },
      pingClient: `ping-${name}`,
      notificationPort: ports[index] ?? 0
    })
  )
})

/** A free port below those that the system gives to connections, which could take it before the runtime listens. */
const freePort: Effect.Effect<number> = Effect.suspend(() => {
  const port = randomInt(20_000, 30_000)
  return Effect.callback<number, Error>((resume) => {
    const probe = createServer()
      .on("error", (error) => resume(Effect.fail(error)))
      .listen(port, "127.0.0.1", () => probe.close(() => resume(Effect.succeed(port))))
  })
}).pipe(Effect.eventually)

/** The binding message of a request, which a signed request has inside. */
const bindingMessageOf = ({ binding_message: message, request }: Readonly<Record<string, string>>) =>
  message ?? (request === undefined ? undefined : decodeJwt(request).binding_message)

/** Notes the approver's name of each pending request by its binding message. */
const findRefs = async (server: Service, refs: Map<string, string>) => {
  for (const { bindingMessage = "", ref } of await Effect.runPromise(server.pending)) refs.set(bindingMessage, ref)
}

interface Sources {
  readonly server: Service
  readonly misbehaving: MisbehavingProvider.Service
  readonly refs: Map<string, string>
}

/** `/seen/<port>`, `/misbehave/<behavior>/<where>`, `/provider/<message>`, `/approve/<message>`, `/deny/<message>`. */
const control = async ({ misbehaving, refs, server }: Sources, url: string): Promise<unknown> => {
  const [, action, name = "", where = ""] = url.split("/")
  if (action === "seen") return misbehaving.requests(Number(name))
  if (action === "misbehave") return Effect.runPromise(misbehaving.start(name, where))
  await findRefs(server, refs)
  const ref = refs.get(name) ?? "none"
  if (action === "approve") return Effect.runPromise(Effect.as(server.approve(ref), "approved"))
  if (action === "deny") return Effect.runPromise(Effect.as(server.deny(ref), "denied"))
  const log = await Effect.runPromise(server.log)
  const isOf = ({ form }: RecordedRequest) =>
    bindingMessageOf(form) === name || (form.auth_req_id !== undefined && refOf(form.auth_req_id) === ref)
  return log.filter(isOf)
}
