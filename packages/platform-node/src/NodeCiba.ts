/**
 * A CIBA client on Node.js in one layer: `Ciba.layer` over undici, with the TLS options of Node.js.
 *
 * **When to use**
 *
 * `layer` takes its options from code, `layerConfig` from the environment. Where the client is built on fetch instead,
 * such as on Bun, Deno or Workers, provide `FetchHttpClient.layer` to `Ciba.layer`; docs/runtimes.md has what each of them needs besides.
 *
 * **Details**
 *
 * Each call makes a client of its own, with connections of its own: several clients can be in one program.
 *
 * **Example** (A client with a secret)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { NodeCiba } from "@effect-ciba/platform-node"
 * import { Effect, Redacted } from "effect"
 *
 * const CibaLive = NodeCiba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "point-of-sale",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 * })
 *
 * const program = Ciba.authenticate({
 *   scope: ["openid"],
 *   hint: UserHint.login("jo@example.com"),
 *   bindingMessage: "W4SCT"
 * }).pipe(Effect.provide(CibaLive))
 *
 * Effect.isEffect(program) // => true
 * ```
 *
 * **Example** (Two clients from one environment)
 *
 * ```ts
 * import { ClientRegistration } from "@effect-ciba/core"
 * import { NodeCiba } from "@effect-ciba/platform-node"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const environment = ConfigProvider.layer(
 *   ConfigProvider.fromEnvRecord({
 *     BANK_A_CIBA_ISSUER: "https://a.example.com",
 *     BANK_A_CIBA_CLIENT_ID: "shop",
 *     BANK_A_CIBA_CLIENT_SECRET: "a secret",
 *     BANK_B_CIBA_ISSUER: "https://b.example.com",
 *     BANK_B_CIBA_CLIENT_ID: "store",
 *     BANK_B_CIBA_CLIENT_SECRET: "another secret"
 *   })
 * )
 *
 * const clientId = (prefix: string) =>
 *   Effect.map(ClientRegistration.ClientRegistration, ({ clientId }) => clientId).pipe(
 *     Effect.provide(NodeCiba.layerConfig({ prefix }))
 *   )
 *
 * await Effect.runPromise(Effect.provide(Effect.all([clientId("BANK_A"), clientId("BANK_B")]), environment)) // => ["shop", "store"]
 * ```
 *
 * @see CIBA Core 1.0
 */
import {
  Ciba,
  ClientRegistration,
  JwsAlgorithm,
  type NotificationInbox,
  type SigningKey,
  type Transport
} from "@effect-ciba/core"
import { Config, ConfigProvider, Context, Effect, Layer, Option } from "effect"
import type { HttpClient } from "effect/http"
import type { CertificateError } from "./ClientCertificate.ts"
import * as EnvironmentAuthentication from "./internal/EnvironmentAuthentication.ts"
import * as EnvironmentTls from "./internal/EnvironmentTls.ts"
import * as EnvironmentVariable from "./internal/EnvironmentVariable.ts"
import * as NodeTls from "./NodeTls.ts"

/**
 * The client, its provider, and the TLS connection between them.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options<E = never, R = never> extends Ciba.Options<E, R> {
  /** The client's certificate, and the certificate authorities that it trusts; none, and the system's, by default. */
  readonly tls?: NodeTls.Options | undefined
}

/**
 * A client that is registered for push delivery.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface PushOptions<E = never, R = never> extends Ciba.PushOptions<E, R>, Pick<Options, "tls"> {}

type LayerError<E> = ClientRegistration.ClientRegistrationError | Transport.InvalidOption | CertificateError | E

/**
 * The flow over undici, with connections of its own. `NodeNotificationServer` receives what the provider sends to a ping or
 * push client.
 *
 * @since 0.1.0
 * @stability stable
 */
export function layer<E = never, R = never>(
  options: PushOptions<E, R>
): Layer.Layer<Ciba.PushServices, LayerError<E>, NotificationInbox.NotificationInbox | R>
/**
 * @since 0.1.0
 * @stability stable
 */
export function layer<E = never, R = never>(options: Options<E, R>): Layer.Layer<Ciba.Services, LayerError<E>, R>
/**
 * @since 0.1.0
 * @stability stable
 */
export function layer<E, R>(
  options: Options<E, R> | PushOptions<E, R>
): Layer.Layer<Ciba.PushServices, LayerError<E>, NotificationInbox.NotificationInbox | R> {
  const http = NodeTls.layer(options.tls ?? {})
  const ciba: Layer.Layer<
    Ciba.PushServices,
    LayerError<E>,
    HttpClient.HttpClient | NotificationInbox.NotificationInbox | R
  > = options.deliveryMode === "push" ? Ciba.layer(options) : Ciba.layer(options)
  // Layer.provide is memoized whatever else is provided: over another Dpop.layer this is another client.
  return Layer.flatMap(http, (context) => Layer.provide(ciba, Layer.succeedContext(context)))
}

/**
 * Which variables are read.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface ConfigOptions {
  /** Put before each variable's name, with an underscore: `BANK_A` reads `BANK_A_CIBA_ISSUER`. None by default. */
  readonly prefix?: string | undefined
}

/**
 * A client that the environment configures.
 *
 * | variable | meaning |
 * | --- | --- |
 * | `CIBA_ISSUER`, `CIBA_CLIENT_ID` | the issuer of the provider, and the client identifier there |
 * | `CIBA_CLIENT_SECRET` | the client secret, without white space at its ends |
 * | `CIBA_PRIVATE_KEY` | the private key: a JWK, or PEM in PKCS#8 form |
 * | `CIBA_CLIENT_SECRET_FILE`, `CIBA_PRIVATE_KEY_FILE` | the path of a file with the one or the other, in its place; it may end in a line break |
 * | `CIBA_SIGNING_ALG` | the algorithm of client assertions; needed with PEM, by default the JWK's or HS256 |
 * | `CIBA_CLIENT_AUTH_METHOD` | `client_secret_basic` (default with a secret), `client_secret_post`, `client_secret_jwt`, `private_key_jwt` (default with a private key), `tls_client_auth`, `self_signed_tls_client_auth`, `none` |
 * | `CIBA_TLS_CERTIFICATE_FILE`, `CIBA_TLS_PRIVATE_KEY_FILE` | the paths of the client's certificate and its private key as PEM, or |
 * | `CIBA_TLS_PKCS12_FILE` | the path of both as PKCS#12; files are read again every minute |
 * | `CIBA_TLS_PASSPHRASE` | decrypts the private key or the PKCS#12 file |
 * | `CIBA_TLS_PASSPHRASE_FILE` | the path of a file with the passphrase, in its place |
 * | `CIBA_TLS_CA_FILE` | the path of the certificate authorities that the client trusts, as PEM; the system's by default |
 * | `CIBA_TLS_BOUND_ACCESS_TOKENS` | `true` if the certificate binds access tokens; `mtls_endpoint_aliases` are used |
 * | `CIBA_DELIVERY_MODE` | the registered `backchannel_token_delivery_mode`: `poll` (default) or `ping` |
 * | `CIBA_ID_TOKEN_ALG` | the registered `id_token_signed_response_alg`; `RS256` by default |
 * | `CIBA_ALLOW_INSECURE` | `loopback` allows plain http to this machine, or |
 * | `CIBA_SEND_SECRETS_IN_CLEAR_TO` | hosts of one's own network, separated by commas, that plain http is sent to: see `Transport.InsecureHosts` for what it risks |
 *
 * @since 0.1.0
 * @stability stable
 */
export const layerConfig = (options?: ConfigOptions): ConfiguredLayer => {
  const layers = new WeakMap<ConfigProvider.ConfigProvider, ConfiguredLayer>()
  return Layer.flatMap(
    Layer.fromBuild(() => Effect.context<never>()),
    (context) => {
      const provider = Context.get(context, ConfigProvider.ConfigProvider)
      const configured = layers.get(provider) ?? layerConfigured(options)
      layers.set(provider, configured)
      return configured
    }
  )
}

type ConfiguredLayer = Layer.Layer<Ciba.Services, LayerError<Config.ConfigError | SigningKey.InvalidKey>>

/** Effect memoizes a layer by its reference: there is one of these for each `ConfigProvider`. */
const layerConfigured = (options: ConfigOptions | undefined): ConfiguredLayer =>
  Layer.unwrap(
    Effect.gen(function* () {
      const variables = EnvironmentVariable.make(options?.prefix)
      const prefix = variables.nameOf("")
      const [issuer, clientId] = [yield* variables.readText("CIBA_ISSUER"), yield* variables.readText("CIBA_CLIENT_ID")]
      const authentication = yield* EnvironmentAuthentication.read(variables)
      const tls = yield* EnvironmentTls.read(variables)
      const { deliveryMode, insecureHosts, loopback, ...rest } = yield* variables.read(further)
      return layer({
        issuer,
        clientId,
        ...rest,
        deliveryMode: yield* ensureDeliveryMode(deliveryMode, prefix),
        ...(yield* EnvironmentTls.make(tls, authentication.method, prefix)),
        authentication: EnvironmentAuthentication.make(authentication, prefix),
        allowInsecureRequests: yield* readInsecure(loopback, insecureHosts, prefix)
      })
    })
  )

/** A push client has another layer, with other services. */
const ensureDeliveryMode = (
  mode: ClientRegistration.Service["deliveryMode"],
  prefix: string
): Effect.Effect<"poll" | "ping", ClientRegistration.ClientRegistrationError> =>
  mode === "push"
    ? Effect.fail(
        new ClientRegistration.ClientRegistrationError({
          parameter: `${prefix}CIBA_DELIVERY_MODE`,
          problem: 'a push client is made by NodeCiba.layer({ deliveryMode: "push", … }) over NotificationInbox.layer'
        })
      )
    : Effect.succeed(mode)

const readInsecure = (
  loopback: Option.Option<"loopback">,
  hosts: Option.Option<string>,
  prefix: string
): Effect.Effect<Transport.Options["allowInsecureRequests"], ClientRegistration.ClientRegistrationError> => {
  if (Option.isNone(hosts)) return Effect.succeed(Option.getOrUndefined(loopback))
  return Option.isNone(loopback)
    ? Effect.succeed({ sendSecretsInClearTo: hosts.value.split(",").map((host) => host.trim()) })
    : Effect.fail(
        new ClientRegistration.ClientRegistrationError({
          parameter: `${prefix}CIBA_ALLOW_INSECURE`,
          problem: `${prefix}CIBA_SEND_SECRETS_IN_CLEAR_TO is set, too; name the hosts of this machine there`
        })
      )
}

const further = Config.all({
  deliveryMode: Config.withDefault(Config.Literals(["poll", "ping", "push"], "CIBA_DELIVERY_MODE"), "poll" as const),
  idTokenSignedResponseAlg: Config.withDefault(
    Config.schema(JwsAlgorithm.JwsAlgorithm, "CIBA_ID_TOKEN_ALG"),
    "RS256" as const
  ),
  loopback: Config.option(Config.Literal("loopback", "CIBA_ALLOW_INSECURE")),
  insecureHosts: Config.option(Config.NonEmptyString("CIBA_SEND_SECRETS_IN_CLEAR_TO"))
})
