/**
 * A proxy over TLS that records what goes through it to a server. A client's certificate is presented to the server as the
 * client did, by the private key that the test has issued it with.
 */
import { createHash } from "node:crypto"
import * as Https from "node:https"
import { buffer } from "node:stream/consumers"
import type { TLSSocket } from "node:tls"
import { Effect } from "effect"
import type { Issued } from "../CertificateAuthority.ts"
import * as Loopback from "../Loopback.ts"
import type { Exchange } from "./RealServer.ts"

export interface Options {
  readonly own: Issued
  readonly authority: string
  /** The server's port. */
  readonly port: number
  /** The certificate of that thumbprint. */
  readonly findCertificate: (thumbprint: string) => Issued | undefined
}

const recordedHeaders = ["authorization", "dpop", "user-agent"]

export const make = Effect.fnUntraced(function* ({ authority, findCertificate, own, port: target }: Options) {
  const exchanges: Array<Exchange> = []
  const server = Https.createServer({
    cert: own.certificate,
    key: own.privateKey,
    requestCert: true,
    rejectUnauthorized: false
  })
  server.keepAliveTimeout = 60_000
  server.on("request", async (request, response) => {
    const at = Date.now()
    const body = await buffer(request)
    const peer = (request.socket as TLSSocket).getPeerX509Certificate()
    const certificate = peer && createHash("sha256").update(peer.raw).digest("base64url")
    const issued = certificate === undefined ? undefined : findCertificate(certificate)
    const forwarded = Https.request({
      host: "127.0.0.1",
      port: target,
      ca: authority,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: false,
      ...(issued && { cert: issued.certificate, key: issued.privateKey })
    })
    forwarded.on("error", () => response.destroy())
    forwarded.on("response", async (answer) => {
      const text = await buffer(answer)
      const status = answer.statusCode ?? 0
      exchanges.push({
        at,
        path: new URL(request.url ?? "/", "https://any").pathname,
        headers: Object.fromEntries(
          recordedHeaders.flatMap((name) => {
            const value = request.headers[name]
            return typeof value === "string" ? [[name, value]] : []
          })
        ),
        form: Object.fromEntries(new URLSearchParams(body.toString())),
        status,
        body: text.toString(),
        connection: `${request.socket.remotePort}`,
        ...(certificate !== undefined && { certificate })
      })
      response.writeHead(status, answer.headers).end(text)
    })
    forwarded.end(body)
  })
  const port = yield* Loopback.listen(server)
  return { exchanges, origin: `https://127.0.0.1:${port}` }
})
