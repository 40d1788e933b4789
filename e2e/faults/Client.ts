// A client library, used as its documents show.
import { TestClient } from "@effect-ciba/testing"
import { Effect, Redacted, type Scope } from "effect"

export interface Setup {
  readonly issuer: string
  /** Whether it verifies the signature of ID Tokens, where that is an option. */
  readonly isChecked: boolean
  readonly usesDpop: boolean
  /** The client notification endpoint of a ping or push client. */
  readonly notification: { readonly deliveryMode: "ping" | "push"; readonly port: number } | undefined
}

export interface Client {
  /** The name of its package. */
  readonly name: string
  /** What of the package is tried, if not a function of it. */
  readonly part?: string
  /** The document or example that it is used by. */
  readonly documents: string
  /** How it is used, as the page has it. */
  readonly use: string
  /** The option or function that verifies the signature of ID Tokens, if that is not the default. */
  readonly check?: string
  /** What is said beside a call without an end, if its documents leave time limits to the caller. */
  readonly timeLimits?: string
  /** What it has not, and what its documents say of it; absent for this library. */
  readonly lacks?: { readonly DPoP?: string; readonly ping?: string; readonly push?: string }
  /** Makes a client, which asks the end-user and waits for the tokens: the `sub` of their ID Token. */
  readonly make: (setup: Setup) => Effect.Effect<Effect.Effect<string, unknown>, unknown, Scope.Scope>
}

export const clientId = TestClient.clientId

export const clientSecret = Redacted.value(TestClient.secret)

export const loginHint = "jo@example.com"

export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: run, catch: (error) => error })
