// As the examples of `initiateBackchannelAuthentication` and `pollBackchannelAuthenticationGrant` show.
import { Effect } from "effect"
import * as client from "openid-client"
import { attempt, type Client, clientId, clientSecret, loginHint, type Setup } from "../Client.ts"

const makeFlow = async ({ isChecked, issuer, usesDpop }: Setup) => {
  const method = client.ClientSecretPost(clientSecret)
  const options = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(issuer), clientId, undefined, method, options)
  if (isChecked) client.enableNonRepudiationChecks(config)
  const DPoP = usesDpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair()) : undefined
  return async () => {
    const acknowledgement = await client.initiateBackchannelAuthentication(config, {
      scope: "openid",
      login_hint: loginHint
    })
    const tokens = await client.pollBackchannelAuthenticationGrant(
      config,
      acknowledgement,
      undefined,
      DPoP === undefined ? undefined : { DPoP }
    )
    return tokens.claims()?.sub ?? ""
  }
}

const outOfScope = "left to the caller"

export const openidClient: Client = {
  name: "openid-client",
  documents: "https://github.com/panva/openid-client/blob/main/docs/functions/pollBackchannelAuthenticationGrant.md",
  use: "`initiateBackchannelAuthentication` and `pollBackchannelAuthenticationGrant` with their defaults, and `DPoP` where it is needed; a notification endpoint is “framework specific and therefore out of scope”",
  check: "enableNonRepudiationChecks",
  lacks: { ping: outOfScope, push: outOfScope },
  make: (setup) =>
    Effect.map(
      attempt(() => makeFlow(setup)),
      attempt
    )
}
