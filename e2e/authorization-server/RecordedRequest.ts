import type { IncomingMessage } from "node:http"
import { Predicate } from "effect"
import type { KoaContextWithOIDC } from "oidc-provider"

/** One HTTP request to the server, and the outcome of its response. */
export interface RecordedRequest {
  /** Milliseconds since the epoch, at arrival. */
  readonly at: number
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
  /** Undefined before the response is sent, and when the connection is reset instead. */
  readonly status?: number
  /** The `error` of the response. */
  readonly error?: string
}

const recordedHeaders = ["accept", "authorization", "content-type", "dpop", "user-agent", "traceparent"]

export const fromRequest = (ctx: KoaContextWithOIDC): RecordedRequest => ({
  at: Date.now(),
  method: ctx.method,
  path: ctx.path,
  headers: Object.fromEntries(recordedHeaders.map((name) => [name, ctx.get(name)]).filter(([, value]) => value !== "")),
  form: {}
})

export const withResponse = (request: RecordedRequest, ctx: KoaContextWithOIDC, body: string): RecordedRequest => ({
  ...request,
  form: Object.fromEntries(new URLSearchParams(body)),
  ...(ctx.respond !== false && { status: ctx.status }),
  ...(Predicate.hasProperty(ctx.body, "error") && { error: String(ctx.body.error) })
})

/** Copies the body while the server reads it. */
export const copyBody = (request: IncomingMessage): (() => string) => {
  const chunks: Array<Buffer> = []
  const push = request.push.bind(request)
  request.push = (chunk, encoding) => {
    if (chunk !== null) chunks.push(Buffer.from(chunk))
    return push(chunk, encoding)
  }
  return () => Buffer.concat(chunks).toString()
}
