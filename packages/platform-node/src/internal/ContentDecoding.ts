/**
 * Decodes the content codings of responses, as fetch does: undici's requests hand them over as they came, and its
 * `interceptors.decompress` writes a warning to the process. A body is decoded only as far as it is read: a limit of its
 * reader holds for what was decoded.
 *
 * @see RFC 9110 section 8.4, RFC 8878
 */
import type { Duplex } from "node:stream"
import * as Zlib from "node:zlib"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Option, Sink, Stream } from "effect"
import { Headers, HttpClientResponse } from "effect/http"

/** The response with its content decoded; as it is without a coding, and with one that is not known. */
export const decode = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  const { headers, request, status } = response
  const codings = headers["content-encoding"]
  if (codings === undefined || request.method === "HEAD" || status > 599 || isBodiless(status)) return response
  const steps = codings.split(",", limit + 1).map((coding) => decoders.get(coding.trim().toLowerCase()))
  if (steps.length > limit) return response
  const known = steps.filter((step) => step !== undefined)
  if (known.length < steps.length) return response
  const decoded = known.reduceRight((body: Body, step) => step(body), response.stream)
  // The length is that of the coded body.
  const rest = Headers.removeMany(headers, ["content-encoding", "content-length"])
  return HttpClientResponse.fromWeb(request, new Response(Stream.toReadableStream(decoded), { status, headers: rest }))
}

type Body = Stream.Stream<Uint8Array, unknown>

/** Whether responses of this status have no content. */
export const isBodiless = (status: number): boolean => [101, 204, 205, 304].includes(status)

/** Codings of one response at most: each costs a decoder. */
const limit = 5

const through =
  (make: () => Duplex) =>
  (body: Body): Body =>
    NodeStream.pipeThroughSimple(body, make)

// What ends early is handed over as far as it came: a reader of JSON sees that it is not complete.
const partial = { flush: Zlib.constants.Z_SYNC_FLUSH, finishFlush: Zlib.constants.Z_SYNC_FLUSH }
const partialBrotli = {
  flush: Zlib.constants.BROTLI_OPERATION_FLUSH,
  finishFlush: Zlib.constants.BROTLI_OPERATION_FLUSH
}

/** The largest window of RFC 9659: a larger one costs memory before a byte is decoded. */
const zstdWindow = { params: { [Zlib.constants.ZSTD_d_windowLogMax]: 23 } }

/** Some servers send deflate without the header of zlib, which fetch accepts, too. */
const inflate = (body: Body): Body =>
  Stream.unwrap(
    Effect.map(Stream.peel(body, Sink.head<Uint8Array>()), ([first, rest]) => {
      const isZlib = Option.exists(first, ([byte = 0]) => (byte & 0x0f) === 0x08)
      const whole = Stream.concat(Stream.fromIterable(Option.toArray(first)), rest)
      return through(() => (isZlib ? Zlib.createInflate(partial) : Zlib.createInflateRaw(partial)))(whole)
    })
  )

const gunzip = through(() => Zlib.createGunzip(partial))

const decoders: ReadonlyMap<string, (body: Body) => Body> = new Map([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", inflate],
  ["br", through(() => Zlib.createBrotliDecompress(partialBrotli))],
  ["zstd", through(() => Zlib.createZstdDecompress(zstdWindow))],
  ["identity", (body: Body) => body]
])
