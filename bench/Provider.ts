// A provider with constant responses, as a `fetch` in memory. It counts polls, and knows how late each of them was.
import { exportJWK, generateKeyPair, SignJWT } from "jose"

export interface Options {
  /** How many polls of a request are answered with authorization_pending. */
  readonly pending: number
  /** In seconds. */
  readonly interval: number
  readonly tokenType?: "Bearer" | "DPoP"
  /** Records how late each poll is. */
  readonly isTimed?: boolean
}

export interface Provider {
  readonly metadata: typeof metadata
  readonly fetch: (url: string | URL | Request, init?: { readonly body?: unknown }) => Promise<Response>
  readonly polls: () => number
  /** By how many milliseconds polls were late, since the last call; negative if they were early. */
  readonly takeLateness: () => ReadonlyArray<number>
}

export const issuer = "https://op.example.com"

export const clientId = "bench"

const metadata = {
  issuer,
  token_endpoint: `${issuer}/token`,
  backchannel_authentication_endpoint: `${issuer}/backchannel`,
  jwks_uri: `${issuer}/jwks`,
  id_token_signing_alg_values_supported: ["ES256"],
  backchannel_token_delivery_modes_supported: ["poll"],
  grant_types_supported: ["urn:openid:params:grant-type:ciba"],
  token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
  token_endpoint_auth_signing_alg_values_supported: ["ES256"],
  dpop_signing_alg_values_supported: ["ES256"]
}

interface Tokens {
  readonly keys: unknown
  /** Signed a few seconds ago: an ID Token is not older than its request. */
  idToken: string
}

/** The key set of a provider, and an ID Token that it has signed. */
export const makeTokens = async (of: string): Promise<Tokens> => {
  const { privateKey, publicKey } = await generateKeyPair("ES256")
  const sign = () =>
    new SignJWT({})
      .setProtectedHeader({ alg: "ES256", kid: "bench" })
      .setIssuer(of)
      .setSubject("jo")
      .setAudience(clientId)
      .setIssuedAt()
      .setExpirationTime("2h")
      .sign(privateKey)
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" }] }
  const tokens: Tokens = { keys, idToken: await sign() }
  setInterval(async () => {
    tokens.idToken = await sign()
  }, 5000).unref()
  return tokens
}

const respond = (body: unknown, status = 200): Response => {
  const text = JSON.stringify(body)
  const headers = { "content-type": "application/json", "content-length": String(text.length) }
  return new Response(text, { status, headers })
}

const textOf = (body: unknown): string => (body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body))

export const make = async ({
  interval,
  isTimed = false,
  pending,
  tokenType = "Bearer"
}: Options): Promise<Provider> => {
  const issued = await makeTokens(issuer)
  const polled = new Map<string, number>()
  const dueAt = new Map<string, number>()
  let lateness: Array<number> = []
  let requests = 0
  let polls = 0

  const answerPoll = (body: unknown): Response => {
    polls += 1
    const id = new URLSearchParams(textOf(body)).get("auth_req_id") ?? ""
    const count = (polled.get(id) ?? 0) + 1
    if (Number.isFinite(pending)) polled.set(id, count)
    if (isTimed) {
      const now = performance.now()
      lateness.push(now - (dueAt.get(id) ?? now))
      dueAt.set(id, now + interval * 1000)
    }
    if (count <= pending) return respond({ error: "authorization_pending" }, 400)
    polled.delete(id)
    const tokens = { access_token: "a".repeat(43), token_type: tokenType, expires_in: 3600, id_token: issued.idToken }
    return respond(tokens)
  }

  const acknowledge = (): Response => {
    requests += 1
    const id = `request-${requests}`
    if (isTimed) dueAt.set(id, performance.now() + interval * 1000)
    return respond({ auth_req_id: id, expires_in: 3600, interval })
  }

  return {
    metadata,
    fetch: async (url, init) => {
      const { pathname } = new URL(String(url))
      if (pathname === "/token") return answerPoll(init?.body)
      if (pathname === "/backchannel") return acknowledge()
      return respond(pathname === "/jwks" ? issued.keys : metadata)
    },
    polls: () => polls,
    takeLateness: () => {
      const taken = lateness
      lateness = []
      return taken
    }
  }
}
