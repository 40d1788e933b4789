// Token responses that are valid but for one thing.
import type { JsonObject, ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import type { Kind } from "../Fault.ts"
import type { Observation } from "../Observation.ts"

const refuses = ({ late, outcome, polls }: Observation) =>
  outcome._tag === "Rejected" && polls.length === 1 && late === 0

const changeClaims = (change: (claims: JsonObject) => JsonObject) => (): ProviderOptions => ({
  idTokenClaims: (claims) => ({ ...claims, ...change(claims) })
})

const decode = (part = ""): JsonObject => JSON.parse(Buffer.from(part, "base64url").toString())

const encode = (part: JsonObject): string => Buffer.from(JSON.stringify(part)).toString("base64url")

/** Writes the signed ID Token anew from its parts. */
const rewrite =
  (change: (header: JsonObject, payload: JsonObject, signature: string) => string) => (): ProviderOptions => ({
    tokenResponse: (body) => {
      const [header, payload, signature = ""] = String(body.id_token).split(".")
      return { ...body, id_token: change(decode(header), decode(payload), signature) }
    }
  })

const describe = ({ outcome, seconds }: Observation): string => {
  if (outcome._tag === "Unfinished") return `no end in ${seconds} s`
  if (outcome._tag === "Tokens") return `**accepts it**${outcome.subject === "jo" ? "" : `, as \`${outcome.subject}\``}`
  const minutes = Math.round(seconds / 60)
  return `refuses it with ${outcome.error}${minutes === 0 ? "" : `, after ${minutes} minutes`}`
}

export const forgeries: Kind = {
  title: "Forged token responses: valid but for one thing",
  summary: "refuses a forged token response",
  describe,
  faults: [
    {
      title: "another issuer",
      row: "J2",
      provider: changeClaims(() => ({ iss: "https://another.example.com" })),
      holds: refuses,
      reason: "WrongIssuer"
    },
    {
      title: "another audience",
      row: "J3",
      provider: changeClaims(() => ({ aud: "another-client" })),
      holds: refuses,
      reason: "WrongAudience"
    },
    {
      title: "an ID Token that expired ten minutes ago",
      row: "J8",
      provider: changeClaims(({ iat }) => ({ exp: Number(iat) - 600 })),
      holds: refuses,
      reason: "Expired"
    },
    {
      title: "an ID Token with `alg` `none`",
      row: "J6",
      provider: rewrite((header, payload) => `${encode({ ...header, alg: "none" })}.${encode(payload)}.`),
      holds: refuses,
      reason: "UnexpectedAlgorithm"
    },
    {
      title: "a `sub` that was changed after the ID Token was signed",
      row: "J5",
      signature: true,
      limit: 130,
      provider: rewrite(
        (header, payload, signature) => `${encode(header)}.${encode({ ...payload, sub: "mallory" })}.${signature}`
      ),
      holds: refuses,
      reason: "InvalidSignature"
    },
    {
      title: "an access token of another response: `at_hash` differs",
      row: "I6",
      provider: () => ({ tokenResponse: (body) => ({ ...body, access_token: "another-access-token" }) }),
      holds: refuses,
      reason: "WrongBinding"
    },
    {
      title: "an ID Token of another request: its `auth_req_id` claim differs",
      row: "I7",
      provider: changeClaims(() => ({ "urn:openid:params:jwt:claim:auth_req_id": "another-request" })),
      holds: refuses,
      reason: "WrongBinding"
    }
  ]
}
