import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  ClientAuthentication,
  ClientRegistration,
  Dpop,
  MutualTls,
  SecurityProfile,
  SignedRequest,
  type SigningKey,
  UserHint
} from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { type Duration, Effect, Layer, Redacted, type Schema } from "effect"

type Algorithm = "RS256" | "PS256" | "ES256" | "EdDSA"

interface Case extends Partial<Omit<ClientRegistration.Options<SigningKey.InvalidKey>, "profile">> {
  /** The algorithm of signed requests; `null` if they are not signed. */
  readonly signed?: Algorithm | null
  readonly lifetime?: Duration.Input
  readonly backdated?: Duration.Input
  readonly proof?: Algorithm
  readonly request?: Partial<AuthenticationRequest.Options>
  readonly response?: Partial<SecurityProfile.ResponseContext>
}

const { clientSecretBasic, clientSecretJwt, clientSecretPost, none, privateKeyJwt, tlsClientAuth } =
  ClientAuthentication

const secret = Redacted.make("a secret that is long enough for every HMAC there is, 64 bytes long")

const signWith = (algorithm: Algorithm) => privateKeyJwt(TestKeys.signing(algorithm))

/** A registration, request and response that comply with every profile that has no other ones below. */
const compliant: Case = {
  authentication: signWith("PS256"),
  idTokenSignedResponseAlg: "PS256",
  mutualTls: MutualTls.make(),
  signed: "PS256",
  lifetime: "5 minutes",
  request: {
    scope: ["openid", "dpv:FraudPreventionAndDetection"],
    hint: UserHint.login("tel:+34666666666"),
    bindingMessage: "W4SCT"
  },
  response: {}
}

const claims = { id_token: { txn: { essential: true } } }

/** ConnectID demands a transaction number, and forbids an acr. */
const compliantInAustralia: Case = {
  ...compliant,
  request: { ...compliant.request, claims },
  response: { claims: { txn: "t-1" }, requestedAcr: undefined }
}

const compliantInBrazil: Case = { ...compliant, deliveryMode: "ping" }

const compliantWith = (profile: SecurityProfile.SecurityProfile): Case => {
  if (profile.name === SecurityProfile.connectIdAu.name) return compliantInAustralia
  return profile.name === SecurityProfile.openFinanceBrasil.name ? compliantInBrazil : compliant
}

const layers = ({ backdated, lifetime, proof, signed }: Case) => {
  const signer =
    signed == null
      ? Layer.empty
      : SignedRequest.layer({
          key: TestKeys.signing(signed),
          lifetime,
          backdated
        })
  return proof === undefined ? signer : Layer.merge(signer, Dpop.layer({ key: TestKeys.signing(proof) }))
}

/** The first violation. */
const findViolation = (profile: SecurityProfile.SecurityProfile, change: Case) => {
  const base = compliantWith(profile)
  const {
    response,
    lifetime: _lifetime,
    backdated: _backdated,
    proof: _proof,
    request,
    signed: _signed,
    ...registered
  } = { ...base, ...change }
  return Effect.gen(function* () {
    const registration = yield* ClientRegistration.make({
      clientId: "bank",
      authentication: none,
      ...registered,
      profile
    })
    yield* Effect.provideService(
      AuthenticationRequest.make({
        scope: ["openid"],
        hint: UserHint.login("jo"),
        ...base.request,
        ...request
      }),
      ClientRegistration.ClientRegistration,
      registration
    )
    const context: SecurityProfile.ResponseContext = {
      registration,
      claims: { acr: "gold" },
      tokenType: "Bearer",
      requestedScope: ["openid"],
      grantedScope: ["openid"],
      requestedAcr: ["gold"],
      requestedClaims: undefined,
      ...base.response,
      ...response
    }
    const violation = SecurityProfile.validate(profile, "response", context)
    if (violation !== undefined) return yield* violation
  }).pipe(Effect.provide(layers({ ...base, ...change })), Effect.flip, Effect.option)
}

const messageOf = (profile: SecurityProfile.SecurityProfile, change: Case) =>
  Effect.map(findViolation(profile, change), (error) => (error._tag === "Some" ? error.value.message : "nothing"))

type Violation = readonly [what: string, change: Case, parameter: string, reference: string]

const request = (change: Partial<AuthenticationRequest.Options>): Case => ({ request: change })

const fapi1: ReadonlyArray<Violation> = [
  ["push delivery (Ta)", { deliveryMode: "push" }, "deliveryMode", "5.2.2-3"],
  ["a public client (Tb, E6)", { authentication: none }, "authentication", "5.2.2-14"],
  ["client_secret_basic (E6, Th)", { authentication: clientSecretBasic(secret) }, "authentication", "5.2.2-14"],
  ["client_secret_post (E6, Th)", { authentication: clientSecretPost(secret) }, "authentication", "5.2.2-14"],
  ["client_secret_jwt (E6, Th)", { authentication: clientSecretJwt(secret) }, "authentication", "5.2.2-14"],
  ["ID Tokens in RS256 (Tf)", { idTokenSignedResponseAlg: "RS256" }, "idTokenSignedResponseAlg", "7.10"],
  ["assertions in RS256 (E7, Tf)", { authentication: signWith("RS256") }, "authentication", "7.10"],
  ["assertions in EdDSA (E7, Tf)", { authentication: signWith("EdDSA") }, "authentication", "7.10"],
  ["requests signed in RS256 (D10, Tf)", { signed: "RS256" }, "SignedRequest", "7.10"],
  ["DPoP proofs in RS256 (Tf)", { proof: "RS256" }, "Dpop", "7.10"],
  ["requests that are not signed (D17, Tc)", { signed: null }, "SignedRequest", "5.2.3.1-1"],
  ["a request that is valid for more than an hour (D8, Te)", { lifetime: "61 minutes" }, "SignedRequest", "5.2.2-9"],
  ["tokens that are not bound to a certificate (Tg)", { mutualTls: undefined, proof: "ES256" }, "mutualTls", "5.2.3-1"],
  ["a request without a context (Td)", request({ bindingMessage: undefined }), "binding_message", "5.2.3.1-2"],
  ["a response with another acr (I9, Tk)", { response: { claims: { acr: "bronze" } } }, "acr", "5.2.3.1-3"],
  ["a response without acr (I9, Tk)", { response: { claims: {} } }, "acr", "5.2.3.1-3"],
  ["more scope than was requested (I4)", { response: { grantedScope: ["openid", "admin"] } }, "scope", "5.2.3"]
]

const fapi2: ReadonlyArray<Violation> = [
  ["push delivery (Ta)", { deliveryMode: "push" }, "deliveryMode", "4.1.1-3"],
  ["a public client (Tb, E6)", { authentication: none }, "authentication", "5.3.3.1-2"],
  ["client_secret_jwt (E6, Th)", { authentication: clientSecretJwt(secret) }, "authentication", "5.3.3.1-2"],
  [
    "assertions for an endpoint (Th)",
    { authentication: privateKeyJwt(TestKeys.signing("PS256"), { audience: "https://op.test/token" }) },
    "authentication",
    "5.3.3.1-5"
  ],
  ["ID Tokens in RS256 (Tf)", { idTokenSignedResponseAlg: "RS256" }, "idTokenSignedResponseAlg", "5.4.1"],
  ["assertions in RS256 (E7, Tf)", { authentication: signWith("RS256") }, "authentication", "5.4.1"],
  ["requests signed in RS256 (D10, Tf)", { signed: "RS256" }, "SignedRequest", "5.4.1"],
  ["DPoP proofs in RS256 (Tf)", { proof: "RS256" }, "Dpop", "5.4.1"],
  ["a request that is valid for more than an hour (D8, Te)", { lifetime: "61 minutes" }, "SignedRequest", "Signing"],
  ["tokens that are not sender-constrained (Tg)", { mutualTls: undefined }, "mutualTls", "5.3.3.1-1"],
  ["a request without a context (Td)", request({ bindingMessage: undefined }), "binding_message", "4.1.2-1"],
  ["a response with another acr (Tk)", { response: { claims: { acr: "bronze" } } }, "acr", "4.1.2"]
]

const verifyBy = (trust_framework: unknown) => ({
  verified_claims: { verification: { trust_framework }, claims: {} }
})

const asking = (members: Schema.JsonObject): Case => request({ claims: { ...claims, ...members } })

const answering = (members: object): Case => ({ response: { claims: { txn: "t-1", ...members } } })

const australian: ReadonlyArray<Violation> = [
  ...fapi2.filter(([, { request, response }]) => request === undefined && response === undefined),
  [
    "a response with another acr (Tk)",
    { response: { claims: { txn: "t-1", acr: "bronze" }, requestedAcr: ["gold"] } },
    "acr",
    "4.1.2"
  ],
  ["ping delivery (Tm)", { deliveryMode: "ping" }, "deliveryMode", "CID-CIBA-4.2-1"],
  [
    "a certificate for authentication (Tm)",
    { authentication: tlsClientAuth },
    "authentication",
    "client authentication"
  ],
  ["a request that is not signed (Tm)", { signed: null }, "SignedRequest", "CID-SP-4.2-8"],
  ["a request signed in ES256 (Tm)", { signed: "ES256" }, "SignedRequest", "CID-SP-4.2-8"],
  ["a request that is valid for eleven minutes (Tm)", { lifetime: "11 minutes" }, "SignedRequest", "CID-SP-4.2-10"],
  ["a request backdated by eleven minutes (Tm)", { backdated: "11 minutes" }, "SignedRequest", "CID-SP-4.2-11"],
  ["a request without claims (Tm)", request({ claims: undefined }), "claims", "CID-IDA-5.2-7"],
  ["a txn that is asked for as voluntary (Tm)", asking({ id_token: { txn: null } }), "claims", "CID-IDA-5.2-7"],
  [
    "a txn that is asked for elsewhere (Tm)",
    request({ claims: { userinfo: claims.id_token } }),
    "claims",
    "CID-IDA-5.2-7"
  ],
  ["acr_values (Tm)", request({ acrValues: ["gold"] }), "acr_values", "CID-IDA-5.2-5"],
  [
    "an acr among the claims (Tm)",
    asking({ id_token: { ...claims.id_token, acr: null } }),
    "acr_values",
    "CID-IDA-5.2-5"
  ],
  [
    "verified claims that are asked for without a trust framework (Tm)",
    asking({ id_token: { ...claims.id_token, verified_claims: { claims: { name: null } } } }),
    "claims",
    "CID-IDA-5.1-11"
  ],
  [
    "verified claims that are asked for under any trust framework (Tm)",
    asking({ userinfo: { verified_claims: [{ verification: { trust_framework: null }, claims: {} }] } }),
    "claims",
    "CID-IDA-5.1-11"
  ],
  [
    "verified claims that are asked for under another trust framework beside ConnectID's (Tm)",
    asking({
      userinfo: {
        verified_claims: ["au_connectid", "de_aml"].map((value) => ({ verification: { trust_framework: { value } } }))
      }
    }),
    "claims",
    "CID-IDA-5.1-11"
  ],
  ["an ID Token without txn (Tn)", { response: { claims: {} } }, "txn", "CID-IDA-5.1-6"],
  ["an ID Token with an empty txn (Tn)", answering({ txn: "" }), "txn", "CID-IDA-5.1-6"],
  ["an ID Token with a number as txn (Tn)", answering({ txn: 17 }), "txn", "CID-IDA-5.1-6"],
  [
    "verified claims without a trust framework (Tn)",
    answering(verifyBy(undefined)),
    "verified_claims",
    "CID-IDA-5.2-12"
  ],
  [
    "verified claims of another trust framework (Tn)",
    answering(verifyBy("de_aml")),
    "verified_claims",
    "CID-IDA-5.2-12"
  ],
  [
    "verified claims of another trust framework beside ConnectID's (Tn)",
    answering({ verified_claims: [verifyBy("au_connectid").verified_claims, verifyBy("de_aml").verified_claims] }),
    "verified_claims",
    "CID-IDA-5.2-12"
  ],
  [
    "verified claims that are no object (Tn)",
    answering({ verified_claims: "all" }),
    "verified_claims",
    "CID-IDA-5.2-12"
  ],
  ["an ID Token with an acr (Tn)", answering({ acr: "gold" }), "acr", "CID-IDA-5.1-2"],
  ["a request without a context (Td)", request({ bindingMessage: undefined }), "binding_message", "4.1.2-1"],
  [
    "a request without a purpose",
    request({ bindingMessage: undefined, authorizationDetails: [{ type: "payment" }] }),
    "binding_message",
    "draft 2, 4.1"
  ],
  ["a purpose of two characters (T-14)", request({ bindingMessage: "Hi" }), "binding_message", "Purpose"],
  ["a purpose that is not ASCII (T-14)", request({ bindingMessage: "Für Sie" }), "binding_message", "Purpose"],
  ["another hint than login_hint", request({ hint: UserHint.loginToken("t") }), "login_hint", "draft 2, 4.1"]
]

const brazilian: ReadonlyArray<Violation> = [
  ...fapi1.filter(([, { proof }]) => proof !== "RS256"),
  ["poll delivery (To)", { deliveryMode: "poll" }, "deliveryMode", "Brasil CIBA, 5.2.2"],
  [
    "a certificate for authentication (To)",
    { authentication: tlsClientAuth },
    "authentication",
    "client authentication"
  ],
  ["ID Tokens in ES256", { idTokenSignedResponseAlg: "ES256" }, "idTokenSignedResponseAlg", "algorithms"],
  ["assertions in ES256", { authentication: signWith("ES256") }, "authentication", "algorithms"],
  ["requests signed in ES256", { signed: "ES256" }, "SignedRequest", "algorithms"],
  ["DPoP proofs in ES256", { proof: "ES256" }, "Dpop", "algorithms"],
  ["DPoP proofs in RS256 (Tf)", { proof: "RS256" }, "Dpop", "7.10"],
  [
    "a URL in the binding message (T-14)",
    request({ bindingMessage: "see https://a.test" }),
    "binding_message",
    "binding_message"
  ]
]

const telecom: ReadonlyArray<Violation> = [
  ["ping delivery", { deliveryMode: "ping" }, "deliveryMode", "CIBA flow"],
  ["certificates for authentication", { authentication: tlsClientAuth }, "authentication", "client authentication"],
  [
    "a request that is valid for more than five minutes (D8)",
    { lifetime: "301 seconds" },
    "SignedRequest",
    "signed requests"
  ],
  ["another hint than login_hint", request({ hint: UserHint.loginToken("t") }), "login_hint", "authentication request"],
  ["a hint without a scheme (T-29)", request({ hint: UserHint.login("+34666666666") }), "login_hint", "format"],
  ["no purpose", request({ scope: ["openid"] }), "scope", "purpose"],
  ["two purposes", request({ scope: ["openid", "dpv:A", "dpv:B"] }), "scope", "purpose"]
]

for (const [profile, violations] of [
  [SecurityProfile.fapi1Ciba, fapi1],
  [SecurityProfile.fapi2Ciba, fapi2],
  [SecurityProfile.connectIdAu, australian],
  [SecurityProfile.openFinanceBrasil, brazilian],
  [SecurityProfile.camara, telecom]
] as const) {
  describe(`the profile ${profile.name}`, () => {
    it.effect("accepts what complies with its rules", () =>
      Effect.gen(function* () {
        expect(yield* messageOf(profile, {})).toBe("nothing")
      })
    )

    for (const [what, change, parameter, reference] of violations) {
      it.effect(`refuses ${what}, and cites the rule`, () =>
        Effect.gen(function* () {
          const message = yield* messageOf(profile, change)
          expect(message).toContain(`${parameter}: `)
          expect(message).toMatch(
            new RegExp(`\\((FAPI|ConnectID|Open Finance|CAMARA).*${reference.replaceAll(".", "\\.")}`)
          )
        })
      )
    }

    it("has a violation in these tests for each of its rules", () => {
      const rules = [...profile.registration, ...profile.request, ...profile.response]
      const untested = rules.filter(
        (rule) =>
          !violations.some(
            ([, , parameter, reference]) => parameter === rule.parameter && rule.reference.includes(reference)
          )
      )
      expect(untested.map(({ parameter, reference }) => `${parameter}: ${reference}`)).toEqual([])
    })
  })
}

it.effect("fapi2Ciba accepts EdDSA, DPoP and unsigned requests, and fapi1Ciba does not (D17, E7, Tc, Tg)", () =>
  Effect.gen(function* () {
    const change: Case = {
      authentication: signWith("EdDSA"),
      idTokenSignedResponseAlg: "EdDSA",
      proof: "EdDSA",
      mutualTls: undefined,
      signed: null
    }
    expect(yield* messageOf(SecurityProfile.fapi2Ciba, change)).toBe("nothing")
    expect(yield* messageOf(SecurityProfile.fapi1Ciba, change)).toContain("7.10")
  })
)

it.effect("connectIdAu accepts verified claims that are asked for, and come, under its trust framework (Tm, Tn)", () =>
  Effect.gen(function* () {
    const verified = { verification: { trust_framework: { value: "au_connectid" } }, claims: { name: null } }
    for (const change of [
      asking({ id_token: { ...claims.id_token, verified_claims: verified } }),
      asking({ userinfo: { verified_claims: [verified] } }),
      answering(verifyBy("au_connectid")),
      answering({ verified_claims: null }),
      { lifetime: "10 minutes", backdated: "10 minutes" }
    ] as const) {
      expect(yield* messageOf(SecurityProfile.connectIdAu, change)).toBe("nothing")
    }
  })
)

it.effect("the acr that claims asks for goes before acr_values, under each profile of FAPI (I9, Tk, Tp)", () =>
  Effect.gen(function* () {
    const answer = (acr: string, requested: Schema.Json): Case => ({
      response: { claims: { acr }, requestedAcr: ["silver"], requestedClaims: { id_token: { acr: requested } } }
    })
    for (const profile of [SecurityProfile.fapi1Ciba, SecurityProfile.fapi2Ciba]) {
      const outcome = (acr: string, requested: Schema.Json) => messageOf(profile, answer(acr, requested))
      expect(yield* outcome("gold", { essential: true, values: ["gold", "platinum"] })).toBe("nothing")
      expect(yield* outcome("gold", { value: "gold" })).toBe("nothing")
      expect(yield* outcome("silver", { essential: true, values: ["gold"] })).toContain("acr: ")
      expect(yield* outcome("silver", { value: "gold" })).toContain("acr: ")
      expect(yield* outcome("silver", { essential: true })).toBe("nothing")
      expect(yield* outcome("gold", null)).toContain("acr: ")
      for (const none of [{ values: [] }, { value: null }, { values: [null] }, { values: "gold" }]) {
        expect(yield* outcome("silver", none)).toBe("nothing")
        expect(yield* outcome("gold", none)).toContain("acr: ")
      }
    }
  })
)

it.effect("SecurityProfile.extend adds rules, and the new profile's name stands in violations", () =>
  Effect.gen(function* () {
    const ours = SecurityProfile.extend(SecurityProfile.fapi2Ciba, {
      name: "ours",
      registration: [{ reference: "7", parameter: "clientId", problem: ({ clientId }) => `not ${clientId}` }]
    })
    expect(yield* messageOf(ours, {})).toBe("clientId: not bank (ours: 7)")
    expect(yield* messageOf(ours, { deliveryMode: "push" })).toContain("(ours: FAPI-CIBA draft 03, 4.1.1-3)")
  })
)

const { camara, connectIdAu, fapi1Ciba, fapi2Ciba } = SecurityProfile

const withoutContext = request({ bindingMessage: undefined })

const advised: ReadonlyArray<readonly [profile: SecurityProfile.SecurityProfile, change: Case, advice: string]> = [
  [fapi1Ciba, { deliveryMode: "push" }, "use poll or ping"],
  [connectIdAu, { deliveryMode: "ping" }, "ping delivery is not allowed; use poll"],
  [camara, { authentication: tlsClientAuth }, "tls_client_auth is not allowed; use private_key_jwt"],
  [fapi1Ciba, { signed: "RS256" }, "RS256 is not allowed; use PS256 or ES256"],
  [fapi1Ciba, { signed: null }, "provide SignedRequest.layer"],
  [fapi1Ciba, { lifetime: "61 minutes" }, "valid for 1h at most; shorten the lifetime"],
  [connectIdAu, { backdated: "11 minutes" }, "valid from 10m ago at most; shorten backdated"],
  [fapi1Ciba, { mutualTls: undefined }, "set mutualTls: MutualTls.make()"],
  [fapi2Ciba, { mutualTls: undefined }, "set mutualTls: MutualTls.make(), or provide Dpop.layer"],
  [
    fapi2Ciba,
    { authentication: privateKeyJwt(TestKeys.signing("PS256"), { audience: "https://op.test/token" }) },
    "leave the option out"
  ],
  [fapi2Ciba, withoutContext, "a binding_message, or authorization_details"],
  [connectIdAu, request({ bindingMessage: "Hi" }), "3 to 300 ASCII characters that state the purpose"],
  [connectIdAu, request({ claims: undefined }), "{ id_token: { txn: { essential: true } } }"],
  [connectIdAu, request({ acrValues: ["gold"] }), "leave out acrValues, and the acr in claims"],
  [
    connectIdAu,
    asking({ id_token: { ...claims.id_token, verified_claims: { claims: {} } } }),
    'verification: { trust_framework: { value: "au_connectid" } }'
  ],
  [camara, request({ scope: ["openid"] }), "exactly one purpose, dpv:<purpose>, among the scope"]
]

describe("a violation says what to do about", () => {
  for (const [profile, change, advice] of advised) {
    it.effect(`${Object.keys(change)}, under ${profile.name}: ${advice}`, () =>
      Effect.gen(function* () {
        expect(yield* messageOf(profile, change)).toContain(advice)
      })
    )
  }
})

it.effect("a request_context is a context, too, and a word that only contains dpv: is no purpose", () =>
  Effect.gen(function* () {
    const context = request({ bindingMessage: undefined, requestContext: { channel: "till 3" } })
    expect(yield* messageOf(fapi1Ciba, context)).toBe("nothing")
    expect(yield* messageOf(camara, request({ scope: ["openid", "dpv:A", "x-dpv:B"] }))).toBe("nothing")
  })
)

it("SecurityProfile.extend keeps the rules of each stage, and puts its own after them", () => {
  const own = { reference: "7", parameter: "own", problem: () => undefined }
  for (const stage of ["registration", "request", "response"] as const) {
    expect(SecurityProfile.extend(fapi2Ciba, { name: "ours" })[stage]).toEqual(fapi2Ciba[stage])
    expect(SecurityProfile.extend(fapi2Ciba, { name: "ours", [stage]: [own] })[stage]).toEqual([
      ...fapi2Ciba[stage],
      own
    ])
  }
})
