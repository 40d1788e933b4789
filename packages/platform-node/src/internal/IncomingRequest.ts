/** Requests of `node:http` as those of fetch, also when a framework has read their body. */
import type { IncomingMessage } from "node:http"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Predicate, Result, Schema, Stream } from "effect"

/**
 * The request with its headers and body. Its URL is not that of the request, and what is no POST is a GET: fetch refuses some
 * methods, such as TRACE, and names of headers that begin with a colon, as those of HTTP/2 do.
 */
export const toWeb = (request: IncomingMessage): Request => {
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    typeof value === "string" && !name.startsWith(":") ? [[name, value] satisfies [string, string]] : []
  )
  const body = request.method === "POST" ? bodyOf(request) : null
  return new Request("http://localhost/", {
    method: body === null ? "GET" : "POST",
    headers,
    body,
    ...(body instanceof ReadableStream ? { duplex: "half" } : undefined)
  })
}

/** A parser that has read the body leaves it in a property; one that had nothing to do may leave an empty object there. */
const bodyOf = (request: IncomingMessage): string | Uint8Array<ArrayBuffer> | ReadableStream => {
  if (!request.readableDidRead) return toStream(request)
  const parsed = Predicate.hasProperty(request, "body") ? request.body : undefined
  if (typeof parsed === "string") return parsed
  if (parsed instanceof Uint8Array) return Uint8Array.from(parsed)
  return parsed === undefined ? "" : Result.getOrElse(encodeJson(parsed), () => "")
}

const toStream = (request: IncomingMessage): ReadableStream =>
  Stream.toReadableStream(NodeStream.fromReadable({ evaluate: () => request, closeOnDone: false }))

const encodeJson = Schema.encodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
