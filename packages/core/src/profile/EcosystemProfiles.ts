/**
 * Profiles of ecosystems: what their documents, or the conformance suite, demand of a client beyond FAPI-CIBA.
 */
import * as CommonRules from "./CommonRules.ts"
import * as FapiProfiles from "./FapiProfiles.ts"
import * as RequestedClaims from "./RequestedClaims.ts"
import { extend, type RequestContext, type ResponseContext, type Rule, type SecurityProfile } from "./Rule.ts"

/** ConnectID's name for the rules by which its banks verify an end-user. */
const trustFramework = "au_connectid"

const askForTransaction: Rule<RequestContext> = {
  reference: "ConnectID identity assurance profile, CID-IDA-5.2-7",
  parameter: "claims",
  problem: ({ parameters: { claims } }) =>
    RequestedClaims.read(RequestedClaims.ofIdToken(claims, "txn"), "essential") === true
      ? undefined
      : "the txn of the ID Token has to be asked for as essential: { id_token: { txn: { essential: true } } }"
}

const omitAcrValues: Rule<RequestContext> = {
  reference: "ConnectID identity assurance profile, CID-IDA-5.2-5",
  parameter: "acr_values",
  problem: ({ parameters: { acr_values, claims } }) =>
    acr_values === undefined && RequestedClaims.ofIdToken(claims, "acr") === undefined
      ? undefined
      : "an acr must not be asked for; leave out acrValues, and the acr in claims"
}

const askForTrustFramework: Rule<RequestContext> = {
  reference: "ConnectID identity assurance profile, CID-IDA-5.1-11",
  parameter: "claims",
  problem: ({ parameters: { claims } }) =>
    RequestedClaims.findVerified(claims).every(
      (request) => RequestedClaims.read(request, "verification", "trust_framework", "value") === trustFramework
    )
      ? undefined
      : `verified_claims have to be asked for with verification: { trust_framework: { value: "${trustFramework}" } }`
}

const requireTransaction: Rule<ResponseContext> = {
  reference: "ConnectID identity assurance profile, CID-IDA-5.1-6",
  parameter: "txn",
  problem: ({ claims: { txn } }) =>
    typeof txn === "string" && txn !== "" ? undefined : "the ID Token has no txn that is a non-empty text"
}

const requireTrustFramework: Rule<ResponseContext> = {
  reference: "ConnectID identity assurance profile, CID-IDA-5.2-12",
  parameter: "verified_claims",
  problem: ({ claims }) =>
    RequestedClaims.listVerified(claims).every(
      (verified) => RequestedClaims.read(verified, "verification", "trust_framework") === trustFramework
    )
      ? undefined
      : `the trust_framework of verified_claims is not ${trustFramework}`
}

const forbidAcr: Rule<ResponseContext> = {
  reference: "ConnectID identity assurance profile, CID-IDA-5.1-2",
  parameter: "acr",
  problem: ({ claims: { acr } }) => (acr === undefined ? undefined : "the ID Token has an acr, which ConnectID forbids")
}

/**
 * ConnectID Australia: FAPI 2.0 with polling, signed requests and interaction ids; a purpose that the end-user reads, a
 * transaction number (`txn`), and claims that were verified under `au_connectid`.
 *
 * @since 0.1.0
 * @stability stable
 */
export const connectIdAu: SecurityProfile = (() =>
  extend(FapiProfiles.fapi2Ciba, {
    name: "ConnectID Australia",
    registration: [
      CommonRules.requireDelivery("ConnectID CIBA profile, CID-CIBA-4.2-1", "poll"),
      CommonRules.allowMethods("ConnectID security profile, client authentication", ["private_key_jwt"]),
      CommonRules.requireSignedRequests("ConnectID security profile, CID-SP-4.2-8"),
      CommonRules.requireRequestAlgorithm("ConnectID security profile, CID-SP-4.2-8", "PS256"),
      CommonRules.limitRequestLifetime("ConnectID security profile, CID-SP-4.2-10", "10 minutes"),
      CommonRules.limitBackdating("ConnectID security profile, CID-SP-4.2-11", "10 minutes")
    ],
    request: [
      CommonRules.requireParameter("ConnectID FAPI-CIBA profile draft 2, 4.1", "binding_message"),
      CommonRules.matchPattern(
        "OAuth 2 Purpose",
        "binding_message",
        /^[\x20-\x7e]{3,300}$/,
        "3 to 300 ASCII characters that state the purpose"
      ),
      CommonRules.requireParameter("ConnectID FAPI-CIBA profile draft 2, 4.1", "login_hint"),
      askForTransaction,
      omitAcrValues,
      askForTrustFramework
    ],
    response: [requireTransaction, requireTrustFramework, forbidAcr],
    interactionIds: true
  }))()

/**
 * Open Finance Brasil: FAPI 1.0 Advanced with one algorithm; the provider pings the client over mutual TLS.
 *
 * @since 0.1.0
 * @stability stable
 */
export const openFinanceBrasil: SecurityProfile = (() =>
  extend(FapiProfiles.fapi1Ciba, {
    name: "Open Finance Brasil",
    registration: [
      CommonRules.requireDelivery("Open Finance Brasil CIBA, 5.2.2", "ping"),
      CommonRules.allowMethods("Open Finance Brasil FAPI security profile, client authentication", ["private_key_jwt"]),
      ...CommonRules.allowAlgorithms("Open Finance Brasil FAPI security profile, algorithms", ["PS256"])
    ],
    request: [
      CommonRules.matchPattern(
        "Open Finance Brasil CIBA, binding_message",
        "binding_message",
        /^(?!.*([a-z]:\/\/|www\.))/is,
        "text without a URL"
      )
    ],
    notificationClientCertificate: true
  }))()

const camaraProfile = "CAMARA Security and Interoperability Profile"

/**
 * CAMARA, the APIs of telecommunication networks.
 *
 * @since 0.1.0
 * @stability stable
 */
export const camara: SecurityProfile = (() => ({
  name: "CAMARA",
  registration: [
    CommonRules.requireDelivery(`${camaraProfile}, CIBA flow`, "poll"),
    CommonRules.allowMethods(`${camaraProfile}, client authentication`, ["private_key_jwt"]),
    CommonRules.limitRequestLifetime(`${camaraProfile}, signed requests`, "300 seconds")
  ],
  request: [
    CommonRules.requireParameter(`${camaraProfile}, authentication request`, "login_hint"),
    CommonRules.matchPattern(
      `${camaraProfile}, format of login_hint`,
      "login_hint",
      /^(tel:\+[1-9]\d{1,14}|ipport:\S+|operatortoken:\S+)$/,
      "tel:, ipport: or operatortoken:, with a value"
    ),
    {
      reference: `${camaraProfile}, purpose`,
      parameter: "scope",
      problem: ({ parameters: { scope } }) =>
        String(scope)
          .split(" ")
          .filter((value) => /^dpv:./.test(value)).length === 1
          ? undefined
          : "there has to be exactly one purpose, dpv:<purpose>, among the scope"
    }
  ],
  response: []
}))()
