// Checks docs/coming-from-openid-client.md: it has every export of openid-client, and its names exist.
import * as client from "openid-client"
import { describe, expect, it } from "vitest"
import { problemsOf, readRows } from "./Tables.ts"

const rows = readRows("docs/coming-from-openid-client.md", "openid-client")

/** Exports for steps that are out of the library's scope. */
const outOfScope = new Set([
  // authorization code, PKCE, PAR and JARM
  ...[
    "buildAuthorizationUrl",
    "buildAuthorizationUrlWithJAR",
    "buildAuthorizationUrlWithPAR",
    "authorizationCodeGrant"
  ],
  ...["calculatePKCECodeChallenge", "randomPKCECodeVerifier", "randomNonce", "randomState", "skipStateCheck"],
  ...["useJwtResponseMode", "enableDetachedSignatureResponseChecks", "useCodeIdTokenResponseType"],
  "AuthorizationResponseError",
  // the implicit flow, and the end of a session
  ...["implicitAuthentication", "useIdTokenResponseType", "buildEndSessionUrl"],
  // the device code, client credentials and other grants
  ...["initiateDeviceAuthorization", "pollDeviceAuthorizationGrant", "clientCredentialsGrant", "genericGrantRequest"]
])

describe("docs/coming-from-openid-client.md", () => {
  it("the table has each export of openid-client that is in scope, and no other", () => {
    const inScope = Object.keys(client).filter((name) => !outOfScope.has(name))
    expect(rows.flatMap((row) => row.theirs).toSorted()).toEqual(inScope.toSorted())
  })

  it("the list of what is out of scope has only names that openid-client exports", () => {
    expect([...outOfScope].filter((name) => !(name in client))).toEqual([])
  })

  it("each name of this library in the table exists", () => {
    expect(problemsOf(rows)).toEqual([])
    expect(rows.filter((row) => row.ours.length === 0)).toEqual([])
  })
})
