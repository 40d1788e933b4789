/** Reads the body of a response within a size. */
import { Effect, Stream } from "effect"
import type { Headers, HttpClientResponse } from "effect/http"

/** Why a body has no bytes: it is larger than the limit, or broke off. */
export type Failure = "TooLarge" | "Unreadable"

/** With a declared length, one read costs a third of what the stream costs. */
export const readBytes = (
  response: HttpClientResponse.HttpClientResponse,
  headers: Headers.Headers,
  maxBytes: number
): Effect.Effect<ArrayBuffer | Uint8Array, Failure> =>
  declaredLength(headers) <= maxBytes
    ? Effect.matchEffect(response.arrayBuffer, {
        onFailure: (): Effect.Effect<ArrayBuffer, Failure> => Effect.fail("Unreadable"),
        onSuccess: (buffer) => (buffer.byteLength <= maxBytes ? Effect.succeed(buffer) : Effect.fail("TooLarge"))
      })
    : response.stream.pipe(
        Stream.mapError(() => "Unreadable" as const),
        Stream.limitBytes(maxBytes, (): Stream.Stream<never, Failure> => Stream.fail("TooLarge")),
        Stream.mkUint8Array
      )

/** The length that HTTP clients enforce: without a content coding, and without a transfer coding, which overrides it. */
const declaredLength = (headers: Headers.Headers): number =>
  headers["content-encoding"] === undefined &&
  headers["transfer-encoding"] === undefined &&
  /^\d{1,15}$/.test(headers["content-length"] ?? "")
    ? Number(headers["content-length"])
    : Number.POSITIVE_INFINITY
