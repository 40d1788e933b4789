/**
 * What can go wrong between client and server before the protocol says anything. The error names method, URL and status,
 * and never a header, a query or a body.
 */
import { type Duration, Predicate, Schema, Struct } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { redactUrl } from "./HttpUrl.ts"

const table = {
  InsecureUrl: [
    'the URL is not https; plain http works only for loopback, with allowInsecureRequests: "loopback", or for hosts that it names',
    "fixClient"
  ],
  Unreachable: ["the server could not be reached, or the connection broke", "retry"],
  TimedOut: ["the server did not respond in time", "retry"],
  Interrupted: ["the request was interrupted before a response came", "retry"],
  InteractionIdMismatch: ["the response does not repeat the x-fapi-interaction-id of the request", "retry"],
  Redirected: ["the server responded with a redirect, which is not followed", "fixDiscovery"],
  TooLarge: ["the response is larger than the limit", "retry"],
  Unreadable: ["the response is not a complete JSON document", "retry"],
  UnexpectedStatus: ["the server responded with an unexpected status", "retry"]
} as const satisfies Record<string, ErrorClass.Row>

/** What happened, and what to do about it, by kind. */
export const kinds: { readonly [Kind in keyof typeof table]: ErrorClass.Row } = table

/**
 * What happened; docs/errors.md says what each kind means.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const Kind: Schema.Literals<ReadonlyArray<keyof typeof table>> = Schema.Literals(Struct.keys(table))

/**
 * A failure of transport: no response, or one that the protocol does not know.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class TransportError extends ErrorClass.make<TransportError>()(
  "TransportError",
  {
    kind: Kind,
    method: Schema.String,
    /** The URL without user, query and fragment. */
    url: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    /** The runtime's code for a broken connection: `ECONNREFUSED`, `ENOTFOUND`, `DEPTH_ZERO_SELF_SIGNED_CERT`, …; `PROXY_REFUSED` from a proxy. */
    code: Schema.optionalKey(Schema.String),
    /** The delay that `Retry-After` asks for. */
    retryAfter: Schema.optionalKey(Schema.Duration)
  },
  ["there is no response that the protocol knows", "retry"],
  {
    message: ({ kind, method, url, ...fields }) =>
      ErrorClass.formatMessage(`${method} ${url}: ${table[kind][0]}`, { kind, ...fields }),
    next: ({ kind }) => table[kind][1],
    hint: ({ code, status }) =>
      status === 404 ? notFound : hints.find(({ codes }) => code !== undefined && codes.test(code))?.hint
  }
) {}

/**
 * The error of a request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const makeError = (
  kind: typeof Kind.Type,
  request: { readonly method: string; readonly url: string },
  status?: number,
  retryAfter?: Duration.Duration
): TransportError =>
  new TransportError({
    kind,
    method: request.method,
    url: redactUrl(request.url),
    ...(status === undefined ? undefined : { status }),
    ...(retryAfter === undefined ? undefined : { retryAfter })
  })

/**
 * The error of a response whose status is not one that the protocol expects.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const makeStatusError = (response: {
  readonly method: string
  readonly url: string
  readonly status: number
  readonly retryAfter: Duration.Duration | undefined
}): TransportError => makeError("UnexpectedStatus", response, response.status, response.retryAfter)

/** The error of a request for which the client has no response, with the runtime's code. */
export const makeUnreachable = (
  cause: unknown,
  { method, url }: { readonly method: string; readonly url: string }
): TransportError => {
  const code = findCode(cause)
  const fields = { kind: "Unreachable", method, url: redactUrl(url) } as const
  return new TransportError(code === undefined ? fields : { ...fields, code })
}

/** A wrong issuer or a wrong path is the usual cause. */
const notFound = "nothing is there: check the configured issuer, and the endpoints in its metadata"

/** What to do about connections that TLS refuses, by the runtime's code. */
export const hints: ReadonlyArray<{ readonly codes: RegExp; readonly hint: string }> = [
  {
    codes: /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/,
    hint: "the authority is not known: configure tls.authorities of NodeCiba.layer, CIBA_TLS_CA_FILE or NODE_EXTRA_CA_CERTS"
  },
  { codes: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, hint: "the server's certificate is not valid now" },
  { codes: /ALTNAME_INVALID/, hint: "the server's certificate is for another host" },
  {
    codes: /^(PROXY_REFUSED|UND_ERR_PRX_(CONN|TLS))$/,
    hint: "the proxy gives no connection to the server: check HTTPS_PROXY, NO_PROXY, and what the proxy allows"
  },
  {
    codes: /ALERT_(CERTIFICATE|HANDSHAKE|UNKNOWN_CA|BAD_CERTIFICATE)|CERTIFICATE_REQUIRED/,
    hint: "the server does not accept the client's certificate, or demands one: configure tls.client of NodeCiba.layer"
  }
]

/** Whether the server may have received the request: it was sent, or nothing is known of it. */
export const mayHaveArrived = ({ code, kind }: TransportError): boolean =>
  kind !== "InsecureUrl" && kind !== "Redirected" && !(code !== undefined && unsent.test(code))

/** There was no connection or no tunnel, or its certificate was refused: nothing is sent over it. */
const unsent =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT|UND_ERR_PRX_(CONN|TLS)|PROXY_REFUSED|(ERR_TLS_)?CERT_.*|.*SELF_SIGNED.*|UNABLE_TO_.*)$/

/**
 * The runtime's code in an error or its causes. The depth is limited, since an error may be its own cause. A network that
 * became unreachable during a connection has no code: it would mean that the request was not sent. A proxy that refuses
 * has one of its own: undici gives it the codes of a request that was aborted, which may have been sent, or that was wrong.
 */
const findCode = (error: unknown, depth = 10): string | undefined => {
  const { cause, code, message, syscall = "connect" } = Predicate.isObject(error) ? error : {}
  if (typeof message === "string" && proxyRefusals.get(code)?.test(message) === true) return "PROXY_REFUSED"
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) {
    return syscall !== "connect" && /^E(HOST|NET)UNREACH$/.test(code) ? undefined : code
  }
  return depth > 0 && cause !== undefined ? findCode(cause, depth - 1) : undefined
}

/** Of undici, in the place of a response to the request itself. */
const proxyRefusals: ReadonlyMap<unknown, RegExp> = new Map([
  ["UND_ERR_ABORTED", /^Proxy response \(\d+\) !== 200 when HTTP Tunneling$/],
  ["UND_ERR_INVALID_ARG", /^Proxy Authentication Required \(407\)$/]
])
