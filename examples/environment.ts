/**
 * A client that is configured by environment variables. `NodeCiba.layerConfig()` reads them through the
 * `ConfigProvider` of the context, here an object in place of `process.env`. An incomplete configuration fails with a
 * typed error that names the parameter. No request is sent before the first use.
 */
import { ClientRegistration } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { ConfigProvider, Console, Effect } from "effect"

const describeClient = (environment: Readonly<Record<string, string>>) =>
  ClientRegistration.ClientRegistration.pipe(
    Effect.map(({ authentication, clientId }) => `${clientId} authenticates with ${authentication.method}`),
    Effect.provide(NodeCiba.layerConfig()),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment)),
    Effect.catchTag("ClientRegistrationError", ({ _tag, parameter, problem }) =>
      Effect.succeed(`${_tag} at ${parameter}: ${problem}`)
    )
  )

const base = { CIBA_ISSUER: "https://op.example.com", CIBA_CLIENT_ID: "point-of-sale" }

const program = Effect.gen(function* () {
  yield* Console.log(yield* describeClient({ ...base, CIBA_CLIENT_SECRET: "a secret" }))
  yield* Console.log(yield* describeClient({ ...base, CIBA_CLIENT_AUTH_METHOD: "client_secret_jwt" }))
})

await Effect.runPromise(program)
