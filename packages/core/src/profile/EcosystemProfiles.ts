/**
 * Profiles of ecosystems: what their documents, or the conformance suite, demand of a client beyond FAPI-CIBA.
 */
import * as CommonRules from "./CommonRules.ts"
import * as FapiProfiles from "./FapiProfiles.ts"
import { extend, type SecurityProfile } from "./Rule.ts"

/**
 * ConnectID Australia: FAPI 2.0, with a purpose that the end-user reads, and interaction ids.
 *
 * @since 0.1.0
 * @stability stable
 */
export const connectIdAu: SecurityProfile = /* @__PURE__ */ (() =>
  extend(FapiProfiles.fapi2Ciba, {
    name: "ConnectID Australia",
    request: [
      CommonRules.requireParameter("ConnectID FAPI-CIBA profile draft 2, 4.1", "binding_message"),
      CommonRules.matchPattern(
        "OAuth 2 Purpose",
        "binding_message",
        /^[\x20-\x7e]{3,300}$/,
        "3 to 300 ASCII characters that state the purpose"
      ),
      CommonRules.requireParameter("ConnectID FAPI-CIBA profile draft 2, 4.1", "login_hint")
    ],
    interactionIds: true
  }))()

/**
 * Open Finance Brasil: FAPI 1.0 Advanced with one algorithm; the provider notifies the client over mutual TLS.
 *
 * @since 0.1.0
 * @stability stable
 */
export const openFinanceBrasil: SecurityProfile = /* @__PURE__ */ (() =>
  extend(FapiProfiles.fapi1Ciba, {
    name: "Open Finance Brasil",
    registration: CommonRules.allowAlgorithms("Open Finance Brasil FAPI security profile, algorithms", ["PS256"]),
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
export const camara: SecurityProfile = /* @__PURE__ */ (() => ({
  name: "CAMARA",
  registration: [
    {
      reference: `${camaraProfile}, CIBA flow`,
      parameter: "deliveryMode",
      problem: ({ deliveryMode }) =>
        deliveryMode === "poll" ? undefined : `${deliveryMode} delivery is not allowed; use poll`
    },
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
