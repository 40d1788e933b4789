/**
 * What whole countries' schemes, and the telecoms', ask beyond FAPI-CIBA. Only what their documents, or the conformance
 * suite, say of a client is here.
 */
import * as FapiProfiles from "./Fapi.ts"
import * as FapiRules from "./CommonRules.ts"
import type { SecurityProfile } from "./Rule.ts"

/** ConnectID Australia: FAPI 2.0, with a purpose that the person reads and correlated calls. */
export const connectIdAu: SecurityProfile = /* @__PURE__ */ (() => ({
  ...FapiProfiles.fapi2Ciba,
  name: "ConnectID Australia",
  request: [
    ...FapiProfiles.fapi2Ciba.request,
    FapiRules.needed("ConnectID FAPI-CIBA profile draft 2, 4.1", "binding_message"),
    FapiRules.matching(
      "OAuth 2 Purpose",
      "binding_message",
      /^[\x20-\x7e]{3,300}$/,
      "3 to 300 ASCII characters that say the purpose"
    ),
    FapiRules.needed("ConnectID FAPI-CIBA profile draft 2, 4.1", "login_hint")
  ],
  interactionIds: true
}))()

/** Open Finance Brasil: FAPI 1.0 Advanced, in one algorithm; providers show a certificate when they call. */
export const brazil: SecurityProfile = /* @__PURE__ */ (() => ({
  ...FapiProfiles.fapiCiba1,
  name: "Open Finance Brasil",
  registration: [
    ...FapiProfiles.fapiCiba1.registration,
    ...FapiRules.algorithms("Open Finance Brasil FAPI security profile, algorithms", ["PS256"])
  ],
  request: [
    ...FapiProfiles.fapiCiba1.request,
    FapiRules.matching(
      "Open Finance Brasil CIBA, binding_message",
      "binding_message",
      /^(?!.*([a-z]:\/\/|www\.))/is,
      "text without a URL"
    )
  ],
  notificationClientCertificate: true
}))()

/** CAMARA, the APIs of the telecoms. */
export const camara: SecurityProfile = /* @__PURE__ */ (() => ({
  name: "CAMARA",
  registration: [
    {
      reference: "CAMARA Security and Interoperability Profile, CIBA flow",
      parameter: "deliveryMode",
      problem: ({ deliveryMode }) =>
        deliveryMode === "poll" ? undefined : `${deliveryMode} delivery is not allowed; use poll`
    },
    FapiRules.methods("CAMARA Security and Interoperability Profile, client authentication", ["private_key_jwt"]),
    FapiRules.requestLifetime("CAMARA Security and Interoperability Profile, signed requests", "300 seconds")
  ],
  request: [
    FapiRules.needed("CAMARA Security and Interoperability Profile, authentication request", "login_hint"),
    FapiRules.matching(
      "CAMARA Security and Interoperability Profile, format of login_hint",
      "login_hint",
      /^(tel:\+[1-9]\d{1,14}|ipport:\S+|operatortoken:\S+)$/,
      "tel:, ipport: or operatortoken:, with a value"
    ),
    {
      reference: "CAMARA Security and Interoperability Profile, purpose",
      parameter: "scope",
      problem: ({ parameters: { scope } }) =>
        String(scope)
          .split(" ")
          .filter((value) => /^dpv:./.test(value)).length === 1
          ? undefined
          : "there has to be exactly one purpose, dpv:<purpose>, among the scope"
    }
  ],
  answer: []
}))()
