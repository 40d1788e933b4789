// The servers that the tests of a runtime talk to, as its configuration names them.

/** The members of a private key as a JWK. */
export interface PrivateJwk {
  readonly kty: string
}

export interface World {
  /** `oidc-provider`. */
  readonly issuer: string
  /** The end-user's decisions, providers that misbehave, and what all of them have seen. */
  readonly controlUrl: string
  readonly clientSecret: string
  readonly clientKeys: Readonly<Record<string, PrivateJwk>>
  /** The key of the client `signed`, for its signed requests, in ES256. */
  readonly requestKey: PrivateJwk
  /** The client in ping mode of this runtime, and the port of its notification endpoint. */
  readonly pingClient: string
  readonly notificationPort: number
}

/** One request to a misbehaving provider. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly cookie: string | undefined
  /** Whether its connection had a request before it. */
  readonly isReused: boolean
  /** Whether its connection is closed. */
  readonly isClosed: boolean
}

/** One request to `oidc-provider`, and the outcome. */
export interface ProviderRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
  readonly status?: number
  readonly error?: string
}
