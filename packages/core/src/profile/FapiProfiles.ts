/**
 * FAPI-CIBA, in the two drafts that providers implement.
 *
 * @see FAPI-CIBA implementer's draft 1 and working draft 03, FAPI 1.0 Advanced, FAPI 2.0 Security Profile and Message Signing
 */
import * as CommonRules from "./CommonRules.ts"
import type { SecurityProfile } from "./Rule.ts"

const methodsWithoutSecret = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"] as const

const withheldHeaders = ["x-fapi-customer-ip-address", "x-fapi-auth-date"]

/**
 * FAPI-CIBA, implementer's draft 1, over FAPI 1.0 Advanced.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fapi1Ciba: SecurityProfile = (() => ({
  name: "FAPI-CIBA ID1",
  registration: [
    CommonRules.forbidPush("FAPI-CIBA 5.2.2-3"),
    CommonRules.allowMethods("FAPI 1.0 Advanced 5.2.2-14", methodsWithoutSecret),
    ...CommonRules.allowAlgorithms("FAPI-CIBA 7.10", ["PS256", "ES256"]),
    CommonRules.requireSignedRequests("FAPI-CIBA 5.2.3.1-1"),
    CommonRules.limitRequestLifetime("FAPI-CIBA 5.2.2-9", "60 minutes"),
    CommonRules.requireCertificateBoundTokens("FAPI 1.0 Advanced 5.2.3-1")
  ],
  request: [CommonRules.requireAuthorizationContext("FAPI-CIBA 5.2.3.1-2")],
  response: [
    CommonRules.enforceRequestedAcr("FAPI-CIBA 5.2.3.1-3"),
    CommonRules.enforceRequestedScope("FAPI 1.0 Baseline 5.2.3")
  ],
  withheldHeaders
}))()

/**
 * FAPI-CIBA, working draft 03, over FAPI 2.0.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fapi2Ciba: SecurityProfile = (() => ({
  name: "FAPI-CIBA draft 03 with FAPI 2.0",
  registration: [
    CommonRules.forbidPush("FAPI-CIBA draft 03, 4.1.1-3"),
    CommonRules.allowMethods("FAPI 2.0 5.3.3.1-2", methodsWithoutSecret),
    CommonRules.requireIssuerAudience("FAPI 2.0 5.3.3.1-5"),
    ...CommonRules.allowAlgorithms("FAPI 2.0 5.4.1", ["PS256", "ES256", "EdDSA", "Ed25519"]),
    CommonRules.limitRequestLifetime("FAPI 2.0 Message Signing, signing authorization requests", "60 minutes"),
    CommonRules.requireSenderConstrainedTokens("FAPI 2.0 5.3.3.1-1")
  ],
  request: [CommonRules.requireAuthorizationContext("FAPI-CIBA draft 03, 4.1.2-1")],
  response: [CommonRules.enforceRequestedAcr("FAPI-CIBA draft 03, 4.1.2")],
  withheldHeaders
}))()
