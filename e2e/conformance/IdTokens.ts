/** ID Tokens of the provider, and signatures that a client must not accept. */
import { createHash } from "node:crypto"
import { base64url, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose"
import type { Claims, Script } from "./Script.ts"
import type { Variant } from "./Variant.ts"

export interface Keys {
  readonly privateJwk: JWK
  /** Without `alg`, so that a signature in another algorithm of RSA fits it, too. */
  readonly publicJwk: Claims
}

export const makeKeys = async (): Promise<Keys> => {
  const { privateKey, publicKey } = await generateKeyPair("PS256", { extractable: true })
  return {
    privateJwk: await exportJWK(privateKey),
    publicJwk: { ...(await exportJWK(publicKey)), kid: "provider", use: "sig" }
  }
}

/** The claims of a valid ID Token. */
export const claims = (options: {
  readonly issuer: string
  readonly clientId: string
  readonly accessToken: string
  readonly variant: Variant
}): Claims => {
  const iat = Math.floor(Date.now() / 1000)
  return {
    iss: options.issuer,
    sub: "jo",
    aud: options.clientId,
    iat,
    exp: iat + 300,
    at_hash: createHash("sha256").update(options.accessToken).digest().subarray(0, 16).toString("base64url"),
    ...(options.variant.profile === "connectid_au" && {
      txn: crypto.randomUUID(),
      verified_claims: { verification: { trust_framework: "au_connectid" }, claims: { over18: true } }
    })
  }
}

const encode = (value: unknown): string => base64url.encode(JSON.stringify(value))

export const sign = async ({ privateJwk }: Keys, claims: Claims, signature?: Script["signature"]): Promise<string> => {
  if (signature === "none") return `${encode({ alg: "none" })}.${encode(claims)}.`
  const alg = signature === "RS256" ? "RS256" : "PS256"
  const signed = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg, kid: "provider" })
    .sign(await importJWK(privateJwk, alg))
  return signature === "broken" ? breakSignature(signed) : signed
}

const breakSignature = (jwt: string): string => {
  const [header, payload, signature = ""] = jwt.split(".")
  const broken = base64url.decode(signature)
  broken[0] = (broken[0] ?? 0) ^ 1
  return [header, payload, base64url.encode(broken)].join(".")
}
