/** The hosts that may be called over plain http. */
import { Effect, Result } from "effect"
import { Url } from "effect/http"
import { InvalidOption } from "./InvalidOption.ts"

/**
 * Hosts to which plain http is sent, such as `keycloak` or `keycloak:8080` in the network of a compose file; a host without a port
 * allows all of its ports.
 *
 * An attacker who reads in that network has client secrets, assertions, tokens and hints; one who answers in the place of such a host is the
 * provider, and its keys verify tokens of any end-user. For a network of one machine or of one's own, and never for a provider
 * that others run.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface InsecureHosts {
  readonly sendSecretsInClearTo: ReadonlyArray<string>
}

/** Whether a request to this URL may be sent: over https, or to a host that the option names. */
export const make = (
  option: "loopback" | InsecureHosts | undefined
): Effect.Effect<(url: string) => boolean, InvalidOption> => {
  if (option === undefined) return Effect.succeed(isSecure)
  if (option === "loopback") return Effect.succeed((url) => isSecure(url) || loopback.test(url))
  const hosts = option.sendSecretsInClearTo.map((host) => host.toLowerCase())
  return hosts.every((host) => isHost.test(host))
    ? Effect.succeed((url) => isSecure(url) || isNamed(url, hosts))
    : Effect.fail(
        new InvalidOption({
          option: "allowInsecureRequests",
          problem: "sendSecretsInClearTo takes exact hosts, each with its port or without: keycloak, keycloak:8080"
        })
      )
}

const isSecure = (url: string): boolean => /^https:\/\//i.test(url)

const loopback = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?(\/|$)/i

const isHost = /^([a-z\d_]([a-z\d_.-]*[a-z\d_])?|\[[\da-f:.]+\])(:\d{1,5})?$/

const isNamed = (url: string, hosts: ReadonlyArray<string>): boolean =>
  /^http:\/\//i.test(url) &&
  Result.match(Url.fromString(url), {
    onFailure: () => false,
    onSuccess: ({ hostname, port }) => hosts.includes(hostname) || hosts.includes(`${hostname}:${port || "80"}`)
  })
