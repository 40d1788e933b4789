import { text } from "node:stream/consumers"
import { Duration } from "effect"
import type { KoaContextWithOIDC } from "oidc-provider"

/** Middleware for one request, in front of the authorization server; `next` passes the request on. */
export type Fault = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>

export const none: Fault = (_, next) => next()

export const status = (
  code: number,
  options?: {
    readonly retryAfter?: string
    readonly error?: string
    readonly headers?: Readonly<Record<string, string>>
  }
): Fault =>
  instead((ctx) => {
    ctx.status = code
    ctx.set({ ...options?.headers })
    if (options?.retryAfter !== undefined) ctx.set("retry-after", options.retryAfter)
    ctx.body = options?.error === undefined ? "" : { error: options.error }
  })

export const html = (code: number): Fault =>
  instead((ctx) => {
    ctx.status = code
    ctx.type = "html"
    ctx.body = `<!doctype html><title>${code}</title><h1>Gateway error</h1>`
  })

export const redirect = (location: string, code = 307): Fault =>
  instead((ctx) => {
    ctx.redirect(location)
    ctx.status = code
  })

export const reset: Fault = instead((ctx) => {
  ctx.respond = false
  ctx.req.socket.resetAndDestroy()
})

export const hang: Fault = instead((ctx) => {
  ctx.respond = false
})

/** The server handles the request, and the connection is reset before its response. */
export const loseResponse: Fault = async (ctx, next) => {
  await next()
  ctx.respond = false
  ctx.req.socket.resetAndDestroy()
}

/** The server receives the request late. */
export const delay =
  (duration: Duration.Input): Fault =>
  async (_, next) => {
    await new Promise((resolve) => setTimeout(resolve, Duration.toMillis(duration)))
    await next()
  }

/** Replaces the body of the server's response. */
export const rewrite =
  (change: (body: Record<string, unknown>) => unknown): Fault =>
  async (ctx, next) => {
    await next()
    ctx.body = change({ ...(ctx.body as object) })
  }

function instead(respond: (ctx: KoaContextWithOIDC) => void): Fault {
  return async (ctx) => {
    await text(ctx.req)
    respond(ctx)
  }
}
