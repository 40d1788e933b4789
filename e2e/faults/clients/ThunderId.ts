// As the reference of `initiateCIBA` and `pollCIBA` shows, which ends a wait by a signal after two minutes.
import { ThunderIDJavaScriptClient } from "@thunderid/javascript"
import { Effect } from "effect"
import { attempt, type Client, clientId, clientSecret, loginHint, type Setup } from "../Client.ts"

const makeFlow = async ({ issuer }: Setup) => {
  const client = new ThunderIDJavaScriptClient()
  await client.initialize({
    baseUrl: issuer,
    clientId,
    clientSecret,
    scopes: ["openid"],
    tokenRequest: { authMethod: "client_secret_post" }
  })
  return async () => {
    const { authReqId, interval } = await client.initiateCIBA({ loginHint })
    const { idToken } = await client.pollCIBA(authReqId, interval, { signal: AbortSignal.timeout(120_000) })
    const { sub } = await client.decodeJwtToken(idToken)
    return String(sub)
  }
}

const documents =
  "https://github.com/thunder-id/thunderid/blob/main/docs/content/sdks/javascript/apis/thunderid-javascript-client.mdx"

export const thunderId: Client = {
  name: "@thunderid/javascript",
  documents,
  use: "`initiateCIBA` and `pollCIBA`, with a `signal` after two minutes, as its reference has it, which says that it polls only",
  timeLimits: "time limits are left to the caller’s `signal`, here after two minutes",
  lacks: { DPoP: "not offered", ping: "not offered", push: "not offered" },
  make: (setup) =>
    Effect.map(
      attempt(() => makeFlow(setup)),
      attempt
    )
}
