import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type ClientMetadata, Discovery, Dpop, DynamicRegistration, SigningKey, Transport } from "@effect-ciba/core"
import { DateTime, Effect, Layer, Redacted, Schema } from "effect"
import { decodePart } from "../support/Jwt.ts"
import { type Reply, serve } from "../support/ResourceServer.ts"

const requested: ClientMetadata.ClientMetadata = {
  grant_types: ["urn:openid:params:grant-type:ciba"],
  response_types: [],
  token_endpoint_auth_method: "client_secret_basic",
  backchannel_token_delivery_mode: "poll",
  organisation_id: "o-1"
}

const body = {
  ...requested,
  client_id: "c-1",
  client_id_issued_at: 7,
  client_secret: "marker-secret",
  client_secret_expires_at: 0,
  registration_client_uri: "https://op.test/reg/c-1",
  registration_access_token: "marker-token"
}

const create: Reply = () => Response.json(body, { status: 201 })

const reply =
  (status: number, document?: unknown): Reply =>
  () =>
    document === undefined ? new Response(null, { status }) : Response.json(document, { status })

const provider = (...replies: readonly [Reply, ...ReadonlyArray<Reply>]) => {
  const { received, layer } = serve(...replies)
  const live = DynamicRegistration.layer().pipe(
    Layer.provideMerge(Transport.layer()),
    Layer.provideMerge(
      Discovery.layerStatic({ issuer: "https://op.test", registration_endpoint: "https://op.test/reg" })
    ),
    Layer.provide(layer),
    Layer.orDie
  )
  return { received, layer: live }
}

const register = DynamicRegistration.register(requested)

const decodeJson = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Unknown))

describe("DynamicRegistration.register", () => {
  it.effect("sends the metadata as JSON, and returns the client as the provider registered it", () =>
    Effect.gen(function* () {
      const { received, layer } = provider(create)
      const client = yield* Effect.provide(register, layer)
      expect(received[0]).toMatchObject({
        method: "POST",
        url: "https://op.test/reg",
        headers: { "content-type": "application/json", accept: "application/json" }
      })
      expect(received[0]?.headers).not.toHaveProperty("authorization")
      expect(decodeJson(received[0]?.body)).toEqual(requested)
      expect(client).toMatchObject({
        clientId: "c-1",
        registrationClientUri: "https://op.test/reg/c-1",
        metadata: requested,
        changed: []
      })
      expect(client.clientSecret && Redacted.value(client.clientSecret)).toBe("marker-secret")
      expect(client.registrationAccessToken && Redacted.value(client.registrationAccessToken)).toBe("marker-token")
      expect(client.clientSecretExpiresAt).toBeUndefined()
    })
  )

  for (const status of [202, 206]) {
    it.effect(`takes a registered client with status ${status}: it cannot be had again (B14)`, () =>
      Effect.gen(function* () {
        const { layer } = provider(reply(status, body))
        expect((yield* Effect.provide(register, layer)).clientId).toBe(body.client_id)
      })
    )
  }

  it.effect("sends the initial access token, and accepts status 200", () =>
    Effect.gen(function* () {
      const { received, layer } = provider(reply(200, { ...body, client_secret_expires_at: 1000 }))
      const client = yield* DynamicRegistration.register(requested, { initialAccessToken: Redacted.make("iat") }).pipe(
        Effect.provide(layer)
      )
      expect(received[0]?.headers.authorization).toBe("Bearer iat")
      expect(client.clientSecretExpiresAt).toEqual(DateTime.makeUnsafe(1_000_000))
    })
  )

  it.effect("sends additional headers, and its own in place of theirs", () =>
    Effect.gen(function* () {
      const { received, layer } = provider(create)
      const headers = {
        "x-tenant": "one",
        authorization: "Bearer eve",
        "content-type": "text/plain",
        accept: "text/html"
      }
      yield* DynamicRegistration.register(requested, { initialAccessToken: Redacted.make("iat"), headers }).pipe(
        Effect.provide(layer)
      )
      expect(received[0]?.headers).toMatchObject({
        "x-tenant": "one",
        authorization: "Bearer iat",
        "content-type": "application/json",
        accept: "application/json"
      })
    })
  )

  it.effect("sends a DPoP proof for a bound token, and again with a demanded nonce, twice at most", () =>
    Effect.gen(function* () {
      const demand: Reply = () => new Response("", { status: 401, headers: { "dpop-nonce": "n-1" } })
      const options = { initialAccessToken: Redacted.make("iat"), dpopBound: true }
      const { received, layer } = provider(demand, create)
      const registered = yield* DynamicRegistration.register(requested, options).pipe(
        Effect.provide(layer.pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
      )
      expect(registered.clientId).toBe("c-1")
      const proofs = yield* Effect.forEach(received, ({ headers }) => decodePart(headers.dpop ?? "", 1))
      const common = { htm: "POST", htu: "https://op.test/reg", ath: expect.stringMatching(/^[\w-]{43}$/) }
      expect(proofs).toMatchObject([common, { ...common, nonce: "n-1" }])
      expect(proofs[0]).not.toHaveProperty("nonce")
      expect(received.map(({ headers }) => headers.authorization)).toEqual(["DPoP iat", "DPoP iat"])

      const stubborn = provider(demand)
      const refused = yield* DynamicRegistration.register(requested, options).pipe(
        Effect.flip,
        Effect.provide(stubborn.layer.pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
      )
      expect(refused.reason._tag).toBe("Unauthorized")
      expect(stubborn.received).toHaveLength(3)

      const keyless = provider(create)
      const error = yield* Effect.flip(Effect.provide(DynamicRegistration.register(requested, options), keyless.layer))
      expect(error.reason._tag).toBe("InvalidKey")
      expect(keyless.received).toEqual([])
    })
  )

  for (const [what, status, headers] of [
    ["a refusal that is not 401, though it brings a nonce", 400, { "dpop-nonce": "n-1" }],
    ["a 401 that brings no nonce", 401, {}]
  ] as const) {
    it.effect(`does not send again after ${what}`, () =>
      Effect.gen(function* () {
        const { received, layer } = provider(() => new Response("", { status, headers }), create)
        yield* DynamicRegistration.register(requested, {
          initialAccessToken: Redacted.make("iat"),
          dpopBound: true
        }).pipe(
          Effect.flip,
          Effect.provide(layer.pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
        )
        expect(received).toHaveLength(1)
      })
    )
  }

  it.effect("sends a proof only for a bound token", () =>
    Effect.gen(function* () {
      const { received, layer } = provider(create)
      const options = [{ initialAccessToken: Redacted.make("iat") }, { dpopBound: true }]
      yield* Effect.forEach(options, (each) => DynamicRegistration.register(requested, each)).pipe(
        Effect.provide(layer.pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
      )
      for (const { headers } of received) expect(headers).not.toHaveProperty("dpop")
    })
  )

  it.effect("names the members that the provider replaced, and returns their registered values", () =>
    Effect.gen(function* () {
      const { layer } = provider(
        reply(201, { ...body, organisation_id: undefined, backchannel_token_delivery_mode: "ping", scope: "openid" })
      )
      const client = yield* Effect.provide(register, layer)
      expect(client.changed).toEqual(["backchannel_token_delivery_mode", "organisation_id"])
      expect(client.metadata).toMatchObject({ backchannel_token_delivery_mode: "ping", scope: "openid" })
      expect(client.clientId).toBe("c-1")
    })
  )

  const failures: ReadonlyArray<readonly [what: string, reply: Reply, reason: object]> = [
    ...(
      [
        ["invalid_redirect_uri", "InvalidRedirectUri"],
        ["invalid_client_metadata", "InvalidClientMetadata"],
        ["invalid_software_statement", "InvalidSoftwareStatement"],
        ["unapproved_software_statement", "UnapprovedSoftwareStatement"],
        ["teapot", "Unrecognized"]
      ] as const
    ).map(
      ([error, _tag]) =>
        [`the error ${error}`, reply(400, { error, error_description: "why" }), { _tag, description: "why" }] as const
    ),
    ["status 401", reply(401), { _tag: "Unauthorized", status: 401 }],
    [
      "status 401, whatever its code",
      reply(401, { error: "invalid_client_metadata" }),
      { _tag: "Unauthorized", status: 401 }
    ],
    ["a token that is not accepted", reply(403, { error: "invalid_token" }), { _tag: "Unauthorized", status: 403 }],
    ["a client without an id", reply(201, { ...body, client_id: undefined }), { _tag: "InvalidRegistration" }],
    ["a client whose id is null (B14)", reply(201, { ...body, client_id: null }), { _tag: "InvalidRegistration" }],
    [
      "a client whose secret is no text (B14)",
      reply(201, { ...body, client_secret: 17 }),
      { _tag: "InvalidRegistration" }
    ],
    ["an HTML page", () => new Response("<h1>", { status: 502 }), { _tag: "TransportError", status: 502 }],
    ["an unexpected status", reply(202, {}), { _tag: "TransportError", kind: "UnexpectedStatus" }]
  ]
  for (const [what, answer, reason] of failures) {
    it.effect(`fails with a typed error after ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* register.pipe(Effect.flip, Effect.provide(provider(answer).layer))
        expect(error._tag).toBe("RegistrationError")
        expect(error.reason).toMatchObject(reason)
        expect(error.message).not.toContain("marker")
      })
    )
  }

  it.effect("sends nothing if the provider publishes no registration endpoint", () =>
    Effect.gen(function* () {
      const { received, layer } = serve(create)
      const error = yield* register.pipe(
        Effect.flip,
        Effect.provide(DynamicRegistration.layer()),
        Effect.provide(Layer.provideMerge(Transport.layer(), layer)),
        Effect.provide(Discovery.layerStatic({ issuer: "https://op.test" }))
      )
      expect(error.reason).toMatchObject({ _tag: "MissingEndpoint", endpoint: "registration_endpoint" })
      expect(received).toEqual([])
    })
  )
})

describe("a registration response with odd members", () => {
  const registerWith = (members: object) =>
    Effect.provide(register, provider(reply(201, { ...body, ...members })).layer)

  it.effect("is read as if members that are null or empty were absent (B14)", () =>
    Effect.gen(function* () {
      const nulls = Object.fromEntries(
        [...Object.keys(body), "client_name", "jwks", "jwks_uri", "dpop_bound_access_tokens", "contacts"]
          .filter((name) => name !== "client_id")
          .map((name) => [name, null])
      )
      for (const members of [nulls, { ...nulls, client_secret: "" }]) {
        const client = yield* registerWith(members)
        expect(client.clientId).toBe("c-1")
        expect(client.clientSecret).toBeUndefined()
        expect(client.registrationAccessToken).toBeUndefined()
        expect(client.clientSecretExpiresAt).toBeUndefined()
        expect(Object.keys(client.metadata).filter((name) => client.metadata[name] !== null)).toEqual([])
        expect(client.changed).toEqual(Object.keys(requested))
      }
    })
  )

  it.effect("is read by the plain meaning of a text, a list or a flag in another form (B14)", () =>
    Effect.gen(function* () {
      const client = yield* registerWith({
        grant_types: "urn:openid:params:grant-type:ciba",
        scope: ["openid", "profile"],
        dpop_bound_access_tokens: "true",
        backchannel_user_code_parameter: "false",
        client_secret_expires_at: "1700000000"
      })
      expect(client.metadata).toMatchObject({
        ...requested,
        scope: "openid profile",
        dpop_bound_access_tokens: true,
        backchannel_user_code_parameter: false
      })
      expect(client.clientSecretExpiresAt).toEqual(DateTime.makeUnsafe(1_700_000_000_000))
      expect(client.changed).toEqual([])
    })
  )

  it.effect("is read without what cannot be read and decides nothing, which is named as changed (B14)", () =>
    Effect.gen(function* () {
      const client = yield* registerWith({
        token_endpoint_auth_method: ["client_secret_basic"],
        backchannel_token_delivery_mode: "carrier pigeon",
        jwks: { keys: "none" },
        client_id_issued_at: "yesterday",
        client_secret_expires_at: "never",
        registration_access_token: 17
      })
      expect(client.clientSecret && Redacted.value(client.clientSecret)).toBe("marker-secret")
      expect(client.registrationAccessToken).toBeUndefined()
      expect(client.metadata).not.toHaveProperty("jwks")
      expect(client.changed).toEqual(["token_endpoint_auth_method", "backchannel_token_delivery_mode"])
    })
  )
})

describe("DynamicRegistration.read, update and remove", () => {
  const manage = <A, E>(
    use: (client: DynamicRegistration.RegisteredClient) => Effect.Effect<A, E, DynamicRegistration.DynamicRegistration>,
    ...replies: ReadonlyArray<Reply>
  ) => {
    const { received, layer } = provider(create, ...replies)
    return Effect.map(Effect.provide(Effect.flatMap(register, use), layer), (result) => ({ received, result }))
  }

  it.effect(
    "read and update use the registration access token, and keep the secrets that the provider does not repeat",
    () =>
      Effect.gen(function* () {
        const { client_secret: _secret, registration_access_token: _token, ...bare } = body
        const { received, result } = yield* manage(
          (client) =>
            Effect.flatMap(DynamicRegistration.read(client), (read) =>
              DynamicRegistration.update(read, { ...requested, client_name: "Shop" })
            ),
          reply(200, bare),
          reply(200, {
            ...bare,
            client_name: "Shop",
            client_secret: "marker-new",
            registration_access_token: "marker-next"
          })
        )
        expect(received.slice(1).map(({ headers, method, url }) => [method, url, headers.authorization])).toEqual([
          ["GET", "https://op.test/reg/c-1", "Bearer marker-token"],
          ["PUT", "https://op.test/reg/c-1", "Bearer marker-token"]
        ])
        expect(decodeJson(received[2]?.body)).toEqual({
          ...requested,
          client_name: "Shop",
          client_id: "c-1",
          client_secret: "marker-secret"
        })
        expect(result.metadata.client_name).toBe("Shop")
        expect(result.clientSecret && Redacted.value(result.clientSecret)).toBe("marker-new")
        expect(result.registrationAccessToken && Redacted.value(result.registrationAccessToken)).toBe("marker-next")
      })
  )

  it.effect("read fails if the response is about another client", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        manage((client) => DynamicRegistration.read(client), reply(200, { ...body, client_id: "c-2" }))
      )
      expect(error._tag === "RegistrationError" && error.reason._tag).toBe("InvalidRegistration")
      expect(error.message).toContain("c-2")
    })
  )

  it.effect("the registration access token is not sent to another server than the one that issued it", () =>
    Effect.gen(function* () {
      const { registration_access_token: _token, ...bare } = body
      const elsewhere = { ...bare, registration_client_uri: "https://evil.test/collect" }
      const { received, result } = yield* manage(
        (client) =>
          Effect.flatMap(DynamicRegistration.read(client), (read) => Effect.flip(DynamicRegistration.read(read))),
        reply(200, elsewhere)
      )
      expect(result.message).toContain("gave no registration_client_uri and registration_access_token")
      expect(received.map(({ url }) => url)).toEqual(["https://op.test/reg", "https://op.test/reg/c-1"])
    })
  )

  it.effect("remove deletes the registration, or fails with the reason", () =>
    Effect.gen(function* () {
      const { received } = yield* manage(DynamicRegistration.remove, reply(204))
      expect(received[1]).toMatchObject({ method: "DELETE", headers: { authorization: "Bearer marker-token" } })
      const gone = yield* manage((client) => Effect.flip(DynamicRegistration.remove(client)), reply(401))
      expect(gone.result.reason).toMatchObject({ _tag: "Unauthorized" })
      const failed = yield* manage((client) => Effect.flip(DynamicRegistration.remove(client)), reply(503, {}))
      expect(failed.result.reason).toMatchObject({ _tag: "TransportError", status: 503 })
    })
  )

  it.effect("read fails without a request if the provider gave no way to manage the client", () =>
    Effect.gen(function* () {
      const { received, layer } = provider(reply(201, { client_id: "c-1" }))
      const error = yield* Effect.provide(Effect.flip(Effect.flatMap(register, DynamicRegistration.read)), layer)
      expect(error.reason._tag).toBe("Unmanaged")
      expect(received).toHaveLength(1)
    })
  )

  it.effect("no printed or encoded form of a registered client shows its secrets", () =>
    Effect.gen(function* () {
      const client = yield* Effect.provide(register, provider(create).layer)
      expect(`${inspect(client, { depth: 9, showHidden: true })}${JSON.stringify(client)}${client}`).not.toContain(
        "marker"
      )
      const encoded = Schema.encodeUnknownEffect(Schema.toCodecJson(DynamicRegistration.RegisteredClient))(client)
      expect((yield* Effect.flip(encoded)).message).toContain("Cannot serialize Redacted")
    })
  )
})
