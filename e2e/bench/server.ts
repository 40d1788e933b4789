/** A provider with constant responses, in a process of its own, so that the client alone is measured. */

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { exportJWK, generateKeyPair, SignJWT } from "jose"

const { privateKey, publicKey } = await generateKeyPair("RS256")
const jwk = { ...(await exportJWK(publicKey)), kid: "bench", alg: "RS256", use: "sig" }

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const [status, body] = respond(request.url ?? "", Buffer.concat(chunks).toString())
    response
      .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
      .end(body)
  })
})
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const metadata = JSON.stringify({
  issuer,
  jwks_uri: `${issuer}/jwks`,
  token_endpoint: `${issuer}/token`,
  backchannel_authentication_endpoint: `${issuer}/backchannel`,
  backchannel_token_delivery_modes_supported: ["poll"]
})

const idToken = await new SignJWT({})
  .setProtectedHeader({ alg: "RS256", kid: "bench" })
  .setIssuer(issuer)
  .setSubject("jo")
  .setAudience("bench")
  .setIssuedAt()
  .setExpirationTime("1 hour")
  .sign(privateKey)

const tokens = JSON.stringify({
  access_token: "a".repeat(43),
  token_type: "Bearer",
  expires_in: 3600,
  id_token: idToken
})
const pending = JSON.stringify({ error: "authorization_pending" })

function respond(url: string, form: string): readonly [status: number, body: string] {
  if (url === "/token") return form.includes("auth_req_id=approved") ? [200, tokens] : [400, pending]
  return [200, url === "/jwks" ? JSON.stringify({ keys: [jwk] }) : metadata]
}

process.send?.(issuer)
process.on("disconnect", () => process.exit())
