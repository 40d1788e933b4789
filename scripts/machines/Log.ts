// What the provider has seen. Instants are milliseconds since the epoch, with fractions, on its own clock.
import type { Mode } from "./Settings.ts"

export interface TokenRequest {
  readonly mode: Mode
  readonly authReqId: string
  readonly machine: string
  readonly arrivedAt: number
  /** When the response was sent; `undefined` if the connection was closed before, or cut just after. */
  sentAt: number | undefined
  status: number
  error: string | undefined
}

export interface AuthenticationRequest {
  readonly mode: Mode
  /** The binding message: one for each approval that a program wants. */
  readonly message: string
  authReqId: string | undefined
  sentAt: number | undefined
}

/** One try to send a ping to a machine. */
export interface Ping {
  readonly authReqId: string
  readonly machine: string
  readonly sentAt: number
  /** Without one, the machine did not respond. */
  readonly status: number | undefined
}

export interface Log {
  readonly tokenRequests: Array<TokenRequest>
  readonly authenticationRequests: Array<AuthenticationRequest>
  readonly pings: Array<Ping>
  /** How late timers of the provider's process were, in milliseconds: as busy was the machine. */
  readonly timerDelays: Array<number>
  /** The access tokens, by their `auth_req_id`. */
  readonly accessTokens: Record<string, string>
  /** What must be found in no table. */
  readonly secrets: Array<string>
}

export const make = (): Log => ({
  tokenRequests: [],
  authenticationRequests: [],
  pings: [],
  timerDelays: [],
  accessTokens: {},
  secrets: []
})

export const now = (): number => performance.timeOrigin + performance.now()
