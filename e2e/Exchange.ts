import type { IncomingMessage } from "node:http"
import { Predicate } from "effect"
import type { KoaContextWithOIDC } from "oidc-provider"

/** One HTTP request that the server saw, and what it answered. */
export interface Exchange {
  /** Milliseconds since the epoch, at arrival. */
  readonly at: number
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
  /** Absent while there is no answer, and for ever when the connection was cut. */
  readonly status?: number
  /** The `error` of the answer. */
  readonly error?: string
}

const kept = ["accept", "authorization", "content-type", "dpop", "user-agent", "traceparent"]

export const arrived = (ctx: KoaContextWithOIDC): Exchange => ({
  at: Date.now(),
  method: ctx.method,
  path: ctx.path,
  headers: Object.fromEntries(kept.map((name) => [name, ctx.get(name)]).filter(([, value]) => value !== "")),
  form: {}
})

export const answered = (arrived: Exchange, ctx: KoaContextWithOIDC, body: string): Exchange => ({
  ...arrived,
  form: Object.fromEntries(new URLSearchParams(body)),
  ...(ctx.respond !== false && { status: ctx.status }),
  ...(Predicate.hasProperty(ctx.body, "error") && { error: String(ctx.body.error) })
})

/** Reads the body along with whoever reads it, and takes nothing away from them. */
export const overhear = (request: IncomingMessage): (() => string) => {
  const chunks: Array<Buffer> = []
  const push = request.push.bind(request)
  request.push = (chunk, encoding) => {
    if (chunk !== null) chunks.push(Buffer.from(chunk))
    return push(chunk, encoding)
  }
  return () => Buffer.concat(chunks).toString()
}
