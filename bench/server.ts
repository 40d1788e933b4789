// A provider with constant responses over sockets, in a process of its own, so that the client alone is measured. Argument:
// the folder of a certificate for https. Prints its issuer. `login_hint` is how many polls are pending before the tokens.
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { makeTokens } from "./Provider.ts"

const [folder] = process.argv.slice(2)
let requests = 0
const pending = new Map<string, number>()
const respond: Record<string, (form: URLSearchParams) => readonly [status: number, body: unknown]> = {}

const listener: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const [status, body] = respond[request.url ?? ""]?.(new URLSearchParams(Buffer.concat(chunks).toString())) ?? [
      404,
      {}
    ]
    const text = JSON.stringify(body)
    response.writeHead(status, { "content-type": "application/json", "content-length": text.length }).end(text)
  })
}

const read = (name: string) => readFileSync(join(folder ?? "", name))
const server =
  folder === undefined
    ? createServer(listener)
    : createTlsServer({ cert: read("certificate.pem"), key: read("key.pem") }, listener)
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const { port } = server.address() as AddressInfo
const issuer = `${folder === undefined ? "http" : "https"}://127.0.0.1:${port}`
const issued = await makeTokens(issuer)

respond["/.well-known/openid-configuration"] = () => [
  200,
  {
    issuer,
    token_endpoint: `${issuer}/token`,
    backchannel_authentication_endpoint: `${issuer}/backchannel`,
    jwks_uri: `${issuer}/jwks`,
    id_token_signing_alg_values_supported: ["ES256"],
    backchannel_token_delivery_modes_supported: ["poll"],
    grant_types_supported: ["urn:openid:params:grant-type:ciba"],
    token_endpoint_auth_methods_supported: ["client_secret_post"]
  }
]
respond["/jwks"] = () => [200, issued.keys]
respond["/backchannel"] = (form) => {
  requests += 1
  pending.set(`request-${requests}`, Number(form.get("login_hint")))
  return [200, { auth_req_id: `request-${requests}`, expires_in: 300, interval: 1 }]
}
respond["/token"] = (form) => {
  const id = form.get("auth_req_id") ?? ""
  const left = pending.get(id) ?? 0
  pending.set(id, left - 1)
  if (left > 0) return [400, { error: "authorization_pending" }]
  pending.delete(id)
  return [200, { access_token: "a".repeat(43), token_type: "Bearer", expires_in: 3600, id_token: issued.idToken }]
}

process.send?.(issuer)
process.on("disconnect", () => process.exit())
