// `docs/runtimes.md`: which test runs on which runtime.
import { exceptions, findException } from "./Exceptions.ts"
import { runtimes } from "./Runtime.ts"
import { cases } from "./Suite.ts"

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const markOf = (runtime: string, title: string): string => {
  const exception = findException(runtime, title)
  return exception === undefined ? "+" : `no (${exceptions.indexOf(exception) + 1})`
}

export const runtimesPage = (): string =>
  [
    "# Runtimes",
    "",
    "`core` is the same code on every runtime with `fetch` and WebCrypto. The tests below run on each of these, from one bundle, over",
    "`FetchHttpClient` and real sockets: `npm test -- e2e/runtimes.test.ts`. The provider is `oidc-provider` in a Node.js process beside. On Deno",
    "the layer keeps no connection, as the README has it: its `fetch` sends a POST again by itself if the server ends a used one.",
    "",
    "Client certificates, and so mutual TLS, are shown on Node.js alone, over `@effect-ciba/platform-node`. On workerd the suite runs in a",
    "Durable Object: a wait that a ping ends has to live where the ping arrives.",
    "",
    row(["", ...runtimes.map(({ name }) => name)]),
    row(["---", ...runtimes.map(() => "---")]),
    ...cases.map(({ title }) => row([title, ...runtimes.map(({ name }) => markOf(name, title))])),
    "",
    ...exceptions.map(({ reason, runtimes }, index) => `${index + 1}. ${runtimes.join(", ")}: ${reason}.`),
    "",
    "This page is written from the suite's list: `npm test -- docs/runtimes.test.ts -u`.",
    ""
  ].join("\n")
