/** A body that an `HttpClient` has collected while it received it, for a reader that needs no stream. */
import { Context } from "effect"

/**
 * How many bytes of a body the sender of a request will read, if it will read the whole of it at once; otherwise `undefined`, the default.
 * `Transport.exchange` sets it. An `HttpClient` that looks at it (that of `NodeTls.layer` does) may collect the body as it arrives, and give a
 * response with a member `CollectedBody`; others give the stream of it, whose bytes are counted.
 *
 * It holds for each request in its context: a wrapper of an `HttpClient` that sends one of its own, whose response may be larger, provides
 * `undefined` to that. A client that collects makes no span, and its request ends with the fiber that waits for it, whatever scope
 * `HttpClient.withScope` has for it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const BodyLimit: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "@effect-ciba/core/BodyLimit",
  { defaultValue: () => undefined }
)

/**
 * The member of a response whose body was collected: its bytes after the content decoding that the client does, or why there are none.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const CollectedBody: unique symbol = Symbol.for("@effect-ciba/core/CollectedBody")

/**
 * Bytes, or why there are none: the body is larger than `BodyLimit`, or broke off.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type CollectedBody = Uint8Array | "TooLarge" | "Unreadable"

/** After this many chunks they are joined: an object for each byte costs more than the byte. */
const manyChunks = 1000

/**
 * The chunks of a body up to a limit, in bytes.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class BodyCollector {
  readonly #maxBytes: number
  #chunks: Array<Uint8Array> = []
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(chunk: Uint8Array): void {
    this.#length += chunk.byteLength
    this.#chunks.push(chunk)
    if (this.#chunks.length === manyChunks) this.#chunks = [this.bytes]
  }

  /** Whether there is more than the limit: nothing more should be added. */
  get isTooLarge(): boolean {
    return this.#length > this.#maxBytes
  }

  /** What was added, in one piece. */
  get bytes(): Uint8Array {
    const [first = new Uint8Array()] = this.#chunks
    if (this.#chunks.length < 2) return first
    const bytes = new Uint8Array(this.#length)
    let offset = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, offset)
      offset += chunk.byteLength
    }
    return bytes
  }
}
