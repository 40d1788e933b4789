// Checks docs/coming-from-oauth4webapi.md: it has every export of oauth4webapi, and its names and tests exist.
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "../scripts/source.ts"
import { exists } from "./CitedTests.ts"
import { declarationsIn, members, problemsOf, readRows } from "./Tables.ts"

const rows = readRows("docs/coming-from-oauth4webapi.md", "oauth4webapi")

/** Exports for steps that are out of the library's scope. */
const outOfScope = new Set([
  // authorization code, PKCE, PAR and JARM
  ...[
    "generateRandomCodeVerifier",
    "generateRandomState",
    "generateRandomNonce",
    "calculatePKCECodeChallenge",
    "nopkce"
  ],
  ...["authorizationCodeGrantRequest", "processAuthorizationCodeResponse", "ProcessAuthorizationCodeResponseOptions"],
  ...["expectNoNonce", "skipAuthTimeCheck", "expectNoState", "skipStateCheck"],
  ...["validateAuthResponse", "validateJwtAuthResponse", "validateDetachedSignatureResponse"],
  ...["validateCodeIdTokenResponse", "AuthorizationResponseError", "AUTHORIZATION_RESPONSE_ERROR"],
  ...["pushedAuthorizationRequest", "processPushedAuthorizationResponse", "PushedAuthorizationResponse"],
  "PushedAuthorizationRequestOptions",
  "Client.authorization_signed_response_alg",
  // the device code, client credentials and other grants
  ...["deviceAuthorizationRequest", "processDeviceAuthorizationResponse", "DeviceAuthorizationRequestOptions"],
  ...["DeviceAuthorizationResponse", "deviceCodeGrantRequest", "processDeviceCodeResponse"],
  ...["clientCredentialsGrantRequest", "processClientCredentialsResponse", "ClientCredentialsGrantRequestOptions"],
  ...["genericTokenEndpointRequest", "processGenericTokenEndpointResponse"],
  // validation by a resource server, and its metadata
  ...["validateJwtAccessToken", "ValidateJWTAccessTokenOptions", "JWTAccessTokenClaims", "INVALID_REQUEST"],
  ...["resourceDiscoveryRequest", "processResourceDiscoveryResponse", "ResourceServer"],
  // not public API
  ...["checkProtocol", "OmitSymbolProperties"]
])

const typings = join(dirname(createRequire(import.meta.url).resolve("oauth4webapi")), "index.d.ts")

/** Interfaces that a caller provides or calls. */
const ofCallers = /^(?!CustomFetch).*Options$|^Client$|^DPoPHandle$/

/** The exports of oauth4webapi and the members of its options, within the library's scope. */
const theirs = new Set(
  [...declarationsIn(parse("index.d.ts", readFileSync(typings, "utf8")).program)]
    .filter(([name]) => !outOfScope.has(name))
    .flatMap(([name, declaration]) => [
      name,
      ...(ofCallers.test(name) ? members(declaration).filter((member) => !outOfScope.has(`${name}.${member}`)) : [])
    ])
)

describe("docs/coming-from-oauth4webapi.md", () => {
  it("the tables have each export and option of oauth4webapi that is in scope", () => {
    const listed = new Set(rows.flatMap((row) => row.theirs))
    expect([...theirs].filter((name) => !listed.has(name))).toEqual([])
    expect(theirs.size).toBeGreaterThan(110)
  })

  it("the tables, and the list of what is out of scope, have only names that oauth4webapi exports", () => {
    expect(rows.flatMap((row) => row.theirs).filter((name) => !theirs.has(name))).toEqual([])
    const all = declarationsIn(parse("index.d.ts", readFileSync(typings, "utf8")).program)
    expect([...outOfScope].filter((name) => !all.has(name.split(".")[0] ?? ""))).toEqual([])
  })

  it("each name of this library in the tables exists", () => {
    expect(problemsOf(rows)).toEqual([])
    expect(rows.filter((row) => row.ours.length === 0)).toEqual([])
  })

  it("each row of the tables cites a test, and each cited test exists", () => {
    expect(rows.filter((row) => row.tests.length === 0)).toEqual([])
    expect(rows.flatMap((row) => row.tests.filter((test) => !exists(test)))).toEqual([])
  })
})
