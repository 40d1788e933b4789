/** The connection below a request, as far as the server gives access to it: Node.js has the socket in `source`. */
import { Effect, Predicate } from "effect"
import { WebCrypto } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import { HttpServerResponse } from "effect/http"
import type { Certificate } from "../TestClient.ts"

export interface Connection {
  /** The certificate of the client. */
  readonly certificate: Effect.Effect<Certificate | undefined>
  /** Breaks the connection at once; without access to it the response is a 502. */
  readonly reset: Effect.Effect<HttpServerResponse.HttpServerResponse>
  /** Breaks the connection after what was written so far. */
  readonly breakOff: Effect.Effect<void>
}

export const make = (source: object): Connection => {
  const socket = Predicate.hasProperty(source, "socket") ? source.socket : undefined
  return {
    certificate: Effect.suspend(() => readCertificate(socket)),
    reset: Effect.suspend(() =>
      call(socket, "destroy") ? Effect.never : Effect.succeed(HttpServerResponse.empty({ status: 502 }))
    ),
    breakOff: Effect.andThen(
      Effect.yieldNow,
      Effect.suspend(() => (call(socket, "destroySoon") ? Effect.never : Effect.void))
    )
  }
}

/** Calls a method, if there is one. */
const call = (socket: unknown, method: "destroy" | "destroySoon"): boolean => {
  const found = Predicate.hasProperty(socket, method) ? socket[method] : undefined
  if (!Predicate.isFunction(found)) return false
  Reflect.apply(found, socket, [])
  return true
}

const readCertificate = Effect.fnUntraced(function* (socket: unknown): Effect.fn.Return<Certificate | undefined> {
  if (!Predicate.hasProperty(socket, "getPeerX509Certificate")) return undefined
  const certificate: unknown = Predicate.isFunction(socket.getPeerX509Certificate)
    ? Reflect.apply(socket.getPeerX509Certificate, socket, [])
    : undefined
  if (!Predicate.hasProperty(certificate, "subject") || !Predicate.isString(certificate.subject)) return undefined
  if (!Predicate.hasProperty(certificate, "raw") || !(certificate.raw instanceof Uint8Array)) return undefined
  const der = certificate.raw.slice()
  const crypto = yield* WebCrypto.WebCrypto
  const digest = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", der))
  return {
    // Node.js has a line for each part, from the country to the common name.
    subject: certificate.subject.split("\n").reverse().join(","),
    thumbprint: Base64Url.encode(new Uint8Array(digest)),
    verified: Predicate.hasProperty(socket, "authorized") && socket.authorized === true
  }
})
