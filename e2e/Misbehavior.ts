// What a misbehaving server writes to a connection in place of a valid response.
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"

export type Misbehavior = (socket: Socket) => void

const head = (...headers: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", "Content-Type: application/json", ...headers, "", ""].join("\r\n")

/** Writes these parts and closes the connection. */
const sendAndClose =
  (...parts: ReadonlyArray<string | Uint8Array>): Misbehavior =>
  (socket) => {
    for (const part of parts) socket.write(part)
    socket.end()
  }

/** Writes these parts and leaves the connection open. */
const send =
  (...parts: ReadonlyArray<string | Uint8Array>): Misbehavior =>
  (socket) => {
    for (const part of parts) socket.write(part)
  }

/** Writes `part` without end: as fast as the client reads it, or every `pause` milliseconds. */
const sendEndlessly =
  (start: string, part: string, pause = 0): Misbehavior =>
  (socket) => {
    socket.write(start)
    const sendNext = () => {
      if (socket.destroyed) return
      const isBelowLimit = socket.write(part)
      if (pause > 0 || isBelowLimit) setTimeout(sendNext, pause)
      else socket.once("drain", sendNext)
    }
    sendNext()
  }

export const silence: Misbehavior = () => {}

export const slowHead = sendEndlessly("HTTP/1.1 200 OK\r\n", "X-Slow: 1\r\n", 30)

export const slowBody = sendEndlessly(head("Content-Length: 1000"), " ", 30)

export const endlessBody = sendEndlessly(head("Transfer-Encoding: chunked"), `4000\r\n${" ".repeat(0x4000)}\r\n`)

export const giantLength = sendEndlessly(head("Content-Length: 999999999999"), " ".repeat(0x4000))

export const endlessHints = sendEndlessly("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 5)

export const endlessContinue = sendEndlessly("", "HTTP/1.1 100 Continue\r\n\r\n", 5)

export const headerFlood = sendEndlessly("HTTP/1.1 200 OK\r\n", `X-Flood: ${"x".repeat(1000)}\r\n`)

export const shortBody = sendAndClose(head("Content-Length: 1000"), '{"issuer":"')

export const longBody = send(head("Content-Length: 5"), '{"issuer":"short"}')

export const brokenChunk = send(head("Transfer-Encoding: chunked"), "5\r\n{}   \r\nnonsense\r\n")

export const unfinishedChunks = sendAndClose(head("Transfer-Encoding: chunked"), "2\r\n{}\r\n")

export const twoLengths = send(head("Content-Length: 2", "Transfer-Encoding: chunked"), "2\r\n{}\r\n0\r\n\r\n")

export const resetInBody: Misbehavior = (socket) => {
  socket.write(`${head("Content-Length: 1000")}{`, () => setTimeout(() => socket.resetAndDestroy(), 20))
}

const bomb = gzipSync(new Uint8Array(30_000_000).fill(32))

export const gzipBomb = sendAndClose(head("Content-Encoding: gzip", `Content-Length: ${bomb.length}`), bomb)

export const noGzip = sendAndClose(head("Content-Encoding: gzip", "Content-Length: 17"), "this is no gzip !")

export const garbage = sendAndClose("\u0000\u0001\u0002 hello, this is HTTP/0.9\r\n\r\n<html>")

export const oddStatus = sendAndClose("HTTP/1.1 2x0 Perhaps\r\n\r\n{}")

/** A response, and a second one without a request. */
export const secondResponse = send(
  head("Content-Length: 2").replace("200 OK", "500 Oops"),
  "{}",
  head("Content-Length: 23"),
  '{"issuer":"https://op"}'
)

export const redirectTo = (url: string): Misbehavior =>
  sendAndClose(`HTTP/1.1 307 Elsewhere\r\nLocation: ${url}\r\nContent-Length: 0\r\n\r\n`)

export const endlessRedirect = sendEndlessly(
  "HTTP/1.1 302 Elsewhere\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n",
  `4000\r\n${" ".repeat(0x4000)}\r\n`
)

export const endlessFailure = sendEndlessly(
  "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n",
  `4000\r\n${" ".repeat(0x4000)}\r\n`
)

export const cookies = sendAndClose(
  "HTTP/1.1 500 Oops\r\nSet-Cookie: session=1; Path=/; Max-Age=99999\r\nSet-Cookie: __Host-a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}"
)
