/** How a test drives a provider that others wrote: one small interface for each of them. */
import type { NodeCiba } from "@effect-ciba/platform-node"
import { Context, type Effect, type Redacted } from "effect"
import type { Issued } from "../CertificateAuthority.ts"

/** A request to the provider and its response; or a notification, under the path `/notification`, whose `body` is what was sent. */
export interface Exchange {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
  readonly status: number
  readonly body: string
  /** When the request arrived, in milliseconds. */
  readonly at?: number
  /** The version of HTTP. */
  readonly protocol?: string
  /** One name for each connection. */
  readonly connection?: string
  /** The `x5t#S256` of the client's certificate. */
  readonly certificate?: string
}

/** Client metadata under the names of the specifications. */
export interface Registration {
  readonly client_id: string
  readonly client_secret?: string
  readonly token_endpoint_auth_method: string
  readonly [member: string]: unknown
}

export interface Service {
  readonly name: string
  /** How its clients connect. */
  readonly connection: Pick<NodeCiba.Options, "issuer" | "allowInsecureRequests"> & {
    readonly tls?: { readonly authorities: string }
  }
  readonly register: (registration: Registration) => Effect.Effect<void>
  /** The initial access token of dynamic registration. */
  readonly initialAccessToken: Effect.Effect<string>
  readonly approve: (authReqId: Redacted.Redacted<string>) => Effect.Effect<void>
  readonly deny: (authReqId: Redacted.Redacted<string>) => Effect.Effect<void>
  readonly log: Effect.Effect<ReadonlyArray<Exchange>>
  /** Issues a certificate by an authority that the provider trusts. */
  readonly issueCertificate: (subject: string) => Effect.Effect<Issued>
  /** From now on each response to the client ends its connection; over HTTP/2 by GOAWAY. */
  readonly closeConnections: (clientId: string) => Effect.Effect<void>
  /** The same where requests expire after some seconds, if it does not do as `requested_expiry` says. */
  readonly shortLived?: Service
}

export class RealServer extends Context.Service<RealServer, Service>()("@effect-ciba/e2e/RealServer") {}
