// Responses of a hostile or broken server: status, headers and body, connection errors, and responses that never end.
import { Effect } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { below, type Chance, garble, happens, limit, oddText } from "./HostileJson.ts"
import * as SeededRandom from "./SeededRandom.ts"

const statuses: readonly [number, ...ReadonlyArray<number>] = [
  0, 100, 199, 201, 202, 204, 205, 206, 226, 300, 301, 302, 303, 304, 307, 308, 399, 401, 402, 403, 404, 405, 408, 409,
  413, 418, 421, 429, 431, 451, 500, 501, 502, 503, 504, 511, 520, 599, 600, 999
]

const headerValues: Readonly<Record<string, readonly [string, ...ReadonlyArray<string>]>> = {
  "content-type": [
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=",
    "text/html; charset=iso-8859-1",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "application/problem+json",
    ";;;",
    ""
  ],
  "retry-after": [
    "0",
    "1",
    "5",
    "120",
    "-1",
    "1.5",
    "1e9",
    "315360001",
    "9".repeat(400),
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Thu, 32 Foo 2099 99:99:99 GMT",
    "Thu, 01 Jan 275760 00:00:00 GMT",
    "soon",
    "1, 2",
    ""
  ],
  "dpop-nonce": ["nonce-1", "n".repeat(2048), "n".repeat(2049), "two words", 'quo"te', "\u00ff", ""],
  "www-authenticate": [
    "Bearer",
    'DPoP error="use_dpop_nonce"',
    'Bearer error="invalid_token", error="again"',
    'Bearer error="unclosed',
    `Basic realm="${"r".repeat(3000)}"`,
    ",,,=,="
  ],
  "content-length": ["0", "1", "-1", "99999999999", "1e3", "many"],
  "content-encoding": ["gzip", "br", "identity", "nonsense, gzip"],
  "transfer-encoding": ["chunked", "gzip, chunked", "nonsense"],
  "cache-control": ["no-store", "max-age=-1", "max-age=99999999999999", "max-age=NaN", ","],
  location: ["https://evil.example/", "/", "javascript:alert(1)", "http://[::1"],
  "set-cookie": ["a=b; Domain=op.example", "__Host-a=b; Path=/", ""],
  "x-fapi-interaction-id": ["0", "not-a-uuid"],
  "x-__proto__": ["x"]
}

const headers = (chance: Chance): Headers => {
  const made = new Headers({ "content-type": "application/json" })
  for (const [name, values] of Object.entries(headerValues)) {
    if (happens(chance, 0.12)) made.set(name, SeededRandom.oneOf(chance, values))
  }
  if (happens(chance, 0.05))
    made.set("x-odd", [...oddText(chance)].filter((one) => /[\x20-\x7e\xa0-\xff]/.test(one)).join(""))
  return made
}

/** A body that may be split, break off, hang or never end. */
export const makeBody = (chance: Chance, bytes: Uint8Array, hang: () => void): BodyInit => {
  if (happens(chance, 0.8)) return Uint8Array.from(bytes)
  const size = Math.max(1, Math.ceil(bytes.length / (1 + below(chance, 20))))
  const end = SeededRandom.oneOf(chance, ["close", "close", "close", "error", "hang", "endless"])
  let at = 0
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (at < bytes.length) {
          controller.enqueue(bytes.slice(at, at + size))
          at += size
        } else if (end === "close") controller.close()
        else if (end === "error") controller.error(new TypeError("terminated"))
        else if (end === "endless" && at < limit * 20) {
          controller.enqueue(new Uint8Array(limit / 4).fill(32))
          at += limit / 4
        } else if (end === "endless") controller.close()
        else {
          hang()
          return new Promise(() => {})
        }
        return undefined
      }
    },
    { highWaterMark: 0 }
  )
}

/** The status that fits the document, or another one. */
const statusFor = (chance: Chance, fitting: number): number =>
  happens(chance, 0.7) ? fitting : SeededRandom.oneOf(chance, statuses)

/** A response; half of them are well-formed HTTP, whatever their text. */
const response = (chance: Chance, text: string, fitting: number, hang: () => void): Response => {
  if (happens(chance, 0.5)) return new Response(text, { status: fitting, headers: headers(chance) })
  const made = new Response(makeBody(chance, garble(chance, text), hang), { headers: headers(chance) })
  return Object.defineProperty(made, "status", { value: statusFor(chance, fitting) })
}

/** What the server intends to send, before it is damaged. */
export interface IntendedResponse {
  readonly text: string
  readonly status: number
}

/** A client whose responses are those of `respond`, or damaged. It calls `hang` for requests and bodies that never end. */
export const client = (
  chance: Chance,
  respond: (url: URL) => IntendedResponse,
  hang: () => void
): HttpClient.HttpClient =>
  HttpClient.make((request, url) =>
    Effect.suspend(() => {
      if (happens(chance, 0.01)) {
        return Effect.fail(
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, description: "the connection was reset" })
          })
        )
      }
      if (happens(chance, 0.005)) {
        hang()
        return Effect.never
      }
      const { status, text } = respond(url)
      return Effect.succeed(HttpClientResponse.fromWeb(request, response(chance, text, status, hang)))
    })
  )
