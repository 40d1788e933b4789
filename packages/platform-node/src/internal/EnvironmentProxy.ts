/**
 * The proxies that the environment names, where Node.js is configured to use them: by `NODE_USE_ENV_PROXY=1` or
 * `--use-env-proxy`.
 *
 * @see https://nodejs.org/api/http.html#built-in-proxy-support
 */
import process from "node:process"
import { Transport } from "@effect-ciba/core"
import { Effect } from "effect"

/** Proxies by the scheme of the URL that is called. Hosts of `NO_PROXY` are called without one; undici reads it. */
export interface Proxies {
  readonly httpProxy: string
  readonly httpsProxy: string
}

/** The proxies to use; `undefined` if Node.js is not configured to use any, or none is named. */
export const read: Effect.Effect<Proxies | undefined, Transport.InvalidOption> = Effect.gen(function* () {
  const { env, execArgv } = process
  const isEnabled =
    env.NODE_USE_ENV_PROXY === "1" || [...execArgv, ...(env.NODE_OPTIONS ?? "").split(" ")].includes("--use-env-proxy")
  if (!isEnabled) return undefined
  const httpProxy = yield* check("HTTP_PROXY", env.http_proxy ?? env.HTTP_PROXY)
  const httpsProxy = yield* check("HTTPS_PROXY", env.https_proxy ?? env.HTTPS_PROXY)
  return httpProxy === "" && httpsProxy === "" ? undefined : { httpProxy, httpsProxy }
})

/** The URL of a proxy may have a password: an error shows nothing of it. */
const check = (option: string, url = ""): Effect.Effect<string, Transport.InvalidOption> =>
  url === "" || isProxyUrl(url)
    ? Effect.succeed(url)
    : Effect.fail(
        new Transport.InvalidOption({
          option,
          problem: "it has to be the URL of a proxy, such as http://proxy.example.com:3128"
        })
      )

const isProxyUrl = (url: string): boolean => /^https?:\/\/[^/]/i.test(url) && URL.canParse(url)
