// What a server that means harm does with a connection in the place of an answer.
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"

export type Harm = (socket: Socket) => void

const head = (...headers: ReadonlyArray<string>): string =>
  ["HTTP/1.1 200 OK", "Content-Type: application/json", ...headers, "", ""].join("\r\n")

/** Writes these, and goes. */
export const says =
  (...parts: ReadonlyArray<string | Uint8Array>): Harm =>
  (socket) => {
    for (const part of parts) socket.write(part)
    socket.end()
  }

/** Writes these, and lets the connection be. */
const stays =
  (...parts: ReadonlyArray<string | Uint8Array>): Harm =>
  (socket) => {
    for (const part of parts) socket.write(part)
  }

/** Writes something again and again: as fast as it is taken, or with a pause in between. */
const endlessly =
  (start: string, part: string, pause = 0): Harm =>
  (socket) => {
    socket.write(start)
    const more = () => {
      if (socket.destroyed) return
      const isTaken = socket.write(part)
      if (pause > 0 || isTaken) setTimeout(more, pause)
      else socket.once("drain", more)
    }
    more()
  }

export const silence: Harm = () => {}

export const slowHead = endlessly("HTTP/1.1 200 OK\r\n", "X-Slow: 1\r\n", 30)

export const slowBody = endlessly(head("Content-Length: 1000"), " ", 30)

export const endlessBody = endlessly(head("Transfer-Encoding: chunked"), `4000\r\n${" ".repeat(0x4000)}\r\n`)

export const giantLength = endlessly(head("Content-Length: 999999999999"), " ".repeat(0x4000))

export const endlessHints = endlessly("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 5)

export const endlessContinue = endlessly("", "HTTP/1.1 100 Continue\r\n\r\n", 5)

export const headerFlood = endlessly("HTTP/1.1 200 OK\r\n", `X-Flood: ${"x".repeat(1000)}\r\n`)

export const tooLong = says(head("Content-Length: 1000"), '{"issuer":"')

export const tooShort = stays(head("Content-Length: 5"), '{"issuer":"short"}')

export const brokenChunk = stays(head("Transfer-Encoding: chunked"), "5\r\n{}   \r\nnonsense\r\n")

export const unfinishedChunks = says(head("Transfer-Encoding: chunked"), "2\r\n{}\r\n")

export const twoLengths = stays(head("Content-Length: 2", "Transfer-Encoding: chunked"), "2\r\n{}\r\n0\r\n\r\n")

export const resetInBody: Harm = (socket) => {
  socket.write(`${head("Content-Length: 1000")}{`, () => setTimeout(() => socket.resetAndDestroy(), 20))
}

const bomb = gzipSync(new Uint8Array(30_000_000).fill(32))

export const gzipBomb = says(head("Content-Encoding: gzip", `Content-Length: ${bomb.length}`), bomb)

export const noGzip = says(head("Content-Encoding: gzip", "Content-Length: 17"), "this is no gzip !")

export const garbage = says("\u0000\u0001\u0002 hello, this is HTTP/0.9\r\n\r\n<html>")

export const oddStatus = says("HTTP/1.1 2x0 Perhaps\r\n\r\n{}")

/** An answer, and a second one that nobody has asked for. */
export const smuggled = stays(
  head("Content-Length: 2").replace("200 OK", "500 Oops"),
  "{}",
  head("Content-Length: 23"),
  '{"issuer":"https://op"}'
)

export const redirectTo = (url: string): Harm =>
  says(`HTTP/1.1 307 Elsewhere\r\nLocation: ${url}\r\nContent-Length: 0\r\n\r\n`)

export const endlessRedirect = endlessly(
  "HTTP/1.1 302 Elsewhere\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n",
  `4000\r\n${" ".repeat(0x4000)}\r\n`
)

export const endlessFailure = endlessly(
  "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n",
  `4000\r\n${" ".repeat(0x4000)}\r\n`
)

export const cookies = says(
  "HTTP/1.1 500 Oops\r\nSet-Cookie: harm=1; Path=/; Max-Age=99999\r\nSet-Cookie: __Host-a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}"
)
