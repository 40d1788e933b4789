/** An HTTP response of the provider, before it is sent. */
import { Predicate, Schema } from "effect"

export interface ProviderResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The OAuth error code in the body, if it has one. */
  readonly error: string | undefined
}

/**
 * The status and headers of an error response.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ErrorOptions {
  /** 401 for `invalid_client` and 400 for every other code, by default. */
  readonly status?: number | undefined
  /** The `error_description`. */
  readonly description?: string | undefined
  /** The `Retry-After` header, verbatim: seconds, an HTTP date, or nonsense. */
  readonly retryAfter?: string | undefined
  /** Additional headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export const json = (status: number, body: unknown, headers?: Readonly<Record<string, string>>): ProviderResponse => ({
  status,
  headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  body: encode(body),
  error: Predicate.hasProperty(body, "error") && Predicate.isString(body.error) ? body.error : undefined
})

/** An OAuth error response (RFC 6749 section 5.2). */
export const error = (code: string, options?: ErrorOptions): ProviderResponse =>
  json(
    options?.status ?? (code === "invalid_client" ? 401 : 400),
    {
      error: code,
      ...(options?.description === undefined ? undefined : { error_description: options.description })
    },
    { ...retryAfter(options?.retryAfter), ...options?.headers }
  )

/** An HTML page, as a proxy in front of a provider sends it. */
export const html = (
  status: number,
  body = `<!doctype html><title>${status}</title><h1>${status}</h1>`
): ProviderResponse => ({
  status,
  headers: { "content-type": "text/html; charset=utf-8" },
  body,
  error: undefined
})

/** A response without a body. */
export const empty = (status: number, headers?: Readonly<Record<string, string>>): ProviderResponse => ({
  status,
  headers: { ...headers },
  body: "",
  error: undefined
})

/** A `Retry-After` header, if there is a value for it. */
export const retryAfter = (value: string | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { "retry-after": value }

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))
