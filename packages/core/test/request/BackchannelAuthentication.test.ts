import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  AuthenticationRequest,
  BackchannelAuthentication,
  ClientAuthentication,
  ClientRegistration,
  Discovery
} from "@effect-ciba/core"
import { ProviderScript, TestClient, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { DateTime, Duration, Effect, Fiber, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  type AnyModeOptions,
  acknowledgement,
  allDeliveryModes,
  cibaLayer,
  hint,
  initiate,
  requestsTo,
  withMetadata,
  withResponses
} from "../support/AuthenticationFlow.ts"

const modes = "backchannel_token_delivery_modes_supported"
const userCodes = "backchannel_user_code_parameter_supported"

const request = AuthenticationRequest.make({ scope: ["openid"], hint, bindingMessage: "W4SCT" })

type Options = Partial<AuthenticationRequest.Options>

const sendRequest = (request: AuthenticationRequest.AuthenticationRequest) =>
  BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.request(request))

const readResponse = (sent: BackchannelAuthentication.SentRequest) =>
  BackchannelAuthentication.BackchannelAuthentication.use((endpoint) => endpoint.process(sent))

const types = "authorization_details_types_supported"
const actions = "grant_management_actions_supported"
const details = [{ type: "payment" }, { type: "transfer" }]

const unsupportedRequests: ReadonlyArray<
  readonly [title: string, provider: ProviderOptions, options: Options, reason: object]
> = [
  [
    "with a type of authorization details that the provider does not list (O6)",
    withMetadata({ [types]: ["payment", "account"] }),
    { authorizationDetails: details },
    {
      _tag: "Unsupported",
      feature: "authorization details of type transfer",
      problem: "the provider has only payment, account"
    }
  ],
  [
    "with authorization details to a provider whose list of types is empty (O6)",
    withMetadata({ [types]: [] }),
    { authorizationDetails: details },
    { _tag: "Unsupported", feature: "authorization details of type payment", problem: "the provider has none" }
  ],
  [
    "with a grant management action that the provider does not list (U6)",
    withMetadata({ [actions]: ["create", "merge"] }),
    { grantManagement: { action: "replace", grantId: "g-1" } },
    {
      _tag: "Unsupported",
      feature: "the grant management action replace",
      problem: "the provider has only create, merge"
    }
  ],
  [
    "with a grant management action to a provider whose list of actions is empty (U6)",
    withMetadata({ [actions]: [] }),
    { grantManagement: { action: "create" } },
    { _tag: "Unsupported", feature: "the grant management action create", problem: "the provider has none" }
  ],
  [
    "without a grant management action to a provider that requires one (U6)",
    withMetadata({ grant_management_action_required: true }),
    {},
    {
      _tag: "InvalidParameter",
      parameter: "grant_management_action",
      problem: "the provider requires one; pass grantManagement"
    }
  ]
]

const supportedRequests: ReadonlyArray<
  readonly [title: string, provider: ProviderOptions, options: Options, parameters: ReadonlyArray<readonly string[]>]
> = [
  [
    "with types of authorization details that the provider lists (O1, O6)",
    withMetadata({ [types]: ["transfer", "payment"] }),
    { authorizationDetails: details },
    [["authorization_details", '[{"type":"payment"},{"type":"transfer"}]']]
  ],
  [
    "with any type of authorization details to a provider that publishes no list (O1, O6)",
    withMetadata({ [types]: undefined }),
    { authorizationDetails: details },
    [["authorization_details", '[{"type":"payment"},{"type":"transfer"}]']]
  ],
  [
    "with a grant management action that the provider lists and requires (U6)",
    withMetadata({ [actions]: ["query", "merge"], grant_management_action_required: true }),
    { grantManagement: { action: "merge", grantId: "g-1" } },
    [
      ["grant_management_action", "merge"],
      ["grant_id", "g-1"]
    ]
  ],
  [
    "with any grant management action to a provider that publishes no list (U6)",
    withMetadata({ [actions]: undefined }),
    { grantManagement: { action: "create" } },
    [["grant_management_action", "create"]]
  ],
  [
    "without a grant management action to a provider that does not require one (U6)",
    withMetadata({ [actions]: ["create"], grant_management_action_required: false }),
    {},
    []
  ]
]

describe("BackchannelAuthentication.initiate", () => {
  it.effect("sends a form by POST that accepts JSON, with the registered client authentication (C1, C2, C19)", () =>
    Effect.gen(function* () {
      yield* initiate({ bindingMessage: "Grüße & {1+1=2}" })
      const [sent] = yield* requestsTo("backchannel")
      expect(sent).toMatchObject({ method: "POST", url: "https://provider.test/backchannel", status: 200 })
      expect(sent?.headers).toMatchObject({
        accept: "application/json",
        "content-type": expect.stringMatching(/^application\/x-www-form-urlencoded/)
      })
      expect(sent?.authorization && Redacted.value(sent.authorization)).toMatch(/^Basic /)
      expect(sent?.parameters).toEqual([
        ["scope", "openid"],
        ["login_hint", "jo@example.com"],
        ["binding_message", "Grüße & {1+1=2}"]
      ])
    }).pipe(Effect.provide(cibaLayer()))
  )

  const unsent: ReadonlyArray<
    readonly [title: string, provider: ProviderOptions, options: Partial<AnyModeOptions>, reason: object]
  > = [
    [
      "to a provider without a backchannel authentication endpoint (A3)",
      withMetadata({ backchannel_authentication_endpoint: undefined }),
      {},
      { _tag: "MissingEndpoint", endpoint: "backchannel_authentication_endpoint" }
    ],
    [
      "to an endpoint whose URL is not https (C1)",
      withMetadata({ backchannel_authentication_endpoint: "http://provider.test/backchannel" }),
      {},
      { _tag: "TransportError", kind: "InsecureUrl", url: "http://provider.test/backchannel" }
    ],
    [
      "to a provider that does not support the registered delivery mode (A4)",
      withMetadata({ [modes]: ["poll", "ping"] }),
      { deliveryMode: "push" },
      {
        _tag: "Unsupported",
        feature: "push delivery",
        problem: "the provider supports poll, ping, and not push; set deliveryMode to what the client is registered for"
      }
    ],
    [
      "to a provider whose list of delivery modes is empty (A4)",
      withMetadata({ [modes]: [] }),
      {},
      {
        _tag: "Unsupported",
        feature: "poll delivery",
        problem:
          "the provider has no delivery modes in its metadata; ask it to publish backchannel_token_delivery_modes_supported"
      }
    ],
    [
      "to a provider that publishes no list of delivery modes (A4)",
      withMetadata({ [modes]: undefined }),
      {},
      {
        _tag: "Unsupported",
        feature: "poll delivery",
        problem:
          "the provider has no delivery modes in its metadata; ask it to publish backchannel_token_delivery_modes_supported"
      }
    ],
    [
      "with a user code to a provider that does not say that it supports user codes (A6, C11)",
      withMetadata({ backchannel_user_code_parameter_supported: undefined }),
      { userCodeParameter: true },
      { _tag: "Unsupported", feature: "user_code", problem: "the provider does not support user codes" }
    ],
    [
      "with a user code to a provider that does not support user codes (A6, C11)",
      withMetadata({ backchannel_user_code_parameter_supported: false }),
      { userCodeParameter: true },
      { _tag: "Unsupported", feature: "user_code", problem: "the provider does not support user codes" }
    ]
  ]
  for (const [title, provider, options, reason] of unsupportedRequests) {
    it.effect(`sends no request ${title}, in one step or in two`, () =>
      Effect.gen(function* () {
        const whole = yield* Effect.flip(initiate(options))
        expect(whole.reason).toMatchObject(reason)
        const made = yield* AuthenticationRequest.make({ scope: ["openid"], hint, ...options })
        const half = yield* Effect.flip(sendRequest(made))
        expect(half.reason).toMatchObject(reason)
        expect(yield* requestsTo("backchannel")).toEqual([])
      }).pipe(Effect.provide(cibaLayer(provider)))
    )
  }

  for (const [title, provider, options, sent] of supportedRequests) {
    it.effect(`sends a request ${title}`, () =>
      Effect.gen(function* () {
        yield* initiate(options)
        const [request] = yield* requestsTo("backchannel")
        expect(request?.parameters.slice(2)).toEqual(sent)
      }).pipe(Effect.provide(cibaLayer(provider)))
    )
  }

  it.effect("sends additional headers, and its own in place of theirs", () =>
    Effect.gen(function* () {
      yield* initiate()
      const headers = {
        "X-Fapi-Interaction-Id": "i-1",
        Authorization: "Basic another",
        Accept: "text/html",
        "Content-Type": "text/plain"
      }
      yield* initiate({ headers })
      yield* sendRequest(
        yield* AuthenticationRequest.make({ scope: ["openid"], hint, headers: Object.entries(headers) })
      )
      const [plain, whole, half] = yield* requestsTo("backchannel")
      for (const request of [whole, half]) {
        expect(request?.status).toBe(200)
        expect(request?.authorization && Redacted.value(request.authorization)).toBe(
          plain?.authorization && Redacted.value(plain.authorization)
        )
        expect(request?.headers).toEqual({ ...plain?.headers, "x-fapi-interaction-id": "i-1" })
      }
    }).pipe(Effect.provide(cibaLayer()))
  )

  for (const [title, provider, options, reason] of unsent) {
    it.effect(`sends no request ${title}, in one step or in two`, () =>
      Effect.gen(function* () {
        const userCode = options.userCodeParameter === true ? { userCode: Redacted.make("1234") } : undefined
        const whole = yield* Effect.flip(initiate(userCode))
        expect(whole.reason).toMatchObject(reason)
        const made = yield* AuthenticationRequest.make({ scope: ["openid"], hint, ...userCode })
        const half = yield* Effect.flip(sendRequest(made))
        expect(half.reason).toMatchObject(reason)
        expect(yield* requestsTo("backchannel")).toEqual([])
      }).pipe(Effect.provide(cibaLayer(provider, options)))
    )
  }

  it.effect("calls the top-level endpoint without mutual TLS, even if the provider publishes aliases (A9, A10)", () =>
    Effect.gen(function* () {
      yield* initiate()
      expect(yield* requestsTo("elsewhere")).toEqual([])
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        cibaLayer(
          withMetadata({
            mtls_endpoint_aliases: { backchannel_authentication_endpoint: "https://mtls.provider.test/backchannel" }
          })
        )
      )
    )
  )

  it.effect(
    "sends the parameters of client authentication in place of extension parameters with their names (C15, C16)",
    () =>
      Effect.gen(function* () {
        yield* initiate({ extensionParameters: { "x-proof": "forged", other: "kept" } })
        const [sent] = yield* requestsTo("backchannel")
        expect(sent?.parameters).toEqual([
          ["scope", "openid"],
          ["login_hint", "jo@example.com"],
          ["other", "kept"],
          ["client_id", TestClient.clientId],
          ["x-proof", "real"]
        ])
      }).pipe(
        Effect.provide(
          cibaLayer(
            { client: TestClient.none() },
            {
              authentication: {
                method: "none",
                credentials: (target) =>
                  Effect.map(ClientAuthentication.none.credentials(target), ({ headers, parameters }) => ({
                    headers,
                    parameters: Redacted.make([...Redacted.value(parameters), ["x-proof", "real"] as const])
                  }))
              }
            }
          )
        )
      )
  )

  it.effect("returns the acknowledgement even if the metadata expired meanwhile and cannot be fetched again", () =>
    Effect.gen(function* () {
      const initiating = yield* Effect.forkChild(initiate())
      yield* TestClock.adjust("20 seconds")
      expect((yield* Fiber.join(initiating)).issuer).toBe("https://provider.test")
      expect(yield* requestsTo("discovery")).toHaveLength(1)
    }).pipe(
      Effect.provide(
        cibaLayer(
          {
            ...withResponses(ProviderScript.delay("20 seconds", ProviderScript.json(200, acknowledgement))),
            discoveryScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.reset])
          },
          { lifetime: "10 seconds" }
        )
      )
    )
  )
})

it.effect("Unsupported has the feature and the problem of the error that Discovery.check finds (A4, A5, A6)", () =>
  Effect.gen(function* () {
    const mismatches = Discovery.check(yield* ClientRegistration.ClientRegistration, yield* Discovery.metadata)
    const features = mismatches.flatMap(({ feature, problem }) => (feature === undefined ? [] : [{ feature, problem }]))
    expect(features.map(({ feature }) => feature)).toEqual(["poll delivery", "user_code"])
    const [delivery, userCode] = features
    expect((yield* Effect.flip(initiate())).reason).toMatchObject({ _tag: "Unsupported", ...delivery })
    const error = yield* initiate({ userCode: Redacted.make("1234") }).pipe(
      Effect.flip,
      Effect.provide(cibaLayer(withMetadata({ [userCodes]: false }), { userCodeParameter: true }))
    )
    expect(error.reason).toMatchObject({ _tag: "Unsupported", ...userCode })
  }).pipe(
    Effect.provide(cibaLayer(withMetadata({ [modes]: ["ping"], [userCodes]: false }), { userCodeParameter: true }))
  )
)

describe("BackchannelAuthentication.Service.request and process", () => {
  it.effect("request gives the raw response, and process counts the expiry from when it was sent (F8, F10)", () =>
    Effect.gen(function* () {
      const made = yield* request
      yield* TestClock.adjust("1 second")
      const sent = yield* sendRequest(made)
      expect(sent.response.status).toBe(200)
      yield* TestClock.adjust("1 minute")
      const pending = yield* readResponse(sent)
      expect(Redacted.value(pending.authReqId)).toBe(acknowledgement.auth_req_id)
      expect(pending).toMatchObject({ bindingMessage: "W4SCT", clientId: TestClient.clientId, deliveryMode: "poll" })
      expect(DateTime.toEpochMillis(pending.expiresAt)).toBe(121_000)
      expect(yield* requestsTo("backchannel")).toHaveLength(1)
    }).pipe(Effect.provide(cibaLayer(withResponses(ProviderScript.json(200, acknowledgement)))))
  )

  it.effect(
    "request gives a response of any status, and process turns an error response into its error (G4, G12)",
    () =>
      Effect.gen(function* () {
        const made = yield* request
        const unknown = yield* sendRequest(made)
        const unavailable = yield* sendRequest(made)
        expect([unknown.response.status, unavailable.response.status]).toEqual([400, 503])
        expect((yield* Effect.flip(readResponse(unknown))).reason).toMatchObject({
          _tag: "UnknownUserId",
          code: "unknown_user_id",
          status: 400
        })
        expect((yield* Effect.flip(readResponse(unavailable))).reason).toMatchObject({
          _tag: "TransportError",
          kind: "UnexpectedStatus",
          status: 503,
          retryAfter: Duration.seconds(7)
        })
      }).pipe(
        Effect.provide(
          cibaLayer(
            withResponses(ProviderScript.error("unknown_user_id"), ProviderScript.status(503, { retryAfter: "7" }))
          )
        )
      )
  )

  it.effect("request fails if there is a redirect or no response (C20, G12)", () =>
    Effect.gen(function* () {
      const made = yield* request
      const kinds = yield* Effect.replicateEffect(Effect.flip(sendRequest(made)), 2)
      expect(kinds.map(({ reason }) => reason)).toMatchObject([{ kind: "Redirected" }, { kind: "Unreachable" }])
      expect(yield* requestsTo("elsewhere")).toEqual([])
    }).pipe(
      Effect.provide(cibaLayer(withResponses(ProviderScript.redirect("https://elsewhere.test"), ProviderScript.reset)))
    )
  )
})

describe("BackchannelAuthentication warnings", () => {
  /** What a program logs, levels and texts. */
  const logOf = (provider: ProviderOptions, options?: Partial<AnyModeOptions>, bindingMessage?: string) => {
    const logged: Array<string> = []
    const listener = Logger.layer([
      Logger.make(({ logLevel, message }) => void logged.push(`${logLevel}: ${[message].flat().join()}`))
    ])
    return initiate({ bindingMessage }).pipe(
      Effect.as(logged),
      Effect.provide(Layer.merge(cibaLayer(provider, options), listener))
    )
  }

  const grant = "urn:openid:params:grant-type:ciba"
  const unlisted = {
    ...withMetadata({ grant_types_supported: ["authorization_code"], [modes]: ["poll", "ping", "push"] })
  }

  for (const deliveryMode of ["poll", "ping"] as const) {
    it.effect(
      `a ${deliveryMode} client logs that the provider does not list the grant type, and sends the request (A7)`,
      () =>
        Effect.gen(function* () {
          expect(yield* logOf(unlisted, { deliveryMode })).toEqual([
            `Warn: deliveryMode: the provider does not list the grant type ${grant}, which a ${deliveryMode} client needs`
          ])
        })
    )
  }

  it.effect("nothing is logged of the grant type in push mode, if it is listed, or if there is no list (A7)", () =>
    Effect.gen(function* () {
      expect(yield* logOf(unlisted, { deliveryMode: "push" })).toEqual([])
      expect(yield* logOf(withMetadata({ grant_types_supported: [grant] }))).toEqual([])
      expect(yield* logOf(withMetadata({ grant_types_supported: undefined }))).toEqual([])
    })
  )

  it.effect("the log says why providers may refuse a binding message, without its text (C10, T-14)", () =>
    Effect.gen(function* () {
      expect(yield* logOf({}, {}, `https://marker.test/ü${"x".repeat(50)}`)).toEqual([
        "Warn: Providers may refuse the binding message: it is longer than 50 characters, not plain ASCII, contains a URL"
      ])
      expect(yield* logOf({}, {}, "W4SCT")).toEqual([])
    })
  )
})

describe("BackchannelAuthentication and user codes", () => {
  it.effect("a user code is in the form, and in no log, result or error (C11)", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const listener = Logger.layer([Logger.make((line) => void logged.push(inspect(line, { depth: 9 })))])
      const program = initiate({ userCode: Redacted.make("marker"), bindingMessage: "pay at https://shop.test" })
      const outcomes = yield* Effect.replicateEffect(Effect.result(program), 3).pipe(
        Effect.tap((outcome) => Effect.logError(outcome)),
        Effect.provide(listener)
      )
      const sent = yield* requestsTo("backchannel")
      expect(sent.map(({ parameters }) => new Map(parameters).get("user_code"))).toEqual(["marker", "marker", "marker"])
      expect(outcomes.map(({ _tag }) => _tag)).toEqual(["Failure", "Failure", "Success"])
      expect(logged.length).toBeGreaterThan(3)
      const shown = [
        ...logged,
        ...outcomes.flatMap((one) => [inspect(one, { depth: 9, showHidden: true }), JSON.stringify(one)])
      ]
      expect(shown.join("\n")).not.toContain("marker")
    }).pipe(
      Effect.provide(
        cibaLayer(
          {
            ...allDeliveryModes,
            ...withResponses(ProviderScript.error("invalid_request"), ProviderScript.reset),
            user: TestUser.approve({ userCode: "marker" })
          },
          { userCodeParameter: true }
        )
      )
    )
  )
})
