// The loop of the package's example for CIBA, with what its example for DPoP does about a nonce.
import { Effect } from "effect"
import * as oauth from "oauth4webapi"
import { attempt, type Client, clientId, clientSecret, loginHint, type Setup } from "../Client.ts"

const insecure = { [oauth.allowInsecureRequests]: true }

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

interface Flow {
  readonly as: oauth.AuthorizationServer
  readonly client: oauth.Client
  readonly authentication: oauth.ClientAuth
  readonly DPoP: oauth.DPoPHandle | undefined
}

const initiate = async ({ as, authentication, client }: Flow) => {
  const parameters = { scope: "openid", login_hint: loginHint }
  const response = await oauth.backchannelAuthenticationRequest(as, client, authentication, parameters, insecure)
  return oauth.processBackchannelAuthenticationResponse(as, client, response)
}

const redeem = async ({ as, authentication, client, DPoP }: Flow, authReqId: string) => {
  const options = DPoP === undefined ? insecure : { ...insecure, DPoP }
  const exchange = async () => {
    const response = await oauth.backchannelAuthenticationGrantRequest(as, client, authentication, authReqId, options)
    return { response, tokens: await oauth.processBackchannelAuthenticationGrantResponse(as, client, response) }
  }
  return exchange().catch((error) => (oauth.isDPoPNonceError(error) ? exchange() : Promise.reject(error)))
}

const makeFlow = async ({ isChecked, issuer, usesDpop }: Setup) => {
  const url = new URL(issuer)
  const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, insecure))
  const client: oauth.Client = { client_id: clientId }
  const DPoP = usesDpop ? oauth.DPoP(client, await oauth.generateKeyPair("ES256")) : undefined
  const flow: Flow = { as, client, authentication: oauth.ClientSecretPost(clientSecret), DPoP }
  return async () => {
    const { auth_req_id, interval: initial = 5 } = await initiate(flow)
    let interval = initial
    for (;;) {
      await sleep(interval)
      try {
        const { response, tokens } = await redeem(flow, auth_req_id)
        if (isChecked) await oauth.validateApplicationLevelSignature(as, response, insecure)
        return oauth.getValidatedIdTokenClaims(tokens)?.sub ?? ""
      } catch (error) {
        if (!(error instanceof oauth.ResponseBodyError)) throw error
        if (error.error === "slow_down") interval += 5
        else if (error.error !== "authorization_pending") throw error
      }
    }
  }
}

const notOffered = "left to the caller"

export const oauth4webapi: Client = {
  name: "oauth4webapi",
  part: "its example’s loop",
  use: "the loop of its example for CIBA, since the package has requests and responses only; with DPoP, what its example for DPoP does about a nonce",
  timeLimits: "time limits are left to the caller’s `signal`",
  documents: "https://github.com/panva/oauth4webapi/blob/main/examples/ciba.ts",
  check: "validateApplicationLevelSignature",
  lacks: { ping: notOffered, push: notOffered },
  make: (setup) =>
    Effect.map(
      attempt(() => makeFlow(setup)),
      attempt
    )
}
