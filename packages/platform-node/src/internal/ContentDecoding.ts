/**
 * Decodes bodies that a server has compressed, as fetch does. What is read of them is limited by their reader.
 * `interceptors.decompress` of undici writes a warning to the process.
 */
import type { Duplex } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import { NodeStream } from "@effect/platform-node"
import { Option, Stream } from "effect"
import { Headers, HttpClientResponse } from "effect/http"

/** The response with a decoded body; the same one if its body has no coding that is known. */
export const decode = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  const { headers, request, status } = response
  const decoder = Option.fromUndefinedOr(decoders[headers["content-encoding"]?.trim().toLowerCase() ?? ""])
  if (Option.isNone(decoder) || bodiless.has(status)) return response
  const body = response.stream.pipe(
    NodeStream.pipeThroughDuplex({ evaluate: decoder.value }),
    Stream.toReadableStream()
  )
  // The length is that of the coded body.
  const decoded = Headers.removeMany(headers, ["content-encoding", "content-length"])
  return HttpClientResponse.fromWeb(request, new Response(body, { status, headers: decoded }))
}

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress
}

/** The statuses with which a `Response` has no body. */
const bodiless = new Set([101, 103, 204, 205, 304])
