/** The client as the environment describes it, and what is said when the description is not complete. */
import { ClientRegistration } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { ConfigProvider, Console, Effect } from "effect"

const described = (environment: Readonly<Record<string, string>>) =>
  ClientRegistration.ClientRegistration.pipe(
    Effect.map(({ authentication, clientId }) => `${clientId} authenticates with ${authentication.method}`),
    Effect.provide(NodeCiba.layerConfig),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment)),
    Effect.catchTag("ClientRegistrationError", (error) => Effect.succeed(error.message))
  )

const base = { CIBA_ISSUER: "https://op.example.com", CIBA_CLIENT_ID: "point-of-sale" }

const program = Effect.gen(function* () {
  yield* Console.log(yield* described({ ...base, CIBA_CLIENT_SECRET: "a secret" }))
  yield* Console.log(yield* described({ ...base, CIBA_CLIENT_AUTH_METHOD: "client_secret_jwt" }))
})

await Effect.runPromise(program)
