/**
 * What the test provider remembers of a request it was sent.
 */
import type { Redacted } from "effect"
import type { Headers } from "effect/http"

/** The provider's endpoints; `elsewhere` is any other URL. */
export type Endpoint =
  | "discovery"
  | "keys"
  | "backchannel"
  | "token"
  | "userinfo"
  | "introspection"
  | "revocation"
  | "elsewhere"

/** A request and what became of it. */
export interface RequestRecord {
  /** When it arrived, in milliseconds on the `Clock`. */
  readonly at: number
  readonly endpoint: Endpoint
  readonly method: string
  readonly url: string
  /** The headers without `Authorization`. */
  readonly headers: Headers.Headers
  /** The `Authorization` header. */
  readonly authorization: Redacted.Redacted<string> | undefined
  /** The form parameters in the order in which they were sent. */
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  /** When the answer was sent, in milliseconds on the `Clock`; nothing while there is none. */
  readonly respondedAt: number | undefined
  /** The answer's status; nothing where the connection broke, or the caller gave up. */
  readonly status: number | undefined
  /** The answer's OAuth error code. */
  readonly error: string | undefined
}
