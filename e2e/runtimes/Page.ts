// `docs/runtimes.md`: which test runs on which runtime.
import { read } from "../../scripts/Footprint.ts"
import { exceptions, findException } from "./Exceptions.ts"
import { runtimes } from "./Runtime.ts"
import { cases } from "./Suite.ts"

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const markOf = (runtime: string, title: string): string => {
  const exception = findException(runtime, title)
  return exception === undefined ? "+" : `no (${exceptions.indexOf(exception) + 1})`
}

const layers = `| runtime | the layer |
| --- | --- |
| Node.js | \`NodeCiba.layer(options)\`: undici, with what fetch does and client certificates |
| Bun | \`Ciba.layer(options)\` over \`FetchHttpClient.layer\`, with \`{ decompress: false }\` as \`FetchHttpClient.RequestInit\`: Bun asks for no compression then. Without it a gzip bomb is refused, but costs memory, since Bun decodes ahead of the reader; leave it out for a provider that compresses without being asked |
| Deno | \`Ciba.layer(options)\` over \`FetchHttpClient.layer\`, with a client for fetch that keeps no connections, as below |
| Workers (workerd) | \`Ciba.layer(options)\` over \`FetchHttpClient.layer\`, in a Durable Object, or made anew in each request: a timer ends there with the request that has set it, and so would the waits of other requests |

On a connection that it has kept, and that breaks, Deno's fetch sends a POST a second time: a device would be contacted twice, or an \`auth_req_id\` be redeemed twice.

\`\`\`js
// Deno
const FetchLive = Layer.merge(
  FetchHttpClient.layer,
  Layer.succeed(FetchHttpClient.RequestInit, { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0, http2: false }) })
)
const CibaLive = Layer.provide(Ciba.layer(options), FetchLive)
\`\`\`

Size and time limits, refused redirects and https are the library's own, and the same everywhere.`

const footprint = (): ReadonlyArray<string> => {
  const { parts, sizes, starts } = read()
  return [
    "## Imports, sizes, cold start",
    "",
    "The index `@effect-ciba/core` has every public module, and a bundler leaves out what a program does not use. Without a bundler each import loads the whole of",
    "the package, which is one file, and some three hundred files of Effect: a function that starts for a call should be bundled. `core` imports nothing of `node:`.",
    "",
    "What a program weighs as one minified file, in kB, with all that it imports; `npm run bundle` compares:",
    "",
    row(["a program that", "minified", "compressed"]),
    row(["---", "---", "---"]),
    ...sizes.map(({ compressed, minified, name }) => row([name, String(minified), String(compressed)])),
    "",
    "A program that polls adds to Effect alone, in kB minified:",
    "",
    row(["what", "minified"]),
    row(["---", "---"]),
    ...parts.map(({ minified, name }) => row([name, String(minified)])),
    "",
    "How long a process takes, in milliseconds, the least of fifteen runs on two cores with Linux: with no program, and with one, bundled, that has made its client and ends. A client fetches nothing when it is made: the first call fetches metadata and keys.",
    "",
    row(["", "no program", "a client", "difference"]),
    row(["---", "---", "---", "---"]),
    ...starts.map(({ client, empty, runtime }) => row([runtime, String(empty), String(client), String(client - empty)]))
  ]
}

export const runtimesPage = (): string =>
  [
    "# Runtimes",
    "",
    layers,
    "",
    ...footprint(),
    "",
    "## Which test runs where",
    "",
    "`core` is the same code on every runtime with `fetch` and WebCrypto. The tests below run on each of these, from one bundle, over",
    "`FetchHttpClient` and real sockets, on Deno with the layer above: `npm test -- e2e/runtimes.test.ts`. The provider is `oidc-provider` in a Node.js process beside.",
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
