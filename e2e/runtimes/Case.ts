// A test that any runtime can run: a title and an Effect, without a test runner.
import { Effect } from "effect"
import type { ProviderRequest, SeenRequest, World } from "./World.ts"

export interface Host {
  readonly world: World
  /** Hands the requests to the notification endpoint of this runtime to a handler. */
  readonly serve: (handler: (request: Request) => Promise<Response>) => void
  /** Runs a test as a server does that makes a client for each request that it has; its failure, if any. */
  readonly runApart: (title: string) => Promise<string | undefined>
}

export interface Case {
  readonly title: string
  readonly run: (host: Host) => Effect.Effect<void, unknown>
}

export class Mismatch extends Error {}

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right)

/** Fails if the two are not the same as JSON. */
export const assertSame = (what: string, actual: unknown, expected: unknown): Effect.Effect<void, Mismatch> =>
  same(actual, expected)
    ? Effect.void
    : Effect.fail(new Mismatch(`${what}: expected ${JSON.stringify(expected)}, but it was ${JSON.stringify(actual)}`))

const ask = <A>(url: string, method: string): Effect.Effect<A, unknown> =>
  Effect.tryPromise({
    try: async () => {
      const response = await fetch(url, { method })
      if (!response.ok) throw new Mismatch(`${method} ${url}: ${response.status} ${await response.text()}`)
      return (await response.json()) as A
    },
    catch: (error) => error
  })

/** Decides the request with this binding message as its end-user. */
export const decide = (
  { controlUrl }: World,
  decision: "approve" | "deny",
  bindingMessage: string
): Effect.Effect<void, unknown> => Effect.asVoid(ask(`${controlUrl}/${decision}/${bindingMessage}`, "POST"))

/** What `oidc-provider` has seen of the request with this binding message, and of its polls. */
export const providerRequests = (
  { controlUrl }: World,
  bindingMessage: string
): Effect.Effect<ReadonlyArray<ProviderRequest>, unknown> => ask(`${controlUrl}/provider/${bindingMessage}`, "GET")

/** What a misbehaving server has seen. */
export const seenRequests = (
  { controlUrl }: World,
  issuer: string
): Effect.Effect<ReadonlyArray<SeenRequest>, unknown> => ask(`${controlUrl}/seen/${new URL(issuer).port}`, "GET")

/**
 * The issuer of a new provider that misbehaves in this way at the path that ends in `where`. No other test has its
 * connections.
 */
export const startMisbehaving = (
  { controlUrl }: World,
  behavior: string,
  where: string
): Effect.Effect<string, unknown> => ask(`${controlUrl}/misbehave/${behavior}/${where}`, "POST")
