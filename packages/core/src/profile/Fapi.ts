/**
 * FAPI-CIBA, in the two drafts that providers follow.
 *
 * @see FAPI-CIBA implementer's draft 1 and working draft 03, FAPI 1.0 Advanced, FAPI 2.0 Security Profile and Message Signing
 */
import * as FapiRules from "./CommonRules.ts"
import type { SecurityProfile } from "./Rule.ts"

const strong = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"] as const

const withheldHeaders = ["x-fapi-customer-ip-address", "x-fapi-auth-date"]

/** FAPI-CIBA, implementer's draft 1, over FAPI 1.0 Advanced. */
export const fapiCiba1: SecurityProfile = /* @__PURE__ */ (() => ({
  name: "FAPI-CIBA ID1",
  registration: [
    FapiRules.noPush("FAPI-CIBA 5.2.2-3"),
    FapiRules.methods("FAPI 1.0 Advanced 5.2.2-14", strong),
    ...FapiRules.algorithms("FAPI-CIBA 7.10", ["PS256", "ES256"]),
    FapiRules.signedRequests("FAPI-CIBA 5.2.3.1-1"),
    FapiRules.requestLifetime("FAPI-CIBA 5.2.2-9", "60 minutes"),
    FapiRules.certificateBound("FAPI 1.0 Advanced 5.2.3-1")
  ],
  request: [FapiRules.context("FAPI-CIBA 5.2.3.1-2")],
  answer: [FapiRules.requestedAcr("FAPI-CIBA 5.2.3.1-3"), FapiRules.requestedScope("FAPI 1.0 Baseline 5.2.3")],
  withheldHeaders
}))()

/** FAPI-CIBA, working draft 03, over FAPI 2.0. */
export const fapi2Ciba: SecurityProfile = /* @__PURE__ */ (() => ({
  name: "FAPI-CIBA draft 03 with FAPI 2.0",
  registration: [
    FapiRules.noPush("FAPI-CIBA draft 03, 4.1.1-3"),
    FapiRules.methods("FAPI 2.0 5.3.3.1-2", strong),
    FapiRules.issuerAudience("FAPI 2.0 5.3.3.1-5"),
    ...FapiRules.algorithms("FAPI 2.0 5.4.1", ["PS256", "ES256", "EdDSA", "Ed25519"]),
    FapiRules.requestLifetime("FAPI 2.0 Message Signing, signing authorization requests", "60 minutes"),
    FapiRules.senderConstrained("FAPI 2.0 5.3.3.1-1")
  ],
  request: [FapiRules.context("FAPI-CIBA draft 03, 4.1.2-1")],
  answer: [FapiRules.requestedAcr("FAPI-CIBA draft 03, 4.1.2")],
  withheldHeaders
}))()
