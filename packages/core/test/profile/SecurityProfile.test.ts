import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  ClientAuthentication,
  ClientRegistration,
  Dpop,
  MutualTls,
  SecurityProfile,
  SignedRequest,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { type Duration, Effect, Layer, Redacted } from "effect"

type Algorithm = "RS256" | "PS256" | "ES256" | "EdDSA"

interface Case extends Partial<Omit<ClientRegistration.Options<SigningKey.InvalidKey>, "profile">> {
  /** What signs requests; nothing where `null`. */
  readonly signed?: Algorithm | null
  readonly lifetime?: Duration.Input
  readonly proof?: Algorithm
  readonly request?: Partial<AuthenticationRequest.Options>
  readonly answer?: Partial<SecurityProfile.ResponseContext>
}

const { clientSecretBasic, clientSecretJwt, clientSecretPost, none, privateKeyJwt, tlsClientAuth } =
  ClientAuthentication

const secret = Redacted.make("a secret that is long enough for every HMAC there is, 64 bytes long")

const signedWith = (algorithm: Algorithm) => privateKeyJwt(SigningKey.generate(algorithm))

/** What every profile takes, but for what is said beside it. */
const lawful: Case = {
  authentication: signedWith("PS256"),
  idTokenSignedResponseAlg: "PS256",
  mutualTls: MutualTls.make(),
  signed: "PS256",
  lifetime: "5 minutes",
  request: {
    scope: ["openid", "dpv:FraudPreventionAndDetection"],
    hint: UserHint.login("tel:+34666666666"),
    bindingMessage: "W4SCT"
  },
  answer: {}
}

const layers = ({ lifetime, proof, signed }: Case) => {
  const signer =
    signed == null
      ? Layer.empty
      : SignedRequest.layer({
          key: SigningKey.generate(signed),
          ...(lifetime === undefined ? undefined : { lifetime })
        })
  return proof === undefined ? signer : Layer.merge(signer, Dpop.layer({ key: SigningKey.generate(proof) }))
}

/** The first rule that is broken, if one is. */
const judged = (profile: SecurityProfile.SecurityProfile, change: Case) => {
  const {
    answer,
    lifetime: _lifetime,
    proof: _proof,
    request,
    signed: _signed,
    ...registered
  } = { ...lawful, ...change }
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
        ...lawful.request,
        ...request
      }),
      ClientRegistration.ClientRegistration,
      registration
    )
    const answered: SecurityProfile.ResponseContext = {
      registration,
      claims: { acr: "gold" },
      tokenType: "Bearer",
      requestedScope: ["openid"],
      grantedScope: ["openid"],
      requestedAcr: ["gold"],
      ...answer
    }
    const broken = SecurityProfile.validate(profile, "response", answered)
    if (broken !== undefined) return yield* broken
  }).pipe(Effect.provide(layers({ ...lawful, ...change })), Effect.flip, Effect.option)
}

const shown = (profile: SecurityProfile.SecurityProfile, change: Case) =>
  Effect.map(judged(profile, change), (error) => (error._tag === "Some" ? error.value.message : "nothing"))

type Breach = readonly [what: string, change: Case, parameter: string, reference: string]

const request = (change: Partial<AuthenticationRequest.Options>): Case => ({ request: change })

const fapi1: ReadonlyArray<Breach> = [
  ["push delivery (Ta)", { deliveryMode: "push" }, "deliveryMode", "5.2.2-3"],
  ["a public client (Tb, E6)", { authentication: none }, "authentication", "5.2.2-14"],
  ["client_secret_basic (E6, Th)", { authentication: clientSecretBasic(secret) }, "authentication", "5.2.2-14"],
  ["client_secret_post (E6, Th)", { authentication: clientSecretPost(secret) }, "authentication", "5.2.2-14"],
  ["client_secret_jwt (E6, Th)", { authentication: clientSecretJwt(secret) }, "authentication", "5.2.2-14"],
  ["ID Tokens in RS256 (Tf)", { idTokenSignedResponseAlg: "RS256" }, "idTokenSignedResponseAlg", "7.10"],
  ["assertions in RS256 (E7, Tf)", { authentication: signedWith("RS256") }, "authentication", "7.10"],
  ["assertions in EdDSA (E7, Tf)", { authentication: signedWith("EdDSA") }, "authentication", "7.10"],
  ["requests signed in RS256 (D10, Tf)", { signed: "RS256" }, "SignedRequest", "7.10"],
  ["proofs in RS256 (Tf)", { proof: "RS256" }, "Dpop", "7.10"],
  ["requests that are not signed (D17, Tc)", { signed: null }, "SignedRequest", "5.2.3.1-1"],
  ["a request that is good for more than an hour (D8, Te)", { lifetime: "61 minutes" }, "SignedRequest", "5.2.2-9"],
  ["tokens that are not bound to a certificate (Tg)", { mutualTls: undefined, proof: "ES256" }, "mutualTls", "5.2.3-1"],
  ["a request without a context (Td)", request({ bindingMessage: undefined }), "binding_message", "5.2.3.1-2"],
  ["an answer of another acr (I9, Tk)", { answer: { claims: { acr: "bronze" } } }, "acr", "5.2.3.1-3"],
  ["an answer without acr (I9, Tk)", { answer: { claims: {} } }, "acr", "5.2.3.1-3"],
  ["more scope than was asked for (I4)", { answer: { grantedScope: ["openid", "admin"] } }, "scope", "5.2.3"]
]

const fapi2: ReadonlyArray<Breach> = [
  ["push delivery (Ta)", { deliveryMode: "push" }, "deliveryMode", "4.1.1-3"],
  ["a public client (Tb, E6)", { authentication: none }, "authentication", "5.3.3.1-2"],
  ["client_secret_jwt (E6, Th)", { authentication: clientSecretJwt(secret) }, "authentication", "5.3.3.1-2"],
  [
    "assertions for an endpoint (Th)",
    { authentication: privateKeyJwt(SigningKey.generate("PS256"), { audience: "https://op.test/token" }) },
    "authentication",
    "5.3.3.1-5"
  ],
  ["ID Tokens in RS256 (Tf)", { idTokenSignedResponseAlg: "RS256" }, "idTokenSignedResponseAlg", "5.4.1"],
  ["assertions in RS256 (E7, Tf)", { authentication: signedWith("RS256") }, "authentication", "5.4.1"],
  ["requests signed in RS256 (D10, Tf)", { signed: "RS256" }, "SignedRequest", "5.4.1"],
  ["proofs in RS256 (Tf)", { proof: "RS256" }, "Dpop", "5.4.1"],
  ["a request that is good for more than an hour (D8, Te)", { lifetime: "61 minutes" }, "SignedRequest", "Signing"],
  ["tokens that are bound to nothing (Tg)", { mutualTls: undefined }, "mutualTls", "5.3.3.1-1"],
  ["a request without a context (Td)", request({ bindingMessage: undefined }), "binding_message", "4.1.2-1"],
  ["an answer of another acr (Tk)", { answer: { claims: { acr: "bronze" } } }, "acr", "4.1.2"]
]

const australian: ReadonlyArray<Breach> = [
  ...fapi2.filter(([, { request }]) => request === undefined),
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

const brazilian: ReadonlyArray<Breach> = [
  ...fapi1.filter(([, { proof }]) => proof !== "RS256"),
  ["ID Tokens in ES256", { idTokenSignedResponseAlg: "ES256" }, "idTokenSignedResponseAlg", "algorithms"],
  ["assertions in ES256", { authentication: signedWith("ES256") }, "authentication", "algorithms"],
  ["requests signed in ES256", { signed: "ES256" }, "SignedRequest", "algorithms"],
  ["proofs in ES256", { proof: "ES256" }, "Dpop", "algorithms"],
  ["proofs in RS256 (Tf)", { proof: "RS256" }, "Dpop", "7.10"],
  [
    "a URL in the binding message (T-14)",
    request({ bindingMessage: "see https://a.test" }),
    "binding_message",
    "binding_message"
  ]
]

const telecom: ReadonlyArray<Breach> = [
  ["ping delivery", { deliveryMode: "ping" }, "deliveryMode", "CIBA flow"],
  ["certificates for authentication", { authentication: tlsClientAuth }, "authentication", "client authentication"],
  ["a request that is good for six minutes (D8)", { lifetime: "301 seconds" }, "SignedRequest", "signed requests"],
  ["another hint than login_hint", request({ hint: UserHint.loginToken("t") }), "login_hint", "authentication request"],
  ["a hint without a scheme (T-29)", request({ hint: UserHint.login("+34666666666") }), "login_hint", "format"],
  ["no purpose", request({ scope: ["openid"] }), "scope", "purpose"],
  ["two purposes", request({ scope: ["openid", "dpv:A", "dpv:B"] }), "scope", "purpose"]
]

for (const [profile, breaches] of [
  [SecurityProfile.fapiCiba1, fapi1],
  [SecurityProfile.fapi2Ciba, fapi2],
  [SecurityProfile.connectIdAu, australian],
  [SecurityProfile.brazil, brazilian],
  [SecurityProfile.camara, telecom]
] as const) {
  describe(profile.name, () => {
    it.effect("takes what keeps its rules", () =>
      Effect.gen(function* () {
        expect(yield* shown(profile, {})).toBe("nothing")
      })
    )

    for (const [what, change, parameter, reference] of breaches) {
      it.effect(`refuses ${what}, and says where the rule stands`, () =>
        Effect.gen(function* () {
          const message = yield* shown(profile, change)
          expect(message).toContain(`${parameter}: `)
          expect(message).toMatch(
            new RegExp(`\\((FAPI|ConnectID|Open Finance|CAMARA).*${reference.replaceAll(".", "\\.")}`)
          )
        })
      )
    }

    it("has no rule that nothing breaks", () => {
      const rules = [...profile.registration, ...profile.request, ...profile.response]
      const untested = rules.filter(
        (rule) =>
          !breaches.some(
            ([, , parameter, reference]) => parameter === rule.parameter && rule.reference.includes(reference)
          )
      )
      expect(untested.map(({ parameter, reference }) => `${parameter}: ${reference}`)).toEqual([])
    })
  })
}

it.effect("EdDSA and proofs are for FAPI 2, and FAPI 2 takes requests that are not signed (D17, E7, Tc, Tg)", () =>
  Effect.gen(function* () {
    const change: Case = {
      authentication: signedWith("EdDSA"),
      idTokenSignedResponseAlg: "EdDSA",
      proof: "EdDSA",
      mutualTls: undefined,
      signed: null
    }
    expect(yield* shown(SecurityProfile.fapi2Ciba, change)).toBe("nothing")
    expect(yield* shown(SecurityProfile.fapiCiba1, change)).toContain("7.10")
  })
)

it.effect("a profile is extended by rules of one's own, and names itself in what it refuses", () =>
  Effect.gen(function* () {
    const ours = SecurityProfile.extend(SecurityProfile.fapi2Ciba, {
      name: "ours",
      registration: [{ reference: "7", parameter: "clientId", problem: ({ clientId }) => `not ${clientId}` }]
    })
    expect(yield* shown(ours, {})).toBe("clientId: not bank (ours: 7)")
    expect(yield* shown(ours, { deliveryMode: "push" })).toContain("(ours: FAPI-CIBA draft 03, 4.1.1-3)")
  })
)
